/* SPDX-License-Identifier: MIT */
#include "servers/longpoll/engine.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/random.h"
#include "servers/longpoll/carrier.h"
#include "servers/longpoll/polling.h"
#include "servers/longpoll/upgrade.h"
#include "servers/wire/engineio.h"

/* Sending */

void engine_send(struct engine *e, struct slice packet)
{
	transport_send_private(&e->transport, MSG_TEXT, packet, 0);
}

void engine_send_binary(struct engine *e, struct slice bytes)
{
	transport_send_private(&e->transport, MSG_BINARY, bytes, 0);
}

/* How long a closed session waits for the GET that is told so. */
#define LINGER_MS 30000

/* Heartbeat: the server pings (protocol 4), one timer for both deadlines. */

/* So much of a ping's lateness is not added to the pong's deadline. */
#define LATE_MAX_MS 5

static void await_pong(struct engine *e, uint64_t late_ms)
{
	uint64_t timeout_ms = engine_options(e)->ping_timeout_ms;

	if (late_ms > LATE_MAX_MS || late_ms >= timeout_ms)
		late_ms = 0;
	timer_arm(engine_wheel(e), &e->heartbeat, timeout_ms - late_ms);
}

static void beat(struct timer *timer)
{
	struct engine *e = container_of(timer, struct engine, heartbeat);

	if (e->lingers) {
		engine_vanish(e);
		return;
	}
	if (e->awaiting_pong) {
		engine_close(e, ENGINE_SAY_CLOSE, "ping timeout");
		/* Nobody is left to send another request, or to hang up. */
		http_owner_gone(&e->owner);
		return;
	}
	e->awaiting_pong = true;
	e->refreshed = false;
	engine_send(e, SLICE("2"));
	await_pong(e, wheel_now(engine_wheel(e)) - timer->deadline_ms);
}

static void on_pong(struct engine *e)
{
	if (!e->awaiting_pong)
		return;
	e->awaiting_pong = false;
	timer_arm(engine_wheel(e), &e->heartbeat,
		  engine_options(e)->ping_interval_ms);
}

/*
 * Whoever sends something else before its pong is alive, and may have much to
 * send: it gets its time anew, once.
 */
static void on_other(struct engine *e)
{
	if (!e->awaiting_pong || e->refreshed)
		return;
	e->refreshed = true;
	await_pong(e, 0);
}

void engine_moved(struct engine *e)
{
	if (e->awaiting_pong)
		await_pong(e, 0);
}

/* Receiving */

void engine_receive_binary(struct engine *e, struct slice bytes)
{
	on_other(e);
	e->transport.stats->received++;
	e->user->binary(e, bytes);
}

static void receive_base64(struct engine *e, struct slice base64)
{
	struct buf bytes;

	buf_init(&bytes, engine_options(e)->max_payload);
	if (engineio_decode_base64(base64, &bytes) == ERR_OK)
		engine_receive_binary(e, buf_slice(&bytes));
	else
		engine_close(e, ENGINE_SAY_CLOSE_LATER, "parse error");
	buf_release(&bytes);
}

void engine_receive(struct engine *e, struct slice text)
{
	struct engineio_packet packet;

	if (engineio_decode(text, &packet) != ERR_OK) {
		engine_close(e, ENGINE_SAY_CLOSE, "parse error");
		return;
	}
	if (packet.type == ENGINEIO_PONG) {
		on_pong(e);
		return;
	}
	on_other(e);
	switch (packet.type) {
	case ENGINEIO_MESSAGE:
		if (packet.binary) {
			receive_base64(e, packet.data);
			break;
		}
		e->transport.stats->received++;
		e->user->text(e, packet.data);
		break;
	case ENGINEIO_CLOSE:
		engine_close(e, ENGINE_SAY_NOOP, "transport close");
		break;
	case ENGINEIO_PING:
		engine_close(e, ENGINE_SAY_CLOSE, "transport error");
		break;
	default:
		/* open, upgrade and noop say nothing here. */
		break;
	}
}

/* Life cycle */

struct engine *engine_new(struct longpoll *b,
			  const struct engine_user_ops *user,
			  const struct transport_ops *ops,
			  enum wire_format format)
{
	struct engine *e = xcalloc(1, sizeof(*e));

	e->backend = b;
	e->user = user;
	transport_init(&e->transport, ops, b->base.env.hub, &b->base.stats,
		       format);
	random_id(e->sid, ENGINE_SID_CHARS);
	map_put(&b->by_sid, slice_str(e->sid), e);
	http_owner_init(&e->owner);
	list_init(&e->link);
	list_append(&b->engines, &e->link);
	timer_init(&e->heartbeat, beat);
	timer_arm(engine_wheel(e), &e->heartbeat,
		  engine_options(e)->ping_interval_ms);
	b->base.stats.connections++;
	b->base.stats.websockets += format == FORMAT_EIO_WS;
	return e;
}

void engine_add_open(const struct engine *e, struct buf *b, bool upgrade)
{
	const struct backend_options *o = engine_options(e);
	struct engineio_open open = {
		.upgrade = upgrade && o->transport_websocket,
		.ping_interval_ms = (unsigned)o->ping_interval_ms,
		.ping_timeout_ms = (unsigned)o->ping_timeout_ms,
		.max_payload = o->max_payload,
	};

	memcpy(open.sid, e->sid, sizeof(e->sid));
	CHECK(buf_add_char(b, '0') == ERR_OK);
	CHECK(engineio_encode_open(b, &open) == ERR_OK);
}

void engine_close(struct engine *e, enum engine_farewell farewell,
		  const char *why)
{
	if (e->closed)
		return;
	e->closed = true;
	e->farewell = (uint8_t)farewell;
	e->why = why;
	e->transport.kicked = true;
	timer_cancel(&e->heartbeat);
	polling_end(e);
	if (e->lingers)
		timer_arm(engine_wheel(e), &e->heartbeat, LINGER_MS);
	else
		map_remove(&e->backend->by_sid, slice_str(e->sid));
	upgrade_abandon(e);
	carrier_end(e);
	reaper_add(&e->backend->reaper, &e->link);
}

void engine_release(struct engine *e)
{
	if (!e->told || e->carrier || e->lingers)
		return;
	list_remove(&e->link);
	e->backend->base.stats.connections--;
	e->backend->base.stats.websockets -=
		e->transport.format == FORMAT_EIO_WS;
	http_owner_release(&e->owner);
	transport_release(&e->transport);
	free(e);
}

void engine_reap(struct list *link)
{
	struct engine *e = list_entry(link, struct engine, link);

	list_append(&e->backend->leaving, &e->link);
	e->user->closed(e, e->why);
	e->told = true;
	if (e->backend->draining)
		engine_vanish(e);
	else
		engine_release(e);
}

void engine_vanish(struct engine *e)
{
	if (e->lingers) {
		e->lingers = false;
		timer_cancel(&e->heartbeat);
		map_remove(&e->backend->by_sid, slice_str(e->sid));
	}
	engine_release(e);
}
