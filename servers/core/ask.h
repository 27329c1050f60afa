/* SPDX-License-Identifier: MIT */
/*
 * Asking a whole room: an event that every receiver is to answer, and the one
 * answer that its publisher gets when all have, or when the time is over.
 *
 * All receivers get the same number to answer with, so that the event is
 * encoded once for all. Who answers is known by the session: answers of others,
 * second and late ones count for nothing. A session that ends, the publisher's
 * too, settles at once what it was part of.
 *
 * Bounded: how many questions are pending at all and for one publisher, how
 * many answers are awaited, for how long, and how many bytes of answers are
 * kept for one question; what does not fit counts as missing.
 *
 * Example:
 *	e = ask_new(hub, session, 500, &a);
 *	publication.ask = a->id;
 *	e = hub_publish(hub, &publication, &seq);
 *	...
 *	ask_start(a, seq, reply); // or ask_free(a)
 */
#ifndef SERVERS_CORE_ASK_H
#define SERVERS_CORE_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/map.h"
#include "servers/base/slice.h"
#include "servers/base/wheel.h"
#include "servers/core/app.h"
#include "servers/core/session.h"

#define ASK_PENDING_MAX 1024	      /* in all */
#define ASK_PER_SESSION_MAX 64	      /* of one publisher */
#define ASK_AWAITED_MAX (1024 * 1024) /* answers, in all */
#define ASK_TIMEOUT_MAX_MS 3600000

struct hub;
struct room;

/* A receiver whose answer is due; sorted by address, for finding it. */
struct ask_member {
	const struct session *session;
	bool done; /* it has answered, or is gone */
};

struct ask {
	struct hub *hub;
	struct session *asker;
	struct reply *reply; /* deferred; NULL until it is started */
	struct timer timer;
	uint64_t timeout_ms;
	uint64_t id; /* key in asks.pending; not 0 */
	uint64_t seq;
	struct ask_member *members;
	uint32_t count;	  /* of members */
	uint32_t awaited; /* those not done */
	uint32_t missing; /* those that will not answer */
	struct buf answers;
};

/* The hub's part. */
struct asks {
	struct map pending; /* struct ask by id */
	uint64_t last_id;
	uint64_t awaited;
};

/* Life cycle */
void asks_init(struct asks *as);
void asks_release(struct asks *as); /* after every session has ended */
/*
 * A question of s, not asked yet. Returns owned, for ask_start() or ask_free().
 * ERR_LIMIT: too many are pending; ERR_USAGE: `timeout_ms` is too long.
 */
MUST_USE enum err ask_new(struct session *s, uint64_t timeout_ms,
			  struct ask **out);
void ask_free(struct ask *a);

/* Operations */
/*
 * For hub_deliver(): the event with the number `id` goes to all in r but
 * `except`. Without effect when this node does not ask it.
 */
void ask_await(struct hub *h, uint64_t id, const struct room *r,
	       const struct session *except);
/*
 * The event is published as number `seq`: `reply` gets
 * {"seq":n,"acks":[...],"missing":k}, at once when nobody is to answer. Takes
 * a; when answers are due the reply is deferred.
 */
void ask_start(struct ask *a, uint64_t seq, struct reply *reply);
/*
 * s answers the question `id` with a JSON value. False: no such question was
 * ever asked.
 */
bool ask_answer(const struct session *s, uint64_t id, struct slice value);
/* s ends: it will not answer, and nobody waits for what it has asked. */
void ask_session_ends(struct session *s);

#endif
