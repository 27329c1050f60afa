/* SPDX-License-Identifier: MIT */
#include "servers/wire/json.h"

#include <endian.h>
#include <string.h>

/*
 * The scanner. It is a loop over three states with one bit per open container
 * (object or array), so that nesting costs neither stack nor allocation.
 * `p` never passes a wrong byte: where a scan fails, `p` is the answer.
 */
struct scan {
	const uint8_t *p, *end;
	const char *expected; /* static text, set by the failing helper */
	bool escaped;	      /* an escape was seen */
	unsigned depth;	      /* open containers */
	uint64_t is_object[JSON_MAX_DEPTH / 64]; /* words up to depth's */
};

/* What may come next; SCAN_DONE and SCAN_BAD end the loop. */
enum want {
	WANT_VALUE,
	WANT_KEY,
	WANT_NEXT, /* a comma or the end of the innermost container */
	SCAN_DONE,
	SCAN_BAD,
};

static bool expect(struct scan *s, const char *what)
{
	s->expected = what;
	return false;
}

static enum want expect_want(struct scan *s, const char *what)
{
	s->expected = what;
	return SCAN_BAD;
}

static inline bool is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_hex(uint8_t c)
{
	uint8_t letter = c | 0x20;

	return is_digit(c) || (letter >= 'a' && letter <= 'f');
}

static inline void skip_space(struct scan *s)
{
	while (s->p < s->end && *s->p <= ' ' && is_space(*s->p))
		s->p++;
}

/* Inside a string, what needs no closer look. */
static inline bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/*
 * Which of eight bytes are not plain: the high bit of each. The subtractions
 * may carry a false mark to the bytes after a true one, never before it, so
 * the first mark is exact.
 */
static inline uint64_t marks8(const uint8_t *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t high = ones << 7;
	uint64_t v, quote, escape;

	memcpy(&v, p, sizeof(v));
	v = le64toh(v);
	quote = v ^ (ones * '"');
	escape = v ^ (ones * '\\');
	return ((v - ones * 0x20) | (quote - ones) | (escape - ones) | v) &
	       high;
}

/* To the first byte that is not plain, or the end. */
static inline const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 8) {
		uint64_t marks = marks8(p);

		if (marks != 0)
			return p + __builtin_ctzll(marks) / 8;
		p += 8;
	}
	while (p < end && is_plain(*p))
		p++;
	return p;
}

/* One character of two to four bytes (RFC 3629). */
static bool scan_utf8(struct scan *s)
{
	uint8_t lead = *s->p;
	uint8_t lower = 0x80, upper = 0xbf;
	int need = 1;

	if (lead < 0xc2 || lead > 0xf4)
		return expect(s, "valid UTF-8");
	if (lead >= 0xe0)
		need = lead >= 0xf0 ? 3 : 2;
	if (lead == 0xe0)
		lower = 0xa0;
	if (lead == 0xed)
		upper = 0x9f;
	if (lead == 0xf0)
		lower = 0x90;
	if (lead == 0xf4)
		upper = 0x8f;
	s->p++;
	for (; need > 0; need--) {
		if (s->p == s->end || *s->p < lower || *s->p > upper)
			return expect(s, "valid UTF-8");
		s->p++;
		lower = 0x80;
		upper = 0xbf;
	}
	return true;
}

/* At the backslash. */
static bool scan_escape(struct scan *s)
{
	s->escaped = true;
	s->p++;
	if (s->p == s->end)
		return expect(s, "an escape");
	if (*s->p != 'u') {
		/* strchr would take NUL for a match. */
		if (*s->p == 0 || !strchr("\"\\/bfnrt", *s->p))
			return expect(s, "an escape");
		s->p++;
		return true;
	}
	s->p++;
	for (int i = 0; i < 4; i++) {
		if (s->p == s->end || !is_hex(*s->p))
			return expect(s, "four hexadecimal digits");
		s->p++;
	}
	return true;
}

