/* SPDX-License-Identifier: MIT */
/* What joining, leaving and resuming share. Internal to core. */
#ifndef SERVERS_CORE_SESSION_ROOMS_H
#define SERVERS_CORE_SESSION_ROOMS_H

#include <stdint.h>

#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/core/msg.h"
#include "servers/core/session.h"

/* As hub_join(); *slot is the membership's place in s->rooms, old or new. */
MUST_USE enum err session_join(struct session *s, struct slice name,
			       uint32_t *slot);
/* s, which is not in r yet, gets what comes after the position `since`. */
void session_enter(struct session *s, struct room *r, uint64_t since);
/* Queues n messages in the order of the node, into which they are put. */
void session_replay(struct session *s, struct msg **messages, size_t n);
/* Leaves; the last membership moves to `slot`. */
void session_leave_slot(struct session *s, uint32_t slot);

#endif
