/* SPDX-License-Identifier: MIT */
#include "servers/app/echo.h"

#include "servers/core/transport.h"

static void echo_message(struct hub *hub, struct session *s, struct slice bytes,
			 bool binary)
{
	(void)hub;
	transport_send_private(s->transport, binary ? MSG_BINARY : MSG_TEXT,
			       bytes, 0);
}

static void echo_event(struct hub *hub, struct session *s,
		       const struct app_event *e, struct reply *reply)
{
	(void)hub;
	(void)s;
	(void)e;
	reply_send(reply, ERR_PROTO, SLICE("the echo app has no events"));
}

static const char *const echo_namespaces[] = {"/", "/custom", NULL};

const struct app_ops app_echo = {
	.name = "echo",
	.commands = false,
	.namespaces = echo_namespaces,
	.admit = app_admit,
	.on_connect = app_ignore_connect,
	.on_event = echo_event,
	.on_message = echo_message,
	.on_disconnect = app_ignore_disconnect,
};
