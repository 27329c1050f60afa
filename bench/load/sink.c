/* SPDX-License-Identifier: MIT */
#include "bench/load/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "clients/env.h"
#include "servers/base/buf.h"
#include "servers/base/check.h"
#include "servers/base/conn.h"

#define REQUEST_MAX 4096
#define INPUT 65536
#define HEAD_END "\r\n\r\n"

struct sink {
	struct conn conn; /* its loop_fd outlives the opening */
	struct sinks *set;
	unsigned matched; /* bytes of HEAD_END seen in a row */
	bool headed;	  /* the response's head is behind us */
};

struct sinks {
	struct loop *loop;
	const struct client_options *options;
	struct buf request;
	bool http; /* the answer starts with a head */
	bool frozen;
	uint32_t max, started, open, closed;
	uint64_t bytes_in, bytes_out;
	const char *error;
	struct sink *items;
	char input[INPUT];
};

/* Ends */

static void gone(struct sink *k, const char *why)
{
	if (!conn_open(&k->conn))
		return;
	conn_close(&k->conn);
	k->set->closed++;
	k->set->error = why;
}

/* Receiving: `got` is 0 when nothing more can be read now. */
static bool receive(struct sink *k, size_t *got)
{
	struct sinks *s = k->set;
	ssize_t n = recv(k->conn.io.fd, s->input, sizeof(s->input), 0);

	*got = n > 0 ? (size_t)n : 0;
	s->bytes_in += *got;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return true;
	gone(k, n == 0 ? "closed by the server" : "connection reset");
	return false;
}

/* The plain loop. */
static void on_bytes(struct loop_fd *f, uint32_t events)
{
	struct sink *k = container_of(f, struct sink, conn.io);
	size_t got;

	(void)events;
	while (receive(k, &got) && got == INPUT)
		continue;
}

/* Opening: what follows the head tells that the subscription stands. */

static bool past_head(struct sink *k, size_t got)
{
	for (size_t i = 0; i < got; i++) {
		char c = k->set->input[i];

		if (k->headed || !k->set->http)
			return true;
		k->matched = c == HEAD_END[k->matched] ? k->matched + 1
			     : c == HEAD_END[0]	       ? 1
						       : 0;
		k->headed = k->matched == strlen(HEAD_END);
	}
	return false;
}

/* It stays open, and nobody looks at it any more. */
static void freeze(struct sink *k)
{
	int fd = k->conn.io.fd;

	loop_remove(k->set->loop, &k->conn.io);
	k->conn.io.fd = fd; /* so that it is closed in the end */
}

static void on_opening(struct loop_fd *f, uint32_t events)
{
	struct sink *k = container_of(f, struct sink, conn.io);
	size_t got = INPUT;

	(void)events;
	while (got == INPUT && receive(k, &got)) {
		if (f->on_event == on_opening && past_head(k, got)) {
			f->on_event = on_bytes;
			k->set->open++;
			if (k->set->frozen) {
				freeze(k);
				return;
			}
		}
	}
}

/* Connected: from here on the descriptor is read by hand. */
static void on_connected(struct conn *c)
{
	struct sink *k = container_of(c, struct sink, conn);
	struct sinks *s = k->set;
	int fd = c->io.fd;
	size_t wrote = 0;

	if (conn_write(c, s->request.data, s->request.len, &wrote) != ERR_OK ||
	    wrote != s->request.len) {
		gone(k, "the request could not be sent");
		return;
	}
	s->bytes_out += wrote;
	loop_remove(s->loop, &c->io);
	if (loop_add(s->loop, &c->io, fd, EPOLLIN | EPOLLET, on_opening) !=
	    ERR_OK) {
		c->io.fd = fd; /* so that it is closed */
		gone(k, "the socket could not be watched");
	}
}

static void on_readable(struct conn *c)
{
	(void)c;
}

static void on_gone(struct conn *c, enum err why)
{
	gone(container_of(c, struct sink, conn), err_text(why));
}

static const struct conn_ops conn_events = {
	.on_readable = on_readable,
	.on_writable = on_connected,
	.on_gone = on_gone,
};

/* Life cycle */

static enum err build_request(struct buf *b, const struct client_options *o,
			      bool ws)
{
	enum err e = buf_add_str(b, "GET ");

	if (!e)
		e = client_add_target(b, o, ws ? "/ws" : "/sse", "", true);
	if (!e)
		e = buf_add_str(b, " HTTP/1.1\r\n");
	if (!e)
		e = client_add_host(b, o);
	if (!e && ws)
		e = buf_add_str(b, "Upgrade: websocket\r\n"
				   "Connection: Upgrade\r\n"
				   "Sec-WebSocket-Version: 13\r\n"
				   "Sec-WebSocket-Key: "
				   "cGxhaW4gcmVjdiBsb29wLg==\r\n");
	if (!e && !ws)
		e = buf_add_str(b, "Accept: text/event-stream\r\n");
	return e ? e : buf_add_str(b, "\r\n");
}

static enum err build_opening(struct sinks *s, const char *dialect)
{
	bool ws = strcmp(dialect, "ws") == 0;

	s->http = ws || strcmp(dialect, "sse") == 0;
	if (s->http)
		return build_request(&s->request, s->options, ws);
	if (strcmp(dialect, "bare") == 0)
		return buf_add_char(&s->request, 'S');
	return ERR_USAGE;
}

enum err sinks_new(struct loop *l, const char *dialect,
		   const struct client_options *o, uint32_t max,
		   struct sinks **out)
{
	struct sinks *s = xcalloc(1, sizeof(*s));
	enum err e;

	s->loop = l;
	s->options = o;
	s->max = max;
	s->error = "";
	s->items = xcalloc((size_t)max + 1, sizeof(*s->items));
	buf_init(&s->request, REQUEST_MAX);
	e = build_opening(s, dialect);
	if (e) {
		sinks_free(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void sinks_free(struct sinks *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->started; i++)
		conn_close(&s->items[i].conn);
	buf_release(&s->request);
	free(s->items);
	free(s);
}

/* Operations */

void sinks_freeze(struct sinks *s)
{
	s->frozen = true;
}

void sinks_connect(struct sinks *s)
{
	struct sink *k = &s->items[s->started];
	enum err e;

	CHECK(s->started < s->max);
	s->started++;
	k->set = s;
	e = conn_connect(&k->conn, s->loop, s->options->host, s->options->port,
			 s->options->local, &conn_events);
	if (e) {
		s->closed++;
		s->error = err_text(e);
	}
}

/* Queries */

uint32_t sinks_started(const struct sinks *s)
{
	return s->started;
}

uint32_t sinks_open(const struct sinks *s)
{
	return s->open;
}

uint32_t sinks_closed(const struct sinks *s)
{
	return s->closed;
}

uint64_t sinks_bytes_in(const struct sinks *s)
{
	return s->bytes_in;
}

uint64_t sinks_bytes_out(const struct sinks *s)
{
	return s->bytes_out;
}

const char *sinks_error(const struct sinks *s)
{
	return s->error;
}
