/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>

#include "servers/base/check.h"
#include "servers/core/fake_backend.h"
#include "servers/core/hub.h"

static void join(struct session *s, const char *room)
{
	cr_assert_eq(hub_join(s, slice_str(room)), ERR_OK);
}

Test(core, members_of_a_room_get_what_is_published)
{
	struct fake_node n;
	struct fake a, b, c;
	struct session *x, *y, *z;

	fake_node_init(&n, NULL, NULL);
	fake_init(&a, n.hub, FORMAT_WS);
	fake_init(&b, n.hub, FORMAT_SSE);
	fake_init(&c, n.hub, FORMAT_WS);
	x = fake_connect(&a, "/");
	y = fake_connect(&b, "/");
	z = fake_connect(&c, "/other");
	join(x, "r");
	join(x, "r");
	join(y, "r");
	join(z, "r");
	cr_assert_eq(fake_node_publish(&n, "r", "11"), 1);
	cr_assert_eq(fake_node_publish(&n, "r", "12"), 2);
	cr_assert_eq(fake_node_publish(&n, "s", "13"), 1);
	cr_assert_eq(a.frames, 0, "nothing is written before the flush");
	fake_node_tick(&n, 1);
	cr_assert_eq(a.frames, 2);
	cr_assert_eq(a.flushes, 1);
	cr_assert_eq(b.frames, 2);
	cr_assert_eq(c.frames, 0, "another namespace");
	cr_assert(fake_wrote(&a, "\"data\":11,\"seq\":1,\"position\":1"));
	cr_assert(fake_wrote(&b, "\"data\":12,\"seq\":2,\"position\":2"));
	cr_assert(fake_wrote(&b, n.hub->epoch));
	cr_assert_eq(a.stats.sessions, 1);
	cr_assert_eq(n.hub->session_count, 3);
	cr_assert_eq(n.hub->published, 3);
	hub_disconnect(x, "end");
	hub_disconnect(y, "end");
	hub_disconnect(z, "end");
	cr_assert_eq(a.stats.sessions, 0);
	fake_release(&a);
	fake_release(&b);
	fake_release(&c);
	fake_node_release(&n);
}

Test(core, one_encoding_serves_all_of_a_format)
{
	struct fake_node n;
	struct fake f[3];
	struct session *s[3];
	struct msg *m;

	fake_node_init(&n, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		fake_init(&f[i], n.hub, FORMAT_EIO_POLLING);
		s[i] = fake_connect(&f[i], "/");
		join(s[i], "r");
	}
	(void)fake_node_publish(&n, "r", "1");
	m = outq_at(&f[0].transport.q, 0);
	cr_assert_eq(outq_at(&f[2].transport.q, 0), m);
	cr_assert_eq(m->refs, 4); /* three queues and the history */
	cr_assert_eq(m->frames[FORMAT_EIO_POLLING].n, 0);
	/* An upgrade in between: the queue is in the new format. */
	f[1].transport.format = FORMAT_EIO_WS;
	fake_node_tick(&n, 1);
	cr_assert_eq(m->refs, 1);
	cr_assert_neq(m->frames[FORMAT_EIO_POLLING].n, 0);
	cr_assert_eq(f[0].written.data[0], '4');
	cr_assert_eq(f[1].written.data[0], (char)0x81);
	for (int i = 0; i < 3; i++) {
		hub_disconnect(s[i], "end");
		fake_release(&f[i]);
	}
	fake_node_release(&n);
}

Test(core, sender_may_be_left_out)
{
	struct fake_node n;
	struct fake a, b;
	struct session *x, *y;
	struct publication p = {.nsp = SLICE("/"),
				.room = SLICE("r"),
				.event = SLICE("e"),
				.data = SLICE("1")};
	uint64_t seq = 0;

	fake_node_init(&n, NULL, NULL);
	fake_init(&a, n.hub, FORMAT_WS);
	fake_init(&b, n.hub, FORMAT_WS);
	x = fake_connect(&a, "/");
	y = fake_connect(&b, "/");
	join(x, "r");
	join(y, "r");
	p.except = x;
	p.from = session_id(x);
	cr_assert_eq(hub_publish(n.hub, &p, &seq), ERR_OK);
	cr_assert_eq(seq, 1);
	hub_flush(n.hub);
	cr_assert_eq(a.frames, 0);
	cr_assert_eq(b.frames, 1);
	cr_assert(fake_wrote(&b, x->id));
	hub_disconnect(x, "end");
	hub_disconnect(y, "end");
	fake_release(&a);
	fake_release(&b);
	fake_node_release(&n);
}

