/* SPDX-License-Identifier: MIT */
/*
 * What has come of a head must be judged alike however much it is: a refusal
 * stays one when more comes, and what follows a whole head changes nothing.
 * The parts of a plain one, put together again, are the head; and its target
 * is decoded as a slower decoder does, that knows nothing of places.
 */
#include <ctype.h>
#include <stdlib.h>

#include "servers/base/buf.h"
#include "servers/base/check.h"
#include "servers/wire/http1.h"
#include "servers/wire/http1_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of its own size, so that reading past the end is seen. */
static struct http1_look look_at(const uint8_t *data, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);
	struct http1_request q;
	struct http1_look look;

	CHECK(copy != NULL);
	if (n > 0)
		memcpy(copy, data, n);
	look = http1_request_look(slice_of(copy, n), &q);
	free(copy);
	CHECK((look.status == 0) == (look.why == NULL));
	CHECK(look.size <= n);
	return look;
}

static void check_prefixes(const uint8_t *data, size_t size,
			   const struct http1_look *whole)
{
	/* All of them would take long for long inputs. */
	size_t step = size < 512 ? 1 : size / 256;

	for (size_t n = 0; n < size; n += step) {
		struct http1_look part = look_at(data, n);

		CHECK(part.status == 0 || whole->status != 0);
		CHECK(part.parts <= whole->parts);
		if (part.size > 0 && part.status == 0)
			CHECK(whole->size == part.size && whole->status == 0 &&
			      whole->parts == part.parts);
	}
}

/* What comes next in the head that is put together again. */
static void expect(struct slice *head, struct slice part)
{
	CHECK(part.n <= head->n);
	CHECK(part.n == 0 || memcmp(head->p, part.p, part.n) == 0);
	*head = slice_after(*head, part.n);
}

static void expect_field(struct slice *head, const struct http1_field *f)
{
	expect(head, f->name);
	expect(head, SLICE(":"));
	while (head->n > 0 && (head->p[0] == ' ' || head->p[0] == '\t'))
		*head = slice_after(*head, 1);
	expect(head, f->value);
	expect(head, SLICE("\r\n"));
}

static void check_parts(struct slice head, const struct http1_request *q)
{
	CHECK(q->minor <= 1 && q->header_count <= HTTP1_HEADERS_MAX);
	expect(&head, q->method);
	expect(&head, SLICE(" "));
	expect(&head, q->target);
	expect(&head,
	       q->minor ? SLICE(" HTTP/1.1\r\n") : SLICE(" HTTP/1.0\r\n"));
	for (unsigned i = 0; i < q->header_count; i++)
		expect_field(&head, &q->headers[i]);
	expect(&head, SLICE("\r\n"));
	CHECK(head.n == 0);
}

/* Percent-decoded; false when it cannot be. */
static bool decode(struct slice text, bool argument, struct buf *out)
{
	buf_clear(out);
	while (text.n > 0) {
		char c = text.p[0];

		if (c == '%') {
			char hex[3] = {0};

			if (text.n < 3 || !isxdigit((unsigned char)text.p[1]) ||
			    !isxdigit((unsigned char)text.p[2]))
				return false;
			memcpy(hex, text.p + 1, 2);
			c = (char)strtoul(hex, NULL, 16);
			if (c == '\0')
				return false;
			text = slice_after(text, 2);
		} else if (c == '+' && argument) {
			c = ' ';
		}
		CHECK(buf_add_char(out, c) == ERR_OK);
		text = slice_after(text, 1);
	}
	return true;
}

/* Takes what is before the first `end`, and that, off `text`. */
static struct slice cut(struct slice *text, char end)
{
	struct slice piece = *text;

	piece.n = 0;
	while (piece.n < text->n && text->p[piece.n] != end)
		piece.n++;
	*text = slice_after(*text, piece.n + 1);
	return piece;
}

static bool decode_argument(struct slice argument, struct buf *name,
			    struct buf *value)
{
	return decode(cut(&argument, '='), true, name) &&
	       decode(argument, true, value);
}

/* Whether it can be decoded, which has to come to what is in `t`, if given. */
static bool check_decoded(struct slice target, const struct http1_target *t)
{
	struct buf name, value;
	unsigned count = 0;
	bool ok;

	buf_init(&name, BUF_UNLIMITED);
	buf_init(&value, BUF_UNLIMITED);
	ok = decode(cut(&target, '?'), false, &name);
	CHECK(!t || slice_eq(t->path, buf_slice(&name)));
	for (; ok && target.n > 0; count++) {
		ok = decode_argument(cut(&target, '&'), &name, &value);
		CHECK(!t ||
		      slice_eq(t->arguments[count].name, buf_slice(&name)));
		CHECK(!t ||
		      slice_eq(t->arguments[count].value, buf_slice(&value)));
	}
	CHECK(!t || t->count == count);
	buf_release(&name);
	buf_release(&value);
	return ok && count <= HTTP1_ARGUMENTS_MAX;
}

static void check_plain(const uint8_t *data, size_t n)
{
	char *copy = malloc(n);
	struct http1_request q;
	struct http1_target t;

	CHECK(copy != NULL);
	memcpy(copy, data, n);
	(void)http1_request_look(slice_of(copy, n), &q);
	if (q.plain) {
		const struct slice target =
			slice_of(data + (q.target.p - copy), q.target.n);
		bool ok;

		check_parts(slice_of(copy, n), &q);
		ok = http1_request_decode(copy, &q, &t);
		CHECK(check_decoded(target, ok ? &t : NULL) == ok);
	}
	free(copy);
}

static void check_path(const uint8_t *data, size_t size)
{
	char *target = malloc(size + 1);
	const char *path;

	CHECK(target != NULL);
	if (size > 0)
		memcpy(target, data, size);
	target[size] = '\0';
	path = http1_target_path(target);
	CHECK(path == target || path[0] == '/');
	free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http1_look whole = look_at(data, size);

	if (whole.size > 0 && whole.status == 0) {
		CHECK(whole.size <= HTTP1_REQUEST_MAX);
		CHECK(data[whole.size - 1] == '\n');
		CHECK(whole.parts >= 1);
		check_plain(data, whole.size);
	}
	check_prefixes(data, size, &whole);
	check_path(data, size);
	return 0;
}
