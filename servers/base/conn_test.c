/* SPDX-License-Identifier: MIT */
#include "servers/base/conn.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "servers/base/check.h"

enum action { DO_NOTHING, DO_CLOSE, DO_FREE };

/* An owner of a conn that notes what it is told, as letters in `trace`. */
struct owner {
	struct conn conn;
	struct note *note; /* outlives the owner */
	enum action on_readable;
	enum action on_writable;
	size_t read_max; /* how much to take in one event; 0: all */
	bool hold;	 /* do not read at all */
	bool trusting;	 /* takes a short read for all there is */
};

struct note {
	char trace[64];
	char text[4096];
	size_t read;
	enum err end; /* how reading ended last */
	enum err why;
};

static void note_add(struct note *n, char what)
{
	size_t at = strlen(n->trace);

	cr_assert_lt(at + 1, sizeof(n->trace));
	n->trace[at] = what;
}

static void act(struct owner *o, enum action what)
{
	if (what == DO_NOTHING)
		return;
	conn_close(&o->conn);
	conn_close(&o->conn);
	if (what == DO_FREE)
		free(o);
}

/* Returns whether all was read. */
static bool read_some(struct owner *o)
{
	struct note *n = o->note;
	size_t taken = 0;

	for (;;) {
		size_t room = sizeof(n->text) - n->read;
		size_t got = 0;

		if (o->read_max && o->read_max - taken < room)
			room = o->read_max - taken;
		if (room == 0)
			return false;
		n->end = conn_read(&o->conn, n->text + n->read, room, &got);
		if (n->end != ERR_OK)
			return true;
		n->read += got;
		taken += got;
		if (o->trusting && got < room)
			return true;
	}
}

static void owner_readable(struct conn *c)
{
	struct owner *o = container_of(c, struct owner, conn);

	note_add(o->note, 'r');
	if (!o->hold && !read_some(o))
		conn_read_later(c);
	act(o, o->on_readable);
}

static void owner_writable(struct conn *c)
{
	struct owner *o = container_of(c, struct owner, conn);

	note_add(o->note, 'w');
	act(o, o->on_writable);
}

static void owner_gone(struct conn *c, enum err why)
{
	struct owner *o = container_of(c, struct owner, conn);

	note_add(o->note, 'g');
	o->note->why = why;
	act(o, DO_FREE);
}

static const struct conn_ops owner_ops = {
	.on_readable = owner_readable,
	.on_writable = owner_writable,
	.on_gone = owner_gone,
};

struct rig {
	struct loop *loop;
	struct note note;
	struct owner *o;
	int far; /* the other end, blocking */
};

/* Listens on the loopback, on a port that it picks. */
static int listen_on(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&a, size), 0);
	cr_assert_eq(listen(fd, 4), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* Both ends of a TCP connection over the loopback. */
static void tcp_pair(int ends[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int port;
	int listener = listen_on(&port);

	a.sin_port = htons((uint16_t)port);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(ends[0], (struct sockaddr *)&a, sizeof(a)), 0);
	ends[1] = accept(listener, NULL, NULL);
	cr_assert_geq(ends[1], 0);
	(void)close(listener);
}

/* A rig whose owner is yet to connect. */
static void caller_init(struct rig *r)
{
	*r = (struct rig){.o = xcalloc(1, sizeof(*r->o)), .far = -1};
	r->o->note = &r->note;
	cr_assert_eq(loop_new(&clock_monotonic, &r->loop), ERR_OK);
}

static void rig_init(struct rig *r)
{
	int ends[2];

	caller_init(r);
	tcp_pair(ends);
	r->far = ends[1];
	cr_assert_eq(conn_adopt(&r->o->conn, r->loop, ends[0], &owner_ops),
		     ERR_OK);
}

/* For rigs whose owner has freed itself, pass `owner_lives` false. */
static void rig_release(struct rig *r, bool owner_lives)
{
	if (owner_lives)
		act(r->o, DO_FREE);
	if (r->far >= 0)
		(void)close(r->far);
	loop_free(r->loop);
}

static void ticks(struct rig *r, int count)
{
	for (int i = 0; i < count; i++)
		cr_assert_eq(loop_tick(r->loop, 20), ERR_OK);
}

static void far_close(struct rig *r)
{
	(void)close(r->far);
	r->far = -1;
}

/* Closing with unread input or this option makes a reset. */
static void far_reset(struct rig *r)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	cr_assert_eq(
		setsockopt(r->far, SOL_SOCKET, SO_LINGER, &now, sizeof(now)),
		0);
	far_close(r);
}