Test(core, bad_publications_are_refused)
{
	static const char *const only[] = {"/", "/chat", NULL};
	struct hub_options o = hub_defaults;
	struct fake_node n;
	struct publication p = {
		.nsp = SLICE("/"), .room = SLICE("r"), .event = SLICE("e")};
	struct publication q = p;

	o.namespaces = only;
	o.max_rooms = 1;
	fake_node_init(&n, &o, NULL);
	q.room = SLICE("");
	cr_assert_eq(hub_publish(n.hub, &q, NULL), ERR_USAGE);
	q.room = SLICE("a\nb");
	cr_assert_eq(hub_publish(n.hub, &q, NULL), ERR_USAGE);
	q = p;
	q.event = SLICE("disconnect");
	cr_assert_eq(hub_publish(n.hub, &q, NULL), ERR_USAGE);
	q.event = SLICE("\x7f");
	cr_assert_eq(hub_publish(n.hub, &q, NULL), ERR_USAGE);
	q = p;
	q.nsp = SLICE("/no");
	cr_assert_eq(hub_publish(n.hub, &q, NULL), ERR_NOTFOUND);
	q.nsp = SLICE("chat");
	cr_assert_eq(hub_publish(n.hub, &q, NULL), ERR_USAGE);
	cr_assert_eq(hub_publish(n.hub, &p, NULL), ERR_OK);
	q.nsp = SLICE("/chat");
	cr_assert_eq(hub_publish(n.hub, &q, NULL), ERR_LIMIT);
	cr_assert_null(hub_nsp(n.hub, SLICE("/chat")), "nothing is left");
	cr_assert_eq(n.hub->published, 1);
	fake_node_release(&n);
}

Test(core, slow_consumer_is_kicked_and_delays_nobody)
{
	struct hub_options o = hub_defaults;
	struct fake_node n;
	struct fake slow, quick;
	struct session *x, *y;

	o.queue.messages = 5;
	fake_node_init(&n, &o, NULL);
	fake_init(&slow, n.hub, FORMAT_WS);
	fake_init(&quick, n.hub, FORMAT_WS);
	x = fake_connect(&slow, "/");
	y = fake_connect(&quick, "/");
	join(x, "r");
	join(y, "r");
	fake_set_writable(&slow, false);
	for (int i = 0; i < 10; i++) {
		(void)fake_node_publish(&n, "r", "1");
		fake_node_tick(&n, 1);
	}
	cr_assert_eq(quick.frames, 10);
	cr_assert_eq(slow.kicks, 1);
	cr_assert_eq(slow.why, KICK_SLOW);
	cr_assert_eq(slow.stats.dropped, 1);
	cr_assert_eq(slow.transport.q.count, 5);
	/* Who was passed over holds no reference: only the history does. */
	(void)fake_node_publish(&n, "r", "last");
	cr_assert_eq(outq_at(&quick.transport.q, 0)->refs, 2);
	hub_disconnect(x, "slow");
	hub_disconnect(y, "end");
	fake_release(&slow);
	fake_release(&quick);
	fake_node_release(&n);
}

