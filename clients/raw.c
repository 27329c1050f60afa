/* SPDX-License-Identifier: MIT */
#include "clients/raw.h"

#include "clients/env.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"

static struct client_message message_of(const struct envelope *e,
					struct slice text)
{
	return (struct client_message){
		.room = e->room,
		.event = e->event,
		.from = e->from,
		.data = e->data,
		.object = text,
		.seq = e->seq,
		.position = e->position,
	};
}

bool raw_message(struct client_env *env, struct slice text,
		 struct client_message *out)
{
	struct envelope e;
	const char *why;

	if (envelope_decode(text, &env->strings, &e, &why) != ERR_OK ||
	    e.type != ENVELOPE_MESSAGE || env->strings.len > 0)
		return false;
	*out = message_of(&e, text);
	return true;
}

bool raw_plain_message(struct client_env *env, struct slice text,
		       struct client_message *out)
{
	(void)env;
	*out = (struct client_message){.data = text, .object = text};
	return true;
}

void raw_plain(struct client *c, struct slice text)
{
	struct client_message m;

	(void)raw_plain_message(c->env, text, &m);
	c->counts.messages++;
	c->events->on_message(c, &m);
}

static void not_an_object(struct client *c, struct slice text)
{
	struct buf *b = &c->env->text;

	if (json_validate(text)) {
		c->events->on_object(c, text);
		return;
	}
	buf_clear(b);
	if (json_add_string(b, text) == ERR_OK)
		c->events->on_object(c, buf_slice(b));
}

/* False when it answers no command that had an id from us. */
static bool answered(struct client *c, const struct envelope *e)
{
	uint64_t id;
	bool ok = e->type == ENVELOPE_ACK;

	if (!e->has_id || !json_u64(e->id, &id) || id == 0)
		return false;
	if (id == CLIENT_RESUME_ID) {
		client_resumed(c, ok);
		return true;
	}
	c->events->on_answer(c, id, ok, ok ? e->data : e->payload);
	return true;
}

bool raw_unwelcome(struct client *c, const char *what)
{
	/* What a client that comes back misses may come before it is open. */
	if (c->open || (c->recovery && c->recovery->resuming))
		return false;
	client_failf(c, ERR_PROTO, "something else than a welcome came: %s",
		     what);
	return true;
}

void raw_object(struct client *c, struct slice text)
{
	struct client_message m;
	struct envelope e;
	const char *why;

	if (envelope_decode(text, &c->env->strings, &e, &why) != ERR_OK) {
		if (!raw_unwelcome(c, why))
			not_an_object(c, text);
		return;
	}
	switch (e.type) {
	case ENVELOPE_MESSAGE:
		m = message_of(&e, text);
		c->counts.messages++;
		if (c->recovery)
			recovery_message(c->recovery, &m);
		c->events->on_message(c, &m);
		return;
	case ENVELOPE_WELCOME:
		c->events->on_object(c, text);
		client_welcomed(c, e.payload);
		return;
	case ENVELOPE_ACK:
	case ENVELOPE_ERROR:
		if (answered(c, &e))
			return;
		break;
	default:
		break;
	}
	c->events->on_object(c, text);
}

enum err raw_command(struct client_env *env, const struct client_command *cmd,
		     struct slice *object)
{
	struct buf *b = &env->command;
	enum err e;

	if (b->cap > CLIENT_INPUT_SIZE)
		buf_release(b);
	buf_clear(b);
	if (cmd->type == CLIENT_PUBLISH)
		e = envelope_add_publish(b, cmd->room, cmd->event, cmd->data,
					 cmd->exclude_self, cmd->id);
	else
		e = envelope_add_join(b, cmd->type == CLIENT_LEAVE, cmd->room,
				      cmd->id);
	*object = buf_slice(b);
	return e;
}

/* How much of the text is the next piece's. */
static size_t cut(struct slice text, size_t size)
{
	size_t n = size;

	if (text.n <= size)
		return text.n;
	while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	return n > 0 ? n : size;
}

void raw_chunks_begin(struct raw_chunks *k, struct slice object, size_t size,
		      uint64_t id)
{
	*k = (struct raw_chunks){.rest = object, .size = size, .id = id};
	while (object.n > 0) {
		object = slice_after(object, cut(object, size));
		k->total++;
	}
}

enum err raw_chunks_next(struct client_env *env, struct raw_chunks *k,
			 struct slice *piece)
{
	struct buf *b = &env->text;
	size_t n = cut(k->rest, k->size);
	enum err e;

	buf_clear(b);
	e = envelope_add_chunk(b, k->id, k->next, k->total,
			       slice_of(k->rest.p, n));
	*piece = buf_slice(b);
	k->rest = slice_after(k->rest, n);
	k->next++;
	return e;
}
