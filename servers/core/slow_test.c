/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>

#include "servers/core/fake_backend.h"
#include "servers/core/gap.h"
#include "servers/core/hub.h"

/* A node, and a reader of its rooms that takes nothing until it is told to. */
struct fixture {
	struct fake_node node;
	struct fake fake;
	struct session *s;
	struct transport *t;
};

static void fixture_init(struct fixture *f, enum slow_policy policy,
			 uint32_t messages, enum wire_format format)
{
	struct hub_options o = hub_defaults;

	o.slow = policy;
	o.queue.messages = messages;
	fake_node_init(&f->node, &o, NULL);
	fake_init(&f->fake, f->node.hub, format);
	f->s = fake_connect(&f->fake, "/");
	f->t = &f->fake.transport;
	fake_set_writable(&f->fake, false);
	cr_assert_eq(hub_join(f->s, SLICE("a")), ERR_OK);
	cr_assert_eq(hub_join(f->s, SLICE("b")), ERR_OK);
	cr_assert_eq(hub_join(f->s, SLICE("c")), ERR_OK);
}

static void fixture_release(struct fixture *f)
{
	hub_disconnect(f->s, "end");
	fake_release(&f->fake);
	fake_node_release(&f->node);
}

/* "a b" publishes to the rooms, "x" puts an answer in the queue. */
static void run(struct fixture *f, const char *letters)
{
	for (; *letters; letters++) {
		char room[2] = {*letters, '\0'};

		if (*letters == 'x')
			transport_send_private(f->t, MSG_TEXT, SLICE("{}"), 0);
		else
			(void)fake_node_publish(&f->node, room, "1");
	}
}

static void publish_named(struct fixture *f, const char *room,
			  const char *event, unsigned flags)
{
	struct publication p = {.nsp = SLICE("/"),
				.room = slice_str(room),
				.event = slice_str(event),
				.data = SLICE("1"),
				.flags = flags};

	cr_assert_eq(hub_publish(f->node.hub, &p, NULL), ERR_OK);
}

/* Appends a message to `text`: `a3`, a gap `a(4-6)`, an answer `x`. */
static void describe(char *text, size_t size, const struct msg *m)
{
	size_t at = strlen(text);

	if (m->kind == MSG_EVENT)
		(void)snprintf(text + at, size - at, "%.*s%llu ",
			       SLICE_ARG(m->room), (unsigned long long)m->seq);
	else if (m->kind == MSG_GAP)
		(void)snprintf(text + at, size - at, "%.*s(%llu-%llu) ",
			       SLICE_ARG(m->room), (unsigned long long)m->first,
			       (unsigned long long)m->seq);
	else
		(void)snprintf(text + at, size - at, "x ");
}

static const char *queued(const struct fixture *f)
{
	static char text[4096];
	const struct outq *q = &f->t->q;
	uint64_t bytes = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < q->count; i++) {
		describe(text, sizeof(text), outq_at(q, i));
		bytes += outq_at(q, i)->size;
	}
	cr_assert_eq(q->bytes, bytes);
	return text;
}

/* As if the peer took `n` messages and, if so, one byte of the next. */
static void take(struct fixture *f, unsigned n, bool half)
{
	outq_drop(&f->t->q, n);
	if (half)
		cr_assert_eq(outq_advance(&f->t->q,
					  (enum wire_format)f->t->format, 1),
			     0);
}

Test(core, slow_policies_have_names)
{
	enum slow_policy p;

	for (int i = 0; i < SLOW_COUNT; i++) {
		cr_assert(slow_parse(slow_name((enum slow_policy)i), &p));
		cr_assert_eq((int)p, i);
	}
	cr_assert_not(slow_parse("drop", &p));
	cr_assert_not(slow_parse("", &p));
}