Test(core, volatile_messages_are_for_those_who_keep_up)
{
	struct fake_node n;
	struct fake f;
	struct session *s;
	struct publication p = {.nsp = SLICE("/"),
				.room = SLICE("r"),
				.event = SLICE("e"),
				.flags = MSG_VOLATILE};

	fake_node_init(&n, NULL, NULL);
	fake_init(&f, n.hub, FORMAT_WS);
	s = fake_connect(&f, "/");
	join(s, "r");
	/* A burst within one tick is no reason to drop. */
	for (int i = 0; i < 3; i++)
		cr_assert_eq(hub_publish(n.hub, &p, NULL), ERR_OK);
	fake_node_tick(&n, 1);
	cr_assert_eq(f.frames, 3);
	fake_set_writable(&f, false);
	(void)fake_node_publish(&n, "r", "1");
	fake_node_tick(&n, 1);
	cr_assert_eq(hub_publish(n.hub, &p, NULL), ERR_OK);
	cr_assert_eq(f.stats.dropped, 1);
	cr_assert_eq(f.transport.q.count, 1);
	cr_assert_eq(f.kicks, 0);
	/* It has its number and its place in the history all the same. */
	cr_assert_eq(fake_node_publish(&n, "r", "2"), 6);
	hub_disconnect(s, "end");
	fake_release(&f);
	fake_node_release(&n);
}

/* A flush takes one millisecond of the clock that it runs on. */
struct slow_flush {
	struct transport transport;
	struct backend_stats stats;
	struct clock *clock;
	unsigned flushes;
};

static void slow_flush(struct transport *t)
{
	struct slow_flush *f = container_of(t, struct slow_flush, transport);

	clock_fake_advance_ms(f->clock, 1);
	f->flushes++;
	outq_drop(&t->q, t->q.count);
}

static void no_kick(struct transport *t, enum kick_reason why)
{
	(void)t;
	(void)why;
}

static const struct transport_ops slow_flush_ops = {
	.flush = slow_flush,
	.kick = no_kick,
};

static unsigned flushed(const struct slow_flush *f, unsigned count)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += f[i].flushes;
	return n;
}

Test(core, fan_out_is_cut_into_slices)
{
	static struct slow_flush f[200], late;
	struct fake_node n;

	fake_node_init(&n, NULL, NULL);
	for (int i = 0; i < 200; i++) {
		f[i].clock = &n.clock;
		transport_init(&f[i].transport, &slow_flush_ops, n.hub,
			       &f[i].stats, FORMAT_WS);
		transport_mark_dirty(&f[i].transport);
	}
	late.clock = &n.clock;
	transport_init(&late.transport, &slow_flush_ops, n.hub, &late.stats,
		       FORMAT_WS);
	/* The clock is looked at after 32 and 64 flushes. */
	cr_assert(n.hub->flush_hook.run(&n.hub->flush_hook));
	cr_assert_eq(flushed(f, 200), 64);
	/* Who becomes dirty later takes turns with those left over. */
	transport_mark_dirty(&late.transport);
	cr_assert(n.hub->flush_hook.run(&n.hub->flush_hook));
	cr_assert_eq(late.flushes, 1);
	cr_assert_eq(flushed(f, 200), 127);
	/* One that is released in between is skipped. */
	transport_release(&f[190].transport);
	while (n.hub->flush_hook.run(&n.hub->flush_hook))
		;
	cr_assert_eq(flushed(f, 200), 199);
	cr_assert_eq(f[190].flushes, 0);
	for (int i = 0; i < 200; i++)
		cr_assert_leq(f[i].flushes, 1);
	fake_node_release(&n);
}

Test(core, whole_flush_is_not_cut)
{
	static struct slow_flush f[100];
	struct fake_node n;

	fake_node_init(&n, NULL, NULL);
	for (int i = 0; i < 100; i++) {
		f[i].clock = &n.clock;
		transport_init(&f[i].transport, &slow_flush_ops, n.hub,
			       &f[i].stats, FORMAT_WS);
		transport_mark_dirty(&f[i].transport);
	}
	hub_flush(n.hub);
	cr_assert_eq(flushed(f, 100), 100);
	fake_node_release(&n);
}

static void flush_again(struct transport *t)
{
	struct slow_flush *f = container_of(t, struct slow_flush, transport);

	f->flushes++;
	transport_mark_dirty(t);
}

