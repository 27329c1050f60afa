/* SPDX-License-Identifier: MIT */
/*
 * What the load workers of one team and the orchestrator share while a slice
 * runs: a piece of memory, mapped before the workers are forked, with a seat
 * for each of them.
 *
 * Seat 0 leads: it sends, and says what it sent before it sends it, so that
 * whoever receives a message finds it here. The others follow. All say how
 * many receipts they had, which tells the leader when all have all, and keep
 * the trail of those here, which the orchestrator reads once all have answered.
 * Each seat has a descriptor that wakes it.
 *
 * Memory: the system gives it page by page as it is used, up to
 * 32 bytes a message and BOARD_TRAIL bytes a seat.
 */
#ifndef BENCH_LOAD_BOARD_H
#define BENCH_LOAD_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/receipts.h"
#include "servers/base/err.h"

#define BOARD_SEATS 8
#define BOARD_TRAIL ((size_t)128 << 20) /* bytes of one seat's trail */
#define BOARD_LEADER 0u

struct board_message {
	uint64_t intended_ns, sent_ns;
	uint64_t hash, digest; /* see payload.h */
};

struct board_seat {
	_Alignas(64) _Atomic uint64_t received; /* without duplicates */
	_Atomic uint64_t trail;			/* bytes of it */
	_Atomic bool ready;
};

struct board {
	/* Fixed before the workers start. */
	uint32_t seat_count;
	int wake[BOARD_SEATS]; /* eventfds */
	/* Of the slice. */
	_Alignas(64) _Atomic uint64_t start_ns; /* 0: not yet known */
	_Atomic uint64_t sent;			/* messages */
	_Atomic bool over;			/* no more of them will be */
	_Atomic bool abandoned;			/* one of the team gave up */
	struct board_seat seats[BOARD_SEATS];
	struct board_message messages[RECEIPTS_MAX];
	uint8_t trails[][BOARD_TRAIL];
};

/* Life cycle */
/* ERR_LIMIT when memory or descriptors cannot be had. Returns owned. */
MUST_USE enum err board_new(uint32_t seats, struct board **out);
void board_free(struct board *b); /* NULL is legal */
/* A new slice; while no worker is in one. */
void board_clear(struct board *b);

/* Operations of the leader */
/* The common start of all, who then wake. */
void board_begin(struct board *b, uint64_t start_ns);
void board_publish(struct board *b, const struct board_message *m);
/* Nothing more will be published; all wake. */
void board_end(struct board *b);

/* Operations of any seat */
void board_ready(struct board *b, uint32_t seat);
/*
 * The seat had `count` receipts. Wakes the leader when they are all it knows to
 * be owed, and the leader `waits` for that or is at its end.
 */
void board_received(struct board *b, uint32_t seat, uint64_t count, bool all,
		    bool waits);
/* The slice comes to nothing; all wake. */
void board_abandon(struct board *b);
void board_wake(struct board *b, uint32_t seat);

/* Queries */
bool board_all_ready(const struct board *b);
uint64_t board_receipts(const struct board *b); /* of all seats */

#endif
