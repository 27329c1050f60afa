/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/wire/http1.h"
#include "servers/wire/ws_handshake.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static const struct ws_policy plain;
static const struct ws_policy rich = {.subprotocol = "chat.v1",
				      .deflate = true};

static struct ws_offer offer(void)
{
	return (struct ws_offer){.get = true,
				 .minor = 1,
				 .upgrade = SLICE("websocket"),
				 .connection = SLICE("Upgrade"),
				 .key = SLICE(KEY),
				 .version = SLICE("13")};
}

static void expect(const struct ws_offer *o, unsigned status, const char *why)
{
	struct ws_verdict v;

	ws_handshake_decide(o, &plain, &v);
	cr_assert_eq(v.status, status, "%u", v.status);
	if (why)
		cr_assert(v.why && strstr(v.why, why), "%s", v.why);
	else
		cr_assert_null(v.why);
	cr_assert_str_eq(v.accept, status == 101 ? ACCEPT : "");
	cr_assert_str_eq(v.subprotocol, "");
	cr_assert_not(v.deflate.on);
}

Test(ws_handshake, accepts)
{
	struct ws_offer o = offer();

	expect(&o, 101, NULL);
	o.upgrade = SLICE("h2c, WebSocket");
	o.connection = SLICE("keep-alive, upgrade");
	o.key = SLICE(" " KEY "\t");
	o.version = SLICE("13 ");
	expect(&o, 101, NULL);
}

Test(ws_handshake, says_what_is_wrong)
{
	struct ws_offer o = offer();

	o.get = false;
	expect(&o, 400, "GET");
	o = offer();
	o.minor = 0;
	expect(&o, 400, "HTTP/1.1");
	o = offer();
	o.upgrade = SLICE("websockets");
	expect(&o, 400, "Upgrade header");
	o.upgrade = (struct slice){0};
	expect(&o, 400, "Upgrade header");
	o = offer();
	o.connection = SLICE("keep-alive");
	expect(&o, 400, "Connection header");
}

Test(ws_handshake, keys)
{
	static const char *const wrong[] = {
		"",
		"c2hvcnQ=",
		"dGhlIHNhbXBsZSBub25jZSE=", /* 17 bytes */
		"dGhlIHNhbXBsZSBub25j*Q==",
		KEY ", " KEY, /* it may come once only */
	};
	struct ws_offer o = offer();

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		o.key = slice_str(wrong[i]);
		expect(&o, 400, "Sec-WebSocket-Key");
	}
}

Test(ws_handshake, versions)
{
	static const char *const wrong[] = {"",	 "8", "013",	"14",
					    "1", "x", "13, 13", "13, 8"};
	struct ws_offer o = offer();

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		o.version = slice_str(wrong[i]);
		expect(&o, 426, "13");
	}
	/* What is wrong besides comes first: no other version would help. */
	o.key = (struct slice){0};
	expect(&o, 400, "Sec-WebSocket-Key");
}

static void expect_chosen(const struct ws_policy *p, const char *list,
			  unsigned status, const char *name)
{
	struct ws_offer o = offer();
	struct ws_verdict v;

	o.protocols = slice_str(list);
	ws_handshake_decide(&o, p, &v);
	cr_assert_eq(v.status, status, "%s: %u", list, v.status);
	cr_assert_str_eq(v.subprotocol, name, "%s", list);
}

Test(ws_handshake, subprotocols)
{
	expect_chosen(&rich, "", 101, "");
	expect_chosen(&rich, "chat", 101, "");
	expect_chosen(&rich, "chat.v1", 101, "chat.v1");
	expect_chosen(&rich, "a, chat.v1 ,b", 101, "chat.v1");
	expect_chosen(&rich, "a,, chat.v1,", 101, "chat.v1");
	/* A browser that asked for another case would refuse ours. */
	expect_chosen(&rich, "Chat.V1", 101, "");
	expect_chosen(&rich, "a b", 400, "");
	expect_chosen(&rich, "chat.v1, \"x\"", 400, "");
}

