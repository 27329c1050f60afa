/* SPDX-License-Identifier: MIT */
#include "bench/run/target.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static enum err read_text(struct target *t, const char *text, char *error)
{
	struct doc d;
	enum err e = doc_parse(&d, "t.json", text, strlen(text));

	*t = (struct target){0};
	if (!e)
		e = target_read(t, &d);
	(void)snprintf(error, 512, "%s", d.error);
	doc_release(&d);
	return e;
}

Test(target, argv_gets_its_folders)
{
	struct home h = {.data = "/d", .bin = "/b"};
	struct target t;
	char error[512];
	char **argv;

	cr_assert_eq(read_text(&t,
			       "{\"name\":\"t\",\"dialect\":\"ws\",\"start\":"
			       "[\"{bin}/x\",\"--root={home}/y\",\"{b}\"]}",
			       error),
		     ERR_OK);
	argv = target_argv(t.start, NULL, &h, "127.0.0.1");
	cr_assert_str_eq(argv[0], "/b/x");
	cr_assert_str_eq(argv[1], "--root=/d/y");
	cr_assert_str_eq(argv[2], "{b}");
	cr_assert_null(argv[3]);
	cr_assert_eq(t.ready_ms, 10000);
	cr_assert_str_eq(t.path, "");
	target_argv_free(argv);
	target_release(&t);
}

Test(target, complaints_name_file_line_and_key)
{
	struct target t;
	char error[512];

	cr_assert_eq(read_text(&t,
			       "{\"name\":\"t\",\n\"dialect\":\"smoke\",\n"
			       "\"start\":[\"x\"]}",
			       error),
		     ERR_USAGE);
	cr_assert_str_eq(error, "t.json:2: \"dialect\": expected ws, sse, "
				"longpoll, longpoll+upgrade, bare, ws-plain, "
				"sse-plain, longpoll-plain or poll-plain");
	target_release(&t);
	cr_assert_eq(read_text(&t,
			       "{\"name\":\"t\",\"dialect\":\"ws\",\n"
			       "\"start\":\"x\"}",
			       error),
		     ERR_USAGE);
	cr_assert_str_eq(error, "t.json:2: \"start\": expected a list: program "
				"and arguments");
	target_release(&t);
	cr_assert_eq(
		read_text(&t, "{\"name\":\"t\",\"dialect\":\"ws\"}", error),
		ERR_USAGE);
	cr_assert_str_eq(error, "t.json:1: lacks the key \"start\"");
	target_release(&t);
}

Test(target, deflate_is_offered_when_it_says_so)
{
	struct target t;
	char error[512];

	cr_assert_eq(read_text(&t,
			       "{\"name\":\"t\",\"dialect\":\"ws\",\"start\":"
			       "[\"x\"],\"deflate\":true}",
			       error),
		     ERR_OK);
	cr_assert(t.deflate);
	target_release(&t);
	cr_assert_eq(read_text(&t,
			       "{\"name\":\"t\",\"dialect\":\"ws\",\"start\":"
			       "[\"x\"],\n\"deflate\":1}",
			       error),
		     ERR_USAGE);
	cr_assert_str_eq(error,
			 "t.json:2: \"deflate\": expected true or false");
	target_release(&t);
}

Test(target, version_is_a_command_of_its_own)
{
	struct home h = {.data = "/d", .bin = "/b"};
	struct target t;
	char error[512];
	char **argv;

	cr_assert_eq(read_text(&t,
			       "{\"name\":\"t\",\"dialect\":\"ws-plain\","
			       "\"start\":[\"x\"],\"warmup\":1000,"
			       "\"version\":[\"{home}/x\",\"-v\"]}",
			       error),
		     ERR_OK, "%s", error);
	cr_assert_eq(t.warmup, 1000);
	argv = target_argv(t.version, NULL, &h, "127.0.0.1");
	cr_assert_str_eq(argv[0], "/d/x");
	cr_assert_str_eq(argv[1], "-v");
	cr_assert_null(argv[2]);
	target_argv_free(argv);
	target_release(&t);
	cr_assert_eq(read_text(&t,
			       "{\"name\":\"t\",\"dialect\":\"ws\",\"start\":"
			       "[\"x\"],\n\"version\":[\"x\",1]}",
			       error),
		     ERR_USAGE);
	cr_assert_str_eq(error, "t.json:2: expected a text");
	target_release(&t);
}
