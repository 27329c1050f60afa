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
	default:
		return "service unavailable";
	}
}

/* The Origin that the answer's CORS headers name, or NULL. */
static const char *answer_origin(const struct http_request *r)
{
	if (!request_origin_allowed(r))
		return NULL;
	return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Origin");
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
	enum persistence persist = PERSIST_DEFAULT;
	const char *origin = r->origin;

	if (!kept) {
		origin = answer_origin(r);
		r->keep = request_persists(r);
	}
	if (closes)
		r->keep = false;
	if (!r->keep)
		persist = PERSIST_CLOSE;
	else if (r->minor == 0)
		persist = PERSIST_SAID;
	peer_send(r, response_wire(p, origin, persist, r->method == HTTP_HEAD));
}

static void answer(struct http_request *r, struct http_response *p, bool closes)
{
	bool kept = !r->mhd || r->taken;

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

void answer_error(struct http_request *r, unsigned status, const char *text,
		  bool closes, const char *name, const char *value)
{
	struct http_response *p;
	struct buf body;

	buf_init(&body, BUF_UNLIMITED);
	CHECK(buf_add_str(&body, "{\"error\":") == ERR_OK);
	CHECK(json_add_string(&body, slice_str(text)) == ERR_OK);
	CHECK(buf_add_char(&body, '}') == ERR_OK);
	p = http_response_new(status, JSON_TYPE, buf_slice(&body));
	if (name)
		http_response_header(p, name, value);
	answer(r, p, closes);
	http_response_unref(p);
	buf_release(&body);
}

void http_respond_error(struct http_request *r, unsigned status,
			const char *text)
{
	answer_error(r, status, text, true, NULL, NULL);
}

void answer_options(struct http_request *r, unsigned allow)
{
	struct http_response *p =
		http_response_new(MHD_HTTP_NO_CONTENT, NULL, (struct slice){0});
	const char *wish = MHD_lookup_connection_value(
		r->mhd, MHD_HEADER_KIND, "Access-Control-Request-Headers");
	struct slice origin;
	char methods[64];

	route_methods_text(allow | HTTP_OPTIONS, methods, sizeof(methods));
	http_response_header(p, "Allow", methods);
	if (http_request_header(r, "Origin", &origin)) {
		http_response_header(p, "Access-Control-Allow-Methods",
				     methods);
		http_response_header(p, "Access-Control-Allow-Headers",
				     wish ? wish : CORS_HEADERS);
		http_response_header(p, "Access-Control-Max-Age", CORS_MAX_AGE);
	}
	answer(r, p, false);
	http_response_unref(p);
}
