/* SPDX-License-Identifier: MIT */
#include "bench/run/doc.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "servers/base/check.h"

/* What is wrong with so many bytes as a document, or "". */
static const char *complaint(const char *text, size_t size)
{
	static char error[512];
	struct doc d;
	enum err e = doc_parse(&d, "d.json", text, size);

	cr_assert_eq(e, d.error[0] ? ERR_PROTO : ERR_OK);
	(void)snprintf(error, sizeof(error), "%s", d.error);
	doc_release(&d);
	return error;
}

/* With the size of a text that has bytes of value 0. */
#define BYTES(text) text, sizeof(text) - 1

Test(doc, what_is_not_json_has_a_line)
{
	static const struct {
		const char *text;
		size_t size;
		const char *error;
	} rows[] = {
		{BYTES("{}"), ""},
		{BYTES(" {\"a\": [1, -0.5e-3, \"\\u00e9\"]}\n"), ""},
		{BYTES(""), "1: this is not JSON: expected a value"},
		{BYTES("\n\n"), "3: this is not JSON: expected a value"},
		{BYTES("\n[]"), "2: expected an object"},
		{BYTES("5"), "1: expected an object"},
		{BYTES("null"), "1: expected an object"},
		{BYTES("{}\n\0garbage"),
		 "2: this is not JSON: expected the end of the text"},
		{BYTES("{}\0"),
		 "1: this is not JSON: expected the end of the text"},
		{BYTES("{} {}"),
		 "1: this is not JSON: expected the end of the text"},
		{BYTES("{\n\"a\": 0100}"),
		 "2: this is not JSON: expected ',' or '}'"},
		{BYTES("{\n\"a\": 100.}"),
		 "2: this is not JSON: expected a digit"},
		{BYTES("{\n\"a\": .5}"),
		 "2: this is not JSON: expected a value"},
		{BYTES("{\n\"a\": +5}"),
		 "2: this is not JSON: expected a value"},
		{BYTES("{\"a\": 1,\n}"),
		 "2: this is not JSON: expected a member's name in quotes"},
		{BYTES("{\n\n\"a\": \"\033\"}"),
		 "3: this is not JSON: expected no raw control character"},
		{BYTES("{\n\"a\": \"\0\"}"),
		 "2: this is not JSON: expected no raw control character"},
		{BYTES("{\n\"a\": \"line\nline\"}"),
		 "2: this is not JSON: expected no raw control character"},
		{BYTES("{\n\"a\": \"\xff\"}"),
		 "2: this is not JSON: expected valid UTF-8"},
		{BYTES("{\n\"a\": \"\xc0\xaf\"}"),
		 "2: this is not JSON: expected valid UTF-8"},
		{BYTES("\xef\xbb\xbf{}"),
		 "1: this is not JSON: expected a value"},
		{BYTES("{\n\"a\": \"a\\u0000b\"}"),
		 "2: this is not JSON: expected no U+0000"},
		{BYTES("{\"a\": \"\\\\u0000\"}"), ""},
		{BYTES("{\n\"a\": \"\\ud800\"}"),
		 "2: this is not JSON: expected pairs of surrogates"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char expected[256] = "";

		if (rows[i].error[0])
			(void)snprintf(expected, sizeof(expected), "d.json:%s",
				       rows[i].error);
		cr_expect_str_eq(complaint(rows[i].text, rows[i].size),
				 expected, "row %zu: %s", i, rows[i].text);
	}
}

Test(doc, nesting_is_bounded)
{
	static char text[20000];

	memset(text, '[', sizeof(text));
	cr_assert_str_eq(complaint(text, sizeof(text)),
			 "d.json:1: this is not JSON: expected less nesting");
}

static void read_text(struct doc *d)
{
	(void)doc_text(d, d->root, "k", NULL);
}

static void read_name(struct doc *d)
{
	(void)doc_name(d, d->root, "k");
}

static void read_whole(struct doc *d)
{
	(void)doc_whole(d, d->root, "k", 0, 10, NAN);
}

static void read_only(struct doc *d)
{
	static const char *const known[] = {"k", "l", NULL};

	doc_only(d, d->root, known);
}

#define NAME                                                                   \
	"expected a name: letters, digits, + - _ and dots, none of them "      \
	"first, at most 64"

Test(doc, getters_say_what_they_expected)
{
	static const struct {
		void (*read)(struct doc *d);
		const char *text, *error;
	} rows[] = {
		{read_text, "{\"k\": \"a b\"}", ""},
		{read_text, "{}", "d.json:1: lacks the key \"k\""},
		{read_text, "{\n\"k\": \"\"}",
		 "d.json:2: \"k\": expected a text"},
		{read_text, "{\n\"k\": null}",
		 "d.json:2: \"k\": expected a text"},
		{read_text, "{\n\"k\": \"a\\nb\"}",
		 "d.json:2: \"k\": expected a text without control characters"},
		{read_text, "{\n\"k\": \"\\u001b[31m\"}",
		 "d.json:2: \"k\": expected a text without control characters"},
		{read_name, "{\"k\": \"long-poll+up_grade.2\"}", ""},
		{read_name, "{\n\"k\": \"../../x\"}", "d.json:2: \"k\": " NAME},
		{read_name, "{\n\"k\": \"a/b\"}", "d.json:2: \"k\": " NAME},
		{read_name, "{\n\"k\": \".a\"}", "d.json:2: \"k\": " NAME},
		{read_name, "{\n\"k\": \"a b\"}", "d.json:2: \"k\": " NAME},
		{read_name, "{\n\"k\": \"\\u00e9\"}", "d.json:2: \"k\": " NAME},
		{read_name,
		 "{\n\"k\": \"0123456789abcdef0123456789abcdef"
		 "0123456789abcdef0123456789abcdefg\"}",
		 "d.json:2: \"k\": " NAME},
		{read_whole, "{\"k\": 3.0}", ""},
		{read_whole, "{\"k\": 1e1}", ""},
		{read_whole, "{\n\"k\": 1.5}",
		 "d.json:2: \"k\": expected a whole number"},
		{read_whole, "{\n\"k\": 11}",
		 "d.json:2: \"k\": 11 is not within 0 and 10"},
		{read_whole, "{\n\"k\": 1e999}",
		 "d.json:2: \"k\": inf is not within 0 and 10"},
		{read_whole, "{\n\"k\": \"3\"}",
		 "d.json:2: \"k\": expected a number"},
		{read_only, "{\"k\": 1, \"l\": 2}", ""},
		{read_only, "{\"k\": 1,\n\"k\": 2}",
		 "d.json:2: \"k\": given twice"},
		{read_only, "{\n\"\\u001b\\n\": 1}",
		 "d.json:2: \"?"
		 "?\": unknown key"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *text = rows[i].text;
		struct doc d;

		cr_assert_eq(doc_parse(&d, "d.json", text, strlen(text)),
			     ERR_OK);
		rows[i].read(&d);
		cr_expect_str_eq(d.error, rows[i].error, "row %zu: %s", i,
				 text);
		doc_release(&d);
	}
}
