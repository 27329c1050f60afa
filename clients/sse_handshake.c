/* SPDX-License-Identifier: MIT */
/* The handshake's part of sse.h. */
#include <stdlib.h>
#include <strings.h>

#include "clients/sse.h"
#include "servers/base/check.h"

#define MOVED_MAX 20 /* redirects in a row, as in browsers */
#define EVENT_STREAM "text/event-stream"

/* Life cycle */

void sse_handshake_init(struct sse_client *s)
{
	buf_init(&s->request, CLIENT_OUT_MAX);
	buf_init(&s->moved.location, HTTP1_HEAD_MAX);
	s->http = xcalloc(1, sizeof(*s->http));
	http1_parser_init(s->http);
}

void sse_handshake_done(struct sse_client *s)
{
	if (!s->http)
		return;
	http1_parser_release(s->http);
	free(s->http);
	s->http = NULL;
}

void sse_handshake_release(struct sse_client *s)
{
	struct sse_moved *m = &s->moved;

	if (m->away)
		s->base.options = m->own;
	free(m->host);
	free(m->path);
	buf_release(&m->location);
	*m = (struct sse_moved){0};
	buf_release(&s->request);
	sse_handshake_done(s);
}

/* Request */

static enum err add_last_id(struct buf *b, const struct recovery *r)
{
	if (!r || r->last_id.len == 0)
		return ERR_OK;
	return buf_printf(b, "Last-Event-ID: %.*s\r\n",
			  SLICE_ARG(buf_slice(&r->last_id)));
}

static enum err add_request(struct sse_client *s)
{
	const struct recovery *r = s->base.recovery;
	const struct client_options o =
		r ? recovery_options(r) : s->base.options;
	enum err e = buf_add_str(&s->request, "GET ");

	/* A place that the server named has all that it wants in its query. */
	if (!e)
		e = client_add_target(&s->request, &o, client_sse.path, "",
				      !o.raw && !s->moved.away);
	if (!e)
		e = buf_add_str(&s->request, " HTTP/1.1\r\n");
	if (!e)
		e = client_add_host(&s->request, &o);
	if (!e)
		e = buf_add_str(&s->request, "Accept: " EVENT_STREAM "\r\n"
					     "Cache-Control: no-store\r\n");
	if (!e)
		e = add_last_id(&s->request, r);
	if (!e)
		e = buf_add_str(&s->request, "\r\n");
	return e;
}

enum err sse_handshake_start(struct sse_client *s, const struct conn_ops *ops)
{
	const struct client_options *o = &s->base.options;
	enum err e = add_request(s);

	if (e)
		return e;
	return conn_connect(&s->conn, s->base.env->loop, o->host, o->port,
			    o->local, ops);
}

/* Answer */

/* Whatever the parameters say: a stream is UTF-8 (WHATWG HTML 9.2.5). */
static bool is_event_stream(struct slice type)
{
	const char *end = type.n ? memchr(type.p, ';', type.n) : NULL;

	if (end)
		type.n = (size_t)(end - type.p);
	while (type.n &&
	       (type.p[type.n - 1] == ' ' || type.p[type.n - 1] == '\t'))
		type.n--;
	return type.n == sizeof(EVENT_STREAM) - 1 &&
	       strncasecmp(type.p, EVENT_STREAM, type.n) == 0;
}

static bool is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

void sse_handshake_head(struct sse_client *s, const struct http1_response *r)
{
	struct client *c = &s->base;
	struct slice value;

	if (is_redirect(r->status) &&
	    http1_header(r->headers, "Location", &value) && value.n > 0) {
		if (buf_add_slice(&s->moved.location, value))
			client_fail_status(c, r->status);
		return;
	}
	if (r->status != 200) {
		client_fail_status(c, r->status);
		return;
	}
	if (!http1_header(r->headers, "Content-Type", &value) ||
	    !is_event_stream(value)) {
		client_fail(c, ERR_PROTO,
			    "the server did not answer with an event stream");
		return;
	}
	if (http1_header(r->headers, "Content-Encoding", &value) &&
	    !http1_has_token(value, "identity"))
		client_fail(c, ERR_PROTO,
			    "the server encodes the stream, unasked");
}

/* Redirects */

/* Length of the scheme that an absolute URL starts with, or 0. */
static size_t scheme_length(struct slice url)
{
	for (size_t i = 0; i < url.n; i++)
		if (strchr("/?#", url.p[i]))
			return 0;
		else if (url.p[i] == ':')
			return i;
	return 0;
}

