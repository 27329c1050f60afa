/* SPDX-License-Identifier: MIT */
/*
 * A request from its head to its handler. A plain one is there as a whole. For
 * others libmicrohttpd calls three times or more: when the head is whole, for
 * each piece of the body, and when all is there; only then may a response be
 * queued without closing the connection.
 * An error found earlier waits until the body was read and dropped, because
 * an answer sent first is lost to a reset in most clients.
 */
#include <stdlib.h>
#include <strings.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"
#include "servers/wire/http1.h"

#define DISCARD_MAX 8388608 /* bytes of a refused body that are still read */

/* Holding */

void http_request_hold(struct http_request *r,
		       void (*on_gone)(struct http_request *r, void *arg),
		       void *arg)
{
	CHECK(r->phase == PHASE_BODY);
	r->on.gone = on_gone;
	r->arg = arg;
	peer_enter(r, PHASE_HELD);
}

/* From the head to the handler */

void *request_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_request *r = info->socket_context;

	(void)cls;
	/* Decoded paths are C strings: an encoded NUL would cut one short. */
	r->bad_target = strstr(target, "%00") != NULL;
	r->long_target = strlen(target) > HTTP1_TARGET_MAX;
	return NULL;
}

struct framing {
	unsigned lengths, encodings;
	bool chunked;
	struct slice length;
	bool contradicts;
};

static void framing_length(void *arg, struct slice value)
{
	struct framing *f = arg;

	if (f->lengths++ > 0 && !slice_eq(f->length, value))
		f->contradicts = true;
	f->length = value;
}

static void framing_encoding(void *arg, struct slice value)
{
	struct framing *f = arg;

	f->encodings++;
	f->chunked = value.n == 7 && strncasecmp(value.p, "chunked", 7) == 0;
}

/*
 * How the body is delimited. libmicrohttpd takes the first of several lengths
 * and reads an unknown encoding until the connection ends: what two parties
 * may read differently is refused (RFC 9112 section 6.3).
 */
static bool framing_read(const struct http_request *r, uint64_t *length,
			 bool *chunked)
{
	struct framing f = {0};

	*length = 0;
	http_request_header_each(r, "Content-Length", framing_length, &f);
	http_request_header_each(r, "Transfer-Encoding", framing_encoding, &f);
	*chunked = f.chunked;
	if (f.contradicts || f.encodings > 1 ||
	    (f.encodings == 1 && (!f.chunked || f.lengths > 0)))
		return false;
	/* It is all digits, or libmicrohttpd had refused it. */
	if (f.lengths > 0)
		*length = strtoull(f.length.p, NULL, 10);
	return true;
}

