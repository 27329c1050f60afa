/* SPDX-License-Identifier: MIT */
/*
 * Walking JSON that json.c has validated. The walk trusts the grammar and so
 * skips values without looking into them, but it never leaves the slice it
 * was given, whatever that holds.
 */
#include <string.h>

#include "servers/wire/json.h"

static inline bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *after_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/*
 * From the opening quote to behind the closing one. The closing quote has an
 * even number of backslashes before it; each run of them is counted once.
 */
static const char *after_string(const char *p, const char *end)
{
	const char *from = p + 1;

	while (from < end) {
		const char *quote = memchr(from, '"', (size_t)(end - from));
		const char *slash = quote;

		if (!quote)
			break;
		while (slash > from && slash[-1] == '\\')
			slash--;
		if ((quote - slash) % 2 == 0)
			return quote + 1;
		from = quote + 1;
	}
	return end;
}

static const char *after_container(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		switch (*p) {
		case '"':
			p = after_string(p, end);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (--depth == 0)
				return p + 1;
			break;
		default:
			break;
		}
		p++;
	}
	return end;
}

static bool ends_word(char c)
{
	return c == ',' || c == ']' || c == '}' || is_space(c);
}

static const char *after_value(const char *p, const char *end)
{
	if (p == end)
		return end;
	if (*p == '"')
		return after_string(p, end);
	if (*p == '{' || *p == '[')
		return after_container(p, end);
	while (p < end && !ends_word(*p))
		p++;
	return p;
}

struct slice json_trim(struct slice text)
{
	const char *p = text.p, *end;

	if (text.n == 0)
		return text;
	end = p + text.n;
	p = after_space(p, end);
	while (end > p && is_space(end[-1]))
		end--;
	return slice_of(p, (size_t)(end - p));
}

enum json_type json_type(struct slice value)
{
	const char *p, *end;

	if (value.n == 0)
		return JSON_NONE;
	end = value.p + value.n;
	p = after_space(value.p, end);
	if (p == end)
		return JSON_NONE;
	switch (*p) {
	case 'n':
		return JSON_NULL;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case '"':
		return JSON_STRING;
	case '[':
		return JSON_ARRAY;
	case '{':
		return JSON_OBJECT;
	default:
		break;
	}
	return *p == '-' || (*p >= '0' && *p <= '9') ? JSON_NUMBER : JSON_NONE;
}

static bool iter_start(struct slice value, struct json_iter *it, char bracket)
{
	const char *p, *end;

	if (value.n == 0)
		return false;
	end = value.p + value.n;
	p = after_space(value.p, end);
	if (p == end || *p != bracket)
		return false;
	it->p = p + 1;
	it->end = end;
	return true;
}

bool json_object(struct slice value, struct json_iter *it)
{
	return iter_start(value, it, '{');
}

bool json_array(struct slice value, struct json_iter *it)
{
	return iter_start(value, it, '[');
}

/* Over white space and the comma between two entries. */
static const char *entry_start(const struct json_iter *it)
{
	const char *p = after_space(it->p, it->end);

	if (p < it->end && *p == ',')
		p = after_space(p + 1, it->end);
	return p;
}

bool json_next_member(struct json_iter *it, struct slice *key,
		      struct slice *value)
{
	const char *p = entry_start(it);
	const char *name = p, *start;

	it->p = it->end; /* Wherever the walk stops, it stays stopped. */
	if (p == it->end || *p != '"')
		return false;
	p = after_string(p, it->end);
	if (p - name < 2)
		return false;
	*key = slice_of(name + 1, (size_t)(p - name) - 2);
	p = after_space(p, it->end);
	if (p == it->end || *p != ':')
		return false;
	start = after_space(p + 1, it->end);
	p = after_value(start, it->end);
	*value = slice_of(start, (size_t)(p - start));
	it->p = p;
	return true;
}

bool json_next_element(struct json_iter *it, struct slice *value)
{
	const char *start = entry_start(it);
	const char *p = after_value(start, it->end);

	it->p = p;
	if (p == start)
		return false;
	*value = slice_of(start, (size_t)(p - start));
	return true;
}

bool json_member(struct slice object, const char *name, struct slice *value)
{
	struct json_iter it;
	struct slice key, raw;
	bool found = false;

	if (!json_object(object, &it))
		return false;
	while (json_next_member(&it, &key, &raw)) {
		if (!json_key_is(key, name))
			continue;
		*value = raw;
		found = true;
	}
	return found;
}

bool json_u64(struct slice value, uint64_t *out)
{
	const uint64_t max = (UINT64_C(1) << 53) - 1;
	uint64_t sum = 0;

	/* 2^53 has 16 digits, so the sum cannot overflow before the test. */
	if (value.n == 0 || value.n > 16)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return false;
		sum = sum * 10 + (uint64_t)(value.p[i] - '0');
	}
	if (sum > max)
		return false;
	*out = sum;
	return true;
}
