/* SPDX-License-Identifier: MIT */
#include "servers/base/opt.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

struct options {
	bool help;
	int64_t port;
	const char *host;
	int app;
	struct opt_list origins;
};

static const char *const apps[] = {"relay", "workshop", "echo", NULL};

static const struct opt table[] = {
	OPT_FLAG("help", "print this help and exit", struct options, help),
	OPT_INT("port", "N", "listen on port N; 0 picks a free one", 0, 65535,
		struct options, port),
	OPT_STRING("host", "HOST", "listen on this address", struct options,
		   host),
	OPT_CHOICE("app", apps, "what events mean", struct options, app),
	OPT_LIST("allow-origin", "ORIGIN", "accept pages from ORIGIN",
		 struct options, origins),
	OPT_END,
};

struct parsed {
	struct options o;
	struct opt_list operands;
	char message[200];
	enum err e;
};

/* Parses a command line that is written as one string, split at blanks. */
static void parse(struct parsed *p, const char *line)
{
	static char words[500];
	char *argv[20] = {"program"};
	int argc = 1;

	(void)snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	*p = (struct parsed){.o = {.port = 8080, .host = "127.0.0.1"}};
	p->e = opt_parse(table, &p->o, argc, argv, &p->operands, p->message,
			 sizeof(p->message));
}

static void release(struct parsed *p)
{
	opt_list_release(&p->operands);
	opt_list_release(&p->o.origins);
}

Test(opt, defaults_stay_without_arguments)
{
	struct parsed p;

	parse(&p, "");
	cr_assert_eq(p.e, ERR_OK);
	cr_assert_eq(p.o.port, 8080);
	cr_assert_str_eq(p.o.host, "127.0.0.1");
	cr_assert_not(p.o.help);
	cr_assert_eq(p.operands.count, 0);
	release(&p);
}

Test(opt, operands_are_refused_where_there_are_none)
{
	char *const bad[] = {(char[]){"me"}, (char[]){"--port"}, (char[]){"1"},
			     (char[]){"one"}};
	struct options o = {.port = 8080};
	char message[200] = "";

	cr_assert_eq(
		opt_parse_alone(table, &o, 3, bad, message, sizeof(message)),
		ERR_OK);
	cr_assert_eq(o.port, 1);
	cr_assert_eq(
		opt_parse_alone(table, &o, 4, bad, message, sizeof(message)),
		ERR_USAGE);
	cr_assert_str_eq(message, "unexpected operand 'one'");
}

Test(opt, takes_both_spellings_and_operands)
{
	struct parsed p;

	parse(&p, "one --port 0 --host=::1 --app workshop -x --help "
		  "--allow-origin a --allow-origin=b -- --port");
	cr_assert_eq(p.e, ERR_OK, "%s", p.message);
	cr_assert_eq(p.o.port, 0);
	cr_assert_str_eq(p.o.host, "::1");
	cr_assert_eq(p.o.app, 1);
	cr_assert(p.o.help);
	cr_assert_eq(p.o.origins.count, 2);
	cr_assert_str_eq(p.o.origins.items[0], "a");
	cr_assert_str_eq(p.o.origins.items[1], "b");
	cr_assert_eq(p.operands.count, 3);
	cr_assert_str_eq(p.operands.items[0], "one");
	cr_assert_str_eq(p.operands.items[1], "-x");
	cr_assert_str_eq(p.operands.items[2], "--port");
	release(&p);
}

Test(opt, an_empty_value_is_a_value)
{
	struct parsed p;

	parse(&p, "--host=");
	cr_assert_eq(p.e, ERR_OK);
	cr_assert_str_eq(p.o.host, "");
	release(&p);
}

