/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/wire/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	struct buf log;
	enum err e, eof;
	size_t used;
};

static void on_head(void *arg, const struct http1_response *r)
{
	struct buf *log = arg;
	struct slice value = {NULL, 0};

	CHECK(r->status >= 101 && r->status <= 999);
	CHECK(!(r->keep_alive && r->until_close));
	(void)http1_header(r->headers, "content-type", &value);
	CHECK(buf_printf(log, "[%u %d %d %d %zu ", r->status, r->keep_alive,
			 r->upgrade, r->until_close, r->headers.n) == ERR_OK);
	CHECK(buf_add_slice(log, value) == ERR_OK);
	CHECK(buf_add_char(log, ']') == ERR_OK);
}

static void on_body(void *arg, struct slice bytes)
{
	CHECK(bytes.n > 0);
	CHECK(buf_add_slice(arg, bytes) == ERR_OK);
}

static void on_end(void *arg)
{
	CHECK(buf_add_str(arg, "[end]") == ERR_OK);
}

static const struct http1_handler handler = {on_head, on_body, on_end};

/* Each piece is in memory of its own that is gone after it. */
static void run(struct slice text, size_t step, bool head, struct result *r)
{
	struct http1_parser p;
	size_t used = 1;

	http1_parser_init(&p);
	p.head_request = head;
	buf_init(&r->log, BUF_UNLIMITED);
	r->e = ERR_OK;
	r->used = 0;
	while (text.n && used && !r->e) {
		size_t n = text.n < step ? text.n : step;
		char *piece = xmemdupz(text.p, n);

		r->e = http1_parser_feed(&p, slice_of(piece, n), &handler,
					 &r->log, &used);
		CHECK(used <= n);
		free(piece);
		r->used += used;
		text = slice_after(text, used);
	}
	r->eof = http1_parser_eof(&p, &handler, &r->log);
	http1_parser_release(&p);
}

static void check_url(struct slice text)
{
	struct http1_url u;

	if (http1_url_parse(text, &u) != ERR_OK)
		return;
	CHECK(u.host.n > 0 && u.path.p[0] == '/');
	CHECK(u.port > 0 && u.port < 65536);
	for (size_t i = 0; i < u.path.n; i++)
		CHECK(u.path.p[i] > ' ' && u.path.p[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct result whole, cut;
	bool head;

	if (size == 0)
		return 0;
	check_url(text);
	/* The last byte says whether the answers are to HEAD. */
	head = data[size - 1] == '#';
	run(text, size, head, &whole);
	for (size_t step = 1; step < 8; step += 3) {
		run(text, step, head, &cut);
		CHECK(cut.e == whole.e);
		CHECK(cut.eof == whole.eof);
		CHECK(whole.e || cut.used == whole.used);
		CHECK(slice_eq(buf_slice(&cut.log), buf_slice(&whole.log)));
		buf_release(&cut.log);
	}
	buf_release(&whole.log);
	return 0;
}
