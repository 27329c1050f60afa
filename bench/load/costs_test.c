/* SPDX-License-Identifier: MIT */
/*
 * This process is the server, and its children and threads come and go. All
 * CPU is compared with what their own clocks and wait4() say.
 */
#include "bench/load/costs.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define TICKS (20 * MS) /* what user and system time are rounded by */
#define MEMORY ((size_t)32 << 20)

static struct costs costs;

static void tear_down(void)
{
	costs_release(&costs);
}

TestSuite(costs, .fini = tear_down);

/* Working and telling */

static uint64_t process_cpu(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void burn(uint64_t ns)
{
	uint64_t end = process_cpu() + ns;

	while (process_cpu() < end)
		continue;
}

static void nap(int times)
{
	struct timespec ms = {.tv_nsec = 1000000};

	while (times-- > 0)
		(void)nanosleep(&ms, NULL);
}

/* A child that burns what it is told to, says so, and ends when told 0. */
struct child {
	pid_t pid;
	int orders, answers;
};

static void let_burn(const struct child *c, uint64_t ns)
{
	cr_assert_eq(write(c->orders, &ns, sizeof(ns)), (ssize_t)sizeof(ns));
	cr_assert_eq(read(c->answers, &ns, sizeof(ns)), (ssize_t)sizeof(ns));
}

/* Without waiting for it. */
static void let_end(const struct child *c)
{
	uint64_t ns = 0;
	siginfo_t info;

	cr_assert_eq(write(c->orders, &ns, sizeof(ns)), (ssize_t)sizeof(ns));
	(void)waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOWAIT);
	(void)close(c->orders);
	(void)close(c->answers);
}

/* A test that fails leaves nobody behind. */
static pid_t fork_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* `helper`, or NULL, burns as much before it does. */
static _Noreturn void serve(int orders, int answers, const struct child *helper)
{
	uint64_t ns = 0;

	while (read(orders, &ns, sizeof(ns)) == sizeof(ns) && ns > 0) {
		if (helper)
			let_burn(helper, ns);
		burn(ns);
		if (write(answers, &ns, sizeof(ns)) < 0)
			break;
	}
	if (helper) {
		let_end(helper);
		(void)waitpid(helper->pid, NULL, 0);
	}
	_exit(0);
}

static struct child start_child(void)
{
	int orders[2], answers[2];
	struct child c;

	cr_assert_eq(pipe(orders), 0);
	cr_assert_eq(pipe(answers), 0);
	c = (struct child){fork_child(), orders[1], answers[0]};
	cr_assert_geq(c.pid, 0);
	if (c.pid == 0)
		serve(orders[0], answers[1], NULL);
	(void)close(orders[0]);
	(void)close(answers[1]);
	return c;
}

/* One and its helper, which it waits for; the latter only has a pid. */
static void start_pair(struct child pair[2])
{
	int orders[2], answers[2];
	struct child helper;

	cr_assert_eq(pipe(orders), 0);
	cr_assert_eq(pipe(answers), 0);
	pair[0] = (struct child){fork_child(), orders[1], answers[0]};
	cr_assert_geq(pair[0].pid, 0);
	if (pair[0].pid == 0) {
		helper = start_child();
		if (write(answers[1], &helper.pid, sizeof(pid_t)) > 0)
			serve(orders[0], answers[1], &helper);
		_exit(1);
	}
	(void)close(orders[0]);
	(void)close(answers[1]);
	cr_assert_eq(read(answers[0], &pair[1].pid, sizeof(pid_t)),
		     (ssize_t)sizeof(pid_t));
}

static uint64_t timeval_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_usec * 1000;
}

/* Waits for it; returns what it used in all, by the kernel's own account. */
static uint64_t reap(const struct child *c)
{
	struct rusage u = {0};

	cr_assert_eq(wait4(c->pid, NULL, 0, &u), c->pid);
	return timeval_ns(&u.ru_utime) + timeval_ns(&u.ru_stime);
}

static struct sample take(const struct child *children, size_t n)
{
	pid_t pids[8] = {getpid()};
	struct sample s;

	for (size_t i = 0; i < n; i++)
		pids[1 + i] = children[i].pid;
	cr_assert_eq(costs_take(&costs, pids, 1 + n, &s), ERR_OK);
	return s;
}

static struct sample since(const struct sample *before,
			   const struct child *children, size_t n)
{
	struct sample after = take(children, n);

	return sample_difference(before, &after);
}

