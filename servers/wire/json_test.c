/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/wire/json.h"

/*
 * The table of what RFC 8259 accepts, and of what it does not with the place
 * of the first wrong byte. A text with NUL or of great length is made below.
 */
#define AT_NONE SIZE_MAX
static const struct json_case {
	const char *text;
	size_t wrong_at; /* AT_NONE: valid */
} cases[] = {
	/* values alone */
	{"null", AT_NONE},
	{"true", AT_NONE},
	{"false", AT_NONE},
	{"0", AT_NONE},
	{"-0", AT_NONE},
	{"\"\"", AT_NONE},
	{"[]", AT_NONE},
	{"{}", AT_NONE},
	{" \t\r\n1 \t\r\n", AT_NONE},
	{"", 0},
	{" ", 1},
	{"nul", 3},
	{"nulL", 3},
	{"truefalse", 4},
	{"True", 0},
	{"NaN", 0},
	{"Infinity", 0},
	{"-Infinity", 1},
	{"undefined", 0},
	{"'a'", 0},
	{"1 2", 2},
	{"\xef\xbb\xbf{}", 0},
	{"\f1", 0},
	{"\v1", 0},
	{"\xc2\xa0"
	 "1",
	 0},
	{"/**/1", 0},
	{"1//", 1},
	/* numbers */
	{"12345678901234567890123456789", AT_NONE},
	{"1.5", AT_NONE},
	{"-1.50", AT_NONE},
	{"0.0", AT_NONE},
	{"1e5", AT_NONE},
	{"1E+5", AT_NONE},
	{"1.25e-05", AT_NONE},
	{"0e0", AT_NONE},
	{"1e999", AT_NONE},
	{"01", 1},
	{"-01", 2},
	{"00", 1},
	{"+1", 0},
	{"-", 1},
	{"--1", 1},
	{"-a", 1},
	{"1.", 2},
	{"1.e5", 2},
	{".5", 0},
	{"-.5", 1},
	{"1e", 2},
	{"1e+", 3},
	{"1e1.5", 3},
	{"1E5e", 3},
	{"0x10", 1},
	{"1_000", 1},
	{"1,", 1},
	{"\xef\xbc\x91", 0}, /* a full-width 1 */
	/* arrays */
	{"[1]", AT_NONE},
	{"[ 1 , [ ] , { } ]", AT_NONE},
	{"[[[[]]]]", AT_NONE},
	{"[1,2,3]", AT_NONE},
	{"[", 1},
	{"]", 0},
	{"[1", 2},
	{"[1,", 3},
	{"[1,]", 3},
	{"[,1]", 1},
	{"[1,,2]", 3},
	{"[1 2]", 3},
	{"[1}", 2},
	{"[1]]", 3},
	{"[1:2]", 2},
	{"[01]", 2},
	{"[\"a\"", 4},
	{"[1]x", 3},
	/* objects */
	{"{\"a\":1}", AT_NONE},
	{"{\"a\":1,\"a\":2}", AT_NONE},
	{"{\"\":{\"\":{}}}", AT_NONE},
	{" { \"a\" : [ 1 , 2 ] , \"b\" : null } ", AT_NONE},
	{"{", 1},
	{"}", 0},
	{"{\"a\"", 4},
	{"{\"a\":", 5},
	{"{\"a\":1", 6},
	{"{\"a\":1,", 7},
	{"{\"a\":1,}", 7},
	{"{,\"a\":1}", 1},
	{"{a:1}", 1},
	{"{1:1}", 1},
	{"{\"a\" 1}", 5},
	{"{\"a\",1}", 4},
	{"{\"a\"::1}", 5},
	{"{\"a\":1 \"b\":2}", 7},
	{"{\"a\":1]", 6},
	{"{\"a\":}", 5},
	{"{null:1}", 1},
	{"{\"a\":1}#", 7},
	{"{\"a\":[}", 6},
	{"{[]:1}", 1},
	/* strings */
	{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", AT_NONE},
	{"\"\\u0000\\uFFFF\\uabCD\"", AT_NONE},
	{"\"\\ud83d\\ude00\"", AT_NONE},
	{"\"\\ud800\"", AT_NONE}, /* lone surrogates, as JavaScript */
	{"\"\\udc00x\"", AT_NONE},
	{"\"a/b\x7f\"", AT_NONE},      /* DEL is not a control here */
	{"\"\xe2\x80\xa8\"", AT_NONE}, /* U+2028 */
	{"\"", 1},
	{"\"abc", 4},
	{"\"abcdefghijklmnop", 17},
	{"\"a\tb\"", 2},
	{"\"a\nb\"", 2},
	{"\"abcdefgh\x1fz\"", 9},
	{"\"abcdefg\x01", 8},
	{"\"\\a\"", 2},
	{"\"\\x41\"", 2},
	{"\"\\U0041\"", 2},
	{"\"\\'\"", 2},
	{"\"\\", 2},
	{"\"\\\"", 3},
	{"\"\\u\"", 3},
	{"\"\\u12\"", 5},
	{"\"\\u123g\"", 6},
	{"\"\\u00 0\"", 5},
	{"\"\\u123", 6},
	{"\"a\" b", 4},
	{"\"\\\t\"", 2},
	/* UTF-8 */
	{"\"\xc3\xa9\"", AT_NONE},
	{"\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\"", AT_NONE},
	{"\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"", AT_NONE},
	{"\"1234567\xc3\xa9"
	 "89abcdef\"",
	 AT_NONE},
	{"\"\x80\"", 1},
	{"\"\xc0\xaf\"", 1},
	{"\"\xc1\xbf\"", 1},
	{"\"\xc3\"", 2},
	{"\"\xc3", 2},
	{"\"\xe0\x9f\xbf\"", 2},
	{"\"\xed\xa0\x80\"", 2},
	{"\"\xe2\x82\"", 3},
	{"\"\xf0\x8f\xbf\xbf\"", 2},
	{"\"\xf4\x90\x80\x80\"", 2},
	{"\"\xf5\x80\x80\x80\"", 1},
	{"\"\xff\"", 1},
	{"\"\xf0\x9f\x98", 4},
	{"{\"\xff\":1}", 2},
	{"[\"abcdefgh\xe9\"]", 11},
};

Test(json, accepts_and_refuses_what_rfc_8259_does)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct json_case *c = &cases[i];
		const char *expected = NULL;
		size_t at = AT_NONE;
		bool ok = json_validate_at(slice_str(c->text), &at, &expected);

		cr_assert_eq(ok, c->wrong_at == AT_NONE, "case %zu: %s", i,
			     c->text);
		cr_assert_eq(at, c->wrong_at, "case %zu: %s: at %zu", i,
			     c->text, at);
		cr_assert_eq(expected != NULL, !ok);
		cr_assert_eq(json_validate(slice_str(c->text)), ok);
	}
}

