/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/utf8.h"
#include "servers/wire/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	struct buf log;
	enum err e;
	uint64_t retry_ms;
};

static void add_text(struct buf *log, struct slice text)
{
	CHECK(text.n == 0 || utf8_valid(text.p, text.n));
	CHECK(buf_printf(log, "%zu:", text.n) == ERR_OK);
	CHECK(buf_add_slice(log, text) == ERR_OK);
}

static void on_event(void *arg, const struct sse_event *e)
{
	struct buf *log = arg;

	CHECK(e->type.n > 0);
	CHECK(!e->last_event_id.n ||
	      !memchr(e->last_event_id.p, '\0', e->last_event_id.n));
	add_text(log, e->type);
	add_text(log, e->last_event_id);
	add_text(log, e->data);
}

/* Each piece is in memory of its own that is gone after it. */
static void run(struct slice text, size_t step, size_t limit, struct result *r)
{
	struct sse_parser p;

	sse_parser_init(&p, limit);
	buf_init(&r->log, BUF_UNLIMITED);
	r->e = ERR_OK;
	while (text.n && !r->e) {
		size_t n = text.n < step ? text.n : step;
		char *piece = xmemdupz(text.p, n);

		r->e = sse_parser_feed(&p, slice_of(piece, n), on_event,
				       &r->log);
		free(piece);
		text = slice_after(text, n);
	}
	add_text(&r->log, sse_parser_last_id(&p));
	r->retry_ms = p.has_retry ? p.retry_ms : 1;
	sse_parser_release(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct result whole, cut;
	size_t limit = 1 << 20;

	if (size == 0)
		return 0;
	/* The last byte chooses between a small limit and none that matters. */
	if (data[size - 1] & 0x80)
		limit = data[size - 1] & 0x7f;
	run(text, size, limit, &whole);
	for (size_t step = 1; step < 4; step++) {
		run(text, step, limit, &cut);
		CHECK(cut.e == whole.e);
		CHECK(cut.retry_ms == whole.retry_ms);
		CHECK(slice_eq(buf_slice(&cut.log), buf_slice(&whole.log)));
		buf_release(&cut.log);
	}
	buf_release(&whole.log);
	return 0;
}
