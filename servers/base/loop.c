/* SPDX-License-Identifier: MIT */
#include "servers/base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "servers/base/check.h"

#define BATCH_MAX 256
#define AGAIN_FIRST_CAP 16

/* One loop_again(); `f` is NULL once it was removed or has run. */
struct again {
	struct loop_fd *f;
	uint32_t events;
};

struct loop {
	int epoll_fd;
	int wake_ms; /* loop_wake_within() for the next wait, or -1 */
	bool spin;
	bool stop;
	bool busy; /* a hook has more to do at once */
	struct clock *clock;
	struct wheel *wheel;
	uint64_t now_ns;
	struct list hooks;
	struct loop_fd *current; /* in its on_event; NULL once removed */
	struct again *again;
	size_t again_count;
	size_t again_cap;
	int batch_pos; /* the events in [batch_pos, batch_len) are pending */
	int batch_len;
	struct epoll_event batch[BATCH_MAX];
};

/* Life cycle */

enum err loop_new(struct clock *clock, struct loop **out)
{
	struct loop *l;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return errno == EMFILE || errno == ENFILE ? ERR_LIMIT : ERR_IO;
	l = xcalloc(1, sizeof(*l));
	l->epoll_fd = fd;
	l->wake_ms = -1;
	l->clock = clock;
	l->now_ns = clock_ns(clock);
	l->wheel = wheel_new(loop_now_ms(l));
	list_init(&l->hooks);
	*out = l;
	return ERR_OK;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	LIST_FOREACH (it, &l->hooks)
		list_init(it);
	wheel_free(l->wheel);
	(void)close(l->epoll_fd);
	free(l->again);
	free(l);
}

/* Descriptors */

static enum err control(struct loop *l, int op, struct loop_fd *f,
			uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = f};

	if (epoll_ctl(l->epoll_fd, op, f->fd, &ev) == 0)
		return ERR_OK;
	if (errno == ENOSPC || errno == ENOMEM)
		return ERR_LIMIT;
	return ERR_IO;
}

enum err loop_add(struct loop *l, struct loop_fd *f, int fd, uint32_t events,
		  loop_fd_fn *on_event)
{
	enum err e;

	*f = (struct loop_fd){.fd = fd, .on_event = on_event};
	e = control(l, EPOLL_CTL_ADD, f, events);
	if (e != ERR_OK)
		f->fd = -1;
	return e;
}

enum err loop_modify(struct loop *l, struct loop_fd *f, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, f, events);
}

void loop_remove(struct loop *l, struct loop_fd *f)
{
	if (f->fd < 0)
		return;
	(void)control(l, EPOLL_CTL_DEL, f, 0);
	f->fd = -1;
	if (l->current == f)
		l->current = NULL;
	if (f->again != 0) {
		l->again[f->again - 1].f = NULL;
		f->again = 0;
	}
	/* At most one event of f is pending: epoll reports each fd once. */
	for (int i = l->batch_pos; i < l->batch_len; i++) {
		if (l->batch[i].data.ptr == f) {
			l->batch[i].data.ptr = NULL;
			break;
		}
	}
}

void loop_again(struct loop *l, struct loop_fd *f, uint32_t events)
{
	if (f->fd < 0)
		return;
	if (f->again != 0) {
		l->again[f->again - 1].events |= events;
		return;
	}
	if (l->again_count == l->again_cap) {
		l->again_cap =
			l->again_cap ? l->again_cap * 2 : AGAIN_FIRST_CAP;
		l->again = xrealloc(l->again, l->again_cap * sizeof(*l->again));
	}
	l->again[l->again_count++] = (struct again){f, events};
	f->again = (uint32_t)l->again_count;
}

/* Hooks */

void loop_add_hook(struct loop *l, struct loop_hook *h)
{
	list_append(&l->hooks, &h->link);
}

void loop_remove_hook(struct loop_hook *h)
{
	list_remove(&h->link);
}

