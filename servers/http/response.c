/* SPDX-License-Identifier: MIT */
/*
 * Responses: status, headers and bytes, rendered when first needed and then
 * shared by all requests that get the same. `struct wire` is what we send
 * ourselves, head and body in one piece; an MHD_Response is for requests that
 * libmicrohttpd has to answer.
 */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"

struct wire {
	unsigned refs;
	time_t second; /* of its Date */
	size_t size;
	char bytes[];
};

struct http_response {
	unsigned users;	   /* references of handlers */
	unsigned borrowed; /* objects of libmicrohttpd that use the body */
	unsigned status;
	bool endless; /* until the connection closes: no length is told */
	char *body;
	size_t size;
	struct buf headers; /* name NUL value NUL ... */
	struct wire
		*plain;	   /* for HTTP/1.1 requests without an Origin; latest */
	struct wire *cors; /* for those of the latest one */
	char *origin;
};

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

static void add_header(struct buf *headers, const char *name, const char *value)
{
	CHECK(buf_add(headers, name, strlen(name) + 1) == ERR_OK);
	CHECK(buf_add(headers, value, strlen(value) + 1) == ERR_OK);
}

void http_response_header(struct http_response *p, const char *name,
			  const char *value)
{
	CHECK(!p->plain && !p->cors);
	add_header(&p->headers, name, value);
}

void http_response_endless(struct http_response *p)
{
	CHECK(!p->plain && !p->cors && p->size == 0);
	p->endless = true;
}

unsigned response_status(const struct http_response *p)
{
	return p->status;
}

void wire_unref(struct wire *w)
{
	if (w && --w->refs == 0)
		free(w);
}

static void response_free_unused(struct http_response *p)
{
	if (p->users > 0 || p->borrowed > 0)
		return;
	wire_unref(p->plain);
	wire_unref(p->cors);
	buf_release(&p->headers);
	free(p->origin);
	free(p->body);
	free(p);
}

void http_response_unref(struct http_response *p)
{
	if (!p)
		return;
	p->users--;
	response_free_unused(p);
}

/* Headers */

/*
 * Cross-origin rules, in this one place: whoever got as far as an answer may
 * read it (request_origin_allowed() says who does not). Nothing here is
 * authorised by a cookie, so that says nothing new.
 */
static void http_cors(struct buf *headers, const char *origin)
{
	add_header(headers, "Access-Control-Allow-Origin", origin);
	add_header(headers, "Access-Control-Allow-Credentials", "true");
	add_header(headers, "Vary", "Origin");
}

/* Takes the next pair off; false at the end. */
static bool next_header(struct slice *headers, const char **name,
			const char **value)
{
	if (headers->n == 0)
		return false;
	*name = headers->p;
	*value = *name + strlen(*name) + 1;
	*headers = slice_after(*headers,
			       (size_t)(*value - *name) + strlen(*value) + 1);
	return true;
}

static void write_headers(struct buf *out, struct slice headers)
{
	const char *name, *value;

	while (next_header(&headers, &name, &value))
		CHECK(buf_printf(out, "%s: %s\r\n", name, value) == ERR_OK);
}

void http_request_cors(const struct http_request *r, struct buf *head)
{
	struct buf headers;
	struct slice origin;

	if (!http_request_header(r, "Origin", &origin) ||
	    !request_origin_allowed(r))
		return;
	buf_init(&headers, BUF_UNLIMITED);
	http_cors(&headers, origin.p);
	write_headers(head, buf_slice(&headers));
	buf_release(&headers);
}

/* For libmicrohttpd */

static void response_returned(void *cls)
{
	struct http_response *p = cls;

	p->borrowed--;
	response_free_unused(p);
}

static ssize_t read_nothing(void *cls, uint64_t at, char *into, size_t size)
{
	(void)cls;
	(void)at;
	(void)into;
	(void)size;
	return MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *response_body(struct http_response *p)
{
	if (p->endless)
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1,
							 read_nothing, p,
							 response_returned);
	return MHD_create_response_from_buffer_with_free_callback_cls(
		p->size, p->body, response_returned, p);
}

struct MHD_Response *response_mhd(struct http_response *p, const char *origin,
				  bool closes)
{
	struct MHD_Response *m = response_body(p);
	const char *name, *value;
	struct slice rest;
	struct buf headers;

	CHECK(m != NULL);
	p->borrowed++;
	buf_init(&headers, BUF_UNLIMITED);
	CHECK(buf_add_slice(&headers, buf_slice(&p->headers)) == ERR_OK);
	if (origin)
		http_cors(&headers, origin);
	if (closes)
		add_header(&headers, "Connection", "close");
	rest = buf_slice(&headers);
	while (next_header(&rest, &name, &value))
		(void)MHD_add_response_header(m, name, value);
	buf_release(&headers);
	return m;
}

/* For ourselves */

/* Neither has a body, nor a length of one (RFC 9110 section 8.6). */
static bool status_is_bare(unsigned status)
{
	return status == MHD_HTTP_NO_CONTENT || status == MHD_HTTP_NOT_MODIFIED;
}

static void write_head(struct buf *out, const struct http_response *p,
		       const struct answer_head *a)
{
	struct buf headers;

	buf_init(&headers, BUF_UNLIMITED);
	if (a->origin)
		http_cors(&headers, a->origin);
	if (a->persist == PERSIST_CLOSE)
		add_header(&headers, "Connection", "close");
	else if (a->persist == PERSIST_SAID)
		add_header(&headers, "Connection", "keep-alive");
	CHECK(buf_printf(out, "HTTP/1.1 %u %s\r\n", p->status,
			 MHD_get_reason_phrase_for(p->status)) == ERR_OK);
	CHECK(buf_add_str(out, a->date->line) == ERR_OK);
	write_headers(out, buf_slice(&p->headers));
	write_headers(out, buf_slice(&headers));
	if (!status_is_bare(p->status) && !p->endless)
		CHECK(buf_printf(out, "Content-Length: %zu\r\n", p->size) ==
		      ERR_OK);
	CHECK(buf_add_str(out, "\r\n") == ERR_OK);
	buf_release(&headers);
}

static struct wire *wire_render(const struct http_response *p,
				const struct answer_head *a)
{
	size_t body = a->head_only || status_is_bare(p->status) ? 0 : p->size;
	struct wire *w;
	struct buf head;

	buf_init(&head, BUF_UNLIMITED);
	write_head(&head, p, a);
	w = xmalloc(sizeof(*w) + head.len + body);
	w->refs = 1;
	w->second = a->date->second;
	w->size = head.len + body;
	memcpy(w->bytes, head.data, head.len);
	memcpy(w->bytes + head.len, p->body, body);
	buf_release(&head);
	return w;
}

struct wire *response_wire(struct http_response *p, const struct answer_head *a)
{
	struct wire **kept = a->origin ? &p->cors : &p->plain;

	if (a->persist != PERSIST_DEFAULT || a->head_only)
		return wire_render(p, a);
	if (a->origin && !(p->origin && strcmp(p->origin, a->origin) == 0)) {
		wire_unref(p->cors);
		p->cors = NULL;
		free(p->origin);
		p->origin = xstrdup(a->origin);
	}
	if (*kept && (*kept)->second != a->date->second) {
		wire_unref(*kept);
		*kept = NULL;
	}
	if (!*kept)
		*kept = wire_render(p, a);
	(*kept)->refs++;
	return *kept;
}

struct slice wire_bytes(const struct wire *w)
{
	return slice_of(w->bytes, w->size);
}