Test(core, slow_disconnect_kicks)
{
	struct fixture f;

	fixture_init(&f, SLOW_DISCONNECT, 4, FORMAT_WS);
	run(&f, "aaaa");
	cr_assert_eq(f.fake.kicks, 0);
	run(&f, "aa");
	cr_assert_eq(f.fake.kicks, 1);
	cr_assert_eq(f.fake.why, KICK_SLOW);
	cr_assert_eq(f.fake.stats.dropped, 1);
	cr_assert_str_eq(queued(&f), "a1 a2 a3 a4 ");
	fixture_release(&f);
}

Test(core, slow_drop_oldest_keeps_the_newest)
{
	struct fixture f;

	fixture_init(&f, SLOW_DROP_OLDEST, 4, FORMAT_WS);
	run(&f, "aaaa");
	cr_assert_str_eq(queued(&f), "a1 a2 a3 a4 ");
	/* The gap takes a place: the first drop needs two. */
	run(&f, "a");
	cr_assert_str_eq(queued(&f), "a(1-2) a3 a4 a5 ");
	run(&f, "aaaaa");
	cr_assert_str_eq(queued(&f), "a(1-7) a8 a9 a10 ");
	cr_assert_eq(f.fake.stats.dropped, 7);
	cr_assert_eq(f.fake.kicks, 0);
	/* What was there is read, and all is well again. */
	fake_set_writable(&f.fake, true);
	fake_node_tick(&f.node, 1);
	run(&f, "a");
	fake_node_tick(&f.node, 1);
	cr_assert_eq(f.fake.frames, 5);
	cr_assert_eq(f.fake.stats.delivered, 4);
	cr_assert(fake_wrote(&f.fake, "{\"type\":\"gap\",\"room\":\"a\","
				      "\"from\":1,\"to\":7}"));
	fixture_release(&f);
}

Test(core, slow_half_sent_message_stays)
{
	struct fixture f;

	fixture_init(&f, SLOW_DROP_OLDEST, 4, FORMAT_WS);
	run(&f, "aaaa");
	take(&f, 0, true);
	run(&f, "aaaaa");
	cr_assert_str_eq(queued(&f), "a1 a(2-7) a8 a9 ");
	cr_assert_eq(f.t->q.offset, 1);
	/* A gap that is half sent says what it says; the next is another. */
	take(&f, 1, true);
	run(&f, "aaa");
	cr_assert_str_eq(queued(&f), "a(2-7) a(8-10) a11 a12 ");
	fixture_release(&f);

	fixture_init(&f, SLOW_LATEST, 4, FORMAT_WS);
	run(&f, "aaaa");
	take(&f, 0, true);
	run(&f, "a");
	cr_assert_str_eq(queued(&f), "a1 a(2-4) a5 ");
	fixture_release(&f);

	fixture_init(&f, SLOW_DROP_NEWEST, 1, FORMAT_WS);
	run(&f, "aa");
	take(&f, 1, true);
	run(&f, "aa");
	cr_assert_str_eq(queued(&f), "a(2-2) a(3-4) ");
	fixture_release(&f);
}

/* Its bytes are made already, though none has left: it is not changed. */
Test(core, slow_gap_that_was_encoded_is_replaced)
{
	struct fixture f;
	struct slice frame;

	fixture_init(&f, SLOW_DROP_OLDEST, 3, FORMAT_WS);
	run(&f, "aaaa");
	frame = msg_frame(outq_at(&f.t->q, 0), FORMAT_WS);
	cr_assert(memmem(frame.p, frame.n, "\"to\":2}", 7));
	run(&f, "a");
	frame = msg_frame(outq_at(&f.t->q, 0), FORMAT_WS);
	cr_assert(memmem(frame.p, frame.n, "\"to\":3}", 7));
	fixture_release(&f);
}

