/* SPDX-License-Identifier: MIT */
#include "servers/app/relay.h"

#include "servers/app/args.h"
#include "servers/base/buf.h"
#include "servers/core/command.h"
#include "servers/core/hub.h"
#include "servers/wire/json.h"
#include "servers/wire/placeholder.h"

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

/*
 * The data argument: JSON, perhaps with attachments in it, or the one
 * attachment that stands in its place, which is published as bytes.
 */
static void set_data(struct command *c, struct slice value,
		     const struct app_event *e)
{
	struct placeholders found;

	c->data = value;
	if (!e->attachment_count ||
	    placeholders_find(value, e->attachment_count, &found) != ERR_OK ||
	    !found.count)
		return;
	if (found.count == 1 && found.at[0].start == 0 &&
	    found.at[0].end == value.n) {
		c->data = e->attachments[found.at[0].num];
		c->binary = true;
		return;
	}
	c->attachments = e->attachments;
	c->attachment_count = e->attachment_count;
}

/* The options argument; false when it has a wrong one. */
static bool set_options(struct command *c, struct slice options)
{
	struct slice timeout;

	c->exclude_self = !args_bool(options, "self", true);
	c->is_volatile = args_bool(options, "volatile", false);
	c->asks = json_member(options, "ackTimeout", &timeout) &&
		  json_type(timeout) != JSON_NULL;
	return !c->asks || json_u64(timeout, &c->ack_timeout_ms);
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
	if (count > 3 && !set_options(&c, args[3])) {
		reply_send(reply, ERR_PROTO,
			   SLICE("\"ackTimeout\" must be an integer of "
				 "milliseconds"));
		goto out;
	}
	command_run(s, &c, reply);
out:
	buf_release(&room);
	buf_release(&event);
}

/* So that a client can see what the server's own disconnect is like. */
static void relay_end(struct session *s, struct reply *reply)
{
	reply_send(reply, ERR_OK, SLICE("null"));
	hub_expel(s);
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
	else if (slice_is(e->name, "bye"))
		relay_end(s, reply);
	else
		reply_send(reply, ERR_PROTO,
			   SLICE("unknown event: expected join, leave, "
				 "publish or bye"));
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
