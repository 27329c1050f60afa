/* SPDX-License-Identifier: MIT */
/*
 * Answers that libmicrohttpd cannot give: to a head that never becomes whole,
 * to a connection that there is no room for. They are written to the socket as
 * it is, which is right for plain TCP only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"

#define LINGER_MAX 64	     /* sockets at a time; more are closed at once */
#define LINGER_MS 2000	     /* how long a peer may take to notice */
#define LINGER_BYTES 8388608 /* how much of what it still sends is read */
#define LINGER_READS 4	     /* per tick */

struct farewell {
	struct loop_fd io;
	struct timer timer;
	struct list link; /* in http->lingering */
	struct http *http;
	uint64_t left;
};

void raw_error(int fd, unsigned status, const char *text)
{
	struct http_date date = {0};
	char body[128], answer[512];
	int size = snprintf(body, sizeof(body), "{\"error\":\"%s\"}", text);
	int n = snprintf(answer, sizeof(answer),
			 "HTTP/1.1 %u %s\r\n%s"
			 "Content-Type: " JSON_TYPE "\r\n"
			 "Content-Length: %d\r\n"
			 "Connection: close\r\n\r\n%s",
			 status, MHD_get_reason_phrase_for(status),
			 date_now(&date)->line, size, body);

	CHECK(n > 0 && (size_t)n < sizeof(answer));
	(void)send(fd, answer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void raw_discard(int fd)
{
	char sink[16384];

	for (unsigned i = 0; i < LINGER_READS; i++)
		if (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) <= 0)
			return;
}

static void farewell_end(struct farewell *f)
{
	int fd = f->io.fd;

	loop_remove(f->http->loop, &f->io);
	(void)close(fd);
	timer_cancel(&f->timer);
	list_remove(&f->link);
	f->http->linger_count--;
	free(f);
}

static void farewell_timeout(struct timer *t)
{
	farewell_end(container_of(t, struct farewell, timer));
}

static void farewell_ready(struct loop_fd *io, uint32_t events)
{
	struct farewell *f = container_of(io, struct farewell, io);
	char sink[16384];

	(void)events;
	for (unsigned i = 0; i < LINGER_READS; i++) {
		ssize_t n = recv(io->fd, sink, sizeof(sink), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || (uint64_t)n > f->left) {
			farewell_end(f);
			return;
		}
		f->left -= (uint64_t)n;
	}
}

void raw_linger(struct http *h, int fd)
{
	struct farewell *f;

	(void)shutdown(fd, SHUT_WR);
	if (h->linger_count >= LINGER_MAX) {
		(void)close(fd);
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->http = h;
	f->left = LINGER_BYTES;
	if (loop_add(h->loop, &f->io, fd, EPOLLIN | EPOLLRDHUP,
		     farewell_ready) != ERR_OK) {
		(void)close(fd);
		free(f);
		return;
	}
	timer_init(&f->timer, farewell_timeout);
	timer_arm(loop_wheel(h->loop), &f->timer, LINGER_MS);
	list_append(&h->lingering, &f->link);
	h->linger_count++;
}

void raw_linger_end_all(struct http *h)
{
	LIST_FOREACH (it, &h->lingering)
		farewell_end(list_entry(it, struct farewell, link));
}
