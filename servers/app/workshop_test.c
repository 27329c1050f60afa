/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/app/echo.h"
#include "servers/app/workshop.h"
#include "servers/core/fake_backend.h"

/* A raw client and two of Socket.IO in one namespace. */
struct fixture {
	struct fake_node node;
	struct fake raw, ana, bob;
	struct session *raw_session, *ana_session, *bob_session;
	struct fake_reply reply;
};

static struct session *enter(struct fixture *f, struct fake *peer,
			     enum wire_format format, const char *auth)
{
	struct connect_info info = {.nsp = SLICE("/"),
				    .auth = slice_str(auth),
				    .address = SLICE("10.0.0.1"),
				    .objects = format == FORMAT_WS};
	struct refusal why;
	struct session *s;

	fake_init(peer, f->node.hub, format);
	cr_assert_eq(
		hub_connect(f->node.hub, &info, &peer->transport, &why, &s),
		ERR_OK);
	return s;
}

static void setup(struct fixture *f)
{
	fake_node_init(&f->node, NULL, &app_workshop);
	f->raw_session = enter(f, &f->raw, FORMAT_WS, "");
	f->ana_session =
		enter(f, &f->ana, FORMAT_EIO_POLLING, "{\"userId\":\"ana\"}");
	f->bob_session = enter(f, &f->bob, FORMAT_EIO_POLLING, "");
}

static void teardown(struct fixture *f)
{
	hub_disconnect(f->ana_session, "end");
	hub_disconnect(f->bob_session, "end");
	hub_disconnect(f->raw_session, "end");
	fake_release(&f->raw);
	fake_release(&f->ana);
	fake_release(&f->bob);
	fake_node_release(&f->node);
}

static void emit(struct fixture *f, struct session *s, const char *name,
		 const char *args)
{
	struct app_event e = {.name = slice_str(name),
			      .args = slice_str(args),
			      .object = s == f->raw_session};

	fake_clear(&f->raw);
	fake_clear(&f->ana);
	fake_clear(&f->bob);
	fake_reply_init(&f->reply);
	app_workshop.on_event(f->node.hub, s, &e, &f->reply.reply);
	cr_assert_eq(f->reply.answers, 1, "%s", name);
	fake_node_tick(&f->node, 1);
}

Test(workshop, an_object_goes_to_all_others_with_from)
{
	struct fixture f;

	setup(&f);
	emit(&f, f.raw_session, "chat",
	     "{\"type\":\"chat\",\"from\":\"me\",\"n\":1.0}");
	cr_assert_eq(f.reply.body[0], '\0', "it is not answered");
	cr_assert_eq(f.raw.frames, 0);
	cr_assert(fake_wrote(&f.bob, "42[\"chat\",{\"type\":\"chat\",\"n\":1.0,"
				     "\"from\":\"10.0.0.1\"}]"));
	emit(&f, f.raw_session, "", "{}");
	cr_assert(
		fake_wrote(&f.bob, "42[\"message\",{\"from\":\"10.0.0.1\"}]"));
	/* A name that Socket.IO keeps for itself cannot be an event's. */
	emit(&f, f.raw_session, "connect", "{\"type\":\"connect\"}");
	cr_assert(fake_wrote(&f.bob, "42[\"message\",{\"type\":\"connect\","));
	teardown(&f);
}

Test(workshop, rooms_and_notifications)
{
	struct fixture f;

	setup(&f);
	emit(&f, f.bob_session, "joinRoom", "\"r\"");
	cr_assert(fake_wrote(&f.bob, "42[\"notification\",{\"text\":"
				     "\"You joined room: r\"}]"));
	cr_assert_eq(f.bob.frames, 1);
	emit(&f, f.ana_session, "joinRoom", "\"r\"");
	cr_assert(fake_wrote(&f.bob, "42[\"userJoined\",{\"userId\":\"ana\","
				     "\"room\":\"r\"}]"));
	emit(&f, f.ana_session, "sendMessage",
	     "{\"room\":\"r\",\"text\":\"oi\"}");
	cr_assert(fake_wrote(&f.ana, "42[\"message\",{\"text\":\"oi\",\"from\":"
				     "\"ana\",\"room\":\"r\"}]"));
	cr_assert(fake_wrote(&f.bob, "\"text\":\"oi\""));
	emit(&f, f.ana_session, "leaveRoom", "\"r\"");
	cr_assert_eq(f.ana.frames, 0);
	cr_assert(fake_wrote(&f.bob, "42[\"userLeft\",{\"userId\":\"ana\","));
	emit(&f, f.ana_session, "broadcast",
	     "{\"room\":\"r\",\"message\":[1]}");
	cr_assert(fake_wrote(&f.bob, "42[\"message\",[1]]"));
	teardown(&f);
}

