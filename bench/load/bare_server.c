/* SPDX-License-Identifier: MIT */
#include "bench/load/bare_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/disturb.h"
#include "servers/base/buf.h"
#include "servers/base/check.h"

#define BATCH 64
#define BACKLOG 4096
#define INPUT 65536
#define ROOM_CAPACITY 16 /* of the first subscriber */
#define PEERS_MAX 65536	 /* a descriptor beyond it is closed at once */

enum peer_kind { PEER_CLOSED, PEER_NEW, PEER_SUBSCRIBER, PEER_PUBLISHER };

struct peer {
	enum peer_kind kind;
	int place; /* of a subscriber among its room's */
	uint32_t room;
	struct buf in; /* what is no whole greeting or frame yet */
};

struct room {
	int *subscribers; /* descriptors, dense */
	int count, capacity;
};

struct bare_server {
	int listen_fd;
	int epoll_fd;
	bool accepting; /* false while out of descriptors */
	int port;
	struct room *rooms;
	struct disturb disturb;
	struct peer *peers; /* by descriptor */
	char input[INPUT];
};

/* Peers */

static enum err watch(struct bare_server *s, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? ERR_IO : ERR_OK;
}

static void drop(struct bare_server *s, int fd)
{
	struct peer *p = &s->peers[fd];

	if (p->kind == PEER_SUBSCRIBER) {
		struct room *r = &s->rooms[p->room];
		int last = r->subscribers[--r->count];

		r->subscribers[p->place] = last;
		s->peers[last].place = p->place;
	}
	p->kind = PEER_CLOSED;
	buf_release(&p->in);
	(void)close(fd);
	if (!s->accepting)
		s->accepting = watch(s, s->listen_fd, EPOLLIN) == ERR_OK;
}

static void adopt(struct bare_server *s, int fd)
{
	int on = 1;

	if (fd >= PEERS_MAX || watch(s, fd, EPOLLIN | EPOLLRDHUP) != ERR_OK) {
		(void)close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	s->peers[fd].kind = PEER_NEW;
	buf_init(&s->peers[fd].in, BARE_ROOM + BARE_HEADER + BARE_MAX + INPUT);
}

static void accept_all(struct bare_server *s)
{
	for (;;) {
		int fd = accept4(s->listen_fd, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			adopt(s, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		/* Out of descriptors: ask no more until one is closed. */
		if (errno != EAGAIN && epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL,
						 s->listen_fd, NULL) == 0)
			s->accepting = false;
		return;
	}
}

/* Sending */

/* The rest of what a full socket did not take; false when it has to go. */
static bool send_rest(int fd, const char *p, size_t n, ssize_t sent)
{
	while (sent < 0 || (size_t)sent < n) {
		struct pollfd full = {.fd = fd, .events = POLLOUT};

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		}
		if (poll(&full, 1, BARE_PATIENCE_MS) == 0)
			return false;
		sent = send(fd, p, n, MSG_NOSIGNAL);
	}
	return true;
}

static bool send_all(int fd, const char *p, size_t n)
{
	ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

	return sent == (ssize_t)n || send_rest(fd, p, n, sent);
}

/* This is the loop that everything else is compared with. */
static void fan_out(struct bare_server *s, const struct room *r, const char *p,
		    size_t n)
{
	for (int i = 0; i < r->count;) {
		int fd = r->subscribers[i];
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent == (ssize_t)n || send_rest(fd, p, n, sent))
			i++;
		else
			drop(s, fd);
	}
}

static bool answer(int fd, uint32_t id)
{
	unsigned char frame[BARE_HEADER];

	bare_put_u32(frame, 0);
	bare_put_u32(frame + 4, id);
	return send_all(fd, (char *)frame, sizeof(frame));
}

/* Receiving. Each returns false when the peer has to go. */

