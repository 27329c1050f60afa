/* SPDX-License-Identifier: MIT */
/*
 * What methods without pairs say of a slice, each under the same name
 * everywhere: they turn a slice into observations of a measurement.
 */
#ifndef BENCH_RUN_OBSERVE_H
#define BENCH_RUN_OBSERVE_H

#include "bench/run/measurement.h"
#include "bench/run/rig.h"

/* Operations */
/*
 * "delivered": share of what was sent, and "twice" if anything came so. Also
 * takes what the slice has of worker and machine.
 */
void observe_deliveries(struct measurement *m, const struct rig_slice *s);
/* "open": subscribers at the slice's end, where not all need to be. */
void observe_open(struct measurement *m, const struct rig_slice *s);
/*
 * From the intended time: "mean" and "max" of all receipts, and over messages
 * "p50", "p90", "p99" of the median receiver, each with PUT_BEYOND messages
 * beyond it or not at all.
 */
void observe_latency(struct measurement *m, const struct rig_slice *s);
/* "lost" connections each, "back p50", "told gaps", when there were any. */
void observe_absences(struct measurement *m, const struct rig_slice *s);
/* "CPU/s": of the server, for each subscriber. */
void observe_cpu(struct measurement *m, const struct rig_slice *s);
/* "bytes": on the subscribers' sockets, per delivery. */
void observe_bytes(struct measurement *m, const struct rig_slice *s);
/*
 * Of the company: "TCP open", the share of those that are stuck whose
 * connection the server's kernel keeps; "kernel holds" for each of them, the
 * "server RSS", and "visits" a second; none without company.
 */
void observe_company(struct measurement *m, const struct rig_slice *s);
/* A percentile of `h` under that name; nothing when `h` is empty. */
void observe_percentile(struct measurement *m, const char *name,
			const struct hist *h, double percentile);
/*
 * After a failed connect: whether what lies between is to blame (server,
 * worker and link all live). Then it is the outcome, with nothing delivered
 * nor open, and the rig's failure is forgotten.
 */
bool observe_refusal(struct measurement *m, struct rig *r, enum err e);

/*
 * After a link of packets did not start: that this machine does not let us is
 * the outcome, and nothing is measured.
 */
bool observe_no_link(struct measurement *m, struct rig *r, enum err e);

#endif
