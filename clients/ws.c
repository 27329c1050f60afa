/* SPDX-License-Identifier: MIT */
/* The raw dialect over WebSocket (RFC 6455). */
#include <stdio.h>

#include "clients/env.h"
#include "clients/raw.h"
#include "clients/ws_link.h"
#include "servers/wire/engineio.h"

struct ws_client {
	struct client base;
	struct ws_link link;
	struct timer ping;
	bool awaiting; /* a ping is out */
};

static struct ws_client *of_client(struct client *c)
{
	return container_of(c, struct ws_client, base);
}

static struct client *client_of(struct ws_link *l)
{
	return l->client;
}

/* In */

/* Whether coming back would only lead there again, or is not wanted. */
static bool is_final(unsigned code)
{
	switch (code) {
	case WS_CLOSE_NORMAL:
	case WS_CLOSE_PROTOCOL:
	case WS_CLOSE_UNSUPPORTED:
	case WS_CLOSE_INVALID:
	case WS_CLOSE_TOO_BIG:
		return true;
	default:
		return false;
	}
}

static void on_close(struct ws_link *l, unsigned code, struct slice reason)
{
	char why[192]; /* a close frame has 125 bytes */

	(void)snprintf(why, sizeof(why), "closed by the server: %u %.*s", code,
		       SLICE_ARG(reason));
	if (is_final(code))
		client_end(client_of(l), ERR_CLOSED, why);
	else
		client_fail(client_of(l), ERR_CLOSED, why);
}

static void on_lost(struct ws_link *l, enum err err, const char *why)
{
	if (l->status > 0)
		client_fail_status(client_of(l), l->status);
	else
		client_fail(client_of(l), err, why);
}

/* JSON cannot hold bytes: a person gets them as base64. */
static void on_binary(struct client *c, struct slice bytes)
{
	static const char head[] = "{\"type\":\"binary\",\"base64\":\"";
	struct buf *b = &c->env->text;
	enum err e;

	buf_clear(b);
	e = engineio_encode_binary(b, bytes);
	if (!e) {
		buf_consume(b, 1); /* the packet type, `b` */
		e = buf_reserve(b, sizeof(head));
	}
	if (!e) {
		memmove(b->data + sizeof(head) - 1, b->data, b->len);
		memcpy(b->data, head, sizeof(head) - 1);
		b->len += sizeof(head) - 1;
		e = buf_add_str(b, "\"}");
	}
	if (!e)
		c->events->on_object(c, buf_slice(b));
}

static void on_frame(struct ws_link *l, enum ws_opcode opcode,
		     struct slice payload)
{
	if (opcode == WS_TEXT && client_of(l)->options.plain)
		raw_plain(client_of(l), payload);
	else if (opcode == WS_TEXT)
		raw_object(client_of(l), payload);
	else if (opcode == WS_BINARY && !raw_unwelcome(client_of(l), "bytes"))
		on_binary(client_of(l), payload);
}

/* The server speaks first, or not at all. */
static void on_open(struct ws_link *l)
{
	if (client_of(l)->options.plain)
		client_opened(client_of(l));
}

static size_t decode_frames(struct client_env *env, struct slice chunk,
			    struct client_message *out, size_t max)
{
	return ws_link_decode(env, chunk, out, max, raw_message);
}

static size_t decode_plain(struct client_env *env, struct slice chunk,
			   struct client_message *out, size_t max)
{
	return ws_link_decode(env, chunk, out, max, raw_plain_message);
}

static const struct ws_link_ops link_callbacks = {
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
	.on_lost = on_lost,
};

/* Pings */

static void arm_ping(struct ws_client *w)
{
	struct client *c = &w->base;

	if (c->options.ping_interval_ms > 0)
		timer_arm(loop_wheel(c->env->loop), &w->ping,
			  c->options.ping_interval_ms);
}

/* A server that says anything lives; one that says nothing is asked. */
static void look(struct ws_client *w)
{
	if (w->link.heard) {
		w->awaiting = false;
	} else if (w->awaiting) {
		client_fail(&w->base, ERR_TIMEOUT,
			    "the server does not answer");
		return;
	} else if (w->link.state == WS_LINK_OPEN) {
		w->awaiting = true;
		if (ws_link_send(&w->link, WS_PING, slice_of("", 0)) == ERR_OK)
			client_mark_dirty(&w->base);
	}
	w->link.heard = false;
	arm_ping(w);
}

static void on_ping(struct timer *t)
{
	struct ws_client *w = container_of(t, struct ws_client, ping);

	client_enter(&w->base);
	look(w);
	client_exit(&w->base);
}

/* Operations */

static enum err connect_link(struct ws_client *w)
{
	const struct recovery *r = w->base.recovery;
	struct client_options o = r ? recovery_options(r) : w->base.options;
	struct buf *target = &w->base.env->command;
	enum err e;

	/* `resume` joins the rooms: what comes before it would come twice. */
	if (r && r->resuming)
		o.room_count = 0;
	buf_clear(target);
	e = client_add_target(target, &o, client_ws.path, "", true);
	return e ? e : ws_link_connect(&w->link, buf_slice(target), o.deflate);
}

static enum err ws_client_start(struct client *c)
{
	struct ws_client *w = of_client(c);

	ws_link_init(&w->link, c, &link_callbacks);
	w->link.decode = c->options.plain ? decode_plain : decode_frames;
	w->link.heard = true;
	w->awaiting = false;
	timer_init(&w->ping, on_ping);
	arm_ping(w);
	return connect_link(w);
}

static void send_text(struct client *c, enum err e, struct slice text)
{
	if (!e)
		e = ws_link_send(&of_client(c)->link, WS_TEXT, text);
	if (e)
		client_fail(c, e, "the server does not read what is sent");
	else
		client_mark_dirty(c);
}

static void send_chunks(struct client *c, struct slice object, uint64_t id)
{
	struct raw_chunks k;
	struct slice piece;

	raw_chunks_begin(&k, object, c->options.chunk, id);
	while (k.next < k.total && !c->closed) {
		enum err e = raw_chunks_next(c->env, &k, &piece);

		send_text(c, e, piece);
	}
}

static void ws_client_command(struct client *c,
			      const struct client_command *cmd)
{
	size_t size = c->options.chunk;
	struct slice object;
	enum err e = raw_command(c->env, cmd, &object);

	if (!e && cmd->type == CLIENT_PUBLISH && size > 0 && object.n > size)
		send_chunks(c, object, cmd->id);
	else
		send_text(c, e, object);
}

static void ws_client_resume(struct client *c)
{
	struct buf *b = &c->env->command;
	enum err e;

	buf_clear(b);
	e = recovery_add_resume(c->recovery, b, CLIENT_RESUME_ID);
	send_text(c, e, buf_slice(b));
}

static void ws_client_flush(struct client *c)
{
	ws_link_flush(&of_client(c)->link);
}

static void ws_client_close(struct client *c)
{
	struct ws_client *w = of_client(c);

	timer_cancel(&w->ping);
	ws_link_close(&w->link, WS_CLOSE_NORMAL, "");
}

static void ws_client_release(struct client *c)
{
	ws_link_release(&of_client(c)->link);
}

static enum err ws_client_restart(struct client *c)
{
	ws_client_release(c);
	return ws_client_start(c);
}

const struct client_ops client_ws = {
	.name = "ws",
	.path = "/ws",
	.start = ws_client_start,
	.restart = ws_client_restart,
	.resume = ws_client_resume,
	.command = ws_client_command,
	.flush = ws_client_flush,
	.close = ws_client_close,
	.release = ws_client_release,
	.size = sizeof(struct ws_client),
};