Test(core, slow_answers_are_never_dropped)
{
	struct fixture f;

	fixture_init(&f, SLOW_DROP_OLDEST, 5, FORMAT_WS);
	run(&f, "axaxa");
	run(&f, "a");
	cr_assert_str_eq(queued(&f), "a(1-2) x x a3 a4 ");
	run(&f, "xx");
	cr_assert_str_eq(queued(&f), "a(1-2) x x a3 a4 x x ");
	/* Answers may take the place of all events. */
	run(&f, "a");
	cr_assert_str_eq(queued(&f), "a(1-5) x x x x ");
	run(&f, "aa");
	cr_assert_str_eq(queued(&f), "a(1-7) x x x x ");
	run(&f, "b");
	cr_assert_str_eq(queued(&f), "a(1-7) x x x x b(1-1) ");
	cr_assert_eq(f.fake.stats.dropped, 8);
	cr_assert_eq(f.fake.kicks, 0);
	run(&f, "xxxxx");
	cr_assert_eq(f.fake.kicks, 1);
	cr_assert_eq(f.fake.why, KICK_SLOW);
	fixture_release(&f);
}

Test(core, slow_each_room_has_its_gap)
{
	struct fixture f;

	fixture_init(&f, SLOW_DROP_OLDEST, 6, FORMAT_WS);
	run(&f, "abcabc");
	/* Until two of one room went, each drop only became a gap. */
	run(&f, "a");
	cr_assert_str_eq(queued(&f), "a(1-2) b(1-1) c(1-1) b2 c2 a3 ");
	run(&f, "b");
	cr_assert_str_eq(queued(&f), "a(1-2) b(1-2) c(1-1) c2 a3 b3 ");
	run(&f, "c");
	cr_assert_str_eq(queued(&f), "a(1-2) b(1-2) c(1-2) a3 b3 c3 ");
	run(&f, "aab");
	cr_assert_str_eq(queued(&f), "a(1-3) b(1-3) c(1-3) a4 a5 b4 ");
	cr_assert_eq(f.fake.stats.dropped, 9);
	fixture_release(&f);
}

/* No room but for gaps: what cannot be told any more ends the link. */
Test(core, slow_gaps_of_many_rooms_are_bounded)
{
	struct fixture f;
	char name[16];

	fixture_init(&f, SLOW_DROP_OLDEST, 8, FORMAT_WS);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "r%d", i);
		cr_assert_eq(hub_join(f.s, slice_str(name)), ERR_OK);
	}
	for (int i = 0; i < 16; i++) {
		(void)snprintf(name, sizeof(name), "r%d", i);
		(void)fake_node_publish(&f.node, name, "1");
	}
	/* Eight gaps took the places of events, eight were added. */
	cr_assert_eq(f.fake.kicks, 0);
	cr_assert_eq(f.t->q.count, 16);
	(void)fake_node_publish(&f.node, "r3", "1");
	cr_assert_eq(f.fake.kicks, 0);
	cr_assert_eq(f.t->q.count, 16);
	(void)fake_node_publish(&f.node, "r16", "1");
	cr_assert_eq(f.fake.kicks, 1);
	cr_assert_eq(f.fake.why, KICK_SLOW);
	cr_assert_eq(f.t->q.count, 16);
	fixture_release(&f);
}

Test(core, slow_drop_newest_keeps_the_oldest)
{
	struct fixture f;

	fixture_init(&f, SLOW_DROP_NEWEST, 3, FORMAT_WS);
	run(&f, "abaaabxab");
	cr_assert_str_eq(queued(&f), "a1 b1 a2 a(3-5) b(2-3) x ");
	cr_assert_eq(f.fake.stats.dropped, 5);
	take(&f, 5, false);
	run(&f, "abab");
	cr_assert_str_eq(queued(&f), "x a6 b4 a(7-7) b(5-5) ");
	cr_assert_eq(f.fake.kicks, 0);
	fixture_release(&f);
}

