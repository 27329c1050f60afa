/* SPDX-License-Identifier: MIT */
#include "servers/core/hub.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/random.h"
#include "servers/core/join.h"
#include "servers/core/nsp.h"
#include "servers/wire/deflate.h"
#include "servers/wire/envelope.h"
#include "servers/wire/socketio.h"

/* How many flushes go between two looks at the clock. */
#define HUB_FLUSH_STRIDE 32

const struct hub_options hub_defaults = {
	.queue = {.messages = 1024, .bytes = 4 * 1024 * 1024},
	.slow = SLOW_DISCONNECT,
	.history = {.history_messages = 256, .history_bytes = 1024 * 1024},
	.room_retention_ms = 120000,
	.recovery_window_ms = 0,
	.max_rooms = 100000,
	.max_rooms_per_session = 1024,
	.fragment = 65536,
	.namespaces = NULL,
};

static struct transport *hub_pop(struct list *transports)
{
	struct list *first = transports->next;

	if (first == transports)
		return NULL;
	list_remove(first);
	return list_entry(first, struct transport, dirty);
}

/*
 * One slice: those that became dirty in this tick and those left over from
 * earlier ones take turns. A transport that is dirty again after its flush has
 * its next turn in the next tick.
 */
static bool hub_flush_slice(struct loop_hook *hook)
{
	struct hub *h = container_of(hook, struct hub, flush_hook);
	struct clock *clock = loop_clock(h->loop);
	uint64_t end_ns = 0;
	struct list fresh;

	h->pushed_this_tick = 0;
	h->flushed_ns = loop_now_ns(h->loop);
	list_init(&fresh);
	list_splice(&fresh, &h->dirty);
	for (unsigned n = 0;; n++) {
		struct transport *t = hub_pop(n & 1 ? &h->backlog : &fresh);

		if (!t)
			t = hub_pop(n & 1 ? &fresh : &h->backlog);
		if (!t)
			break;
		t->ops->flush(t);
		if (n % HUB_FLUSH_STRIDE != HUB_FLUSH_STRIDE - 1)
			continue;
		if (!end_ns)
			end_ns = clock_ns(clock) + HUB_SLICE_NS;
		else if (clock_ns(clock) >= end_ns)
			break;
	}
	list_splice(&h->backlog, &fresh);
	if (!list_empty(&h->backlog) || !list_empty(&h->dirty))
		return true;
	join_cache_clear(h->joins);
	return false;
}

/* Life cycle */

/* A name for the node's life, of letters and digits only. */
static void hub_make_epoch(struct hub *h)
{
	random_id(h->epoch, HUB_EPOCH_CHARS);
	for (char *c = h->epoch; *c; c++)
		if (*c == '-' || *c == '_')
			*c = *c == '-' ? 'x' : 'y';
}

struct hub *hub_new(struct loop *loop, const struct hub_options *options,
		    const struct app_ops *app)
{
	struct hub *h = xcalloc(1, sizeof(*h));

	h->loop = loop;
	h->options = *options;
	h->app = app;
	map_init(&h->nsps);
	list_init(&h->dirty);
	list_init(&h->backlog);
	list_init(&h->idle_rooms);
	timer_init(&h->room_timer, nsp_expire_rooms);
	h->joins = join_cache_new();
	asks_init(&h->asks);
	recovery_init(&h->recovery, loop_wheel(loop),
		      options->recovery_window_ms);
	/* What a session may come back to is kept for as long as it may. */
	if (h->options.room_retention_ms < options->recovery_window_ms)
		h->options.room_retention_ms = options->recovery_window_ms;
	h->bus = bus_local_new(h);
	h->encoder.epoch = h->epoch;
	h->encoder.fragment = options->fragment;
	h->encoder.offsets = options->recovery_window_ms > 0;
	h->flushed_ns = UINT64_MAX;
	hub_make_epoch(h);
	h->flush_hook.run = hub_flush_slice;
	loop_add_hook(loop, &h->flush_hook);
	return h;
}

void hub_use_bus(struct hub *h, struct bus *bus)
{
	if (h->bus)
		h->bus->ops->close(h->bus);
	h->bus = bus;
}

void hub_free(struct hub *h)
{
	struct nsp *n;
	size_t cursor = 0;

	if (!h)
		return;
	CHECK(h->session_count == 0);
	loop_remove_hook(&h->flush_hook);
	join_cache_free(h->joins);
	asks_release(&h->asks);
	recovery_release(&h->recovery);
	hub_use_bus(h, NULL);
	while ((n = map_next(&h->nsps, &cursor)))
		nsp_free(n);
	timer_cancel(&h->room_timer);
	map_release(&h->nsps);
	deflater_free(h->encoder.deflater);
	free(h);
}

