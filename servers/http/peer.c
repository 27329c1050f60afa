/* SPDX-License-Identifier: MIT */
/*
 * Connections: ours while they wait, lent to libmicrohttpd while it reads a
 * request, taken back when the request is answered or held.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h> /* glibc's tcp_info is an old one */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"

#define PEER_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define PEER_LEFT (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

/*
 * So many are lent before libmicrohttpd runs: it then reuses the memory of a
 * few connections that the caches still hold, and the allocator's reserve at
 * the top of the heap is enough for them.
 */
#define LENT_AT_ONCE 3

/* Ending */

/* Whether the peer may still be sending what nobody will read. */
static bool peer_is_sending(const struct http_request *r)
{
	int unread = 0;

	if (r->peer_closed || r->given_up || r->http->stopping)
		return false;
	/* libmicrohttpd answered a head or body in the middle. */
	if (r->phase == PHASE_HEAD || r->phase == PHASE_BODY)
		return true;
	return ioctl(r->io.fd, FIONREAD, &unread) == 0 && unread > 0;
}

void peer_end(struct http_request *r)
{
	struct http *h = r->http;
	int fd = r->io.fd;

	CHECK(!r->mhd);
	timer_cancel(&r->timer);
	list_remove(&r->due);
	list_remove(&r->link);
	if (fd >= 0) {
		bool sending = peer_is_sending(r);

		loop_remove(h->loop, &r->io);
		if (sending)
			raw_linger(h, fd);
		else
			(void)close(fd);
		h->open--;
	}
	if (r->wire)
		wire_unref(r->wire);
	buf_release(&r->body);
	free(r->address);
	free(r->origin);
	free(r);
}

/* Ends it now, or as soon as libmicrohttpd has let go. */
static void peer_fail(struct http_request *r)
{
	r->phase = PHASE_DEAD;
	if (!r->mhd)
		peer_end(r);
}

/* Lending */

/* A second descriptor; -1 when there is none to be had. */
static int peer_duplicate(struct http_request *r)
{
	int fd = fcntl(r->io.fd, F_DUPFD_CLOEXEC, 0);

	/* It is given back soon, mostly within this tick: use the reserve. */
	if (fd < 0 && errno == EMFILE) {
		reserve_release(r->http);
		fd = fcntl(r->io.fd, F_DUPFD_CLOEXEC, 0);
	}
	return fd;
}

static void peer_refuse(struct http_request *r)
{
	raw_error(r->io.fd, MHD_HTTP_SERVICE_UNAVAILABLE,
		  "too many connections");
	peer_end(r);
}

static void peer_lend(struct http_request *r)
{
	/* It wants an address to remember; we ask the kernel when asked. */
	static const struct sockaddr_in nowhere = {.sin_family = AF_INET};
	struct http *h = r->http;
	int fd = peer_duplicate(r);

	r->readable = false;
	if (fd < 0) {
		peer_refuse(r);
		return;
	}
	h->lending = r;
	r->reader = reader_choose(h, fd);
	/* It closes the descriptor when it fails. */
	if (MHD_add_connection(r->reader->daemon, fd,
			       (const struct sockaddr *)&nowhere,
			       sizeof(nowhere)) != MHD_YES) {
		if (h->lending)
			peer_refuse(r);
		h->lending = NULL;
		return;
	}
	/* A new connection's time counts from its start. */
	if (r->phase == PHASE_NEW)
		r->phase = PHASE_HEAD;
	else
		peer_enter(r, PHASE_HEAD);
	r->reader->ready = true;
	if (++h->lent >= LENT_AT_ONCE)
		(void)reader_run_all(h);
}

/* Something came, or the peer left. */
static void peer_wake(struct http_request *r)
{
	int unread = 0;

	if (r->http->stopping) {
		peer_end(r);
		return;
	}
	if (r->peer_closed &&
	    (ioctl(r->io.fd, FIONREAD, &unread) != 0 || unread == 0))
		peer_end(r);
	else
		peer_lend(r);
}

/* Taking back */

static uint64_t peer_received(const struct http_request *r)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	if (getsockopt(r->io.fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
	    size < offsetof(struct tcp_info, tcpi_bytes_received) +
			    sizeof(info.tcpi_bytes_received))
		return 0;
	return info.tcpi_bytes_received;
}