/* Reads past the end show under a sanitizer: each text has its own memory. */
Test(json, every_prefix_fails_at_its_end_or_where_the_whole_does)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const size_t n = strlen(cases[i].text);

		for (size_t cut = 0; cut < n; cut++) {
			char *copy = malloc(cut + (cut == 0));
			const char *expected;
			size_t at = AT_NONE;

			memcpy(copy, cases[i].text, cut);
			if (!json_validate_at(slice_of(copy, cut), &at,
					      &expected))
				cr_assert_eq(at,
					     cut < cases[i].wrong_at
						     ? cut
						     : cases[i].wrong_at,
					     "case %zu cut at %zu", i, cut);
			free(copy);
		}
	}
}

/* The object walk that validates must agree with the validator. */
Test(json, scan_of_an_object_agrees_with_validation)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct slice text = slice_str(cases[i].text);
		struct slice key, value;
		struct json_scan it;
		enum json_step step;

		if (!json_scan_object(text, &it))
			continue;
		do
			step = json_scan_member(&it, &key, &value);
		while (step == JSON_STEP_MEMBER);
		cr_assert_eq(step == JSON_STEP_END,
			     cases[i].wrong_at == AT_NONE, "case %zu: %s", i,
			     cases[i].text);
	}
}

Test(json, nul_bytes_are_refused)
{
	const char *expected;
	size_t at;

	cr_assert_not(
		json_validate_at(slice_of("\"a\0b\"", 5), &at, &expected));
	cr_assert_eq(at, 2);
	cr_assert_not(json_validate_at(slice_of("1\0", 2), &at, &expected));
	cr_assert_eq(at, 1);
	cr_assert_not(
		json_validate_at(slice_of("\"\\\0\"", 4), &at, &expected));
	cr_assert_eq(at, 2);
	cr_assert_not(json_validate_at(slice_of(NULL, 0), &at, &expected));
	cr_assert_eq(at, 0);
}

