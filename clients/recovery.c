/* SPDX-License-Identifier: MIT */
#include "clients/recovery.h"

#include <stdlib.h>

#include "clients/env.h"
#include "servers/base/check.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"

#define LAST_ID_MAX 4096 /* bytes; a longer id is not sent back */
#define EPOCH_MAX 256
#define PID_MAX 256
#define RETRY_MOST_MS 3600000

struct recovery *recovery_new(struct client *c)
{
	struct recovery *r = xcalloc(1, sizeof(*r));

	r->client = c;
	buf_init(&r->last_id, LAST_ID_MAX);
	for (size_t i = 0; i < c->options.room_count; i++)
		recovery_room(r, slice_str(c->options.rooms[i]), false);
	return r;
}

void recovery_free(struct recovery *r)
{
	if (!r)
		return;
	timer_cancel(&r->timer);
	for (size_t i = 0; i < r->room_count; i++)
		free(r->rooms[i]);
	free(r->rooms);
	free(r->cursor.epoch);
	free(r->fresh.epoch);
	free(r->pid);
	buf_release(&r->last_id);
	free(r);
}

/* Waiting */

void recovery_retry(struct recovery *r, uint64_t ms)
{
	r->retry_ms = ms > 0 ? ms : 1;
}

uint64_t recovery_wait(struct recovery *r, struct rng *rng)
{
	uint64_t wait = r->retry_ms ? r->retry_ms : RECOVERY_FIRST_MS;

	/* A server that wants a longer time than ours gets it, in reason. */
	if (wait > RETRY_MOST_MS)
		wait = RETRY_MOST_MS;
	for (unsigned i = 0; i < r->attempts && wait < RECOVERY_MOST_MS; i++)
		wait = wait * 2 < RECOVERY_MOST_MS ? wait * 2
						   : RECOVERY_MOST_MS;
	r->attempts++;
	return wait + rng_below(rng, wait / 2 + 1);
}

/* Rooms */

void recovery_room(struct recovery *r, struct slice room, bool leave)
{
	size_t i = 0;

	while (i < r->room_count && !slice_is(room, r->rooms[i]))
		i++;
	if (leave && i < r->room_count) {
		free(r->rooms[i]);
		r->rooms[i] = r->rooms[--r->room_count];
	} else if (!leave && i == r->room_count) {
		r->rooms = xrealloc(r->rooms, (i + 1) * sizeof(*r->rooms));
		r->rooms[i] = xmemdupz(room.p, room.n);
		r->room_count++;
	}
}

struct client_options recovery_options(const struct recovery *r)
{
	struct client_options o = r->client->options;

	o.rooms = (const char *const *)r->rooms;
	o.room_count = r->room_count;
	return o;
}

/* Place in the stream */

static void cursor_clear(struct recovery_cursor *c)
{
	free(c->epoch);
	*c = (struct recovery_cursor){0};
}

static bool cursor_read(struct recovery_cursor *c, struct slice payload)
{
	struct slice value;

	if (!json_member(payload, "epoch", &value) ||
	    json_type(value) != JSON_STRING || value.n < 2 ||
	    value.n > EPOCH_MAX || memchr(value.p, '\\', value.n))
		return false;
	c->epoch = xmemdupz(value.p + 1, value.n - 2);
	if (json_member(payload, "position", &value) &&
	    json_u64(value, &c->position))
		return true;
	cursor_clear(c);
	return false;
}

void recovery_lost(struct recovery *r)
{
	cursor_clear(&r->fresh);
	if (r->client->options.forget) {
		cursor_clear(&r->cursor);
		buf_clear(&r->last_id);
		free(r->pid);
		r->pid = NULL;
	}
	r->resuming = r->cursor.epoch != NULL;
	r->renounced = false;
}

bool recovery_welcome(struct recovery *r, struct slice payload)
{
	struct recovery_cursor now = {0};

	if (!cursor_read(&now, payload)) {
		r->resuming = false;
		return false;
	}
	if (!r->resuming) {
		cursor_clear(&r->cursor);
		r->cursor = now;
		return false;
	}
	cursor_clear(&r->fresh);
	/* On the same node there is one cursor, and the old one is it. */
	if (strcmp(now.epoch, r->cursor.epoch) != 0)
		r->fresh = now;
	else
		cursor_clear(&now);
	r->resuming = r->room_count > 0;
	if (!r->resuming && r->fresh.epoch) {
		cursor_clear(&r->cursor);
		r->cursor = r->fresh;
		r->fresh = (struct recovery_cursor){0};
	}
	return r->resuming;
}

/* Socket.IO's connection state recovery */

void recovery_offset(struct recovery *r, struct slice offset)
{
	if (!r->pid)
		return;
	buf_clear(&r->last_id);
	if (buf_add_slice(&r->last_id, offset) != ERR_OK)
		buf_clear(&r->last_id);
}

bool recovery_connected(struct recovery *r, struct slice answer)
{
	char *before = r->pid;
	struct slice value;
	bool same;

	r->pid = NULL;
	if (answer.n > 0 && json_member(answer, "pid", &value) &&
	    json_type(value) == JSON_STRING && value.n <= PID_MAX &&
	    !memchr(value.p, '\\', value.n))
		r->pid = xmemdupz(value.p + 1, value.n - 2);
	same = before && r->pid && strcmp(before, r->pid) == 0;
	free(before);
	if (!same)
		buf_clear(&r->last_id);
	return same;
}

enum err recovery_add_resume(struct recovery *r, struct buf *b, uint64_t id)
{
	struct slice *rooms = xcalloc(r->room_count, sizeof(*rooms));
	enum err e;

	for (size_t i = 0; i < r->room_count; i++)
		rooms[i] = slice_str(r->rooms[i]);
	/* An epoch that no node has is answered by gaps, and no replay. */
	e = envelope_add_resume(b,
				slice_str(r->renounced ? "-" : r->cursor.epoch),
				r->renounced ? 0 : r->cursor.position, rooms,
				r->room_count, id);
	free(rooms);
	return e;
}

bool recovery_answer(struct recovery *r, bool ok, bool *failed)
{
	*failed = !ok && r->renounced;
	if (!ok) {
		r->renounced = true;
		return false;
	}
	if (r->fresh.epoch) {
		cursor_clear(&r->cursor);
		r->cursor = r->fresh;
		r->fresh = (struct recovery_cursor){0};
	}
	r->resuming = false;
	return true;
}
