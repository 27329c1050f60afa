/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/core/outq.h"

static const struct outq_limits roomy = {.messages = 1000, .bytes = 1 << 20};

static struct msg *event(void)
{
	struct msg_event e = {.nsp = SLICE("/"),
			      .room = SLICE("r"),
			      .event = SLICE("e"),
			      .data = SLICE("1")};
	struct msg *m = msg_new_event(&e);

	m->seq = 1; /* published: see msg_droppable() */
	return m;
}

static struct msg *bytes(const char *text, unsigned flags)
{
	return msg_new_private(MSG_BYTES, slice_str(text), flags);
}

Test(core, queue_is_first_in_first_out_while_it_grows)
{
	struct msg *all[100];
	struct outq q;
	uint32_t next = 0, first = 0;

	for (int i = 0; i < 100; i++)
		all[i] = event();
	outq_init(&q);
	/* Two in, one out: the ring wraps and grows with its head anywhere. */
	while (next < 100) {
		for (int k = 0; k < 2; k++) {
			cr_assert_eq(outq_push(&q, &roomy, all[next]), ERR_OK);
			next++;
		}
		cr_assert_eq(outq_at(&q, 0), all[first]);
		cr_assert_eq(outq_drop(&q, 1), 1);
		first++;
		for (uint32_t i = 0; i < q.count; i++)
			cr_assert_eq(outq_at(&q, i), all[first + i]);
	}
	cr_assert_eq(q.count, 50);
	cr_assert_eq(q.bytes, 50 * (uint64_t)all[0]->size);
	outq_release(&q);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(all[i]->refs, 1);
		msg_unref(all[i]);
	}
}

Test(core, queue_gives_its_memory_back_when_it_runs_empty)
{
	struct msg *m = event();
	struct outq q;

	outq_init(&q);
	for (int i = 0; i < OUTQ_INLINE; i++)
		cr_assert_eq(outq_push(&q, &roomy, m), ERR_OK);
	cr_assert_null(q.ring);
	cr_assert_eq(outq_push(&q, &roomy, m), ERR_OK);
	cr_assert_not_null(q.ring);
	cr_assert_eq(m->refs, 4);
	cr_assert_eq(outq_drop(&q, 3), 3);
	cr_assert_null(q.ring);
	cr_assert_eq(q.bytes, 0);
	cr_assert_eq(m->refs, 1);
	msg_unref(m);
}

Test(core, queue_refuses_events_beyond_its_messages)
{
	const struct outq_limits two = {.messages = 2, .bytes = 1 << 20};
	struct msg *m = event(), *pong = bytes("pong", 0);
	struct msg *last = bytes("bye", MSG_CLOSES);
	struct outq q;

	outq_init(&q);
	cr_assert_eq(outq_push(&q, &two, m), ERR_OK);
	cr_assert_eq(outq_push(&q, &two, m), ERR_OK);
	cr_assert_eq(outq_push(&q, &two, m), ERR_LIMIT);
	cr_assert_not(outq_put_event(&q, &two, m));
	cr_assert_eq(q.count, 2);
	cr_assert_eq(m->refs, 3);
	/* Answers have twice the room, the last word always fits. */
	cr_assert_eq(outq_push(&q, &two, pong), ERR_OK);
	cr_assert_eq(outq_push(&q, &two, pong), ERR_OK);
	cr_assert_eq(outq_push(&q, &two, pong), ERR_LIMIT);
	cr_assert_eq(outq_push(&q, &two, last), ERR_OK);
	cr_assert_eq(q.count, 5);
	outq_release(&q);
	msg_unref(m);
	msg_unref(pong);
	msg_unref(last);
}

Test(core, queue_refuses_events_beyond_its_bytes)
{
	struct msg *m = event(), *pong = bytes("pong", 0);
	const struct outq_limits l = {.messages = 100,
				      .bytes = 2 * (uint64_t)m->size};
	struct outq q;

	outq_init(&q);
	cr_assert(outq_put_event(&q, &l, msg_ref(m)));
	cr_assert_eq(outq_push(&q, &l, m), ERR_OK);
	cr_assert_eq(outq_push(&q, &l, m), ERR_LIMIT);
	cr_assert_not(outq_put_event(&q, &l, m));
	cr_assert_eq(outq_push(&q, &l, pong), ERR_OK);
	outq_release(&q);
	msg_unref(m);
	msg_unref(pong);
}

