/* SPDX-License-Identifier: MIT */
#include "bench/load/descriptors.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

Test(descriptors, are_counted)
{
	uint64_t before = descriptors_open();
	int fd = dup(STDIN_FILENO);

	cr_assert_geq(fd, 0);
	cr_assert_eq(descriptors_open(), before + 1);
	(void)close(fd);
	cr_assert_eq(descriptors_open(), before);
}

Test(descriptors, the_soft_limit_is_raised_to_the_hard_one)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(descriptors_raise(0), limit.rlim_max);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(limit.rlim_cur, limit.rlim_max);
}

Test(descriptors, what_lacks_is_said_with_how_to_get_it)
{
	char why[256] = "", need[64];
	uint64_t more = (uint64_t)1 << 40;

	cr_assert(descriptors_suffice(10, why, sizeof(why)));
	cr_assert_str_eq(why, "");
	/* More than any kernel allows. */
	cr_assert_not(descriptors_suffice(more, why, sizeof(why)));
	more += descriptors_open() + DESCRIPTORS_SPARE;
	(void)snprintf(need, sizeof(need), "ulimit -Hn %" PRIu64, more);
	cr_assert(strstr(why, need), "%s", why);
	cr_assert(strstr(why, "--set workers=N"), "%s", why);
}
