/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/core/ask.h"
#include "servers/core/command.h"
#include "servers/core/fake_backend.h"

#define MEMBERS 3

struct fixture {
	struct fake_node node;
	struct fake peers[MEMBERS + 1];
	struct session *asker, *members[MEMBERS];
	struct fake_reply reply;
};

/* The asker is no member; its transport is the last. */
static void setup(struct fixture *f, const struct hub_options *options)
{
	fake_node_init(&f->node, options, NULL);
	for (int i = 0; i <= MEMBERS; i++)
		fake_init(&f->peers[i], f->node.hub,
			  i == 0 ? FORMAT_EIO_POLLING : FORMAT_WS);
	for (int i = 0; i < MEMBERS; i++) {
		f->members[i] = fake_connect(&f->peers[i], "/");
		cr_assert_eq(hub_join(f->members[i], SLICE("r")), ERR_OK);
	}
	f->asker = fake_connect(&f->peers[MEMBERS], "/");
	fake_reply_init(&f->reply);
}

static void end_session(struct session **s)
{
	if (*s)
		hub_disconnect(*s, "end");
	*s = NULL;
}

static void teardown(struct fixture *f)
{
	for (int i = 0; i < MEMBERS; i++)
		end_session(&f->members[i]);
	end_session(&f->asker);
	for (int i = 0; i <= MEMBERS; i++)
		fake_release(&f->peers[i]);
	fake_node_release(&f->node);
}

static void ask_as(struct fixture *f, struct session *s, uint64_t timeout_ms,
		   bool exclude_self)
{
	struct command c = {.type = COMMAND_PUBLISH,
			    .room = SLICE("r"),
			    .event = SLICE("e"),
			    .data = SLICE("1"),
			    .exclude_self = exclude_self,
			    .asks = true,
			    .ack_timeout_ms = timeout_ms};

	fake_reply_init(&f->reply);
	command_run(s, &c, &f->reply.reply);
}

static uint64_t asked(const struct fixture *f)
{
	return f->node.hub->asks.last_id;
}

static bool answer(struct fixture *f, int member, const char *value)
{
	return ask_answer(f->members[member], asked(f), slice_str(value));
}

static void expect_answer(const struct fixture *f, const char *body)
{
	cr_assert_eq(f->reply.answers, 1);
	cr_assert_eq(f->reply.status, ERR_OK);
	cr_assert_str_eq(f->reply.body, body);
	cr_assert_eq(f->node.hub->asks.awaited, 0);
	cr_assert_eq(f->node.hub->asks.pending.count, 0);
}

Test(ask, all_answers_are_collected)
{
	struct fixture f;

	setup(&f, NULL);
	ask_as(&f, f.asker, 1000, false);
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.peers[0], "421[\"e\",1,{"));
	cr_assert(fake_wrote(&f.peers[1], "\"position\":1,\"ack\":1}"));
	cr_assert_eq(f.reply.answers, 0);
	cr_assert_eq(f.reply.deferred, 1);
	cr_assert(answer(&f, 2, "1.0"));
	cr_assert(answer(&f, 2, "\"twice\""));
	cr_assert(answer(&f, 0, "{\"b\":1,\"a\":2}"));
	cr_assert(ask_answer(f.asker, asked(&f), SLICE("\"not asked\"")));
	cr_assert_eq(f.reply.answers, 0);
	cr_assert(answer(&f, 1, "null"));
	expect_answer(&f, "{\"seq\":1,\"acks\":[1.0,{\"b\":1,\"a\":2},null],"
			  "\"missing\":0}");
	cr_assert(answer(&f, 1, "\"late\""));
	cr_assert_not(
		ask_answer(f.members[0], asked(&f) + 1, SLICE("\"never\"")));
	cr_assert_not(ask_answer(f.members[0], 0, SLICE("1")));
	teardown(&f);
}

Test(ask, the_time_is_over)
{
	struct fixture f;

	setup(&f, NULL);
	ask_as(&f, f.asker, 100, false);
	cr_assert(answer(&f, 1, "7"));
	fake_node_tick(&f.node, 99);
	cr_assert_eq(f.reply.answers, 0);
	fake_node_tick(&f.node, 2);
	expect_answer(&f, "{\"seq\":1,\"acks\":[7],\"missing\":2}");
	teardown(&f);
}

Test(ask, a_member_that_leaves_is_missing)
{
	struct fixture f;

	setup(&f, NULL);
	ask_as(&f, f.members[0], 1000, false);
	cr_assert(answer(&f, 0, "0"));
	cr_assert(answer(&f, 1, "1"));
	end_session(&f.members[2]);
	expect_answer(&f, "{\"seq\":1,\"acks\":[0,1],\"missing\":1}");
	teardown(&f);
}

Test(ask, the_publisher_leaves)
{
	struct fixture f;

	setup(&f, NULL);
	ask_as(&f, f.members[0], 1000, false);
	end_session(&f.members[0]);
	cr_assert_eq(f.reply.answers, 1);
	cr_assert_eq(f.reply.status, ERR_CLOSED);
	cr_assert(answer(&f, 1, "1"));
	cr_assert_eq(f.node.hub->asks.pending.count, 0);
	cr_assert_eq(f.node.hub->asks.awaited, 0);
	fake_node_tick(&f.node, 2000);
	cr_assert_eq(f.reply.answers, 1);
	teardown(&f);
}

Test(ask, nobody_is_there)
{
	struct fixture f;

	setup(&f, NULL);
	end_session(&f.members[1]);
	end_session(&f.members[2]);
	ask_as(&f, f.members[0], 1000, true);
	expect_answer(&f, "{\"seq\":1,\"acks\":[],\"missing\":0}");
	cr_assert_eq(f.reply.deferred, 0);
	teardown(&f);
}

Test(ask, who_is_about_to_go_is_missing)
{
	struct fixture f;

	setup(&f, NULL);
	transport_kick(&f.peers[0].transport, KICK_TIMEOUT);
	transport_kick(&f.peers[1].transport, KICK_TIMEOUT);
	transport_kick(&f.peers[2].transport, KICK_TIMEOUT);
	ask_as(&f, f.asker, 1000, false);
	expect_answer(&f, "{\"seq\":1,\"acks\":[],\"missing\":3}");
	teardown(&f);
}

Test(ask, bounds)
{
	struct fixture f;

	setup(&f, NULL);
	ask_as(&f, f.asker, ASK_TIMEOUT_MAX_MS + 1, false);
	cr_assert_eq(f.reply.status, ERR_USAGE);
	for (int i = 0; i < ASK_PER_SESSION_MAX; i++) {
		ask_as(&f, f.asker, 1000, false);
		cr_assert_eq(f.reply.answers, 0);
	}
	ask_as(&f, f.asker, 1000, false);
	cr_assert_eq(f.reply.status, ERR_LIMIT);
	cr_assert_eq(f.node.hub->published, ASK_PER_SESSION_MAX);
	teardown(&f);
}

Test(ask, answers_beyond_the_bound_are_missing)
{
	struct hub_options o = hub_defaults;
	struct fixture f;

	o.queue.bytes = 40;
	setup(&f, &o);
	ask_as(&f, f.asker, 1000, false);
	cr_assert(answer(&f, 0, "\"0123456789\""));
	cr_assert(answer(&f, 1, "2"));
	cr_assert(answer(&f, 2, "\"0123456789\""));
	expect_answer(&f, "{\"seq\":1,\"acks\":[2],\"missing\":2}");
	teardown(&f);
}
