/* SPDX-License-Identifier: MIT */
#include "bench/load/echo.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "servers/wire/websocket.h"

#define HEAD 2048

/* What a server does, that serves one client in a process of its own. */
struct server {
	const char *status; /* of the handshake's answer */
	const char *accept; /* NULL: the right one */
	char swap; /* what the first byte of a text becomes; 0: itself */
	int times; /* that each text comes back; 0: the end */
};

static pid_t child;
static int port;

static size_t read_request(int fd, char head[HEAD])
{
	size_t n = 0;

	do {
		ssize_t got = read(fd, head + n, HEAD - 1 - n);

		if (got <= 0)
			_exit(1);
		n += (size_t)got;
		head[n] = '\0';
	} while (!strstr(head, "\r\n\r\n"));
	return n;
}

static void answer(int fd, const struct server *s)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	char head[HEAD], accept[WS_ACCEPT_CHARS + 1];
	const char *key;

	(void)read_request(fd, head);
	key = strstr(head, name);
	if (!key)
		_exit(1);
	ws_accept(slice_of(key + strlen(name), WS_KEY_CHARS), accept);
	(void)dprintf(fd,
		      "HTTP/1.1 %s\r\nUpgrade: websocket\r\n"
		      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		      s->status, s->accept ? s->accept : accept);
}

/* Texts below 126 bytes: two bytes of head, four of mask. */
static void echo(int fd, const struct server *s)
{
	unsigned char frame[256];
	ssize_t n;

	while ((n = read(fd, frame, sizeof(frame))) > 6) {
		size_t size = (size_t)n - 6;

		for (size_t i = 0; i < size; i++)
			frame[6 + i] ^= frame[2 + i % 4];
		if (s->swap)
			frame[6] = (unsigned char)s->swap;
		frame[4] = frame[0];
		frame[5] = (unsigned char)size;
		for (int i = 0; i < s->times; i++)
			(void)!write(fd, frame + 4, size + 2);
		if (s->times == 0)
			_exit(0);
	}
}

static void serve(const struct server *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(fd, (struct sockaddr *)(void *)&a, size), 0);
	cr_assert_eq(listen(fd, 1), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)(void *)&a, &size), 0);
	port = ntohs(a.sin_port);
	child = fork();
	if (child == 0) {
		int one = accept(fd, NULL, NULL);

		answer(one, s);
		echo(one, s);
		_exit(0);
	}
	(void)close(fd);
}

static enum err run(const struct server *s, struct echo_bytes *bytes, char *why)
{
	struct echo_plan p = {
		.host = "127.0.0.1", .path = "/", .texts = 8, .size = 13};
	enum err e;

	serve(s);
	p.port = port;
	e = echo_run(&p, bytes, why);
	(void)kill(child, SIGTERM);
	(void)waitpid(child, NULL, 0);
	return e;
}

Test(echo, counts_what_is_around_the_texts)
{
	struct server s = {.status = "101 Switching Protocols", .times = 1};
	struct echo_bytes bytes;
	char why[ECHO_WHY] = "";

	cr_assert_eq(run(&s, &bytes, why), ERR_OK, "%s", why);
	cr_assert_eq(bytes.up, 8 * (13 + 6));
	cr_assert_eq(bytes.down, 8 * (13 + 2));
}

static void refuses(struct server s, enum err expected, const char *sentence)
{
	struct echo_bytes bytes;
	char why[ECHO_WHY] = "";

	cr_assert_eq(run(&s, &bytes, why), expected, "%s", why);
	cr_assert_str_eq(why, sentence);
}

Test(echo, says_why_it_was_none)
{
	static const char yes[] = "101 Switching Protocols";
	struct echo_plan nobody = {
		.host = "127.0.0.1", .path = "/", .texts = 1, .size = 1};
	struct echo_bytes bytes;
	char why[ECHO_WHY] = "";

	refuses((struct server){.status = "404 Not Found", .times = 1},
		ERR_PROTO, "the handshake was refused");
	refuses((struct server){.status = yes, .accept = "x", .times = 1},
		ERR_PROTO, "Sec-WebSocket-Accept is wrong");
	refuses((struct server){.status = yes, .swap = '!', .times = 1},
		ERR_PROTO, "what came back is not what was sent");
	refuses((struct server){.status = yes, .times = 0}, ERR_CLOSED,
		"closed by the server");
	nobody.port = port;
	cr_assert_eq(echo_run(&nobody, &bytes, why), ERR_IO);
	cr_assert_str_eq(why, "Connection refused");
}
