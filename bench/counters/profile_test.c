/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bench/counters/profile.h"

static enum err read_text(const char *text, struct profile *p, unsigned *line)
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	enum err e;

	cr_assert_not_null(f);
	e = profile_read(f, p, line);
	(void)fclose(f);
	return e;
}

#define HEAD                                                                   \
	"# callgrind format\nversion: 1\npositions: line\n"                    \
	"events: Ir sysCount sysTime\n\n"

Test(profile, sums_what_functions_cost_themselves)
{
	struct profile p;
	unsigned line;

	cr_assert_eq(read_text(HEAD "ob=(1) /usr/bin/server\n"
				    "fl=(1) a.c\n"
				    "fn=(1) work\n"
				    "10 5\n"
				    "+2 7\n"
				    "cob=(2) /lib/libc.so.6\n"
				    "cfi=(2) send.c\n"
				    "cfn=(2) send\n"
				    "calls=3 20\n"
				    "* 1000 3 400\n"
				    "-1 1\n"
				    "\n"
				    "ob=(2)\n"
				    "fn=(2)\n"
				    "20 90 3 400\n"
				    "fn=(3) __epoll_wait\n"
				    "30 8 2 100\n"
				    "ob=(1)\n"
				    "fn=(1)\n"
				    "* 2\n"
				    "totals: 113\n",
			       &p, &line),
		     ERR_OK);
	cr_expect_eq(p.instructions, 15);
	cr_expect_eq(p.libc, 98);
	cr_expect_eq(p.calls, 5);
	cr_expect_eq(p.writes, 3);
}

Test(profile, other_names_of_the_same_function)
{
	struct profile p;
	unsigned line;

	cr_assert_eq(read_text(HEAD "ob=/lib/ld-linux-x86-64.so.2\n"
				    "fn=__send\n1 1 1\n"
				    "fn=sendmsg@@GLIBC_2.2.5\n1 1 1\n"
				    "fn=writev'2\n1 1 1\n"
				    "fn=sender\n1 1 1\n",
			       &p, &line),
		     ERR_OK);
	cr_expect_eq(p.writes, 3);
	cr_expect_eq(p.calls, 4);
	cr_expect_eq(p.libc, 4);
}

Test(profile, says_which_line_is_wrong)
{
	struct profile p;
	unsigned line;

	cr_assert_eq(read_text("", &p, &line), ERR_PROTO);
	cr_assert_eq(read_text("events: Dr\n", &p, &line), ERR_PROTO);
	cr_assert_eq(line, 1);
	cr_assert_eq(read_text("10 5\n", &p, &line), ERR_PROTO);
	cr_assert_eq(read_text(HEAD "fn=(99999999) x\n", &p, &line), ERR_PROTO);
	cr_assert_eq(line, 6);
	cr_assert_eq(read_text(HEAD "ob=(1 x\n", &p, &line), ERR_PROTO);
	cr_assert_eq(read_text(HEAD "10\n", &p, &line), ERR_PROTO);
}
