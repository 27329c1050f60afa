/* SPDX-License-Identifier: MIT */
#include "servers/core/stall.h"

#include "servers/core/backend.h"
#include "servers/core/transport.h"

enum stall_state stall_look(struct stall *s, const struct transport *t,
			    const struct conn *c,
			    const struct backend_options *o, uint64_t now_ms)
{
	const uint64_t arrived = transport_arrived(t, c);
	const bool waiting = t->q.count > 0 || arrived < t->written;
	uint64_t quiet;

	if (!waiting || arrived > s->arrived) {
		s->arrived = arrived;
		s->moved_ms = now_ms;
		return waiting ? STALL_WAITING : STALL_NONE;
	}
	quiet = now_ms - s->moved_ms;
	if (quiet >= o->ping_interval_ms + o->ping_timeout_ms)
		return STALL_GONE;
	if (quiet >= o->ping_timeout_ms && conn_cut(c, o->ping_timeout_ms))
		return STALL_GONE;
	return STALL_WAITING;
}

uint64_t stall_next(const struct stall *s, const struct backend_options *o,
		    uint64_t now_ms)
{
	const uint64_t quiet = now_ms - s->moved_ms;
	const uint64_t all = o->ping_interval_ms + o->ping_timeout_ms;

	if (quiet < o->ping_timeout_ms)
		return o->ping_timeout_ms - quiet;
	return quiet < all ? all - quiet : 1;
}