/* Messages */

enum err hub_publish(struct hub *h, const struct publication *p, uint64_t *seq)
{
	struct msg_event e = {
		.nsp = p->nsp,
		.room = p->everyone ? (struct slice){NULL, 0} : p->room,
		.event = p->event,
		.data = p->data,
		.from = p->from,
		.flags = p->flags | (p->except ? MSG_NOT_SELF : 0),
		.attachments = p->attachments,
		.attachment_count = p->attachment_count,
		.ask = p->ask,
	};
	struct nsp *n;
	struct room *r;
	struct msg *m;
	enum err err;

	if (!(p->everyone || envelope_name_valid(p->room)) ||
	    !envelope_name_valid(p->event) || socketio_reserved_event(p->event))
		return ERR_USAGE;
	err = nsp_open(h, p->nsp, &n);
	if (err != ERR_OK)
		return err;
	err = nsp_open_room(n, e.room, &r);
	if (err != ERR_OK) {
		nsp_drop_if_unused(n);
		return err;
	}
	m = msg_new_event(&e);
	h->published++;
	err = h->bus->ops->publish(h->bus, m, p->except);
	if (seq)
		*seq = m->seq;
	msg_unref(m);
	return err;
}

/*
 * The hot loop: what it does is done for every delivery. References are taken
 * for all members before and given back after for those who got none.
 */
static uint32_t hub_fan_out(const struct hub *h, struct list *dirty,
			    const struct room *r, struct msg *m,
			    const struct session *except)
{
	const struct outq_limits *limits = &h->options.queue;
	const struct member *end = r->members + r->count;
	bool is_volatile = (m->flags & MSG_VOLATILE) != 0;
	uint32_t pushed = 0;

	m->refs += r->count;
	for (const struct member *i = r->members; i < end; i++) {
		struct transport *t = i->session->transport;

		if (i->session == except || t->kicked || t->closing)
			continue;
		if (is_volatile || !outq_put_event(&t->q, limits, m)) {
			transport_send(t, m);
			continue;
		}
		pushed++;
		if (!list_linked(&t->dirty))
			list_append(dirty, &t->dirty);
	}
	m->refs -= r->count - pushed;
	return pushed;
}

void hub_deliver(struct hub *h, struct msg *m, const struct session *except)
{
	struct nsp *n = hub_nsp(h, m->nsp);
	struct room *r = n ? nsp_room(n, m->room) : NULL;

	if (!r)
		return; /* another node's room, and nobody is in it here */
	m->encoder = &h->encoder;
	m->position = ++h->position;
	room_record(r, m, &h->options.history);
	if (r->count == 0) {
		nsp_room_touch(r);
		return;
	}
	if (m->ask)
		ask_await(h, m->ask, r, except);
	h->pushed_this_tick += hub_fan_out(h, &h->dirty, r, m, except);
	if (!list_empty(&h->dirty))
		hub_wake(h);
}

static void hub_send(struct session *s, const struct msg_event *e)
{
	struct msg *m = msg_new_event(e);

	recovery_record(s, m);
	transport_send(s->transport, m);
	msg_unref(m);
}

void hub_emit(struct session *s, struct slice event, struct slice data)
{
	struct msg_event e = {
		.nsp = s->nsp->name,
		.event = event,
		.data = data,
		.flags = MSG_BARE,
	};

	hub_send(s, &e);
}

void hub_emit_args(struct session *s, struct slice event, struct slice args,
		   const struct slice *attachments, unsigned count)
{
	struct msg_event e = {
		.nsp = s->nsp->name,
		.event = event,
		.data = args,
		.flags = MSG_BARE | MSG_ARGS,
		.attachments = attachments,
		.attachment_count = count,
	};

	hub_send(s, &e);
}

void hub_flush(struct hub *h)
{
	struct transport *t;
	struct list all;

	list_init(&all);
	list_splice(&all, &h->backlog);
	list_splice(&all, &h->dirty);
	while ((t = hub_pop(&all)))
		t->ops->flush(t);
	if (list_empty(&h->dirty))
		join_cache_clear(h->joins);
}

void hub_wake(struct hub *h)
{
	if (h->flushed_ns == loop_now_ns(h->loop))
		loop_wake_within(h->loop, 0);
}

struct nsp *hub_nsp(struct hub *h, struct slice name)
{
	return map_get(&h->nsps, name);
}