static const struct transport_ops again_ops = {
	.flush = flush_again,
	.kick = no_kick,
};

Test(core, transport_dirty_after_its_flush_waits_for_the_next_tick)
{
	struct slow_flush f = {.flushes = 0};
	struct fake_node n;

	fake_node_init(&n, NULL, NULL);
	transport_init(&f.transport, &again_ops, n.hub, &f.stats, FORMAT_WS);
	transport_mark_dirty(&f.transport);
	cr_assert(n.hub->flush_hook.run(&n.hub->flush_hook));
	cr_assert_eq(f.flushes, 1);
	hub_flush(n.hub);
	cr_assert_eq(f.flushes, 2);
	transport_release(&f.transport);
	fake_node_release(&n);
}

Test(core, readers_are_told_to_stop_when_much_is_queued)
{
	struct fake_node n;
	struct fake f;
	struct session *s;

	fake_node_init(&n, NULL, NULL);
	fake_init(&f, n.hub, FORMAT_WS);
	s = fake_connect(&f, "/");
	join(s, "r");
	n.hub->pushed_this_tick = 20000;
	cr_assert_not(hub_busy(n.hub));
	(void)fake_node_publish(&n, "r", "1");
	cr_assert(hub_busy(n.hub));
	fake_node_tick(&n, 1);
	cr_assert_not(hub_busy(n.hub));
	hub_disconnect(s, "end");
	fake_release(&f);
	fake_node_release(&n);
}

/* What apps may do in their callbacks. */
static unsigned told;

static enum err admit_some(struct hub *h, const struct connect_info *info,
			   struct refusal *why)
{
	(void)h;
	if (!slice_is(info->nsp, "/private") || info->auth.n)
		return ERR_OK;
	why->message = "unauthorized";
	return ERR_REFUSED;
}

static void enter_lobby(struct hub *h, struct session *s,
			const struct connect_info *info)
{
	(void)h;
	(void)info;
	cr_assert_eq(hub_join(s, SLICE("lobby")), ERR_OK);
}

static void publish_left(struct hub *h, struct session *s, const char *reason)
{
	struct publication p = {.nsp = s->nsp->name,
				.room = SLICE("lobby"),
				.event = SLICE("left"),
				.from = session_id(s)};

	cr_assert_str_eq(reason, "gone");
	cr_assert_eq(s->room_count, 0);
	cr_assert_eq(hub_publish(h, &p, NULL), ERR_OK);
	told++;
}

static const char *const app_namespaces[] = {"/", "/private", NULL};

static const struct app_ops doorman = {
	.name = "doorman",
	.namespaces = app_namespaces,
	.admit = admit_some,
	.on_connect = enter_lobby,
	.on_message = app_ignore_message,
	.on_disconnect = publish_left,
};

Test(core, app_may_refuse_and_publish)
{
	struct fake_node n;
	struct fake a, b;
	struct session *x, *y, *none = NULL;
	struct connect_info info = {.nsp = SLICE("/private")};
	struct refusal why = {NULL, NULL};

	fake_node_init(&n, NULL, &doorman);
	fake_init(&a, n.hub, FORMAT_WS);
	fake_init(&b, n.hub, FORMAT_WS);
	cr_assert_eq(hub_connect(n.hub, &info, &a.transport, &why, &none),
		     ERR_REFUSED);
	cr_assert_str_eq(why.message, "unauthorized");
	cr_assert_null(none);
	cr_assert_eq(n.hub->session_count, 0);
	cr_assert_eq(n.hub->room_count, 0);
	cr_assert_eq(n.hub->nsps.count, 0);
	cr_assert_eq(hub_admit(n.hub, &info, &why), ERR_REFUSED);
	info.auth = SLICE("{}");
	cr_assert_eq(hub_admit(n.hub, &info, &why), ERR_OK);
	cr_assert_eq(n.hub->nsps.count, 0, "asking makes nothing");
	info.nsp = SLICE("/unknown");
	cr_assert_eq(hub_connect(n.hub, &info, &a.transport, &why, &none),
		     ERR_NOTFOUND);
	x = fake_connect(&a, "/");
	y = fake_connect(&b, "/");
	hub_disconnect(x, "gone");
	cr_assert_eq(told, 1);
	fake_node_tick(&n, 1);
	cr_assert_eq(a.frames, 0);
	cr_assert(fake_wrote(&b, "\"event\":\"left\""));
	hub_disconnect(y, "gone");
	fake_release(&a);
	fake_release(&b);
	fake_node_release(&n);
}

