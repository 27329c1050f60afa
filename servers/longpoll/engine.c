/* SPDX-License-Identifier: MIT */
#include "servers/longpoll/engine.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/random.h"
#include "servers/core/hub.h"
#include "servers/wire/engineio.h"

#define TEXT_TYPE "text/plain; charset=UTF-8"

static struct wheel *wheel_of(const struct engine *e)
{
	return loop_wheel(e->backend->base.env.loop);
}

static struct http_response *text_response(struct slice body)
{
	struct http_response *p = http_response_new(200, TEXT_TYPE, body);

	http_response_header(p, "Cache-Control", "no-store");
	return p;
}

static void respond_text(struct http_request *r, struct slice body)
{
	struct http_response *p = text_response(body);

	http_respond_with(r, p);
	http_response_unref(p);
}

/* The pending GET, taken: it is about to be answered. */
static struct http_request *take_poll(struct engine *e)
{
	struct http_request *r = e->poll;

	e->poll = NULL;
	return r;
}

/* Sending */

/* Sessions whose queues hold the same messages get one response object. */
static struct http_response *shared_response(struct longpoll *b,
					     const struct joined *joined)
{
	if (b->shared && b->shared_id == joined->id)
		return b->shared;
	if (b->shared)
		http_response_unref(b->shared);
	b->shared = text_response(joined->bytes);
	b->shared_id = joined->id;
	return b->shared;
}

static void flush(struct transport *t)
{
	struct engine *e = container_of(t, struct engine, transport);
	struct longpoll *b = e->backend;
	struct joined joined;

	if (!e->poll || t->q.count == 0)
		return;
	transport_join(t, b->base.env.options->max_payload, &joined);
	http_respond_with(take_poll(e), shared_response(b, &joined));
	t->stats->bytes_out += joined.bytes.n;
	t->stats->delivered += outq_drop(&t->q, joined.count);
}

static void kick(struct transport *t, enum kick_reason why)
{
	engine_close(container_of(t, struct engine, transport),
		     ENGINE_SAY_CLOSE,
		     why == KICK_SHUTDOWN ? "server shutting down"
					  : "transport error");
}

static const struct transport_ops transport_ops = {
	.flush = flush,
	.kick = kick,
};

void engine_send(struct engine *e, struct slice packet)
{
	transport_send_private(&e->transport, MSG_TEXT, packet, 0);
}

void engine_send_binary(struct engine *e, struct slice bytes)
{
	transport_send_private(&e->transport, MSG_BINARY, bytes, 0);
}

/* Heartbeat: the server pings (protocol 4), one timer for both deadlines. */

static void beat(struct timer *timer)
{
	struct engine *e = container_of(timer, struct engine, heartbeat);

	if (e->awaiting_pong) {
		engine_close(e, ENGINE_SAY_CLOSE, "ping timeout");
		return;
	}
	e->awaiting_pong = true;
	engine_send(e, SLICE("2"));
	timer_arm(wheel_of(e), timer,
		  e->backend->base.env.options->ping_timeout_ms);
}

static void on_pong(struct engine *e)
{
	if (!e->awaiting_pong)
		return;
	e->awaiting_pong = false;
	timer_arm(wheel_of(e), &e->heartbeat,
		  e->backend->base.env.options->ping_interval_ms);
}

static void connect_overdue(struct timer *timer)
{
	struct engine *e = container_of(timer, struct engine, connect);

	if (e->socket_count == 0)
		engine_close(e, ENGINE_SAY_CLOSE, "connect timeout");
}

/* Life cycle */