Test(ws_handshake, any_subprotocol)
{
	char name[WS_SUBPROTOCOL_MAX + 2];

	expect_chosen(&plain, "", 101, "");
	expect_chosen(&plain, " ,, b , a", 101, "b");
	expect_chosen(&plain, "b, a c", 400, "");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	expect_chosen(&plain, name, 101, "");
	expect_chosen(&plain, name + 1, 101, name + 1);
}

Test(ws_handshake, deflate)
{
	struct ws_offer o = offer();
	struct ws_verdict v;
	char list[WS_EXTENSIONS_MAX + 64];

	o.extensions = SLICE("foo, permessage-deflate");
	ws_handshake_decide(&o, &rich, &v);
	cr_assert(v.deflate.on);
	cr_assert_str_eq(v.extensions,
			 "permessage-deflate; server_no_context_takeover; "
			 "client_no_context_takeover");
	ws_handshake_decide(&o, &plain, &v);
	cr_assert_not(v.deflate.on);
	cr_assert_str_eq(v.extensions, "");
	/* An offer that is illegal is declined; so is a list without end. */
	o.extensions = SLICE("permessage-deflate; server_max_window_bits=8");
	ws_handshake_decide(&o, &rich, &v);
	cr_assert_eq(v.status, 101);
	cr_assert_not(v.deflate.on);
	memset(list, ' ', sizeof(list));
	memcpy(list, "permessage-deflate", 18);
	o.extensions = slice_of(list, sizeof(list));
	ws_handshake_decide(&o, &rich, &v);
	cr_assert_eq(v.status, 101);
	cr_assert_not(v.deflate.on);
}

/* The client's side */

static struct ws_answer answer(void)
{
	return (struct ws_answer){.status = 101,
				  .upgrade = SLICE("WebSocket"),
				  .connection = SLICE("upgrade"),
				  .accept = SLICE(ACCEPT)};
}

static void expect_fault(const struct ws_answer *a, const char *fault)
{
	static const struct deflate_offer offered;
	const struct ws_wish w = {
		.key = KEY, .subprotocol = "chat.v1", .deflate = &offered};
	struct deflate_terms terms;
	const char *said = ws_answer_fault(a, &w, &terms);

	if (fault) {
		cr_assert(said && strstr(said, fault), "%s", said);
		cr_assert_not(terms.on);
	} else {
		cr_assert_null(said, "%s", said);
		cr_assert_eq(terms.on, a->extensions.n > 0);
	}
}

Test(ws_handshake, answers)
{
	struct ws_answer a = answer();

	expect_fault(&a, NULL);
	a.protocol = SLICE("chat.v1");
	a.extensions = SLICE("permessage-deflate");
	expect_fault(&a, NULL);
	a.status = 200;
	expect_fault(&a, "switch");
	a = answer();
	a.upgrade = SLICE("h2c");
	expect_fault(&a, "Upgrade header");
	a = answer();
	a.connection = (struct slice){0};
	expect_fault(&a, "Connection header");
	a = answer();
	a.accept = SLICE("s3pPLMBiTxaQ9kYGzzhZRbK+xOp=");
	expect_fault(&a, "Accept");
	a = answer();
	a.protocol = SLICE("Chat.v1");
	expect_fault(&a, "subprotocol");
	a = answer();
	a.extensions = SLICE("permessage-bzip2");
	expect_fault(&a, "extensions");
}

Test(ws_handshake, answers_to_one_who_asked_for_nothing)
{
	const struct ws_wish w = {.key = KEY};
	struct ws_answer a = answer();
	struct deflate_terms terms;

	cr_assert_null(ws_answer_fault(&a, &w, &terms));
	a.protocol = SLICE("chat.v1");
	cr_assert_not_null(ws_answer_fault(&a, &w, &terms));
	a = answer();
	a.extensions = SLICE("permessage-deflate");
	cr_assert_not_null(ws_answer_fault(&a, &w, &terms));
	cr_assert_not(terms.on);
}
