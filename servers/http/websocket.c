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
#include "servers/http/websocket_internal.h"

/* Death */

static void die(struct websocket *ws)
{
	if (ws->state == WEBSOCKET_DEAD)
		return;
	ws->state = WEBSOCKET_DEAD;
	ws->transport->kicked = true;
	timer_cancel(&ws->timer);
	conn_close(&ws->conn);
	http_adopted_closed(ws->env->http);
	reaper_add(&ws->env->reaper, &ws->dead);
	loop_wake_within(ws->env->loop, 0);
}

/* A copy, because the owner frees the struct in the callback. */
static void tell_closed(struct websocket *ws)
{
	char reason[WEBSOCKET_REASON_MAX];
	size_t n = ws->reason_size;

	if (n > 0)
		memcpy(reason, ws->reason, n);
	ws->ops->on_closed(ws,
			   ws->close_code ? ws->close_code : WS_CLOSE_ABNORMAL,
			   slice_of(reason, n));
}

static void tell_dead(struct list *link)
{
	tell_closed(list_entry(link, struct websocket, dead));
}

/* Closing */

/* To the ping or the close frame that is the last one queued. */
static void await_reply(struct websocket *ws, uint64_t timeout_ms)
{
	const struct backend_options *o = ws->env->backend->env.options;
	struct loop *l = ws->env->loop;
	const struct reply_times times = {timeout_ms, o->ping_interval_ms};

	timer_arm(loop_wheel(l), &ws->timer,
		  reply_watch_begin(&ws->reply, ws->transport, &ws->conn,
				    &times, loop_now_ms(l)));
}

void websocket_finish_closing(struct websocket *ws)
{
	if (ws->state != WEBSOCKET_CLOSING || ws->shut_down ||
	    !transport_finished(ws->transport) ||
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
	buf_init(&frame, BUF_UNLIMITED);
	CHECK(ws_add_close(&frame, code, reason, false) == ERR_OK);
	transport_send_private(ws->transport, MSG_BYTES, buf_slice(&frame),
			       MSG_CLOSES);
	buf_release(&frame);
	await_reply(ws, ws->env->backend->env.options->close_timeout_ms);
}

void websocket_abort(struct websocket *ws)
{
	die(ws);
}

/* Sending */

void websocket_flush(struct websocket *ws)
{
	bool closes;

	if (ws->state == WEBSOCKET_DEAD)
		return;
	if (transport_write(ws->transport, &ws->conn, &closes) != ERR_OK) {
		die(ws);
		return;
	}
	websocket_finish_closing(ws);
	websocket_go_on(ws);
}

static void on_readable(struct conn *c)
{
	websocket_read(container_of(c, struct websocket, conn));
}

static void on_writable(struct conn *c)
{
	websocket_flush(container_of(c, struct websocket, conn));
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

void websocket_kick(struct websocket *ws, enum kick_reason why)
{
	/* Whoever does not answer will not read a close frame either. */
	if (kicks[why].code == 0)
		die(ws);
	else
		websocket_close(ws, kicks[why].code,
				slice_str(kicks[why].reason));
}

/* Time */

/* What the peer has sent may wait for us: a full hub reads nothing. */
static void look_for_reply(struct websocket *ws)
{
	struct loop *l = ws->env->loop;
	uint64_t next = reply_watch_look(&ws->reply, ws->transport, &ws->conn,
					 loop_now_ms(l), ws->paused);

	if (next == 0 && ws->conn.io.again != 0)
		next = ws->reply.look_ms;
	if (next > 0) {
		timer_arm(loop_wheel(l), &ws->timer, next);
		return;
	}
	/* The kernel need not go on sending what nobody takes. */
	conn_abort(&ws->conn);
	die(ws);
}

static void on_timer(struct timer *t)
{
	static const uint8_t ping[] = {0x80 | WS_PING, 0};
	struct websocket *ws = container_of(t, struct websocket, timer);

	if (ws->state == WEBSOCKET_CLOSING || ws->awaiting_pong) {
		look_for_reply(ws);
		return;
	}
	ws->awaiting_pong = true;
	control_send(ws->transport, slice_of(ping, sizeof(ping)));
	if (ws->state == WEBSOCKET_OPEN)
		await_reply(ws, ws->env->backend->env.options->ping_timeout_ms);
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
	};
	reaper_init(&h->reaper, h->loop, tell_dead);
}

void websocket_hub_release(struct websocket_hub *h)
{
	CHECK(list_empty(&h->reaper.dead));
	reaper_release(&h->reaper);
	ws_pool_free(h->pool);
}

enum err websocket_init(struct websocket *ws, struct websocket_hub *h, int fd,
			struct transport *t, const struct websocket_ops *ops)
{
	const struct backend_options *o = h->backend->env.options;

	*ws = (struct websocket){.transport = t, .ops = ops, .env = h};
	list_init(&ws->dead);
	if (conn_adopt(&ws->conn, h->loop, fd, &conn_ops) != ERR_OK) {
		http_adopted_closed(h->http);
		return ERR_IO;
	}
	ws_receiver_init(&ws->receiver, true, h->max_message);
	timer_init(&ws->timer, on_timer);
	conn_user_timeout(&ws->conn, o->ping_interval_ms + o->ping_timeout_ms);
	if (h->heartbeat)
		timer_arm(loop_wheel(h->loop), &ws->timer, o->ping_interval_ms);
	return ERR_OK;
}

void websocket_deflate(struct websocket *ws, const struct deflate_terms *terms)
{
	if (!terms->on)
		return;
	ws_receiver_deflate(&ws->receiver, terms->keeps_context);
	/* Only events of the raw dialect have a compressed form. */
	if (terms->window_bits && ws->transport->format == FORMAT_WS)
		ws->transport->format =
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
	free(ws->reason);
	free(ws->unread);
	ws->reason = NULL;
	ws->unread = NULL;
}

void websocket_carry(struct websocket *ws, struct transport *t)
{
	struct outq *from = &ws->transport->q;
	uint32_t offset = from->offset;

	CHECK(t->q.offset == 0);
	for (uint32_t i = 0; i < from->count; i++)
		outq_insert(&t->q, i, outq_at(from, i));
	outq_drop(from, from->count);
	t->q.offset = offset;
	t->written = ws->transport->written;
	ws->transport = t;
	if (t->q.count > 0)
		transport_mark_dirty(t);
}
