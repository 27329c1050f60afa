/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/conn.h"
#include "servers/core/fake_backend.h"
#include "servers/core/hub.h"

static void on_readable(struct conn *c)
{
	(void)c;
}

static void on_gone(struct conn *c, enum err why)
{
	(void)why;
	conn_close(c);
}

static const struct conn_ops conn_ops = {
	.on_readable = on_readable,
	.on_writable = on_readable,
	.on_gone = on_gone,
};

/* A fake transport, and a stream whose other end is `peer`. */
struct fixture {
	struct fake_node node;
	struct fake fake;
	struct transport *t;
	struct conn conn;
	int peer;
};

static void fixture_init(struct fixture *f)
{
	int fds[2];

	fake_node_init(&f->node, NULL, NULL);
	fake_init(&f->fake, f->node.hub, FORMAT_SSE);
	f->t = &f->fake.transport;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
		     0);
	cr_assert_eq(conn_adopt(&f->conn, f->node.loop, fds[0], &conn_ops),
		     ERR_OK);
	f->peer = fds[1];
}

static void fixture_release(struct fixture *f)
{
	conn_close(&f->conn);
	if (f->peer >= 0)
		close(f->peer);
	fake_release(&f->fake);
	fake_node_release(&f->node);
}

static void send_text(struct fixture *f, const char *text, unsigned flags)
{
	transport_send_private(f->t, MSG_BYTES, slice_str(text), flags);
}

static size_t peer_read(struct fixture *f, char *into, size_t n)
{
	ssize_t got = recv(f->peer, into, n, 0);

	return got > 0 ? (size_t)got : 0;
}

static struct msg *event(const char *data)
{
	struct msg_event e = {.nsp = SLICE("/"),
			      .room = SLICE("r"),
			      .event = SLICE("e"),
			      .data = slice_str(data)};

	return msg_new_event(&e);
}

Test(core, one_message_is_written_and_counted)
{
	struct fixture f;
	struct msg *m;
	char got[512];
	bool closes = true;
	size_t n;

	fixture_init(&f);
	m = event("1");
	transport_send(f.t, m);
	cr_assert(list_linked(&f.t->dirty));
	cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_OK);
	cr_assert_not(closes);
	n = peer_read(&f, got, sizeof(got));
	cr_assert_eq(n, msg_frame(m, FORMAT_SSE).n);
	cr_assert_arr_eq(got, msg_frame(m, FORMAT_SSE).p, n);
	cr_assert_eq(f.fake.stats.delivered, 1);
	cr_assert_eq(f.fake.stats.bytes_out, n);
	cr_assert_eq(m->refs, 1);
	cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_OK);
	msg_unref(m);
	fixture_release(&f);
}

Test(core, many_messages_leave_in_order)
{
	struct fixture f;
	char want[4096] = "", got[4096] = "";
	size_t length = 0;
	bool closes;

	fixture_init(&f);
	for (int i = 0; i < 200; i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%d,", i);
		memcpy(want + length, text, strlen(text) + 1);
		length += strlen(text);
		send_text(&f, text, 0);
	}
	cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_OK);
	cr_assert_eq(f.t->q.count, 0);
	cr_assert_eq(peer_read(&f, got, sizeof(got) - 1), strlen(want));
	cr_assert_str_eq(got, want);
	/* Private messages are no deliveries. */
	cr_assert_eq(f.fake.stats.delivered, 0);
	cr_assert_eq(f.fake.stats.bytes_out, strlen(want));
	fixture_release(&f);
}

Test(core, shared_messages_are_joined_and_counted)
{
	struct fixture f;
	struct fake other;
	char got[8192];
	bool closes;

	fixture_init(&f);
	fake_init(&other, f.node.hub, FORMAT_SSE);
	for (int i = 0; i < 16; i++) {
		struct msg *m = event("16");

		transport_send(f.t, m);
		transport_send(&other.transport, m);
		msg_ref(m); /* as a history would */
		msg_unref(m);
		msg_unref(m);
	}
	cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_OK);
	cr_assert_eq(f.fake.stats.delivered, 16);
	cr_assert_eq(peer_read(&f, got, sizeof(got)), f.fake.stats.bytes_out);
	fake_release(&other);
	fixture_release(&f);
}

/* Large messages through a full socket: nothing lost, doubled or cut. */
Test(core, partial_writes_go_on_where_they_stopped)
{
	struct fixture f;
	static char big[100001];
	char got[7777];
	size_t total = 0, expected = 0;
	bool closes = false;

	fixture_init(&f);
	for (int i = 0; i < 12; i++) {
		memset(big, 'a' + i, sizeof(big) - 1);
		expected += sizeof(big) - 1;
		send_text(&f, big, i == 11 ? MSG_CLOSES : 0);
	}
	while (!closes) {
		size_t n;

		cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_OK);
		cr_assert(closes || f.conn.blocked);
		while ((n = peer_read(&f, got, sizeof(got)))) {
			for (size_t i = 0; i < n; i++, total++)
				cr_assert_eq(got[i],
					     'a' + (int)(total / 100000));
		}
		f.conn.blocked = false;
	}
	cr_assert_eq(total, expected);
	cr_assert_eq(f.fake.stats.bytes_out, expected);
	cr_assert(transport_finished(f.t));
	fixture_release(&f);
}

