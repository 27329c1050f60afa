/* SPDX-License-Identifier: MIT */
#include "servers/app/echo.h"

#include "servers/core/hub.h"
#include "servers/core/transport.h"

static void echo_message(struct hub *hub, struct session *s, struct slice bytes,
			 bool binary)
{
	(void)hub;
	transport_send_private(s->transport, binary ? MSG_BINARY : MSG_TEXT,
			       bytes, 0);
}

/* Socket.IO's clients are told what they have sent to be let in. */
static void echo_connect(struct hub *hub, struct session *s,
			 const struct connect_info *info)
{
	(void)hub;
	if (!info->objects)
		hub_emit(s, SLICE("auth"),
			 info->auth.n ? info->auth : SLICE("{}"));
}

static void echo_event(struct hub *hub, struct session *s,
		       const struct app_event *e, struct reply *reply)
{
	(void)hub;
	if (slice_is(e->name, "message"))
		hub_emit_args(s, SLICE("message-back"), e->args, e->attachments,
			      e->attachment_count);
	if (!slice_is(e->name, "message-with-ack")) {
		reply_send(reply, ERR_OK, (struct slice){0});
		return;
	}
	reply->args = true;
	reply->attachments = e->attachments;
	reply->attachment_count = e->attachment_count;
	reply_send(reply, ERR_OK, e->args);
}

static const char *const echo_namespaces[] = {"/", "/custom", NULL};

const struct app_ops app_echo = {
	.name = "echo",
	.commands = false,
	.namespaces = echo_namespaces,
	.admit = app_admit,
	.on_connect = echo_connect,
	.on_event = echo_event,
	.on_message = echo_message,
	.on_disconnect = app_ignore_disconnect,
};
