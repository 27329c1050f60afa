/* SPDX-License-Identifier: MIT */
/*
 * Socket.IO 5 for the relay's events, one namespace of one Engine.IO session,
 * whatever carries that (engine.h).
 */
#include <stdio.h>

#include "clients/attachments.h"
#include "clients/engine.h"
#include "clients/env.h"
#include "clients/relay.h"
#include "servers/base/check.h"
#include "servers/wire/json.h"
#include "servers/wire/socketio.h"

#define REASON_MAX 512 /* bytes of a failure's text */
#define HEAD_MAX 4096  /* bytes of a packet without data */

struct longpoll_client {
	struct client base;
	struct engine engine;
	struct attachments *parts; /* owned; NULL: no packet waits for bytes */
	bool skip_parts;	   /* ... it is another namespace's */
	uint32_t joins;		   /* answers to come before it is open */
	bool connected;		   /* to the namespace */
	bool settled;		   /* the transport will not change any more */
};

static struct longpoll_client *of_client(struct client *c)
{
	return container_of(c, struct longpoll_client, base);
}

static struct longpoll_client *of_engine(struct engine *e)
{
	return container_of(e, struct longpoll_client, engine);
}

static struct slice namespace_of(const struct client *c)
{
	return slice_str(c->options.nsp ? c->options.nsp : "/");
}

/* Ending for good */

static void end(struct longpoll_client *l, const char *reason, enum err err,
		const char *why, struct slice more)
{
	char text[REASON_MAX];

	(void)snprintf(text, sizeof(text), "%s%.*s", why, SLICE_ARG(more));
	l->base.reason = reason;
	client_end(&l->base, err, text);
}

static void parse_error(struct longpoll_client *l, const char *why)
{
	engine_fail(&l->engine, "parse error", ERR_PROTO, why);
}

/* Packets out */

/* Where a packet is built; up to the next one. */
static struct buf *packet_buf(struct longpoll_client *l)
{
	struct buf *b = &l->base.env->command;

	if (b->cap > CLIENT_INPUT_SIZE)
		buf_release(b);
	buf_clear(b);
	return b;
}

static void send_packet(struct longpoll_client *l, enum err e,
			const struct buf *b)
{
	if (!e)
		e = engine_send(&l->engine, buf_slice(b));
	if (e)
		engine_fail(&l->engine, "transport error", e,
			    "the server does not read what is sent");
}

static enum err begin_packet(struct longpoll_client *l, struct buf *b,
			     enum socketio_type type, bool has_id, uint64_t id)
{
	enum err e = buf_add_char(b, '0' + ENGINEIO_MESSAGE);

	return e ? e
		 : socketio_encode_head(b, type, 0, namespace_of(&l->base),
					has_id, id);
}

static void send_command(struct longpoll_client *l,
			 const struct client_command *cmd)
{
	struct buf *b = packet_buf(l);

	send_packet(l, relay_add_command(b, namespace_of(&l->base), cmd), b);
}

static void send_answer(struct longpoll_client *l, uint64_t ask,
			struct slice args)
{
	struct buf *b = packet_buf(l);
	enum err e = begin_packet(l, b, SOCKETIO_ACK, true, ask);

	if (!e)
		e = buf_add_slice(b, args);
	send_packet(l, e, b);
}

/* Where the last connection stood, and what the owner has to say. */
static enum err add_auth(const struct longpoll_client *l, struct buf *b)
{
	const struct recovery *r = l->base.recovery;
	struct slice auth = SLICE("{}");
	enum err e;

	if (l->base.options.auth)
		auth = json_trim(slice_str(l->base.options.auth));
	if (!r || !r->pid || r->last_id.len == 0)
		return l->base.options.auth ? buf_add_slice(b, auth) : ERR_OK;
	e = buf_printf(b, "{\"pid\":\"%s\",\"offset\":\"%.*s\"", r->pid,
		       SLICE_ARG(buf_slice(&r->last_id)));
	auth = json_trim(slice_after(auth, 1));
	if (!e && auth.p[0] != '}')
		e = buf_add_char(b, ',');
	return e ? e : buf_add_slice(b, auth);
}

static void send_connect(struct longpoll_client *l)
{
	struct buf *b = packet_buf(l);
	enum err e = begin_packet(l, b, SOCKETIO_CONNECT, false, 0);

	if (!e)
		e = add_auth(l, b);
	send_packet(l, e, b);
	engine_urge(&l->engine);
}

/* Getting open */

static void open_if_ready(struct longpoll_client *l)
{
	if (l->connected && l->joins == 0 &&
	    (l->settled || !l->base.options.must_upgrade))
		client_opened(&l->base);
}

