/* SPDX-License-Identifier: MIT */
#include "servers/core/test_link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/check.h"

#define STILL_US 20000 /* this long without a change means settled */

static void ignore(struct conn *c)
{
	(void)c;
}

static void on_writable(struct conn *c)
{
	struct test_link *l = container_of(c, struct test_link, conn);
	bool closes;

	CHECK(transport_write(l->t, c, &closes) == ERR_OK);
}

static void on_gone(struct conn *c, enum err why)
{
	(void)why;
	conn_close(c);
}

static const struct conn_ops conn_ops = {
	.on_readable = ignore,
	.on_writable = on_writable,
	.on_gone = on_gone,
};

static int connect_pair(int *accepted)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(listener >= 0 && fd >= 0);
	CHECK(bind(listener, (struct sockaddr *)&a, size) == 0);
	CHECK(listen(listener, 1) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&a, &size) == 0);
	CHECK(connect(fd, (struct sockaddr *)&a, size) == 0);
	*accepted = accept(listener, NULL, NULL);
	CHECK(*accepted >= 0);
	(void)close(listener);
	return fd;
}

void test_link_init(struct test_link *l, enum wire_format format)
{
	int fd;

	*l = (struct test_link){0};
	fake_node_init(&l->node, NULL, NULL);
	fake_init(&l->fake, l->node.hub, format);
	l->t = &l->fake.transport;
	l->reader = connect_pair(&fd);
	CHECK(conn_adopt(&l->conn, l->node.loop, fd, &conn_ops) == ERR_OK);
}

void test_link_release(struct test_link *l)
{
	conn_close(&l->conn);
	(void)close(l->reader);
	fake_release(&l->fake);
	fake_node_release(&l->node);
}

void test_link_send(struct test_link *l, size_t n)
{
	char *bytes = xcalloc(1, n);
	bool closes;

	transport_send_private(l->t, MSG_BYTES, slice_of(bytes, n), 0);
	CHECK(transport_write(l->t, &l->conn, &closes) == ERR_OK);
	free(bytes);
}

void test_link_settle(struct test_link *l)
{
	size_t before, now = conn_unacked(&l->conn);
	uint64_t written;

	do {
		before = now;
		written = l->t->written;
		(void)usleep(STILL_US);
		CHECK(loop_tick(l->node.loop, 0) == ERR_OK);
		now = conn_unacked(&l->conn);
	} while (now != before || l->t->written != written);
}

void test_link_fill(struct test_link *l)
{
	do {
		while (!l->conn.blocked)
			test_link_send(l, 65536);
		test_link_settle(l);
	} while (!l->conn.blocked);
}

size_t test_link_read(struct test_link *l, size_t n)
{
	char bytes[65536];
	size_t sum = 0;

	while (sum < n) {
		const size_t want =
			n - sum < sizeof(bytes) ? n - sum : sizeof(bytes);
		const ssize_t got = recv(l->reader, bytes, want, MSG_DONTWAIT);

		if (got <= 0)
			break;
		sum += (size_t)got;
	}
	return sum;
}