Test(json, a_wrong_byte_is_found_at_every_place_of_a_word)
{
	for (size_t n = 0; n < 40; n++) {
		char text[64];
		const char *expected;
		size_t at = 0;

		memset(text, 'x', sizeof(text));
		text[0] = '"';
		text[n + 1] = '\x1f';
		text[50] = '"';
		cr_assert_not(
			json_validate_at(slice_of(text, 51), &at, &expected));
		cr_assert_eq(at, n + 1);
		cr_assert_str_eq(expected, "no raw control character");
		text[n + 1] = '"';
		cr_assert_eq(json_value_length(slice_of(text, 51)), n + 2);
	}
}

static struct slice nested(char *into, size_t depth, const char *open,
			   const char *close)
{
	char *p = into;

	for (size_t i = 0; i < depth; i++)
		p = stpcpy(p, open);
	*p++ = '1';
	for (size_t i = 0; i < depth; i++)
		p = stpcpy(p, close);
	return slice_of(into, (size_t)(p - into));
}

Test(json, nesting_is_bounded_at_the_stated_depth)
{
	static char text[8 * JSON_MAX_DEPTH];
	struct json_scan it;
	struct slice key, value;
	const char *expected;
	size_t at;

	cr_assert(json_validate(nested(text, JSON_MAX_DEPTH, "[", "]")));
	cr_assert_not(json_validate_at(
		nested(text, JSON_MAX_DEPTH + 1, "[", "]"), &at, &expected));
	cr_assert_eq(at, JSON_MAX_DEPTH);
	cr_assert_str_eq(expected, "less nesting");
	cr_assert(json_scan_object(nested(text, JSON_MAX_DEPTH, "{\"\":", "}"),
				   &it));
	cr_assert_eq(json_scan_member(&it, &key, &value), JSON_STEP_MEMBER);
	cr_assert_eq(json_scan_member(&it, &key, &value), JSON_STEP_END);
	cr_assert(json_scan_object(
		nested(text, JSON_MAX_DEPTH + 1, "{\"\":", "}"), &it));
	cr_assert_eq(json_scan_member(&it, &key, &value), JSON_STEP_BAD);
}

/* Objects and arrays alternate over the words of the scanner's bit stack. */
Test(json, mixed_nesting_needs_the_right_brackets)
{
	char text[2048];
	struct slice t = nested(text, 150, "[{\"\":", "}]");

	cr_assert(json_validate(t));
	for (size_t i = t.n / 2 + 100; i < t.n; i++) {
		char was = text[i];

		text[i] = was == ']' ? '}' : ']';
		cr_assert_not(json_validate(t), "swapped at %zu", i);
		text[i] = was;
	}
}

Test(json, length_of_a_value_with_something_behind)
{
	cr_assert_eq(json_value_length(SLICE("[1,2]tail")), 5);
	cr_assert_eq(json_value_length(SLICE("12 ")), 2);
	cr_assert_eq(json_value_length(SLICE("{\"a\":\"]\"}]")), 9);
	cr_assert_eq(json_value_length(SLICE("\"a\"\"b\"")), 3);
	cr_assert_eq(json_value_length(SLICE(" 1")), 0);
	cr_assert_eq(json_value_length(SLICE("[1")), 0);
	cr_assert_eq(json_value_length(SLICE("")), 0);
}

static void assert_member(struct json_iter *it, const char *key,
			  const char *value)
{
	struct slice k, v;

	cr_assert(json_next_member(it, &k, &v));
	cr_assert(slice_is(k, key), "%.*s", SLICE_ARG(k));
	cr_assert(slice_is(v, value), "%.*s", SLICE_ARG(v));
}

Test(json, members_come_raw_and_in_order)
{
	struct json_iter it;
	struct slice k, v;

	cr_assert(json_object(SLICE(" {\"a\" : [1, {\"x\":\"]}\\\"\"}] ,"
				    "\"b\\u0063\":-1.50e1,\"\":\"\\\\\" }"),
			      &it));
	assert_member(&it, "a", "[1, {\"x\":\"]}\\\"\"}]");
	assert_member(&it, "b\\u0063", "-1.50e1");
	assert_member(&it, "", "\"\\\\\"");
	cr_assert_not(json_next_member(&it, &k, &v));
	cr_assert_not(json_next_member(&it, &k, &v));
	cr_assert_not(json_object(SLICE("[]"), &it));
	cr_assert_not(json_object(SLICE(""), &it));
	cr_assert(json_object(SLICE("{}"), &it));
	cr_assert_not(json_next_member(&it, &k, &v));
}

