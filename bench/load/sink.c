/* SPDX-License-Identifier: MIT */
#include "bench/load/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clients/env.h"
#include "servers/base/buf.h"
#include "servers/base/check.h"
#include "servers/base/conn.h"

#define REQUEST_MAX 4096
#define INPUT 65536
#define SIP_NS 20000000 /* slow ones read so often */
#define HEAD_END "\r\n\r\n"

struct sink {
	struct conn conn; /* its loop_fd outlives the opening */
	struct sinks *set;
	unsigned matched; /* bytes of HEAD_END seen in a row */
	bool headed;	  /* the response's head is behind us */
	bool sips;	  /* is read by the timer */
};

struct sinks {
	struct loop *loop;
	const struct client_options *options;
	struct buf request;
	bool http;	      /* the answer starts with a head */
	struct loop_fd timer; /* of slow ones, every SIP_NS */
	double rate, due;     /* bytes a second, and not read yet, of each */
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
static bool receive_some(struct sink *k, size_t max, size_t *got)
{
	struct sinks *s = k->set;
	ssize_t n = recv(k->conn.io.fd, s->input, max, 0);

	*got = n > 0 ? (size_t)n : 0;
	s->bytes_in += *got;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return true;
	gone(k, n == 0 ? "closed by the server" : "connection reset");
	return false;
}

static bool receive(struct sink *k, size_t *got)
{
	return receive_some(k, INPUT, got);
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

/* It stays open, and only the timer looks at it any more. */
static void slow_down(struct sink *k)
{
	int fd = k->conn.io.fd;

	loop_remove(k->set->loop, &k->conn.io);
	k->conn.io.fd = fd; /* so that it is closed in the end */
	k->sips = true;
}

static void sip(struct sink *k, size_t most)
{
	size_t got = 1;

	while (most > 0 && got > 0 &&
	       receive_some(k, most < INPUT ? most : INPUT, &got))
		most -= got;
}

static void on_timer(struct loop_fd *f, uint32_t events)
{
	struct sinks *s = container_of(f, struct sinks, timer);
	uint64_t times = 0;
	size_t most;

	(void)events;
	(void)!read(f->fd, &times, sizeof(times));
	s->due += s->rate * (double)(times * SIP_NS) / 1e9;
	most = (size_t)s->due;
	s->due -= (double)most;
	for (uint32_t i = 0; i < s->started; i++) {
		if (s->items[i].sips && conn_open(&s->items[i].conn))
			sip(&s->items[i], most);
	}
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
			if (k->set->rate > 0) {
				slow_down(k);
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
	s->timer.fd = -1;
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

static void close_timer(struct sinks *s)
{
	int fd = s->timer.fd;

	if (fd < 0)
		return;
	loop_remove(s->loop, &s->timer);
	(void)close(fd);
}

void sinks_free(struct sinks *s)
{
	if (!s)
		return;
	close_timer(s);
	for (uint32_t i = 0; i < s->started; i++)
		conn_close(&s->items[i].conn);
	buf_release(&s->request);
	free(s->items);
	free(s);
}

/* Operations */

enum err sinks_slow(struct sinks *s, uint32_t rate)
{
	const struct timespec each = {.tv_nsec = SIP_NS};
	const struct itimerspec at = {.it_value = each, .it_interval = each};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	CHECK(rate > 0);
	s->rate = rate;
	if (fd < 0)
		return ERR_IO;
	if (timerfd_settime(fd, 0, &at, NULL) == 0 &&
	    loop_add(s->loop, &s->timer, fd, EPOLLIN, on_timer) == ERR_OK)
		return ERR_OK;
	(void)close(fd);
	return ERR_IO;
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
