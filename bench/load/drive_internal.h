/* SPDX-License-Identifier: MIT */
/*
 * The parts of a slice under way, shared by drive.c (its course), and by
 * drive_send.c and drive_receive.c; nobody else looks inside.
 */
#ifndef BENCH_LOAD_DRIVE_INTERNAL_H
#define BENCH_LOAD_DRIVE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "bench/load/group.h"
#include "bench/load/ledger.h"
#include "bench/load/load.h"
#include "bench/load/pace.h"
#include "bench/load/receipts.h"
#include "bench/load/stamps.h"
#include "bench/load/usage.h"
#include "servers/base/clock.h"
#include "servers/base/loop.h"

#define DRIVE_KNOWN 64 /* decoded payloads remembered; a power of two */

enum known_kind { KNOWN_GOOD, KNOWN_STRAY, KNOWN_CORRUPT };

/* What was made of the message with that memo. */
struct known {
	uint64_t memo;
	uint64_t digest;
	uint32_t number;
	enum known_kind kind;
};

enum drive_state {
	DRIVE_SENDING,
	DRIVE_DRAINING, /* all is sent, something is under way */
	DRIVE_DONE,
};

struct drive {
	struct group_listener listener;
	struct group *group;
	const struct load_plan *plan;
	struct load_result *result;
	struct loop *loop;
	enum drive_state state;
	struct ledger ledger;
	struct receipts receipts;
	struct stamps stamps;
	struct pace pace;
	struct loop_fd timer; /* wakes at the pace's next message */
	char *payload;
	size_t payload_size;
	uint64_t drain_ns;
	uint64_t end_ns;    /* no message is intended at or after it */
	uint64_t over_ns;   /* not over before that */
	uint64_t sent_ns;   /* newest send */
	uint64_t answer_ns; /* newest answer */
	uint64_t now_ns;    /* time given to receipts */
	uint64_t tick_ns;   /* the tick it was read in */
	unsigned stale;	    /* receipts since it was read */
	uint64_t burst_end; /* closed: completed when all have the burst */
	uint64_t heard;	    /* messages, answers, sends */
	uint64_t idle_ns;   /* spinning without hearing anything */
	struct group_bytes bytes;      /* at the start */
	uint64_t lost, reopened, gaps; /* of the group, at the start */
	struct usage usage;	       /* at the start */
	struct known known[DRIVE_KNOWN];
};

static inline uint64_t drive_now(const struct drive *d)
{
	return clock_ns(loop_clock(d->loop));
}

/* Sending */
/* Closed loop: `window` messages at once, or as many as are left. */
void drive_send_burst(struct drive *d);
/* Request and answer: the next one. */
void drive_send_request(struct drive *d);
/* Open loop: all that is due, at once and not at the tick's end. */
void drive_send_due(struct drive *d);
void drive_on_timer(struct loop_fd *f, uint32_t events);

/* Receiving */
void drive_on_message(struct group_listener *l, uint32_t subscriber,
		      const struct client_message *m);
void drive_on_answer(struct group_listener *l, uint64_t id, bool ok);

#endif
