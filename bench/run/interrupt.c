/* SPDX-License-Identifier: MIT */
#include "bench/run/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "servers/base/clock.h"

static void set_of_both(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGTERM);
}

void interrupt_init(struct interrupt *i)
{
	sigset_t set;

	*i = (struct interrupt){.fd = -1};
	set_of_both(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		i->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (i->fd < 0)
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void leave(int number)
{
	(void)number;
	_exit(INTERRUPT_EXIT);
}

void interrupt_release(struct interrupt *i)
{
	const struct sigaction ends = {.sa_handler = leave};
	struct signalfd_siginfo info;
	sigset_t set;

	if (i->fd < 0)
		return;
	(void)sigaction(SIGINT, &ends, NULL);
	(void)sigaction(SIGTERM, &ends, NULL);
	while (read(i->fd, &info, sizeof(info)) > 0)
		continue;
	(void)close(i->fd);
	i->fd = -1;
	set_of_both(&set);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool interrupt_requested(struct interrupt *i)
{
	struct signalfd_siginfo info;

	if (!i)
		return false;
	while (i->fd >= 0 && read(i->fd, &info, sizeof(info)) > 0) {
		uint64_t now = clock_ns(&clock_monotonic);

		if (i->requested && now - i->at_ns >= INTERRUPT_AGAIN_NS)
			_exit(INTERRUPT_EXIT);
		if (!i->requested)
			i->at_ns = now;
		i->requested = true;
	}
	return i->requested;
}
