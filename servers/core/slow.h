/* SPDX-License-Identifier: MIT */
/*
 * What becomes of an event that a transport's queue has no place for. Called
 * by transport.c only then: a reader that keeps up never comes here.
 *
 * Only published events are ever dropped: never a message that is addressed
 * to the one transport (an answer, a pong, a gap), never one whose bytes are
 * sent in part. Each run of drops in a room is told by one gap in the place
 * of what is missing: a later drop extends the gap that is queued, and a drop
 * between two gaps joins them. Numbers that a gap passes over and that were
 * never meant for this reader will not come either.
 *
 * Dropping never makes the queue larger: a gap takes the place of an event
 * and is no larger than it. Only a gap for an event that was not queued at all
 * is added, within the share that private messages have; beyond that the
 * reader is disconnected.
 */
#ifndef SERVERS_CORE_SLOW_H
#define SERVERS_CORE_SLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/err.h"
#include "servers/core/outq.h"

enum slow_policy {
	SLOW_DISCONNECT,
	SLOW_DROP_OLDEST, /* queued events go until the new one fits */
	SLOW_DROP_NEWEST, /* the new event goes */
	SLOW_LATEST, /* those of the new one's room and name go; then oldest */
	SLOW_COUNT,
};

/* "disconnect", "drop-oldest", "drop-newest", "latest". */
const char *slow_name(enum slow_policy policy);
MUST_USE bool slow_parse(const char *name, enum slow_policy *out);

/*
 * m, an event that has a number, does not fit: drops it or others by `policy`
 * and adds the count of those to *dropped. `strict`: a gap may not pass over
 * numbers, because the queue is not in the rooms' order. ERR_LIMIT: the reader
 * has to be disconnected.
 */
MUST_USE enum err slow_push(struct outq *q, const struct outq_limits *limits,
			    enum slow_policy policy, bool strict, struct msg *m,
			    uint64_t *dropped);

#endif
