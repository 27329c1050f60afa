/* SPDX-License-Identifier: MIT */
/* What joining, leaving and resuming share. Internal to core. */
#ifndef SERVERS_CORE_SESSION_ROOMS_H
#define SERVERS_CORE_SESSION_ROOMS_H

#include <stdint.h>

#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/core/session.h"

/* As hub_join(); *slot is the membership's place in s->rooms, old or new. */
MUST_USE enum err session_join(struct session *s, struct slice name,
			       uint32_t *slot);
/* Leaves; the last membership moves to `slot`. */
void session_leave_slot(struct session *s, uint32_t slot);

#endif
