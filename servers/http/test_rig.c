/* SPDX-License-Identifier: MIT */
#include "servers/http/test_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/check.h"

#define PATIENCE_MS 3000

void rig_init(struct rig *rig, const struct http_options *options)
{
	struct http_options o = options ? *options : http_defaults;

	o.port = 0;
	*rig = (struct rig){0};
	CHECK(loop_new(&clock_monotonic, &rig->loop) == ERR_OK);
	CHECK(http_new(rig->loop, &o, &rig->http) == ERR_OK);
}

void rig_start(struct rig *rig)
{
	CHECK(http_start(rig->http) == ERR_OK);
}

void rig_release(struct rig *rig)
{
	http_free(rig->http);
	loop_free(rig->loop);
}

void rig_tick(struct rig *rig)
{
	CHECK(loop_tick(rig->loop, 5) == ERR_OK);
	rig->ticks++;
}

void rig_run(struct rig *rig, unsigned ms)
{
	uint64_t end = clock_ms(&clock_monotonic) + ms;

	while (clock_ms(&clock_monotonic) < end)
		rig_tick(rig);
}

void client_open(struct client *c, struct rig *rig)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_port(rig->http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1;

	*c = (struct client){.rig = rig};
	buf_init(&c->in, BUF_UNLIMITED);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(c->fd >= 0);
	CHECK(connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	CHECK(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ==
	      0);
}

/* Takes what has come. */
static void client_take(struct client *c)
{
	ssize_t n;

	do {
		CHECK(buf_reserve(&c->in, 65536) == ERR_OK);
		n = recv(c->fd, c->in.data + c->in.len, 65535, MSG_DONTWAIT);
		if (n > 0)
			c->in.len += (size_t)n;
	} while (n > 0);
	c->ended |= n == 0;
	c->reset |= n < 0 && errno == ECONNRESET;
}

void client_send(struct client *c, struct slice bytes)
{
	uint64_t end = clock_ms(&clock_monotonic) + PATIENCE_MS;

	while (bytes.n > 0 && clock_ms(&clock_monotonic) < end) {
		ssize_t n = send(c->fd, bytes.p, bytes.n,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			bytes = slice_after(bytes, (size_t)n);
		else if (errno != EAGAIN)
			return; /* the server has closed; its answer counts */
		if (bytes.n > 0)
			rig_tick(c->rig);
	}
}

void client_say(struct client *c, const char *text)
{
	client_send(c, slice_str(text));
}

const char *client_text(struct client *c)
{
	CHECK(buf_reserve(&c->in, 1) == ERR_OK);
	c->in.data[c->in.len] = '\0';
	return c->in.data;
}

bool client_hear(struct client *c, const char *text)
{
	uint64_t end = clock_ms(&clock_monotonic) + PATIENCE_MS;

	do {
		client_take(c);
		if (c->in.len &&
		    memmem(c->in.data, c->in.len, text, strlen(text)))
			return true;
		if (c->ended || c->reset)
			return false;
		rig_tick(c->rig);
	} while (clock_ms(&clock_monotonic) < end);
	return false;
}

bool client_hear_size(struct client *c, size_t n)
{
	uint64_t end = clock_ms(&clock_monotonic) + PATIENCE_MS;

	do {
		client_take(c);
		if (c->in.len >= n)
			return true;
		rig_tick(c->rig);
	} while (!c->ended && !c->reset && clock_ms(&clock_monotonic) < end);
	return false;
}

bool client_hear_end(struct client *c)
{
	uint64_t end = clock_ms(&clock_monotonic) + PATIENCE_MS;

	do {
		client_take(c);
		if (c->ended || c->reset)
			return true;
		rig_tick(c->rig);
	} while (clock_ms(&clock_monotonic) < end);
	return false;
}

unsigned client_count(const struct client *c, const char *text)
{
	const char *at = c->in.data, *end = at + c->in.len;
	unsigned count = 0;

	while (at &&
	       (at = memmem(at, (size_t)(end - at), text, strlen(text)))) {
		at += strlen(text);
		count++;
	}
	return count;
}

void client_forget(struct client *c)
{
	buf_clear(&c->in);
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	buf_release(&c->in);
}
