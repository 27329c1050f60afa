/* SPDX-License-Identifier: MIT */
/* With programs in the place of perf, which is not everywhere. */
#include "bench/run/perf.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], program[128], path[4096];
static const pid_t pids[] = {1, 4711};

static void set_up(void)
{
	(void)strcpy(folder, "/tmp/pushmark-perf-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(program, sizeof(program), "%s/perf", folder);
	(void)snprintf(path, sizeof(path), "%s:%s", folder, getenv("PATH"));
	cr_assert_eq(setenv("PATH", path, 1), 0);
}

static void tear_down(void)
{
	(void)unlink(program);
	(void)rmdir(folder);
}

TestSuite(perf, .init = set_up, .fini = tear_down);

/* Nothing is to be left beside the program. */
static void release(struct perf *p)
{
	perf_release(p);
	(void)unlink(program);
	cr_assert_eq(rmdir(folder), 0, "something is left in it");
	cr_assert_eq(mkdir(folder, 0700), 0);
}

static void install(const char *script)
{
	int fd = open(program, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	cr_assert_geq(fd, 0);
	cr_assert_gt(dprintf(fd, "#!/bin/bash\n%s\n", script), 0);
	cr_assert_eq(close(fd), 0);
}

/*
 * Answers as perf does: the file holds the arguments from -p, and what the
 * control said, and is written when SIGINT comes; script prints it.
 */
static const char alike[] =
	"if [ $1 = script ]; then cat \"$4\"; exit; fi\n"
	"while [ \"$1\" != --control ]; do shift; done\n"
	"fd=${2#*,}; file=$4\n"
	"trap 'echo \"$5 $6 $said\" >\"$file\"; trap - INT; kill -INT $$' INT\n"
	"read -r said <&$fd; echo ack >&$fd\n"
	"while :; do sleep 0.01; done";

struct text {
	char bytes[4096];
	size_t length;
};

static void keep(void *arg, const char *bytes, size_t n)
{
	struct text *t = arg;

	cr_assert_lt(t->length + n, sizeof(t->bytes));
	(void)memcpy(t->bytes + t->length, bytes, n);
	t->length += n;
}

Test(perf, what_was_recorded_is_read)
{
	struct text t = {.length = 0};
	struct perf p;

	install(alike);
	cr_assert_eq(perf_start(&p, folder, pids, 2), ERR_OK, "%s", p.reason);
	cr_assert_eq(perf_stop(&p), ERR_OK, "%s", p.reason);
	cr_assert_eq(perf_read(&p, keep, &t), ERR_OK, "%s", p.reason);
	release(&p);
	cr_assert_str_eq(t.bytes, "-p 1,4711 enable\n");
}

Test(perf, is_ended_when_nobody_wants_it_any_more)
{
	struct perf p;
	pid_t pid;

	install(alike);
	cr_assert_eq(perf_start(&p, folder, pids, 2), ERR_OK, "%s", p.reason);
	pid = p.pid;
	release(&p);
	cr_assert_neq(kill(pid, 0), 0);
}

static void refuses(enum err expected, const char *reason)
{
	struct perf p;

	cr_assert_eq(perf_start(&p, folder, pids, 2), expected);
	cr_assert_str_eq(p.reason, reason);
	release(&p);
}

Test(perf, is_not_installed)
{
	cr_assert_eq(setenv("PATH", folder, 1), 0);
	refuses(ERR_NOTFOUND, "perf is not installed (apt install linux-perf)");
}

Test(perf, says_why_it_may_not)
{
	install("printf 'Error:\\n\\nAccess is \\001limited.\\nMore\\n' >&2\n"
		"exit 255");
	refuses(ERR_REFUSED, "perf record: Access is ?limited.");
	install("exit 3");
	refuses(ERR_REFUSED, "perf record failed with status 3");
}

static void fails_to_read(const char *script, const char *reason)
{
	struct text t = {.length = 0};
	struct perf p;

	install(alike);
	cr_assert_eq(perf_start(&p, folder, pids, 2), ERR_OK, "%s", p.reason);
	cr_assert_eq(perf_stop(&p), ERR_OK, "%s", p.reason);
	install(script);
	cr_assert_eq(perf_read(&p, keep, &t), ERR_REFUSED);
	cr_assert_str_eq(p.reason, reason);
	release(&p);
}

Test(perf, cannot_read_what_it_wrote)
{
	fails_to_read("echo no permission >&2; exit 255",
		      "perf script: no permission");
	fails_to_read("kill -KILL $$", "perf script failed with status -1");
}

Test(perf, ends_before_it_is_told_to)
{
	struct perf p;

	install("while [ \"$1\" != --control ]; do shift; done\n"
		"fd=${2#*,}\n"
		"read -r said <&$fd; echo ack >&$fd; echo disk full; exit 1");
	cr_assert_eq(perf_start(&p, folder, pids, 2), ERR_OK, "%s", p.reason);
	usleep(200000);
	cr_assert_eq(perf_stop(&p), ERR_REFUSED);
	cr_assert_str_eq(p.reason, "perf record: disk full");
	release(&p);
}

Test(perf, cannot_be_asked_for_too_many_processes)
{
	pid_t many[1000];
	struct perf p;

	for (int i = 0; i < 1000; i++)
		many[i] = 100000 + i;

	cr_assert_eq(perf_start(&p, folder, many, 1000), ERR_IO);
	cr_assert_str_eq(p.reason, "the arguments of perf are too long");
	release(&p);
}
