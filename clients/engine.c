/* SPDX-License-Identifier: MIT */
#include "clients/engine.h"

#include <stdio.h>

#include "clients/env.h"
#include "servers/base/check.h"

/* Failing */

void engine_fail(struct engine *e, const char *reason, enum err err,
		 const char *why)
{
	if (e->client->closed)
		return;
	e->client->reason = reason;
	client_fail(e->client, err, why);
}

static void fail_send(struct engine *e, enum err err)
{
	if (err)
		engine_fail(e, "transport error", err,
			    "the server does not read what is sent");
}

static void on_silence(struct timer *t)
{
	struct engine *e = container_of(t, struct engine, silence);
	struct client *c = e->client;

	client_enter(c);
	engine_fail(e, "ping timeout", ERR_TIMEOUT,
		    "the server's ping did not come");
	client_exit(c);
}

static void expect_ping(struct engine *e)
{
	if (e->silence_ms > 0)
		timer_arm(loop_wheel(e->client->env->loop), &e->silence,
			  e->silence_ms);
}

/* Upgrade */

/* Polling, which has gone on or only paused, stays. */
static void give_up_probe(struct engine *e, const char *why)
{
	enum engine_stage before = e->stage;

	e->stage = ENGINE_POLLING;
	timer_cancel(&e->probe);
	ws_link_close(&e->link, WS_CLOSE_NORMAL, "");
	if (before == ENGINE_PAUSING)
		polling_resume(&e->polling);
	if (!e->client->closed)
		e->ops->on_settled(e, why);
}

static void on_probe_late(struct timer *t)
{
	struct engine *e = container_of(t, struct engine, probe);
	struct client *c = e->client;

	client_enter(c);
	give_up_probe(e, "the WebSocket did not answer in time");
	client_exit(c);
}

static enum err connect_link(struct engine *e)
{
	struct client *c = e->client;
	struct buf *b = &c->env->text;
	enum err err;

	buf_clear(b);
	err = client_add_target(b, &c->options, client_longpoll.path,
				"EIO=4&transport=websocket", false);
	if (!err && e->sid[0])
		err = buf_add_str(b, "&sid=");
	if (!err)
		err = http1_add_query(b, slice_str(e->sid));
	return err ? err : ws_link_connect(&e->link, buf_slice(b), false);
}

static void start_probe(struct engine *e)
{
	e->stage = ENGINE_PROBING;
	if (connect_link(e)) {
		give_up_probe(e, "cannot connect the WebSocket");
		return;
	}
	timer_arm(loop_wheel(e->client->env->loop), &e->probe, ENGINE_PROBE_MS);
}

static void on_probe_answer(struct engine *e, struct slice packet)
{
	if (e->stage != ENGINE_PROBING || !slice_is(packet, "3probe")) {
		give_up_probe(e, "the WebSocket's probe was answered wrongly");
		return;
	}
	e->stage = ENGINE_PAUSING;
	polling_pause(&e->polling);
}

/* What was queued while polling paused. */
static enum err move_packets(struct engine *e)
{
	struct slice queue = buf_slice(&e->polling.packets);
	struct slice packet;
	enum err err = ERR_OK;

	if (queue.n == 0)
		return ERR_OK;
	while (!err && engineio_split(&queue, &packet))
		err = ws_link_send(&e->link, WS_TEXT, packet);
	buf_release(&e->polling.packets);
	return err;
}

static void on_paused(struct polling *p)
{
	struct engine *e = container_of(p, struct engine, polling);
	enum err err;

	if (e->stage != ENGINE_PAUSING)
		return;
	e->stage = ENGINE_STREAMING;
	engine_use_memo(e, e->memo);
	timer_cancel(&e->probe);
	polling_close(p);
	err = ws_link_send(&e->link, WS_TEXT, SLICE("5"));
	if (!err)
		err = move_packets(e);
	fail_send(e, err);
	if (!e->client->closed)
		ws_link_flush(&e->link);
	if (!e->client->closed)
		e->ops->on_settled(e, NULL);
}

/* Packets in */

