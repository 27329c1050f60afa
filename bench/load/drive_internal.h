/* SPDX-License-Identifier: MIT */
/*
 * The parts of a slice under way, shared by drive.c (its course), and by
 * drive_send.c and drive_receive.c; nobody else looks inside.
 */
#ifndef BENCH_LOAD_DRIVE_INTERNAL_H
#define BENCH_LOAD_DRIVE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "bench/load/board.h"
#include "bench/load/group.h"
#include "bench/load/ledger.h"
#include "bench/load/load.h"
#include "bench/load/pace.h"
#include "bench/load/receipts.h"
#include "bench/load/sockets.h"
#include "bench/load/stamps.h"
#include "bench/load/trail.h"
#include "bench/load/usage.h"
#include "servers/base/clock.h"
#include "servers/base/loop.h"

#define DRIVE_KNOWN 64 /* decoded payloads remembered; a power of two */

enum known_kind {
	KNOWN_GOOD,
	KNOWN_LATE, /* of another slice; `digest` is its name */
	KNOWN_STRAY,
	KNOWN_CORRUPT,
};

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
	struct socket_segments segments;
	struct group_bytes bytes;      /* at the start */
	uint64_t lost, reopened, gaps; /* of the group, at the start */
	struct usage usage;	       /* at the start */
	struct known known[DRIVE_KNOWN];
	/* Of one in a team: */
	struct board *board; /* borrowed; NULL: it works alone */
	uint32_t seat;
	struct loop_fd wake; /* when others have something new */
	struct trail trail;
	uint64_t owed;	      /* receipts, of all seats (the leader's) */
	uint64_t told;	      /* own receipts that the board knows of */
	uint64_t progress;    /* of all seats, when it was last looked at */
	uint64_t progress_ns; /* when that grew */
};

static inline uint64_t drive_now(const struct drive *d)
{
	return clock_ns(loop_clock(d->loop));
}

/* Whether it sends. */
static inline bool drive_leads(const struct drive *d)
{
	return !d->board || d->seat == BOARD_LEADER;
}

#define DRIVE_TRAIL_FULL                                                       \
	"more receipts than several workers can keep: take shorter slices"

#define DRIVE_NO_START "the workers of the team did not start together"

/* Ends the slice without use. */
void drive_give_up(struct drive *d, const char *why);

/* The team: drive_team.c. What it does for one who works alone is nothing. */
/* Takes its seat. ERR_IO. */
MUST_USE enum err drive_join(struct drive *d);
/*
 * Runs the loop until all are there and the common start has come, which it
 * returns; 0 when it never will.
 */
uint64_t drive_gather(struct drive *d);
/* Takes over what was sent since, if another one sends. */
void drive_follow(struct drive *d);
/* After each tick: says how far it is, sees how far the others are. */
void drive_tell(struct drive *d, uint64_t now);
/* One more message leaves; before it does. */
void drive_announce(struct drive *d, uint64_t intended_ns, uint64_t hash,
		    uint64_t digest);
/* The slice is over for this one: leaves its trail. */
void drive_leave(struct drive *d);
/* Whether the others have, or told, all there is. */
bool drive_team_has_all(const struct drive *d);
bool drive_abandoned(const struct drive *d);

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
