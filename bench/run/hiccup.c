/* SPDX-License-Identifier: MIT */
#include "bench/run/hiccup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000U

/* The ring */

static uint64_t intended(const struct hiccup_ring *r, uint64_t number)
{
	return r->first_ns + number * HICCUP_PERIOD_NS;
}

/* The first wake-up that is not intended before `ns`. */
static uint64_t number_from(const struct hiccup_ring *r, uint64_t ns)
{
	if (ns <= r->first_ns)
		return 0;
	return (ns - r->first_ns + HICCUP_PERIOD_NS - 1) / HICCUP_PERIOD_NS;
}

uint64_t hiccup_note(struct hiccup_ring *r, uint64_t now_ns)
{
	uint64_t number = atomic_load(&r->noted);

	for (; intended(r, number) <= now_ns; number++) {
		atomic_store(&r->late_ns[number % HICCUP_RING],
			     now_ns - intended(r, number));
		atomic_store(&r->noted, number + 1);
	}
	return intended(r, number);
}

/*
 * Number `number`, which was noted. False when its place has been, or is just
 * being, given to a newer one.
 */
static bool take(const struct hiccup_ring *r, uint64_t number, uint64_t *late)
{
	*late = atomic_load(&r->late_ns[number % HICCUP_RING]);
	return atomic_load(&r->noted) < number + HICCUP_RING;
}

static uint64_t oldest(uint64_t noted)
{
	return noted > HICCUP_RING ? noted - HICCUP_RING : 0;
}

void hiccup_read(struct hiccup *h, uint64_t from_ns, uint64_t to_ns,
		 struct hist *into)
{
	const struct hiccup_ring *r = h->ring;
	uint64_t noted, number, end, now, late;

	if (!r)
		return;
	now = clock_ns(h->clock);
	noted = atomic_load(&r->noted);
	number = number_from(r, from_ns);
	end = number_from(r, to_ns < now ? to_ns : now);
	if (number < oldest(noted))
		number = oldest(noted);
	for (; number < end; number++) {
		if (number >= noted)
			hist_record(into, now - intended(r, number));
		else if (take(r, number, &late))
			hist_record(into, late);
	}
}

void hiccup_drain(struct hiccup *h)
{
	uint64_t noted, late;

	if (!h->ring)
		return;
	noted = atomic_load(&h->ring->noted);
	if (h->drained < oldest(noted))
		h->drained = oldest(noted);
	for (; h->drained < noted; h->drained++) {
		if (take(h->ring, h->drained, &late))
			hist_record(&h->all, late);
	}
}

/* The process */

/* Else it would keep pipes of servers open that are waited for to close. */
static void close_descriptors(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
}

/* What the whole group gets is for its parent, who ends it. */
static void reset_signals(void)
{
	sigset_t none;

	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void sleep_until(uint64_t ns)
{
	struct timespec at = {.tv_sec = (time_t)(ns / SECOND_NS),
			      .tv_nsec = (long)(ns % SECOND_NS)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) ==
	       EINTR)
		continue;
}

static _Noreturn void run_child(struct hiccup_ring *r, pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have died before that took effect. */
	if (getppid() != parent)
		_exit(1);
	(void)prctl(PR_SET_NAME, "pushmark-hiccup");
	/* Else the kernel lets timers be 50 µs late, to save wake-ups. */
	(void)prctl(PR_SET_TIMERSLACK, 1);
	reset_signals();
	close_descriptors();
	for (;;)
		sleep_until(hiccup_note(r, clock_ns(&clock_monotonic)));
}

/* Life cycle */

enum err hiccup_init(struct hiccup *h, struct clock *clock)
{
	void *ring = mmap(NULL, sizeof(*h->ring), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*h = (struct hiccup){.clock = clock};
	if (ring == MAP_FAILED)
		return ERR_LIMIT;
	h->ring = ring;
	h->ring->first_ns = clock_ns(clock) + HICCUP_PERIOD_NS;
	return ERR_OK;
}

/* From outside, since only here can a failure be told. */
static bool pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	if (cpu < 0 || cpu >= CPU_SETSIZE) {
		errno = EINVAL;
		return false;
	}
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(pid, sizeof(set), &set) == 0;
}

enum err hiccup_start(struct hiccup *h, int cpu)
{
	pid_t parent = getpid();
	int saved;

	h->pid = fork();
	if (h->pid == 0)
		run_child(h->ring, parent);
	if (h->pid < 0) {
		h->pid = 0;
		return ERR_LIMIT;
	}
	if (pin(h->pid, cpu))
		return ERR_OK;
	saved = errno;
	hiccup_stop(h);
	errno = saved;
	return ERR_NOTFOUND;
}

static bool reaped(struct hiccup *h, int flags)
{
	pid_t got;

	do {
		got = waitpid(h->pid, NULL, flags);
	} while (got < 0 && errno == EINTR);
	if (got != 0)
		h->pid = 0;
	return got != 0;
}

void hiccup_stop(struct hiccup *h)
{
	if (h->pid == 0)
		return;
	(void)hiccup_cpu_ns(h);
	(void)kill(h->pid, SIGKILL);
	(void)reaped(h, 0);
}

void hiccup_release(struct hiccup *h)
{
	hiccup_stop(h);
	if (h->ring)
		(void)munmap(h->ring, sizeof(*h->ring));
	hist_release(&h->all);
	*h = (struct hiccup){0};
}

/* Queries */

bool hiccup_alive(struct hiccup *h)
{
	return h->pid > 0 && !reaped(h, WNOHANG);
}

uint64_t hiccup_cpu_ns(struct hiccup *h)
{
	struct timespec ts;
	clockid_t id;

	if (h->pid > 0 && clock_getcpuclockid(h->pid, &id) == 0 &&
	    clock_gettime(id, &ts) == 0)
		h->cpu_ns =
			(uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
	return h->cpu_ns;
}