Test(conn, an_adopted_socket_is_ready_for_work)
{
	struct rig r;
	int on = 0;
	socklen_t size = sizeof(on);

	rig_init(&r);
	cr_assert(conn_open(&r.o->conn));
	cr_assert(fcntl(r.o->conn.io.fd, F_GETFL) & O_NONBLOCK);
	cr_assert_eq(getsockopt(r.o->conn.io.fd, IPPROTO_TCP, TCP_NODELAY, &on,
				&size),
		     0);
	cr_assert_neq(on, 0);
	ticks(&r, 2);
	/* Writable from the start, which is news to nobody. */
	cr_assert_str_eq(r.note.trace, "");
	rig_release(&r, true);
}

Test(conn, reads_what_arrives)
{
	struct rig r;

	rig_init(&r);
	cr_assert_eq(send(r.far, "hello", 5, 0), 5);
	ticks(&r, 2);
	cr_assert_str_eq(r.note.trace, "r");
	cr_assert_str_eq(r.note.text, "hello");
	cr_assert_eq(r.note.end, ERR_AGAIN);
	rig_release(&r, true);
}

static uint64_t wall_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/*
 * The kernel begins to stamp a moment after it was asked to, so that the first
 * bytes may have no stamp; without being asked none has.
 */
Test(conn, stamps_what_arrives_when_asked_to)
{
	uint64_t before = wall_ns(), stamp = 0;
	struct rig r;

	rig_init(&r);
	conn_stamp(&r.o->conn, true);
	for (int i = 0; i < 100 && stamp == 0; i++) {
		cr_assert_eq(send(r.far, "hello", 5, 0), 5);
		ticks(&r, 2);
		stamp = r.o->conn.stamp_ns;
		r.note = (struct note){0};
	}
	cr_assert_geq(stamp, before);
	cr_assert_leq(stamp, wall_ns());
	conn_stamp(&r.o->conn, false);
	cr_assert_eq(send(r.far, "hello", 5, 0), 5);
	ticks(&r, 2);
	cr_assert_str_eq(r.note.text, "hello");
	cr_assert_eq(r.o->conn.stamp_ns, 0);
	rig_release(&r, true);
}

Test(conn, a_reader_that_stops_early_is_called_again)
{
	struct rig r;

	rig_init(&r);
	r.o->read_max = 2;
	cr_assert_eq(send(r.far, "hello", 5, 0), 5);
	ticks(&r, 5);
	cr_assert_str_eq(r.note.trace, "rrr");
	cr_assert_str_eq(r.note.text, "hello");
	rig_release(&r, true);
}

Test(conn, the_end_of_the_stream_is_read)
{
	struct rig r;

	rig_init(&r);
	cr_assert_eq(send(r.far, "bye", 3, 0), 3);
	cr_assert_eq(shutdown(r.far, SHUT_WR), 0);
	ticks(&r, 2);
	cr_assert_str_eq(r.note.text, "bye");
	cr_assert_eq(r.note.end, ERR_CLOSED);
	cr_assert_null(strchr(r.note.trace, 'g'));
	rig_release(&r, true);
}

/* Guards the end that came as one edge with what was read in two ticks. */
Test(conn, the_end_is_read_however_the_reader_stops)
{
	static const size_t reads[] = {0, 2, 4, 10, 11};

	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		for (int held = 0; held < 2; held++) {
			struct rig r;

			rig_init(&r);
			r.o->read_max = reads[i];
			r.o->trusting = true;
			r.o->hold = held != 0;
			cr_assert_eq(send(r.far, "last words", 10, 0), 10);
			cr_assert_eq(shutdown(r.far, SHUT_WR), 0);
			ticks(&r, 2);
			r.o->hold = false;
			if (held)
				conn_read_later(&r.o->conn);
			ticks(&r, 12);
			cr_assert_str_eq(r.note.text, "last words");
			cr_assert_eq(r.note.end, ERR_CLOSED, "%zu %d", i, held);
			rig_release(&r, true);
		}
	}
}

