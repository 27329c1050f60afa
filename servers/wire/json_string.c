/* SPDX-License-Identifier: MIT */
/* JSON strings: taking escapes out and putting them in. */
#include <string.h>

#include "servers/base/utf8.h"
#include "servers/wire/json.h"

#define REPLACEMENT 0xfffdU /* stands for what has no place in UTF-8 */

static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return (unsigned)((c | 0x20) - 'a' + 10) & 0xf;
}

static unsigned hex4(const char *p)
{
	return hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 |
	       hex_digit(p[2]) << 4 | hex_digit(p[3]);
}

static bool is_high(unsigned unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(unsigned unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Behind `\u`; joins a surrogate pair, replaces a lone surrogate. */
static unsigned unicode_escape(const char **p, const char *end)
{
	unsigned unit, low;

	if (end - *p < 4) {
		*p = end;
		return REPLACEMENT;
	}
	unit = hex4(*p);
	*p += 4;
	if (!is_high(unit))
		return is_low(unit) ? REPLACEMENT : unit;
	if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
		return REPLACEMENT;
	low = hex4(*p + 2);
	if (!is_low(low))
		return REPLACEMENT;
	*p += 6;
	return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

/* The character that the escape at the backslash **p stands for. */
static unsigned one_escape(const char **p, const char *end)
{
	char c;

	(*p)++;
	if (*p == end)
		return REPLACEMENT;
	c = *(*p)++;
	switch (c) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'u':
		return unicode_escape(p, end);
	default:
		return (unsigned char)c;
	}
}

static size_t encode_utf8(unsigned c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

bool json_key_is(struct slice raw, const char *text)
{
	const char *p = raw.p, *end;

	if (raw.n == 0)
		return *text == 0;
	if (!memchr(raw.p, '\\', raw.n))
		return slice_is(raw, text);
	end = raw.p + raw.n;
	for (; p < end && *text; text++) {
		unsigned c = (unsigned char)*p;

		if (c == '\\')
			c = one_escape(&p, end);
		else
			p++;
		if (c != (unsigned char)*text)
			return false;
	}
	return p == end && *text == 0;
}

/* What stands between the quotes; false when `value` is not a string. */
static bool string_content(struct slice value, struct slice *content)
{
	struct slice v = json_trim(value);

	if (v.n < 2 || v.p[0] != '"' || v.p[v.n - 1] != '"')
		return false;
	*content = slice_of(v.p + 1, v.n - 2);
	return true;
}

static enum err unescape(struct slice raw, struct buf *out)
{
	const char *p = raw.p, *end = raw.p + raw.n;
	enum err e = ERR_OK;

	while (e == ERR_OK && p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		const char *stop = slash ? slash : end;
		char utf8[4];

		if (stop > p)
			e = buf_add(out, p, (size_t)(stop - p));
		p = stop;
		if (e == ERR_OK && p < end) {
			unsigned c = one_escape(&p, end);

			e = buf_add(out, utf8, encode_utf8(c, utf8));
		}
	}
	return e;
}

enum err json_unescape(struct slice value, struct buf *out)
{
	const size_t before = out->len;
	struct slice raw;
	enum err e;

	if (!string_content(value, &raw))
		return ERR_PROTO;
	e = unescape(raw, out);
	if (e != ERR_OK)
		out->len = before;
	return e;
}

enum err json_string(struct slice value, struct buf *scratch, struct slice *out)
{
	struct slice raw;
	enum err e;

	if (!string_content(value, &raw))
		return ERR_PROTO;
	if (!memchr(raw.p, '\\', raw.n)) {
		*out = raw;
		return ERR_OK;
	}
	buf_clear(scratch);
	e = unescape(raw, scratch);
	if (e == ERR_OK)
		*out = buf_slice(scratch);
	return e;
}

/* `"`, `\` and control characters, in their shortest form. */
static enum err add_escaped(struct buf *b, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 0xf]};
	const char *at = strchr("\"\"\\\\\bb\ff\nn\rr\tt", c);

	/* The list holds pairs: the character, and the letter that names it. */
	if (c == 0 || !at)
		return buf_add(b, text, sizeof(text));
	text[1] = at[1];
	return buf_add(b, text, 2);
}

static bool is_quoted(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

static enum err add_content(struct buf *b, struct slice text)
{
	const char *p = text.p, *end = text.p + text.n;
	enum err e = ERR_OK;

	while (e == ERR_OK && p < end) {
		const char *run = p;

		while (p < end && !is_quoted((unsigned char)*p))
			p++;
		if (p > run)
			e = buf_add(b, run, (size_t)(p - run));
		if (e == ERR_OK && p < end)
			e = add_escaped(b, (unsigned char)*p++);
	}
	return e;
}

/*
 * Length of the character at `p` when it is whole and valid. Otherwise the
 * length of what one replacement character stands for (at least 1), negated.
 */
static long char_length(const char *p, const char *end)
{
	struct utf8 u;
	long n = 0;

	utf8_init(&u);
	while (p + n < end && utf8_feed(&u, p + n, 1)) {
		n++;
		if (utf8_complete(&u))
			return n;
	}
	return n > 0 ? -n : -1;
}

/* The rare case: bytes that are not UTF-8 are replaced one character each. */
static enum err add_repaired(struct buf *b, struct slice text)
{
	const char *p = text.p, *end = text.p + text.n;
	enum err e = ERR_OK;

	while (e == ERR_OK && p < end) {
		long n = char_length(p, end);

		if (n > 0) {
			e = add_content(b, slice_of(p, (size_t)n));
			p += n;
		} else {
			e = buf_add_str(b, "\xef\xbf\xbd");
			p -= n;
		}
	}
	return e;
}

enum err json_add_string(struct buf *b, struct slice text)
{
	const size_t before = b->len;
	enum err e = buf_add_char(b, '"');

	if (e == ERR_OK && text.n > 0)
		e = utf8_valid(text.p, text.n) ? add_content(b, text)
					       : add_repaired(b, text);
	if (e == ERR_OK)
		e = buf_add_char(b, '"');
	if (e != ERR_OK)
		b->len = before;
	return e;
}
