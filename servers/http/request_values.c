/* SPDX-License-Identifier: MIT */
/* What a handler asks a request: its headers, arguments, and whence it came. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"
#include "servers/wire/http1.h"

/* Values */

struct value_search {
	struct slice name;
	void (*each)(void *arg, struct slice value);
	void *arg;
	bool first_only;
	bool found;
	struct slice value;
};

/* libmicrohttpd leaves the space behind a value (RFC 9110 section 5.5). */
static struct slice without_space_behind(struct slice value)
{
	while (value.n > 0 &&
	       (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
		value.n--;
	return value;
}

static enum MHD_Result value_visit(void *cls, enum MHD_ValueKind kind,
				   const char *key, size_t key_size,
				   const char *value, size_t value_size)
{
	struct value_search *s = cls;
	if (key_size != s->name.n ||
	    (kind == MHD_HEADER_KIND ? strcasecmp(key, s->name.p)
				     : strcmp(key, s->name.p)) != 0)
		return MHD_YES;
	s->found = true;
	s->value = slice_of(value ? value : "", value_size);
	if (kind == MHD_HEADER_KIND)
		s->value = without_space_behind(s->value);
	if (s->each)
		s->each(s->arg, s->value);
	return s->first_only ? MHD_NO : MHD_YES;
}

static void plain_each(const struct plain_request *q, enum MHD_ValueKind kind,
		       MHD_KeyValueIteratorN each, void *arg)
{
	bool headers = kind == MHD_HEADER_KIND;
	const struct http1_field *f =
		headers ? q->head.headers : q->target.arguments;
	unsigned n = headers ? q->head.header_count : q->target.count;

	for (; n > 0; n--, f++)
		if (each(arg, kind, f->name.p, f->name.n, f->value.p,
			 f->value.n) != MHD_YES)
			return;
}

void request_each(const struct http_request *r, enum MHD_ValueKind kind,
		  MHD_KeyValueIteratorN each, void *arg)
{
	if (r->plain)
		plain_each(r->plain, kind, each, arg);
	else
		(void)MHD_get_connection_values_n(r->mhd, kind, each, arg);
}

static bool value_search(const struct http_request *r, enum MHD_ValueKind kind,
			 struct value_search *s)
{
	request_each(r, kind, value_visit, s);
	return s->found;
}

bool http_request_header(const struct http_request *r, const char *name,
			 struct slice *value)
{
	struct value_search s = {.name = slice_str(name), .first_only = true};

	if (!value_search(r, MHD_HEADER_KIND, &s))
		return false;
	*value = s.value;
	return true;
}

bool http_request_query(const struct http_request *r, const char *name,
			struct slice *value)
{
	struct value_search s = {.name = slice_str(name), .first_only = true};

	if (!value_search(r, MHD_GET_ARGUMENT_KIND, &s))
		return false;
	*value = s.value;
	return true;
}

void http_request_query_each(const struct http_request *r, const char *name,
			     void (*each)(void *arg, struct slice value),
			     void *arg)
{
	struct value_search s = {
		.name = slice_str(name), .each = each, .arg = arg};

	(void)value_search(r, MHD_GET_ARGUMENT_KIND, &s);
}

void http_request_header_each(const struct http_request *r, const char *name,
			      void (*each)(void *arg, struct slice value),
			      void *arg)
{
	struct value_search s = {
		.name = slice_str(name), .each = each, .arg = arg};

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
	struct value_search s = {
		.name = slice_str(name), .each = token_look, .arg = &t};

	(void)value_search(r, MHD_HEADER_KIND, &s);
	return t.found;
}

struct origin_search {
	const char *const *origins;
	bool foreign;
};

static void origin_look(void *arg, struct slice value)
{
	struct origin_search *o = arg;

	o->foreign |= !http1_origin_listed(o->origins, value);
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
