/* SPDX-License-Identifier: MIT */
/*
 * Socket.IO 5 in Engine.IO 4 over HTTP long polling, for the relay's events.
 *
 * One connection holds the standing GET. Packets go out by POST, all that are
 * due in one body, the next after the answer to the last. Commands use a
 * second connection, which ends when it is not needed; what the protocol
 * itself says (CONNECT, the joins at the start, pongs) uses the first one
 * while no GET stands there, so that a mere subscriber has one connection.
 */
#include <stdlib.h>

#include "clients/env.h"
#include "clients/keepalive.h"
#include "clients/relay.h"
#include "servers/base/check.h"
#include "servers/wire/engineio.h"
#include "servers/wire/json.h"
#include "servers/wire/socketio.h"

#define HEAD_MAX 4096	  /* bytes of a request's head */
#define POST_IDLE_MS 5000 /* idle connections cost the server memory */

/* What the first connection waits for. */
enum waiting { WAIT_OPEN, WAIT_PACKETS, WAIT_POSTED };

struct longpoll_client {
	struct client base;
	struct keepalive poll;
	struct keepalive *post; /* owned; NULL until the first command */
	struct buf get;		/* the standing request */
	struct buf packets;	/* not posted yet, joined by 0x1e */
	size_t max_payload;
	enum waiting waiting;
	uint32_t joins;	   /* answers to come before it is open */
	uint32_t head_len; /* bytes of `get` that are the target */
	bool urgent;	   /* `packets` has some of the protocol's own */
	bool posting;	   /* a POST is in flight */
	bool connected;	   /* to the namespace */
};

static struct longpoll_client *of_client(struct client *c)
{
	return container_of(c, struct longpoll_client, base);
}

static struct slice namespace_of(const struct client *c)
{
	return slice_str(c->options.nsp ? c->options.nsp : "/");
}

/* Requests */

/* The target of all requests of this session, from the path on. */
static struct slice target_of(const struct longpoll_client *l)
{
	return slice_of(l->get.data + 4, l->head_len - 4);
}

static enum err set_get(struct longpoll_client *l, const char *sid)
{
	const struct client_options *o = &l->base.options;
	struct buf *b = &l->get;
	enum err e;

	buf_clear(b);
	e = buf_add_str(b, "GET ");
	if (!e)
		e = client_add_target(b, o, client_longpoll.path,
				      "EIO=4&transport=polling", false);
	if (!e && sid[0])
		e = buf_add_str(b, "&sid=");
	if (!e)
		e = http1_add_query(b, slice_str(sid));
	l->head_len = (uint32_t)b->len;
	if (!e)
		e = buf_add_str(b, " HTTP/1.1\r\n");
	if (!e)
		e = client_add_host(b, o);
	if (!e)
		e = buf_add_str(b, "\r\n");
	return e;
}

static void send_get(struct longpoll_client *l)
{
	l->waiting = WAIT_PACKETS;
	if (keepalive_add(&l->poll, buf_slice(&l->get), slice_of(NULL, 0)))
		client_fail(&l->base, ERR_LIMIT, "the server does not read");
	else
		keepalive_flush(&l->poll);
}

/* How many bytes of the packets one body may hold: whole packets, one at least.
 */
static size_t body_length(const struct longpoll_client *l)
{
	const char *end;
	size_t n = l->packets.len;

	if (l->max_payload == 0 || n <= l->max_payload)
		return n;
	end = memrchr(l->packets.data, ENGINEIO_SEPARATOR, l->max_payload + 1);
	if (!end)
		end = memchr(l->packets.data, ENGINEIO_SEPARATOR, n);
	return end ? (size_t)(end - l->packets.data) : n;
}

static void send_post(struct longpoll_client *l, struct keepalive *link)
{
	struct slice body = slice_of(l->packets.data, body_length(l));
	struct buf *b = &l->base.env->command;
	enum err e;

	buf_clear(b);
	e = buf_printf(b, "POST %.*s HTTP/1.1\r\n", SLICE_ARG(target_of(l)));
	if (!e)
		e = client_add_host(b, &l->base.options);
	if (!e)
		e = buf_printf(b,
			       "Content-Type: text/plain;charset=UTF-8\r\n"
			       "Content-Length: %zu\r\n\r\n",
			       body.n);
	if (!e)
		e = keepalive_add(link, buf_slice(b), body);
	if (e) {
		client_fail(&l->base, e, "the server does not read");
		return;
	}
	/* The separator goes with what it followed. */
	if (body.n < l->packets.len)
		body.n++;
	buf_consume(&l->packets, body.n);
	if (l->packets.len == 0 && l->packets.cap > CLIENT_OUT_KEEP)
		buf_release(&l->packets);
	l->posting = true;
	l->urgent = l->urgent && l->packets.len > 0;
	keepalive_flush(link);
}

static const struct keepalive_ops post_callbacks;

