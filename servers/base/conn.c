/* SPDX-License-Identifier: MIT */
#include "servers/base/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONN_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define CONN_READABLE (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)
#define CONN_GONE (EPOLLHUP | EPOLLERR)

/* Events */

static enum err why_gone(int error)
{
	if (error == 0 || error == ECONNRESET || error == EPIPE)
		return ERR_CLOSED;
	if (error == ECONNREFUSED)
		return ERR_REFUSED;
	return error == ETIMEDOUT ? ERR_TIMEOUT : ERR_IO;
}

/* Takes the socket's pending error; 0 when there is none. */
static int take_error(const struct conn *c)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(c->io.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return errno;
	return error;
}

/* Returns whether the event may go on to the other callbacks. */
static bool finish_connecting(struct conn *c, uint32_t events)
{
	int error;

	if (!(events & (EPOLLOUT | CONN_GONE)))
		return false;
	error = take_error(c);
	if (error != 0 || (events & CONN_GONE)) {
		c->ops->on_gone(c, error ? why_gone(error) : ERR_IO);
		return false;
	}
	c->connecting = false;
	c->blocked = true; /* so that on_writable tells of the success */
	return true;
}

/*
 * Each callback may close the conn and free what holds it; `c` is touched
 * again only while the loop says that it is still registered.
 */
static void conn_event(struct loop_fd *f, uint32_t events)
{
	struct conn *c = container_of(f, struct conn, io);
	struct loop *l = c->loop;

	if (c->connecting && !finish_connecting(c, events))
		return;
	if ((events & EPOLLOUT) && c->blocked) {
		c->blocked = false;
		c->ops->on_writable(c);
		if (!loop_dispatching(l, f))
			return;
	}
	c->ended |= (events & EPOLLRDHUP) != 0;
	if (events & CONN_READABLE) {
		c->ops->on_readable(c);
		if (!loop_dispatching(l, f))
			return;
	}
	if (!(events & CONN_GONE))
		return;
	/* A reader that stopped early gets the rest before it is gone. */
	if (f->again != 0)
		loop_again(l, f, events & CONN_GONE);
	else
		c->ops->on_gone(c, why_gone(take_error(c)));
}

/* Life cycle */

static enum err start(struct conn *c, struct loop *l, int fd,
		      const struct conn_ops *ops, bool connecting)
{
	int on = 1;
	enum err e;

	c->loop = l;
	c->ops = ops;
	c->connecting = connecting;
	c->blocked = false;
	c->ended = false;
	c->stamped = false;
	c->stamp_ns = 0;
	/* Fails on what is not TCP, for example a socket pair: no harm. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	e = loop_add(l, &c->io, fd, CONN_EVENTS, conn_event);
	if (e != ERR_OK)
		(void)close(fd);
	return e;
}

enum err conn_adopt(struct conn *c, struct loop *l, int fd,
		    const struct conn_ops *ops)
{
	int flags = fcntl(fd, F_GETFL);

	c->io.fd = -1;
	if (flags < 0)
		return ERR_IO;
	if (!(flags & O_NONBLOCK) &&
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		(void)close(fd);
		return ERR_IO;
	}
	return start(c, l, fd, ops, false);
}

/* Returns the addresses of `host`, to be given to freeaddrinfo(), or NULL. */
static struct addrinfo *resolve(const char *host, int family, int port)
{
	struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	struct addrinfo *list = NULL;
	char service[16];

	(void)snprintf(service, sizeof(service), "%d", port);
	if (getaddrinfo(host, service, &hints, &list) != 0)
		return NULL;
	return list;
}

static enum err bind_source(int fd, const char *local, int family)
{
	struct addrinfo *source = resolve(local, family, 0);
	enum err e = ERR_OK;
	int on = 1;

	if (!source)
		return ERR_NOTFOUND;
	/* The port is picked by connect(): only pairs must then be unique. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
			 sizeof(on));
	if (bind(fd, source->ai_addr, source->ai_addrlen) != 0)
		e = ERR_IO;
	freeaddrinfo(source);
	return e;
}

static enum err connect_error(int error)
{
	switch (error) {
	case EINPROGRESS:
		return ERR_OK;
	case ECONNREFUSED:
		return ERR_REFUSED;
	case EADDRNOTAVAIL: /* every local port is taken */
	case EMFILE:
	case ENFILE:
		return ERR_LIMIT;
	default:
		return ERR_IO;
	}
}

