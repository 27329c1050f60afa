/* SPDX-License-Identifier: MIT */
#include "servers/wire/sse.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIMIT = 1 << 16 };

/* Events as text, to be compared: `type|id|data;`. */
static void log_event(void *arg, const struct sse_event *e)
{
	struct buf *log = arg;

	cr_assert_eq(buf_add_slice(log, e->type), ERR_OK);
	cr_assert_eq(buf_add_char(log, '|'), ERR_OK);
	cr_assert_eq(buf_add_slice(log, e->last_event_id), ERR_OK);
	cr_assert_eq(buf_add_char(log, '|'), ERR_OK);
	cr_assert_eq(buf_add_slice(log, e->data), ERR_OK);
	cr_assert_eq(buf_add_char(log, ';'), ERR_OK);
}

/*
 * Feeds pieces of `step` bytes, each in memory of exactly its size that is
 * gone after, so that a slice kept too long is found.
 */
static enum err feed(struct sse_parser *p, struct slice text, size_t step,
		     struct buf *log)
{
	enum err e = ERR_OK;

	while (text.n && !e) {
		size_t n = text.n < step ? text.n : step;
		char *piece = malloc(n);

		cr_assert_not_null(piece);
		memcpy(piece, text.p, n);
		e = sse_parser_feed(p, slice_of(piece, n), log_event, log);
		memset(piece, '#', n);
		free(piece);
		text = slice_after(text, n);
	}
	return e;
}

static void expect(struct slice text, size_t step, const char *want)
{
	struct sse_parser p;
	struct buf log;

	sse_parser_init(&p, LIMIT);
	buf_init(&log, LIMIT);
	cr_assert_eq(feed(&p, text, step, &log), ERR_OK);
	cr_assert(slice_is(buf_slice(&log), want), "\"%.*s\", not \"%s\"",
		  SLICE_ARG(buf_slice(&log)), want);
	buf_release(&log);
	sse_parser_release(&p);
}

static void expect_all_cuts(const char *text, const char *want)
{
	for (size_t step = 1; step <= strlen(text) + 1; step++)
		expect(slice_str(text), step, want);
}

/* The cases of corpus/sse_parse_cases.json */

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text;
	long n;

	cr_assert_not_null(f, "%s: run the tests from the root", path);
	cr_assert_eq(fseek(f, 0, SEEK_END), 0);
	n = ftell(f);
	cr_assert_gt(n, 0);
	rewind(f);
	text = malloc((size_t)n + 1);
	cr_assert_not_null(text);
	cr_assert_eq(fread(text, 1, (size_t)n, f), (size_t)n);
	text[n] = '\0';
	fclose(f);
	return text;
}

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	cr_assert(cJSON_IsString(item), "%s", name);
	return item->valuestring;
}

static void add_hex(struct buf *b, const char *hex)
{
	for (; *hex; hex += 2) {
		char digits[3] = {hex[0], hex[1], '\0'};

		cr_assert_eq(buf_add_char(b, (char)strtol(digits, NULL, 16)),
			     ERR_OK);
	}
}

/* Writes a case's events as log_event() would. */
static void expected_log(const cJSON *test, struct buf *log)
{
	const cJSON *event;

	cJSON_ArrayForEach(event, cJSON_GetObjectItem(test, "events"))
	{
		cr_assert_eq(buf_printf(log, "%s|%s|", text_of(event, "type"),
					text_of(event, "lastEventId")),
			     ERR_OK);
		add_hex(log, text_of(event, "data_hex"));
		cr_assert_eq(buf_add_char(log, ';'), ERR_OK);
	}
}

static void expect_retry(const struct sse_parser *p, const cJSON *retry,
			 const char *name)
{
	cr_assert_not_null(retry, "%s", name);
	if (cJSON_IsString(retry)) {
		cr_assert_str_eq(retry->valuestring, "any");
		return;
	}
	cr_assert_eq(p->has_retry, !cJSON_IsNull(retry), "%s", name);
	if (p->has_retry)
		cr_assert_eq((double)p->retry_ms, retry->valuedouble, "%s",
			     name);
}

