/* SPDX-License-Identifier: MIT */
/*
 * Connections: ours while they wait and for plain requests, lent to
 * libmicrohttpd while it reads another one, taken back when that is answered
 * or held.
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

#define USUAL_HEAD 4096 /* looked at first */
#define SPENT_MAX 1024	/* of it, what was served before */

/* Spent bytes */

void peer_take_spent(struct http_request *r)
{
	if (r->spent > 0 && recv(r->io.fd, NULL, r->spent,
				 MSG_TRUNC | MSG_DONTWAIT) != (ssize_t)r->spent)
		(void)shutdown(r->io.fd, SHUT_RDWR); /* it is broken */
	r->spent = 0;
}

/*
 * A request was looked at and is served, but the kernel still has its bytes,
 * which are passed over when the next one is looked at: taking them costs a
 * call, so it is done for several requests at once.
 */
static void peer_spend(struct http_request *r, size_t n)
{
	r->consumed += n;
	r->spent += (uint32_t)n;
	if (r->spent > SPENT_MAX)
		peer_take_spent(r);
}

/* Whether there is more than that. */
static bool peer_has_unread(const struct http_request *r)
{
	int n = 0;

	return ioctl(r->io.fd, FIONREAD, &n) == 0 && (unsigned)n > r->spent;
}

/* Ending */

/* Whether the peer may still be sending what nobody will read. */
static bool peer_is_sending(const struct http_request *r)
{
	if (r->peer_closed || r->given_up || r->http->stopping)
		return false;
	/* libmicrohttpd answered a head or body in the middle. */
	if (r->phase == PHASE_HEAD || r->phase == PHASE_BODY)
		return true;
	return peer_has_unread(r);
}