static uint64_t request_head_size(const struct http_request *r)
{
	return MHD_get_connection_info(r->mhd,
				       MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
		->header_size;
}

/* A request that has a body begins. */
static void upload_begin(struct http_request *r)
{
	struct slice value;

	if (r->refusal || !r->route || !r->route->on_upload ||
	    (!http_request_header(r, "Content-Length", &value) &&
	     !http_request_header(r, "Transfer-Encoding", &value)))
		return;
	r->uploading = true;
	r->route->on_upload(r, HTTP_UPLOAD_BEGINS, r->route->arg);
}

static void upload_end(struct http_request *r, enum http_upload what)
{
	if (!r->uploading)
		return;
	r->uploading = false;
	if (!r->http->stopping)
		r->route->on_upload(r, what, r->route->arg);
}

/* What the head alone tells to be wrong; 0 when nothing is. */
static unsigned request_check(struct http_request *r, uint64_t length)
{
	unsigned allow;

	if (r->http->stopping)
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	if (r->long_target)
		return MHD_HTTP_URI_TOO_LONG;
	if (r->mhd && request_head_size(r) > HTTP1_REQUEST_MAX)
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	if (r->bad_target)
		return MHD_HTTP_BAD_REQUEST;
	r->route = route_find(r->http, http_request_path(r), r->method, &allow);
	if (!request_origin_allowed(r))
		return MHD_HTTP_FORBIDDEN;
	if (r->method == HTTP_OPTIONS && allow != 0)
		return 0;
	if (r->http->draining && !(r->route && r->route->while_draining))
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	if (!r->route)
		return allow ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND;
	return length > r->route->max_body ? MHD_HTTP_CONTENT_TOO_LARGE : 0;
}

static void request_refuse(struct http_request *r)
{
	char allow[64];
	unsigned methods;

	if (r->route && r->route->on_refusal &&
	    r->route->on_refusal(r, r->refusal, r->route->arg))
		return;
	(void)route_find(r->http, http_request_path(r), r->method, &methods);
	route_methods_text(methods | HTTP_OPTIONS, allow, sizeof(allow));
	http_respond_refusal(r, r->refusal, status_text(r->refusal),
			     &(struct http_header){"Allow", allow},
			     r->refusal == MHD_HTTP_METHOD_NOT_ALLOWED ? 1 : 0);
}

bool request_persists(const struct http_request *r)
{
	if (r->http->draining ||
	    http_request_header_has(r, "Connection", "close"))
		return false;
	return r->minor > 0 ||
	       http_request_header_has(r, "Connection", "keep-alive");
}

static void request_judge(struct http_request *r, uint64_t length)
{
	r->refusal = (uint16_t)request_check(r, length);
	buf_init(&r->body, r->route ? r->route->max_body : 0);
	upload_begin(r);
}

static enum MHD_Result request_begin(struct http_request *r, const char *url,
				     const char *method)
{
	uint64_t length;
	bool chunked;

	r->path = http1_target_path(url);
	r->method = (uint16_t)route_method(method);
	peer_enter(r, PHASE_BODY);
	if (!framing_read(r, &length, &chunked)) {
		r->refusal = MHD_HTTP_BAD_REQUEST;
		request_refuse(r); /* answered now, the connection closes */
		return MHD_YES;
	}
	r->unseen = chunked;
	request_judge(r, length);
	/* A client that asks first, or would send for ages, is told now. */
	if (r->refusal &&
	    (length > DISCARD_MAX ||
	     http_request_header_has(r, "Expect", "100-continue")))
		request_refuse(r);
	return MHD_YES;
}

static enum MHD_Result request_upload(struct http_request *r, const char *bytes,
				      size_t *size)
{
	size_t n = *size;

	*size = 0;
	r->uploaded += n;
	if (!r->refusal) {
		enum err e = buf_add(&r->body, bytes, n);

		if (e == ERR_OK)
			return MHD_YES;
		buf_release(&r->body);
		r->refusal = e == ERR_LIMIT ? MHD_HTTP_CONTENT_TOO_LARGE
					    : MHD_HTTP_SERVICE_UNAVAILABLE;
	}
	if (r->uploaded <= DISCARD_MAX)
		return MHD_YES;
	raw_error(r->io.fd, r->refusal, status_text(r->refusal));
	return MHD_NO; /* in the middle of a body: it is read on for a while */
}

/* A held request waits with us, or with libmicrohttpd if it must. */
static enum MHD_Result request_keep_held(struct http_request *r)
{
	struct slice origin;

	if (r->peer_closed) {
		peer_gone(r);
		return MHD_NO;
	}
	if (!peer_take(r)) {
		r->suspended = true;
		MHD_suspend_connection(r->mhd);
		return MHD_YES;
	}
	r->keep = request_persists(r);
	if (http_request_header(r, "Origin", &origin))
		r->origin = xmemdupz(origin.p, origin.n);
	return MHD_NO;
}

/* What is left to do when the handler has returned, or nobody was asked. */
static enum MHD_Result request_settle(struct http_request *r)
{
	if (r->taken)
		return MHD_NO;
	switch (r->phase) {
	case PHASE_ANSWERED:
	case PHASE_IDLE: /* a plain one, whose answer is out */
		return MHD_YES;
	case PHASE_LEAVING:
		/* An upgrade waits for its 101; else the socket left. */
		return r->on.adopted ? MHD_YES : MHD_NO;
	case PHASE_HELD:
		return request_keep_held(r);
	case PHASE_DEAD:
		return MHD_NO;
	default:
		log_error("http", "a handler did not answer");
		http_respond_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
				   "internal error");
		return r->taken ? MHD_NO : MHD_YES;
	}
}

