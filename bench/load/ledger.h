/* SPDX-License-Identifier: MIT */
/*
 * Who got what: for one group and one slice, every receipt of every subscriber
 * is checked in O(1), in 16 bytes a subscriber. Messages are numbered from 0
 * by the sender, inside the payload, so that nothing rests on the server's
 * own sequence numbers.
 *
 * The digest is a sum over receipts of (2 * subscriber + 1) * hash(message),
 * so it depends on who got which message how often, but not on the order, the
 * time or the backend: equal digests mean the same deliveries. Its
 * expected value is subscribers^2 * the sum of the hashes of what was sent,
 * summed up by room when there are several (load_rooms.h): a message of another
 * room than the subscriber's is a stray.
 *
 * A receipt more than 64 messages behind the newest one of its subscriber
 * counts as reordered while the subscriber still misses something, and as
 * a duplicate otherwise; within 64 the ledger is exact.
 */
#ifndef BENCH_LOAD_LEDGER_H
#define BENCH_LOAD_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/base/err.h"

struct cJSON;

struct ledger_subscriber {
	uint32_t next;	  /* one past the highest number seen */
	uint32_t missing; /* numbers below `next` not seen */
	uint64_t seen;	  /* bit i: number next - 1 - i was seen */
};

/* The totals, which are what travels and is kept. */
struct ledger_totals {
	uint64_t subscribers;
	uint64_t sent;	     /* messages */
	uint64_t delivered;  /* first receipts */
	uint64_t lost;	     /* what was owed - delivered */
	uint64_t duplicated; /* receipts of what that subscriber had */
	uint64_t reordered;  /* first receipts after that of a later message */
	uint64_t corrupt;    /* receipts whose bytes are not those sent */
	uint64_t stray;	     /* receipts of another slice or room, or never
				sent */
	uint64_t other_room; /* of those, of the same slice */
	uint64_t digest;     /* of what was delivered */
	uint64_t expected;   /* digest if all was delivered once */
};

struct ledger {
	struct ledger_subscriber *subscribers;
	uint32_t rooms;
	uint64_t first;	     /* number of the first subscriber */
	uint64_t *hash_sums; /* of the messages sent, by room */
	struct ledger_totals totals;
};

enum ledger_verdict {
	LEDGER_FIRST, /* in order, or closing a hole: counts as delivered */
	LEDGER_DUPLICATE,
	LEDGER_STRAY, /* not a number that was sent to that room */
};

/* Life cycle */
void ledger_init(struct ledger *l, size_t subscribers);
/*
 * Several rooms instead of one, and subscribers that are numbered from `first`;
 * before anything is sent. Totals of ranges that follow each other add up to
 * those of the whole, digests included.
 */
void ledger_split(struct ledger *l, uint32_t rooms, uint64_t first);
void ledger_release(struct ledger *l);
void ledger_clear(struct ledger *l); /* a new slice, same subscribers */

/* Operations */
/* One more message leaves; returns its number. */
uint32_t ledger_sent(struct ledger *l, uint64_t hash);
/* `subscriber` counts from 0 within the range. */
enum ledger_verdict ledger_receipt(struct ledger *l, size_t subscriber,
				   uint32_t number, uint64_t hash);
void ledger_corrupt(struct ledger *l);
void ledger_stray(struct ledger *l);
/* Of a message that cannot be looked up any more: see late.h. */
void ledger_duplicate(struct ledger *l);
/* Computes `lost` and `expected`; call when nothing more can come. */
void ledger_settle(struct ledger *l);
/* Of the same slice, with other subscribers: what was sent is one and the same.
 */
void ledger_join(struct ledger_totals *into, const struct ledger_totals *from);
/* Of another slice. */
void ledger_merge(struct ledger_totals *into, const struct ledger_totals *from);

/* Queries */
/* Nothing lost, duplicated, reordered, corrupt or stray; digest as expected. */
bool ledger_balanced(const struct ledger_totals *t);
/*
 * All that is wrong, each kind with its count, first what no delay explains:
 * "5 corrupt, 5 lost of 6,000 deliveries". Empty when it balances.
 */
void ledger_describe(const struct ledger_totals *t, char *into, size_t size);

/* Digests are strings of 16 hexadecimal digits. Returns owned. */
struct cJSON *ledger_to_json(const struct ledger_totals *t);
MUST_USE enum err ledger_from_json(struct ledger_totals *t,
				   const struct cJSON *json);

#endif
