/* SPDX-License-Identifier: MIT */
#include "servers/core/command.h"

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"
#include "servers/wire/socketio.h"

#define COMMAND_ERROR_MAX 512

static const char bad_room[] =
	"room name must be 1 to 255 bytes without control characters";
static const char bad_event[] =
	"event name must be 1 to 255 bytes without control characters";

static void must(enum err e)
{
	CHECK(e == ERR_OK);
}

static void command_refuse_limit(struct reply *reply, const char *what,
				 uint64_t limit)
{
	struct buf text;

	buf_init(&text, COMMAND_ERROR_MAX);
	must(buf_printf(&text, "%s: limit of %llu reached", what,
			(unsigned long long)limit));
	reply_send(reply, ERR_LIMIT, buf_slice(&text));
	buf_release(&text);
}

/* Which of the limits on rooms was met. */
static void command_refuse_rooms(const struct session *s, struct reply *reply)
{
	const struct hub_options *o = &s->nsp->hub->options;

	if (s->room_count >= o->max_rooms_per_session)
		command_refuse_limit(reply, "rooms per session",
				     o->max_rooms_per_session);
	else
		command_refuse_limit(reply, "rooms", o->max_rooms);
}

static void command_refuse(enum err e, struct reply *reply)
{
	reply_send(reply, e, slice_str(err_text(e)));
}

static void command_answer_room(struct slice room, struct reply *reply)
{
	struct buf json;

	buf_init(&json, BUF_UNLIMITED);
	must(buf_add_str(&json, "{\"room\":"));
	must(json_add_string(&json, room));
	must(buf_add_char(&json, '}'));
	reply_send(reply, ERR_OK, buf_slice(&json));
	buf_release(&json);
}

static void command_join(struct session *s, const struct command *c,
			 struct reply *reply)
{
	enum err e = c->type == COMMAND_JOIN ? hub_join(s, c->room)
					     : hub_leave(s, c->room);

	if (e == ERR_OK)
		command_answer_room(c->room, reply);
	else if (e == ERR_USAGE)
		reply_send(reply, e, SLICE(bad_room));
	else if (e == ERR_LIMIT)
		command_refuse_rooms(s, reply);
	else
		command_refuse(e, reply);
}

/* Says what is wrong with the names of a publication, if anything is. */
static bool command_refuse_names(const struct command *c, struct slice event,
				 struct reply *reply)
{
	struct buf text;

	if (!envelope_name_valid(c->room)) {
		reply_send(reply, ERR_USAGE, SLICE(bad_room));
		return true;
	}
	if (!envelope_name_valid(event)) {
		reply_send(reply, ERR_USAGE, SLICE(bad_event));
		return true;
	}
	if (!socketio_reserved_event(event))
		return false;
	buf_init(&text, COMMAND_ERROR_MAX);
	must(buf_printf(&text, "event name \"%.*s\" is reserved",
			SLICE_ARG(event)));
	reply_send(reply, ERR_USAGE, buf_slice(&text));
	buf_release(&text);
	return true;
}

static void command_answer_seq(uint64_t seq, struct reply *reply)
{
	struct buf json;

	buf_init(&json, BUF_UNLIMITED);
	must(buf_add_str(&json, "{\"seq\":"));
	must(buf_add_u64(&json, seq));
	must(buf_add_char(&json, '}'));
	reply_send(reply, ERR_OK, buf_slice(&json));
	buf_release(&json);
}

/* Prepares the question that a publication is. False: refused. */
static bool command_ask(struct session *s, const struct command *c,
			struct ask **ask, struct reply *reply)
{
	switch (ask_new(s, c->ack_timeout_ms, ask)) {
	case ERR_OK:
		return true;
	case ERR_USAGE:
		reply_send(reply, ERR_USAGE,
			   SLICE("\"ackTimeout\" is at most an hour"));
		return false;
	default:
		reply_send(reply, ERR_LIMIT,
			   SLICE("too many answers are pending"));
		return false;
	}
}

static void command_publish(struct session *s, const struct command *c,
			    struct reply *reply)
{
	struct hub *h = s->nsp->hub;
	struct publication p = {
		.nsp = s->nsp->name,
		.room = c->room,
		.event = c->event.n ? c->event : SLICE("message"),
		.data = c->data,
		.from = session_id(s),
		.except = c->exclude_self ? s : NULL,
		.flags = (c->binary ? MSG_RAW_DATA : 0) |
			 (c->is_volatile ? MSG_VOLATILE : 0),
		.attachments = c->attachments,
		.attachment_count = c->attachment_count,
	};
	struct ask *ask = NULL;
	uint64_t seq = 0;
	enum err e;

	if (command_refuse_names(c, p.event, reply) ||
	    (c->asks && !command_ask(s, c, &ask, reply)))
		return;
	p.ask = ask ? ask->id : 0;
	e = hub_publish(h, &p, &seq);
	if (e != ERR_OK && ask)
		ask_free(ask);
	if (e == ERR_LIMIT) {
		command_refuse_limit(reply, "rooms", h->options.max_rooms);
		return;
	}
	if (e != ERR_OK) {
		command_refuse(e, reply);
		return;
	}
	if (ask)
		ask_start(ask, seq, reply);
	else
		command_answer_seq(seq, reply);
}

static void command_resume(struct session *s, const struct command *c,
			   struct reply *reply)
{
	enum err e =
		hub_resume(s, c->epoch, c->position, c->rooms, c->room_count);

	if (e == ERR_OK)
		reply_send(reply, e, SLICE("{\"resumed\":true}"));
	else if (e == ERR_USAGE)
		reply_send(reply, e, SLICE(bad_room));
	else if (e == ERR_LIMIT)
		reply_send(reply, e,
			   SLICE("too many rooms, or more missed messages "
				 "than fit the queue: join to start anew"));
	else
		command_refuse(e, reply);
}

void command_run(struct session *s, const struct command *c,
		 struct reply *reply)
{
	switch (c->type) {
	case COMMAND_JOIN:
	case COMMAND_LEAVE:
		command_join(s, c, reply);
		return;
	case COMMAND_PUBLISH:
		command_publish(s, c, reply);
		return;
	case COMMAND_RESUME:
		command_resume(s, c, reply);
		return;
	}
}