/* A browser's has both; npm's cors takes any OPTIONS for one. */
static bool is_preflight(const struct http_request *r)
{
	struct slice value;

	return http_request_header(r, "Access-Control-Request-Method",
				   &value) ||
	       http_request_header(r, "Origin", &value);
}

/* Head and body are there. */
static void request_dispatch(struct http_request *r)
{
	unsigned allow;

	if (r->refusal) {
		upload_end(r, HTTP_UPLOAD_REFUSED);
		request_refuse(r);
		return;
	}
	if (r->method == HTTP_OPTIONS && (!r->route || is_preflight(r))) {
		(void)route_find(r->http, http_request_path(r), r->method,
				 &allow);
		answer_options(r, allow);
		return;
	}
	r->http->handled++;
	upload_end(r, HTTP_UPLOAD_ENDS);
	r->route->handle(r, r->route->arg);
}

static enum MHD_Result request_complete(struct http_request *r)
{
	/* Called again: it was resumed without a response, to be closed. */
	if (r->complete)
		return MHD_NO;
	r->consumed += request_head_size(r) + r->uploaded;
	r->complete = true;
	r->unseen = false;
	request_dispatch(r);
	return request_settle(r);
}

enum MHD_Result request_handle(void *cls, struct MHD_Connection *mhd,
			       const char *url, const char *method,
			       const char *version, const char *upload,
			       size_t *upload_size, void **con_cls)
{
	struct http_request *r = *con_cls;

	(void)cls;
	if (!r) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(
			mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

		r = info->socket_context;
		*con_cls = r;
		r->minor = strcmp(version, MHD_HTTP_VERSION_1_0) == 0 ? 0 : 1;
		return request_begin(r, url, method);
	}
	if (*upload_size > 0)
		return request_upload(r, upload, upload_size);
	return request_complete(r);
}

/* Forgets the request, but that its phase tells what follows. */
static void request_clear(struct http_request *r)
{
	upload_end(r, r->refusal ? HTTP_UPLOAD_REFUSED : HTTP_UPLOAD_LOST);
	buf_release(&r->body);
	free(r->address);
	r->address = NULL;
	r->route = NULL;
	r->path = NULL;
	r->uploaded = 0;
	r->refusal = 0;
}

void request_serve(struct http_request *r, const struct plain_request *q,
		   struct slice body)
{
	r->plain = q;
	r->path = q->target.path.p;
	r->method = (uint16_t)route_method(q->head.method.p);
	r->minor = (uint8_t)q->head.minor;
	peer_enter(r, PHASE_BODY);
	request_judge(r, body.n);
	if (body.n > 0)
		(void)request_upload(r, body.p, &body.n);
	request_dispatch(r);
	(void)request_settle(r);
	request_clear(r);
	r->plain = NULL;
}

void request_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
		       enum MHD_RequestTerminationCode why)
{
	struct http_request *r = *con_cls;

	(void)cls;
	(void)mhd;
	(void)why;
	if (!r)
		return;
	if (r->phase == PHASE_LEAVING)
		adopt_fail(r);
	request_clear(r);
	if (r->taken)
		return;
	r->complete = false;
	r->unseen = true; /* the next head, if there is one */
	if (r->phase == PHASE_ANSWERED)
		peer_enter(r, PHASE_IDLE);
}