static void send_joins(struct longpoll_client *l)
{
	struct client *c = &l->base;
	struct client_options o = c->options;

	if (c->recovery)
		o = recovery_options(c->recovery);
	/* Also when recovered: a join may have been lost with the link. */
	l->joins = (uint32_t)o.room_count;
	for (size_t i = 0; i < o.room_count && !c->closed; i++)
		send_command(l, &(struct client_command){
					.type = CLIENT_JOIN,
					.id = CLIENT_ID_END + i,
					.room = slice_str(o.rooms[i]),
				});
	if (l->joins > 0)
		engine_urge(&l->engine);
}

static void tell_welcome(struct longpoll_client *l, struct slice data,
			 bool again)
{
	struct client *c = &l->base;
	struct buf *b = &c->env->text;
	enum err e;

	buf_clear(b);
	e = buf_add_str(b, "{\"type\":\"welcome\"");
	if (!e && again)
		e = buf_printf(b, ",\"recovered\":%s",
			       c->recovered ? "true" : "false");
	if (!e)
		e = buf_add_str(b, ",\"payload\":");
	if (!e)
		e = data.n > 0 ? buf_add_slice(b, data) : buf_add_str(b, "{}");
	if (!e)
		e = buf_add_char(b, '}');
	if (!e)
		c->events->on_object(c, buf_slice(b));
}

static void on_connect(struct longpoll_client *l, struct slice data)
{
	struct client *c = &l->base;
	bool again = c->recovery && c->recovery->opened;

	if (l->connected)
		return;
	l->connected = true;
	if (c->recovery)
		c->recovered = recovery_connected(c->recovery, data);
	send_joins(l);
	if (!c->closed)
		tell_welcome(l, data, again);
	if (c->closed)
		return;
	engine_use_memo(&l->engine, true);
	open_if_ready(l);
}

static void on_joined(struct longpoll_client *l, uint64_t which, bool ok,
		      struct slice body)
{
	struct client *c = &l->base;
	struct client_options o = c->options;
	char why[REASON_MAX];

	if (c->recovery)
		o = recovery_options(c->recovery);
	if (l->joins == 0)
		return;
	if (ok) {
		l->joins--;
		open_if_ready(l);
		return;
	}
	(void)snprintf(why, sizeof(why), "cannot join room \"%s\": ",
		       which < o.room_count ? o.rooms[which] : "");
	end(l, "io client disconnect", ERR_REFUSED, why, body);
}

/* Packets in */

/* The array's last string, which is the event's name when it is alone. */
static void take_offset(struct longpoll_client *l, struct slice args)
{
	struct slice value = SLICE("");
	struct json_iter it;
	unsigned count = 0;

	if (!l->base.recovery || !json_array(args, &it))
		return;
	while (json_next_element(&it, &value))
		count++;
	if (count > 1 && json_type(value) == JSON_STRING)
		recovery_offset(l->base.recovery,
				slice_of(value.p + 1, value.n - 2));
}

static void on_event(struct longpoll_client *l, const struct socketio_packet *p,
		     struct slice args)
{
	struct client *c = &l->base;
	struct client_message m;

	if (relay_message(c->env, args, &m)) {
		c->counts.messages++;
		c->events->on_message(c, &m);
	} else {
		c->events->on_object(c, args);
	}
	if (c->closed)
		return;
	if (!p->has_id) {
		take_offset(l, args);
		return;
	}
	if (c->events->on_ask) {
		c->events->on_ask(c, p->id, args);
		return;
	}
	send_answer(l, p->id, SLICE("[]"));
	/* Also when the event was the last one that is waited for. */
	engine_urge(&l->engine);
}

/* The ack's one argument is the answer's data, or {"error": why}. */
static void on_ack(struct longpoll_client *l, uint64_t id, struct slice args)
{
	struct json_iter it;
	struct slice body, error;
	bool ok = true;

	if (!json_array(args, &it) || !json_next_element(&it, &body))
		body = SLICE("null");
	if (json_type(body) == JSON_OBJECT &&
	    json_member(body, "error", &error)) {
		body = error;
		ok = false;
	}
	if (id >= CLIENT_ID_END)
		on_joined(l, id - CLIENT_ID_END, ok, body);
	else
		l->base.events->on_answer(&l->base, id, ok, body);
}

static void begin_parts(struct longpoll_client *l,
			const struct socketio_packet *p, bool skip)
{
	l->parts = attachments_new(p);
	l->skip_parts = skip;
	if (!l->parts)
		parse_error(l, "a packet's attachments are wrong");
	else
		engine_use_memo(&l->engine, false);
}

static void on_whole(struct longpoll_client *l, const struct attachments *a)
{
	struct buf json;

	buf_init(&json, (size_t)2 * CLIENT_MESSAGE_MAX);
	if (attachments_finish(a, &json) != ERR_OK)
		parse_error(l, "a packet's attachments are too long");
	else if (a->packet.type == SOCKETIO_BINARY_EVENT)
		on_event(l, &a->packet, buf_slice(&json));
	else if (a->packet.has_id)
		on_ack(l, a->packet.id, buf_slice(&json));
	buf_release(&json);
}