Test(workshop, orders_are_acked_and_told_to_the_others)
{
	struct fixture f;

	setup(&f);
	emit(&f, f.ana_session, "createOrder", "{\"total\":45.90}");
	cr_assert(strstr(f.reply.body, "\"status\":\"created\"}"));
	cr_assert(strstr(f.reply.body, "{\"orderId\":\"order_"));
	cr_assert_eq(f.ana.frames, 0);
	cr_assert(fake_wrote(&f.bob, "42[\"newOrder\",{\"id\":\"order_"));
	cr_assert(fake_wrote(&f.bob, ",\"total\":45.90}]"));
	cr_assert(fake_wrote(&f.raw, "\"event\":\"newOrder\",\"data\":{"));
	teardown(&f);
}

Test(workshop, wrong_arguments_are_answered)
{
	struct fixture f;

	setup(&f);
	emit(&f, f.ana_session, "joinRoom", "");
	cr_assert_eq(f.reply.status, ERR_USAGE);
	emit(&f, f.ana_session, "joinRoom", "5");
	cr_assert_eq(f.reply.status, ERR_USAGE);
	emit(&f, f.ana_session, "sendMessage", "\"r\"");
	cr_assert_eq(f.reply.status, ERR_USAGE);
	emit(&f, f.ana_session, "dance", "");
	cr_assert_eq(f.reply.status, ERR_PROTO);
	cr_assert_eq(f.node.hub->published, 0);
	teardown(&f);
}

Test(workshop, a_raw_client_that_leaves_is_told_of)
{
	struct fixture f;
	struct fake second;
	struct session *s;

	setup(&f);
	s = enter(&f, &second, FORMAT_WS, "");
	hub_disconnect(s, "gone");
	fake_node_tick(&f.node, 1);
	cr_assert(fake_wrote(&f.raw, "{\"type\":\"system\",\"payload\":"
				     "\"10.0.0.1 left\"}"));
	fake_release(&second);
	teardown(&f);
}

Test(echo, messages_come_back_as_they_were)
{
	struct connect_info info = {.nsp = SLICE("/"), .objects = true};
	struct refusal why;
	struct fake_node n;
	struct fake peer;
	struct session *s;

	fake_node_init(&n, NULL, &app_echo);
	fake_init(&peer, n.hub, FORMAT_WS);
	cr_assert_eq(hub_connect(n.hub, &info, &peer.transport, &why, &s),
		     ERR_OK);
	app_echo.on_message(n.hub, s, SLICE("hi"), false);
	app_echo.on_message(n.hub, s, SLICE("\x01\x02"), true);
	fake_node_tick(&n, 1);
	cr_assert_eq(peer.written.len, 8);
	cr_assert_eq(memcmp(peer.written.data, "\x81\x02hi\x82\x02\x01\x02", 8),
		     0);
	hub_disconnect(s, "end");
	fake_release(&peer);
	fake_node_release(&n);
}

Test(echo, socketio_events_come_back)
{
	struct slice bytes = SLICE("\x01\x02");
	struct app_event e = {.name = SLICE("message"),
			      .args = SLICE("1,{\"_placeholder\":true,"
					    "\"num\":0}"),
			      .attachments = &bytes,
			      .attachment_count = 1};
	struct fake_reply reply;
	struct fake_node n;
	struct fake peer;
	struct session *s;

	fake_node_init(&n, NULL, &app_echo);
	fake_init(&peer, n.hub, FORMAT_EIO_POLLING);
	s = fake_connect(&peer, "/");
	fake_reply_init(&reply);
	app_echo.on_event(n.hub, s, &e, &reply.reply);
	cr_assert_eq(reply.answers, 1);
	cr_assert_str_eq(reply.body, "");
	e.name = SLICE("message-with-ack");
	app_echo.on_event(n.hub, s, &e, &reply.reply);
	cr_assert_str_eq(reply.body, "1,{\"_placeholder\":true,\"num\":0}");
	cr_assert(reply.reply.args);
	cr_assert_eq(reply.reply.attachment_count, 1);
	e = (struct app_event){.name = SLICE("message")};
	app_echo.on_event(n.hub, s, &e, &reply.reply);
	fake_node_tick(&n, 1);
	cr_assert(fake_wrote(&peer, "42[\"auth\",{}]\x1e"
				    "451-[\"message-back\",1,"
				    "{\"_placeholder\":true,\"num\":0}]\x1e"
				    "bAQI=\x1e"
				    "42[\"message-back\"]"));
	hub_disconnect(s, "end");
	fake_release(&peer);
	fake_node_release(&n);
}