/* The path that a relative reference starts from (RFC 3986 section 5.2). */
static struct slice base_path(const struct client_options *o, char first)
{
	struct slice path = slice_str(o->path ? o->path : client_sse.path);

	path.n = strcspn(path.p, "?");
	if (first == '?')
		return path;
	while (path.n > 0 && path.p[path.n - 1] != '/')
		path.n--;
	return path;
}

/* Appends the location as an absolute URL. */
static enum err add_absolute(struct buf *b, const struct client_options *o,
			     struct slice location)
{
	bool ipv6 = strchr(o->host, ':') != NULL;
	enum err e = ERR_OK;

	if (scheme_length(location) > 0)
		return buf_add_slice(b, location);
	if (location.n > 1 && memcmp(location.p, "//", 2) == 0)
		e = buf_add_str(b, "http:");
	else
		e = buf_printf(b, "http://%s%s%s:%d", ipv6 ? "[" : "", o->host,
			       ipv6 ? "]" : "", o->port);
	if (!e && location.p[0] != '/')
		e = buf_add_slice(b, base_path(o, location.p[0]));
	return e ? e : buf_add_slice(b, location);
}

/* Takes the next segment with its slash off `rest`. */
static struct slice take_segment(struct slice *rest)
{
	struct slice s = *rest;
	const char *slash = memchr(s.p + 1, '/', s.n - 1);

	if (slash)
		s.n = (size_t)(slash - s.p);
	*rest = slice_after(*rest, s.n);
	return s;
}

/* Appends the path without its dot segments (RFC 3986 section 5.2.4). */
static enum err add_path(struct buf *b, struct slice path)
{
	enum err e = ERR_OK;

	while (path.n > 0 && !e) {
		struct slice s = take_segment(&path);
		bool up = slice_is(s, "/..");

		while (up && b->len > 0 && b->data[--b->len] != '/')
			;
		if (!up && !slice_is(s, "/."))
			e = buf_add_slice(b, s);
		else if (path.n == 0)
			e = buf_add_char(b, '/');
	}
	return e;
}

static enum err add_target(struct buf *b, const struct http1_url *url)
{
	enum err e = add_path(b, url->path);

	if (!e && url->query.n > 0)
		e = buf_printf(b, "?%.*s", SLICE_ARG(url->query));
	return e;
}

/* Makes the options name the place. */
static void go_to(struct sse_client *s, const struct http1_url *url,
		  struct slice target)
{
	struct sse_moved *m = &s->moved;
	char *host = xmemdupz(url->host.p, url->host.n);

	if (!m->away)
		m->own = s->base.options;
	m->away = true;
	free(m->host);
	free(m->path);
	m->host = host;
	m->path = xmemdupz(target.p, target.n);
	s->base.options.host = m->host;
	s->base.options.port = url->port;
	s->base.options.path = m->path;
}

/* Returns why not, for a person, or NULL. */
static const char *move(struct sse_client *s)
{
	struct buf absolute, target;
	struct http1_url url;
	const char *why = NULL;

	if (++s->moved.count > MOVED_MAX)
		return "the server redirects again and again";
	buf_init(&absolute, 2 * HTTP1_HEAD_MAX);
	buf_init(&target, 2 * HTTP1_HEAD_MAX);
	if (add_absolute(&absolute, &s->base.options,
			 buf_slice(&s->moved.location)) ||
	    http1_url_parse(buf_slice(&absolute), &url) ||
	    add_target(&target, &url))
		why = "the server redirects to what is no http:// URL";
	else if (strcmp(url.scheme.p, "http") != 0)
		why = "the server redirects to what is not http://";
	else
		go_to(s, &url, buf_slice(&target));
	buf_release(&absolute);
	buf_release(&target);
	return why;
}

void sse_handshake_follow(struct sse_client *s, const struct conn_ops *ops)
{
	struct client *c = &s->base;
	const char *why = move(s);
	enum err e;

	if (why) {
		client_fail(c, ERR_PROTO, why);
		return;
	}
	conn_close(&s->conn);
	buf_clear(&s->moved.location);
	buf_clear(&s->request);
	http1_parser_release(s->http);
	http1_parser_init(s->http);
	e = sse_handshake_start(s, ops);
	if (e)
		client_fail(c, e == ERR_NOTFOUND ? ERR_REFUSED : e,
			    "cannot connect");
}
