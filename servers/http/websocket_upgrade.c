/* SPDX-License-Identifier: MIT */
/*
 * The server's side of the opening handshake: gathers the headers, answers as
 * wire/ws_handshake decides.
 */
#include "servers/base/check.h"
#include "servers/http/websocket.h"
#include "servers/wire/ws_handshake.h"

/* The lists that a decision is made from; `text` holds those of them all. */
struct lists {
	struct buf text;
	size_t start;
};

static void add_value(void *arg, struct slice value)
{
	struct lists *l = arg;

	if (l->text.len > l->start)
		CHECK(buf_add_str(&l->text, ", ") == ERR_OK);
	CHECK(buf_add_slice(&l->text, value) == ERR_OK);
}

/* Several headers are one list (RFC 9110 section 5.3). Returns its length. */
static size_t add_list(struct lists *l, const struct http_request *r,
		       const char *name)
{
	l->start = l->text.len;
	http_request_header_each(r, name, add_value, l);
	return l->text.len - l->start;
}

static void decide(const struct http_request *r, const struct ws_policy *policy,
		   struct ws_verdict *verdict)
{
	struct ws_offer o = {.get = http_request_method(r) == HTTP_GET,
			     .minor = http_request_minor(r)};
	const struct {
		const char *name;
		struct slice *value;
	} fields[] = {
		{"Upgrade", &o.upgrade},
		{"Connection", &o.connection},
		{"Sec-WebSocket-Key", &o.key},
		{"Sec-WebSocket-Version", &o.version},
		{"Sec-WebSocket-Protocol", &o.protocols},
		{"Sec-WebSocket-Extensions", &o.extensions},
	};
	struct lists l;
	size_t at = 0;

	/* A head has a limit of its own. */
	buf_init(&l.text, BUF_UNLIMITED);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		fields[i].value->n = add_list(&l, r, fields[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		fields[i].value->p = l.text.data + at;
		at += fields[i].value->n;
	}
	ws_handshake_decide(&o, policy, verdict);
	buf_release(&l.text);
}

/* 426 says which version would be understood (RFC 6455 section 4.2.2). */
static void refuse(struct http_request *r, const struct ws_verdict *v)
{
	const struct http_header headers[] = {
		{"Sec-WebSocket-Version", WS_VERSION},
		{"Upgrade", "websocket"},
	};

	http_respond_refusal(r, v->status, v->why, headers,
			     v->status == 426 ? ARRAY_SIZE(headers) : 0);
}

bool websocket_upgrade(struct http_request *r, const char *subprotocol,
		       struct deflate_terms *deflate,
		       void (*ready)(void *arg, int fd, struct slice ahead),
		       void *arg)
{
	const struct ws_policy policy = {.subprotocol = subprotocol,
					 .deflate = deflate != NULL};
	struct http_header headers[4];
	struct ws_verdict v;
	size_t n = 0;

	decide(r, &policy, &v);
	if (v.status != 101) {
		refuse(r, &v);
		return false;
	}
	headers[n++] = (struct http_header){"Upgrade", "websocket"};
	headers[n++] = (struct http_header){"Sec-WebSocket-Accept", v.accept};
	if (v.subprotocol[0])
		headers[n++] = (struct http_header){"Sec-WebSocket-Protocol",
						    v.subprotocol};
	if (v.deflate.on)
		headers[n++] = (struct http_header){"Sec-WebSocket-Extensions",
						    v.extensions};
	if (deflate)
		*deflate = v.deflate;
	http_adopt(r, true, headers, n, ready, arg);
	return true;
}
