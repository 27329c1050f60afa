/* SPDX-License-Identifier: MIT */
/*
 * The server's side of the opening handshake (RFC 6455 section 4.2). Of the
 * extensions only permessage-deflate is known: what an answer does not name is
 * declined.
 */
#include "servers/http/websocket.h"

#include "servers/base/check.h"

#define VERSION "13"
#define EXTENSIONS_MAX 4096 /* bytes; a longer list is declined */

/* 426 says which version would be understood (section 4.2.2). */
static void refuse_version(struct http_request *r)
{
	struct http_response *p = http_response_new(
		426, "application/json",
		SLICE("{\"error\":\"WebSocket version " VERSION
		      " is needed\"}"));

	http_response_header(p, "Sec-WebSocket-Version", VERSION);
	http_response_header(p, "Upgrade", "websocket");
	http_respond_with(r, p);
	http_response_unref(p);
}

/* What is wrong with the handshake, or NULL. */
static const char *find_fault(const struct http_request *r, struct slice *key)
{
	if (http_request_method(r) != HTTP_GET)
		return "a WebSocket handshake is a GET";
	if (http_request_minor(r) < 1)
		return "a WebSocket handshake needs HTTP/1.1";
	if (!http_request_header_has(r, "Upgrade", "websocket"))
		return "the Upgrade header must list websocket";
	if (!http_request_header_has(r, "Connection", "upgrade"))
		return "the Connection header must list Upgrade";
	if (!http_request_header(r, "Sec-WebSocket-Key", key) ||
	    !ws_key_valid(*key))
		return "Sec-WebSocket-Key must be base64 of 16 bytes";
	return NULL;
}

static void add_offers(void *arg, struct slice value)
{
	struct buf *all = arg;

	/* A list that is cut could mean something else. */
	if ((all->len > 0 && buf_add_str(all, ", ") != ERR_OK) ||
	    buf_add_slice(all, value) != ERR_OK) {
		buf_clear(all);
		all->limit = 0;
	}
}

/* Several headers are one list (RFC 6455 section 9.1). */
static bool agree_on_deflate(const struct http_request *r,
			     struct deflate_terms *terms,
			     char answer[DEFLATE_TEXT_MAX])
{
	struct buf offers;
	bool agreed;

	buf_init(&offers, EXTENSIONS_MAX);
	http_request_header_each(r, "Sec-WebSocket-Extensions", add_offers,
				 &offers);
	agreed = deflate_accept(buf_slice(&offers), terms, answer);
	buf_release(&offers);
	return agreed;
}

bool websocket_upgrade(struct http_request *r, const char *subprotocol,
		       struct deflate_terms *deflate,
		       void (*ready)(void *arg, int fd, struct slice ahead),
		       void *arg)
{
	char accept[WS_ACCEPT_CHARS + 1];
	char extension[DEFLATE_TEXT_MAX];
	struct http_header headers[4];
	struct slice key, version;
	size_t n = 0;
	const char *fault = find_fault(r, &key);

	if (fault) {
		http_respond_error(r, 400, fault);
		return false;
	}
	if (!http_request_header(r, "Sec-WebSocket-Version", &version) ||
	    !slice_is(version, VERSION)) {
		refuse_version(r);
		return false;
	}
	ws_accept(key, accept);
	headers[n++] = (struct http_header){"Upgrade", "websocket"};
	headers[n++] = (struct http_header){"Sec-WebSocket-Accept", accept};
	if (subprotocol &&
	    http_request_header_has(r, "Sec-WebSocket-Protocol", subprotocol))
		headers[n++] = (struct http_header){"Sec-WebSocket-Protocol",
						    subprotocol};
	if (deflate && agree_on_deflate(r, deflate, extension))
		headers[n++] = (struct http_header){"Sec-WebSocket-Extensions",
						    extension};
	http_adopt(r, true, headers, n, ready, arg);
	return true;
}