Test(core, namespace_names_are_checked)
{
	static const char *const bad[] = {"", "x", "/a,b", "/a?b", "/a\n"};
	struct fake_node n;
	struct fake f;
	struct session *s = NULL;
	struct refusal why = {NULL, NULL};
	char name[257];

	fake_node_init(&n, NULL, NULL);
	fake_init(&f, n.hub, FORMAT_WS);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct connect_info info = {.nsp = slice_str(bad[i])};

		cr_assert_eq(hub_connect(n.hub, &info, &f.transport, &why, &s),
			     ERR_USAGE, "%s", bad[i]);
	}
	memset(name, '/', sizeof(name));
	name[256] = '\0';
	cr_assert_eq(hub_connect(n.hub,
				 &(struct connect_info){.nsp = {name, 256}},
				 &f.transport, &why, &s),
		     ERR_USAGE);
	name[255] = '\0';
	s = fake_connect(&f, name);
	cr_assert_eq(n.hub->nsps.count, 1);
	hub_disconnect(s, "end");
	cr_assert_eq(n.hub->nsps.count, 0);
	fake_release(&f);
	fake_node_release(&n);
}

Test(core, rooms_of_a_session_are_limited)
{
	struct hub_options o = hub_defaults;
	struct fake_node n;
	struct fake f;
	struct session *s;

	o.max_rooms_per_session = 2;
	fake_node_init(&n, &o, NULL);
	fake_init(&f, n.hub, FORMAT_WS);
	s = fake_connect(&f, "/");
	join(s, "a");
	join(s, "b");
	cr_assert_eq(hub_join(s, SLICE("c")), ERR_LIMIT);
	cr_assert_eq(hub_join(s, SLICE("a")), ERR_OK, "it is a member");
	cr_assert_eq(hub_join(s, SLICE("")), ERR_USAGE);
	cr_assert_eq(hub_leave(s, SLICE("\t")), ERR_USAGE);
	cr_assert_eq(hub_leave(s, SLICE("never")), ERR_OK);
	cr_assert_eq(hub_leave(s, SLICE("a")), ERR_OK);
	cr_assert_eq(hub_leave(s, SLICE("a")), ERR_OK);
	cr_assert_eq(hub_join(s, SLICE("c")), ERR_OK);
	cr_assert_eq(n.hub->room_count, 2);
	hub_disconnect(s, "end");
	cr_assert_eq(n.hub->room_count, 0, "no message, no past to keep");
	fake_release(&f);
	fake_node_release(&n);
}

/* A hook after the hub's, as the HTTP front's is, that publishes once. */
struct late_hook {
	struct loop_hook hook;
	struct fake_node *node;
	bool done;
};

static bool publish_late(struct loop_hook *hook)
{
	struct late_hook *l = container_of(hook, struct late_hook, hook);

	if (!l->done)
		(void)fake_node_publish(l->node, "r", "1");
	l->done = true;
	return false;
}

Test(core, what_is_published_after_the_flush_does_not_wait)
{
	struct fake_node n;
	struct fake f;
	struct session *s;
	struct late_hook late = {.hook = {.run = publish_late}, .node = &n};

	fake_node_init(&n, NULL, NULL);
	fake_init(&f, n.hub, FORMAT_WS);
	s = fake_connect(&f, "/");
	join(s, "r");
	loop_add_hook(n.loop, &late.hook);
	cr_assert_eq(loop_tick(n.loop, 0), ERR_OK);
	cr_assert(late.done);
	cr_assert_eq(f.frames, 0);
	/* Waits for ever unless somebody asked for a tick without sleep. */
	cr_assert_eq(loop_tick(n.loop, -1), ERR_OK);
	cr_assert_eq(f.frames, 1);
	loop_remove_hook(&late.hook);
	hub_disconnect(s, "end");
	fake_release(&f);
	fake_node_release(&n);
}

