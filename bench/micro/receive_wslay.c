/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sys/types.h>
#include <wslay/wslay.h>

#include "bench/micro/receive.h"
#include "servers/base/check.h"

struct connection {
	wslay_event_context_ptr context;
	struct received *into;
	struct slice read; /* what is left of this read */
};

/*
 * Stands for recv(). wslay's buffer has 4 KiB, so that it would make four
 * system calls where our server makes one: these are not charged to it.
 */
static ssize_t give_bytes(wslay_event_context_ptr context, uint8_t *into,
			  size_t n, int flags, void *arg)
{
	struct connection *c = arg;

	(void)flags;
	if (c->read.n == 0) {
		wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (n > c->read.n)
		n = c->read.n;
	memcpy(into, c->read.p, n);
	c->read = slice_after(c->read, n);
	return (ssize_t)n;
}

static void take_message(wslay_event_context_ptr context,
			 const struct wslay_event_on_msg_recv_arg *message,
			 void *arg)
{
	struct connection *c = arg;

	(void)context;
	received_add(c->into, message->msg, message->msg_length);
}

static void *open_wslay(struct received *into)
{
	const struct wslay_event_callbacks calls = {
		.recv_callback = give_bytes,
		.on_msg_recv_callback = take_message,
	};
	struct connection *c = xcalloc(1, sizeof(*c));

	c->into = into;
	CHECK(wslay_event_context_server_init(&c->context, &calls, c) == 0);
	return c;
}

static void pass(void *connection, const struct frames *f)
{
	struct frames_cursor cursor = {.frames = f};
	struct connection *c = connection;

	while ((c->read = frames_next(&cursor)).n > 0) {
		/* It may return before it has read all. */
		while (c->read.n > 0)
			CHECK(wslay_event_recv(c->context) == 0);
	}
}

static void close_wslay(void *connection)
{
	struct connection *c = connection;

	wslay_event_context_free(c->context);
	free(c);
}

const struct receive_ops receive_wslay = {
	.name = "wslay",
	.open = open_wslay,
	.pass = pass,
	.close = close_wslay,
};