Test(conn, closed_both_ways_is_gone_after_reading)
{
	struct rig r;

	rig_init(&r);
	conn_shutdown(&r.o->conn);
	cr_assert_eq(send(r.far, "last words", 10, 0), 10);
	far_close(&r);
	ticks(&r, 3);
	cr_assert_str_eq(r.note.text, "last words");
	cr_assert_eq(r.note.trace[strlen(r.note.trace) - 1], 'g');
	cr_assert_eq(r.note.why, ERR_CLOSED);
	rig_release(&r, false);
}

/* Guards the bytes that a fair reader has left when the hang-up comes. */
Test(conn, a_slow_reader_gets_all_before_it_is_gone)
{
	struct rig r;

	rig_init(&r);
	r.o->read_max = 2;
	conn_shutdown(&r.o->conn);
	cr_assert_eq(send(r.far, "last words", 10, 0), 10);
	far_close(&r);
	ticks(&r, 12);
	cr_assert_str_eq(r.note.text, "last words");
	cr_assert_eq(r.note.trace[strlen(r.note.trace) - 1], 'g');
	rig_release(&r, false);
}

Test(conn, a_reset_is_gone)
{
	struct rig r;

	rig_init(&r);
	ticks(&r, 1);
	r.o->hold = true;
	far_reset(&r);
	ticks(&r, 2);
	cr_assert_str_eq(r.note.trace, "rg");
	cr_assert_eq(r.note.why, ERR_CLOSED);
	rig_release(&r, false);
}

Test(conn, freeing_itself_while_reading_is_safe)
{
	struct rig r;

	rig_init(&r);
	r.o->on_readable = DO_FREE;
	far_reset(&r);
	ticks(&r, 2);
	cr_assert_str_eq(r.note.trace, "r");
	cr_assert_eq(r.note.end, ERR_IO);
	rig_release(&r, false);
}

/* Writes until the socket is full; returns how much it took. */
static size_t fill(struct rig *r)
{
	static const char block[65536];
	size_t total = 0;
	size_t wrote = 0;

	while (!r->o->conn.blocked) {
		cr_assert_eq(
			conn_write(&r->o->conn, block, sizeof(block), &wrote),
			ERR_OK);
		total += wrote;
	}
	return total;
}

static void far_read(struct rig *r, size_t n)
{
	static char sink[65536];

	while (n > 0) {
		size_t want = n < sizeof(sink) ? n : sizeof(sink);
		ssize_t got = recv(r->far, sink, want, 0);

		cr_assert_gt(got, 0);
		n -= (size_t)got;
	}
}

Test(conn, a_full_socket_blocks_until_it_drains)
{
	struct rig r;
	size_t total;
	size_t wrote = 99;

	rig_init(&r);
	ticks(&r, 1);
	total = fill(&r);
	cr_assert_gt(total, 0);
	cr_assert_eq(conn_write(&r.o->conn, "x", 1, &wrote), ERR_OK);
	cr_assert_eq(wrote, 0);
	ticks(&r, 1);
	cr_assert_str_eq(r.note.trace, "");
	far_read(&r, total);
	ticks(&r, 2);
	cr_assert_str_eq(r.note.trace, "w");
	cr_assert_not(r.o->conn.blocked);
	cr_assert_eq(conn_write(&r.o->conn, "x", 1, &wrote), ERR_OK);
	cr_assert_eq(wrote, 1);
	rig_release(&r, true);
}

Test(conn, freeing_itself_while_writing_is_safe)
{
	struct rig r;

	rig_init(&r);
	ticks(&r, 1);
	(void)fill(&r);
	r.o->on_writable = DO_FREE;
	cr_assert_eq(send(r.far, "unread", 6, 0), 6);
	far_reset(&r);
	ticks(&r, 2);
	cr_assert_str_eq(r.note.trace, "w");
	rig_release(&r, false);
}

