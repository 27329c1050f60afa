/* SPDX-License-Identifier: MIT */
/* The decoding part of http1_request.h. */
#include "servers/wire/http1_request.h"

#include "servers/base/hex.h"

/*
 * Percent-decodes `n` bytes in place; in an argument `+` is a blank, too, as
 * forms have it. False for what is no encoding, or that of NUL.
 */
static bool decode(char *text, size_t n, bool argument, struct slice *out)
{
	size_t used = 0;

	while (used < n && text[used] != '%' && text[used] != '+')
		used++;
	for (size_t i = used; i < n; i++) {
		char c = text[i];

		if (c == '+' && argument) {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < n ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < n ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0 || high + low == 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		text[used++] = c;
	}
	text[used] = '\0';
	*out = slice_of(text, used);
	return true;
}

/* `name=value` or `name`. There is room for a NUL behind it. */
static bool decode_argument(char *text, size_t n, struct http1_field *out)
{
	char *equals = memchr(text, '=', n);
	size_t name = equals ? (size_t)(equals - text) : n;

	if (!decode(text, name, true, &out->name))
		return false;
	if (equals)
		return decode(equals + 1, n - name - 1, true, &out->value);
	out->value = slice_of(out->name.p + out->name.n, 0);
	return true;
}

static bool decode_query(char *text, size_t n, struct http1_target *out)
{
	while (n > 0) {
		char *end = memchr(text, '&', n);
		size_t size = end ? (size_t)(end - text) : n;

		if (out->count == HTTP1_ARGUMENTS_MAX ||
		    !decode_argument(text, size, &out->arguments[out->count]))
			return false;
		out->count++;
		text += size + (end ? 1 : 0);
		n -= size + (end ? 1 : 0);
	}
	return true;
}

/* Behind a part of the head there always is a blank, a colon or a line end. */
static void terminate(char *bytes, struct slice part)
{
	bytes[(size_t)(part.p - bytes) + part.n] = '\0';
}

bool http1_request_decode(char *bytes, const struct http1_request *q,
			  struct http1_target *out)
{
	char *target = bytes + (q->target.p - bytes);
	char *query = memchr(target, '?', q->target.n);
	size_t path = query ? (size_t)(query - target) : q->target.n;

	out->count = 0;
	if (query && !decode_query(query + 1, q->target.n - path - 1, out))
		return false;
	if (!decode(target, path, false, &out->path))
		return false;
	terminate(bytes, q->method);
	for (unsigned i = 0; i < q->header_count; i++) {
		terminate(bytes, q->headers[i].name);
		terminate(bytes, q->headers[i].value);
	}
	return true;
}
