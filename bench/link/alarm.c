/* SPDX-License-Identifier: MIT */
#include "bench/link/alarm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "servers/base/check.h"
#include "servers/base/clock.h"

/*
 * A sleeping core needs about this long to wake up: for a deadline that is
 * nearer the loop polls, so that it does not come late by as much.
 */
#define SPIN_NS 60000

struct alarms {
	struct loop *loop;
	struct loop_fd io;
	struct loop_hook hook;
	struct alarm **heap;
	size_t count, cap;
	uint64_t orders;
	uint64_t timer_ns; /* what the timerfd is set to */
};

/* The heap */

static bool before(const struct alarm *a, const struct alarm *b)
{
	if (a->due_ns != b->due_ns)
		return a->due_ns < b->due_ns;
	return a->order < b->order;
}

static void put(struct alarms *s, size_t at, struct alarm *a)
{
	s->heap[at] = a;
	a->place = at + 1;
}

static void sift_up(struct alarms *s, size_t at, struct alarm *a)
{
	while (at > 0 && before(a, s->heap[(at - 1) / 2])) {
		put(s, at, s->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(s, at, a);
}

static void sift_down(struct alarms *s, size_t at, struct alarm *a)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < s->count &&
		    before(s->heap[child + 1], s->heap[child]))
			child++;
		if (child >= s->count || !before(s->heap[child], a))
			break;
		put(s, at, s->heap[child]);
		at = child;
	}
	put(s, at, a);
}

void alarm_cancel(struct alarm *a)
{
	struct alarms *s = a->in;
	size_t at = a->place - 1;
	struct alarm *last;

	if (!alarm_is_set(a))
		return;
	a->place = 0;
	last = s->heap[--s->count];
	if (last == a)
		return;
	if (before(last, a))
		sift_up(s, at, last);
	else
		sift_down(s, at, last);
}

void alarm_set(struct alarm *a, uint64_t due_ns)
{
	struct alarms *s = a->in;

	alarm_cancel(a);
	if (s->count == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->heap = xrealloc(s->heap, s->cap * sizeof(struct alarm *));
	}
	a->due_ns = due_ns;
	a->order = s->orders++;
	sift_up(s, s->count++, a);
}

void alarms_run(struct alarms *s, uint64_t now_ns)
{
	uint64_t end = s->orders;

	/* What is set meanwhile waits for the next tick: it must end. */
	while (s->count > 0 && s->heap[0]->due_ns <= now_ns &&
	       s->heap[0]->order < end) {
		struct alarm *a = s->heap[0];

		alarm_cancel(a);
		a->fire(a);
	}
}

uint64_t alarms_next(const struct alarms *s)
{
	return s->count > 0 ? s->heap[0]->due_ns : ALARM_NEVER;
}

/* The loop */

static void set_timer(struct alarms *s, uint64_t due_ns)
{
	struct itimerspec t = {0};

	if (due_ns == s->timer_ns)
		return;
	if (due_ns != ALARM_NEVER) {
		t.it_value.tv_sec = (time_t)(due_ns / 1000000000U);
		t.it_value.tv_nsec = (long)(due_ns % 1000000000U);
	}
	CHECK(timerfd_settime(s->io.fd, TFD_TIMER_ABSTIME, &t, NULL) == 0);
	s->timer_ns = due_ns;
}

/* It only wakes the loop up; the hook at the tick's end does the work. */
static void timer_event(struct loop_fd *f, uint32_t events)
{
	struct alarms *s = container_of(f, struct alarms, io);
	uint64_t times;

	(void)events;
	if (read(f->fd, &times, sizeof(times)) == (ssize_t)sizeof(times))
		s->timer_ns = ALARM_NEVER;
}

static bool end_of_tick(struct loop_hook *hook)
{
	struct alarms *s = container_of(hook, struct alarms, hook);
	uint64_t now_ns = clock_ns(loop_clock(s->loop));
	uint64_t next_ns;

	alarms_run(s, now_ns);
	next_ns = alarms_next(s);
	if (next_ns <= now_ns + SPIN_NS)
		return true;
	set_timer(s, next_ns == ALARM_NEVER ? ALARM_NEVER : next_ns - SPIN_NS);
	return false;
}

/* Life cycle */

enum err alarms_new(struct loop *loop, struct alarms **out)
{
	struct alarms *s = xcalloc(1, sizeof(*s));
	enum err e = ERR_OK;
	int fd;

	s->loop = loop;
	s->timer_ns = ALARM_NEVER;
	if (loop) {
		fd = timerfd_create(CLOCK_MONOTONIC,
				    TFD_NONBLOCK | TFD_CLOEXEC);
		if (fd < 0)
			e = errno == EMFILE || errno == ENFILE ? ERR_LIMIT
							       : ERR_IO;
		else
			e = loop_add(loop, &s->io, fd, EPOLLIN, timer_event);
		if (e) {
			if (fd >= 0)
				(void)close(fd);
			free(s);
			return e;
		}
		s->hook.run = end_of_tick;
		loop_add_hook(loop, &s->hook);
		/* So that the hook sees what is set before the first tick. */
		loop_wake_within(loop, 0);
	}
	*out = s;
	return ERR_OK;
}

void alarms_free(struct alarms *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		s->heap[i]->place = 0;
	if (s->loop) {
		int fd = s->io.fd;

		loop_remove_hook(&s->hook);
		loop_remove(s->loop, &s->io);
		(void)close(fd);
	}
	free(s->heap);
	free(s);
}

void alarm_init(struct alarm *a, struct alarms *s, alarm_fn *fire)
{
	*a = (struct alarm){.in = s, .fire = fire};
}
