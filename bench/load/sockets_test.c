/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/sockets.h"

Test(sockets, counts_those_of_a_process)
{
	pid_t self = getpid();
	size_t before = sockets_of(&self, 1);
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	cr_assert_eq(sockets_of(&self, 1), before + 2);
	(void)close(ends[0]);
	cr_assert_eq(sockets_of(&self, 1), before + 1);
	(void)close(ends[1]);
	cr_assert_eq(sockets_of(&self, 1), before);
}

Test(sockets, a_process_that_is_not_there_has_none)
{
	pid_t nobody[] = {0x3fffffff};

	cr_assert_eq(sockets_of(nobody, 1), 0);
}

static int tcp_at(const char *address, int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)*port)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(inet_pton(AF_INET, address, &a.sin_addr), 1);
	cr_assert_eq(bind(fd, (struct sockaddr *)(void *)&a, sizeof(a)), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)(void *)&a, &size), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* 127.77.1.1 is nobody's but this test's. */
Test(sockets, tells_what_waits_for_those_of_an_address)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	int port = 0, any = 0, ours, theirs;
	int listener = tcp_at("127.0.0.1", &port);
	struct socket_peers p;

	to.sin_port = htons((uint16_t)port);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(listen(listener, 1), 0);
	ours = tcp_at("127.77.1.1", &any);
	sockets_peers("127.77.1.1", &p);
	cr_assert_eq(p.open, 0);
	cr_assert_eq(connect(ours, (struct sockaddr *)(void *)&to, sizeof(to)),
		     0);
	theirs = accept(listener, NULL, NULL);
	cr_assert_eq(write(theirs, "12345", 5), 5);
	sockets_peers("127.77.1.1", &p);
	cr_assert_eq(p.open, 1);
	cr_assert_eq(p.bytes, 5);
	sockets_peers("not an address", &p);
	cr_assert_eq(p.open, 0);
	cr_assert_eq(p.bytes, 0);
	(void)close(theirs);
	sockets_peers("127.77.1.1", &p);
	cr_assert_eq(p.open, 0, "given up");
	(void)close(ours);
	(void)close(listener);
}
