/* SPDX-License-Identifier: MIT */
/*
 * Accepting connections, and refusing those that there is no room for: beyond
 * the limit with an answer, and when no descriptor is left with the one kept
 * in reserve, so that the queue of the listening socket never makes us spin.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/http/internal.h"

#define ACCEPTS_PER_TICK 64
#define REARM_MS 100

static const char no_room[] = "too many connections";

void accept_rearm(struct timer *t)
{
	struct http *h = container_of(t, struct http, rearm);

	if (h->listener.fd >= 0 &&
	    loop_modify(h->loop, &h->listener, EPOLLIN) != ERR_OK)
		log_error("http", "cannot watch the listening socket");
}

/* Looks away from the listener for a while instead of spinning on it. */
static void accept_pause(struct http *h)
{
	if (loop_modify(h->loop, &h->listener, 0) == ERR_OK)
		timer_arm(loop_wheel(h->loop), &h->rearm, REARM_MS);
}

static void accept_warn(struct http *h, const char *what)
{
	unsigned more;

	if (!log_limit_pass(&h->starved, loop_now_ms(h->loop), &more))
		return;
	log_warn("http",
		 "%s: refusing connections (%u refused since the last "
		 "such line)",
		 what, more);
}

static int accept_one(struct http *h)
{
	return accept4(h->listener.fd, NULL, NULL,
		       SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void accept_refuse_now(int fd)
{
	raw_discard(fd);
	raw_error(fd, MHD_HTTP_SERVICE_UNAVAILABLE, no_room);
	(void)shutdown(fd, SHUT_WR);
	(void)close(fd);
}

/* Uses the reserve for one peer. False when nobody waits or it failed. */
static bool accept_starved(struct http *h)
{
	int fd, error;

	accept_warn(h, "out of descriptors");
	reserve_release(h);
	fd = accept_one(h);
	error = errno;
	if (fd >= 0)
		accept_refuse_now(fd);
	reserve_restore(h);
	if (fd < 0 && error != EAGAIN)
		accept_pause(h);
	return fd >= 0;
}

static void accept_add(struct http *h, int fd)
{
	int on = 1;

	if (http_connections(h) >= h->options.max_connections) {
		accept_warn(h, "the limit of connections is reached");
		raw_error(fd, MHD_HTTP_SERVICE_UNAVAILABLE, no_room);
		raw_linger(h, fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	peer_open(h, fd);
}

/* Whether accepting may go on after this error. */
static bool accept_failed(struct http *h, int error)
{
	switch (error) {
	case EAGAIN:
		return false;
	case EMFILE:
	case ENFILE:
		return accept_starved(h);
	case ENOBUFS:
	case ENOMEM:
		accept_warn(h, "out of memory for sockets");
		accept_pause(h);
		return false;
	case EINTR:
	case EPERM: /* a firewall's word */
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
		return true; /* that peer is gone, the next one is not */
	default:
		accept_warn(h, "cannot accept");
		accept_pause(h);
		return false;
	}
}

void accept_ready(struct loop_fd *f, uint32_t events)
{
	struct http *h = container_of(f, struct http, listener);

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_PER_TICK; i++) {
		int fd = accept_one(h);

		if (fd >= 0)
			accept_add(h, fd);
		else if (!accept_failed(h, errno))
			return;
	}
}
