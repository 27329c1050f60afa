/* SPDX-License-Identifier: MIT */
#include "bench/load/sample.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/load/syscalls.h"

Test(sample, differences_add_up_and_split_by_ticks)
{
	struct sample sum = {0};
	struct sample d = {.cpu_ns = 1000,
			   .user_ticks = 1,
			   .system_ticks = 3,
			   .rss_anon = 9,
			   .waited_ns = 7,
			   .lost = 1,
			   .ended = 2};
	uint64_t user, system;
	cJSON *json;

	sample_add(&sum, &d);
	sample_add(&sum, &d);
	cr_assert_eq(sum.cpu_ns, 2000);
	cr_assert_eq(sum.rss_anon, 9);
	cr_assert_eq(sum.waited_ns, 14);
	cr_assert_eq(sum.lost, 2);
	cr_assert_eq(sum.ended, 4);
	sample_split(&sum, &user, &system);
	cr_assert_eq(user, 500);
	cr_assert_eq(system, 1500);
	json = sample_to_json(&sum);
	cr_assert_eq(cJSON_GetObjectItem(json, "cpu_ns")->valuedouble, 2000);
	cJSON_Delete(json);
}

/* 0 - 1 is 1.8e19, which once stood in results as a cost. */
Test(sample, differences_are_never_below_0)
{
	struct sample before = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	struct sample after = {0};
	struct sample d = sample_difference(&before, &after);

	cr_assert_eq(d.at_ns + d.cpu_ns + d.user_ticks + d.system_ticks, 0);
	cr_assert_eq(d.switches_voluntary + d.switches_involuntary, 0);
	cr_assert_eq(d.waited_ns + d.lost + d.ended, 0);
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