/* Sends what may be sent now, and lets a GET stand. */
static void pump(struct longpoll_client *l)
{
	bool free_poll = l->poll.in_flight == 0;

	if (l->base.closed)
		return;
	if (l->packets.len > 0 && !l->posting) {
		if (free_poll && l->urgent) {
			l->waiting = WAIT_POSTED;
			send_post(l, &l->poll);
			return;
		}
		if (!l->post) {
			l->post = xcalloc(1, sizeof(*l->post));
			keepalive_init(l->post, &l->base, &post_callbacks,
				       POST_IDLE_MS);
		}
		send_post(l, l->post);
	}
	if (free_poll && !l->base.closed)
		send_get(l);
}

/* Packets out */

static enum err add_command(struct longpoll_client *l,
			    const struct client_command *cmd)
{
	return relay_add_command(&l->packets, namespace_of(&l->base), cmd);
}

/* A packet of the protocol's own. */
static void add_packet(struct longpoll_client *l, const char *text)
{
	struct buf *b = &l->packets;
	enum err e = ERR_OK;

	if (b->len > 0)
		e = buf_add_char(b, ENGINEIO_SEPARATOR);
	if (!e)
		e = buf_add_str(b, text);
	l->urgent = true;
	if (e)
		client_fail(&l->base, e, "the server does not read");
}

/* Packets in */

static void on_event(struct client *c, struct slice args)
{
	struct client_message m;

	if (!relay_message(c->env, args, &m)) {
		c->events->on_object(c, args);
		return;
	}
	c->counts.messages++;
	c->events->on_message(c, &m);
}

static void on_connect(struct longpoll_client *l, struct slice data)
{
	struct client *c = &l->base;
	struct buf *b = &c->env->text;
	enum err e;

	if (l->connected)
		return;
	l->connected = true;
	buf_clear(b);
	e = buf_printf(b, "{\"type\":\"welcome\",\"payload\":");
	if (!e)
		e = data.n > 0 ? buf_add_slice(b, data) : buf_add_str(b, "{}");
	if (!e)
		e = buf_add_char(b, '}');
	for (size_t i = 0; i < c->options.room_count && !e; i++)
		e = add_command(l,
				&(struct client_command){
					.type = CLIENT_JOIN,
					.id = CLIENT_ID_END + i,
					.room = slice_str(c->options.rooms[i]),
				});
	if (e) {
		client_fail(c, e, "too many rooms");
		return;
	}
	l->joins = (uint32_t)c->options.room_count;
	l->urgent = l->joins > 0;
	c->events->on_object(c, buf_slice(b));
	if (l->joins == 0)
		client_opened(c);
}

static void on_joined(struct longpoll_client *l, uint64_t which, bool ok,
		      struct slice body)
{
	struct client *c = &l->base;

	if (which >= c->options.room_count || l->joins == 0)
		return;
	if (!ok)
		client_failf(c, ERR_REFUSED, "cannot join room \"%s\": %.*s",
			     c->options.rooms[which], SLICE_ARG(body));
	else if (--l->joins == 0)
		client_opened(c);
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

static void on_message_packet(struct longpoll_client *l, struct slice text)
{
	struct client *c = &l->base;
	struct socketio_packet p;

	if (socketio_decode(text, &p) != ERR_OK) {
		client_fail(c, ERR_PROTO, "a Socket.IO packet is wrong");
		return;
	}
	if (!slice_eq(p.nsp, namespace_of(c)))
		return;
	switch (p.type) {
	case SOCKETIO_CONNECT:
		on_connect(l, p.data);
		break;
	case SOCKETIO_CONNECT_ERROR:
		client_failf(c, ERR_REFUSED, "the server refused: %.*s",
			     SLICE_ARG(p.data));
		break;
	case SOCKETIO_DISCONNECT:
		client_fail(c, ERR_CLOSED, "the server disconnected us");
		break;
	case SOCKETIO_EVENT:
	case SOCKETIO_BINARY_EVENT:
		/* Bytes stay the placeholder: their packets are passed over. */
		on_event(c, p.data);
		break;
	case SOCKETIO_ACK:
	case SOCKETIO_BINARY_ACK:
		if (p.has_id)
			on_ack(l, p.id, p.data);
		break;
	}
}

static void on_open_packet(struct longpoll_client *l, struct slice json)
{
	struct slice nsp = namespace_of(&l->base);
	struct engineio_open open;
	struct buf *b = &l->base.env->command;
	enum err e = engineio_parse_open(json, &open);

	if (l->waiting != WAIT_OPEN || e) {
		client_fail(&l->base, ERR_PROTO, "the open packet is wrong");
		return;
	}
	l->max_payload = open.max_payload;
	buf_clear(b);
	e = set_get(l, open.sid);
	if (!e)
		e = buf_add_char(b, '0' + ENGINEIO_MESSAGE);
	if (!e)
		e = socketio_encode_head(b, SOCKETIO_CONNECT, 0, nsp, false, 0);
	if (!e)
		e = buf_add_char(b, '\0');
	if (e)
		client_fail(&l->base, e, "the namespace is too long");
	else
		add_packet(l, b->data);
}

static void on_packet(struct longpoll_client *l, struct slice text)
{
	struct engineio_packet p;

	if (engineio_decode(text, &p) != ERR_OK) {
		client_fail(&l->base, ERR_PROTO,
			    "an Engine.IO packet is wrong");
		return;
	}
	switch (p.type) {
	case ENGINEIO_OPEN:
		on_open_packet(l, p.data);
		break;
	case ENGINEIO_CLOSE:
		client_fail(&l->base, ERR_CLOSED, "closed by the server");
		break;
	case ENGINEIO_PING:
		add_packet(l, "3");
		break;
	case ENGINEIO_MESSAGE:
		if (!p.binary)
			on_message_packet(l, p.data);
		break;
	default:
		break;
	}
}

/* Answers */

static bool on_poll_chunk(struct keepalive *k, struct slice chunk)
{
	struct longpoll_client *l =
		container_of(k, struct longpoll_client, poll);
	struct client *c = &l->base;

	if (l->waiting != WAIT_PACKETS || !l->connected ||
	    memo_deliver(&c->env->memo, c, chunk, relay_decode_answer) ==
		    MEMO_REFUSED)
		return false;
	pump(l);
	return true;
}

static void on_status(struct longpoll_client *l, unsigned status,
		      struct slice body)
{
	size_t shown = body.n < 200 ? body.n : 200;

