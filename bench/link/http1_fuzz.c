/* SPDX-License-Identifier: MIT */
/*
 * Requests up to the first NUL, answers behind it: fed whole and one byte at a
 * time, both must end the same way with the same bytes.
 */
#include "bench/link/http1.h"

#include <string.h>

#include "servers/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct http1_exchange exchange;
	struct http1 requests, answers;
	struct buf out;
	size_t whole; /* the end of the last whole message */
	enum err e;
};

static void feed(struct run *r, struct http1 *h, struct slice in, size_t step)
{
	while (!r->e && in.n > 0) {
		size_t n = in.n < step ? in.n : step;
		size_t whole;

		r->e = http1_feed(h, slice_of(in.p, n), &r->out, &whole);
		CHECK(whole <= r->out.len);
		if (whole > 0)
			r->whole = whole;
		in = slice_after(in, n);
	}
}

static void run(struct run *r, struct slice in, size_t step)
{
	const char *nul = in.n ? memchr(in.p, '\0', in.n) : NULL;
	size_t n = nul ? (size_t)(nul - in.p) : in.n;

	*r = (struct run){0};
	buf_init(&r->out, BUF_UNLIMITED);
	http1_init(&r->requests, &r->exchange, false, true);
	http1_init(&r->answers, &r->exchange, true, false);
	feed(r, &r->requests, slice_of(in.p, n), step);
	feed(r, &r->answers, slice_after(in, n + 1), step);
	CHECK(r->out.len <= in.n);
	http1_release(&r->requests);
	http1_release(&r->answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	struct run whole, single;

	run(&whole, in, size);
	run(&single, in, 1);
	CHECK(whole.e == single.e);
	if (!whole.e) {
		CHECK(whole.whole == single.whole);
		CHECK(slice_eq(buf_slice(&whole.out), buf_slice(&single.out)));
	}
	buf_release(&whole.out);
	buf_release(&single.out);
	return 0;
}
