/* SPDX-License-Identifier: MIT */
#include "bench/load/echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/check.h"
#include "servers/wire/websocket.h"

#define HEAD_MAX 4096
#define READ 4096
#define FRAME_MAX ((size_t)1 << 20)

struct echo {
	const struct echo_plan *plan;
	int fd;
	char *why;
	char *text;
	struct ws_pool *pool;
	struct ws_receiver receiver;
	struct echo_bytes bytes;
	unsigned echoed; /* of the text at hand: 0 or 1 */
	bool wrong;
};

static enum err fail(struct echo *e, enum err err, const char *what)
{
	(void)snprintf(e->why, ECHO_WHY, "%s", what);
	return err;
}

/* The socket */

static enum err connect_to(struct echo *e)
{
	const struct timeval patience = {.tv_sec = ECHO_TIMEOUT_S};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)e->plan->port)};
	int on = 1;

	if (inet_pton(AF_INET, e->plan->host, &to.sin_addr) != 1)
		return fail(e, ERR_USAGE, "the address is not numeric");
	e->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (e->fd < 0 ||
	    setsockopt(e->fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)) != 0 ||
	    setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    connect(e->fd, (struct sockaddr *)(void *)&to, sizeof(to)) != 0)
		return fail(e, ERR_IO, strerror(errno));
	return ERR_OK;
}

static enum err send_all(struct echo *e, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(e->fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return fail(e, ERR_CLOSED, strerror(errno));
		bytes += sent;
		n -= (size_t)sent;
	}
	return ERR_OK;
}

static enum err receive(struct echo *e, char *into, size_t max, size_t *got)
{
	for (;;) {
		ssize_t n = recv(e->fd, into, max, 0);

		if (n > 0) {
			*got = (size_t)n;
			return ERR_OK;
		}
		if (n == 0)
			return fail(e, ERR_CLOSED, "closed by the server");
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return fail(e, ERR_TIMEOUT, "no echo in time");
		if (errno != EINTR)
			return fail(e, ERR_CLOSED, strerror(errno));
	}
}

/* The opening handshake: nothing follows its head before we speak. */

static enum err read_head(struct echo *e, char head[HEAD_MAX])
{
	size_t n = 0;

	while (n + 1 < HEAD_MAX) {
		size_t got;
		enum err err = receive(e, head + n, HEAD_MAX - 1 - n, &got);

		if (err)
			return err;
		n += got;
		head[n] = '\0';
		if (strstr(head, "\r\n\r\n"))
			return ERR_OK;
	}
	return fail(e, ERR_LIMIT, "the handshake's answer is too long");
}

static enum err open_websocket(struct echo *e)
{
	char key[WS_KEY_CHARS + 1], accept[WS_ACCEPT_CHARS + 1];
	char text[HEAD_MAX];
	enum err err;
	int n;

	ws_key_new(key);
	ws_accept(slice_str(key), accept);
	n = snprintf(text, sizeof(text),
		     "GET %s HTTP/1.1\r\nHost: %s:%d\r\n"
		     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
		     "\r\n",
		     e->plan->path, e->plan->host, e->plan->port, key);
	if (n < 0 || (size_t)n >= sizeof(text))
		return fail(e, ERR_LIMIT, "the path is too long");
	err = send_all(e, text, (size_t)n);
	if (!err)
		err = read_head(e, text);
	if (err)
		return err;
	if (strncmp(text, "HTTP/1.1 101 ", 13) != 0)
		return fail(e, ERR_PROTO, "the handshake was refused");
	if (!strstr(text, accept))
		return fail(e, ERR_PROTO, "Sec-WebSocket-Accept is wrong");
	return ERR_OK;
}

/* Texts */

static bool on_frame(void *arg, enum ws_opcode opcode, struct slice payload)
{
	struct echo *e = arg;

	e->echoed++;
	e->wrong = e->echoed > 1 || opcode != WS_TEXT ||
		   payload.n != e->plan->size ||
		   memcmp(payload.p, e->text, payload.n) != 0;
	return !e->wrong;
}

static enum err take_echo(struct echo *e)
{
	static const struct ws_events events = {.on_frame = on_frame};
	char bytes[READ];
	unsigned code;
	const char *why;

	for (e->echoed = 0; e->echoed == 0 && !e->wrong;) {
		size_t got;
		enum err err = receive(e, bytes, sizeof(bytes), &got);

		if (err)
			return err;
		e->bytes.down += got;
		err = ws_receiver_feed(&e->receiver, e->pool,
				       slice_of(bytes, got), &events, e, &code,
				       &why);
		if (err)
			return fail(e, err, why);
	}
	return e->wrong ? fail(e, ERR_PROTO,
			       "what came back is not what was sent")
			: ERR_OK;
}

static enum err send_text(struct echo *e, uint32_t number)
{
	struct buf frame;
	enum err err;

	memset(e->text, 'a' + (int)(number % 26), e->plan->size);
	buf_init(&frame, FRAME_MAX);
	err = ws_add_frame(&frame, WS_TEXT, slice_of(e->text, e->plan->size),
			   true);
	if (err)
		(void)fail(e, err, "the text is too long");
	else
		err = send_all(e, frame.data, frame.len);
	e->bytes.up += frame.len;
	buf_release(&frame);
	return err;
}

enum err echo_run(const struct echo_plan *p, struct echo_bytes *out, char *why)
{
	struct echo e = {.plan = p, .fd = -1, .why = why};
	enum err err;

	e.text = xmalloc(p->size + 1);
	e.pool = ws_pool_new();
	ws_receiver_init(&e.receiver, false, FRAME_MAX);
	err = connect_to(&e);
	if (!err)
		err = open_websocket(&e);
	for (uint32_t i = 0; i < p->texts && !err; i++) {
		err = send_text(&e, i);
		if (!err)
			err = take_echo(&e);
	}
	*out = e.bytes;
	ws_receiver_release(&e.receiver, e.pool);
	ws_pool_free(e.pool);
	free(e.text);
	if (e.fd >= 0)
		(void)close(e.fd);
	return err;
}