	client_failf(&l->base, ERR_REFUSED,
		     "the server answered with HTTP status %u: %.*s", status,
		     (int)shown, body.p ? body.p : "");
}

static void on_poll_answer(struct keepalive *k, unsigned status,
			   struct slice body)
{
	struct longpoll_client *l =
		container_of(k, struct longpoll_client, poll);
	struct slice text;

	if (status != 200) {
		on_status(l, status, body);
		return;
	}
	if (l->waiting == WAIT_POSTED) {
		l->posting = false;
		pump(l);
		return;
	}
	while (!l->base.closed && engineio_split(&body, &text))
		on_packet(l, text);
	if (l->waiting == WAIT_OPEN && l->packets.len == 0)
		client_fail(&l->base, ERR_PROTO, "the open packet is missing");
	pump(l);
}

static void on_post_answer(struct keepalive *k, unsigned status,
			   struct slice body)
{
	struct longpoll_client *l = of_client(k->client);

	if (status != 200) {
		on_status(l, status, body);
		return;
	}
	l->posting = false;
	pump(l);
}

static void on_lost(struct keepalive *k, unsigned lost, enum err err,
		    const char *why)
{
	(void)lost;
	client_fail(k->client, err, why);
}

static const struct keepalive_ops poll_callbacks = {
	.on_answer = on_poll_answer,
	.on_lost = on_lost,
	.on_chunk = on_poll_chunk,
};

static const struct keepalive_ops post_callbacks = {
	.on_answer = on_post_answer,
	.on_lost = on_lost,
};

/* Operations */

static enum err longpoll_client_start(struct client *c)
{
	struct longpoll_client *l = of_client(c);
	enum err e;

	keepalive_init(&l->poll, c, &poll_callbacks, 0);
	buf_init(&l->get, HEAD_MAX);
	buf_init(&l->packets, CLIENT_OUT_MAX);
	l->waiting = WAIT_OPEN;
	e = set_get(l, "");
	if (!e)
		e = keepalive_add(&l->poll, buf_slice(&l->get),
				  slice_of(NULL, 0));
	if (!e)
		e = keepalive_connect(&l->poll);
	return e;
}

static void longpoll_client_command(struct client *c,
				    const struct client_command *cmd)
{
	struct longpoll_client *l = of_client(c);
	enum err e = add_command(l, cmd);

	if (e)
		client_fail(c, e, "the server does not read what is sent");
}

static void longpoll_client_flush(struct client *c)
{
	pump(of_client(c));
}

static void longpoll_client_close(struct client *c)
{
	struct longpoll_client *l = of_client(c);

	keepalive_close(&l->poll);
	if (l->post)
		keepalive_close(l->post);
}

static void longpoll_client_release(struct client *c)
{
	struct longpoll_client *l = of_client(c);

	keepalive_release(&l->poll);
	if (l->post) {
		keepalive_release(l->post);
		free(l->post);
	}
	buf_release(&l->get);
	buf_release(&l->packets);
}

const struct client_ops client_longpoll = {
	.name = "longpoll",
	.path = "/socket.io/",
	.start = longpoll_client_start,
	.command = longpoll_client_command,
	.flush = longpoll_client_flush,
	.close = longpoll_client_close,
	.release = longpoll_client_release,
	.size = sizeof(struct longpoll_client),
};
