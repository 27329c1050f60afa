/* SPDX-License-Identifier: MIT */
#include "servers/app/relay.h"

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

/* Up to `max` arguments; returns how many there are. */
static size_t split_args(struct slice args, struct slice *out, size_t max)
{
	size_t count = 0;

	while (args.n > 0) {
		size_t n;

		args = json_trim(args);
		n = json_value_length(args);
		if (n == 0)
			break;
		if (count < max)
			out[count] = slice_of(args.p, n);
		count++;
		args = json_trim(slice_after(args, n));
		if (args.n > 0 && args.p[0] == ',')
			args = slice_after(args, 1);
	}
	return count;
}

/* A string argument, unescaped into `scratch` where it has to be. */
static bool string_arg(struct slice value, struct buf *scratch,
		       struct slice *out)
{
	buf_init(scratch, BUF_UNLIMITED);
	return json_type(value) == JSON_STRING &&
	       json_string(value, scratch, out) == ERR_OK;
}

static bool bool_option(struct slice options, const char *name, bool absent)
{
	struct slice value;

	if (!json_member(options, name, &value))
		return absent;
	return json_type(value) == JSON_TRUE;
}

static void relay_membership(struct session *s, enum command_type type,
			     struct slice args, struct reply *reply)
{
	struct command c = {.type = type};
	struct slice arg;
	struct buf scratch = {0};

	if (split_args(args, &arg, 1) > 0 &&
	    string_arg(arg, &scratch, &c.room))
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
	size_t count = split_args(e->args, args, PUBLISH_ARGS);

	if (count < 2 || !string_arg(args[0], &room, &c.room) ||
	    !string_arg(args[1], &event, &c.event)) {
		reply_send(reply, ERR_PROTO,
			   SLICE("expected room and event, two strings, then "
				 "the data"));
		goto out;
	}
	if (count > 2)
		set_data(&c, args[2], e);
	if (count > 3) {
		c.exclude_self = !bool_option(args[3], "self", true);
		c.is_volatile = bool_option(args[3], "volatile", false);
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
	if (e->object)
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