Test(core, slow_latest_keeps_the_newest_of_each_name)
{
	struct fixture f;

	fixture_init(&f, SLOW_LATEST, 6, FORMAT_WS);
	for (int i = 0; i < 5; i++)
		publish_named(&f, "a", "price", 0);
	publish_named(&f, "a", "news", 0);
	cr_assert_eq(f.t->q.count, 6);
	publish_named(&f, "a", "price", 0);
	cr_assert_str_eq(queued(&f), "a(1-5) a6 a7 ");
	publish_named(&f, "b", "price", 0);
	publish_named(&f, "a", "price", 0);
	publish_named(&f, "b", "news", 0);
	cr_assert_str_eq(queued(&f), "a(1-5) a6 a7 b1 a8 b2 ");
	run(&f, "x");
	publish_named(&f, "a", "price", 0);
	/* a7 and a8 are one run of drops: only b1 was between them. */
	cr_assert_str_eq(queued(&f), "a(1-8) b1 b2 x a9 ");
	cr_assert_eq(f.fake.stats.dropped, 8);
	fixture_release(&f);
}

/* Another name between two of a kind: what fits is told in its place. */
Test(core, slow_latest_falls_back_to_the_oldest)
{
	struct fixture f;

	fixture_init(&f, SLOW_LATEST, 5, FORMAT_WS);
	publish_named(&f, "a", "p", 0);
	publish_named(&f, "a", "q", 0);
	publish_named(&f, "a", "p", 0);
	publish_named(&f, "a", "r", 0);
	publish_named(&f, "a", "s", 0);
	publish_named(&f, "a", "p", 0);
	cr_assert_str_eq(queued(&f), "a(1-3) a4 a5 a6 ");
	cr_assert_eq(f.fake.stats.dropped, 3);
	publish_named(&f, "a", "t", 0);
	publish_named(&f, "a", "u", 0);
	cr_assert_str_eq(queued(&f), "a(1-4) a5 a6 a7 a8 ");
	fixture_release(&f);
}

Test(core, slow_bytes_are_bounded_too)
{
	static char data[5000];
	struct fixture f;
	uint32_t one;

	fixture_init(&f, SLOW_DROP_OLDEST, 1000, FORMAT_WS);
	run(&f, "a");
	one = outq_at(&f.t->q, 0)->size;
	f.node.hub->options.queue.bytes = 4 * (uint64_t)one + 10;
	run(&f, "aaaaaa");
	cr_assert_leq(f.t->q.bytes, f.node.hub->options.queue.bytes);
	cr_assert_str_eq(queued(&f), "a(1-4) a5 a6 a7 ");
	/* A message that can never fit is dropped, not all the others. */
	memset(data, '1', sizeof(data) - 1);
	(void)fake_node_publish(&f.node, "a", data);
	cr_assert_str_eq(queued(&f), "a(1-4) a5 a6 a7 a(8-8) ");
	/* Dropping what is between two gaps joins them. */
	run(&f, "a");
	cr_assert_leq(f.t->q.bytes, f.node.hub->options.queue.bytes);
	cr_assert_str_eq(queued(&f), "a(1-6) a7 a(8-8) a9 ");
	run(&f, "a");
	cr_assert_str_eq(queued(&f), "a(1-8) a9 a10 ");
	cr_assert_eq(f.fake.stats.dropped, 8);
	fixture_release(&f);
}

Test(core, slow_volatile_drops_are_not_told)
{
	struct fixture f;

	fixture_init(&f, SLOW_DROP_OLDEST, 3, FORMAT_WS);
	publish_named(&f, "a", "e", MSG_VOLATILE);
	fake_node_tick(&f.node, 1); /* behind from here on */
	publish_named(&f, "a", "e", MSG_VOLATILE);
	run(&f, "aa");
	publish_named(&f, "a", "e", MSG_VOLATILE);
	cr_assert_str_eq(queued(&f), "a1 a3 a4 ");
	cr_assert_eq(f.fake.stats.dropped, 2);
	/* A gap may pass over them: they will not come. */
	run(&f, "a");
	cr_assert_str_eq(queued(&f), "a(1-3) a4 a6 ");
	cr_assert_eq(f.fake.stats.dropped, 4);
	fixture_release(&f);

	/* Nor does one that is too many within a tick end anything. */
	fixture_init(&f, SLOW_DISCONNECT, 3, FORMAT_WS);
	for (int i = 0; i < 5; i++)
		publish_named(&f, "a", "e", MSG_VOLATILE);
	cr_assert_eq(f.fake.kicks, 0);
	cr_assert_eq(f.fake.stats.dropped, 2);
	fixture_release(&f);
}

