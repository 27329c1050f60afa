/* SPDX-License-Identifier: MIT */
#include "servers/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "servers/base/check.h"

#define BUF_FIRST_CAP 64

void buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){.limit = limit};
}

void buf_release(struct buf *b)
{
	free(b->data);
	buf_init(b, b->limit);
}

/* Doubling keeps adding linear; the limit caps the last step. */
static size_t next_cap(const struct buf *b, size_t wanted)
{
	size_t cap = b->cap < BUF_FIRST_CAP ? BUF_FIRST_CAP : b->cap;

	while (cap < wanted)
		cap *= 2;
	return cap < b->limit ? cap : b->limit;
}

enum err buf_reserve(struct buf *b, size_t n)
{
	size_t cap;
	char *data;

	if (n > b->limit - b->len)
		return ERR_LIMIT;
	if (b->data && n <= b->cap - b->len)
		return ERR_OK;
	cap = next_cap(b, b->len + n);
	/* One byte more than cap: room for a final NUL, always. */
	data = realloc(b->data, cap + 1);
	if (!data)
		return ERR_NOMEM;
	b->data = data;
	b->cap = cap;
	return ERR_OK;
}

enum err buf_add(struct buf *b, const void *bytes, size_t n)
{
	enum err e;

	if (n == 0)
		return ERR_OK;
	e = buf_reserve(b, n);
	if (e != ERR_OK)
		return e;
	memcpy(b->data + b->len, bytes, n);
	b->len += n;
	return ERR_OK;
}

enum err buf_add_slice(struct buf *b, struct slice s)
{
	return buf_add(b, s.p, s.n);
}

enum err buf_add_str(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

enum err buf_add_char(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

enum err buf_add_u64(struct buf *b, unsigned long long value)
{
	char digits[20]; /* as many as 2^64 - 1 has */
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return buf_add(b, digits + at, sizeof(digits) - at);
}

enum err buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	va_list again;
	enum err e;
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	CHECK(n >= 0);
	e = buf_reserve(b, (size_t)n);
	if (e == ERR_OK) {
		(void)vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return e;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
}

void buf_consume(struct buf *b, size_t n)
{
	CHECK(n <= b->len);
	b->len -= n;
	if (b->len > 0 && n > 0)
		memmove(b->data, b->data + n, b->len);
}

char *buf_detach(struct buf *b, size_t *len)
{
	char *data = b->data ? b->data : xmalloc(1);

	data[b->len] = '\0';
	if (len)
		*len = b->len;
	buf_init(b, b->limit);
	return data;
}