/* At the opening quote; leaves `p` behind the closing one. */
static bool scan_string(struct scan *s)
{
	bool ok = true;

	s->p++;
	while (ok) {
		s->p = skip_plain(s->p, s->end);
		if (s->p == s->end)
			return expect(s, "the end of the string");
		if (*s->p == '"') {
			s->p++;
			return true;
		}
		if (*s->p < 0x20)
			return expect(s, "no raw control character");
		if (*s->p == '\\')
			ok = scan_escape(s);
		/* Text in other scripts comes in runs. */
		while (ok && s->p < s->end && *s->p >= 0x80)
			ok = scan_utf8(s);
	}
	return false;
}

static bool scan_digits(struct scan *s)
{
	if (s->p == s->end || !is_digit(*s->p))
		return expect(s, "a digit");
	while (s->p < s->end && is_digit(*s->p))
		s->p++;
	return true;
}

static bool scan_number(struct scan *s)
{
	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++; /* What follows a zero is judged by the caller. */
	else if (!scan_digits(s))
		return false;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (!scan_digits(s))
			return false;
	}
	if (s->p < s->end && (*s->p | 0x20) == 'e') {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (!scan_digits(s))
			return false;
	}
	return true;
}

static bool scan_word(struct scan *s, const char *word, const char *what)
{
	for (; *word; word++) {
		if (s->p == s->end || *s->p != (uint8_t)*word)
			return expect(s, what);
		s->p++;
	}
	return true;
}

static inline bool in_object(const struct scan *s)
{
	unsigned top = s->depth - 1;

	return s->is_object[top / 64] >> (top % 64) & 1;
}

/* At the opening bracket. An empty container is closed here at once. */
static enum want scan_open(struct scan *s, bool object, unsigned base)
{
	uint64_t bit = UINT64_C(1) << (s->depth % 64);

	if (s->depth == JSON_MAX_DEPTH)
		return expect_want(s, "less nesting");
	if (s->depth % 64 == 0)
		s->is_object[s->depth / 64] = 0;
	if (object)
		s->is_object[s->depth / 64] |= bit;
	else
		s->is_object[s->depth / 64] &= ~bit;
	s->p++;
	skip_space(s);
	if (s->p < s->end && *s->p == (object ? '}' : ']')) {
		s->p++;
		return s->depth == base ? SCAN_DONE : WANT_NEXT;
	}
	s->depth++;
	return object ? WANT_KEY : WANT_VALUE;
}

static enum want scan_start(struct scan *s, unsigned base)
{
	bool ok = false;

	if (s->p == s->end)
		return expect_want(s, "a value");
	switch (*s->p) {
	case '"':
		ok = scan_string(s);
		break;
	case '{':
		return scan_open(s, true, base);
	case '[':
		return scan_open(s, false, base);
	case 't':
		ok = scan_word(s, "true", "'true'");
		break;
	case 'f':
		ok = scan_word(s, "false", "'false'");
		break;
	case 'n':
		ok = scan_word(s, "null", "'null'");
		break;
	default:
		if (*s->p != '-' && !is_digit(*s->p))
			return expect_want(s, "a value");
		ok = scan_number(s);
		break;
	}
	if (!ok)
		return SCAN_BAD;
	return s->depth == base ? SCAN_DONE : WANT_NEXT;
}

static enum want scan_key(struct scan *s)
{
	if (s->p == s->end || *s->p != '"')
		return expect_want(s, "a member's name in quotes");
	if (!scan_string(s))
		return SCAN_BAD;
	skip_space(s);
	if (s->p == s->end || *s->p != ':')
		return expect_want(s, "':'");
	s->p++;
	return WANT_VALUE;
}

static enum want scan_next(struct scan *s, unsigned base)
{
	bool object = in_object(s);

	if (s->p < s->end && *s->p == ',') {
		s->p++;
		return object ? WANT_KEY : WANT_VALUE;
	}
	if (s->p < s->end && *s->p == (object ? '}' : ']')) {
		s->p++;
		s->depth--;
		return s->depth == base ? SCAN_DONE : WANT_NEXT;
	}
	return expect_want(s, object ? "',' or '}'" : "',' or ']'");
}