static enum err open_socket(const struct addrinfo *to, const char *local,
			    int *out)
{
	int fd = socket(to->ai_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	enum err e = ERR_OK;

	if (fd < 0)
		return connect_error(errno);
	if (local)
		e = bind_source(fd, local, to->ai_family);
	if (e == ERR_OK && connect(fd, to->ai_addr, to->ai_addrlen) != 0)
		e = connect_error(errno);
	if (e != ERR_OK) {
		(void)close(fd);
		return e;
	}
	*out = fd;
	return ERR_OK;
}

enum err conn_connect(struct conn *c, struct loop *l, const char *host,
		      int port, const char *local, const struct conn_ops *ops)
{
	struct addrinfo *list;
	const struct addrinfo *to;
	int fd = -1;
	enum err e;

	c->io.fd = -1;
	list = resolve(host, AF_UNSPEC, port);
	if (!list)
		return ERR_NOTFOUND;
	/*
	 * One address is tried. IPv4 goes first, because "localhost" often
	 * has an IPv6 address on which nobody listens.
	 */
	for (to = list; to && to->ai_family != AF_INET;)
		to = to->ai_next;
	e = open_socket(to ? to : list, local, &fd);
	freeaddrinfo(list);
	if (e != ERR_OK)
		return e;
	return start(c, l, fd, ops, true);
}

void conn_close(struct conn *c)
{
	int fd = c->io.fd;

	if (!conn_open(c))
		return;
	loop_remove(c->loop, &c->io);
	(void)close(fd);
}

void conn_abort(struct conn *c)
{
	struct linger none = {.l_onoff = 1};

	if (!conn_open(c))
		return;
	(void)setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	conn_close(c);
}

/* Operations */

/* As recv(), with the kernel's time of receipt. */
static ssize_t receive_stamped(struct conn *c, void *into, size_t n)
{
	_Alignas(struct cmsghdr) char
		control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec iov = {.iov_base = into, .iov_len = n};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t r = recvmsg(c->io.fd, &m, MSG_DONTWAIT);
	struct cmsghdr *first;
	struct timespec at;

	if (r <= 0)
		return r;
	c->stamp_ns = 0;
	first = CMSG_FIRSTHDR(&m);
	if (!first || first->cmsg_level != SOL_SOCKET ||
	    first->cmsg_type != SCM_TIMESTAMPNS)
		return r;
	memcpy(&at, CMSG_DATA(first), sizeof(at));
	c->stamp_ns = (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
	return r;
}

void conn_stamp(struct conn *c, bool on)
{
	int value = on;

	c->stamp_ns = 0;
	c->stamped = setsockopt(c->io.fd, SOL_SOCKET, SO_TIMESTAMPNS, &value,
				sizeof(value)) == 0 &&
		     on;
}

enum err conn_read(struct conn *c, void *into, size_t n, size_t *got)
{
	ssize_t r;

	do {
		r = c->stamped ? receive_stamped(c, into, n)
			       : recv(c->io.fd, into, n, MSG_DONTWAIT);
	} while (r < 0 && errno == EINTR);
	if (r > 0) {
		*got = (size_t)r;
		/*
		 * Data and the end of the stream may have come as one edge: a
		 * reader that takes a short read for all there is gets another
		 * look, however late it is.
		 */
		if (c->ended && *got < n)
			conn_read_later(c);
		return ERR_OK;
	}
	*got = 0;
	if (r == 0)
		return n > 0 ? ERR_CLOSED : ERR_AGAIN;
	return errno == EAGAIN ? ERR_AGAIN : ERR_IO;
}

void conn_read_later(struct conn *c)
{
	loop_again(c->loop, &c->io, EPOLLIN);
}

/* What a send of `n` bytes came to; `errno` is that of a negative `sent`. */
static enum err sent_result(struct conn *c, ssize_t sent, size_t n,
			    size_t *wrote)
{
	if (sent >= 0) {
		*wrote = (size_t)sent;
		c->blocked = (size_t)sent < n;
		return ERR_OK;
	}
	*wrote = 0;
	if (errno == EAGAIN) {
		c->blocked = true;
		return ERR_OK;
	}
	return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
}

enum err conn_write(struct conn *c, const void *bytes, size_t n, size_t *wrote)
{
	ssize_t sent;

	/* Known to be full: on_writable is on its way. */
	if (c->blocked || c->connecting || n == 0) {
		*wrote = 0;
		return ERR_OK;
	}
	do {
		sent = send(c->io.fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	return sent_result(c, sent, n, wrote);
}

enum err conn_writev(struct conn *c, const struct iovec *iov, int count,
		     size_t *wrote)
{
	/* sendmsg() takes what is not const, yet leaves it as it is. */
	struct msghdr msg = {
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)count,
	};
	size_t n = 0;
	ssize_t sent;

	CHECK(count >= 0 && count <= IOV_MAX);
	for (int i = 0; i < count; i++)
		n += iov[i].iov_len;
	if (c->blocked || c->connecting || n == 0) {
		*wrote = 0;
		return ERR_OK;
	}
	do {
		sent = sendmsg(c->io.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	return sent_result(c, sent, n, wrote);
}

void conn_shutdown(struct conn *c)
{
	if (conn_open(c))
		(void)shutdown(c->io.fd, SHUT_WR);
}

void conn_user_timeout(struct conn *c, uint64_t ms)
{
	unsigned value = ms < INT_MAX ? (unsigned)ms : INT_MAX;

	/* Fails on what is not TCP, which has no link that could be cut. */
	(void)setsockopt(c->io.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value,
			 sizeof(value));
}

/* Queries */

size_t conn_unacked(const struct conn *c)
{
	int bytes = 0;

	if (ioctl(c->io.fd, SIOCOUTQ, &bytes) != 0 || bytes < 0)
		return 0;
	return (size_t)bytes;
}

bool conn_cut(const struct conn *c, uint64_t ms)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	return getsockopt(c->io.fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	       info.tcpi_unacked > 0 && info.tcpi_last_ack_recv >= ms;
}