static void settle_transport(struct engine *e, bool offered)
{
	if (e->client->options.transport != CLIENT_UPGRADE)
		e->ops->on_settled(e, NULL);
	else if (offered)
		start_probe(e);
	else
		e->ops->on_settled(e, "the server offers no upgrade");
}

static void on_open_packet(struct engine *e, struct slice json)
{
	struct engineio_open open;

	if (e->stage != ENGINE_CONNECTING ||
	    engineio_parse_open(json, &open) != ERR_OK ||
	    polling_session(&e->polling, open.sid, open.max_payload)) {
		engine_fail(e, "parse error", ERR_PROTO,
			    "the open packet is wrong");
		return;
	}
	memcpy(e->sid, open.sid, sizeof(e->sid));
	if (open.ping_interval_ms > 0)
		e->silence_ms =
			(uint64_t)open.ping_interval_ms + open.ping_timeout_ms;
	expect_ping(e);
	e->stage = e->client->options.transport == CLIENT_WEBSOCKET
			   ? ENGINE_STREAMING
			   : ENGINE_POLLING;
	e->ops->on_open(e);
	if (!e->client->closed)
		settle_transport(e, open.upgrade);
}

/* Of polling: its bytes are base64. */
static void on_base64(struct engine *e, struct slice base64)
{
	struct buf *b = &e->client->env->bytes;

	if (b->cap > CLIENT_INPUT_SIZE)
		buf_release(b);
	buf_clear(b);
	if (engineio_decode_base64(base64, b) == ERR_OK)
		e->ops->on_bytes(e, buf_slice(b));
	else
		engine_fail(e, "parse error", ERR_PROTO,
			    "a binary packet is not base64");
}

static void on_message(struct engine *e, const struct engineio_packet *p)
{
	if (p->binary)
		on_base64(e, p->data);
	else
		e->ops->on_text(e, p->data);
}

static void on_packet(struct engine *e, struct slice text)
{
	struct engineio_packet p;

	if (engineio_decode(text, &p) != ERR_OK) {
		engine_fail(e, "parse error", ERR_PROTO,
			    "an Engine.IO packet is wrong");
		return;
	}
	if (e->stage == ENGINE_CONNECTING && p.type != ENGINEIO_OPEN) {
		engine_fail(e, "parse error", ERR_PROTO,
			    "the open packet is missing");
		return;
	}
	switch (p.type) {
	case ENGINEIO_OPEN:
		on_open_packet(e, p.data);
		break;
	case ENGINEIO_CLOSE:
		engine_fail(e, "transport close", ERR_CLOSED,
			    "closed by the server");
		break;
	case ENGINEIO_PING:
		expect_ping(e);
		fail_send(e, engine_send(e, SLICE("3")));
		engine_urge(e);
		break;
	case ENGINEIO_MESSAGE:
		on_message(e, &p);
		break;
	default:
		break;
	}
}

/* Polling */

static void on_polling_packet(struct polling *p, struct slice packet)
{
	on_packet(container_of(p, struct engine, polling), packet);
}

/* Before there is a session, a status may be for good. */
static void on_polling_lost(struct polling *p, unsigned status, enum err err,
			    const char *why)
{
	struct engine *e = container_of(p, struct engine, polling);

	if (e->stage == ENGINE_CONNECTING && status > 0 &&
	    !client_status_heals(status)) {
		e->client->reason = "transport error";
		client_end(e->client, err, why);
		return;
	}
	engine_fail(e, "transport error", err, why);
}

/* WebSocket */

static void on_link_open(struct ws_link *l)
{
	struct engine *e = container_of(l, struct engine, link);

	if (e->stage != ENGINE_PROBING)
		return;
	if (ws_link_send(l, WS_TEXT, SLICE("2probe")) == ERR_OK)
		ws_link_flush(l);
}

static void on_link_frame(struct ws_link *l, enum ws_opcode opcode,
			  struct slice payload)
{
	struct engine *e = container_of(l, struct engine, link);

	if (opcode != WS_TEXT && opcode != WS_BINARY)
		return;
	if (e->stage == ENGINE_PROBING || e->stage == ENGINE_PAUSING)
		on_probe_answer(e, payload);
	else if (opcode == WS_TEXT)
		on_packet(e, payload);
	else
		e->ops->on_bytes(e, payload);
}

