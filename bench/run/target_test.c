/* SPDX-License-Identifier: MIT */
#include "bench/run/target.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "servers/base/check.h"

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

/* A target with these keys instead of or beside the usual. */
static const char *complaint(const char *name, const char *dialect,
			     const char *more)
{
	static char error[512];
	struct target t;
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "{\"name\": \"%s\", \"dialect\": \"%s\", %s}", name,
		       dialect, more);
	(void)read_text(&t, text, error);
	target_release(&t);
	return error;
}

#define START "\"start\": [\"x\"],\n"
#define PATH_ERROR                                                             \
	"t.json:2: \"path\": expected a / and printable ASCII without # and "  \
	"blanks"

Test(target, values_that_cannot_be)
{
	static const struct {
		const char *name, *dialect, *more, *error;
	} rows[] = {
		{"long+poll_2.1-a", "ws", "\"start\": [\"x\", \"\"]", ""},
		{"t", "ws", START "\"path\": \"/x/y?token=t%20&a=b\"", ""},
		{"t", "ws-plain", START "\"deflate\": true", ""},
		{"t", "sse-plain", START "\"deflate\": false", ""},
		{"../../x", "ws", START "\"suite\": 1",
		 "t.json:1: \"name\": expected a name: letters, digits, + - _ "
		 "and dots, none of them first, at most 64"},
		{"a\\nb", "ws", START "\"suite\": 1",
		 "t.json:1: \"name\": expected a text without control "
		 "characters"},
		{"t", "ws", "\n\"start\": [\"\"]",
		 "t.json:2: expected a program"},
		{"t", "ws", START "\"version\": [\"\", \"-v\"]",
		 "t.json:2: expected a program"},
		{"t", "ws", START "\"path\": \"x\"", PATH_ERROR},
		{"t", "ws", START "\"path\": \"/a b\"", PATH_ERROR},
		{"t", "ws", START "\"path\": \"/a#b\"", PATH_ERROR},
		{"t", "ws", START "\"path\": \"/\\u00e9\"", PATH_ERROR},
		{"t", "ws", START "\"path\": \"/a\\r\\nX: y\"",
		 "t.json:2: \"path\": expected a text without control "
		 "characters"},
		{"t", "ws", START "\"namespace\": \"chat\"",
		 "t.json:2: \"namespace\": expected a / first"},
		{"t", "sse-plain", START "\"deflate\": true",
		 "t.json:2: \"deflate\": the dialect sse-plain has no "
		 "permessage-deflate"},
		{"t", "longpoll+upgrade", START "\"deflate\": true",
		 "t.json:2: \"deflate\": the dialect longpoll+upgrade has no "
		 "permessage-deflate"},
		{"t", "ws", START "\"suite\": 1.5",
		 "t.json:2: \"suite\": expected a whole number"},
		{"t", "ws", START "\"ready_ms\": 1.5",
		 "t.json:2: \"ready_ms\": expected a whole number"},
		{"t", "ws", START "\"path\": \"/a\",\n\"path\": \"/b\"",
		 "t.json:3: \"path\": given twice"},
		{"t", "ws", START "\"colour\": 1",
		 "t.json:2: \"colour\": unknown key"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		cr_expect_str_eq(
			complaint(rows[i].name, rows[i].dialect, rows[i].more),
			rows[i].error, "row %zu", i);
}
