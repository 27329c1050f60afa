/* SPDX-License-Identifier: MIT */
#include "bench/run/catalogue.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

#define SCENARIO                                                               \
	"{\"name\": \"s\", \"description\": \"d\", \"teaches\": \"t\",\n"      \
	"\"method\": \"pairs\", \"parameters\": {\"rooms\": {\"value\": 1, "   \
	"\"help\": \"h\"}},\n\"variants\": [{\"name\": \"v\", \"kind\": "      \
	"\"open\"}],\n\"sizes\": {\"smoke\": {}, \"quick\": {}, "              \
	"\"standard\": {}}"
#define PUBLISHED                                                              \
	"\"published\": [{\"what\": \"w\", \"variant\": \"v\", \"figure\": "   \
	"\"f\", \"value\": 1, \"source\": \"s\", \"why\": \"y\",\n"
#define TARGET(name)                                                           \
	"{\"name\": \"" name "\", \"dialect\": \"ws\", \"start\": [\"x\"]}"

static char folder[64];
static struct catalogue c;

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

static void set_up(void)
{
	struct home h = {0};
	char own[96];

	(void)strcpy(folder, "/tmp/pushmark-catalogue-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(h.data, sizeof(h.data), "%s/home", folder);
	(void)snprintf(own, sizeof(own), "%s/home/bench/targets", folder);
	cr_assert_eq(path_make(own), ERR_OK);
	write_file("mine.json", TARGET("mine"));
	write_file("home/bench/targets/ours.json", TARGET("ours"));
	cr_assert_eq(catalogue_init(&c, &h, folder, folder), ERR_OK);
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

TestSuite(catalogue, .init = set_up, .fini = tear_down);

Test(catalogue, a_scenario_names_targets_that_there_are)
{
	static const struct {
		const char *more, *error;
	} rows[] = {
		{"}", ""},
		{",\n\"targets\": [\"mine\", \"ours\"]}", ""},
		{",\n\"targets\": [\"mine\"], \"baseline\": \"self\"}", ""},
		{",\n\"targets\": [\"mine\"], \"baseline\": \"ours\"}", ""},
		{",\n" PUBLISHED "\"target\": \"ours\"}]}", ""},
		{",\n\"targets\": [\"mine\",\n\"none\"]}",
		 "s.json:6: there is no target 'none'"},
		{",\n\"targets\": [\"mine\"],\n\"baseline\": \"none\"}",
		 "s.json:6: \"baseline\": there is no target 'none'"},
		{",\n" PUBLISHED "\"target\": \"none\"}]}",
		 "s.json:6: \"target\": there is no target 'none'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[1024], message[1024] = "", expected[256] = "";
		struct scenario s;
		enum err e;

		(void)snprintf(text, sizeof(text), SCENARIO "%s", rows[i].more);
		write_file("s.json", text);
		if (rows[i].error[0])
			(void)snprintf(expected, sizeof(expected), "%s/%s",
				       folder, rows[i].error);
		e = catalogue_scenario(&c, "s", &s, message, sizeof(message));
		cr_expect_eq(e, rows[i].error[0] ? ERR_USAGE : ERR_OK);
		cr_expect_str_eq(message, expected, "row %zu", i);
		scenario_release(&s);
	}
}

Test(catalogue, a_name_is_checked_whatever_the_file_is_called)
{
	struct target t;
	char message[1024], path[128];

	write_file("any", TARGET("../../x"));
	(void)snprintf(path, sizeof(path), "%s/any", folder);
	cr_assert_eq(catalogue_target(&c, path, &t, message, sizeof(message)),
		     ERR_USAGE);
	cr_assert_not_null(strstr(message, "any:1: \"name\": expected a name"));
	target_release(&t);
	write_file("any", TARGET("x"));
	cr_assert_eq(catalogue_target(&c, path, &t, message, sizeof(message)),
		     ERR_OK);
	cr_assert_str_eq(t.file, path);
	cr_assert_eq(t.line, 1);
	target_release(&t);
	write_file("other.json", TARGET("x"));
	cr_assert_eq(
		catalogue_target(&c, "other", &t, message, sizeof(message)),
		ERR_USAGE);
	cr_assert_not_null(strstr(message, "other.json:1: \"name\": the "
					   "file's name is another one"));
	target_release(&t);
}

Test(catalogue, the_same_file_by_two_paths)
{
	char one[128], other[160];

	(void)snprintf(one, sizeof(one), "%s/mine.json", folder);
	(void)snprintf(other, sizeof(other), "%s/home/../mine.json", folder);
	cr_assert(catalogue_same(one, other));
	(void)snprintf(other, sizeof(other), "%s/home/bench/targets/ours.json",
		       folder);
	cr_assert_not(catalogue_same(one, other));
	cr_assert_not(catalogue_same(one, "/nowhere"));
}
