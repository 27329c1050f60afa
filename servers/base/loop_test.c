/* SPDX-License-Identifier: MIT */
#include "servers/base/loop.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "servers/base/check.h"

/* An eventfd in a loop that counts its events and may act on another one. */
struct peer {
	struct loop_fd io;
	struct loop *loop;
	int events;
	uint32_t last;
	struct peer *removes;
	int again; /* how many times to ask for another event */
	bool stops;
	bool alive_after;
};

static void peer_event(struct loop_fd *f, uint32_t events)
{
	struct peer *p = container_of(f, struct peer, io);

	p->events++;
	p->last = events;
	if (p->again > 0) {
		p->again--;
		loop_again(p->loop, f, EPOLLIN);
	}
	if (p->stops)
		loop_stop(p->loop);
	if (p->removes)
		loop_remove(p->loop, &p->removes->io);
	p->alive_after = loop_dispatching(p->loop, f);
}

static struct loop *new_loop(struct clock *clock)
{
	struct loop *l = NULL;

	cr_assert_eq(loop_new(clock, &l), ERR_OK);
	return l;
}

/* Ready at once when `count` is not 0. */
static void peer_init(struct peer *p, struct loop *l, unsigned count)
{
	int fd = eventfd(count, EFD_NONBLOCK | EFD_CLOEXEC);

	*p = (struct peer){.loop = l};
	cr_assert_geq(fd, 0);
	cr_assert_eq(loop_add(l, &p->io, fd, EPOLLIN | EPOLLET, peer_event),
		     ERR_OK);
}

static void peer_release(struct peer *p, int fd)
{
	loop_remove(p->loop, &p->io);
	(void)close(fd);
}

static void tick(struct loop *l, int ms)
{
	cr_assert_eq(loop_tick(l, ms), ERR_OK);
}

Test(loop, dispatches_what_is_ready_and_only_that)
{
	struct loop *l = new_loop(&clock_monotonic);
	struct peer ready;
	struct peer idle;

	peer_init(&ready, l, 1);
	peer_init(&idle, l, 0);
	tick(l, 0);
	tick(l, 0);
	cr_assert_eq(ready.events, 1);
	cr_assert_eq(ready.last, EPOLLIN);
	cr_assert(ready.alive_after);
	cr_assert_not(loop_dispatching(l, &ready.io));
	cr_assert_eq(idle.events, 0);
	peer_release(&ready, ready.io.fd);
	peer_release(&idle, idle.io.fd);
	loop_free(l);
}

Test(loop, a_removed_descriptor_is_skipped_in_the_same_batch)
{
	struct loop *l = new_loop(&clock_monotonic);
	struct peer p[2];
	int fds[2];

	for (int i = 0; i < 2; i++) {
		peer_init(&p[i], l, 1);
		fds[i] = p[i].io.fd;
		p[i].removes = &p[1 - i];
	}
	tick(l, 0);
	cr_assert_eq(p[0].events + p[1].events, 1);
	tick(l, 0);
	cr_assert_eq(p[0].events + p[1].events, 1);
	peer_release(&p[0], fds[0]);
	peer_release(&p[1], fds[1]);
	loop_free(l);
}

Test(loop, removing_itself_is_seen_and_idempotent)
{
	struct loop *l = new_loop(&clock_monotonic);
	struct peer p;
	int fd;

	peer_init(&p, l, 1);
	fd = p.io.fd;
	p.removes = &p;
	p.again = 1;
	tick(l, 0);
	cr_assert_eq(p.events, 1);
	cr_assert_not(p.alive_after);
	cr_assert_eq(p.io.fd, -1);
	tick(l, 0);
	cr_assert_eq(p.events, 1);
	peer_release(&p, fd);
	loop_free(l);
}

