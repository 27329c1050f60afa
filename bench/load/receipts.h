/* SPDX-License-Identifier: MIT */
/*
 * When a message arrived: for every message of a slice the first, the median
 * (ceil(N/2)-th) and the last of its N receipts (N subscribers, or those of
 * the message's room), in O(1) per receipt. The
 * receipts of one message are correlated, so percentiles run over messages;
 * a histogram over all receipts stands beside them.
 *
 * A message is recorded when its last receipt is there. What never completes
 * is counted, not recorded; the ledger tells what is missing.
 */
#ifndef BENCH_LOAD_RECEIPTS_H
#define BENCH_LOAD_RECEIPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/hist.h"
#include "servers/base/err.h"

#define RECEIPTS_MAX ((size_t)1 << 22) /* messages in one slice */

enum receipts_kind {
	RECEIPTS_FIRST,
	RECEIPTS_MEDIAN,
	RECEIPTS_LAST,
	RECEIPTS_ALL,
	RECEIPTS_KINDS,
};

struct receipts_message {
	uint64_t intended_ns, sent_ns;
	uint64_t first_ns, median_ns;
	uint64_t hash; /* of the payload's bytes */
	uint32_t received;
};

struct receipts {
	struct receipts_message *messages;
	size_t count, capacity;
	uint32_t first; /* number of the first subscriber */
	uint32_t subscribers;
	uint32_t rooms; /* see load_rooms.h */
	uint64_t completed;
	uint64_t last_ns; /* time of the latest receipt */
	struct hist from_intended[RECEIPTS_KINDS]; /* corrected */
	struct hist from_sent[RECEIPTS_KINDS];	   /* uncorrected */
	/* A run of equal receipts, recorded together. */
	uint64_t run_intended, run_sent, run_count;
};

/* Life cycle */
void receipts_init(struct receipts *r, uint32_t subscribers);
/*
 * Several rooms instead of one, and subscribers that are numbered from `first`;
 * before anything is sent. A message of a room without any of them is complete
 * when it leaves.
 */
void receipts_split(struct receipts *r, uint32_t rooms, uint32_t first);
void receipts_release(struct receipts *r);
void receipts_clear(struct receipts *r); /* a new slice */

/* Operations */
/* The next message (its number is r->count) leaves. ERR_LIMIT. */
MUST_USE enum err receipts_sent(struct receipts *r, uint64_t intended_ns,
				uint64_t sent_ns, uint64_t hash);
/*
 * One first receipt of message `number` (< count) at `now_ns`. Returns true
 * when it was the message's last.
 */
bool receipts_add(struct receipts *r, uint32_t number, uint64_t now_ns);
/* Records what is still gathered; call before reading the histograms. */
void receipts_settle(struct receipts *r);

#endif