void peer_end(struct http_request *r)
{
	struct http *h = r->http;
	int fd = r->io.fd;

	CHECK(!r->mhd && !r->plain);
	timer_cancel(&r->timer);
	list_remove(&r->due);
	list_remove(&r->owned);
	list_remove(&r->link);
	if (fd >= 0) {
		bool sending = peer_is_sending(r);

		/* Closing would reset the connection otherwise. */
		peer_take_spent(r);
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

/* Ends it now, or as soon as who has called its handler lets go. */
static void peer_fail(struct http_request *r)
{
	r->phase = PHASE_DEAD;
	if (!r->mhd && !r->plain)
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

static void peer_lend(struct http_request *r, struct reader *reader)
{
	/* It wants an address to remember; we ask the kernel when asked. */
	static const struct sockaddr_in nowhere = {.sin_family = AF_INET};
	struct http *h = r->http;
	int fd = peer_duplicate(r);

	peer_take_spent(r);
	if (fd < 0) {
		peer_refuse(r);
		return;
	}
	h->lending = r;
	r->reader = reader;
	r->unseen = false;
	/* It closes the descriptor when it fails. */
	if (MHD_add_connection(r->reader->daemon, fd,
			       (const struct sockaddr *)&nowhere,
			       sizeof(nowhere)) != MHD_YES) {
		if (h->lending)
			peer_refuse(r);
		h->lending = NULL;
		return;
	}
	r->reader->ready = true;
	if (++h->lent >= LENT_AT_ONCE)
		(void)reader_run_all(h);
}

/* A head has begun. */
static void peer_begin(struct http_request *r)
{
	/* A new connection's time counts from its start. */
	if (r->phase == PHASE_NEW)
		r->phase = PHASE_HEAD;
	else if (r->phase != PHASE_HEAD)
		peer_enter(r, PHASE_HEAD);
}

static void peer_refuse_head(struct http_request *r, unsigned status,
			     const char *why)
{
	raw_error(r->io.fd, status, why);
	peer_take_spent(r);
	if (r->peer_closed)
		raw_discard(r->io.fd);
	peer_end(r);
}

/*
 * Serves a plain request that is all there is; the kernel counts its bytes as
 * received by us. False: it is not such a one.
 */
static bool peer_serve(struct http_request *r, struct plain_request *q,
		       char *bytes, struct slice body)
{
	if (!q->head.plain || body.n != q->head.length || r->peer_closed ||
	    !http1_request_decode(bytes, &q->head, &q->target))
		return false;
	peer_spend(r, (size_t)(body.p - bytes) + body.n);
	request_serve(r, q, body);
	if (r->phase == PHASE_DEAD || r->phase == PHASE_LEAVING)
		peer_end(r);
	return true;
}

/* What has come of a head, which stays with the kernel; at most `size`. */
static ssize_t peer_peek(struct http_request *r, char *bytes, size_t size)
{
	ssize_t n = recv(r->io.fd, bytes, USUAL_HEAD, MSG_PEEK | MSG_DONTWAIT);

	if (n == USUAL_HEAD) {
		peer_take_spent(r);
		n = recv(r->io.fd, bytes, size, MSG_PEEK | MSG_DONTWAIT);
	}
	return n;
}

/*
 * Looks at what has come of a head. Only one that is whole and well-formed is
 * lent: libmicrohttpd would answer others in words of its own, and keep a
 * buffer for each that is still to come.
 */
static void peer_look(struct http_request *r)
{
	char buffer[HTTP1_REQUEST_MAX + 1], *bytes;
	ssize_t n = peer_peek(r, buffer, sizeof(buffer));
	struct plain_request q;
	struct http1_look look;
	struct slice body;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return; /* EPOLLIN comes */
	if (n <= 0) {
		peer_end(r);
		return;
	}
	bytes = buffer + r->spent;
	n -= r->spent;
	if (n <= 0)
		return; /* the same */
	peer_begin(r);
	look = http1_request_look(slice_of(bytes, (size_t)n), &q.head);
	body = slice_of(bytes + look.size, (size_t)n - look.size);
	if (look.status != 0)
		peer_refuse_head(r, look.status, look.why);
	else if (look.size > 0 && !peer_serve(r, &q, bytes, body))
		peer_lend(r, reader_choose(r->http, &look));
	else if (look.size == 0 && r->peer_closed)
		peer_refuse_head(r, MHD_HTTP_BAD_REQUEST,
				 "the request ends within its head");
}

/* Something came, or the peer left. */
static void peer_wake(struct http_request *r)
{
	r->readable = false;
	if (r->http->stopping) {
		peer_end(r);
		return;
	}
	if (r->peer_closed && !peer_has_unread(r))
		peer_end(r);
	else
		peer_look(r);
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
	if (r->suspended)
		peer_later(r);
	else
		peer_fail(r);
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
	case PHASE_HEAD:
	case PHASE_IDLE:
		if (!(events & (EPOLLIN | PEER_LEFT)))
			return;
		if (!r->mhd)
			peer_wake(r);
		else if (r->phase != PHASE_HEAD)
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
	list_init(&r->owned);
	list_init(&r->link);
	list_append(&h->requests, &r->link);
	timer_init(&r->timer, peer_timeout);
	h->open++;
	peer_enter(r, PHASE_NEW);
}

bool peer_is_busy(const struct http_request *r)
{
	switch (r->phase) {
	case PHASE_HEAD:
	case PHASE_BODY:
	case PHASE_ANSWERED:
	case PHASE_LEAVING:
		return true;
	default:
		return false;
	}
}

void peer_dismiss(struct http_request *r)
{
	if (r->phase != PHASE_HEAD && r->phase != PHASE_BODY)
		return;
	raw_error(r->io.fd, MHD_HTTP_SERVICE_UNAVAILABLE,
		  status_text(MHD_HTTP_SERVICE_UNAVAILABLE));
	(void)shutdown(r->io.fd, SHUT_WR);
	peer_take_spent(r);
	raw_discard(r->io.fd);
}

/* Owners */

void http_owner_init(struct http_owner *o)
{
	list_init(&o->connections);
}

void http_owner_release(struct http_owner *o)
{
	while (!list_empty(&o->connections))
		list_remove(o->connections.next);
}

void http_request_own(struct http_request *r, struct http_owner *o)
{
	list_remove(&r->owned);
	list_append(&o->connections, &r->owned);
}

void http_owner_gone(struct http_owner *o)
{
	while (!list_empty(&o->connections)) {
		struct http_request *r = list_entry(o->connections.next,
						    struct http_request, owned);

		list_remove(&r->owned);
		if (r->phase == PHASE_ANSWERED && r->wire)
			r->keep = false;
		else if (r->phase == PHASE_IDLE)
			peer_hurry(r);
	}
}