bool peer_take(struct http_request *r)
{
	if (!r->mhd || r->taken)
		return true;
	/*
	 * The end of the stream counts as a byte that no request took up, and
	 * so does what frames the chunks of a body.
	 */
	if (!r->complete || r->suspended || peer_received(r) != r->consumed)
		return false;
	r->taken = true;
	return true;
}

static void peer_returned(struct http_request *r)
{
	bool taken = r->taken;

	r->mhd = NULL;
	r->taken = false;
	r->complete = false;
	if (!taken || r->phase == PHASE_DEAD || r->phase == PHASE_LEAVING)
		peer_end(r);
}

void peer_notify(void *cls, struct MHD_Connection *mhd, void **context,
		 enum MHD_ConnectionNotificationCode what)
{
	struct http *h = cls;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = h->lending;
		h->lending->mhd = mhd;
		h->lending = NULL;
	} else {
		peer_returned(*context);
	}
}

/* Answering */

static void peer_answered(struct http_request *r)
{
	if (!r->keep) {
		peer_fail(r);
		return;
	}
	peer_enter(r, PHASE_IDLE);
	if (r->readable || r->peer_closed)
		peer_later(r);
}

static void peer_write(struct http_request *r)
{
	struct slice rest = slice_after(wire_bytes(r->wire), r->sent);
	ssize_t n = send(r->io.fd, rest.p, rest.n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		peer_fail(r);
		return;
	}
	if (n > 0)
		r->sent += (size_t)n;
	if (n < 0 || (size_t)n < rest.n)
		return; /* EPOLLOUT comes */
	wire_unref(r->wire);
	r->wire = NULL;
	peer_answered(r);
}

void peer_send(struct http_request *r, struct wire *w)
{
	free(r->origin);
	r->origin = NULL;
	r->wire = w;
	r->sent = 0;
	peer_enter(r, PHASE_ANSWERED);
	peer_write(r);
}

void peer_gone(struct http_request *r)
{
	void (*gone)(struct http_request *, void *) = r->on.gone;

	r->phase = PHASE_DEAD;
	gone(r, r->arg);
	if (!r->mhd)
		peer_end(r);
	else if (r->suspended)
		peer_later(r);
}

void peer_later(struct http_request *r)
{
	if (!list_linked(&r->due))
		list_append(&r->http->due, &r->due);
}

void peer_resume(struct http_request *r)
{
	list_remove(&r->due);
	if (!r->mhd) {
		peer_wake(r);
	} else if (r->suspended) {
		r->suspended = false;
		MHD_resume_connection(r->mhd);
	}
}

/* Events */

static void peer_event(struct loop_fd *f, uint32_t events)
{
	struct http_request *r = container_of(f, struct http_request, io);

	if (events & PEER_LEFT)
		r->peer_closed = true;
	switch (r->phase) {
	case PHASE_NEW:
	case PHASE_IDLE:
		if (!(events & (EPOLLIN | PEER_LEFT)))
			return;
		if (!r->mhd)
			peer_wake(r);
		else
			peer_enter(r, PHASE_HEAD);
		return;
	case PHASE_HELD:
		r->readable |= (events & EPOLLIN) != 0;
		if (r->peer_closed)
			peer_gone(r);
		return;
	case PHASE_ANSWERED:
		r->readable |= (events & EPOLLIN) != 0;
		if (r->wire && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
			peer_write(r);
		return;
	default: /* libmicrohttpd sees it as well */
		return;
	}
}

/* Life cycle */

void peer_open(struct http *h, int fd)
{
	struct http_request *r = xcalloc(1, sizeof(*r));

	if (loop_add(h->loop, &r->io, fd, PEER_EVENTS, peer_event) != ERR_OK) {
		log_error("http", "cannot watch a connection");
		(void)close(fd);
		free(r);
		return;
	}
	r->http = h;
	list_init(&r->due);
	list_init(&r->link);
	list_append(&h->requests, &r->link);
	timer_init(&r->timer, peer_timeout);
	h->open++;
	peer_enter(r, PHASE_NEW);
}

void peer_drain(struct http *h)
{
	LIST_FOREACH (it, &h->requests) {
		struct http_request *r =
			list_entry(it, struct http_request, link);

		if (r->phase != PHASE_IDLE && r->phase != PHASE_NEW)
			continue;
		if (!r->mhd) {
			peer_end(r);
		} else {
			r->given_up = true;
			(void)shutdown(r->io.fd, SHUT_RDWR);
		}
	}
}