Test(json, elements_come_raw_and_in_order)
{
	static const char *const want[] = {"1", "\"a,b\"", "[2,3]", "{}",
					   "null"};
	struct json_iter it;
	struct slice v;

	cr_assert(json_array(SLICE("[ 1,\"a,b\" , [2,3],{},null ]"), &it));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		cr_assert(json_next_element(&it, &v));
		cr_assert(slice_is(v, want[i]), "%.*s", SLICE_ARG(v));
	}
	cr_assert_not(json_next_element(&it, &v));
	cr_assert_not(json_next_element(&it, &v));
	cr_assert_not(json_array(SLICE("{}"), &it));
}

Test(json, types)
{
	cr_assert_eq(json_type(SLICE("null")), JSON_NULL);
	cr_assert_eq(json_type(SLICE("true")), JSON_TRUE);
	cr_assert_eq(json_type(SLICE("false")), JSON_FALSE);
	cr_assert_eq(json_type(SLICE("-1")), JSON_NUMBER);
	cr_assert_eq(json_type(SLICE("7")), JSON_NUMBER);
	cr_assert_eq(json_type(SLICE(" \"\"")), JSON_STRING);
	cr_assert_eq(json_type(SLICE("[]")), JSON_ARRAY);
	cr_assert_eq(json_type(SLICE("{}")), JSON_OBJECT);
	cr_assert_eq(json_type(SLICE("")), JSON_NONE);
	cr_assert_eq(json_type(SLICE("x")), JSON_NONE);
}

Test(json, member_by_name_takes_the_last_and_sees_through_escapes)
{
	struct slice v = {0};

	cr_assert(json_member(SLICE("{\"a\":1,\"\\u0061\":2}"), "a", &v));
	cr_assert(slice_is(v, "2"));
	cr_assert_not(json_member(SLICE("{\"ab\":1}"), "a", &v));
	cr_assert_not(json_member(SLICE("[\"a\"]"), "a", &v));
}

Test(json, keys_compare_by_what_they_say)
{
	cr_assert(json_key_is(SLICE("type"), "type"));
	cr_assert(json_key_is(SLICE("t\\u0079pe"), "type"));
	cr_assert(json_key_is(SLICE("a\\/b\\n"), "a/b\n"));
	cr_assert(json_key_is(SLICE(""), ""));
	cr_assert_not(json_key_is(SLICE("typ\\u0065x"), "type"));
	cr_assert_not(json_key_is(SLICE("typ\\u0065"), "types"));
	cr_assert_not(json_key_is(SLICE("\\u0000"), ""));
	cr_assert_not(json_key_is(SLICE("\\ud83d\\ude00"), "x"));
}

static void assert_unescaped(const char *json, struct slice want)
{
	struct buf b, scratch;
	struct slice got;

	buf_init(&b, 1000);
	buf_init(&scratch, 1000);
	cr_assert_eq(json_unescape(slice_str(json), &b), ERR_OK, "%s", json);
	cr_assert(slice_eq(buf_slice(&b), want), "%s", json);
	cr_assert_eq(json_string(slice_str(json), &scratch, &got), ERR_OK);
	cr_assert(slice_eq(got, want), "%s", json);
	buf_release(&b);
	buf_release(&scratch);
}

Test(json, unescaping)
{
	assert_unescaped("\"\"", SLICE(""));
	assert_unescaped("\"plain\"", SLICE("plain"));
	assert_unescaped("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
			 SLICE("\"\\/\b\f\n\r\t"));
	assert_unescaped("\"a\\u0000b\"", slice_of("a\0b", 3));
	assert_unescaped("\"\\u00e9\\u20AC\"", SLICE("\xc3\xa9\xe2\x82\xac"));
	assert_unescaped("\"\\ud83d\\ude00\"", SLICE("\xf0\x9f\x98\x80"));
	assert_unescaped("\"\\udbff\\udfff\"", SLICE("\xf4\x8f\xbf\xbf"));
	assert_unescaped("\"\\ud83d\"", SLICE("\xef\xbf\xbd"));
	assert_unescaped("\"\\ud83dx\"", SLICE("\xef\xbf\xbdx"));
	assert_unescaped("\"\\ude00\\ud83d\"",
			 SLICE("\xef\xbf\xbd\xef\xbf\xbd"));
	assert_unescaped("\"\\ud83d\\u0041\"", SLICE("\xef\xbf\xbd"
						     "A"));
	assert_unescaped("\"\\ud83d\\ud83d\\ude00\"",
			 SLICE("\xef\xbf\xbd\xf0\x9f\x98\x80"));
}

