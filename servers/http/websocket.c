/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket connection after its handshake. Frames go out through the
 * transport's queue, control frames too, so that their order holds and their
 * number is bounded (see control.h for how they pass data that waits); the
 * close frame is the last one that the queue takes.
 *
 * Closing (RFC 6455 section 7): whoever starts it, a close frame goes each
 * way, then we end our side of the stream and wait for the peer to end its
 * own, because closing at once could reset the connection and lose the frame.
 * A death is only noted where it happens and told at the end of the tick.
 */
#include "servers/http/websocket.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/control.h"
#include "servers/core/hub.h"

#define READ_BYTES 16384 /* per connection and tick */
#define REASON_MAX 123	 /* bytes; section 5.5 */

/* Death */

static void die(struct websocket *ws)
{
	if (ws->state == WEBSOCKET_DEAD)
		return;
	ws->state = WEBSOCKET_DEAD;
	ws->transport.kicked = true;
	timer_cancel(&ws->timer);
	conn_close(&ws->conn);
	http_adopted_closed(ws->env->http);
	list_append(&ws->env->dead, &ws->dead);
	loop_wake_within(ws->env->loop, 0);
}

/* A copy, because the owner frees the struct in the callback. */
static void tell_closed(struct websocket *ws)
{
	char reason[REASON_MAX];
	size_t n = ws->reason_size;

	if (n > 0)
		memcpy(reason, ws->reason, n);
	ws->ops->on_closed(ws,
			   ws->close_code ? ws->close_code : WS_CLOSE_ABNORMAL,
			   slice_of(reason, n));
}

static bool tell_dead(struct loop_hook *hook)
{
	struct websocket_hub *h =
		container_of(hook, struct websocket_hub, hook);

	while (!list_empty(&h->dead)) {
		struct websocket *ws =
			list_entry(h->dead.next, struct websocket, dead);

		list_remove(&ws->dead);
		tell_closed(ws);
	}
	return false;
}

/* Closing */

/* Ends our side once both close frames are through. */
static void finish_closing(struct websocket *ws)
{
	if (ws->state != WEBSOCKET_CLOSING || ws->shut_down ||
	    !transport_finished(&ws->transport) ||
	    !(ws->close_code || ws->failed))
		return;
	ws->shut_down = true;
	conn_shutdown(&ws->conn);
}

void websocket_close(struct websocket *ws, unsigned code, struct slice reason)
{
	struct buf frame;

	if (ws->state != WEBSOCKET_OPEN)
		return;
	ws->state = WEBSOCKET_CLOSING;
	timer_arm(loop_wheel(ws->env->loop), &ws->timer,
		  ws->env->backend->env.options->close_timeout_ms);
	buf_init(&frame, BUF_UNLIMITED);
	CHECK(ws_add_close(&frame, code, reason, false) == ERR_OK);
	transport_send_private(&ws->transport, MSG_BYTES, buf_slice(&frame),
			       MSG_CLOSES);
	buf_release(&frame);
}

void websocket_abort(struct websocket *ws)
{
	die(ws);
}

/* Receiving */

/* Section 5.5.1: the code is echoed, and the first close frame counts. */
static void receive_close(struct websocket *ws, struct slice payload)
{
	struct slice reason;
	unsigned code;

	ws_close_parse(payload, &code, &reason);
	ws->close_code = (uint16_t)code;
	if (reason.n > 0 && reason.n <= REASON_MAX) {
		ws->reason = xmemdupz(reason.p, reason.n);
		ws->reason_size = (uint8_t)reason.n;
	}
	websocket_close(ws, code, (struct slice){0});
	finish_closing(ws);
}

static void receive_ping(struct websocket *ws, struct slice payload)
{
	struct buf frame;

	if (ws->state != WEBSOCKET_OPEN)
		return;
	buf_init(&frame, BUF_UNLIMITED);
	CHECK(ws_add_frame(&frame, WS_PONG, payload, false) == ERR_OK);
	control_send(&ws->transport, buf_slice(&frame));
	buf_release(&frame);
}

static bool on_frame(void *arg, enum ws_opcode opcode, struct slice payload)
{
	struct websocket *ws = arg;

	switch (opcode) {
	case WS_CLOSE:
		receive_close(ws, payload);
		break;
	case WS_PING:
		receive_ping(ws, payload);
		break;
	case WS_TEXT:
	case WS_BINARY:
		/* After our close frame, data is read but not heard. */
		if (ws->state == WEBSOCKET_OPEN)
			ws->ops->on_message(ws, payload, opcode == WS_BINARY);
		break;
	default:
		break;
	}
	return ws->state != WEBSOCKET_DEAD;
}

static const struct ws_events events = {.on_frame = on_frame};

/* Any byte proves that the peer lives; the next ping is counted from now. */
static void heard(struct websocket *ws)
{
	if (!ws->awaiting_pong || ws->state != WEBSOCKET_OPEN)
		return;
	ws->awaiting_pong = false;
	timer_arm(loop_wheel(ws->env->loop), &ws->timer,
		  ws->env->backend->env.options->ping_interval_ms);
}

void websocket_feed(struct websocket *ws, struct slice bytes)
{
	unsigned code = 0;
	const char *why = "";

	if (ws->state == WEBSOCKET_DEAD || bytes.n == 0)
		return;
	heard(ws);
	if (ws_receiver_feed(&ws->receiver, ws->env->pool, bytes, &events, ws,
			     &code, &why) == ERR_OK)
		return;
	ws->failed = true;
	websocket_close(ws, code, slice_str(why));
	finish_closing(ws);
}

