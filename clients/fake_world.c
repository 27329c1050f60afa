/* SPDX-License-Identifier: MIT */
#include "clients/fake_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/check.h"
#include "servers/wire/websocket.h"

#define TRIES 3000 /* ticks of up to a millisecond */

/* The owner */

static void note(struct client *c, const char *line)
{
	struct fake_world *w = c->owner;

	CHECK(buf_printf(&w->log, "%s\n", line) == ERR_OK);
	if (w->free_at.n > 0 && slice_is(w->free_at, line))
		client_free(c);
}

static void notef(struct client *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void notef(struct client *c, const char *format, ...)
{
	char line[8192];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	note(c, line);
}

static void on_open(struct client *c)
{
	note(c, "open");
}

static void on_message(struct client *c, const struct client_message *m)
{
	struct fake_world *w = c->owner;

	w->memo = m->memo;
	notef(c, "message %.*s %.*s %.*s %.*s %llu", SLICE_ARG(m->room),
	      SLICE_ARG(m->event), SLICE_ARG(m->data), SLICE_ARG(m->from),
	      (unsigned long long)m->seq);
}

static void on_object(struct client *c, struct slice object)
{
	notef(c, "object %.*s", SLICE_ARG(object));
}

static void on_answer(struct client *c, uint64_t id, bool ok, struct slice body)
{
	notef(c, "answer %llu %s %.*s", (unsigned long long)id,
	      ok ? "ok" : "failed", SLICE_ARG(body));
}

static void on_lost(struct client *c, enum err err, const char *why,
		    uint64_t wait_ms)
{
	struct fake_world *w = c->owner;

	w->wait_ms = wait_ms;
	notef(c, "lost %s: %s", err_text(err), why);
}

static void on_closed(struct client *c, enum err err, const char *why)
{
	notef(c, "closed %s: %s", err_text(err), why);
}

static const struct client_events callbacks = {
	.on_open = on_open,
	.on_message = on_message,
	.on_object = on_object,
	.on_answer = on_answer,
	.on_lost = on_lost,
	.on_closed = on_closed,
};

/* World */

void fake_world_init(struct fake_world *w)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	*w = (struct fake_world){0};
	clock_fake_init(&w->clock, 1000000000);
	CHECK(loop_new(&w->clock, &w->loop) == ERR_OK);
	w->env = client_env_new(w->loop);
	buf_init(&w->log, BUF_UNLIMITED);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(bind(w->listen_fd, (struct sockaddr *)&address, size) == 0);
	CHECK(listen(w->listen_fd, 16) == 0);
	CHECK(getsockname(w->listen_fd, (struct sockaddr *)&address, &size) ==
	      0);
	w->port = ntohs(address.sin_port);
}

void fake_world_release(struct fake_world *w)
{
	client_env_free(w->env);
	loop_free(w->loop);
	buf_release(&w->log);
	(void)close(w->listen_fd);
}

struct client *fake_world_client(struct fake_world *w,
				 const struct client_ops *ops,
				 const struct client_options *options)
{
	struct client_options o = {0};
	struct client *c;

	if (options)
		o = *options;
	o.host = "127.0.0.1";
	o.port = w->port;
	CHECK(client_new(w->env, ops, &o, &callbacks, w, &c) == ERR_OK);
	return c;
}

void fake_world_ticks(struct fake_world *w, unsigned count)
{
	while (count-- > 0)
		CHECK(loop_tick(w->loop, 1) == ERR_OK);
}

/* In steps, as a loop that runs all the time would see it. */
void fake_world_advance(struct fake_world *w, uint64_t ms)
{
	while (ms > 0) {
		uint64_t step = ms < 100 ? ms : 100;

		clock_fake_advance_ms(&w->clock, step);
		CHECK(loop_tick(w->loop, 0) == ERR_OK);
		ms -= step;
	}
}

void fake_world_forget(struct fake_world *w)
{
	buf_clear(&w->log);
}

void fake_world_expect(struct fake_world *w, const char *text)
{
	for (int i = 0; i < TRIES && w->log.len < strlen(text); i++)
		fake_world_ticks(w, 1);
	/* What should not come would come in these. */
	fake_world_ticks(w, 2);
	if (!slice_is(buf_slice(&w->log), text)) {
		(void)fprintf(stderr, "expected:\n%sgot:\n%.*s", text,
			      SLICE_ARG(buf_slice(&w->log)));
		abort();
	}
	fake_world_forget(w);
}

/* Links */

void fake_link_accept(struct fake_link *l, struct fake_world *w)
{
	int fd = -1;

	for (int i = 0; i < TRIES && fd < 0; i++) {
		fd = accept4(w->listen_fd, NULL, NULL, SOCK_NONBLOCK);
		if (fd < 0)
			fake_world_ticks(w, 1);
	}
	CHECK(fd >= 0);
	*l = (struct fake_link){.world = w, .fd = fd};
	buf_init(&l->in, BUF_UNLIMITED);
	buf_init(&l->taken, BUF_UNLIMITED);
}