static void run_case(const cJSON *test, size_t step)
{
	const char *name = text_of(test, "name");
	struct buf input, want, got;
	struct sse_parser p;

	buf_init(&input, LIMIT);
	buf_init(&want, LIMIT);
	buf_init(&got, LIMIT);
	sse_parser_init(&p, LIMIT);
	add_hex(&input, text_of(test, "input_hex"));
	expected_log(test, &want);
	cr_assert_eq(feed(&p, buf_slice(&input), step, &got), ERR_OK);
	cr_assert(slice_eq(buf_slice(&got), buf_slice(&want)),
		  "%s by %zu: \"%.*s\", not \"%.*s\"", name, step,
		  SLICE_ARG(buf_slice(&got)), SLICE_ARG(buf_slice(&want)));
	cr_assert(slice_is(sse_parser_last_id(&p),
			   text_of(test, "final_last_event_id")),
		  "%s", name);
	expect_retry(&p, cJSON_GetObjectItem(test, "final_retry"), name);
	sse_parser_release(&p);
	buf_release(&got);
	buf_release(&want);
	buf_release(&input);
}

Test(sse, parse_cases)
{
	static const size_t steps[] = {1, 2, 3, 5, 7, LIMIT};
	char *text = read_file("servers/wire/corpus/sse_parse_cases.json");
	cJSON *root = cJSON_Parse(text);
	const cJSON *test;
	int count = 0;

	cr_assert_not_null(root);
	cJSON_ArrayForEach(test, cJSON_GetObjectItem(root, "cases"))
	{
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
			run_case(test, steps[i]);
		count++;
	}
	cr_assert_geq(count, 60);
	cJSON_Delete(root);
	free(text);
}

Test(sse, parse_cut_anywhere)
{
	expect_all_cuts("id: 1\r\nevent: e\r\ndata: a\r\ndata: b\r\n\r\n"
			"data\rdata\rdata: c\r\rid\n\ndata:x\n\n:end\n\n",
			"e|1|a\nb;message|1|\n\nc;message||x;");
}

/* The first line's text points into a chunk that is gone when it is joined. */
Test(sse, parse_keeps_texts_over_chunks)
{
	expect_all_cuts("id:7\nevent:t\ndata:\ndata:\n\nid:8\n\ndata:z\n\n",
			"t|7|\n;message|8|z;");
}

Test(sse, parse_id_with_nul_is_ignored)
{
	struct slice text = SLICE("id:1\nid:2\0\ndata:a\n\n");

	for (size_t step = 1; step <= text.n; step++)
		expect(text, step, "message|1|a;");
}

Test(sse, parse_replaces_wrong_utf8)
{
	/* A surrogate, an overlong form, a bare continuation, beyond 10FFFF. */
	expect_all_cuts("data:\xed\xa0\x80\n\n",
			"message||\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd;");
	expect_all_cuts("data:\xe0\x80\n\n",
			"message||\xef\xbf\xbd\xef\xbf\xbd;");
	expect_all_cuts("data:\x80z\n\n", "message||\xef\xbf\xbdz;");
	expect_all_cuts("data:\xf4\x90\n\n",
			"message||\xef\xbf\xbd\xef\xbf\xbd;");
	/* Starts of sequences that end too early count once. */
	expect_all_cuts("data:\xf0\x9f\x98\n\n", "message||\xef\xbf\xbd;");
	expect_all_cuts("event:\xe2\x82x\nid:\xff\ndata:1\n\n",
			"\xef\xbf\xbdx|\xef\xbf\xbd|1;");
	expect_all_cuts("data:\xe2\x82\xac\xf0\x9f\x98\x80\n\n",
			"message||\xe2\x82\xac\xf0\x9f\x98\x80;");
}

