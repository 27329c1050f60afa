/* SPDX-License-Identifier: MIT */
#include "clients/memo.h"

#include <stdbool.h>

#include "clients/recovery.h"

void memo_init(struct memo *m)
{
	*m = (struct memo){0};
	buf_init(&m->chunk, MEMO_CHUNK_MAX);
}

void memo_release(struct memo *m)
{
	buf_release(&m->chunk);
}

static bool holds(const struct memo *m, struct slice chunk,
		  memo_decode_fn *decode)
{
	return m->decode == decode && slice_eq(buf_slice(&m->chunk), chunk);
}

/* Moves a slice that lies in `from` to the same place of the copy. */
static void move(struct slice *s, struct slice from, const char *copy)
{
	if (s->n > 0 && s->p >= from.p && s->p < from.p + from.n)
		s->p = copy + (s->p - from.p);
}

static void move_message(struct client_message *msg, struct slice from,
			 const char *copy)
{
	move(&msg->room, from, copy);
	move(&msg->event, from, copy);
	move(&msg->from, from, copy);
	move(&msg->data, from, copy);
	move(&msg->object, from, copy);
	move(&msg->offset, from, copy);
}

static bool learn(struct memo *m, struct client_env *env, struct slice chunk,
		  memo_decode_fn *decode)
{
	struct client_message fresh[MEMO_MESSAGES];
	size_t count;

	if (chunk.n == 0 || chunk.n > MEMO_CHUNK_MAX)
		return false;
	count = decode(env, chunk, fresh, MEMO_MESSAGES);
	if (count == 0)
		return false;
	buf_clear(&m->chunk);
	if (buf_add_slice(&m->chunk, chunk) != ERR_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		move_message(&fresh[i], chunk, m->chunk.data);
		fresh[i].memo = ++m->last_id;
		m->messages[i] = fresh[i];
	}
	m->count = count;
	m->decode = decode;
	return true;
}

enum memo_result memo_deliver(struct memo *m, struct client *c,
			      struct slice chunk, memo_decode_fn *decode)
{
	bool known = holds(m, chunk, decode);

	if (!known && !learn(m, c->env, chunk, decode))
		return MEMO_REFUSED;
	for (size_t i = 0; i < m->count && !c->closed; i++) {
		c->counts.messages++;
		if (c->recovery)
			recovery_message(c->recovery, &m->messages[i]);
		c->events->on_message(c, &m->messages[i]);
	}
	return known ? MEMO_KNOWN : MEMO_LEARNED;
}