Test(conn, vectors_leave_in_one_piece)
{
	struct rig r;
	char text[16] = "";
	struct iovec iov[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
	size_t wrote = 0;

	rig_init(&r);
	cr_assert_eq(conn_writev(&r.o->conn, iov, 3, &wrote), ERR_OK);
	cr_assert_eq(wrote, 5);
	cr_assert_eq(recv(r.far, text, sizeof(text), 0), 5);
	cr_assert_str_eq(text, "abcde");
	cr_assert_eq(conn_writev(&r.o->conn, iov, 0, &wrote), ERR_OK);
	cr_assert_eq(wrote, 0);
	rig_release(&r, true);
}

Test(conn, writing_to_who_has_left_is_closed_and_raises_no_signal)
{
	struct rig r;
	size_t wrote = 99;

	rig_init(&r);
	far_reset(&r);
	cr_assert_eq(conn_write(&r.o->conn, "x", 1, &wrote), ERR_CLOSED);
	cr_assert_eq(wrote, 0);
	cr_assert_eq(conn_write(&r.o->conn, "x", 1, &wrote), ERR_CLOSED);
	rig_release(&r, true);
}

Test(conn, a_zeroed_conn_is_closed)
{
	struct conn c = {0};

	cr_assert_not(conn_open(&c));
	conn_close(&c);
	conn_shutdown(&c);
	/* Descriptor 0 is not ours to close. */
	cr_assert_geq(fcntl(STDIN_FILENO, F_GETFD), 0);
}

Test(conn, adopting_what_cannot_be_polled_closes_it)
{
	struct loop *l = NULL;
	struct conn c = {0};
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	cr_assert_eq(loop_new(&clock_monotonic, &l), ERR_OK);
	cr_assert_eq(conn_adopt(&c, l, fd, &owner_ops), ERR_IO);
	cr_assert_not(conn_open(&c));
	cr_assert_eq(fcntl(fd, F_GETFD), -1);
	cr_assert_eq(conn_adopt(&c, l, -1, &owner_ops), ERR_IO);
	loop_free(l);
}

Test(conn, connecting_tells_success_from_the_named_source)
{
	struct rig r;
	struct sockaddr_in from = {0};
	socklen_t size = sizeof(from);
	size_t wrote = 99;
	int port;
	int listener = listen_on(&port);

	caller_init(&r);
	cr_assert_eq(conn_connect(&r.o->conn, r.loop, "127.0.0.1", port,
				  "127.0.0.9", &owner_ops),
		     ERR_OK);
	cr_assert_eq(conn_write(&r.o->conn, "early", 5, &wrote), ERR_OK);
	cr_assert_eq(wrote, 0);
	ticks(&r, 2);
	cr_assert_str_eq(r.note.trace, "w");
	cr_assert_eq(conn_write(&r.o->conn, "now", 3, &wrote), ERR_OK);
	cr_assert_eq(wrote, 3);
	r.far = accept(listener, (struct sockaddr *)&from, &size);
	cr_assert_eq(ntohl(from.sin_addr.s_addr), 0x7f000009);
	rig_release(&r, true);
	(void)close(listener);
}

Test(conn, a_name_is_resolved)
{
	struct rig r;
	int port;
	int listener = listen_on(&port);

	caller_init(&r);
	cr_assert_eq(conn_connect(&r.o->conn, r.loop, "localhost", port, NULL,
				  &owner_ops),
		     ERR_OK);
	ticks(&r, 2);
	cr_assert_str_eq(r.note.trace, "w");
	rig_release(&r, true);
	(void)close(listener);
}

Test(conn, a_refused_connection_is_gone)
{
	struct rig r;
	int port;
	int listener = listen_on(&port);

	(void)close(listener);
	caller_init(&r);
	cr_assert_eq(conn_connect(&r.o->conn, r.loop, "127.0.0.1", port, NULL,
				  &owner_ops),
		     ERR_OK);
	ticks(&r, 2);
	cr_assert_str_eq(r.note.trace, "g");
	cr_assert_eq(r.note.why, ERR_REFUSED);
	rig_release(&r, false);
}

Test(conn, connecting_to_nowhere_fails_at_once)
{
	struct rig r;

	caller_init(&r);
	cr_assert_eq(conn_connect(&r.o->conn, r.loop, "no such host", 80, NULL,
				  &owner_ops),
		     ERR_NOTFOUND);
	cr_assert_not(conn_open(&r.o->conn));
	cr_assert_eq(conn_connect(&r.o->conn, r.loop, "127.0.0.1", 80,
				  "192.0.2.1", &owner_ops),
		     ERR_IO);
	cr_assert_not(conn_open(&r.o->conn));
	rig_release(&r, true);
}
