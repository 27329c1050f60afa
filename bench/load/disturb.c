/* SPDX-License-Identifier: MIT */
#include "bench/load/disturb.h"

#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "servers/base/clock.h"

#define HELD_MAX ((size_t)256 << 20)

struct held {
	uint64_t due_ns;
	uint32_t room, length;
};

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000)};
}

/* Life cycle */

void disturb_init(struct disturb *d)
{
	*d = (struct disturb){.stall_fd = -1};
	buf_init(&d->held, HELD_MAX);
}

enum err disturb_start(struct disturb *d, const struct bare_disturbance *plan)
{
	/* Half a period in, no stall is cut by the end of whole periods. */
	struct itimerspec every = {
		.it_interval = timespec_of(plan->stall_every_ns),
		.it_value = timespec_of(plan->stall_every_ns / 2),
	};

	d->plan = *plan;
	if (plan->stall_every_ns == 0)
		return ERR_OK;
	d->stall_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (d->stall_fd < 0)
		return ERR_IO;
	return timerfd_settime(d->stall_fd, 0, &every, NULL) == 0 ? ERR_OK
								  : ERR_IO;
}

void disturb_release(struct disturb *d)
{
	if (d->stall_fd >= 0)
		(void)close(d->stall_fd);
	buf_release(&d->held);
}

/* Operations */

enum err disturb_hold(struct disturb *d, uint32_t room, struct slice frame)
{
	struct held h = {
		.due_ns = clock_ns(&clock_monotonic) + d->plan.delay_ns,
		.room = room,
		.length = (uint32_t)frame.n,
	};
	enum err e = buf_add(&d->held, &h, sizeof(h));

	return e ? e : buf_add_slice(&d->held, frame);
}

bool disturb_next(struct disturb *d, uint32_t *room, struct slice *frame)
{
	struct held h;

	buf_consume(&d->held, d->given);
	d->given = 0;
	if (d->held.len == 0)
		return false;
	memcpy(&h, d->held.data, sizeof(h));
	if (h.due_ns > clock_ns(&clock_monotonic))
		return false;
	*room = h.room;
	*frame = slice_of(d->held.data + sizeof(h), h.length);
	d->given = sizeof(h) + h.length;
	return true;
}

bool disturb_holds(const struct disturb *d)
{
	return d->held.len > 0;
}

void disturb_stall(struct disturb *d)
{
	struct timespec stall = timespec_of(d->plan.stall_ns);
	uint64_t times;

	if (read(d->stall_fd, &times, sizeof(times)) == sizeof(times))
		(void)nanosleep(&stall, NULL);
}