/* A mark travels along the list, so that a hook may remove any other. */
static bool run_hooks(struct loop *l)
{
	struct list mark;
	bool more = false;

	list_init(&mark);
	list_append(l->hooks.next, &mark);
	while (mark.next != &l->hooks) {
		struct list *link = mark.next;

		list_remove(&mark);
		list_append(link->next, &mark);
		more |= list_entry(link, struct loop_hook, link)
				->run(list_entry(link, struct loop_hook, link));
	}
	list_remove(&mark);
	return more;
}

/* Ticking */

void loop_wake_within(struct loop *l, int ms)
{
	if (l->wake_ms < 0 || ms < l->wake_ms)
		l->wake_ms = ms < 0 ? 0 : ms;
}

void loop_spin(struct loop *l, bool spin)
{
	l->spin = spin;
}

/* The sooner of two waits, of which -1 is the longest. */
static int sooner(int a, int b)
{
	if (a < 0)
		return b;
	if (b < 0)
		return a;
	return a < b ? a : b;
}

static int wait_ms(struct loop *l, int max_wait_ms)
{
	int ms = sooner(max_wait_ms, l->wake_ms);

	if (l->spin || l->busy || l->again_count > 0)
		return 0;
	/* The tick took time: ask the clock and not what it said then. */
	if (ms != 0)
		ms = sooner(ms, wheel_timeout(l->wheel, clock_ms(l->clock)));
	return ms;
}

static void dispatch(struct loop *l, struct loop_fd *f, uint32_t events)
{
	l->current = f;
	f->on_event(f, events);
	l->current = NULL;
}

static void run_batch(struct loop *l)
{
	while (l->batch_pos < l->batch_len) {
		struct epoll_event *ev = &l->batch[l->batch_pos++];
		struct loop_fd *f = ev->data.ptr;

		if (f)
			dispatch(l, f, ev->events);
	}
	l->batch_pos = 0;
	l->batch_len = 0;
}

/* Runs the first `due` deferred; what they defer again is left for later. */
static void run_again(struct loop *l, size_t due)
{
	size_t left = 0;

	for (size_t i = 0; i < due; i++) {
		struct again a = l->again[i];

		if (!a.f)
			continue;
		a.f->again = 0;
		l->again[i].f = NULL;
		dispatch(l, a.f, a.events);
	}
	for (size_t i = due; i < l->again_count; i++) {
		if (!l->again[i].f)
			continue;
		l->again[left++] = l->again[i];
		l->again[left - 1].f->again = (uint32_t)left;
	}
	l->again_count = left;
}

enum err loop_tick(struct loop *l, int max_wait_ms)
{
	size_t due = l->again_count;
	int n = epoll_wait(l->epoll_fd, l->batch, BATCH_MAX,
			   wait_ms(l, max_wait_ms));

	if (n < 0) {
		if (errno != EINTR)
			return ERR_IO;
		n = 0;
	}
	l->wake_ms = -1;
	l->batch_pos = 0;
	l->batch_len = n;
	l->now_ns = clock_ns(l->clock);
	wheel_run(l->wheel, loop_now_ms(l));
	run_batch(l);
	if (l->again_count > 0)
		run_again(l, due);
	l->busy = run_hooks(l);
	return ERR_OK;
}

enum err loop_run(struct loop *l)
{
	enum err e = ERR_OK;

	while (!l->stop && e == ERR_OK)
		e = loop_tick(l, -1);
	l->stop = false;
	return e;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

/* Queries */

bool loop_dispatching(const struct loop *l, const struct loop_fd *f)
{
	return l->current == f;
}

struct wheel *loop_wheel(struct loop *l)
{
	return l->wheel;
}

uint64_t loop_now_ns(const struct loop *l)
{
	return l->now_ns;
}

uint64_t loop_now_ms(const struct loop *l)
{
	return l->now_ns / 1000000;
}

struct clock *loop_clock(struct loop *l)
{
	return l->clock;
}