static void on_readable(struct conn *c)
{
	struct websocket *ws = container_of(c, struct websocket, conn);
	char bytes[READ_BYTES];
	size_t got = 0;
	enum err e;

	if (ws->state == WEBSOCKET_OPEN && hub_busy(ws->transport.hub)) {
		conn_read_later(c);
		return;
	}
	e = conn_read(c, bytes, sizeof(bytes), &got);
	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK) {
		die(ws);
		return;
	}
	websocket_feed(ws, slice_of(bytes, got));
	if (ws->state != WEBSOCKET_DEAD && got == sizeof(bytes))
		conn_read_later(c);
}

/* Sending */

static void flush(struct transport *t)
{
	struct websocket *ws = container_of(t, struct websocket, transport);
	bool closes;

	if (ws->state == WEBSOCKET_DEAD)
		return;
	if (transport_write(t, &ws->conn, &closes) != ERR_OK)
		die(ws);
	else
		finish_closing(ws);
}

static void on_writable(struct conn *c)
{
	flush(&container_of(c, struct websocket, conn)->transport);
}

static void on_gone(struct conn *c, enum err why)
{
	(void)why;
	die(container_of(c, struct websocket, conn));
}

static const struct conn_ops conn_ops = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_gone = on_gone,
};

static const struct {
	uint16_t code;
	const char *reason;
} kicks[] = {
	[KICK_SHUTDOWN] = {WS_CLOSE_GOING_AWAY, "the server is going away"},
	[KICK_SLOW] = {WS_CLOSE_POLICY, "reading too slowly"},
	[KICK_TIMEOUT] = {0, NULL},
	[KICK_PROTOCOL] = {WS_CLOSE_PROTOCOL, "protocol error"},
	[KICK_INVALID] = {WS_CLOSE_INVALID, "invalid data"},
	[KICK_TOO_BIG] = {WS_CLOSE_TOO_BIG, "message too big"},
	[KICK_REFUSED] = {WS_CLOSE_POLICY, "refused"},
};

static void kick(struct transport *t, enum kick_reason why)
{
	struct websocket *ws = container_of(t, struct websocket, transport);

	/* Whoever does not answer will not read a close frame either. */
	if (kicks[why].code == 0)
		die(ws);
	else
		websocket_close(ws, kicks[why].code,
				slice_str(kicks[why].reason));
}

static const struct transport_ops transport_ops = {
	.flush = flush,
	.kick = kick,
};

/* Time */

static void on_timer(struct timer *t)
{
	static const uint8_t ping[] = {0x80 | WS_PING, 0};
	struct websocket *ws = container_of(t, struct websocket, timer);
	const struct backend_options *o = ws->env->backend->env.options;

	if (ws->state == WEBSOCKET_CLOSING || ws->awaiting_pong) {
		die(ws);
		return;
	}
	ws->awaiting_pong = true;
	timer_arm(loop_wheel(ws->env->loop), t, o->ping_timeout_ms);
	control_send(&ws->transport, slice_of(ping, sizeof(ping)));
}

/* Life cycle */

void websocket_hub_init(struct websocket_hub *h, struct backend *b,
			bool heartbeat)
{
	*h = (struct websocket_hub){
		.backend = b,
		.loop = b->env.loop,
		.http = b->env.http,
		.pool = ws_pool_new(),
		.max_message = b->env.options->max_payload,
		.heartbeat = heartbeat,
		.hook.run = tell_dead,
	};
	list_init(&h->dead);
	loop_add_hook(h->loop, &h->hook);
}

void websocket_hub_release(struct websocket_hub *h)
{
	CHECK(list_empty(&h->dead));
	loop_remove_hook(&h->hook);
	ws_pool_free(h->pool);
}

enum err websocket_init(struct websocket *ws, struct websocket_hub *h, int fd,
			enum wire_format format,
			const struct websocket_ops *ops)
{
	struct backend *b = h->backend;

	*ws = (struct websocket){.ops = ops, .env = h};
	list_init(&ws->dead);
	if (conn_adopt(&ws->conn, h->loop, fd, &conn_ops) != ERR_OK) {
		http_adopted_closed(h->http);
		return ERR_IO;
	}
	transport_init(&ws->transport, &transport_ops, b->env.hub, &b->stats,
		       format);
	ws_receiver_init(&ws->receiver, true, h->max_message);
	timer_init(&ws->timer, on_timer);
	if (h->heartbeat)
		timer_arm(loop_wheel(h->loop), &ws->timer,
			  b->env.options->ping_interval_ms);
	return ERR_OK;
}

void websocket_deflate(struct websocket *ws, const struct deflate_terms *terms)
{
	if (!terms->on)
		return;
	ws_receiver_deflate(&ws->receiver, terms->keeps_context);
	/* Only events of the raw dialect have a compressed form. */
	if (terms->window_bits && ws->transport.format == FORMAT_WS)
		ws->transport.format =
			(uint8_t)(FORMAT_WS_DEFLATE + terms->window_bits -
				  DEFLATE_BITS_MIN);
}

void websocket_release(struct websocket *ws)
{
	if (ws->state != WEBSOCKET_DEAD) {
		conn_close(&ws->conn);
		http_adopted_closed(ws->env->http);
		ws->state = WEBSOCKET_DEAD;
	}
	list_remove(&ws->dead);
	timer_cancel(&ws->timer);
	ws_receiver_release(&ws->receiver, ws->env->pool);
	transport_release(&ws->transport);
	free(ws->reason);
	ws->reason = NULL;
}
