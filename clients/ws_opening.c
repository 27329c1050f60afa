/* SPDX-License-Identifier: MIT */
#include "clients/ws_opening.h"

#include <stdlib.h>

#include "clients/env.h"
#include "servers/base/check.h"
#include "servers/wire/ws_handshake.h"

/*
 * What comes is to be compressed, what goes is not: so there is nothing to say
 * of our own windows.
 */
static const struct deflate_offer deflate_offer;

struct ws_opening *ws_opening_new(bool deflate)
{
	struct ws_opening *h = xcalloc(1, sizeof(*h));

	http1_parser_init(&h->parser);
	ws_key_new(h->key);
	h->offers_deflate = deflate;
	return h;
}

void ws_opening_free(struct ws_opening *h)
{
	if (!h)
		return;
	http1_parser_release(&h->parser);
	free(h);
}

/* Request */

static enum err add_offer(const struct ws_opening *h, struct buf *b)
{
	char text[DEFLATE_TEXT_MAX];

	if (!h->offers_deflate)
		return ERR_OK;
	deflate_offer_text(&deflate_offer, text);
	return buf_printf(b, "Sec-WebSocket-Extensions: %s\r\n", text);
}

enum err ws_opening_add_request(const struct ws_opening *h, struct buf *b,
				const struct client_options *o,
				struct slice target)
{
	enum err e = buf_add_str(b, "GET ");

	if (!e)
		e = buf_add_slice(b, target);
	if (!e)
		e = buf_add_str(b, " HTTP/1.1\r\n");
	if (!e)
		e = client_add_host(b, o);
	if (!e)
		e = buf_printf(b,
			       "Upgrade: websocket\r\n"
			       "Connection: Upgrade\r\n"
			       "Sec-WebSocket-Key: %s\r\n"
			       "Sec-WebSocket-Version: 13\r\n",
			       h->key);
	if (!e)
		e = add_offer(h, b);
	if (!e)
		e = buf_add_str(b, "\r\n");
	return e;
}

/* Answer */

static struct slice rest_after(struct slice headers, struct slice value)
{
	return slice_after(headers, (size_t)(value.p + value.n - headers.p));
}

/*
 * All headers of one name as one list (RFC 9110 section 5.3). Two of them are
 * rare: only then is memory needed.
 */
static struct slice list_of(struct slice headers, const char *name,
			    struct buf *list)
{
	struct slice value, more;

	if (!http1_header(headers, name, &value))
		return SLICE("");
	more = value;
	while (http1_header(rest_after(headers, more), name, &more)) {
		if (list->len == 0 && buf_add_slice(list, value) != ERR_OK)
			return value;
		if (buf_add_char(list, ',') != ERR_OK ||
		    buf_add_slice(list, more) != ERR_OK)
			break;
	}
	return list->len > 0 ? buf_slice(list) : value;
}

static void on_head(void *arg, const struct http1_response *r)
{
	enum { UPGRADE, CONNECTION, ACCEPT, PROTOCOL, EXTENSIONS, COUNT };
	static const char *const names[COUNT] = {
		"Upgrade", "Connection", "Sec-WebSocket-Accept",
		"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"};
	struct ws_opening *h = arg;
	struct buf lists[COUNT];
	struct slice value[COUNT];

	for (int i = 0; i < COUNT; i++) {
		buf_init(&lists[i], HTTP1_HEAD_MAX);
		value[i] = list_of(r->headers, names[i], &lists[i]);
	}
	h->status = r->status;
	h->fault = ws_answer_fault(
		&(struct ws_answer){.status = r->status,
				    .upgrade = value[UPGRADE],
				    .connection = value[CONNECTION],
				    .accept = value[ACCEPT],
				    .protocol = value[PROTOCOL],
				    .extensions = value[EXTENSIONS]},
		&(struct ws_wish){.key = h->key,
				  .deflate = h->offers_deflate ? &deflate_offer
							       : NULL},
		&h->deflate);
	for (int i = 0; i < COUNT; i++)
		buf_release(&lists[i]);
}

static void ignore_body(void *arg, struct slice bytes)
{
	(void)arg;
	(void)bytes;
}

static void ignore_end(void *arg)
{
	(void)arg;
}

enum err ws_opening_feed(struct ws_opening *h, struct slice bytes, size_t *used,
			 const char **why)
{
	static const struct http1_handler handler = {on_head, ignore_body,
						     ignore_end};
	enum err e = http1_parser_feed(&h->parser, bytes, &handler, h, used);

	if (e) {
		*why = "the server does not speak HTTP";
		return e;
	}
	if (h->status == 0)
		return ERR_AGAIN;
	*why = h->fault;
	if (!h->fault)
		return ERR_OK;
	return h->status == 101 ? ERR_PROTO : ERR_REFUSED;
}