Test(json, unescaping_refuses_what_is_no_string_and_keeps_limits)
{
	struct buf b;
	struct slice s;

	buf_init(&b, 4);
	cr_assert_eq(json_unescape(SLICE("12"), &b), ERR_PROTO);
	cr_assert_eq(json_string(SLICE("[]"), &b, &s), ERR_PROTO);
	cr_assert_eq(json_unescape(SLICE("\"ab\""), &b), ERR_OK);
	cr_assert_eq(json_unescape(SLICE("\"c\\nde\""), &b), ERR_LIMIT);
	cr_assert(slice_is(buf_slice(&b), "ab"));
	buf_release(&b);
}

Test(json, strings_without_escapes_are_not_copied)
{
	struct slice text = SLICE("\"\xc3\xa9t\"");
	struct buf scratch;
	struct slice s;

	buf_init(&scratch, 0);
	cr_assert_eq(json_string(text, &scratch, &s), ERR_OK);
	cr_assert_eq(s.p, text.p + 1);
	cr_assert_eq(s.n, 3);
}

Test(json, integers)
{
	uint64_t n = 7;

	cr_assert(json_u64(SLICE("0"), &n));
	cr_assert_eq(n, 0);
	cr_assert(json_u64(SLICE("9007199254740991"), &n));
	cr_assert_eq(n, UINT64_C(9007199254740991));
	cr_assert_not(json_u64(SLICE("9007199254740992"), &n));
	cr_assert_not(json_u64(SLICE("99999999999999999999"), &n));
	cr_assert_not(json_u64(SLICE("-0"), &n));
	cr_assert_not(json_u64(SLICE("1.0"), &n));
	cr_assert_not(json_u64(SLICE("1e3"), &n));
	cr_assert_not(json_u64(SLICE("\"1\""), &n));
	cr_assert_not(json_u64(SLICE(""), &n));
}

static void assert_quoted(struct slice text, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	cr_assert_eq(json_add_string(&b, text), ERR_OK);
	cr_assert(slice_is(buf_slice(&b), want), "%.*s", (int)b.len, b.data);
	cr_assert(json_validate(buf_slice(&b)));
	buf_release(&b);
}

Test(json, quoting)
{
	assert_quoted(SLICE(""), "\"\"");
	assert_quoted(slice_of(NULL, 0), "\"\"");
	assert_quoted(SLICE("plain \xc3\xa9\x7f/"), "\"plain \xc3\xa9\x7f/\"");
	assert_quoted(SLICE("a\"b\\c"), "\"a\\\"b\\\\c\"");
	assert_quoted(slice_of("\b\f\n\r\t\0\x1f", 7),
		      "\"\\b\\f\\n\\r\\t\\u0000\\u001f\"");
}

/* One replacement for each maximal part of a character, as browsers do. */
Test(json, quoting_replaces_what_is_not_utf8)
{
	assert_quoted(SLICE("a\xff\"b"), "\"a\xef\xbf\xbd\\\"b\"");
	assert_quoted(SLICE("\xe2\x82"), "\"\xef\xbf\xbd\"");
	assert_quoted(SLICE("\xe2\x82z"), "\"\xef\xbf\xbdz\"");
	assert_quoted(SLICE("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_quoted(SLICE("\xff\xc3\xa9"), "\"\xef\xbf\xbd\xc3\xa9\"");
}

Test(json, quoting_is_all_or_nothing)
{
	struct buf b;

	buf_init(&b, 6);
	cr_assert_eq(buf_add_str(&b, "x"), ERR_OK);
	cr_assert_eq(json_add_string(&b, SLICE("1234")), ERR_LIMIT);
	cr_assert_eq(b.len, 1);
	cr_assert_eq(json_add_string(&b, SLICE("123")), ERR_OK);
	cr_assert(slice_is(buf_slice(&b), "x\"123\""));
	buf_release(&b);
}
