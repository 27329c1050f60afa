/* SPDX-License-Identifier: MIT */
#include "servers/app/relay.h"

#include "servers/app/args.h"
#include "servers/base/buf.h"
#include "servers/core/command.h"
#include "servers/core/hub.h"
#include "servers/wire/json.h"

#define PUBLISH_ARGS 4 /* room, event, data, options */

static enum err relay_admit(struct hub *hub, const struct connect_info *info,
			    struct refusal *why)
{
	(void)hub;
	if (slice_is(info->nsp, "/private") && info->auth.n == 0) {
		*why = (struct refusal){"unauthorized", "{\"code\":401}"};
		return ERR_REFUSED;
	}
	return ERR_OK;
}

static void relay_membership(struct session *s, enum command_type type,
			     struct slice args, struct reply *reply)
{
	struct command c = {.type = type};
	struct slice arg;
	struct buf scratch = {0};

	if (args_split(args, &arg, 1) > 0 &&
	    args_string(arg, &scratch, &c.room))
		command_run(s, &c, reply);
	else
		reply_send(reply, ERR_PROTO,
			   SLICE("expected the room's name, a string"));
	buf_release(&scratch);
}

/* The data argument: JSON, or the one attachment that stands in its place. */
static void set_data(struct command *c, struct slice value,
		     const struct app_event *e)
{
	struct slice placeholder;

	c->data = value;
	if (e->attachment_count == 1 &&
	    json_member(value, "_placeholder", &placeholder) &&
	    json_type(placeholder) == JSON_TRUE) {
		c->data = e->attachments[0];
		c->binary = true;
	}
}

static void relay_publish(struct session *s, const struct app_event *e,
			  struct reply *reply)
{
	struct command c = {.type = COMMAND_PUBLISH, .data = SLICE("null")};
	struct slice args[PUBLISH_ARGS];
	struct buf room = {0}, event = {0};
	size_t count = args_split(e->args, args, PUBLISH_ARGS);

	/* An empty name would stand for the default one further on. */
	if (count < 2 || !args_string(args[0], &room, &c.room) ||
	    !args_string(args[1], &event, &c.event) || c.event.n == 0) {
		reply_send(reply, ERR_PROTO,
			   SLICE("expected room and event, two non-empty "
				 "strings, then the data"));
		goto out;
	}
	if (count > 2)
		set_data(&c, args[2], e);
	if (count > 3) {
		c.exclude_self = !args_bool(args[3], "self", true);
		c.is_volatile = args_bool(args[3], "volatile", false);
	}
	command_run(s, &c, reply);
out:
	buf_release(&room);
	buf_release(&event);
}

static void relay_event(struct hub *hub, struct session *s,
			const struct app_event *e, struct reply *reply)
{
	(void)hub;
	if (e->object && e->name.n == 0)
		reply_send(reply, ERR_PROTO,
			   SLICE("\"type\" must be a non-empty string"));
	else if (e->object)
		reply_send(reply, ERR_PROTO,
			   SLICE("unknown \"type\": expected join, leave, "
				 "publish, resume or chunk"));
	else if (slice_is(e->name, "join"))
		relay_membership(s, COMMAND_JOIN, e->args, reply);
	else if (slice_is(e->name, "leave"))
		relay_membership(s, COMMAND_LEAVE, e->args, reply);
	else if (slice_is(e->name, "publish"))
		relay_publish(s, e, reply);
	else
		reply_send(reply, ERR_PROTO,
			   SLICE("unknown event: expected join, leave or "
				 "publish"));
}

const struct app_ops app_relay = {
	.name = "relay",
	.commands = true,
	.admit = relay_admit,
	.on_connect = app_ignore_connect,
	.on_event = relay_event,
	.on_message = app_ignore_message,
	.on_disconnect = app_ignore_disconnect,
};