static void on_link_lost(struct ws_link *l, enum err err, const char *why)
{
	struct engine *e = container_of(l, struct engine, link);

	if (e->stage == ENGINE_PROBING || e->stage == ENGINE_PAUSING) {
		give_up_probe(e, why);
		return;
	}
	e->client->reason = "transport error";
	if (l->status > 0)
		client_fail_status(e->client, l->status);
	else
		engine_fail(e, "transport close", err, why);
}

static void on_link_close(struct ws_link *l, unsigned code, struct slice reason)
{
	char why[192]; /* a close frame has 125 bytes */

	(void)snprintf(why, sizeof(why), "closed by the server: %u %.*s", code,
		       SLICE_ARG(reason));
	on_link_lost(l, ERR_CLOSED, why);
}

/* Life cycle */

void engine_init(struct engine *e, struct client *client,
		 const struct engine_ops *ops)
{
	static const struct polling_ops polling_callbacks = {
		.on_packet = on_polling_packet,
		.on_paused = on_paused,
		.on_lost = on_polling_lost,
	};
	static const struct ws_link_ops link_callbacks = {
		.on_open = on_link_open,
		.on_frame = on_link_frame,
		.on_close = on_link_close,
		.on_lost = on_link_lost,
	};

	e->client = client;
	e->ops = ops;
	e->stage = ENGINE_CONNECTING;
	e->silence_ms = 0;
	e->memo = false;
	e->sid[0] = '\0';
	timer_init(&e->silence, on_silence);
	timer_init(&e->probe, on_probe_late);
	polling_init(&e->polling, client, &polling_callbacks);
	ws_link_init(&e->link, client, &link_callbacks);
}

enum err engine_start(struct engine *e)
{
	if (e->client->options.transport == CLIENT_WEBSOCKET)
		return connect_link(e);
	return polling_start(&e->polling);
}

void engine_leave(struct engine *e, struct buf *packet)
{
	/* What is under way is let go: nobody is there to be told of it. */
	if (e->stage == ENGINE_STREAMING)
		(void)!ws_link_send(&e->link, WS_TEXT, buf_slice(packet));
	else if (e->stage != ENGINE_CONNECTING &&
		 buf_add_char(packet, ENGINEIO_SEPARATOR) == ERR_OK &&
		 buf_add_char(packet, '0' + ENGINEIO_CLOSE) == ERR_OK)
		polling_leave(&e->polling, buf_slice(packet));
}

void engine_close(struct engine *e)
{
	timer_cancel(&e->silence);
	timer_cancel(&e->probe);
	polling_close(&e->polling);
	ws_link_close(&e->link, WS_CLOSE_NORMAL, "");
}

void engine_release(struct engine *e)
{
	polling_release(&e->polling);
	ws_link_release(&e->link);
}

/* Operations */

enum err engine_send(struct engine *e, struct slice packet)
{
	enum err err = e->stage == ENGINE_STREAMING
			       ? ws_link_send(&e->link, WS_TEXT, packet)
			       : polling_send(&e->polling, packet);

	if (!err)
		client_mark_dirty(e->client);
	return err;
}

void engine_urge(struct engine *e)
{
	e->polling.urgent = true;
}

void engine_flush(struct engine *e)
{
	switch (e->stage) {
	case ENGINE_STREAMING:
		ws_link_flush(&e->link);
		break;
	case ENGINE_PROBING: /* a pong to its WebSocket's ping may wait */
	case ENGINE_PAUSING:
		ws_link_flush(&e->link);
		if (e->client->closed)
			break;
		polling_flush(&e->polling);
		break;
	case ENGINE_POLLING:
		polling_flush(&e->polling);
		break;
	case ENGINE_CONNECTING:
		break;
	}
}

void engine_use_memo(struct engine *e, bool on)
{
	e->memo = on;
	e->polling.decode = on ? e->ops->decode_answer : NULL;
	e->link.decode = on && e->stage == ENGINE_STREAMING
				 ? e->ops->decode_frames
				 : NULL;
}
