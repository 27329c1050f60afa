/* SPDX-License-Identifier: MIT */
#include "bench/load/sample.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/syscalls.h"
#include "servers/base/clock.h"

#define MS UINT64_C(1000000)
#define MEMORY ((size_t)32 << 20)

static uint64_t thread_cpu(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void burn(uint64_t ns)
{
	uint64_t end = thread_cpu() + ns;

	while (thread_cpu() < end)
		continue;
}

Test(sample, sees_cpu_and_memory_of_a_process)
{
	pid_t self = getpid();
	struct sample before, after, d;
	uint64_t user, system;
	char *memory;

	cr_assert_eq(sample_take(&self, 1, &before), ERR_OK);
	burn(60 * MS);
	memory = malloc(MEMORY);
	cr_assert_not_null(memory);
	memset(memory, 1, MEMORY);
	cr_assert_eq(sample_take(&self, 1, &after), ERR_OK);
	d = sample_difference(&before, &after);
	cr_assert_geq(d.cpu_ns, 60 * MS);
	cr_assert_lt(d.cpu_ns, 2000 * MS);
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

Test(sample, counts_context_switches)
{
	pid_t self = getpid();
	struct timespec nap = {.tv_nsec = 1000000};
	struct sample before, after, d;

	cr_assert_eq(sample_take(&self, 1, &before), ERR_OK);
	for (int i = 0; i < 10; i++)
		(void)nanosleep(&nap, NULL);
	cr_assert_eq(sample_take(&self, 1, &after), ERR_OK);
	d = sample_difference(&before, &after);
	cr_assert_geq(d.switches_voluntary, 10);
}

Test(sample, sums_processes_and_notices_one_that_is_gone)
{
	pid_t pids[2] = {getpid(), fork()};
	struct sample both, one;

	cr_assert_geq(pids[1], 0);
	if (pids[1] == 0) {
		(void)pause();
		_exit(0);
	}
	cr_assert_eq(sample_take(pids, 2, &both), ERR_OK);
	cr_assert_eq(sample_take(pids, 1, &one), ERR_OK);
	cr_assert_gt(both.threads, one.threads);
	cr_assert_gt(both.rss, one.rss);
	(void)kill(pids[1], SIGKILL);
	(void)waitpid(pids[1], NULL, 0);
	cr_assert_eq(sample_take(pids, 2, &both), ERR_NOTFOUND);
}

Test(sample, differences_add_up_and_split_by_ticks)
{
	struct sample sum = {0};
	struct sample d = {.cpu_ns = 1000,
			   .user_ticks = 1,
			   .system_ticks = 3,
			   .rss_anon = 9};
	uint64_t user, system;
	cJSON *json;

	sample_add(&sum, &d);
	sample_add(&sum, &d);
	cr_assert_eq(sum.cpu_ns, 2000);
	cr_assert_eq(sum.rss_anon, 9);
	sample_split(&sum, &user, &system);
	cr_assert_eq(user, 500);
	cr_assert_eq(system, 1500);
	json = sample_to_json(&sum);
	cr_assert_eq(cJSON_GetObjectItem(json, "cpu_ns")->valuedouble, 2000);
	cJSON_Delete(json);
}

Test(syscalls, counts_them_or_says_why_not)
{
	pid_t self = getpid();
	struct syscalls s;
	struct syscall_counts before, after;
	enum err e = syscalls_open(&s, &self, 1);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (e) {
		cr_assert_neq(s.reason[0], '\0');
		syscalls_close(&s);
		cr_skip("%s", s.reason);
	}
	cr_assert_str_eq(s.reason, "");
	syscalls_read(&s, &before);
	for (int i = 0; i < 1000; i++)
		(void)getppid();
	for (int i = 0; i < 70; i++)
		(void)!write(null, "x", 1);
	syscalls_read(&s, &after);
	cr_assert_geq(after.all - before.all, 1070);
	cr_assert_lt(after.all - before.all, 1170);
	cr_assert_eq(after.writes - before.writes, 70);
	syscalls_close(&s);
	(void)close(null);
}

Test(syscalls, of_a_process_that_is_not_there)
{
	pid_t child = fork();
	struct syscalls s;

	cr_assert_geq(child, 0);
	if (child == 0)
		_exit(0);
	(void)waitpid(child, NULL, 0);
	cr_assert_neq(syscalls_open(&s, &child, 1), ERR_OK);
	cr_assert_neq(s.reason[0], '\0');
	syscalls_close(&s);
}
