/* SPDX-License-Identifier: MIT */
#include "bench/run/hiccup.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS ((uint64_t)1000000)
#define PERIOD HICCUP_PERIOD_NS
#define EVER UINT64_MAX

static struct clock fake;
static struct hiccup h;
static struct hist seen;

static void set_up(void)
{
	clock_fake_init(&fake, 0);
	cr_assert_eq(hiccup_init(&h, &fake), ERR_OK);
	hist_init(&seen);
}

static void tear_down(void)
{
	hist_release(&seen);
	hiccup_release(&h);
}

TestSuite(hiccup, .init = set_up, .fini = tear_down);

/* It wakes at that time. */
static uint64_t wake(uint64_t ns)
{
	fake.fake_ns = ns;
	return hiccup_note(h.ring, ns);
}

/* The ring, with the first `n` wake-ups 1 µs late. */
static void wake_in_time(uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++)
		(void)wake(i * PERIOD + 1000);
}

static void read_all(void)
{
	hist_clear(&seen);
	hiccup_read(&h, 0, EVER, &seen);
}

Test(hiccup, next_wake_up_is_a_period_after_the_last_intended_one)
{
	cr_assert_eq(wake(PERIOD + 3 * MS), 2 * PERIOD);
	cr_assert_eq(wake(2 * PERIOD), 3 * PERIOD);
	/* Woken early, by a signal: nothing was due. */
	cr_assert_eq(wake(3 * PERIOD - 1), 3 * PERIOD);
	read_all();
	cr_assert_eq(seen.total, 2);
	cr_assert_eq(seen.max, 3 * MS);
	cr_assert_eq(seen.min, 0);
}

Test(hiccup, a_stall_fills_the_wake_ups_that_it_skipped)
{
	wake_in_time(1);
	cr_assert_eq(wake(2 * PERIOD + 95 * MS), 12 * PERIOD);
	read_all();
	cr_assert_eq(seen.total, 11);
	for (uint64_t late = 5; late <= 95; late += 10)
		cr_assert_eq(hist_count_at(&seen, late * MS), 1, "%d ms",
			     (int)late);
}

Test(hiccup, only_what_is_intended_within_a_slice)
{
	wake_in_time(5);
	hiccup_read(&h, 2 * PERIOD, 4 * PERIOD, &seen);
	cr_assert_eq(seen.total, 2, "from the first on, before the last");
	hiccup_read(&h, 4 * PERIOD + 1, 5 * PERIOD, &seen);
	cr_assert_eq(seen.total, 2, "none is intended between");
	hiccup_read(&h, 5 * PERIOD, 2 * PERIOD, &seen);
	cr_assert_eq(seen.total, 2, "nor in a slice that is none");
}

/* Who woke late in a slice is its hiccup also when it woke after the slice. */
Test(hiccup, what_is_due_counts_by_what_has_passed)
{
	wake_in_time(2);
	fake.fake_ns = 5 * PERIOD + 4 * MS;
	hiccup_read(&h, 0, 4 * PERIOD, &seen);
	cr_assert_eq(seen.total, 3);
	cr_assert_eq(seen.max, 24 * MS);
	read_all();
	cr_assert_eq(seen.total, 5, "what is not due yet does not count");
	cr_assert_eq(hist_count_at(&seen, 14 * MS), 1);
	cr_assert_eq(hist_count_at(&seen, 4 * MS), 1);
}

Test(hiccup, the_ring_keeps_the_newest)
{
	(void)wake(PERIOD + 3 * MS);
	for (uint64_t i = 2; i <= HICCUP_RING + 10; i++)
		(void)wake(i * PERIOD + 1000);
	read_all();
	/* One place less: its wake-up may be being noted. */
	cr_assert_eq(seen.total, HICCUP_RING - 1);
	cr_assert_eq(seen.max, 1000, "the first are overwritten");
	(void)wake((HICCUP_RING + 11) * PERIOD + 7 * MS);
	read_all();
	cr_assert_eq(seen.total, HICCUP_RING - 1);
	cr_assert_eq(seen.max, 7 * MS);
}

Test(hiccup, draining_takes_each_once)
{
	wake_in_time(3);
	hiccup_drain(&h);
	hiccup_drain(&h);
	cr_assert_eq(h.all.total, 3);
	fake.fake_ns = 100 * PERIOD;
	hiccup_drain(&h);
	cr_assert_eq(h.all.total, 3, "what is due will be noted");
	(void)wake(100 * PERIOD);
	hiccup_drain(&h);
	cr_assert_eq(h.all.total, 100);
	cr_assert_eq(h.all.max, 96 * PERIOD);
}

Test(hiccup, draining_too_late_loses_the_oldest)
{
	wake_in_time(HICCUP_RING + 500);
	hiccup_drain(&h);
	cr_assert_eq(h.all.total, HICCUP_RING - 1);
	wake_in_time(HICCUP_RING + 501);
	hiccup_drain(&h);
	cr_assert_eq(h.all.total, HICCUP_RING);
}

Test(hiccup, without_a_ring_nothing_is_known, .init = NULL, .fini = NULL)
{
	struct hiccup none = {.clock = &clock_monotonic};

	hiccup_read(&none, 0, EVER, &seen);
	hiccup_drain(&none);
	cr_assert_eq(seen.total, 0);
	cr_assert_not(hiccup_alive(&none));
	cr_assert_eq(hiccup_cpu_ns(&none), 0);
	hiccup_release(&none);
}

/* The process, on real time */