Test(opt, says_what_is_wrong)
{
	static const struct {
		const char *line;
		const char *message;
	} cases[] = {
		{"--foo", "unknown option --foo"},
		{"--foo=1", "unknown option --foo"},
		{"--por 1", "unknown option --por"},
		{"--=1", "unknown option --"},
		{"--port", "--port: needs a value"},
		{"--host --port 1", "--host: needs a value"},
		{"--help=yes", "--help: takes no value"},
		{"--port abc",
		 "--port: expected an integer from 0 to 65535, got \"abc\""},
		{"--port=", "--port: expected an integer from 0 to 65535, "
			    "got \"\""},
		{"--port -1",
		 "--port: expected an integer from 0 to 65535, got \"-1\""},
		{"--port 65536",
		 "--port: expected an integer from 0 to 65535, got \"65536\""},
		{"--port 0x10",
		 "--port: expected an integer from 0 to 65535, got \"0x10\""},
		{"--port +1",
		 "--port: expected an integer from 0 to 65535, got \"+1\""},
		{"--port 99999999999999999999",
		 "--port: expected an integer from 0 to 65535, "
		 "got \"99999999999999999999\""},
		{"--app chat", "--app: expected one of relay, workshop, echo, "
			       "got \"chat\""},
		{"--port 1\n2", "--port: expected an integer from 0 to 65535, "
				"got \"1?2\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parsed p;

		parse(&p, cases[i].line);
		cr_assert_eq(p.e, ERR_USAGE, "%s", cases[i].line);
		cr_assert_str_eq(p.message, cases[i].message);
		release(&p);
	}
}

Test(opt, a_huge_wrong_value_is_cut_in_the_message)
{
	struct parsed p;
	char line[300] = "--port ";

	memset(line + 7, 'x', sizeof(line) - 8);
	parse(&p, line);
	cr_assert_eq(p.e, ERR_USAGE);
	cr_assert_lt(strlen(p.message), 120);
	release(&p);
}

Test(opt, integers_reach_both_ends)
{
	struct big {
		int64_t n;
	};
	static const struct opt any[] = {
		OPT_INT("n", "N", "any", INT64_MIN, INT64_MAX, struct big, n),
		OPT_END,
	};
	char *low[] = {"p", "--n", "-9223372036854775808"};
	char *high[] = {"p", "--n", "9223372036854775807"};
	char message[100] = "";
	struct opt_list operands;
	struct big b;

	cr_assert_eq(opt_parse(any, &b, 3, low, &operands, message, 100),
		     ERR_OK);
	cr_assert_eq(b.n, INT64_MIN);
	cr_assert_eq(opt_parse(any, &b, 3, high, &operands, message, 100),
		     ERR_OK);
	cr_assert_eq(b.n, INT64_MAX);
}

/* Returns owned. */
static char *help_of(const struct opt *t, const struct options *defaults)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	cr_assert_not_null(out);
	opt_help(t, defaults, out);
	cr_assert_eq(fclose(out), 0);
	return text;
}

Test(opt, help_is_aligned_and_tells_defaults)
{
	struct options defaults = {.port = 8080, .app = 2};
	char *text = help_of(table, &defaults);

	cr_assert_str_eq(
		text,
		"  --help                 print this help and exit\n"
		"  --port N               listen on port N; 0 picks a free one "
		"(default 8080)\n"
		"  --host HOST            listen on this address\n"
		"  --app relay|workshop|echo\n"
		"                         what events mean (default echo)\n"
		"  --allow-origin ORIGIN  accept pages from ORIGIN (may be "
		"repeated)\n");
	free(text);
}

Test(opt, help_stays_within_eighty_columns)
{
	static const struct opt wordy[] = {
		OPT_STRING("host", "HOST",
			   "a sentence that goes on and on so that it needs "
			   "more than one line and even more than two lines, "
			   "since somebody had much to explain about it all",
			   struct options, host),
		OPT_FLAG("help", "short", struct options, help),
		OPT_END,
	};
	struct options defaults = {.host = "localhost"};
	char *text = help_of(wordy, &defaults);

	cr_assert_not_null(strstr(text, "(default localhost)\n"));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		cr_assert_leq(strlen(line), 80);
		cr_assert_neq(line[strlen(line) - 1], ' ');
	}
	free(text);
}

Test(opt, output_that_fails_is_a_failure)
{
	FILE *full = fopen("/dev/full", "w");
	FILE *sink = fopen("/dev/null", "w");

	cr_assert(full && sink);
	cr_assert_gt(fputs("text", full), 0);
	cr_assert_eq(opt_finish("test", full, 0), 1);
	cr_assert_gt(fputs("text", full), 0);
	cr_assert_eq(opt_finish("test", full, 2), 2);
	cr_assert_gt(fputs("text", sink), 0);
	cr_assert_eq(opt_finish("test", sink, 0), 0);
	cr_assert_eq(opt_finish("test", sink, 2), 2);
	(void)fclose(full);
	(void)fclose(sink);
}

Test(opt, output_that_failed_early_is_a_failure, .init = cr_redirect_stderr)
{
	FILE *full = fopen("/dev/full", "w");

	cr_assert_not_null(full);
	setbuf(full, NULL);
	cr_assert_lt(fputs("text", full), 0);
	cr_assert_eq(opt_finish("test", full, 0), 1);
	(void)fclose(full);
	fflush(stderr);
	cr_assert_stderr_eq_str("test: cannot write: the output has failed\n");
}
