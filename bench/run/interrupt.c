/* SPDX-License-Identifier: MIT */
#include "bench/run/interrupt.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

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

void interrupt_release(struct interrupt *i)
{
	sigset_t set;

	if (i->fd < 0)
		return;
	(void)close(i->fd);
	i->fd = -1;
	set_of_both(&set);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool interrupt_requested(struct interrupt *i)
{
	struct signalfd_siginfo info;

	while (i->fd >= 0 && read(i->fd, &info, sizeof(info)) > 0) {
		if (i->requested)
			_exit(INTERRUPT_EXIT);
		i->requested = true;
	}
	return i->requested;
}