Test(core, one_large_message_goes_in_parts)
{
	struct fixture f;
	static char big[1000001];
	static char got[1 << 17];
	size_t total = 0, n;
	bool closes = false;

	fixture_init(&f);
	for (size_t i = 0; i < sizeof(big) - 1; i++)
		big[i] = (char)('a' + i % 23);
	send_text(&f, big, MSG_CLOSES);
	cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_OK);
	cr_assert_gt(f.t->q.offset, 0);
	cr_assert_lt(f.t->q.offset, sizeof(big) - 1);
	cr_assert_not(closes);
	while (total < sizeof(big) - 1) {
		n = peer_read(&f, got, sizeof(got));
		cr_assert_arr_eq(got, big + total, n);
		total += n;
		f.conn.blocked = false;
		cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_OK);
	}
	cr_assert(closes);
	cr_assert_eq(f.fake.stats.bytes_out, sizeof(big) - 1);
	fixture_release(&f);
}

Test(core, last_message_alone_closes)
{
	struct fixture f;
	bool closes = false;

	fixture_init(&f);
	send_text(&f, "bye", MSG_CLOSES);
	cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_OK);
	cr_assert(closes);
	fixture_release(&f);
}

Test(core, blocked_stream_is_left_alone)
{
	struct fixture f;
	bool closes;

	fixture_init(&f);
	send_text(&f, "x", 0);
	f.conn.blocked = true;
	cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_OK);
	cr_assert_eq(f.t->q.count, 1);
	fixture_release(&f);
}

Test(core, lost_link_is_told)
{
	struct fixture f;
	bool closes;

	fixture_init(&f);
	close(f.peer);
	f.peer = -1;
	send_text(&f, "x", MSG_CLOSES);
	cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_CLOSED);
	cr_assert_not(closes);
	cr_assert_eq(f.t->q.count, 1);
	fixture_release(&f);
}

Test(core, nothing_follows_a_message_that_closes)
{
	struct fixture f;
	char got[16] = "";
	bool closes;

	fixture_init(&f);
	send_text(&f, "a", 0);
	send_text(&f, "b", MSG_CLOSES);
	send_text(&f, "c", 0);
	send_text(&f, "d", MSG_CLOSES);
	cr_assert_eq(f.t->q.count, 2);
	cr_assert_eq(transport_write(f.t, &f.conn, &closes), ERR_OK);
	cr_assert(closes);
	cr_assert_eq(peer_read(&f, got, sizeof(got)), 2);
	cr_assert_str_eq(got, "ab");
	fixture_release(&f);
}

Test(core, kicked_transport_takes_only_its_last_message)
{
	struct fixture f;

	fixture_init(&f);
	transport_kick(f.t, KICK_TIMEOUT);
	transport_kick(f.t, KICK_SLOW);
	cr_assert_eq(f.fake.kicks, 1);
	cr_assert_eq(f.fake.why, KICK_TIMEOUT);
	cr_assert(list_linked(&f.t->dirty), "a flush must follow");
	send_text(&f, "a", 0);
	cr_assert_eq(f.t->q.count, 0);
	send_text(&f, "b", MSG_CLOSES);
	cr_assert_eq(f.t->q.count, 1);
	fixture_release(&f);
}

/* Guards against taking much input in one tick for a slow reader. */
Test(core, a_burst_within_a_tick_does_not_kick_who_reads)
{
	struct fixture f;
	struct hub_options o = hub_defaults;

	fixture_init(&f);
	o.queue.messages = 3;
	f.node.hub->options = o;
	for (int i = 0; i < 100; i++)
		send_text(&f, "a", 0);
	cr_assert_eq(f.fake.kicks, 0);
	fake_node_tick(&f.node, 1);
	cr_assert_eq(f.fake.frames, 100);
	cr_assert_eq(f.fake.stats.dropped, 0);
	fixture_release(&f);
}

Test(core, flood_of_answers_kicks)
{
	struct fixture f;
	struct hub_options o = hub_defaults;

	fixture_init(&f);
	o.queue.messages = 3;
	f.node.hub->options = o;
	fake_set_writable(&f.fake, false);
	for (int i = 0; i < 6; i++)
		send_text(&f, "pong", 0);
	cr_assert_eq(f.fake.kicks, 0);
	send_text(&f, "pong", 0);
	cr_assert_eq(f.fake.kicks, 1);
	cr_assert_eq(f.fake.why, KICK_SLOW);
	cr_assert_eq(f.fake.stats.dropped, 1);
	cr_assert_eq(f.t->q.count, 6);
	fixture_release(&f);
}

Test(core, joined_packets_are_handed_to_polling)
{
	struct fixture f;
	struct joined j;

	fixture_init(&f);
	f.t->format = FORMAT_EIO_POLLING;
	send_text(&f, "2", 0);
	send_text(&f, "6", 0);
	transport_join(f.t, 1000, &j);
	cr_assert(slice_is(j.bytes, "2\x1e"
				    "6"));
	cr_assert_eq(j.count, 2);
	outq_drop(&f.t->q, j.count);
	fixture_release(&f);
}
