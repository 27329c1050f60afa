/* SPDX-License-Identifier: MIT */
/* The commands' part of sse.h. */
#include <stdlib.h>

#include "clients/keepalive.h"
#include "clients/raw.h"
#include "clients/sse.h"
#include "servers/base/check.h"
#include "servers/wire/envelope.h"

#define HEAD_MAX 2048	  /* bytes of a command's request head */
#define POST_IDLE_MS 5000 /* idle connections cost the server memory */

/* The client's side of the session: exists once a command was sent. */
struct sse_commands {
	struct sse_client *stream; /* borrowed */
	struct keepalive link;
	struct buf head; /* of a request, up to the body's length */
	struct buf ids;	 /* uint64_t each: in flight, oldest first */
};

/* Answers */

static uint64_t pop_id(struct sse_commands *q)
{
	uint64_t id = 0;

	if (q->ids.len >= sizeof(id)) {
		memcpy(&id, q->ids.data, sizeof(id));
		buf_consume(&q->ids, sizeof(id));
	}
	return id;
}

static void on_answer(struct keepalive *k, unsigned status, struct slice body)
{
	struct sse_commands *q = container_of(k, struct sse_commands, link);
	struct client *c = &q->stream->base;
	uint64_t id = pop_id(q);
	struct envelope e;
	const char *why;

	if (id == 0 || c->closed)
		return;
	if (envelope_decode(body, &c->env->strings, &e, &why) != ERR_OK)
		e = (struct envelope){.data = body, .payload = body};
	/* Errors that are not the dialect's, 404 say, have another shape. */
	if (status == 200 && e.type == ENVELOPE_ACK)
		c->events->on_answer(c, id, true, e.data);
	else
		c->events->on_answer(c, id, false,
				     e.type == ENVELOPE_ERROR ? e.payload
							      : body);
}

static void on_lost(struct keepalive *k, unsigned lost, enum err err,
		    const char *why)
{
	struct sse_commands *q = container_of(k, struct sse_commands, link);
	struct client *c = &q->stream->base;

	(void)err;
	for (; lost > 0 && !c->closed; lost--) {
		uint64_t id = pop_id(q);

		if (id != 0)
			c->events->on_answer(c, id, false, slice_str(why));
	}
}

static const struct keepalive_ops link_callbacks = {
	.on_answer = on_answer,
	.on_lost = on_lost,
};

/* Requests */

/* Where commands go: next to the stream, below its path. */
static enum err add_post_head(struct buf *b, const struct client_options *o,
			      const char *sid)
{
	const char *path = o->path ? o->path : client_sse.path;
	size_t n = strcspn(path, "?");
	enum err e;

	while (n > 0 && path[n - 1] == '/')
		n--;
	e = buf_printf(b, "POST %.*s/%s HTTP/1.1\r\n", (int)n, path, sid);
	if (!e)
		e = client_add_host(b, o);
	if (!e)
		e = buf_add_str(b, "Content-Type: application/json\r\n"
				   "Content-Length: ");
	return e;
}

static enum err commands_new(struct sse_client *s)
{
	struct sse_commands *q = xcalloc(1, sizeof(*q));

	q->stream = s;
	keepalive_init(&q->link, &s->base, &link_callbacks, POST_IDLE_MS);
	buf_init(&q->head, HEAD_MAX);
	buf_init(&q->ids, CLIENT_OUT_MAX);
	s->commands = q;
	return add_post_head(&q->head, &s->base.options, s->sid);
}

static enum err add_command(struct sse_client *s,
			    const struct client_command *cmd)
{
	struct sse_commands *q = s->commands;
	size_t fixed = q->head.len;
	struct slice object;
	enum err e = raw_command(s->base.env, cmd, &object);

	if (!e)
		e = buf_printf(&q->head, "%zu\r\n\r\n", object.n);
	if (!e)
		e = keepalive_add(&q->link, buf_slice(&q->head), object);
	q->head.len = fixed;
	if (!e)
		e = buf_add(&q->ids, &cmd->id, sizeof(cmd->id));
	return e;
}

/* Operations */

void sse_commands_add(struct sse_client *s, const struct client_command *cmd)
{
	struct client *c = &s->base;
	enum err e = ERR_OK;

	if (!s->sid) {
		client_fail(c, ERR_PROTO, "the server takes no commands");
		return;
	}
	if (!s->commands)
		e = commands_new(s);
	if (!e)
		e = add_command(s, cmd);
	if (e)
		client_fail(c, e, "the server does not read what is sent");
}

void sse_commands_flush(struct sse_client *s)
{
	if (s->commands)
		keepalive_flush(&s->commands->link);
}

void sse_commands_close(struct sse_client *s)
{
	if (s->commands)
		keepalive_close(&s->commands->link);
}

void sse_commands_free(struct sse_client *s)
{
	if (!s->commands)
		return;
	keepalive_release(&s->commands->link);
	buf_release(&s->commands->head);
	buf_release(&s->commands->ids);
	free(s->commands);
	s->commands = NULL;
}