Test(sse, parse_byte_order_mark)
{
	expect_all_cuts("\xef\xbb\xbf"
			"data:1\n\n",
			"message||1;");
	expect_all_cuts("\xef\xbb\xbf\xef\xbb\xbf"
			"data:1\n\ndata:2\n\n",
			"message||2;");
	expect_all_cuts("\xef\xbb\n\ndata:2\n\n", "message||2;");
}

Test(sse, parse_retry_saturates)
{
	struct sse_parser p;

	sse_parser_init(&p, LIMIT);
	cr_assert_eq(sse_parser_feed(&p, SLICE("retry:18446744073709551615\n"),
				     log_event, NULL),
		     ERR_OK);
	cr_assert(p.has_retry);
	cr_assert_eq(p.retry_ms, UINT64_MAX);
	cr_assert_eq(sse_parser_feed(&p, SLICE("retry:18446744073709551626\n"),
				     log_event, NULL),
		     ERR_OK);
	cr_assert_eq(p.retry_ms, UINT64_MAX);
	cr_assert_eq(
		sse_parser_feed(&p, SLICE("retry: 0010\n"), log_event, NULL),
		ERR_OK);
	cr_assert_eq(p.retry_ms, 10);
	sse_parser_release(&p);
}

static void expect_limit(const char *text, size_t limit, enum err want,
			 const char *events)
{
	for (size_t step = 1; step <= strlen(text); step++) {
		struct sse_parser p;
		struct buf log;

		sse_parser_init(&p, limit);
		buf_init(&log, LIMIT);
		cr_assert_eq(feed(&p, slice_str(text), step, &log), want,
			     "by %zu", step);
		cr_assert(slice_is(buf_slice(&log), events), "by %zu", step);
		if (want)
			cr_assert_eq(sse_parser_feed(&p, SLICE("\n"), log_event,
						     &log),
				     ERR_LIMIT);
		buf_release(&log);
		sse_parser_release(&p);
	}
}

Test(sse, parse_limits)
{
	expect_limit("id:7\ndata:12345\n\n", 10, ERR_OK, "message|7|12345;");
	expect_limit("id:7\ndata:1\n\ndata:123456\n\n", 10, ERR_LIMIT,
		     "message|7|1;");
	expect_limit(":12345678901", 10, ERR_LIMIT, "");
	/* Five lines of 1 byte are 9 bytes of data, six are 11. */
	expect_limit("data:a\ndata:a\ndata:a\ndata:a\ndata:a\n\n", 10, ERR_OK,
		     "message||a\na\na\na\na;");
	expect_limit("data\ndata:a\ndata:a\ndata:a\ndata:a\ndata:a\n\n", 9,
		     ERR_LIMIT, "");
	/* Each wrong byte grows to three. */
	expect_limit("data:\xff\xff\xff\n\n", 9, ERR_OK,
		     "message||\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd;");
	expect_limit("data:\xff\xff\xff\n\n", 8, ERR_LIMIT, "");
}

/* The id of the last event survives the failure, for the reconnect. */
Test(sse, parse_failure_keeps_the_id)
{
	struct sse_parser p;
	struct buf log;

	sse_parser_init(&p, 8);
	buf_init(&log, LIMIT);
	cr_assert_eq(
		feed(&p, SLICE("id:abc\n\ndata:much too long\n"), 99, &log),
		ERR_LIMIT);
	cr_assert(slice_is(sse_parser_last_id(&p), "abc"));
	buf_release(&log);
	sse_parser_release(&p);
}

static void expect_event(const char *id, const char *event, struct slice data,
			 const char *want)
{
	struct buf b;

	buf_init(&b, LIMIT);
	cr_assert_eq(sse_add_event(&b, slice_str(id), slice_str(event), data),
		     ERR_OK);
	cr_assert(slice_is(buf_slice(&b), want), "\"%.*s\", not \"%s\"",
		  SLICE_ARG(buf_slice(&b)), want);
	buf_release(&b);
}

