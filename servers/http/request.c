/* SPDX-License-Identifier: MIT */
/*
 * A request from its head to its handler. libmicrohttpd calls three times or
 * more: when the head is whole, for each piece of the body, and when all is
 * there; only then may a response be queued without closing the connection.
 * An error found earlier waits until the body was read and dropped, because
 * an answer sent first is lost to a reset in most clients.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"
#include "servers/wire/http1.h"

#define TARGET_MAX ((size_t)16 * 1024) /* longer ones get 414 */
#define HEAD_MAX ((uint64_t)32 * 1024) /* larger ones get 431 */
#define DISCARD_MAX 8388608 /* bytes of a refused body that are still read */

/* Values */

struct value_search {
	const char *name;
	void (*each)(void *arg, struct slice value);
	void *arg;
	bool first_only;
	bool found;
	struct slice value;
};

static enum MHD_Result value_visit(void *cls, enum MHD_ValueKind kind,
				   const char *key, size_t key_size,
				   const char *value, size_t value_size)
{
	struct value_search *s = cls;
	bool same = kind == MHD_HEADER_KIND ? strcasecmp(key, s->name) == 0
					    : strcmp(key, s->name) == 0;

	(void)key_size;
	if (!same)
		return MHD_YES;
	s->found = true;
	s->value = slice_of(value ? value : "", value_size);
	if (s->each)
		s->each(s->arg, s->value);
	return s->first_only ? MHD_NO : MHD_YES;
}

static bool value_search(const struct http_request *r, enum MHD_ValueKind kind,
			 struct value_search *s)
{
	(void)MHD_get_connection_values_n(r->mhd, kind, value_visit, s);
	return s->found;
}

bool http_request_header(const struct http_request *r, const char *name,
			 struct slice *value)
{
	struct value_search s = {.name = name, .first_only = true};

	if (!value_search(r, MHD_HEADER_KIND, &s))
		return false;
	*value = s.value;
	return true;
}

bool http_request_query(const struct http_request *r, const char *name,
			struct slice *value)
{
	struct value_search s = {.name = name, .first_only = true};

	if (!value_search(r, MHD_GET_ARGUMENT_KIND, &s))
		return false;
	*value = s.value;
	return true;
}

void http_request_query_each(const struct http_request *r, const char *name,
			     void (*each)(void *arg, struct slice value),
			     void *arg)
{
	struct value_search s = {.name = name, .each = each, .arg = arg};

	(void)value_search(r, MHD_GET_ARGUMENT_KIND, &s);
}

void http_request_header_each(const struct http_request *r, const char *name,
			      void (*each)(void *arg, struct slice value),
			      void *arg)
{
	struct value_search s = {.name = name, .each = each, .arg = arg};

	(void)value_search(r, MHD_HEADER_KIND, &s);
}

struct token_search {
	const char *token;
	bool found;
};

static void token_look(void *arg, struct slice value)
{
	struct token_search *t = arg;

	t->found |= http1_has_token(value, t->token);
}

bool http_request_header_has(const struct http_request *r, const char *name,
			     const char *token)
{
	struct token_search t = {.token = token};
	struct value_search s = {.name = name, .each = token_look, .arg = &t};

	(void)value_search(r, MHD_HEADER_KIND, &s);
	return t.found;
}

struct origin_search {
	const char *const *origins;
	bool foreign;
};

/* Scheme and host have no case (RFC 6454 section 4). */
static void origin_look(void *arg, struct slice value)
{
	struct origin_search *o = arg;
	size_t i = 0;

	while (o->origins[i] &&
	       !(strlen(o->origins[i]) == value.n &&
		 strncasecmp(o->origins[i], value.p, value.n) == 0))
		i++;
	o->foreign |= !o->origins[i];
}

bool request_origin_allowed(const struct http_request *r)
{
	struct origin_search o = {.origins = r->http->options.origins};

	if (o.origins)
		http_request_header_each(r, "Origin", origin_look, &o);
	return !o.foreign;
}

/* Queries */

enum http_method http_request_method(const struct http_request *r)
{
	return (enum http_method)r->method;
}

struct slice http_request_path(const struct http_request *r)
{
	return slice_str(r->path);
}

unsigned http_request_minor(const struct http_request *r)
{
	return r->minor;
}

struct slice http_request_body(const struct http_request *r)
{
	return buf_slice(&r->body);
}

struct http *http_request_front(const struct http_request *r)
{
	return r->http;
}

