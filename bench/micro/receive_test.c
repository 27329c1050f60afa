/* SPDX-License-Identifier: MIT */
#include "bench/micro/receive.h"

#include <criterion/criterion.h>

#include "bench/micro/row.h"
#include "servers/base/check.h"
#include "servers/base/utf8.h"

static struct received receive(const struct receive_ops *ops,
			       const struct frames *f)
{
	struct received r = {.digests = true};
	void *connection = ops->open(&r);

	ops->pass(connection, f);
	ops->pass(connection, f);
	ops->close(connection);
	return r;
}

Test(micro, both_sides_deliver_every_message_alike)
{
	static const size_t sizes[] = {0, 1, 125, 126, 16384, 65535, 65536};

	for (size_t i = 0; i < ARRAY_SIZE(sizes) * FRAMES_KINDS * FRAMES_READS;
	     i++) {
		size_t size = sizes[i % ARRAY_SIZE(sizes)];
		size_t rest = i / ARRAY_SIZE(sizes);
		struct frames f;
		struct received theirs, ours;

		frames_init(&f, (enum frames_kind)(rest % FRAMES_KINDS), size,
			    (enum frames_reads)(rest / FRAMES_KINDS), 50000);
		theirs = receive(&receive_wslay, &f);
		ours = receive(&receive_ours, &f);
		cr_assert_eq(theirs.messages, 2 * f.count);
		cr_assert_eq(theirs.bytes, 2 * f.count * size);
		cr_assert_eq(ours.messages, theirs.messages);
		cr_assert_eq(ours.bytes, theirs.bytes);
		cr_assert_eq(ours.digest, theirs.digest);
		frames_release(&f);
	}
}

Test(micro, reads_cover_the_frames_once_and_are_no_longer_than_a_read)
{
	for (int reads = 0; reads < FRAMES_READS; reads++) {
		struct frames_cursor c;
		size_t sum = 0, count = 0;
		struct frames f;
		struct slice s;

		frames_init(&f, FRAMES_TEXT, 1024, (enum frames_reads)reads,
			    100000);
		c = (struct frames_cursor){.frames = &f};
		for (; (s = frames_next(&c)).n > 0; count++) {
			cr_assert_leq(s.n, FRAMES_READ);
			cr_assert_eq(s.p, f.bytes.data + sum);
			sum += s.n;
		}
		cr_assert_eq(sum, f.bytes.len);
		cr_assert_eq(count, reads == FRAMES_ALONE
					    ? f.count
					    : (f.bytes.len + FRAMES_READ - 1) /
						      FRAMES_READ);
		frames_release(&f);
	}
}

Test(micro, payloads_are_text_unless_binary)
{
	char bytes[300];

	for (size_t n = 0; n <= sizeof(bytes); n++) {
		frames_fill(FRAMES_TEXT, bytes, n);
		cr_assert(utf8_valid(bytes, n));
		frames_fill(FRAMES_UTF8, bytes, n);
		cr_assert(utf8_valid(bytes, n));
	}
	frames_fill(FRAMES_BINARY, bytes, sizeof(bytes));
	cr_assert_not(utf8_valid(bytes, sizeof(bytes)));
}

Test(micro, every_row_can_be_run)
{
	struct row r;
	size_t n = 0;

	for (; row_init(&r, n); n++) {
		row_prepare(&r);
		cr_assert_not_null(r.work[ROW_OURS].pass, "%s", r.name);
		cr_assert_eq(r.compares, r.work[ROW_BASELINE].pass != NULL);
		row_counted(&r.work[ROW_OURS]);
		row_release(&r);
	}
	cr_assert_eq(n, row_receive_count() + row_solo_count());
}
