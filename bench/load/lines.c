/* SPDX-License-Identifier: MIT */
#include "bench/load/lines.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "servers/base/check.h"

#define READ_SIZE 65536

/* Life cycle */

void lines_init(struct lines *l, int fd, size_t line_max)
{
	l->fd = fd;
	l->looked = 0;
	buf_init(&l->in, line_max);
}

void lines_release(struct lines *l)
{
	buf_release(&l->in);
}

/* Operations */

static enum err send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		struct pollfd full = {.fd = fd, .events = POLLOUT};

		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		} else if (errno == EAGAIN) {
			(void)poll(&full, 1, -1);
		} else if (errno != EINTR) {
			return errno == EPIPE ? ERR_CLOSED : ERR_IO;
		}
	}
	return ERR_OK;
}

enum err lines_send(struct lines *l, struct cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);
	enum err e;

	CHECK(text != NULL);
	cJSON_Delete(json);
	e = send_all(l->fd, text, strlen(text));
	cJSON_free(text);
	return e ? e : send_all(l->fd, "\n", 1);
}

enum err lines_read(struct lines *l)
{
	enum err e;
	ssize_t n;

	for (;;) {
		e = buf_reserve(&l->in, READ_SIZE);
		if (e)
			return e;
		n = recv(l->fd, l->in.data + l->in.len, READ_SIZE,
			 MSG_DONTWAIT);
		if (n > 0)
			l->in.len += (size_t)n;
		else if (n == 0)
			return ERR_CLOSED;
		else if (errno == EAGAIN)
			return ERR_OK;
		else if (errno != EINTR)
			return errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
	}
}

enum err lines_next(struct lines *l, struct cJSON **out)
{
	size_t length;
	char *end;

	if (l->in.len == l->looked)
		return ERR_AGAIN;
	end = memchr(l->in.data + l->looked, '\n', l->in.len - l->looked);
	if (!end) {
		l->looked = l->in.len;
		return ERR_AGAIN;
	}
	length = (size_t)(end - l->in.data);
	*out = cJSON_ParseWithLength(l->in.data, length);
	buf_consume(&l->in, length + 1);
	l->looked = 0;
	return *out ? ERR_OK : ERR_PROTO;
}
