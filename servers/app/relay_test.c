/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/app/relay.h"
#include "servers/core/fake_backend.h"

struct fixture {
	struct fake_node node;
	struct fake peer;
	struct session *session;
	struct fake_reply reply;
};

static void setup(struct fixture *f)
{
	fake_node_init(&f->node, NULL, &app_relay);
	fake_init(&f->peer, f->node.hub, FORMAT_EIO_POLLING);
	f->session = fake_connect(&f->peer, "/");
}

static void teardown(struct fixture *f)
{
	hub_disconnect(f->session, "end");
	fake_release(&f->peer);
	fake_node_release(&f->node);
}

/* Emits an event with `args`; returns the answer's text. */
static const char *emit(struct fixture *f, const char *name, const char *args,
			enum err expected)
{
	struct app_event e = {.name = slice_str(name), .args = slice_str(args)};

	fake_reply_init(&f->reply);
	app_relay.on_event(f->node.hub, f->session, &e, &f->reply.reply);
	cr_assert_eq(f->reply.answers, 1, "one answer to %s(%s)", name, args);
	cr_assert_eq(f->reply.status, expected, "%s(%s): %s", name, args,
		     f->reply.body);
	return f->reply.body;
}

Test(relay, join_publish_leave)
{
	struct fixture f;

	setup(&f);
	cr_assert_str_eq(emit(&f, "join", "\"r\\u00e9\"", ERR_OK),
			 "{\"room\":\"r\xc3\xa9\"}");
	cr_assert_str_eq(emit(&f, "publish",
			      "\"r\xc3\xa9\" , \"e\", {\"b\":1,\"a\":1e0}",
			      ERR_OK),
			 "{\"seq\":1}");
	fake_node_tick(&f.node, 1);
	cr_assert(
		fake_wrote(&f.peer, "42[\"e\",{\"b\":1,\"a\":1e0},{\"room\":"));
	emit(&f, "leave", "\"r\xc3\xa9\"", ERR_OK);
	cr_assert_eq(f.session->room_count, 0);
	teardown(&f);
}

Test(relay, options_of_publish)
{
	struct fixture f;

	setup(&f);
	emit(&f, "join", "\"r\"", ERR_OK);
	emit(&f, "publish", "\"r\",\"e\",1,{\"self\":false}", ERR_OK);
	fake_node_tick(&f.node, 1);
	cr_assert_eq(f.peer.frames, 0);
	emit(&f, "publish", "\"r\",\"e\",2,{\"self\":true}", ERR_OK);
	fake_node_tick(&f.node, 1);
	cr_assert_eq(f.peer.frames, 1);
	teardown(&f);
}

Test(relay, data_may_be_absent)
{
	struct fixture f;

	setup(&f);
	emit(&f, "join", "\"r\"", ERR_OK);
	cr_assert_str_eq(emit(&f, "publish", "\"r\",\"e\"", ERR_OK),
			 "{\"seq\":1}");
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.peer, "[\"e\",null,"));
	teardown(&f);
}

Test(relay, wrong_arguments_are_answered)
{
	struct fixture f;

	setup(&f);
	emit(&f, "join", "", ERR_PROTO);
	emit(&f, "join", "1", ERR_PROTO);
	emit(&f, "join", "\"\"", ERR_USAGE);
	emit(&f, "join", "\"a\\u0000b\"", ERR_USAGE);
	emit(&f, "publish", "\"r\"", ERR_PROTO);
	emit(&f, "publish", "\"r\",5,1", ERR_PROTO);
	emit(&f, "publish", "\"r\",\"connect\",1", ERR_USAGE);
	emit(&f, "dance", "", ERR_PROTO);
	cr_assert_eq(f.node.hub->published, 0);
	teardown(&f);
}

Test(relay, a_binary_argument_is_published_as_bytes)
{
	struct fixture f;
	struct slice bytes = SLICE("\x01\x02");
	struct app_event e = {.name = SLICE("publish"),
			      .args = SLICE("\"r\",\"e\",{\"_placeholder\":"
					    "true,\"num\":0}"),
			      .attachments = &bytes,
			      .attachment_count = 1};

	setup(&f);
	emit(&f, "join", "\"r\"", ERR_OK);
	fake_reply_init(&f.reply);
	app_relay.on_event(f.node.hub, f.session, &e, &f.reply.reply);
	cr_assert_eq(f.reply.status, ERR_OK);
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.peer, "451-[\"e\",{\"_placeholder\":true,"));
	cr_assert(fake_wrote(&f.peer, "\x1e"
				      "bAQI="));
	teardown(&f);
}

Test(relay, bytes_among_other_data)
{
	struct slice bytes[] = {SLICE("\x01\x02"), SLICE("\xff")};
	struct app_event e = {.name = SLICE("publish"),
			      .args = SLICE("\"r\",\"e\",[{\"_placeholder\":"
					    "true,\"num\":1},1.0]"),
			      .attachments = bytes,
			      .attachment_count = 2};
	struct fixture f;
	struct fake raw;
	struct session *s;

	setup(&f);
	fake_init(&raw, f.node.hub, FORMAT_WS);
	s = fake_connect(&raw, "/");
	cr_assert_eq(hub_join(s, SLICE("r")), ERR_OK);
	emit(&f, "join", "\"r\"", ERR_OK);
	fake_reply_init(&f.reply);
	app_relay.on_event(f.node.hub, f.session, &e, &f.reply.reply);
	cr_assert_eq(f.reply.status, ERR_OK);
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.peer, "452-[\"e\",[{\"_placeholder\":true,"
				      "\"num\":1},1.0],"));
	cr_assert(fake_wrote(&f.peer, "\x1e"
				      "bAQI=\x1e"
				      "b/w=="));
	cr_assert(fake_wrote(&raw, "\"data\":[{\"base64\":\"/w==\"},1.0]"));
	hub_disconnect(s, "end");
	fake_release(&raw);
	teardown(&f);
}

Test(relay, a_session_that_is_to_end)
{
	struct fixture f;

	setup(&f);
	cr_assert_str_eq(emit(&f, "bye", "", ERR_OK), "null");
	cr_assert_eq(f.peer.kicks, 1);
	cr_assert_eq(f.peer.why, KICK_REFUSED);
	teardown(&f);
}

Test(relay, asking_the_room)
{
	struct fixture f;

	setup(&f);
	emit(&f, "join", "\"r\"", ERR_OK);
	cr_assert_str_eq(emit(&f, "publish",
			      "\"r\",\"e\",1,{\"self\":false,"
			      "\"ackTimeout\":50}",
			      ERR_OK),
			 "{\"seq\":1,\"acks\":[],\"missing\":0}");
	emit(&f, "publish", "\"r\",\"e\",1,{\"ackTimeout\":null}", ERR_OK);
	emit(&f, "publish", "\"r\",\"e\",1,{\"ackTimeout\":-1}", ERR_PROTO);
	emit(&f, "publish", "\"r\",\"e\",1,{\"ackTimeout\":3600001}",
	     ERR_USAGE);
	teardown(&f);
}

Test(relay, private_wants_auth)
{
	struct fake_node n;
	struct refusal why = {0};
	struct connect_info info = {.nsp = SLICE("/private")};

	fake_node_init(&n, NULL, &app_relay);
	cr_assert_eq(hub_admit(n.hub, &info, &why), ERR_REFUSED);
	cr_assert_str_eq(why.message, "unauthorized");
	cr_assert_str_eq(why.data, "{\"code\":401}");
	info.auth = SLICE("{\"token\":1}");
	cr_assert_eq(hub_admit(n.hub, &info, &why), ERR_OK);
	fake_node_release(&n);
}
