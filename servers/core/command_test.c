/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/core/command.h"
#include "servers/core/fake_backend.h"
#include "servers/core/hub.h"

#define BAD_ROOM "room name must be 1 to 255 bytes without control characters"
#define BAD_EVENT "event name must be 1 to 255 bytes without control characters"

struct fixture {
	struct fake_node node;
	struct fake fake;
	struct session *s;
	struct fake_reply r;
};

static void fixture_init(struct fixture *f, const struct hub_options *o)
{
	fake_node_init(&f->node, o, NULL);
	fake_init(&f->fake, f->node.hub, FORMAT_WS);
	f->s = fake_connect(&f->fake, "/");
}

static void fixture_release(struct fixture *f)
{
	hub_disconnect(f->s, "end");
	fake_release(&f->fake);
	fake_node_release(&f->node);
}

static void expect(struct fixture *f, const struct command *c, enum err status,
		   const char *body)
{
	fake_reply_init(&f->r);
	command_run(f->s, c, &f->r.reply);
	cr_assert_eq(f->r.answers, 1);
	cr_assert_eq(f->r.status, status, "%s", f->r.body);
	cr_assert_str_eq(f->r.body, body);
}

Test(core, join_and_leave_answer_the_room)
{
	struct fixture f;
	struct command c = {.type = COMMAND_JOIN, .room = SLICE("a\"b")};

	fixture_init(&f, NULL);
	expect(&f, &c, ERR_OK, "{\"room\":\"a\\\"b\"}");
	cr_assert_eq(f.s->room_count, 1);
	expect(&f, &c, ERR_OK, "{\"room\":\"a\\\"b\"}");
	cr_assert_eq(f.s->room_count, 1);
	c.type = COMMAND_LEAVE;
	expect(&f, &c, ERR_OK, "{\"room\":\"a\\\"b\"}");
	cr_assert_eq(f.s->room_count, 0);
	c.room = SLICE("");
	expect(&f, &c, ERR_USAGE, BAD_ROOM);
	c.type = COMMAND_JOIN;
	expect(&f, &c, ERR_USAGE, BAD_ROOM);
	fixture_release(&f);
}

Test(core, limits_on_rooms_are_worded)
{
	struct hub_options o = hub_defaults;
	struct fixture f;
	struct command c = {.type = COMMAND_JOIN, .room = SLICE("a")};

	o.max_rooms_per_session = 2;
	o.max_rooms = 1;
	fixture_init(&f, &o);
	expect(&f, &c, ERR_OK, "{\"room\":\"a\"}");
	c.room = SLICE("b");
	expect(&f, &c, ERR_LIMIT, "rooms: limit of 1 reached");
	f.node.hub->options.max_rooms = 9;
	expect(&f, &c, ERR_OK, "{\"room\":\"b\"}");
	c.room = SLICE("c");
	expect(&f, &c, ERR_LIMIT, "rooms per session: limit of 2 reached");
	f.node.hub->options.max_rooms = 2;
	c.type = COMMAND_PUBLISH;
	expect(&f, &c, ERR_LIMIT, "rooms: limit of 2 reached");
	fixture_release(&f);
}

Test(core, publish_answers_the_number)
{
	struct fixture f;
	struct command c = {.type = COMMAND_PUBLISH,
			    .room = SLICE("r"),
			    .data = SLICE("[1.0]")};

	fixture_init(&f, NULL);
	expect(&f, &c, ERR_OK, "{\"seq\":1}");
	cr_assert_eq(hub_join(f.s, SLICE("r")), ERR_OK);
	expect(&f, &c, ERR_OK, "{\"seq\":2}");
	hub_flush(f.node.hub);
	cr_assert_eq(f.fake.frames, 1);
	cr_assert(fake_wrote(&f.fake, "\"event\":\"message\",\"data\":[1.0]"));
	cr_assert(fake_wrote(&f.fake, f.s->id));
	/* Without oneself, without data, and as bytes. */
	c.exclude_self = true;
	expect(&f, &c, ERR_OK, "{\"seq\":3}");
	hub_flush(f.node.hub);
	cr_assert_eq(f.fake.frames, 1);
	c = (struct command){.type = COMMAND_PUBLISH, .room = SLICE("r")};
	c.event = SLICE("e");
	expect(&f, &c, ERR_OK, "{\"seq\":4}");
	hub_flush(f.node.hub);
	cr_assert(fake_wrote(&f.fake, "\"event\":\"e\",\"data\":null"));
	fake_clear(&f.fake);
	c.binary = true;
	c.data = SLICE("\x01\x02");
	expect(&f, &c, ERR_OK, "{\"seq\":5}");
	hub_flush(f.node.hub);
	cr_assert(slice_is(buf_slice(&f.fake.written), "\x82\x02\x01\x02"));
	fixture_release(&f);
}

Test(core, volatile_publication_may_be_dropped)
{
	struct fixture f;
	struct command c = {.type = COMMAND_PUBLISH, .room = SLICE("r")};

	fixture_init(&f, NULL);
	cr_assert_eq(hub_join(f.s, SLICE("r")), ERR_OK);
	fake_set_writable(&f.fake, false);
	expect(&f, &c, ERR_OK, "{\"seq\":1}");
	hub_flush(f.node.hub);
	c.is_volatile = true;
	expect(&f, &c, ERR_OK, "{\"seq\":2}");
	cr_assert_eq(f.fake.stats.dropped, 1);
	cr_assert_eq(f.fake.transport.q.count, 1);
	fixture_release(&f);
}

Test(core, bad_names_of_publications_are_worded)
{
	struct fixture f;
	struct command c = {.type = COMMAND_PUBLISH, .room = SLICE("\x01")};

	fixture_init(&f, NULL);
	expect(&f, &c, ERR_USAGE, BAD_ROOM);
	c.room = SLICE("r");
	c.event = SLICE("a\nb");
	expect(&f, &c, ERR_USAGE, BAD_EVENT);
	c.event = SLICE("disconnect");
	expect(&f, &c, ERR_USAGE, "event name \"disconnect\" is reserved");
	cr_assert_eq(f.node.hub->published, 0);
	fixture_release(&f);
}

Test(core, resume_answers_after_the_replay)
{
	struct hub_options o = hub_defaults;
	struct fixture f;
	struct slice room = SLICE("r"), bad = SLICE("");
	struct command c = {
		.type = COMMAND_RESUME, .rooms = &room, .room_count = 1};

	o.queue.messages = 3;
	fixture_init(&f, &o);
	c.epoch = slice_str(f.node.hub->epoch);
	for (int i = 0; i < 4; i++)
		(void)fake_node_publish(&f.node, "r", "1");
	expect(&f, &c, ERR_LIMIT,
	       "too many rooms, or more missed messages than fit the queue: "
	       "join to start anew");
	cr_assert_eq(f.s->room_count, 0);
	c.position = 2;
	expect(&f, &c, ERR_OK, "{\"resumed\":true}");
	cr_assert_eq(f.fake.transport.q.count, 2);
	c.rooms = &bad;
	expect(&f, &c, ERR_USAGE, BAD_ROOM);
	fixture_release(&f);
}