Test(sse, add_event)
{
	expect_event("e-1", "chat", SLICE("{}"),
		     "id: e-1\nevent: chat\ndata: {}\n\n");
	expect_event("", "message", SLICE("a"), "event: message\ndata: a\n\n");
	expect_event("", "", SLICE(""), "data: \n\n");
	expect_event("", "", SLICE(" a\nb\rc\r\nd\n\r"),
		     "data:  a\ndata: b\ndata: c\ndata: d\ndata: \ndata: "
		     "\n\n");
}

Test(sse, add_event_refuses_line_ends_in_names)
{
	static const struct slice wrong[] = {
		{"a\n", 2}, {"\ra", 2}, {"a\0b", 3}};
	struct buf b;

	buf_init(&b, LIMIT);
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(
			sse_add_event(&b, wrong[i], SLICE("e"), SLICE("d")),
			ERR_USAGE);
		cr_assert_eq(
			sse_add_event(&b, SLICE("i"), wrong[i], SLICE("d")),
			ERR_USAGE);
	}
	cr_assert_eq(b.len, 0);
	buf_release(&b);
}

Test(sse, add_keeps_the_limit)
{
	struct buf b;

	/* The event takes 32 bytes. */
	for (size_t limit = 3; limit < 3 + 32; limit++) {
		buf_init(&b, limit);
		cr_assert_eq(buf_add_str(&b, "old"), ERR_OK);
		cr_assert_eq(sse_add_event(&b, SLICE("1"), SLICE("e"),
					   SLICE("a\nb")),
			     ERR_LIMIT);
		cr_assert(slice_is(buf_slice(&b), "old"));
		buf_release(&b);
	}
	buf_init(&b, 32);
	cr_assert_eq(sse_add_event(&b, SLICE("1"), SLICE("e"), SLICE("a\nb")),
		     ERR_OK);
	cr_assert_eq(b.len, 32);
	buf_release(&b);
	buf_init(&b, 4);
	cr_assert_eq(sse_add_comment(&b, SLICE("ab")), ERR_LIMIT);
	cr_assert_eq(sse_add_retry(&b, 1), ERR_LIMIT);
	cr_assert_eq(b.len, 0);
	buf_release(&b);
}

Test(sse, add_comment_and_retry)
{
	struct buf b;

	buf_init(&b, LIMIT);
	cr_assert_eq(sse_add_comment(&b, SLICE("")), ERR_OK);
	cr_assert_eq(sse_add_comment(&b, SLICE("a\ndata: b")), ERR_OK);
	cr_assert_eq(sse_add_retry(&b, 2000), ERR_OK);
	cr_assert(slice_is(buf_slice(&b),
			   ":\n\n:a\n:data: b\n\nretry: 2000\n\n"));
	buf_release(&b);
}

/* What we write is what we read. */
Test(sse, round_trip)
{
	struct sse_parser p;
	struct buf b, log;

	buf_init(&b, LIMIT);
	buf_init(&log, LIMIT);
	sse_parser_init(&p, LIMIT);
	cr_assert_eq(sse_add_retry(&b, 3), ERR_OK);
	cr_assert_eq(sse_add_event(&b, SLICE("x-9"), SLICE("ev:ent"),
				   SLICE(" one\ntwo\n")),
		     ERR_OK);
	cr_assert_eq(sse_add_comment(&b, SLICE("beat")), ERR_OK);
	cr_assert_eq(sse_add_event(&b, SLICE(""), SLICE(""), SLICE("")),
		     ERR_OK);
	cr_assert_eq(feed(&p, buf_slice(&b), LIMIT, &log), ERR_OK);
	cr_assert(slice_is(buf_slice(&log),
			   "ev:ent|x-9| one\ntwo\n;message|x-9|;"));
	cr_assert_eq(p.retry_ms, 3);
	sse_parser_release(&p);
	buf_release(&log);
	buf_release(&b);
}