/* Not less than `ns`, and no more than that and our own. */
static void costs_were(const struct sample *d, uint64_t ns, uint64_t own)
{
	cr_assert_geq(d->cpu_ns + TICKS, ns + own, "%lu of %lu and %lu",
		      (unsigned long)d->cpu_ns, (unsigned long)ns,
		      (unsigned long)own);
	/* What we do between our clock and the samples. */
	own = process_cpu();
	cr_assert_leq(d->cpu_ns, ns + own + TICKS, "%lu of %lu and %lu",
		      (unsigned long)d->cpu_ns, (unsigned long)ns,
		      (unsigned long)own);
	cr_assert_leq(d->user_ticks + d->system_ticks,
		      d->cpu_ns / (10 * MS) + 8);
	cr_assert_geq(d->user_ticks + d->system_ticks + 8,
		      d->cpu_ns / (10 * MS));
}

/* One process */

Test(costs, cpu_and_memory_of_a_process)
{
	struct sample before = take(NULL, 0), after, d;
	uint64_t user, system;
	char *memory;

	cr_assert_eq(before.cpu_ns, 0);
	burn(60 * MS);
	memory = malloc(MEMORY);
	cr_assert_not_null(memory);
	memset(memory, 1, MEMORY);
	after = take(NULL, 0);
	d = sample_difference(&before, &after);
	cr_assert_geq(d.cpu_ns, 60 * MS);
	cr_assert_leq(d.cpu_ns, process_cpu());
	cr_assert_geq(d.at_ns, 60 * MS);
	cr_assert_geq(d.user_ticks + d.system_ticks, 4);
	cr_assert_geq(after.rss_anon - before.rss_anon, MEMORY - 4096);
	cr_assert_geq(after.rss, after.rss_anon);
	cr_assert_geq(after.threads, 1);
	sample_split(&d, &user, &system);
	cr_assert_eq(user + system, d.cpu_ns);
	cr_assert_eq(memory[MEMORY - 1], 1);
	free(memory);
}

Test(costs, context_switches)
{
	struct sample before = take(NULL, 0), d;

	nap(10);
	d = since(&before, NULL, 0);
	cr_assert_geq(d.switches_voluntary, 10);
	cr_assert_eq(d.ended, 0);
}

Test(costs, a_server_that_is_gone)
{
	struct child child = start_child();
	struct sample s;

	cr_assert_eq(costs_take(&costs, &child.pid, 1, &s), ERR_OK);
	let_end(&child);
	cr_assert_eq(costs_take(&costs, &child.pid, 1, &s), ERR_NOTFOUND);
	(void)reap(&child);
	cr_assert_eq(costs_take(&costs, &child.pid, 1, &s), ERR_NOTFOUND);
}

/* Processes that come and go */

Test(costs, a_child_that_comes_and_goes_between_samples)
{
	struct sample before = take(NULL, 0), d;
	uint64_t own = process_cpu(), used;
	struct child child = start_child();

	let_burn(&child, 150 * MS);
	let_end(&child);
	used = reap(&child);
	cr_assert_geq(used, 150 * MS);
	own = process_cpu() - own;
	d = since(&before, NULL, 0);
	costs_were(&d, used, own);
	cr_assert_geq(d.waited_ns + TICKS, used);
	cr_assert_eq(d.lost, 0);
}

/* Its past moves to the parent, and is not counted again. */
Test(costs, a_child_that_ends_counts_from_the_last_sample)
{
	struct child child = start_child();
	struct sample before, d;
	uint64_t used, own;

	let_burn(&child, 300 * MS);
	before = take(&child, 1);
	own = process_cpu();
	let_burn(&child, 100 * MS);
	let_end(&child);
	used = reap(&child);
	cr_assert_geq(used, 400 * MS);
	own = process_cpu() - own;
	d = since(&before, &child, 1); /* listed just before it ended */
	cr_assert_geq(d.cpu_ns + TICKS, 100 * MS + own);
	cr_assert_leq(d.cpu_ns, used - 300 * MS + process_cpu() + TICKS);
	cr_assert_lt(d.user_ticks + d.system_ticks, used / (10 * MS));
	cr_assert_eq(d.ended, 1);
	cr_assert_eq(d.lost, 0);
	cr_assert_lt(d.switches_voluntary + d.switches_involuntary, UINT32_MAX);
	/* Nothing of it comes later. */
	before = take(NULL, 0);
	d = since(&before, NULL, 0);
	cr_assert_leq(d.cpu_ns, process_cpu());
	cr_assert_eq(d.ended, 0);
}

Test(costs, a_child_that_nobody_has_waited_for_yet)
{
	struct sample before = take(NULL, 0), middle, d;
	struct child child = start_child();
	uint64_t own = process_cpu(), used;

	let_burn(&child, 100 * MS);
	let_end(&child);
	middle = take(&child, 1);
	d = sample_difference(&before, &middle);
	cr_assert_geq(d.cpu_ns, 100 * MS);
	used = reap(&child);
	own = process_cpu() - own;
	d = since(&before, NULL, 0);
	costs_were(&d, used, own);
	cr_assert_eq(d.lost, 0);
}

