/* SPDX-License-Identifier: MIT */
#include "servers/base/log.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What log_at() writes for `text` at `level`, read back from a pipe. */
static void logged(enum log_level level, const char *text, char *line,
		   size_t size)
{
	int ends[2];
	int saved = dup(STDERR_FILENO);
	ssize_t n;

	cr_assert_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
	log_at(level, "test", "%s", text);
	cr_assert_geq(dup2(saved, STDERR_FILENO), 0);
	n = read(ends[0], line, size - 1);
	line[n > 0 ? n : 0] = '\0';
	(void)close(saved);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

Test(log, a_line_has_time_level_area_and_text)
{
	/* A 9 stands for any digit. */
	static const char shape[] = "9999-99-99T99:99:99.999Z ";
	char line[2048];

	logged(LOG_LEVEL_WARN, "it happened", line, sizeof(line));
	for (size_t i = 0; shape[i]; i++) {
		if (shape[i] == '9')
			cr_assert(isdigit((unsigned char)line[i]), "%s", line);
		else
			cr_assert_eq(line[i], shape[i], "%s", line);
	}
	cr_assert_str_eq(line + strlen(shape), "warn test: it happened\n");
}

Test(log, the_level_decides)
{
	char line[2048];

	logged(LOG_LEVEL_INFO, "quiet", line, sizeof(line));
	cr_assert_str_eq(line, "");
	log_set_level(LOG_LEVEL_INFO);
	logged(LOG_LEVEL_INFO, "loud", line, sizeof(line));
	cr_assert_not_null(strstr(line, "loud"));
	log_set_level(LOG_LEVEL_WARN);
}

Test(log, what_a_peer_sent_forges_no_line)
{
	char line[2048];

	logged(LOG_LEVEL_ERROR, "a\nb\x1b[2J\r", line, sizeof(line));
	cr_assert_not_null(strstr(line, "a?b?[2J?\n"));
	cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1);
}

Test(log, a_long_text_is_cut_and_still_ends_its_line)
{
	char text[3000];
	char line[4096];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	logged(LOG_LEVEL_ERROR, text, line, sizeof(line));
	cr_assert_leq(strlen(line), 1024);
	cr_assert_eq(line[strlen(line) - 1], '\n');
}

Test(log, levels_have_names)
{
	enum log_level level = LOG_LEVEL_ERROR;

	cr_assert(log_parse_level("debug", &level));
	cr_assert_eq(level, LOG_LEVEL_DEBUG);
	cr_assert_not(log_parse_level("DEBUG", &level));
	cr_assert_not(log_parse_level("", &level));
}

Test(log_limit, lets_one_a_second_through_and_counts_the_rest)
{
	struct log_limit l = {0};
	unsigned n = 99;

	cr_assert(log_limit_pass(&l, 5000, &n));
	cr_assert_eq(n, 0);
	cr_assert_not(log_limit_pass(&l, 5000, &n));
	cr_assert_not(log_limit_pass(&l, 5999, &n));
	cr_assert(log_limit_pass(&l, 6000, &n));
	cr_assert_eq(n, 2);
	cr_assert_not(log_limit_pass(&l, 6001, &n));
	cr_assert(log_limit_pass(&l, 9000, &n));
	cr_assert_eq(n, 1);
}