/* A bus that counts. */
struct counting_bus {
	struct bus bus;
	unsigned published, rooms, closed;
};

static enum err counting_publish(struct bus *b, struct msg *m,
				 const void *except)
{
	container_of(b, struct counting_bus, bus)->published++;
	hub_deliver(b->hub, m, except);
	return ERR_OK;
}

static void counting_subscribe(struct bus *b, struct slice nsp,
			       struct slice room)
{
	cr_assert(slice_is(nsp, "/"));
	cr_assert(slice_is(room, "r"));
	container_of(b, struct counting_bus, bus)->rooms++;
}

static void counting_unsubscribe(struct bus *b, struct slice nsp,
				 struct slice room)
{
	cr_assert(slice_is(nsp, "/"));
	cr_assert(slice_is(room, "r"));
	container_of(b, struct counting_bus, bus)->rooms--;
}

static void counting_close(struct bus *b)
{
	container_of(b, struct counting_bus, bus)->closed++;
}

static const struct bus_ops counting_ops = {
	.name = "counting",
	.publish = counting_publish,
	.subscribe = counting_subscribe,
	.unsubscribe = counting_unsubscribe,
	.close = counting_close,
};

Test(core, bus_sees_every_message_and_room)
{
	struct fake_node n;
	struct counting_bus bus = {.bus = {.ops = &counting_ops}};
	struct msg_event stray = {.nsp = SLICE("/"),
				  .room = SLICE("unknown"),
				  .event = SLICE("e")};
	struct msg *m;

	fake_node_init(&n, NULL, NULL);
	cr_assert_str_eq(n.hub->bus->ops->name, "local");
	bus.bus.hub = n.hub;
	hub_use_bus(n.hub, &bus.bus);
	(void)fake_node_publish(&n, "r", "1");
	(void)fake_node_publish(&n, "r", "2");
	cr_assert_eq(bus.published, 2);
	cr_assert_eq(bus.rooms, 1);
	/* Another node's message for a room that nobody has here. */
	m = msg_new_event(&stray);
	hub_deliver(n.hub, m, NULL);
	cr_assert_eq(m->seq, 0);
	msg_unref(m);
	fake_node_tick(&n, hub_defaults.room_retention_ms);
	cr_assert_eq(bus.rooms, 0);
	fake_node_release(&n);
	cr_assert_eq(bus.closed, 1);
}

Test(core, idle_rooms_go_when_their_retention_is_over)
{
	struct hub_options o = hub_defaults;
	struct fake_node n;
	struct fake f;
	struct session *s;

	o.room_retention_ms = 1000;
	fake_node_init(&n, &o, NULL);
	fake_init(&f, n.hub, FORMAT_WS);
	s = fake_connect(&f, "/");
	join(s, "kept");
	(void)fake_node_publish(&n, "kept", "1");
	(void)fake_node_publish(&n, "alone", "1");
	fake_node_tick(&n, 999);
	cr_assert_eq(n.hub->room_count, 2);
	fake_node_tick(&n, 1);
	cr_assert_eq(n.hub->room_count, 1);
	/* A publication starts the retention again, a member ends it. */
	hub_disconnect(s, "end");
	cr_assert_eq(n.hub->room_count, 1);
	fake_node_tick(&n, 900);
	(void)fake_node_publish(&n, "kept", "2");
	fake_node_tick(&n, 900);
	cr_assert_eq(fake_node_publish(&n, "kept", "3"), 3);
	s = fake_connect(&f, "/");
	join(s, "kept");
	fake_node_tick(&n, 5000);
	cr_assert_eq(n.hub->room_count, 1);
	cr_assert_not(timer_armed(&n.hub->room_timer));
	cr_assert_eq(hub_leave(s, SLICE("kept")), ERR_OK);
	cr_assert(timer_armed(&n.hub->room_timer));
	fake_node_tick(&n, 1000);
	cr_assert_eq(n.hub->room_count, 0);
	cr_assert_eq(fake_node_publish(&n, "kept", "4"), 1);
	hub_disconnect(s, "end");
	fake_release(&f);
	fake_node_release(&n);
}