/* One value that starts at `p`; its containers count on top of the open. */
static bool scan_value(struct scan *s)
{
	const unsigned base = s->depth;
	enum want want = scan_start(s, base);

	while (want < SCAN_DONE) {
		skip_space(s);
		if (want == WANT_VALUE)
			want = scan_start(s, base);
		else if (want == WANT_KEY)
			want = scan_key(s);
		else
			want = scan_next(s, base);
	}
	return want == SCAN_DONE;
}

static void scan_init(struct scan *s, const char *p, const char *end,
		      unsigned depth)
{
	s->p = (const uint8_t *)p;
	s->end = (const uint8_t *)end;
	s->expected = NULL;
	s->escaped = false;
	s->depth = depth;
	/* The other words are set when the nesting reaches them. */
	s->is_object[0] = 0;
}

/* An empty slice may have no address, and NULL must not meet arithmetic. */
static struct slice addressed(struct slice s)
{
	return s.p ? s : SLICE("");
}

bool json_validate_at(struct slice text, size_t *offset, const char **expected)
{
	struct slice t = addressed(text);
	struct scan s;
	bool ok;

	scan_init(&s, t.p, t.p + t.n, 0);
	skip_space(&s);
	ok = scan_value(&s);
	if (ok) {
		skip_space(&s);
		ok = s.p == s.end || expect(&s, "the end of the text");
	}
	if (!ok) {
		*offset = (size_t)((const char *)s.p - t.p);
		*expected = s.expected;
	}
	return ok;
}

bool json_validate(struct slice text)
{
	const char *expected;
	size_t offset;

	return json_validate_at(text, &offset, &expected);
}

size_t json_value_length(struct slice text)
{
	struct slice t = addressed(text);
	struct scan s;

	scan_init(&s, t.p, t.p + t.n, 0);
	if (!scan_value(&s))
		return 0;
	return (size_t)((const char *)s.p - t.p);
}

bool json_scan_object(struct slice text, struct json_scan *it)
{
	struct slice t = addressed(text);
	struct scan s;

	scan_init(&s, t.p, t.p + t.n, 0);
	skip_space(&s);
	if (s.p == s.end || *s.p != '{')
		return false;
	it->p = (const char *)s.p + 1;
	it->end = t.p + t.n;
	it->started = false;
	it->escaped = false;
	return true;
}

/* After the last member: the brace, and nothing but white space behind it. */
static enum json_step scan_object_end(struct scan *s)
{
	if (s->p == s->end || *s->p != '}')
		return JSON_STEP_BAD;
	s->p++;
	skip_space(s);
	return s->p == s->end ? JSON_STEP_END : JSON_STEP_BAD;
}

enum json_step json_scan_member(struct json_scan *it, struct slice *key,
				struct slice *value)
{
	struct scan s;
	const char *start;

	scan_init(&s, it->p, it->end, 1);
	skip_space(&s);
	if (it->started && s.p < s.end && *s.p == ',') {
		s.p++;
		skip_space(&s);
	} else if (it->started || (s.p < s.end && *s.p == '}')) {
		return scan_object_end(&s);
	}
	start = (const char *)s.p + 1;
	if (s.p == s.end || *s.p != '"' || !scan_string(&s))
		return JSON_STEP_BAD;
	*key = slice_of(start, (size_t)((const char *)s.p - start) - 1);
	skip_space(&s);
	if (s.p == s.end || *s.p != ':')
		return JSON_STEP_BAD;
	s.p++;
	skip_space(&s);
	start = (const char *)s.p;
	if (!scan_value(&s))
		return JSON_STEP_BAD;
	*value = slice_of(start, (size_t)((const char *)s.p - start));
	it->p = (const char *)s.p;
	it->started = true;
	it->escaped |= s.escaped;
	return JSON_STEP_MEMBER;
}