static int first_cpu(void)
{
	cpu_set_t allowed;
	int cpu = 0;

	cr_assert_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET((size_t)cpu, &allowed))
		cpu++;
	return cpu;
}

static void start_meter(void)
{
	hiccup_release(&h);
	cr_assert_eq(hiccup_init(&h, &clock_monotonic), ERR_OK);
	cr_assert_eq(hiccup_start(&h, first_cpu()), ERR_OK);
}

static void sleep_ms(long ms)
{
	struct timespec pause = {.tv_nsec = ms * (long)MS};

	(void)nanosleep(&pause, NULL);
}

static void await_noted(uint64_t number)
{
	while (atomic_load(&h.ring->noted) < number)
		sleep_ms(1);
}

/* Until every wake-up intended before `ns` is noted. */
static void await_time(uint64_t ns)
{
	await_noted(ns < h.ring->first_ns
			    ? 0
			    : (ns - h.ring->first_ns) / PERIOD + 1);
}

static uint64_t longer_than(uint64_t ns)
{
	uint64_t value, count, sum = 0;
	uint32_t cursor = 0;

	while (hist_next(&seen, &cursor, &value, &count))
		sum += value >= ns ? count : 0;
	return sum;
}

Test(hiccup, a_process_that_is_stopped_has_a_hiccup)
{
	uint64_t from, to, still;
	int status;

	start_meter();
	await_noted(3);
	from = clock_ns(&clock_monotonic);
	cr_assert_eq(kill(h.pid, SIGSTOP), 0);
	cr_assert_eq(waitpid(h.pid, &status, WUNTRACED), h.pid);
	sleep_ms(100);
	hiccup_read(&h, from, EVER, &seen);
	still = seen.max;
	cr_assert_geq(still, 90 * MS, "while it lasts: %d us",
		      (int)(still / 1000));
	cr_assert_eq(kill(h.pid, SIGCONT), 0);
	to = clock_ns(&clock_monotonic);
	await_time(to);
	hist_clear(&seen);
	hiccup_read(&h, from, to, &seen);
	cr_assert_geq(seen.max, still);
	/* 90, 80, ... 10 ms and what the first had more. */
	cr_assert_geq(longer_than(9 * MS), 9, "%d", (int)longer_than(9 * MS));
}

Test(hiccup, its_cpu_time_is_known_and_stays_when_it_ends)
{
	uint64_t used, noted;

	start_meter();
	await_noted(5);
	used = hiccup_cpu_ns(&h);
	cr_assert_gt(used, 0);
	cr_assert(hiccup_alive(&h));
	hiccup_stop(&h);
	cr_assert_eq(h.pid, 0);
	cr_assert_not(hiccup_alive(&h));
	cr_assert_geq(hiccup_cpu_ns(&h), used);
	noted = atomic_load(&h.ring->noted);
	hiccup_drain(&h);
	cr_assert_eq(h.all.total, noted, "what it noted stays");
}

Test(hiccup, one_that_was_killed_is_not_alive)
{
	start_meter();
	cr_assert_eq(kill(h.pid, SIGKILL), 0);
	while (hiccup_alive(&h))
		sleep_ms(1);
	cr_assert_eq(h.pid, 0);
	hiccup_stop(&h);
}

Test(hiccup, it_is_pinned)
{
	cpu_set_t set;

	start_meter();
	cr_assert_eq(sched_getaffinity(h.pid, sizeof(set), &set), 0);
	cr_assert_eq(CPU_COUNT(&set), 1);
	cr_assert(CPU_ISSET((size_t)first_cpu(), &set));
}

Test(hiccup, a_core_that_is_not_there)
{
	static const int cpus[] = {-1, CPU_SETSIZE - 1, CPU_SETSIZE};

	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(hiccup_start(&h, cpus[i]), ERR_NOTFOUND);
		cr_assert_eq(h.pid, 0);
	}
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "no process is left");
}

Test(hiccup, it_has_no_descriptors_of_its_parent)
{
	char folder[64], name[64];
	int pipe_fds[2], count = 0;
	struct dirent *entry;
	DIR *dir;

	cr_assert_eq(pipe(pipe_fds), 0);
	start_meter();
	await_noted(1);
	(void)snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)h.pid);
	dir = opendir(folder);
	cr_assert_not_null(dir);
	while ((entry = readdir(dir))) {
		ssize_t n;

		if (entry->d_name[0] == '.')
			continue;
		n = readlinkat(dirfd(dir), entry->d_name, name,
			       sizeof(name) - 1);
		cr_assert_gt(n, 0);
		name[n] = '\0';
		cr_assert_str_eq(name, "/dev/null");
		count++;
	}
	(void)closedir(dir);
	cr_assert_eq(count, 3);
}

/* Its parent is a process that starts it and is gone. */
Test(hiccup, it_dies_with_its_parent)
{
	int fds[2], status;
	pid_t middle, meter = 0;

	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	cr_assert_eq(pipe(fds), 0);
	middle = fork();
	if (middle == 0) {
		enum err e = hiccup_start(&h, first_cpu());

		if (write(fds[1], &h.pid, sizeof(h.pid)) < 0)
			_exit(1);
		while (!e && atomic_load(&h.ring->noted) < 1)
			sleep_ms(1);
		_exit(0);
	}
	cr_assert_eq(read(fds[0], &meter, sizeof(meter)), sizeof(meter));
	cr_assert_gt(meter, 0);
	cr_assert_eq(waitpid(middle, &status, 0), middle);
	cr_assert_eq(waitpid(meter, &status, 0), meter);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
