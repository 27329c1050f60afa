/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/core/join.h"
#include "servers/core/transport.h"

static const struct outq_limits roomy = {.messages = 1000, .bytes = 1 << 20};

static struct msg *bytes(const char *text)
{
	return msg_new_private(MSG_BYTES, slice_str(text), 0);
}

static void push(struct outq *q, struct msg *m)
{
	cr_assert_eq(outq_push(q, &roomy, m), ERR_OK);
}

/* Two queues with the same two messages, and a cache. */
struct fixture {
	struct join_cache *c;
	struct msg *a, *b;
	struct outq one, two;
};

static void fixture_init(struct fixture *f)
{
	f->c = join_cache_new();
	f->a = bytes("abc");
	f->b = bytes("de");
	outq_init(&f->one);
	outq_init(&f->two);
	push(&f->one, f->a);
	push(&f->one, f->b);
	push(&f->two, f->a);
	push(&f->two, f->b);
}

static void fixture_release(struct fixture *f)
{
	outq_release(&f->one);
	outq_release(&f->two);
	join_cache_free(f->c);
	cr_assert_eq(f->a->refs, 1);
	cr_assert_eq(f->b->refs, 1);
	msg_unref(f->a);
	msg_unref(f->b);
}

Test(core, equal_queues_share_joined_bytes)
{
	struct fixture f;
	struct joined x, y;

	fixture_init(&f);
	cr_assert(join_shared(f.c, &f.one, FORMAT_WS, 100, &x));
	cr_assert(slice_is(x.bytes, "abcde"));
	cr_assert_eq(x.count, 2);
	cr_assert_neq(x.id, 0);
	cr_assert(join_shared(f.c, &f.two, FORMAT_WS, 100, &y));
	cr_assert_eq(y.id, x.id);
	cr_assert_eq(y.bytes.p, x.bytes.p);
	fixture_release(&f);
}

/* Rings that are not full: what lies behind the messages does not count. */
Test(core, rings_are_compared_up_to_their_end)
{
	struct fixture f;
	struct joined x, y;

	fixture_init(&f);
	for (int i = 0; i < 8; i++)
		push(&f.one, f.b);
	for (int i = 0; i < 8; i++)
		push(&f.two, f.b);
	cr_assert(join_shared(f.c, &f.one, FORMAT_WS, 100, &x));
	cr_assert_eq(x.count, 10);
	cr_assert(join_shared(f.c, &f.two, FORMAT_WS, 100, &y));
	cr_assert_eq(y.id, x.id);
	fixture_release(&f);
}

Test(core, polling_packets_are_separated)
{
	struct fixture f;
	struct joined x, y;

	fixture_init(&f);
	join_any(f.c, &f.one, FORMAT_EIO_POLLING, 100, &x);
	cr_assert(slice_is(x.bytes, "abc\x1e"
				    "de"));
	/* Another format, or another limit, is something else. */
	join_any(f.c, &f.one, FORMAT_SSE, 100, &y);
	cr_assert(slice_is(y.bytes, "abcde"));
	cr_assert_neq(x.id, y.id);
	join_any(f.c, &f.one, FORMAT_EIO_POLLING, 5, &y);
	cr_assert(slice_is(y.bytes, "abc"));
	cr_assert_eq(y.count, 1);
	join_any(f.c, &f.one, FORMAT_EIO_POLLING, 6, &y);
	cr_assert_eq(y.count, 2);
	join_any(f.c, &f.one, FORMAT_EIO_POLLING, 1, &y);
	cr_assert_eq(y.count, 1); /* at least one, whatever its size */
	fixture_release(&f);
}

Test(core, queues_of_one_receiver_are_not_cached)
{
	struct fixture f;
	struct msg *own = bytes("xyz");
	struct joined x, y;

	fixture_init(&f);
	push(&f.one, own);
	cr_assert_not(join_shared(f.c, &f.one, FORMAT_WS, 100, &x));
	join_any(f.c, &f.one, FORMAT_WS, 100, &x);
	cr_assert(slice_is(x.bytes, "abcdexyz"));
	cr_assert_eq(x.count, 3);
	/* The single entry is not found again, and does not hide the other. */
	cr_assert(join_shared(f.c, &f.two, FORMAT_WS, 100, &y));
	cr_assert(slice_is(y.bytes, "abcde"));
	cr_assert_neq(x.id, y.id);
	msg_unref(own);
	fixture_release(&f);
}

Test(core, queues_are_compared_over_the_end_of_the_ring)
{
	struct fixture f;
	struct joined x, y;

	fixture_init(&f);
	/* The same 16 messages, one ring starting at its place 10. */
	for (int i = 0; i < 10; i++)
		push(&f.one, f.a);
	outq_drop(&f.one, 10); /* leaves a and a, at the end of the ring */
	for (int i = 0; i < 14; i++)
		push(&f.one, i == 13 ? f.b : f.a);
	outq_drop(&f.two, 2);
	for (int i = 0; i < 16; i++)
		push(&f.two, i == 15 ? f.b : f.a);
	cr_assert_neq(f.one.head, f.two.head);
	cr_assert(join_shared(f.c, &f.one, FORMAT_WS, 1000, &x));
	cr_assert_eq(x.bytes.n, 15 * 3 + 2);
	cr_assert(join_shared(f.c, &f.two, FORMAT_WS, 1000, &y));
	cr_assert_eq(x.id, y.id);
	/* They differ in what the wrapped part holds. */
	outq_drop(&f.two, 16);
	for (int i = 0; i < 16; i++)
		push(&f.two, i >= 14 ? f.b : f.a);
	cr_assert(join_shared(f.c, &f.two, FORMAT_WS, 1000, &y));
	cr_assert_neq(x.id, y.id);
	fixture_release(&f);
}

Test(core, no_more_than_64_messages_are_joined)
{
	struct fixture f;
	struct joined x;

	fixture_init(&f);
	for (int i = 0; i < 100; i++)
		push(&f.one, f.a);
	join_any(f.c, &f.one, FORMAT_WS, 100000, &x);
	cr_assert_eq(x.count, JOIN_MESSAGES);
	fixture_release(&f);
}

Test(core, cache_holds_its_messages_and_forgets_the_oldest)
{
	struct join_cache *c = join_cache_new();
	struct msg *m[6];
	struct outq q[6];
	struct joined first, again;

	for (int i = 0; i < 6; i++) {
		m[i] = bytes("m");
		outq_init(&q[i]);
		push(&q[i], m[i]);
		push(&q[i], m[i]);
	}
	cr_assert(join_shared(c, &q[0], FORMAT_WS, 100, &first));
	cr_assert_eq(m[0]->refs, 5);
	for (int i = 1; i < 4; i++)
		cr_assert(join_shared(c, &q[i], FORMAT_WS, 100, &again));
	cr_assert(join_shared(c, &q[0], FORMAT_WS, 100, &again));
	cr_assert_eq(again.id, first.id);
	/* The fifth takes the place of the second, the oldest by use. */
	cr_assert(join_shared(c, &q[4], FORMAT_WS, 100, &again));
	cr_assert_eq(m[1]->refs, 3);
	cr_assert_eq(m[0]->refs, 5);
	join_cache_clear(c);
	cr_assert_eq(m[0]->refs, 3);
	cr_assert(join_shared(c, &q[0], FORMAT_WS, 100, &again));
	cr_assert_neq(again.id, first.id);
	for (int i = 0; i < 6; i++) {
		outq_release(&q[i]);
		msg_unref(m[i]);
	}
	join_cache_free(c);
}