static bool pass_on(struct bare_server *s, uint32_t room, struct slice frame)
{
	if (s->disturb.plan.delay_ns > 0)
		return disturb_hold(&s->disturb, room, frame) == ERR_OK;
	fan_out(s, &s->rooms[room], frame.p, frame.n);
	return true;
}

static void pass_on_held(struct bare_server *s)
{
	struct slice frame;
	uint32_t room;

	while (disturb_next(&s->disturb, &room, &frame))
		fan_out(s, &s->rooms[room], frame.p, frame.n);
}

/* The room in front of a frame, if there is one. */
static bool take_room(struct slice *in, uint32_t *room)
{
	uint32_t first = bare_get_u32((const unsigned char *)in->p);

	*room = 0;
	if (!(first & BARE_IN_ROOM))
		return true;
	*room = first & ~BARE_IN_ROOM;
	*in = slice_after(*in, BARE_ROOM);
	return *room < BARE_ROOMS;
}

/* Publishes the whole frames at the start of `in`; tells how long they are. */
static bool publish(struct bare_server *s, int fd, struct slice in,
		    size_t *taken)
{
	size_t all = in.n;

	*taken = 0;
	while (in.n >= BARE_HEADER) {
		uint32_t room, id;
		size_t n;

		if (!take_room(&in, &room))
			return false;
		if (in.n < BARE_HEADER)
			break;
		n = bare_get_u32((const unsigned char *)in.p);
		id = bare_get_u32((const unsigned char *)in.p + 4);
		if (n > BARE_MAX)
			return false;
		n += BARE_HEADER;
		if (in.n < n)
			break;
		if (!pass_on(s, room, slice_of(in.p, n)))
			return false;
		if (id != 0 && !answer(fd, id))
			return false;
		in = slice_after(in, n);
		*taken = all - in.n;
	}
	return true;
}

static bool from_publisher(struct bare_server *s, int fd, struct slice bytes)
{
	struct buf *in = &s->peers[fd].in;
	size_t taken;

	if (in->len == 0) {
		if (!publish(s, fd, bytes, &taken))
			return false;
		return buf_add_slice(in, slice_after(bytes, taken)) == ERR_OK;
	}
	if (buf_add_slice(in, bytes) != ERR_OK ||
	    !publish(s, fd, buf_slice(in), &taken))
		return false;
	buf_consume(in, taken);
	return true;
}

static bool subscribe(struct bare_server *s, int fd, uint32_t room)
{
	struct peer *p = &s->peers[fd];
	struct room *r = &s->rooms[room];

	if (r->count == r->capacity) {
		r->capacity = r->capacity ? r->capacity * 2 : ROOM_CAPACITY;
		r->subscribers =
			xrealloc(r->subscribers,
				 (size_t)r->capacity * sizeof(*r->subscribers));
	}
	p->kind = PEER_SUBSCRIBER;
	p->room = room;
	p->place = r->count;
	r->subscribers[r->count++] = fd;
	return answer(fd, 0);
}

/* 'R' and the room, which may come in pieces. */
static bool greet_room(struct bare_server *s, int fd, struct slice bytes)
{
	struct buf *in = &s->peers[fd].in;
	uint32_t room;

	if (buf_add_slice(in, bytes) != ERR_OK || in->len > 1 + BARE_ROOM)
		return false;
	if (in->len < 1 + BARE_ROOM)
		return true;
	room = bare_get_u32((const unsigned char *)in->data + 1);
	return room < BARE_ROOMS && subscribe(s, fd, room);
}

static bool greet(struct bare_server *s, int fd, struct slice bytes)
{
	struct peer *p = &s->peers[fd];

	if (p->in.len > 0 || bytes.p[0] == 'R')
		return greet_room(s, fd, bytes);
	if (bytes.p[0] == 'P') {
		p->kind = PEER_PUBLISHER;
		return answer(fd, 0) &&
		       from_publisher(s, fd, slice_after(bytes, 1));
	}
	if (bytes.p[0] != 'S' || bytes.n > 1)
		return false;
	return subscribe(s, fd, 0);
}