static void on_bytes(struct engine *e, struct slice bytes)
{
	struct longpoll_client *l = of_engine(e);
	struct attachments *a = l->parts;

	if (!a) {
		parse_error(l, "bytes that belong to no packet");
		return;
	}
	if (attachments_add(a, bytes) != ERR_OK) {
		parse_error(l, "a packet's attachments are too long");
		return;
	}
	if (!attachments_complete(a))
		return;
	l->parts = NULL;
	engine_use_memo(e, l->connected);
	if (!l->skip_parts)
		on_whole(l, a);
	attachments_free(a);
}

static void on_packet(struct longpoll_client *l,
		      const struct socketio_packet *p)
{
	switch (p->type) {
	case SOCKETIO_CONNECT:
		on_connect(l, p->data);
		break;
	case SOCKETIO_CONNECT_ERROR:
		end(l, "io server disconnect", ERR_REFUSED,
		    "the server refused: ", p->data);
		break;
	case SOCKETIO_DISCONNECT:
		end(l, "io server disconnect", ERR_CLOSED,
		    "the server disconnected us", SLICE(""));
		break;
	case SOCKETIO_EVENT:
		on_event(l, p, p->data);
		break;
	case SOCKETIO_ACK:
		if (p->has_id)
			on_ack(l, p->id, p->data);
		break;
	case SOCKETIO_BINARY_EVENT:
	case SOCKETIO_BINARY_ACK:
		begin_parts(l, p, false);
		break;
	}
}

static void on_text(struct engine *e, struct slice text)
{
	struct longpoll_client *l = of_engine(e);
	struct socketio_packet p;

	if (l->parts || socketio_decode(text, &p) != ERR_OK)
		parse_error(l, "a Socket.IO packet is wrong");
	else if (slice_eq(p.nsp, namespace_of(&l->base)))
		on_packet(l, &p);
	else if (p.attachments > 0)
		begin_parts(l, &p, true);
}

static void on_open(struct engine *e)
{
	send_connect(of_engine(e));
}

static void on_settled(struct engine *e, const char *failure)
{
	struct longpoll_client *l = of_engine(e);

	l->settled = true;
	if (failure && l->base.options.must_upgrade)
		end(l, "transport error", ERR_REFUSED,
		    "the upgrade failed: ", slice_str(failure));
	else
		open_if_ready(l);
}

static const struct engine_ops engine_callbacks = {
	.on_open = on_open,
	.on_text = on_text,
	.on_bytes = on_bytes,
	.on_settled = on_settled,
	.decode_answer = relay_decode_answer,
	.decode_frames = relay_decode_frames,
};

/* Operations */

static enum err longpoll_client_start(struct client *c)
{
	struct longpoll_client *l = of_client(c);

	l->parts = NULL;
	l->joins = 0;
	l->connected = false;
	l->settled = false;
	engine_init(&l->engine, c, &engine_callbacks);
	return engine_start(&l->engine);
}

static void longpoll_client_command(struct client *c,
				    const struct client_command *cmd)
{
	send_command(of_client(c), cmd);
}

static void longpoll_client_answer(struct client *c, uint64_t ask,
				   struct slice args)
{
	if (of_client(c)->connected)
		send_answer(of_client(c), ask, args);
}

static void longpoll_client_flush(struct client *c)
{
	engine_flush(&of_client(c)->engine);
}

static void longpoll_client_close(struct client *c)
{
	struct longpoll_client *l = of_client(c);
	struct buf b;

	buf_init(&b, HEAD_MAX);
	/* A session that may be recovered must know that nobody will. */
	if (c->leaving && l->connected &&
	    begin_packet(l, &b, SOCKETIO_DISCONNECT, false, 0) == ERR_OK)
		engine_leave(&l->engine, &b);
	buf_release(&b);
	engine_close(&l->engine);
}

static void longpoll_client_release(struct client *c)
{
	struct longpoll_client *l = of_client(c);

	engine_release(&l->engine);
	attachments_free(l->parts);
	l->parts = NULL;
}

static enum err longpoll_client_restart(struct client *c)
{
	longpoll_client_release(c);
	return longpoll_client_start(c);
}

const struct client_ops client_longpoll = {
	.name = "longpoll",
	.path = "/socket.io/",
	.start = longpoll_client_start,
	.restart = longpoll_client_restart,
	.command = longpoll_client_command,
	.answer = longpoll_client_answer,
	.flush = longpoll_client_flush,
	.close = longpoll_client_close,
	.release = longpoll_client_release,
	.size = sizeof(struct longpoll_client),
};
