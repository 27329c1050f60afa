/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "bench/micro/receive.h"
#include "servers/base/check.h"
#include "servers/wire/websocket.h"

#define MESSAGE_MAX (1 << 20) /* as --max-payload is by default, about */

struct connection {
	struct ws_pool *pool;
	struct ws_receiver receiver;
	struct received *into;
};

static bool take_frame(void *arg, enum ws_opcode opcode, struct slice payload)
{
	struct connection *c = arg;

	if (opcode == WS_TEXT || opcode == WS_BINARY)
		received_add(c->into, payload.p, payload.n);
	return true;
}

static void *open_ours(struct received *into)
{
	struct connection *c = xcalloc(1, sizeof(*c));

	c->into = into;
	c->pool = ws_pool_new();
	ws_receiver_init(&c->receiver, true, MESSAGE_MAX);
	return c;
}

/* As on_readable() of servers/http/websocket.c; memcpy() stands for recv(). */
static void pass(void *connection, const struct frames *f)
{
	static const struct ws_events events = {.on_frame = take_frame};
	struct frames_cursor cursor = {.frames = f};
	struct connection *c = connection;
	char bytes[FRAMES_READ];
	const char *why = "";
	struct slice read;
	unsigned code = 0;

	while ((read = frames_next(&cursor)).n > 0) {
		memcpy(bytes, read.p, read.n);
		CHECK(ws_receiver_feed(&c->receiver, c->pool,
				       slice_of(bytes, read.n), &events, c,
				       &code, &why) == ERR_OK);
	}
}

static void close_ours(void *connection)
{
	struct connection *c = connection;

	ws_receiver_release(&c->receiver, c->pool);
	ws_pool_free(c->pool);
	free(c);
}

const struct receive_ops receive_ours = {
	.name = "pushmark",
	.open = open_ours,
	.pass = pass,
	.close = close_ours,
};

void received_add(struct received *r, const void *p, size_t n)
{
	const uint8_t *bytes = p;

	r->messages++;
	r->bytes += n;
	for (size_t i = 0; r->digests && i < n; i++)
		r->digest = (r->digest ^ bytes[i]) * 0x100000001b3U;
}