static char *address_text(const struct http_request *r)
{
	struct sockaddr_storage from = {0};
	socklen_t size = sizeof(from);
	char text[INET6_ADDRSTRLEN] = "";
	const void *in = &((const struct sockaddr_in *)(void *)&from)->sin_addr;

	(void)getpeername(r->io.fd, (struct sockaddr *)(void *)&from, &size);
	if (from.ss_family == AF_INET6)
		in = &((const struct sockaddr_in6 *)(void *)&from)->sin6_addr;
	(void)inet_ntop(from.ss_family, in, text, sizeof(text));
	return xstrdup(text);
}

struct slice http_request_address(const struct http_request *r)
{
	/* It is made when first asked for, which does not change r. */
	struct http_request *cache = (struct http_request *)(uintptr_t)r;

	if (!r->address)
		cache->address = address_text(r);
	return slice_str(r->address);
}

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
	r->long_target = strlen(target) > TARGET_MAX;
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
static bool framing_read(const struct http_request *r, uint64_t *length)
{
	struct framing f = {0};
	struct value_search s = {
		.name = "Content-Length", .each = framing_length, .arg = &f};

	*length = 0;
	(void)value_search(r, MHD_HEADER_KIND, &s);
	s.name = "Transfer-Encoding";
	s.each = framing_encoding;
	(void)value_search(r, MHD_HEADER_KIND, &s);
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

/* What the head alone tells to be wrong; 0 when nothing is. */
static unsigned request_check(struct http_request *r, uint64_t length)
{
	unsigned allow;

	if (r->http->stopping)
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	if (r->long_target)
		return MHD_HTTP_URI_TOO_LONG;
	if (request_head_size(r) > HEAD_MAX)
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	if (r->bad_target)
		return MHD_HTTP_BAD_REQUEST;
	if (!request_origin_allowed(r))
		return MHD_HTTP_FORBIDDEN;
	r->route = route_find(r->http, http_request_path(r), r->method, &allow);
	if (r->method == HTTP_OPTIONS && allow != 0)
		return 0;
	if (!r->route)
		return allow ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND;
	return length > r->route->max_body ? MHD_HTTP_CONTENT_TOO_LARGE : 0;
}

static void request_refuse(struct http_request *r)
{
	char allow[64];
	unsigned methods;

	(void)route_find(r->http, http_request_path(r), r->method, &methods);
	route_methods_text(methods | HTTP_OPTIONS, allow, sizeof(allow));
	answer_error(r, r->refusal, status_text(r->refusal), true,
		     r->refusal == MHD_HTTP_METHOD_NOT_ALLOWED ? "Allow" : NULL,
		     allow);
}

bool request_persists(const struct http_request *r)
{
	if (r->http->draining ||
	    http_request_header_has(r, "Connection", "close"))
		return false;
	return r->minor > 0 ||
	       http_request_header_has(r, "Connection", "keep-alive");
}

static enum MHD_Result request_begin(struct http_request *r, const char *url,
				     const char *method)
{
	uint64_t length;

	r->path = url;
	r->method = (uint16_t)route_method(method);
	peer_enter(r, PHASE_BODY);
	if (!framing_read(r, &length)) {
		r->refusal = MHD_HTTP_BAD_REQUEST;
		request_refuse(r); /* answered now, the connection closes */
		return MHD_YES;
	}
	r->refusal = (uint16_t)request_check(r, length);
	buf_init(&r->body, r->route ? r->route->max_body : 0);
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

/* Head and body are there. */
static void request_dispatch(struct http_request *r)
{
	struct slice wish;
	unsigned allow;

	if (r->refusal) {
		request_refuse(r);
		return;
	}
	if (r->method == HTTP_OPTIONS &&
	    (!r->route ||
	     http_request_header(r, "Access-Control-Request-Method", &wish))) {
		(void)route_find(r->http, http_request_path(r), r->method,
				 &allow);
		answer_options(r, allow);
		return;
	}
	r->http->handled++;
	r->route->handle(r, r->route->arg);
}

static enum MHD_Result request_complete(struct http_request *r)
{
	/* Called again: it was resumed without a response, to be closed. */
	if (r->complete)
		return MHD_NO;
	r->consumed += request_head_size(r) + r->uploaded;
	r->complete = true;
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
	buf_release(&r->body);
	free(r->address);
	r->address = NULL;
	r->route = NULL;
	r->path = NULL;
	r->uploaded = 0;
	r->refusal = 0;
	if (r->taken)
		return;
	r->complete = false;
	if (r->phase == PHASE_ANSWERED)
		peer_enter(r, PHASE_IDLE);
}
