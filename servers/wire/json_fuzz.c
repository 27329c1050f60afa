/* SPDX-License-Identifier: MIT */
/*
 * The scanner against a plain recursive reading of RFC 8259's grammar, and
 * its own promises: exact offsets, walks that agree with validation, strings
 * that survive being unescaped and quoted again.
 */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/utf8.h"
#include "servers/wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each returns what follows the construct, or NULL where it is not one. */
static const char *ref_value(const char *p, const char *end, unsigned depth);

static const char *ref_space(const char *p, const char *end)
{
	while (p < end && *p && strchr(" \t\r\n", *p))
		p++;
	return p;
}

static const char *ref_digits(const char *p, const char *end)
{
	const char *from = p;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p == from ? NULL : p;
}

static const char *ref_number(const char *p, const char *end)
{
	const char *from;

	if (p < end && *p == '-')
		p++;
	from = p;
	p = ref_digits(p, end);
	if (!p || (*from == '0' && p - from > 1))
		return NULL;
	if (p < end && *p == '.')
		p = ref_digits(p + 1, end);
	if (p && p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = ref_digits(p, end);
	}
	return p;
}

static const char *ref_escape(const char *p, const char *end)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (p == end || !*p || !strchr("\"\\/bfnrtu", *p))
		return NULL;
	if (*p != 'u')
		return p + 1;
	for (int i = 1; i <= 4; i++)
		if (end - p <= i || !p[i] || !strchr(hex, p[i]))
			return NULL;
	return p + 5;
}

static const char *ref_string(const char *p, const char *end)
{
	const char *from = p + 1;

	if (p == end || *p != '"')
		return NULL;
	for (p++; p && p < end && *p != '"';) {
		if ((unsigned char)*p < 0x20)
			return NULL;
		p = *p == '\\' ? ref_escape(p + 1, end) : p + 1;
	}
	if (!p || p >= end || !utf8_valid(from, (size_t)(p - from)))
		return NULL;
	return p + 1;
}

static const char *ref_member(const char *p, const char *end, unsigned depth)
{
	p = ref_string(p, end);
	if (!p)
		return NULL;
	p = ref_space(p, end);
	if (p == end || *p != ':')
		return NULL;
	return ref_value(ref_space(p + 1, end), end, depth);
}

static const char *ref_container(const char *p, const char *end, unsigned depth)
{
	const bool object = *p == '{';
	const char close = object ? '}' : ']';

	if (depth == JSON_MAX_DEPTH)
		return NULL;
	p = ref_space(p + 1, end);
	if (p < end && *p == close)
		return p + 1;
	for (;;) {
		p = object ? ref_member(p, end, depth + 1)
			   : ref_value(p, end, depth + 1);
		if (!p)
			return NULL;
		p = ref_space(p, end);
		if (p < end && *p == close)
			return p + 1;
		if (p == end || *p != ',')
			return NULL;
		p = ref_space(p + 1, end);
	}
}

static const char *ref_value(const char *p, const char *end, unsigned depth)
{
	static const char *const words[] = {"null", "true", "false"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(end - p) >= n && memcmp(p, words[i], n) == 0)
			return p + n;
	}
	if (p < end && (*p == '{' || *p == '['))
		return ref_container(p, end, depth);
	if (p < end && *p == '"')
		return ref_string(p, end);
	return ref_number(p, end);
}

static bool ref_validate(struct slice text)
{
	const char *end = text.p + text.n;
	const char *p = ref_value(ref_space(text.p, end), end, 0);

	return p && ref_space(p, end) == end;
}

/* A text that ends before the wrong byte is not wrong there. */
static void check_offset(struct slice text, size_t at)
{
	const char *expected;
	size_t again;

	CHECK(at <= text.n);
	if (!json_validate_at(slice_of(text.p, at), &again, &expected))
		CHECK(again == at);
	if (at == text.n)
		return;
	CHECK(!json_validate_at(slice_of(text.p, at + 1), &again, &expected));
	CHECK(again == at);
}

static void check_string(struct slice value)
{
	struct buf plain, quoted, again;

	buf_init(&plain, value.n);
	buf_init(&quoted, BUF_UNLIMITED);
	buf_init(&again, value.n);
	CHECK(json_unescape(value, &plain) == ERR_OK);
	CHECK(plain.len == 0 || utf8_valid(plain.data, plain.len));
	CHECK(json_add_string(&quoted, buf_slice(&plain)) == ERR_OK);
	CHECK(json_validate(buf_slice(&quoted)));
	CHECK(json_unescape(buf_slice(&quoted), &again) == ERR_OK);
	CHECK(slice_eq(buf_slice(&plain), buf_slice(&again)));
	buf_release(&plain);
	buf_release(&quoted);
	buf_release(&again);
}

static void check_value(struct slice value);

static void check_members(struct slice value)
{
	struct slice key, inner, strict_key, strict_inner;
	struct json_scan scan;
	struct json_iter it;

	CHECK(json_object(value, &it));
	CHECK(json_scan_object(value, &scan));
	while (json_next_member(&it, &key, &inner)) {
		check_string(slice_of(key.p - 1, key.n + 2));
		check_value(inner);
		CHECK(json_scan_member(&scan, &strict_key, &strict_inner) ==
		      JSON_STEP_MEMBER);
		CHECK(strict_key.p == key.p && strict_key.n == key.n);
		CHECK(strict_inner.p == inner.p && strict_inner.n == inner.n);
	}
	CHECK(json_scan_member(&scan, &key, &inner) == JSON_STEP_END);
}

static void check_value(struct slice value)
{
	struct json_iter it;
	struct slice inner;
	uint64_t number;

	CHECK(json_type(value) != JSON_NONE);
	CHECK(json_value_length(value) == value.n);
	if (json_type(value) == JSON_OBJECT)
		check_members(value);
	if (json_array(value, &it))
		while (json_next_element(&it, &inner))
			check_value(inner);
	if (json_type(value) == JSON_STRING)
		check_string(value);
	if (json_u64(value, &number))
		CHECK(json_type(value) == JSON_NUMBER);
}

/* The trusting walk must stay inside whatever it is given. */
static void walk_anything(struct slice text)
{
	struct json_iter it;
	struct slice key, value;

	if (json_object(text, &it))
		while (json_next_member(&it, &key, &value))
			CHECK(value.p + value.n <= text.p + text.n);
	if (json_array(text, &it))
		while (json_next_element(&it, &value))
			CHECK(value.p + value.n <= text.p + text.n);
	(void)json_key_is(text, "type");
}

static void quote_anything(struct slice text)
{
	struct buf quoted;

	buf_init(&quoted, BUF_UNLIMITED);
	CHECK(json_add_string(&quoted, text) == ERR_OK);
	CHECK(json_validate(buf_slice(&quoted)));
	buf_release(&quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(size ? (const char *)data : "", size);
	const char *expected = NULL;
	size_t at = 0;

	if (json_validate_at(text, &at, &expected)) {
		CHECK(ref_validate(text));
		check_value(json_trim(text));
	} else {
		CHECK(!ref_validate(text));
		CHECK(expected != NULL);
		check_offset(text, at);
	}
	walk_anything(text);
	quote_anything(text);
	return 0;
}