static bool receive(struct bare_server *s, int fd)
{
	ssize_t n = recv(fd, s->input, sizeof(s->input), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	switch (s->peers[fd].kind) {
	case PEER_NEW:
		return greet(s, fd, slice_of(s->input, (size_t)n));
	case PEER_PUBLISHER:
		return from_publisher(s, fd, slice_of(s->input, (size_t)n));
	default:
		return false;
	}
}

/* Life cycle */

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static enum err listen_on(struct bare_server *s, const char *host, int port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
	};
	socklen_t size = sizeof(at);
	int on = 1;

	if (inet_pton(AF_INET, host, &at.sin_addr) != 1)
		return ERR_USAGE;
	s->listen_fd =
		socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listen_fd < 0)
		return ERR_IO;
	(void)setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on,
			 sizeof(on));
	if (bind(s->listen_fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		return errno == EADDRINUSE ? ERR_EXISTS : ERR_IO;
	if (listen(s->listen_fd, BACKLOG) != 0 ||
	    getsockname(s->listen_fd, (struct sockaddr *)&at, &size) != 0)
		return ERR_IO;
	s->port = ntohs(at.sin_port);
	return watch(s, s->listen_fd, EPOLLIN);
}

enum err bare_server_new(const char *host, int port, struct bare_server **out)
{
	struct bare_server *s = xcalloc(1, sizeof(*s));
	enum err e = ERR_IO;

	raise_descriptors();
	s->peers = xcalloc(PEERS_MAX, sizeof(*s->peers));
	s->rooms = xcalloc(BARE_ROOMS, sizeof(*s->rooms));
	disturb_init(&s->disturb);
	s->listen_fd = -1;
	s->accepting = true;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd >= 0)
		e = listen_on(s, host, port);
	if (e) {
		bare_server_free(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void bare_server_free(struct bare_server *s)
{
	if (!s)
		return;
	for (int fd = 0; fd < PEERS_MAX; fd++)
		if (s->peers[fd].kind != PEER_CLOSED)
			drop(s, fd);
	if (s->listen_fd >= 0)
		(void)close(s->listen_fd);
	if (s->epoll_fd >= 0)
		(void)close(s->epoll_fd);
	disturb_release(&s->disturb);
	for (int i = 0; i < BARE_ROOMS; i++)
		free(s->rooms[i].subscribers);
	free(s->rooms);
	free(s->peers);
	free(s);
}

/* Operations */

static void serve(struct bare_server *s, const struct epoll_event *ev)
{
	int fd = ev->data.fd;

	if (fd == s->listen_fd)
		accept_all(s);
	else if (fd == s->disturb.stall_fd)
		disturb_stall(&s->disturb);
	/* An event of a peer that this very batch dropped finds it closed. */
	else if (s->peers[fd].kind != PEER_CLOSED && !receive(s, fd))
		drop(s, fd);
}

enum err bare_server_disturb(struct bare_server *s,
			     const struct bare_disturbance *d)
{
	enum err e = disturb_start(&s->disturb, d);

	if (!e && s->disturb.stall_fd >= 0)
		e = watch(s, s->disturb.stall_fd, EPOLLIN);
	return e;
}

enum err bare_server_run(struct bare_server *s, int stop_fd)
{
	struct epoll_event batch[BATCH];

	if (stop_fd >= 0 && watch(s, stop_fd, EPOLLIN) != ERR_OK)
		return ERR_IO;
	for (;;) {
		int n = epoll_wait(s->epoll_fd, batch, BATCH,
				   disturb_holds(&s->disturb) ? 0 : -1);

		if (n < 0 && errno != EINTR)
			return ERR_IO;
		for (int i = 0; i < n; i++) {
			if (batch[i].data.fd == stop_fd)
				return ERR_OK;
			serve(s, &batch[i]);
		}
		pass_on_held(s);
	}
}

/* Queries */

int bare_server_port(const struct bare_server *s)
{
	return s->port;
}