void engine_open(struct longpoll *b, struct http_request *r)
{
	const struct backend_options *o = b->base.env.options;
	struct engineio_open open = {
		.upgrade = false,
		.ping_interval_ms = (unsigned)o->ping_interval_ms,
		.ping_timeout_ms = (unsigned)o->ping_timeout_ms,
		.max_payload = o->max_payload,
	};
	struct engine *e = xcalloc(1, sizeof(*e));
	struct buf body;

	e->backend = b;
	transport_init(&e->transport, &transport_ops, b->base.env.hub,
		       &b->base.stats, FORMAT_EIO_POLLING);
	random_id(e->sid, ENGINE_SID_CHARS);
	map_put(&b->by_sid, slice_str(e->sid), e);
	list_init(&e->link);
	list_append(&b->engines, &e->link);
	timer_init(&e->heartbeat, beat);
	timer_init(&e->connect, connect_overdue);
	timer_arm(wheel_of(e), &e->heartbeat, o->ping_interval_ms);
	timer_arm(wheel_of(e), &e->connect, o->connect_timeout_ms);
	b->base.stats.connections++;

	memcpy(open.sid, e->sid, sizeof(e->sid));
	buf_init(&body, BUF_UNLIMITED);
	CHECK(buf_add_char(&body, '0') == ERR_OK);
	CHECK(engineio_encode_open(&body, &open) == ERR_OK);
	respond_text(r, buf_slice(&body));
	buf_release(&body);
}

void engine_close(struct engine *e, enum engine_farewell farewell,
		  const char *why)
{
	struct http_request *poll = take_poll(e);

	if (poll)
		respond_text(poll, farewell == ENGINE_SAY_CLOSE ? SLICE("1")
								: SLICE("6"));
	if (e->closed)
		return;
	e->closed = true;
	e->why = why;
	e->transport.kicked = true;
	timer_cancel(&e->heartbeat);
	timer_cancel(&e->connect);
	map_remove(&e->backend->by_sid, slice_str(e->sid));
	reaper_add(&e->backend->reaper, &e->link);
}

void engine_free(struct list *link)
{
	struct engine *e = list_entry(link, struct engine, link);

	socket_release_all(e, e->why);
	e->backend->base.stats.connections--;
	transport_release(&e->transport);
	free(e);
}

/* Receiving */

static void on_poll_gone(struct http_request *r, void *arg)
{
	struct engine *e = arg;

	(void)r;
	e->poll = NULL;
	engine_close(e, ENGINE_SAY_CLOSE, "transport close");
}

void engine_poll(struct engine *e, struct http_request *r)
{
	if (e->poll) {
		engine_close(e, ENGINE_SAY_CLOSE, "transport error");
		http_respond(r, 400, NULL, (struct slice){0});
		return;
	}
	e->poll = r;
	http_request_hold(r, on_poll_gone, e);
	if (e->transport.q.count > 0)
		transport_mark_dirty(&e->transport);
}

static void receive_binary(struct engine *e, struct slice base64)
{
	struct buf bytes;

	buf_init(&bytes, e->backend->base.env.options->max_payload);
	if (engineio_decode_base64(base64, &bytes) == ERR_OK)
		socket_receive_binary(e, buf_slice(&bytes));
	else
		engine_close(e, ENGINE_SAY_CLOSE, "parse error");
	buf_release(&bytes);
}

static void receive_packet(struct engine *e, struct slice text)
{
	struct engineio_packet packet;

	if (engineio_decode(text, &packet) != ERR_OK) {
		engine_close(e, ENGINE_SAY_CLOSE, "parse error");
		return;
	}
	switch (packet.type) {
	case ENGINEIO_MESSAGE:
		e->transport.stats->received++;
		if (packet.binary)
			receive_binary(e, packet.data);
		else
			socket_receive(e, packet.data);
		break;
	case ENGINEIO_PONG:
		on_pong(e);
		break;
	case ENGINEIO_CLOSE:
		engine_close(e, ENGINE_SAY_NOOP, "transport close");
		break;
	case ENGINEIO_PING:
		engine_close(e, ENGINE_SAY_CLOSE, "transport error");
		break;
	default:
		/* open, upgrade and noop say nothing on this transport. */
		break;
	}
}

void engine_receive(struct engine *e, struct http_request *r)
{
	struct slice payload = http_request_body(r);
	struct slice packet;

	if (payload.n == 0) {
		engine_close(e, ENGINE_SAY_CLOSE, "parse error");
		return;
	}
	e->address = http_request_address(r);
	while (!e->closed && engineio_split(&payload, &packet))
		receive_packet(e, packet);
	e->address = (struct slice){0};
}