Test(core, rooms_expire_in_the_order_of_their_last_message)
{
	struct fake_node n;

	fake_node_init(&n, NULL, NULL);
	n.hub->options.room_retention_ms = 1000;
	(void)fake_node_publish(&n, "a", "1");
	(void)fake_node_publish(&n, "b", "1");
	fake_node_tick(&n, 500);
	(void)fake_node_publish(&n, "a", "2");
	fake_node_tick(&n, 500);
	cr_assert_eq(n.hub->room_count, 1);
	cr_assert_eq(fake_node_publish(&n, "a", "3"), 3);
	fake_node_release(&n);
}

Test(core, many_rooms_expire_in_several_steps)
{
	struct fake_node n;
	char name[16];

	fake_node_init(&n, NULL, NULL);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "r%d", i);
		(void)fake_node_publish(&n, name, "1");
	}
	fake_node_tick(&n, hub_defaults.room_retention_ms);
	cr_assert_gt(n.hub->room_count, 0);
	cr_assert_lt(n.hub->room_count, 200);
	for (int i = 0; i < 5; i++)
		fake_node_tick(&n, 1);
	cr_assert_eq(n.hub->room_count, 0);
	cr_assert_eq(n.hub->nsps.count, 0);
	fake_node_release(&n);
}

Test(core, connection_is_small)
{
	/* A plain one: transport, session, one membership on both sides. */
	cr_assert_leq(sizeof(struct transport) + sizeof(struct session) +
			      sizeof(struct membership) + sizeof(struct member),
		      256);
}

Test(core, backend_double_starts_and_stops)
{
	struct fake_node n;
	struct backend_env env = {.options = &backend_defaults};
	struct backend *b;

	fake_node_init(&n, NULL, NULL);
	env.hub = n.hub;
	env.loop = n.loop;
	b = fake_backend.start(&env);
	cr_assert_str_eq(b->ops->name, "fake");
	cr_assert_eq(b->env.options->ping_interval_ms, 25000);
	cr_assert_eq(b->env.options->max_payload, 1000000);
	b->ops->drain(b);
	b->ops->stop(b);
	fake_node_release(&n);
}

/* As with the reference: a client that polls is not writable in between. */
Test(hub, volatile_events_are_for_those_who_poll)
{
	struct publication p = {.nsp = SLICE("/"),
				.room = SLICE("r"),
				.event = SLICE("e"),
				.data = SLICE("1"),
				.flags = MSG_VOLATILE};
	struct fake_node n;
	struct fake peer;
	struct session *s;

	fake_node_init(&n, NULL, NULL);
	fake_init(&peer, n.hub, FORMAT_EIO_POLLING);
	s = fake_connect(&peer, "/");
	cr_assert_eq(hub_join(s, SLICE("r")), ERR_OK);
	peer.transport.unpolled = true;
	cr_assert_eq(hub_publish(n.hub, &p, NULL), ERR_OK);
	cr_assert_eq(peer.transport.q.count, 0);
	cr_assert_eq(peer.stats.dropped, 1);
	peer.transport.unpolled = false;
	cr_assert_eq(hub_publish(n.hub, &p, NULL), ERR_OK);
	cr_assert_eq(peer.transport.q.count, 1);
	/* It has no meaning once the session has gone over to WebSocket. */
	fake_node_tick(&n, 1);
	peer.transport.unpolled = true;
	peer.transport.format = FORMAT_EIO_WS;
	cr_assert_eq(hub_publish(n.hub, &p, NULL), ERR_OK);
	cr_assert_eq(peer.transport.q.count, 1);
	hub_disconnect(s, "end");
	fake_release(&peer);
	fake_node_release(&n);
}
