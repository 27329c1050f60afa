/* SPDX-License-Identifier: MIT */
/*
 * Responses. A `struct http_response` keeps the bytes and the headers; what
 * libmicrohttpd sends is made of it when first needed: one object for all
 * requests, one for those of the latest Origin, and a fresh one for a
 * response that closes. Each of them borrows the bytes, so that those live
 * until the last connection has sent them.
 */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"
#include "servers/wire/json.h"

#define CORS_MAX_AGE "600"
#define CORS_HEADERS "Content-Type, Authorization, Last-Event-ID"

struct http_response {
	unsigned users;	  /* references of handlers */
	unsigned renders; /* objects of libmicrohttpd that borrow the bytes */
	unsigned status;
	char *body;
	size_t size;
	struct buf headers;	     /* name NUL value NUL ... */
	struct MHD_Response *shared; /* for requests without an Origin */
	struct MHD_Response *cors;   /* for those from `origin` */
	char *origin;
};

const char *status_text(unsigned status)
{
	switch (status) {
	case MHD_HTTP_BAD_REQUEST:
		return "bad request";
	case MHD_HTTP_NOT_FOUND:
		return "not found";
	case MHD_HTTP_METHOD_NOT_ALLOWED:
		return "method not allowed";
	case MHD_HTTP_REQUEST_TIMEOUT:
		return "request timeout";
	case MHD_HTTP_CONTENT_TOO_LARGE:
		return "body too large";
	default:
		return "service unavailable";
	}
}

/* Life cycle */

struct http_response *http_response_new(unsigned status, const char *type,
					struct slice body)
{
	struct http_response *p = xcalloc(1, sizeof(*p));

	p->users = 1;
	p->status = status;
	p->body = xmemdupz(body.p, body.n);
	p->size = body.n;
	buf_init(&p->headers, BUF_UNLIMITED);
	if (type)
		http_response_header(p, "Content-Type", type);
	return p;
}

void http_response_header(struct http_response *p, const char *name,
			  const char *value)
{
	CHECK(!p->shared && !p->cors);
	CHECK(buf_add(&p->headers, name, strlen(name) + 1) == ERR_OK);
	CHECK(buf_add(&p->headers, value, strlen(value) + 1) == ERR_OK);
}

static void response_free_unused(struct http_response *p)
{
	if (p->users > 0 || p->renders > 0)
		return;
	buf_release(&p->headers);
	free(p->origin);
	free(p->body);
	free(p);
}

static void response_forget_cors(struct http_response *p)
{
	if (p->cors)
		MHD_destroy_response(p->cors);
	p->cors = NULL;
	free(p->origin);
	p->origin = NULL;
}

void http_response_unref(struct http_response *p)
{
	if (!p || --p->users > 0)
		return;
	/* The objects may outlive this: connections hold them, and they p. */
	p->renders++;
	response_forget_cors(p);
	if (p->shared)
		MHD_destroy_response(p->shared);
	p->renders--;
	response_free_unused(p);
}

/* Rendering */

static void response_rendered(void *cls)
{
	struct http_response *p = cls;

	p->renders--;
	response_free_unused(p);
}

/* Returns owned. */
static struct MHD_Response *response_render(struct http_response *p)
{
	struct MHD_Response *m =
		MHD_create_response_from_buffer_with_free_callback_cls(
			p->size, p->body, response_rendered, p);
	const char *at = p->headers.data;
	const char *end = at ? at + p->headers.len : NULL;

	CHECK(m != NULL);
	p->renders++;
	while (at < end) {
		const char *value = at + strlen(at) + 1;

		(void)MHD_add_response_header(m, at, value);
		at = value + strlen(value) + 1;
	}
	return m;
}

/*
 * Cross-origin rules, in this one place: every origin may read everything, as
 * a request with credentials proves nothing here.
 */
static void http_cors(struct MHD_Response *m, const char *origin)
{
	(void)MHD_add_response_header(m, "Access-Control-Allow-Origin", origin);
	(void)MHD_add_response_header(m, "Access-Control-Allow-Credentials",
				      "true");
	(void)MHD_add_response_header(m, "Vary", "Origin");
}

static const char *request_origin(const struct http_request *r)
{
	return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Origin");
}

void http_request_cors(const struct http_request *r, struct buf *head)
{
	const char *origin = request_origin(r);

	if (!origin)
		return;
	CHECK(buf_printf(head,
			 "Access-Control-Allow-Origin: %s\r\n"
			 "Access-Control-Allow-Credentials: true\r\n"
			 "Vary: Origin\r\n",
			 origin) == ERR_OK);
}

/* Borrowed from p. */
static struct MHD_Response *response_shared(struct http_response *p)
{
	if (!p->shared)
		p->shared = response_render(p);
	return p->shared;
}

/* Borrowed from p: one for the latest origin is kept, as it often repeats. */
static struct MHD_Response *response_cors(struct http_response *p,
					  const char *origin)
{
	if (p->origin && strcmp(p->origin, origin) == 0)
		return p->cors;
	response_forget_cors(p);
	p->origin = xstrdup(origin);
	p->cors = response_render(p);
	http_cors(p->cors, origin);
	return p->cors;
}

/* Answering */

static void request_answer(struct http_request *r, unsigned status,
			   struct MHD_Response *m)
{
	bool held = r->suspended;

	CHECK(r->phase == PHASE_BODY || r->phase == PHASE_HELD);
	if (MHD_queue_response(r->mhd, status, m) == MHD_YES)
		peer_enter(r, PHASE_ANSWERED);
	else
		r->phase = PHASE_DEAD;
	if (held)
		request_resume_later(r);
}

void http_respond_close(struct http_request *r, struct http_response *p)
{
	const char *origin = request_origin(r);
	struct MHD_Response *m = response_render(p);

	if (origin)
		http_cors(m, origin);
	(void)MHD_add_response_header(m, "Connection", "close");
	request_answer(r, p->status, m);
	MHD_destroy_response(m);
}

void http_respond_with(struct http_request *r, struct http_response *p)
{
	const char *origin;

	if (r->http->draining) {
		http_respond_close(r, p);
		return;
	}
	origin = request_origin(r);
	request_answer(r, p->status,
		       origin ? response_cors(p, origin) : response_shared(p));
}

void http_respond(struct http_request *r, unsigned status, const char *type,
		  struct slice body)
{
	struct http_response *p = http_response_new(status, type, body);

	http_respond_with(r, p);
	http_response_unref(p);
}

void respond_error_with(struct http_request *r, unsigned status,
			const char *text, const char *name, const char *value)
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
	http_respond_with(r, p);
	http_response_unref(p);
	buf_release(&body);
}

void http_respond_error(struct http_request *r, unsigned status,
			const char *text)
{
	respond_error_with(r, status, text, NULL, NULL);
}

void respond_options(struct http_request *r, unsigned allow)
{
	struct http_response *p =
		http_response_new(MHD_HTTP_NO_CONTENT, NULL, (struct slice){0});
	const char *wish = MHD_lookup_connection_value(
		r->mhd, MHD_HEADER_KIND, "Access-Control-Request-Headers");
	char methods[64];

	route_methods_text(allow | HTTP_OPTIONS, methods, sizeof(methods));
	http_response_header(p, "Allow", methods);
	if (request_origin(r)) {
		http_response_header(p, "Access-Control-Allow-Methods",
				     methods);
		http_response_header(p, "Access-Control-Allow-Headers",
				     wish ? wish : CORS_HEADERS);
		http_response_header(p, "Access-Control-Max-Age", CORS_MAX_AGE);
	}
	http_respond_with(r, p);
	http_response_unref(p);
}
