/* SPDX-License-Identifier: MIT */
/*
 * What a WebSocket connection does with the bytes that come: in turns with
 * other connections, and not before its answers have a place. Reading stops
 * (`paused`) while the peer does not take them; what was read by then, or is
 * left when the turn is over, is kept in `unread`.
 */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/control.h"
#include "servers/core/hub.h"
#include "servers/http/websocket_internal.h"

#define READ_BYTES 16384   /* per connection and tick */
#define TURN_BYTES 65536   /* of messages, before others have their turn */
#define INFLATE_BYTES 1024 /* inflated at a time: they may become a MiB */
#define PONG_BYTES 512	   /* at most, of a queued one's memory */

/* Section 5.5.1: the code is echoed, and the first close frame counts. */
static void receive_close(struct websocket *ws, struct slice payload)
{
	struct slice reason;
	unsigned code;

	ws_close_parse(payload, &code, &reason);
	ws->close_code = (uint16_t)code;
	if (reason.n > 0 && reason.n <= WEBSOCKET_REASON_MAX) {
		ws->reason = xmemdupz(reason.p, reason.n);
		ws->reason_size = (uint8_t)reason.n;
	}
	websocket_close(ws, code, (struct slice){0});
	websocket_finish_closing(ws);
}

static void receive_ping(struct websocket *ws, struct slice payload)
{
	struct buf frame;

	if (ws->state != WEBSOCKET_OPEN)
		return;
	buf_init(&frame, BUF_UNLIMITED);
	CHECK(ws_add_frame(&frame, WS_PONG, payload, false) == ERR_OK);
	control_send(ws->transport, buf_slice(&frame));
	buf_release(&frame);
}

static bool half_full(const struct websocket *ws)
{
	const struct outq *q = &ws->transport->q;
	const struct outq_limits *l = &ws->transport->hub->options.queue;

	return 2 * (uint64_t)q->count > l->messages || 2 * q->bytes > l->bytes;
}

/* Pongs pass large messages: they are bounded by their number. */
static bool many_pongs(const struct websocket *ws)
{
	const struct outq *q = &ws->transport->q;
	const struct outq_limits *l = &ws->transport->hub->options.queue;

	return q->count > l->messages ||
	       q->count * (uint64_t)PONG_BYTES > l->bytes;
}

/*
 * Whether to stop reading, because the queue has much and the peer does not
 * take it. It may be full of what others publish, and stay so: reading goes on
 * when as much is written as waits now, our answers among it.
 */
static bool hold_back(struct websocket *ws, enum ws_opcode answered)
{
	if (ws->state != WEBSOCKET_OPEN ||
	    !(answered == WS_PING ? many_pongs(ws) : half_full(ws)))
		return false;
	return websocket_pause(ws);
}

bool websocket_pause(struct websocket *ws)
{
	websocket_flush(ws);
	if (ws->state != WEBSOCKET_OPEN || !ws->conn.blocked)
		return ws->state == WEBSOCKET_DEAD;
	ws->paused = true;
	ws->resume_at = ws->transport->written + ws->transport->q.bytes;
	return true;
}

static bool is_ready(struct websocket *ws)
{
	return !ws->ops->is_ready || ws->ops->is_ready(ws);
}

void websocket_listen(struct websocket *ws)
{
	if (ws->state != WEBSOCKET_DEAD)
		conn_read_later(&ws->conn);
}

void websocket_go_on(struct websocket *ws)
{
	if (!ws->paused || (ws->state == WEBSOCKET_OPEN && half_full(ws) &&
			    ws->transport->written < ws->resume_at))
		return;
	ws->paused = false;
	conn_read_later(&ws->conn);
}

/*
 * Whether others have their turn first: a few bytes may be many messages, each
 * for many, or inflate to large ones.
 */
static bool turn_over(const struct websocket *ws)
{
	return ws->turn >= TURN_BYTES || hub_busy(ws->transport->hub);
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
	ws->turn += payload.n;
	return ws->state != WEBSOCKET_DEAD && is_ready(ws) &&
	       !hold_back(ws, opcode) && !turn_over(ws);
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

static void fail(struct websocket *ws, unsigned code, const char *why)
{
	ws->failed = true;
	websocket_close(ws, code, slice_str(why));
	websocket_finish_closing(ws);
}

/* A piece of the bytes; returns whether more of them may be heard now. */
static bool hear_piece(struct websocket *ws, struct slice *bytes)
{
	const struct buf *message = &ws->receiver.message;
	const size_t before = message->len;
	struct slice piece = *bytes;
	unsigned code = 0;
	const char *why = "";
	size_t used = 0;

	if (ws->receiver.deflate && piece.n > INFLATE_BYTES)
		piece.n = INFLATE_BYTES;
	if (ws_receiver_feed_some(&ws->receiver, ws->env->pool, piece, &used,
				  &events, ws, &code, &why) != ERR_OK) {
		fail(ws, code, why);
		bytes->n = 0;
		return false;
	}
	if (ws->receiver.compressed && message->len > before)
		ws->turn += message->len - before;
	*bytes = slice_after(*bytes, used);
	return !ws->paused && is_ready(ws) && !turn_over(ws);
}

/* Keeps what a pause, or the end of the turn, leaves over. */
static void hear(struct websocket *ws, struct slice bytes)
{
	ws->turn = 0;
	while (bytes.n > 0 && hear_piece(ws, &bytes))
		;
	if (bytes.n == 0 || ws->state == WEBSOCKET_DEAD)
		return;
	ws->unread = xmemdupz(bytes.p, bytes.n);
	ws->unread_size = (uint32_t)bytes.n;
	if (!ws->paused)
		conn_read_later(&ws->conn);
}

/* Of bytes that were read before. */
static void hear_unread(struct websocket *ws)
{
	char *bytes = ws->unread;

	ws->unread = NULL;
	hear(ws, slice_of(bytes, ws->unread_size));
	free(bytes);
}

void websocket_feed(struct websocket *ws, struct slice bytes)
{
	if (ws->state == WEBSOCKET_DEAD || bytes.n == 0)
		return;
	heard(ws);
	hear(ws, bytes);
}

void websocket_read(struct websocket *ws)
{
	char bytes[READ_BYTES];
	size_t got = 0;
	enum err e;

	/* websocket_go_on(), or the owner, comes back. */
	if (ws->paused || !is_ready(ws))
		return;
	if (ws->state == WEBSOCKET_OPEN && hub_busy(ws->transport->hub)) {
		conn_read_later(&ws->conn);
		return;
	}
	if (ws->unread) {
		hear_unread(ws);
		if (ws->state != WEBSOCKET_DEAD)
			conn_read_later(&ws->conn);
		return;
	}
	e = conn_read(&ws->conn, bytes, sizeof(bytes), &got);
	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK) {
		websocket_abort(ws);
		return;
	}
	websocket_feed(ws, slice_of(bytes, got));
	if (ws->state != WEBSOCKET_DEAD && got == sizeof(bytes))
		conn_read_later(&ws->conn);
}