Test(loop, again_comes_once_a_tick_without_sleeping)
{
	struct loop *l = new_loop(&clock_monotonic);
	struct peer p;

	peer_init(&p, l, 1);
	p.again = 2;
	tick(l, 0);
	cr_assert_eq(p.events, 1);
	tick(l, 10000); /* would time the test out if it slept */
	cr_assert_eq(p.events, 2);
	tick(l, 10000);
	cr_assert_eq(p.events, 3);
	tick(l, 0);
	cr_assert_eq(p.events, 3);
	peer_release(&p, p.io.fd);
	loop_free(l);
}

Test(loop, again_survives_the_removal_of_others)
{
	enum { COUNT = 40 };
	struct loop *l = new_loop(&clock_monotonic);
	struct peer p[COUNT];
	int fds[COUNT];

	for (int i = 0; i < COUNT; i++) {
		peer_init(&p[i], l, 0);
		fds[i] = p[i].io.fd;
		loop_again(l, &p[i].io, EPOLLIN);
		loop_again(l, &p[i].io, EPOLLOUT);
	}
	/* Each even one removes the next, which is deferred like itself. */
	for (int i = 0; i < COUNT; i += 2) {
		p[i].removes = &p[i + 1];
		p[i].again = 1;
	}
	tick(l, 0);
	tick(l, 0);
	tick(l, 0);
	for (int i = 0; i < COUNT; i++) {
		cr_assert_eq(p[i].events, i % 2 == 0 ? 2 : 0);
		peer_release(&p[i], fds[i]);
	}
	cr_assert_eq(p[0].last, EPOLLIN);
	loop_free(l);
}

Test(loop, again_merges_what_is_asked_twice)
{
	struct loop *l = new_loop(&clock_monotonic);
	struct peer p;

	peer_init(&p, l, 0);
	loop_again(l, &p.io, EPOLLIN);
	loop_again(l, &p.io, EPOLLHUP);
	tick(l, 0);
	cr_assert_eq(p.events, 1);
	cr_assert_eq(p.last, EPOLLIN | EPOLLHUP);
	peer_release(&p, p.io.fd);
	loop_again(l, &p.io, EPOLLIN); /* not registered: nothing to come */
	tick(l, 0);
	cr_assert_eq(p.events, 1);
	loop_free(l);
}

Test(loop, more_than_one_batch_is_served)
{
	enum { COUNT = 600 };
	static struct peer p[COUNT];
	struct loop *l = new_loop(&clock_monotonic);
	int total = 0;

	for (int i = 0; i < COUNT; i++)
		peer_init(&p[i], l, 1);
	for (int i = 0; i < 4; i++)
		tick(l, 0);
	for (int i = 0; i < COUNT; i++) {
		total += p[i].events;
		peer_release(&p[i], p[i].io.fd);
	}
	cr_assert_eq(total, COUNT);
	loop_free(l);
}

Test(loop, refuses_what_epoll_refuses)
{
	struct loop *l = new_loop(&clock_monotonic);
	struct loop_fd f;

	cr_assert_eq(loop_add(l, &f, 100000, EPOLLIN, peer_event), ERR_IO);
	cr_assert_eq(f.fd, -1);
	loop_remove(l, &f);
	loop_free(l);
}

struct alarm {
	struct timer timer;
	struct loop *loop;
	struct peer *removes;
	int fired;
};

static void alarm_fire(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);

	a->fired++;
	if (a->removes)
		loop_remove(a->loop, &a->removes->io);
}

Test(loop, timers_follow_the_clock_and_come_before_descriptors)
{
	struct clock clock;
	struct loop *l;
	struct alarm a = {0};
	struct peer p;
	int fd;

	clock_fake_init(&clock, 5000000);
	l = new_loop(&clock);
	cr_assert_eq(loop_now_ms(l), 5);
	peer_init(&p, l, 1);
	fd = p.io.fd;
	a.loop = l;
	a.removes = &p;
	timer_init(&a.timer, alarm_fire);
	timer_arm(loop_wheel(l), &a.timer, 10);
	clock_fake_advance_ms(&clock, 10);
	tick(l, -1);
	cr_assert_eq(loop_now_ms(l), 15);
	cr_assert_eq(a.fired, 1);
	cr_assert_eq(p.events, 0);
	peer_release(&p, fd);
	loop_free(l);
}