/* What the one that is left below owes goes up with the one above. */
Test(costs, a_child_that_ends_with_its_child)
{
	struct sample before, d;
	struct child pair[2];
	uint64_t used, own;

	start_pair(pair);
	let_burn(&pair[0], 200 * MS);
	before = take(pair, 2);
	own = process_cpu();
	let_burn(&pair[0], 60 * MS);
	let_end(&pair[0]);
	used = reap(&pair[0]); /* with that of the helper */
	cr_assert_geq(used, 520 * MS);
	own = process_cpu() - own;
	d = since(&before, NULL, 0);
	cr_assert_geq(d.cpu_ns + TICKS, 120 * MS + own);
	cr_assert_leq(d.cpu_ns, used - 400 * MS + process_cpu() + TICKS);
	cr_assert_eq(d.ended, 2);
	cr_assert_eq(d.lost, 0);
}

Test(costs, a_child_that_nobody_waits_for_is_told)
{
	struct sample before, d;
	struct child child;

	(void)signal(SIGCHLD, SIG_IGN);
	child = start_child();
	let_burn(&child, 100 * MS);
	before = take(&child, 1);
	let_burn(&child, 50 * MS);
	let_end(&child); /* returns when it has gone by itself */
	cr_assert_neq(kill(child.pid, 0), 0);
	burn(70 * MS);
	d = since(&before, NULL, 0);
	/* What it owed takes nothing from what the others used. */
	cr_assert_geq(d.cpu_ns, 70 * MS);
	cr_assert_leq(d.cpu_ns, process_cpu());
	cr_assert_eq(d.lost, 1);
	cr_assert_eq(d.waited_ns, 0);
	/* Nor from what is waited for later. */
	(void)signal(SIGCHLD, SIG_DFL);
	before = take(NULL, 0);
	child = start_child();
	let_burn(&child, 100 * MS);
	let_end(&child);
	(void)reap(&child);
	d = since(&before, NULL, 0);
	cr_assert_geq(d.waited_ns + TICKS, 100 * MS);
	cr_assert_eq(d.lost, 0);
}

Test(costs, the_past_of_a_process_that_is_found_late_does_not_count)
{
	struct child children[2] = {start_child()};
	struct sample before, d;

	let_burn(&children[0], 400 * MS); /* as long ago, at least */
	before = take(NULL, 0);
	children[1] = start_child();
	let_burn(&children[1], 100 * MS);
	d = since(&before, children, 2);
	cr_assert_geq(d.cpu_ns, 100 * MS);
	cr_assert_leq(d.cpu_ns, 100 * MS + 200 * MS + process_cpu());
	before = take(children, 2);
	let_burn(&children[0], 100 * MS);
	d = since(&before, children, 2);
	cr_assert_geq(d.cpu_ns, 100 * MS);
	for (int i = 0; i < 2; i++) {
		let_end(&children[i]);
		(void)reap(&children[i]);
	}
}

/* Threads that come and go */

static void *thread_main(void *barrier)
{
	nap(50);
	(void)pthread_barrier_wait(barrier); /* it has slept */
	(void)pthread_barrier_wait(barrier); /* it may end */
	return NULL;
}

Test(costs, threads_that_come_and_go)
{
	struct sample before = take(NULL, 0), with, d;
	pthread_barrier_t barrier;
	struct timespec pause = {.tv_nsec = 1000000};
	pthread_t thread;

	(void)pthread_barrier_init(&barrier, NULL, 2);
	cr_assert_eq(pthread_create(&thread, NULL, thread_main, &barrier), 0);
	(void)pthread_barrier_wait(&barrier);
	with = take(NULL, 0);
	d = sample_difference(&before, &with);
	cr_assert_geq(d.switches_voluntary, 50);
	(void)pthread_barrier_wait(&barrier);
	(void)pthread_join(thread, NULL);
	do { /* the kernel may still be at it */
		(void)nanosleep(&pause, NULL);
		d = since(&with, NULL, 0);
	} while (d.ended == 0);
	/* The 50 are gone with it, and our own few naps are there. */
	cr_assert_geq(d.switches_voluntary, 1);
	cr_assert_lt(d.switches_voluntary, UINT32_MAX);
	cr_assert_lt(d.switches_involuntary, UINT32_MAX);
	cr_assert_eq(d.ended, 1);
	cr_assert_eq(d.threads + 1, with.threads);
	(void)pthread_barrier_destroy(&barrier);
}
