/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/control.h"
#include "servers/core/fake_backend.h"

/* "0123456789" in three frames of 4, 4 and 2 bytes. */
#define FIRST                                                                  \
	"\x01\x04"                                                             \
	"0123"
#define SECOND                                                                 \
	"\x00\x04"                                                             \
	"4567"
#define THIRD                                                                  \
	"\x80\x02"                                                             \
	"89"
#define WHOLE FIRST SECOND THIRD
#define PONG(c) "\x8a\x01" c

static struct fake_node node;
static struct fake f;
static struct transport *t;

static void set_up(void)
{
	struct hub_options o = hub_defaults;

	o.fragment = 4;
	o.queue.messages = 4;
	fake_node_init(&node, &o, NULL);
	fake_init(&f, node.hub, FORMAT_WS);
	t = &f.transport;
	f.writable = false;
}

static void tear_down(void)
{
	fake_release(&f);
	fake_node_release(&node);
}

TestSuite(control, .init = set_up, .fini = tear_down);

static void queue_text(const char *text)
{
	transport_send_private(t, MSG_TEXT, slice_str(text), 0);
}

static void queue_pong(const char *frame)
{
	control_send(t, slice_of(frame, 3));
}

/* The queue's frames, with '|' between. What is sent is not looked at. */
static void expect_queue(const char *want, size_t n)
{
	uint64_t bytes = 0;
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	for (uint32_t i = 0; i < t->q.count; i++) {
		struct msg *m = outq_at(&t->q, i);

		if (i)
			cr_assert_eq(buf_add_char(&b, '|'), ERR_OK);
		cr_assert_eq(buf_add_slice(&b, msg_frame(m, FORMAT_WS)),
			     ERR_OK);
		bytes += m->size;
	}
	cr_assert(slice_eq(buf_slice(&b), slice_of(want, n)), "%zu bytes",
		  b.len);
	cr_assert_eq(t->q.bytes, bytes);
	buf_release(&b);
}

#define EXPECT(literal) expect_queue(literal, sizeof(literal) - 1)

Test(control, passes_data_of_which_nothing_is_sent)
{
	queue_pong(PONG("a"));
	EXPECT(PONG("a"));
	queue_text("0123456789");
	queue_pong(PONG("b"));
	EXPECT(PONG("a") "|" PONG("b") "|" WHOLE);
}

Test(control, waits_for_the_rest_of_one_fragment)
{
	queue_text("0123456789");
	queue_text("x");
	t->q.offset = 3;
	queue_pong(PONG("a"));
	EXPECT(FIRST "|" PONG("a") "|" SECOND THIRD "|\x81\x01x");
	cr_assert_eq(t->q.offset, 3);
	queue_pong(PONG("b"));
	EXPECT(FIRST "|" PONG("a") "|" PONG("b") "|" SECOND THIRD "|\x81\x01x");
}

Test(control, is_cut_in_again_further_on)
{
	queue_text("0123456789");
	t->q.offset = 1;
	queue_pong(PONG("a"));
	EXPECT(FIRST "|" PONG("a") "|" SECOND THIRD);
	(void)outq_advance(&t->q, FORMAT_WS, 5 + 3 + 6);
	cr_assert_eq(t->q.offset, 6);
	queue_pong(PONG("b"));
	/* All of the second fragment is sent, nothing of the third. */
	EXPECT(PONG("b") "|" THIRD);
	cr_assert_eq(t->q.offset, 0);
}

Test(control, has_no_place_within_the_last_fragment)
{
	queue_text("0123456789");
	t->q.offset = 13;
	queue_pong(PONG("a"));
	EXPECT(WHOLE "|" PONG("a"));
	cr_assert_eq(outq_at(&t->q, 0)->kind, MSG_TEXT);
}

Test(control, passes_one_message_that_fills_the_queue)
{
	char *big = xcalloc(1, 5 << 20);

	transport_send_private(t, MSG_BINARY, slice_of(big, 5 << 20), 0);
	cr_assert_gt(t->q.bytes, 2 * hub_defaults.queue.bytes);
	queue_pong(PONG("a"));
	cr_assert_eq(t->q.count, 2);
	cr_assert_eq(f.kicks, 0);
	free(big);
}

Test(control, everything_is_written_in_the_end)
{
	queue_text("0123456789");
	t->q.offset = 2;
	queue_pong(PONG("a"));
	fake_set_writable(&f, true);
	t->q.offset = 0;
	fake_node_tick(&node, 1);
	cr_assert_eq(f.written.len, 16 + 3);
	cr_assert_eq(memcmp(f.written.data, FIRST PONG("a") SECOND THIRD, 19),
		     0);
	cr_assert_eq(t->q.count, 0);
	cr_assert_eq(t->q.bytes, 0);
}

Test(control, a_flood_ends_the_connection)
{
	queue_text("0123456789");
	t->q.offset = 1;
	for (int i = 0; i < 20; i++)
		queue_pong(PONG("a"));
	cr_assert_eq(f.kicks, 1);
	cr_assert_eq(f.why, KICK_SLOW);
	cr_assert_leq(t->q.count, 8);
}