void fake_link_close(struct fake_link *l)
{
	(void)close(l->fd);
	buf_release(&l->in);
	buf_release(&l->taken);
}

void fake_link_send(struct fake_link *l, struct slice bytes)
{
	while (bytes.n > 0) {
		ssize_t n = send(l->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		CHECK(n > 0 || errno == EAGAIN);
		if (n > 0)
			bytes = slice_after(bytes, (size_t)n);
		else
			fake_world_ticks(l->world, 1);
	}
}

void fake_link_say(struct fake_link *l, const char *text)
{
	fake_link_send(l, slice_str(text));
}

void fake_link_drip(struct fake_link *l, struct slice bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		fake_link_send(l, slice_of(bytes.p + i, 1));
		fake_world_ticks(l->world, 1);
	}
}

void fake_link_answer(struct fake_link *l, const char *status, const char *body)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	CHECK(buf_printf(&b,
			 "HTTP/1.1 %s\r\nContent-Length: %zu\r\n"
			 "Connection: %s\r\n\r\n%s",
			 status, strlen(body), "keep-alive", body) == ERR_OK);
	fake_link_send(l, buf_slice(&b));
	buf_release(&b);
}

void fake_link_switch(struct fake_link *l, const char *request,
		      const char *more)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	const char *key = strstr(request, name);
	char accept[WS_ACCEPT_CHARS + 1];
	char head[512];

	CHECK(key);
	ws_accept(slice_of(key + strlen(name), WS_KEY_CHARS), accept);
	(void)snprintf(head, sizeof(head),
		       "HTTP/1.1 101 Switching Protocols\r\n"
		       "Upgrade: WebSocket\r\nConnection: keep-alive, upgrade"
		       "\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		       accept, more);
	fake_link_say(l, head);
}

void fake_link_frame(struct fake_link *l, int opcode, const char *payload)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	CHECK(ws_add_frame(&b, (enum ws_opcode)opcode, slice_str(payload),
			   false) == ERR_OK);
	fake_link_send(l, buf_slice(&b));
	buf_release(&b);
}

/* Returns what recv() did. */
static ssize_t pull(struct fake_link *l)
{
	ssize_t n;

	CHECK(buf_reserve(&l->in, 65536) == ERR_OK);
	n = recv(l->fd, l->in.data + l->in.len, 65536, 0);
	if (n > 0)
		l->in.len += (size_t)n;
	return n;
}

static void await(struct fake_link *l, size_t n)
{
	for (int i = 0; i < TRIES && l->in.len < n; i++) {
		fake_world_ticks(l->world, 1);
		(void)pull(l);
	}
	CHECK(l->in.len >= n);
}

static const char *take(struct fake_link *l, size_t skip, size_t n)
{
	buf_clear(&l->taken);
	CHECK(buf_add(&l->taken, l->in.data + skip, n) == ERR_OK);
	CHECK(buf_add_char(&l->taken, '\0') == ERR_OK);
	buf_consume(&l->in, skip + n);
	return l->taken.data;
}

const char *fake_link_request(struct fake_link *l)
{
	static const char length[] = "Content-Length: ";
	const char *end = NULL;
	const char *field;
	size_t n;

	for (int i = 0; i < TRIES && !end; i++) {
		if (l->in.len > 0)
			end = memmem(l->in.data, l->in.len, "\r\n\r\n", 4);
		if (!end)
			await(l, l->in.len + 1);
	}
	CHECK(end);
	n = (size_t)(end - l->in.data) + 4;
	field = memmem(l->in.data, n, length, sizeof(length) - 1);
	if (field)
		n += strtoul(field + sizeof(length) - 1, NULL, 10);
	await(l, n);
	return take(l, 0, n);
}

const char *fake_link_take_frame(struct fake_link *l, int *opcode,
				 unsigned char mask[4])
{
	unsigned char *p;
	const char *text;
	size_t head = 6;
	size_t n;

	await(l, head);
	p = (unsigned char *)l->in.data;
	CHECK(p[0] & 0x80);
	CHECK(p[1] & 0x80);
	*opcode = p[0] & 0xf;
	n = p[1] & 0x7f;
	CHECK(n < 127);
	if (n == 126) {
		head = 8;
		n = (size_t)p[2] << 8 | p[3];
	}
	await(l, head + n);
	memcpy(mask, l->in.data + head - 4, 4);
	text = take(l, head, n);
	ws_mask((uint8_t *)l->taken.data, n, mask, 0);
	return text;
}

bool fake_link_ended(struct fake_link *l)
{
	ssize_t n = -1;

	for (int i = 0; i < TRIES && n < 0; i++) {
		fake_world_ticks(l->world, 1);
		n = pull(l);
		if (n < 0 && errno != EAGAIN)
			return true;
	}
	return n == 0;
}

bool fake_link_quiet(struct fake_link *l)
{
	int fd;

	fake_world_ticks(l->world, 5);
	(void)pull(l);
	fd = accept4(l->world->listen_fd, NULL, NULL, SOCK_NONBLOCK);
	if (fd >= 0)
		(void)close(fd);
	return fd < 0 && l->in.len == 0;
}
