/* SPDX-License-Identifier: MIT */
#include "bench/load/bare_server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/test_bare.h"

static struct test_bare server;

static void set_up(void)
{
	test_bare_start(&server);
}

static void tear_down(void)
{
	cr_assert_eq(test_bare_stop(&server), 0);
}

TestSuite(bare_server, .init = set_up, .fini = tear_down, .timeout = 30);

static int connect_to(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)server.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void put(int fd, const void *p, size_t n)
{
	cr_assert_eq(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void expect(int fd, const void *p, size_t n)
{
	unsigned char *got = malloc(n);

	cr_assert_not_null(got);
	cr_assert_eq(recv(fd, got, n, MSG_WAITALL), (ssize_t)n);
	cr_assert_eq(memcmp(got, p, n), 0);
	free(got);
}

static void expect_end(int fd)
{
	char c;

	cr_assert_leq(recv(fd, &c, 1, 0), 0);
	(void)close(fd);
}

static int open_as(char kind)
{
	int fd = connect_to();

	put(fd, &kind, 1);
	expect(fd, "\0\0\0\0\0\0\0\0", 8);
	return fd;
}

#define FRAME "\3\0\0\0\5\0\0\0abc"
#define FRAME_LENGTH 11

Test(bare_server, sends_each_message_on_and_answers)
{
	int one = open_as('S'), two = open_as('S'), p = open_as('P');

	put(p, FRAME, FRAME_LENGTH);
	expect(one, FRAME, FRAME_LENGTH);
	expect(two, FRAME, FRAME_LENGTH);
	expect(p, "\0\0\0\0\5\0\0\0", 8);
}

Test(bare_server, frames_one_byte_at_a_time_and_many_at_once)
{
	int s = open_as('S'), p = connect_to();

	put(p, "P", 1);
	for (size_t i = 0; i < FRAME_LENGTH; i++)
		put(p, &FRAME[i], 1);
	expect(s, FRAME, FRAME_LENGTH);
	put(p, FRAME FRAME, 2 * FRAME_LENGTH);
	put(p, FRAME, FRAME_LENGTH - 1);
	expect(s, FRAME, FRAME_LENGTH);
	expect(s, FRAME, FRAME_LENGTH);
	put(p, &FRAME[FRAME_LENGTH - 1], 1);
	expect(s, FRAME, FRAME_LENGTH);
}

Test(bare_server, a_frame_in_the_same_bytes_as_the_opening)
{
	int s = open_as('S'), p = connect_to();

	put(p, "P" FRAME, 1 + FRAME_LENGTH);
	expect(s, FRAME, FRAME_LENGTH);
}

Test(bare_server, goes_on_when_subscribers_leave)
{
	int fds[5], p = open_as('P');

	for (int i = 0; i < 5; i++)
		fds[i] = open_as('S');
	(void)close(fds[0]);
	(void)close(fds[3]);
	for (int k = 0; k < 3; k++) {
		put(p, FRAME, FRAME_LENGTH);
		expect(fds[1], FRAME, FRAME_LENGTH);
		expect(fds[2], FRAME, FRAME_LENGTH);
		expect(fds[4], FRAME, FRAME_LENGTH);
	}
}

#define IN_ROOM "\7\1\0\200" /* 263 */

Test(bare_server, rooms_are_apart)
{
	int everywhere = open_as('S'), p = open_as('P'), s = connect_to();

	put(s, "R\7", 2);
	put(s, "\1\0\0", 3);
	expect(s, "\0\0\0\0\0\0\0\0", 8);
	put(p, FRAME, FRAME_LENGTH);
	expect(everywhere, FRAME, FRAME_LENGTH);
	expect(p, "\0\0\0\0\5\0\0\0", 8);
	for (size_t i = 0; i < 4; i++)
		put(p, &IN_ROOM[i], 1);
	put(p, FRAME IN_ROOM "\1\0\0\0\0\0\0\0d", FRAME_LENGTH + 4 + 9);
	expect(s, FRAME "\1\0\0\0\0\0\0\0d", FRAME_LENGTH + 9);
	put(p, FRAME, FRAME_LENGTH);
	expect(everywhere, FRAME, FRAME_LENGTH);
}

Test(bare_server, a_room_there_is_not)
{
	int fd = connect_to();

	put(fd, "R\377\377\0\0", 5);
	expect_end(fd);
	fd = open_as('P');
	put(fd, "\377\377\0\200", 4);
	put(fd, FRAME, FRAME_LENGTH);
	expect_end(fd);
}

Test(bare_server, closes_on_nonsense)
{
	int fd = connect_to();

	put(fd, "GET / HTTP/1.1\r\n", 16);
	expect_end(fd);
	fd = open_as('S');
	put(fd, "x", 1);
	expect_end(fd);
	fd = open_as('P');
	put(fd, "\377\377\377\377\0\0\0\0", 8);
	expect_end(fd);
}

/* More than the socket buffers hold: the rest must not be lost. */
Test(bare_server, a_full_socket_is_waited_for)
{
	enum { SIZE = 1 << 20, COUNT = 12 };
	unsigned char *frame = calloc(1, BARE_HEADER + SIZE);
	int s = open_as('S'), p = open_as('P');
	pid_t writer;

	cr_assert_not_null(frame);
	bare_put_u32(frame, SIZE);
	for (size_t i = 0; i < SIZE; i++)
		frame[BARE_HEADER + i] = (unsigned char)(i * 7 >> 3);
	writer = fork();
	if (writer == 0) {
		for (int i = 0; i < COUNT; i++)
			put(p, frame, BARE_HEADER + SIZE);
		_exit(0);
	}
	(void)usleep(300000);
	for (int i = 0; i < COUNT; i++)
		expect(s, frame, BARE_HEADER + SIZE);
	free(frame);
}

Test(bare_server, says_what_it_cannot_listen_on)
{
	struct bare_server *s;

	cr_assert_eq(bare_server_new("localhost", 0, &s), ERR_USAGE);
	cr_assert_eq(bare_server_new("127.0.0.1", server.port, &s), ERR_EXISTS);
}
