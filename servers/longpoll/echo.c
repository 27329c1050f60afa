/* SPDX-License-Identifier: MIT */
/* Bare Engine.IO that sends back whatever it gets, for the echo app. */
#include "servers/base/buf.h"
#include "servers/base/check.h"
#include "servers/longpoll/engine.h"

static void opened(struct engine *e)
{
	(void)e;
}

static void echo_text(struct engine *e, struct slice text)
{
	struct buf packet;

	buf_init(&packet, BUF_UNLIMITED);
	CHECK(buf_add_char(&packet, '4') == ERR_OK);
	CHECK(buf_add_slice(&packet, text) == ERR_OK);
	engine_send(e, buf_slice(&packet));
	buf_release(&packet);
}

static void closed(struct engine *e, const char *why)
{
	(void)e;
	(void)why;
}

const struct engine_user_ops engine_echo = {
	.opened = opened,
	.text = echo_text,
	.binary = engine_send_binary,
	.closed = closed,
};