Test(loop, sleeps_until_the_next_timer)
{
	struct loop *l = new_loop(&clock_monotonic);
	struct alarm a = {.loop = l};
	uint64_t start = clock_ns(&clock_monotonic);

	timer_init(&a.timer, alarm_fire);
	timer_arm(loop_wheel(l), &a.timer, 30);
	for (int i = 0; i < 5 && a.fired == 0; i++)
		tick(l, -1);
	cr_assert_eq(a.fired, 1);
	cr_assert_geq(loop_now_ns(l) - start, 29000000);
	loop_free(l);
}

Test(loop, wake_within_counts_for_one_wait)
{
	struct loop *l = new_loop(&clock_monotonic);
	uint64_t start = clock_ns(&clock_monotonic);

	loop_wake_within(l, 20);
	loop_wake_within(l, 500);
	tick(l, -1);
	cr_assert_geq(loop_now_ns(l) - start, 19000000);
	loop_wake_within(l, 0);
	tick(l, 10000);
	start = clock_ns(&clock_monotonic);
	tick(l, 20);
	cr_assert_geq(loop_now_ns(l) - start, 19000000);
	loop_spin(l, true);
	tick(l, -1);
	cr_assert_lt(loop_now_ns(l) - start, 5000000000U);
	loop_free(l);
}

struct step {
	struct loop_hook hook;
	char *trace;
	struct step *removes;
	int more; /* how many runs to ask for */
	char name;
};

static bool step_run(struct loop_hook *h)
{
	struct step *s = container_of(h, struct step, hook);

	strncat(s->trace, &s->name, 1);
	if (s->removes)
		loop_remove_hook(&s->removes->hook);
	return s->more-- > 0;
}

static void add_steps(struct loop *l, struct step *s, int count, char *trace)
{
	for (int i = 0; i < count; i++) {
		s[i] = (struct step){.hook.run = step_run,
				     .name = (char)('a' + i),
				     .trace = trace};
		loop_add_hook(l, &s[i].hook);
	}
}

Test(loop, hooks_run_in_their_order_and_may_ask_for_more)
{
	struct loop *l = new_loop(&clock_monotonic);
	char trace[64] = "";
	struct step s[3];

	add_steps(l, s, 3, trace);
	s[1].more = 1;
	tick(l, 0);
	tick(l, 10000); /* does not sleep */
	cr_assert_str_eq(trace, "abcabc");
	loop_remove_hook(&s[1].hook);
	tick(l, 0);
	cr_assert_str_eq(trace, "abcabcac");
	loop_free(l);
}

Test(loop, a_hook_may_remove_any_hook)
{
	struct loop *l = new_loop(&clock_monotonic);
	char trace[64] = "";
	struct step s[4];

	add_steps(l, s, 4, trace);
	s[0].removes = &s[1];
	s[2].removes = &s[2];
	s[3].removes = &s[0];
	tick(l, 0);
	cr_assert_str_eq(trace, "acd");
	tick(l, 0);
	cr_assert_str_eq(trace, "acdd");
	loop_free(l);
}

Test(loop, runs_until_it_is_stopped_and_can_run_again)
{
	struct loop *l = new_loop(&clock_monotonic);
	struct peer p;

	peer_init(&p, l, 1);
	p.stops = true;
	cr_assert_eq(loop_run(l), ERR_OK);
	cr_assert_eq(p.events, 1);
	loop_again(l, &p.io, EPOLLIN);
	cr_assert_eq(loop_run(l), ERR_OK);
	cr_assert_eq(p.events, 2);
	peer_release(&p, p.io.fd);
	loop_free(l);
}
