/* SPDX-License-Identifier: MIT */
/* The writing part of sse.h. */
#include "servers/wire/sse.h"

/* Whether `text` can stand in one line as an id or an event's name. */
static bool is_one_line(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\n' || text.p[i] == '\r' || !text.p[i])
			return false;
	return true;
}

/*
 * Takes the first line off `rest`. False for the last one, which no line end
 * follows; it may be empty.
 */
static bool take_line(struct slice *rest, struct slice *line)
{
	size_t n = 0;
	size_t end;

	while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r')
		n++;
	*line = slice_of(rest->p, n);
	if (n == rest->n)
		return false;
	end = n + 1;
	if (rest->p[n] == '\r' && end < rest->n && rest->p[end] == '\n')
		end++;
	*rest = slice_after(*rest, end);
	return true;
}

static enum err add_line(struct buf *b, struct slice head, struct slice line)
{
	enum err e = buf_reserve(b, head.n + line.n + 1);

	if (e)
		return e;
	memcpy(b->data + b->len, head.p, head.n);
	b->len += head.n;
	if (line.n)
		memcpy(b->data + b->len, line.p, line.n);
	b->len += line.n;
	b->data[b->len++] = '\n';
	return ERR_OK;
}

static enum err add_lines(struct buf *b, struct slice head, struct slice text)
{
	struct slice line;
	enum err e = ERR_OK;
	/* JSON mostly is one line, and may be a long one. */
	bool more = text.n > 0 && (memchr(text.p, '\n', text.n) ||
				   memchr(text.p, '\r', text.n));

	if (!more)
		return add_line(b, head, text);
	while (more && !e) {
		more = take_line(&text, &line);
		e = add_line(b, head, line);
	}
	return e;
}

enum err sse_add_event(struct buf *b, struct slice id, struct slice event,
		       struct slice data)
{
	size_t start = b->len;
	enum err e = ERR_OK;

	if (!is_one_line(id) || !is_one_line(event))
		return ERR_USAGE;
	if (id.n)
		e = add_line(b, SLICE("id: "), id);
	if (!e && event.n)
		e = add_line(b, SLICE("event: "), event);
	if (!e)
		e = add_lines(b, SLICE("data: "), data);
	if (!e)
		e = buf_add_char(b, '\n');
	if (e)
		b->len = start;
	return e;
}

enum err sse_add_comment(struct buf *b, struct slice text)
{
	size_t start = b->len;
	enum err e = add_lines(b, SLICE(":"), text);

	if (!e)
		e = buf_add_char(b, '\n');
	if (e)
		b->len = start;
	return e;
}

enum err sse_add_retry(struct buf *b, unsigned ms)
{
	return buf_printf(b, "retry: %u\n\n", ms);
}
