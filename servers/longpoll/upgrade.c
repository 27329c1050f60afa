/* SPDX-License-Identifier: MIT */
#include "servers/longpoll/upgrade.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/longpoll/polling.h"

/*
 * A client may send one more GET before it reads that its probe was answered.
 * Some are freed at once, so that it need not wait; one that goes on polling
 * is slowed down.
 */
#define FREED_AT_ONCE 4
#define FREE_EVERY_MS 100

struct upgrade {
	struct transport transport;
	struct timer timer; /* the deadline, or the next look at the GET */
	struct carrier *carrier;
	uint64_t deadline_ms;
	unsigned freed;
	bool probed;
};

/* The transport of a WebSocket that is not a session's */

static void flush(struct transport *t)
{
	websocket_flush(
		&container_of(t, struct upgrade, transport)->carrier->socket);
}

static void kick(struct transport *t, enum kick_reason why)
{
	websocket_kick(
		&container_of(t, struct upgrade, transport)->carrier->socket,
		why);
}

static const struct transport_ops transport_ops = {
	.flush = flush,
	.kick = kick,
};

struct transport *upgrade_transport(struct carrier *c)
{
	return &c->upgrade->transport;
}

/* Failing */

void upgrade_detach(struct carrier *c)
{
	if (c->engine)
		c->engine->probe = NULL;
	c->engine = NULL;
	timer_cancel(&c->upgrade->timer);
}

static void fail(struct carrier *c)
{
	upgrade_detach(c);
	websocket_close(&c->socket, WS_CLOSE_NONE, (struct slice){0});
}

void upgrade_abandon(struct engine *e)
{
	if (e->probe)
		fail(e->probe);
}

/* Probing */

static void arm(struct upgrade *u)
{
	struct wheel *w = engine_wheel(u->carrier->engine);
	uint64_t now = wheel_now(w);
	uint64_t left = u->deadline_ms > now ? u->deadline_ms - now : 0;

	if (u->probed && left > FREE_EVERY_MS)
		left = FREE_EVERY_MS;
	timer_arm(w, &u->timer, left);
}

/* What is queued frees the GET by itself. */
static void free_get(struct engine *e)
{
	if (e->poll && e->transport.q.count == 0)
		polling_free_get(e);
}

static void on_timer(struct timer *t)
{
	struct upgrade *u = container_of(t, struct upgrade, timer);
	struct carrier *c = u->carrier;

	if (wheel_now(engine_wheel(c->engine)) >= u->deadline_ms) {
		fail(c);
		return;
	}
	free_get(c->engine);
	arm(u);
}

static void answer_probe(struct carrier *c)
{
	transport_send_private(&c->upgrade->transport, MSG_TEXT,
			       SLICE("3probe"), 0);
	c->upgrade->probed = true;
	c->upgrade->freed++;
	free_get(c->engine);
	polling_probed(c->engine);
	arm(c->upgrade);
}

void upgrade_polled(struct engine *e)
{
	struct upgrade *u = e->probe ? e->probe->upgrade : NULL;

	if (u && u->probed && u->freed < FREED_AT_ONCE) {
		u->freed++;
		free_get(e);
	}
}

/* Taking over */

static void take_over(struct carrier *c)
{
	struct engine *e = c->engine;

	timer_cancel(&c->upgrade->timer);
	polling_free_get(e);
	e->probe = NULL;
	e->carrier = c;
	e->address = slice_str(c->address);
	e->transport.ops = &carrier_transport_ops;
	e->transport.format = FORMAT_EIO_WS;
	e->transport.stats->websockets++;
	websocket_carry(&c->socket, &e->transport);
	upgrade_free(c);
	engine_moved(e);
	polling_resume(e);
}

/*
 * A session that says goodbye does so in polling; and a client whose POST is
 * still being handled has not waited for the answer, as it must: what it says
 * here would overtake what it said there.
 */
static bool may_take_over(const struct carrier *c)
{
	const struct engine *e = c->engine;

	return !e->transport.closing && !polling_posts(e) &&
	       !c->upgrade->transport.closing;
}

void upgrade_receive(struct carrier *c, struct slice packet, bool binary)
{
	if (!c->engine)
		return;
	if (!binary && slice_is(packet, "2probe"))
		answer_probe(c);
	else if (!binary && packet.n > 0 && packet.p[0] == '5' &&
		 may_take_over(c))
		take_over(c);
	else
		fail(c);
}

/* Life cycle */

void upgrade_begin(struct carrier *c, struct longpoll *b)
{
	struct upgrade *u = xcalloc(1, sizeof(*u));

	u->carrier = c;
	transport_init(&u->transport, &transport_ops, b->base.env.hub,
		       &b->base.stats, FORMAT_EIO_WS);
	timer_init(&u->timer, on_timer);
	c->upgrade = u;
}

bool upgrade_offer(struct carrier *c, struct engine *e)
{
	struct upgrade *u = c->upgrade;

	if (e->carrier || e->probe || e->closed)
		return false;
	c->engine = e;
	e->probe = c;
	u->deadline_ms = wheel_now(engine_wheel(e)) +
			 engine_options(e)->upgrade_timeout_ms;
	arm(u);
	return true;
}

void upgrade_free(struct carrier *c)
{
	if (!c->upgrade)
		return;
	transport_release(&c->upgrade->transport);
	free(c->upgrade);
	c->upgrade = NULL;
}