Test(core, queue_loses_a_message_in_the_middle)
{
	struct msg *all[8];
	struct outq q;

	/* Whatever is removed, wherever the ring's head is. */
	for (uint32_t at = 0; at < 8; at++) {
		for (uint32_t head = 0; head < 16; head++) {
			outq_init(&q);
			for (uint32_t i = 0; i < 8; i++)
				all[i] = event();
			/* Three in a queue of two make a ring. */
			for (uint32_t i = 0; i < 3; i++)
				cr_assert_eq(outq_push(&q, &roomy, all[i]),
					     ERR_OK);
			for (uint32_t i = 0; i < head; i++) {
				cr_assert_eq(outq_push(&q, &roomy, all[0]),
					     ERR_OK);
				cr_assert_eq(outq_drop(&q, 1), 1);
			}
			for (uint32_t i = 0; i < 8; i++)
				cr_assert_eq(outq_push(&q, &roomy, all[i]),
					     ERR_OK);
			outq_drop(&q, 3);
			cr_assert_not_null(q.ring);
			outq_remove(&q, at);
			cr_assert_eq(q.count, 7);
			cr_assert_eq(q.bytes, 7 * (uint64_t)all[0]->size);
			cr_assert_eq(all[at]->refs, 1);
			for (uint32_t i = 0; i < 7; i++)
				cr_assert_eq(outq_at(&q, i),
					     all[i < at ? i : i + 1]);
			outq_cut(&q, 2);
			cr_assert_eq(q.count, 2);
			cr_assert_eq(q.bytes, 2 * (uint64_t)all[0]->size);
			outq_release(&q);
			for (uint32_t i = 0; i < 8; i++) {
				cr_assert_eq(all[i]->refs, 1);
				msg_unref(all[i]);
			}
		}
	}
}

Test(core, empty_queue_takes_a_message_of_any_size)
{
	const struct outq_limits tiny = {.messages = 4, .bytes = 10};
	struct msg *m = event();
	struct outq q;

	outq_init(&q);
	cr_assert_not(outq_put_event(&q, &tiny, m));
	cr_assert_eq(outq_push(&q, &tiny, m), ERR_OK);
	cr_assert_eq(outq_push(&q, &tiny, m), ERR_LIMIT);
	outq_release(&q);
	msg_unref(m);
}

/* Also when a control frame has cut it. */
Test(core, answers_find_a_place_behind_a_message_of_any_size)
{
	const struct outq_limits limits = {.messages = 8, .bytes = 1000};
	struct msg *large, *control, *answer;
	char bytes[5000] = {0};
	struct outq q;

	large = msg_new_private(MSG_BYTES, slice_of(bytes, sizeof(bytes)), 0);
	control = msg_new_private(MSG_BYTES, SLICE("ping"), MSG_CONTROL);
	answer = msg_new_private(MSG_TEXT, SLICE("ack"), 0);
	outq_init(&q);
	cr_assert_eq(outq_push(&q, &limits, large), ERR_OK);
	cr_assert_eq(outq_push(&q, &limits, answer), ERR_OK);
	outq_insert(&q, 0, control);
	cr_assert_eq(outq_push(&q, &limits, answer), ERR_OK);
	while (outq_fits(&q, &limits, answer))
		cr_assert_eq(outq_push(&q, &limits, answer), ERR_OK);
	cr_assert_leq(q.bytes, large->size + 2 * limits.bytes);
	outq_release(&q);
	msg_unref(large);
	msg_unref(control);
	msg_unref(answer);
}

Test(core, queue_advances_byte_by_byte)
{
	struct msg *a = bytes("abc", 0), *b = bytes("de", 0), *e = event();
	size_t frame = msg_frame(e, FORMAT_SSE).n;
	struct outq q;

	outq_init(&q);
	cr_assert_eq(outq_push(&q, &roomy, a), ERR_OK);
	cr_assert_eq(outq_push(&q, &roomy, e), ERR_OK);
	cr_assert_eq(outq_push(&q, &roomy, b), ERR_OK);
	cr_assert_eq(outq_advance(&q, FORMAT_SSE, 0), 0);
	cr_assert_eq(outq_advance(&q, FORMAT_SSE, 2), 0);
	cr_assert_eq(q.count, 3);
	cr_assert_eq(q.offset, 2);
	cr_assert_eq(outq_advance(&q, FORMAT_SSE, 1), 0);
	cr_assert_eq(q.count, 2);
	cr_assert_eq(q.offset, 0);
	for (size_t i = 1; i < frame; i++) {
		cr_assert_eq(outq_advance(&q, FORMAT_SSE, 1), 0);
		cr_assert_eq(q.offset, i);
	}
	/* The event's last byte and the first of the next message. */
	cr_assert_eq(outq_advance(&q, FORMAT_SSE, 2), 1);
	cr_assert_eq(q.count, 1);
	cr_assert_eq(q.offset, 1);
	cr_assert_eq(outq_advance(&q, FORMAT_SSE, 1), 0);
	cr_assert_eq(q.count, 0);
	cr_assert_eq(q.offset, 0);
	msg_unref(a);
	msg_unref(b);
	msg_unref(e);
}
