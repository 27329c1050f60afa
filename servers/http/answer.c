/* SPDX-License-Identifier: MIT */
/*
 * Answering a request: by ourselves when its connection can be taken back,
 * through libmicrohttpd otherwise.
 */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"
#include "servers/wire/json.h"

#define CORS_MAX_AGE "600"
#define CORS_HEADERS "Content-Type, Authorization, Last-Event-ID"

const char *status_text(unsigned status)
{
	switch (status) {
	case MHD_HTTP_BAD_REQUEST:
		return "bad request";
	case MHD_HTTP_FORBIDDEN:
		return "pages of this origin may not talk to this server";
	case MHD_HTTP_NOT_FOUND:
		return "not found";
	case MHD_HTTP_METHOD_NOT_ALLOWED:
		return "method not allowed";
	case MHD_HTTP_REQUEST_TIMEOUT:
		return "request timeout";
	case MHD_HTTP_CONTENT_TOO_LARGE:
		return "body too large";
	case MHD_HTTP_URI_TOO_LONG:
		return "request target too long";
	case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE:
		return "request head too large";
	case MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED:
		return "only HTTP/1.1 and HTTP/1.0 are spoken";
	default:
		return "service unavailable";
	}
}

/* The Origin that the answer's CORS headers name, or NULL. */
static const char *answer_origin(const struct http_request *r)
{
	struct slice origin;

	if (!http_request_header(r, "Origin", &origin) ||
	    !request_origin_allowed(r))
		return NULL;
	return origin.p;
}

/* Queued even while suspended; it is then sent once resumed. */
static void answer_there(struct http_request *r, struct http_response *p,
			 bool closes)
{
	struct MHD_Response *m = response_mhd(p, answer_origin(r), closes);

	if (MHD_queue_response(r->mhd, response_status(p), m) == MHD_YES)
		peer_enter(r, PHASE_ANSWERED);
	else
		r->phase = PHASE_DEAD;
	MHD_destroy_response(m);
	if (r->suspended)
		peer_later(r);
}

/*
 * `kept`: what the answer needs of the request's head was put by when it was
 * held; the head itself is gone or about to go.
 */
static void answer_here(struct http_request *r, struct http_response *p,
			bool closes, bool kept)
{
	struct answer_head head = {.origin = r->origin,
				   .date = date_now(&r->http->date),
				   .head_only = r->method == HTTP_HEAD};

	if (!kept) {
		head.origin = answer_origin(r);
		r->keep = request_persists(r);
	}
	if (closes)
		r->keep = false;
	if (!r->keep)
		head.persist = PERSIST_CLOSE;
	else if (r->minor == 0)
		head.persist = PERSIST_SAID;
	peer_send(r, response_wire(p, &head));
}

static void answer(struct http_request *r, struct http_response *p, bool closes)
{
	bool kept = !r->plain && (!r->mhd || r->taken);

	CHECK(r->phase == PHASE_BODY || r->phase == PHASE_HELD);
	closes |= r->http->draining;
	if (peer_take(r))
		answer_here(r, p, closes, kept);
	else
		answer_there(r, p, closes);
}

void http_respond_with(struct http_request *r, struct http_response *p)
{
	answer(r, p, false);
}

void http_respond_close(struct http_request *r, struct http_response *p)
{
	answer(r, p, true);
}

void http_respond(struct http_request *r, unsigned status, const char *type,
		  struct slice body)
{
	struct http_response *p = http_response_new(status, type, body);

	answer(r, p, false);
	http_response_unref(p);
}

void http_respond_refusal(struct http_request *r, unsigned status,
			  const char *text, const struct http_header *headers,
			  size_t count)
{
	struct http_response *p;
	struct buf body;

	buf_init(&body, BUF_UNLIMITED);
	CHECK(buf_add_str(&body, "{\"error\":") == ERR_OK);
	CHECK(json_add_string(&body, slice_str(text)) == ERR_OK);
	CHECK(buf_add_char(&body, '}') == ERR_OK);
	p = http_response_new(status, JSON_TYPE, buf_slice(&body));
	for (size_t i = 0; i < count; i++)
		http_response_header(p, headers[i].name, headers[i].value);
	answer(r, p, true);
	http_response_unref(p);
	buf_release(&body);
}

void http_respond_error(struct http_request *r, unsigned status,
			const char *text)
{
	http_respond_refusal(r, status, text, NULL, 0);
}

void answer_options(struct http_request *r, unsigned allow)
{
	struct http_response *p =
		http_response_new(MHD_HTTP_NO_CONTENT, NULL, (struct slice){0});
	struct slice origin, wish = SLICE(CORS_HEADERS);
	char methods[64];

	route_methods_text(allow | HTTP_OPTIONS, methods, sizeof(methods));
	http_response_header(p, "Allow", methods);
	(void)http_request_header(r, "Access-Control-Request-Headers", &wish);
	if (http_request_header(r, "Origin", &origin)) {
		http_response_header(p, "Access-Control-Allow-Methods",
				     methods);
		http_response_header(p, "Access-Control-Allow-Headers", wish.p);
		http_response_header(p, "Access-Control-Max-Age", CORS_MAX_AGE);
	}
	answer(r, p, false);
	http_response_unref(p);
}