/* What has no number cannot be told by a gap: it is the app's private word. */
Test(core, slow_events_without_a_room_stay)
{
	struct fixture f;

	fixture_init(&f, SLOW_DROP_OLDEST, 3, FORMAT_WS);
	hub_emit(f.s, SLICE("hello"), SLICE("1"));
	run(&f, "aaaa");
	cr_assert_str_eq(queued(&f), "0 a(1-3) a4 ");
	fixture_release(&f);
}

Test(core, slow_resume_behind_live_messages_is_told_exactly)
{
	struct fixture f;
	struct slice room = SLICE("a");

	fixture_init(&f, SLOW_DROP_OLDEST, 6, FORMAT_WS);
	cr_assert_eq(hub_leave(f.s, room), ERR_OK);
	run(&f, "aaa");
	cr_assert_eq(hub_join(f.s, room), ERR_OK);
	run(&f, "a");
	cr_assert_eq(hub_resume(f.s, slice_str(f.node.hub->epoch), 1, &room, 1),
		     ERR_OK);
	cr_assert_str_eq(queued(&f), "a4 a2 a3 ");
	run(&f, "aaaa");
	/* Not 2-3 and on to 5: the 4 between them is told already. */
	cr_assert_str_eq(queued(&f), "a(4-4) a(2-3) a5 a6 a7 a8 ");
	run(&f, "aa");
	cr_assert_str_eq(queued(&f), "a(4-4) a(2-3) a(5-7) a8 a9 a10 ");
	fixture_release(&f);
}

Test(core, slow_gap_speaks_every_format)
{
	static const char *const expected[FORMAT_COUNT] = {
		[FORMAT_WS] = "\x81){\"type\":\"gap\",\"room\":\"a\","
			      "\"from\":1,\"to\":2}\x81",
		[FORMAT_SSE] = "event: gap\ndata: {\"type\":\"gap\",\"room\":"
			       "\"a\",\"from\":1,\"to\":2}\n\nid: ",
		[FORMAT_EIO_POLLING] = "42[\"gap\",{\"type\":\"gap\",\"room\":"
				       "\"a\",\"from\":1,\"to\":2}]\x1e",
		[FORMAT_EIO_WS] = "42[\"gap\",{\"type\":\"gap\",\"room\":"
				  "\"a\",\"from\":1,\"to\":2}]\x81",
	};
	struct fixture f;

	for (int i = 0; i < FORMAT_COUNT; i++) {
		if (!expected[i])
			continue;
		fixture_init(&f, SLOW_DROP_OLDEST, 3, (enum wire_format)i);
		run(&f, "aaaa");
		fake_set_writable(&f.fake, true);
		fake_node_tick(&f.node, 1);
		cr_assert(fake_wrote(&f.fake, expected[i]), "format %d: %.*s",
			  i, (int)f.fake.written.len, f.fake.written.data);
		fixture_release(&f);
	}
}

/*
 * Random lives against what must hold whatever happens: per room, what is read
 * is every number once, by a message or by a gap, in order; answers are all
 * there; gaps do not touch; the queue stays within its bounds.
 */
struct life {
	struct fixture f;
	uint64_t random;
	uint64_t next[3];    /* per room: what must be told next */
	uint64_t told;	     /* numbers that gaps told */
	unsigned sent, read; /* answers */
};

static unsigned draw(struct life *l, unsigned n)
{
	l->random = l->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(l->random >> 33) % n;
}

static void life_read_one(struct life *l)
{
	const struct msg *m = outq_at(&l->f.t->q, 0);
	bool gap = m->kind == MSG_GAP;
	int room;

	if (m->kind == MSG_TEXT) {
		l->read++;
	} else {
		room = m->room.p[0] - 'a';
		cr_assert_eq(gap ? m->first : m->seq, l->next[room]);
		l->next[room] = m->seq + 1;
		if (gap)
			l->told += m->seq - m->first + 1;
	}
	outq_drop(&l->f.t->q, 1);
}

