/* SPDX-License-Identifier: MIT */
/* What is asked for, against files of the test's own. */
#include "bench/job.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "servers/base/check.h"

#define MANY 4

static char folder[64];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	cr_assert_not_null(f);
	cr_assert_geq(fputs(text, f), 0);
	cr_assert_eq(fclose(f), 0);
}

#define TARGET(name, dialect)                                                  \
	"{\n\"name\": \"" name "\", \"dialect\": \"" dialect                   \
	"\", \"start\": [\"x\"]}"
#define CHAT                                                                   \
	"{\n\"name\": \"chat\", \"description\": \"d\", \"teaches\": \"t\", "  \
	"\"method\": \"pairs\", \"parameters\": {\"rooms\": {\"value\": 100, " \
	"\"help\": \"h\"}, \"members\": {\"value\": 10, \"help\": \"h\"}}, "   \
	"\"variants\": [{\"name\": \"v\", \"kind\": \"open\"}], \"sizes\": "   \
	"{\"smoke\": {\"rooms\": 10, \"members\": 4}, \"quick\": {}, "         \
	"\"standard\": {}}}"

static void set_up(void)
{
	static const char *const folders[] = {"bench/scenarios",
					      "bench/targets", "mine"};

	(void)strcpy(folder, "/tmp/pushmark-job-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/%s", folder, folders[i]);
		cr_assert_eq(path_make(path), ERR_OK);
	}
	write_file("bench/targets/bare.json", TARGET("bare", "bare"));
	write_file("bench/targets/ws.json", TARGET("ws", "ws"));
	write_file("bench/scenarios/chat.json", CHAT);
	write_file("mine/bare.json", TARGET("bare", "ws"));
	write_file("mine/ws.json", TARGET("ws", "ws"));
	write_file("mine/chat.json", CHAT);
	cr_assert_eq(setenv("PUSHMARK_HOME", folder, 1), 0);
	cr_assert_eq(chdir(folder), 0);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void tear_down(void)
{
	(void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(job, .init = set_up, .fini = tear_down);

struct row {
	const char *scenarios[MANY], *targets[MANY], *set[MANY], *until;
	enum scenario_size size;
	const char *message; /* {home} is our folder */
	size_t scenario_count, target_count;
};

static struct opt_list list_of(const char *const *items)
{
	struct opt_list l = {.items = (const char **)items};

	while (l.count < MANY && items[l.count])
		l.count++;
	return l;
}

static void expand(const char *text, char *into, size_t size)
{
	const char *at = strstr(text, "{home}");

	(void)snprintf(into, size, "%.*s%s%s",
		       at ? (int)(at - text) : (int)strlen(text), text,
		       at ? folder : "", at ? at + 6 : "");
}

static void check(const struct row *r, size_t number)
{
	const struct opt_list scenarios = list_of(r->scenarios);
	struct job_options o = {.size = r->size,
				.targets = list_of(r->targets),
				.set = list_of(r->set),
				.until_max = 1};
	const char *until[] = {r->until};
	struct job j = {0};
	char expected[512];
	enum err e;

	if (r->until)
		o.until = (struct opt_list){.items = until, .count = 1};
	e = job_prepare(&j, &o, &scenarios);
	expand(r->message, expected, sizeof(expected));
	cr_expect_eq(e != ERR_OK, r->message[0] != '\0', "row %zu: %s", number,
		     j.message);
	if (r->message[0]) {
		cr_expect_str_eq(j.message, expected, "row %zu", number);
	} else {
		cr_expect_eq(j.suite.scenario_count, r->scenario_count,
			     "row %zu", number);
		cr_expect_eq(j.suite.target_count, r->target_count, "row %zu",
			     number);
	}
	job_release(&j);
}

#define BOTH "bench/scenarios/chat.json"

Test(job, names_are_taken_once)
{
	static const struct row rows[] = {
		{{"chat"},
		 {"ws"},
		 .scenario_count = 1,
		 .target_count = 2,
		 .message = ""},
		{{"chat", "chat", BOTH},
		 {"ws"},
		 .scenario_count = 1,
		 .target_count = 2,
		 .message = ""},
		{{"chat"},
		 {"ws", "ws", "bench/targets/ws.json", "bare"},
		 .scenario_count = 1,
		 .target_count = 2,
		 .message = ""},
		{{"chat"},
		 {"ws", "./mine/ws.json"},
		 .message = "./mine/ws.json:2: \"name\": ws is the name of "
			    "{home}/bench/targets/ws.json, too"},
		{{"chat"},
		 {"./mine/ws.json", "ws"},
		 .message = "{home}/bench/targets/ws.json:2: \"name\": ws is "
			    "the name of ./mine/ws.json, too"},
		{{"chat"},
		 {"./mine/bare.json"},
		 .message = "./mine/bare.json:2: \"name\": bare is the name "
			    "of {home}/bench/targets/bare.json, too"},
		{{"chat", "./mine/chat.json"},
		 {"ws"},
		 .message = "./mine/chat.json:2: \"name\": chat is the name "
			    "of {home}/bench/scenarios/chat.json, too"},
		{{"chat"},
		 {"./mine/ws.json"},
		 .scenario_count = 1,
		 .target_count = 2,
		 .message = ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(&rows[i], i);
}

Test(job, parameters_are_looked_at_together)
{
	static const struct {
		const char *set[MANY];
		enum scenario_size size;
		const char *message;
	} rows[] = {
		{{"rooms=9000", "members=1"}, SIZE_QUICK, ""},
		{{"members=1", "rooms=9000"}, SIZE_SMOKE, ""},
		{{"rooms=2250"}, SIZE_SMOKE, ""},
		{{"rooms=2250"},
		 SIZE_QUICK,
		 "--set rooms=2250 and members=10: chat takes up to 9000 "
		 "members in all rooms together, not 22500"},
		{{"rooms=800", "members=80"},
		 SIZE_QUICK,
		 "--set rooms=800 and --set members=80: chat takes up to 9000 "
		 "members in all rooms together, not 64000"},
		{{"rooms=9001"},
		 SIZE_QUICK,
		 "--set rooms=9001: chat takes 1 to 9000"},
		{{"rooms=1.5"},
		 SIZE_QUICK,
		 "--set rooms=1.5: expected a whole number"},
		{{"window=2"},
		 SIZE_QUICK,
		 "--set window: no chosen scenario has this parameter"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct row r = {.scenarios = {"chat"},
				.targets = {"ws"},
				.size = rows[i].size,
				.message = rows[i].message,
				.scenario_count = 1,
				.target_count = 2};

		memcpy(r.set, rows[i].set, sizeof(r.set));
		check(&r, i);
	}
}

Test(job, until_names_a_metric)
{
	static const struct row rows[] = {
		{{"chat"},
		 {"ws"},
		 .until = "=5",
		 .message = "--until \"=5\": expected METRIC or METRIC=N%"},
		{{"chat"},
		 {"ws"},
		 .until = "",
		 .message = "--until \"\": expected METRIC or METRIC=N%"},
		{{"chat"},
		 {"ws"},
		 .until = "cpu=5%",
		 .scenario_count = 1,
		 .target_count = 2,
		 .message = ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(&rows[i], i);
}