/* One run, one gap, unless part of it is on its way already. */
static void life_check(const struct life *l)
{
	const struct outq *q = &l->f.t->q;
	bool after_gap[3] = {false};

	for (uint32_t i = q->offset ? 1 : 0; i < q->count; i++) {
		const struct msg *m = outq_at(q, i);

		if (m->kind == MSG_TEXT)
			continue;
		cr_assert_not(m->kind == MSG_GAP &&
			      after_gap[m->room.p[0] - 'a']);
		after_gap[m->room.p[0] - 'a'] = m->kind == MSG_GAP;
	}
	(void)queued(&l->f);
}

static void life_step(struct life *l)
{
	struct outq *q = &l->f.t->q;
	char letters[2] = {"aaaabbcx"[draw(l, 8)], '\0'};
	unsigned n = draw(l, 16);

	if (draw(l, 12) == 0) {
		while (n-- && q->count)
			life_read_one(l);
	} else if (draw(l, 20) == 0 && q->count && !q->offset) {
		take(&l->f, 0, true);
	} else if (letters[0] == 'x') {
		l->sent += q->count < 10;
		if (q->count < 10)
			run(&l->f, letters);
	} else {
		char name[2] = {(char)('p' + draw(l, 3)), '\0'};

		publish_named(&l->f, letters, name, 0);
	}
}

static void life_run(enum slow_policy policy, uint64_t seed, uint64_t bytes)
{
	struct life l = {.random = seed, .next = {1, 1, 1}};
	struct hub *h;

	fixture_init(&l.f, policy, 12, FORMAT_WS);
	h = l.f.node.hub;
	h->options.queue.bytes = bytes;
	for (int i = 0; i < 3000; i++) {
		life_step(&l);
		cr_assert_eq(l.f.fake.kicks, 0);
		cr_assert_leq(l.f.t->q.count,
			      policy == SLOW_DROP_NEWEST ? 24 : 12 + 3);
		cr_assert_leq(l.f.t->q.bytes, 2 * bytes);
		life_check(&l);
	}
	while (l.f.t->q.count)
		life_read_one(&l);
	for (int i = 0; i < 3; i++) {
		char room[2] = {(char)('a' + i), '\0'};

		cr_assert_eq(fake_node_publish(&l.f.node, room, "1"),
			     l.next[i]);
	}
	cr_assert_eq(l.told, l.f.fake.stats.dropped);
	cr_assert_gt(l.told, 300);
	cr_assert_eq(l.sent, l.read);
	fixture_release(&l.f);
}

Test(core, slow_whatever_happens_every_number_is_told_once)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		life_run(SLOW_DROP_OLDEST, seed, 1 << 20);
		life_run(SLOW_DROP_NEWEST, seed, 1 << 20);
		life_run(SLOW_LATEST, seed, 1 << 20);
		life_run(SLOW_DROP_OLDEST, seed, 6000);
		life_run(SLOW_DROP_NEWEST, seed, 6000);
		life_run(SLOW_LATEST, seed, 6000);
	}
}

/* Ten thousand messages for a reader of nothing cost its bound at most. */
Test(core, slow_reader_of_nothing_costs_its_bound)
{
	struct fixture f;

	for (int p = 0; p < SLOW_COUNT; p++) {
		fixture_init(&f, (enum slow_policy)p, 1024, FORMAT_WS);
		f.node.hub->options.queue.bytes = 256 * 1024;
		for (int i = 0; i < 10000; i++)
			run(&f, "a");
		cr_assert_leq(f.t->q.bytes, 256 * 1024 + 1024);
		cr_assert_leq(f.t->q.count, 1025);
		cr_assert_gt(f.fake.stats.dropped, 0);
		fixture_release(&f);
	}
}
