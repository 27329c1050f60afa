/* SPDX-License-Identifier: MIT */
#include "servers/app/workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "servers/app/args.h"
#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"
#include "servers/wire/placeholder.h"
#include "servers/wire/socketio.h"

#define USER_ID_MAX 255 /* bytes of its JSON */

/* What the app keeps of a session: two JSON values in one allocation. */
struct guest {
	struct slice user_id; /* auth.userId, or the session's id */
	struct slice address; /* quoted */
	bool says_goodbye;    /* raw clients do; Socket.IO's do not */
	/* The one that is being handled: what is made of it may be binary. */
	const struct app_event *event;
	char text[];
};

static void must(enum err e)
{
	CHECK(e == ERR_OK);
}

static struct guest *guest_of(const struct session *s)
{
	return s->app_state;
}

/* Connecting */

/* As in `userId ?? id`: whatever is not null. It is copied into every event. */
static bool is_user_id(struct slice value)
{
	return value.n <= USER_ID_MAX && json_type(value) != JSON_NULL;
}

static void workshop_connect(struct hub *hub, struct session *s,
			     const struct connect_info *info)
{
	struct guest *g;
	struct slice user_id;
	struct buf b;
	size_t cut;

	(void)hub;
	buf_init(&b, BUF_UNLIMITED);
	if (info->auth.n > 0 && json_member(info->auth, "userId", &user_id) &&
	    is_user_id(user_id))
		must(buf_add_slice(&b, user_id));
	else
		must(json_add_string(&b, session_id(s)));
	cut = b.len;
	must(json_add_string(&b, info->address));
	g = xmalloc(sizeof(*g) + b.len);
	g->says_goodbye = info->objects;
	g->event = NULL;
	memcpy(g->text, b.data, b.len);
	g->user_id = slice_of(g->text, cut);
	g->address = slice_of(g->text + cut, b.len - cut);
	buf_release(&b);
	s->app_state = g;
	hub_join_lobby(s);
}

/* Whether `data` holds places for the event's attachments. */
static bool holds_attachments(const struct app_event *e, struct slice data)
{
	struct placeholders found;

	return e && e->attachment_count &&
	       placeholders_find(data, e->attachment_count, &found) == ERR_OK &&
	       found.count;
}

/* Publishing. `room` empty: to everyone in the namespace. */
static void publish(struct session *s, struct slice room, struct slice event,
		    const struct buf *data, const struct session *except,
		    unsigned flags)
{
	struct publication p = {.nsp = s->nsp->name,
				.room = room,
				.everyone = room.n == 0,
				.event = event,
				.data = buf_slice(data),
				.from = session_id(s),
				.except = except,
				.flags = MSG_BARE | flags};
	const struct app_event *e = guest_of(s)->event;
	uint64_t seq;

	if (holds_attachments(e, p.data)) {
		p.attachments = e->attachments;
		p.attachment_count = e->attachment_count;
	}

	/* Names were checked; at the limit of rooms nobody is there to hear. */
	(void)!hub_publish(s->nsp->hub, &p, &seq);
}

/* Appends `,"name":value` or, first in its object, without the comma. */
static void add_member(struct buf *b, const char *name, struct slice value)
{
	if (b->data[b->len - 1] != '{')
		must(buf_add_char(b, ','));
	must(json_add_string(b, slice_str(name)));
	must(buf_add_char(b, ':'));
	must(buf_add_slice(b, value));
}

static void object_init(struct buf *b)
{
	buf_init(b, BUF_UNLIMITED);
	must(buf_add_char(b, '{'));
}

/* Appends the members of `object` but `skip`. */
static void add_members(struct buf *b, struct slice object, const char *skip)
{
	struct json_iter it;
	struct slice key, value;

	if (!json_object(object, &it))
		return;
	while (json_next_member(&it, &key, &value)) {
		if (json_key_is(key, skip))
			continue;
		if (b->data[b->len - 1] != '{')
			must(buf_add_char(b, ','));
		must(buf_add_char(b, '"'));
		must(buf_add_slice(b, key));
		must(buf_add_str(b, "\":"));
		must(buf_add_slice(b, value));
	}
}

/* Raw clients: any object goes to all others, with the sender's address. */
static void pass_object(struct session *s, const struct app_event *e)
{
	bool named = envelope_name_valid(e->name) &&
		     !socketio_reserved_event(e->name);
	struct buf b;

	object_init(&b);
	add_members(&b, e->args, "from");
	add_member(&b, "from", guest_of(s)->address);
	must(buf_add_char(&b, '}'));
	publish(s, (struct slice){NULL, 0}, named ? e->name : SLICE("message"),
		&b, s, MSG_OBJECT);
	buf_release(&b);
}

/* {"type":"system","payload":"<address> left"} to whoever remains. */
static void say_goodbye(struct session *s, const struct guest *g)
{
	struct buf b;

	object_init(&b);
	must(buf_add_str(&b, "\"type\":\"system\",\"payload\":"));
	must(buf_add_slice(&b, slice_of(g->address.p, g->address.n - 1)));
	must(buf_add_str(&b, " left\"}"));
	publish(s, (struct slice){NULL, 0}, SLICE("system"), &b, NULL,
		MSG_OBJECT);
	buf_release(&b);
}

static void workshop_disconnect(struct hub *hub, struct session *s,
				const char *reason)
{
	struct guest *g = guest_of(s);

	(void)hub;
	(void)reason;
	if (g->says_goodbye)
		say_goodbye(s, g);
	free(g);
	s->app_state = NULL;
}

/* Socket.IO events */

/* {"userId":U,"room":R} to the others in the room. */
static void tell_room(struct session *s, struct slice room, struct slice quoted,
		      struct slice event)
{
	struct buf b;

	object_init(&b);
	add_member(&b, "userId", guest_of(s)->user_id);
	add_member(&b, "room", quoted);
	must(buf_add_char(&b, '}'));
	publish(s, room, event, &b, s, 0);
	buf_release(&b);
}

static void notify(struct session *s, struct slice room)
{
	struct buf text, b;

	buf_init(&text, BUF_UNLIMITED);
	must(buf_add_str(&text, "You joined room: "));
	must(buf_add_slice(&text, room));
	object_init(&b);
	must(buf_add_str(&b, "\"text\":"));
	must(json_add_string(&b, buf_slice(&text)));
	must(buf_add_char(&b, '}'));
	hub_emit(s, SLICE("notification"), buf_slice(&b));
	buf_release(&text);
	buf_release(&b);
}

static enum err join_room(struct session *s, struct slice room,
			  struct slice quoted, const struct slice *args)
{
	enum err e = hub_join(s, room);

	(void)args;
	if (e != ERR_OK)
		return e;
	tell_room(s, room, quoted, SLICE("userJoined"));
	notify(s, room);
	return ERR_OK;
}

static enum err leave_room(struct session *s, struct slice room,
			   struct slice quoted, const struct slice *args)
{
	enum err e = hub_leave(s, room);

	(void)args;
	if (e == ERR_OK)
		tell_room(s, room, quoted, SLICE("userLeft"));
	return e;
}

/* {room,text} -> `message` {text,from,room} to the room, sender included. */
static enum err send_message(struct session *s, struct slice room,
			     struct slice quoted, const struct slice *args)
{
	struct slice text;
	struct buf b;

	object_init(&b);
	if (json_member(args[0], "text", &text))
		add_member(&b, "text", text);
	add_member(&b, "from", guest_of(s)->user_id);
	add_member(&b, "room", quoted);
	must(buf_add_char(&b, '}'));
	publish(s, room, SLICE("message"), &b, NULL, 0);
	buf_release(&b);
	return ERR_OK;
}

/* {room,message} -> `message` with the message alone, to the room. */
static enum err broadcast(struct session *s, struct slice room,
			  struct slice quoted, const struct slice *args)
{
	struct slice message = SLICE("null");
	struct buf b;

	(void)quoted;
	(void)json_member(args[0], "message", &message);
	buf_init(&b, BUF_UNLIMITED);
	must(buf_add_slice(&b, message));
	publish(s, room, SLICE("message"), &b, NULL, 0);
	buf_release(&b);
	return ERR_OK;
}

/* Acks {orderId,status}, and tells the others `newOrder` {id,...payload}. */
static void create_order(struct session *s, struct slice args,
			 struct reply *reply)
{
	struct slice payload = {0}, shown_id;
	struct timespec now;
	struct buf id, b;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	buf_init(&id, BUF_UNLIMITED);
	must(buf_printf(&id, "\"order_%lld\"",
			(long long)now.tv_sec * 1000 + now.tv_nsec / 1000000));
	object_init(&b);
	add_member(&b, "orderId", buf_slice(&id));
	must(buf_add_str(&b, ",\"status\":\"created\"}"));
	reply_send(reply, ERR_OK, buf_slice(&b));
	buf_clear(&b);
	must(buf_add_char(&b, '{'));
	(void)args_split(args, &payload, 1);
	/* As in {id: orderId, ...payload}: a payload's own id wins. */
	shown_id = buf_slice(&id);
	(void)json_member(payload, "id", &shown_id);
	add_member(&b, "id", shown_id);
	add_members(&b, payload, "id");
	must(buf_add_char(&b, '}'));
	publish(s, (struct slice){NULL, 0}, SLICE("newOrder"), &b, s, 0);
	buf_release(&id);
	buf_release(&b);
}

/* The events that concern a room; its name is an argument or a member. */
static const struct room_event {
	const char *name;
	const char *member; /* of the one object argument; NULL: the argument */
	enum err (*run)(struct session *s, struct slice room,
			struct slice quoted, const struct slice *args);
} room_events[] = {
	{"joinRoom", NULL, join_room},
	{"leaveRoom", NULL, leave_room},
	{"sendMessage", "room", send_message},
	{"broadcast", "room", broadcast},
};

static void run_room_event(struct session *s, const struct room_event *r,
			   struct slice args, struct reply *reply)
{
	struct slice arg = {0}, quoted, room;
	struct buf scratch = {0};
	enum err e = ERR_USAGE;

	(void)args_split(args, &arg, 1);
	quoted = arg;
	if ((!r->member || json_member(arg, r->member, &quoted)) &&
	    args_string(quoted, &scratch, &room) && envelope_name_valid(room))
		e = r->run(s, room, quoted, &arg);
	if (e == ERR_OK)
		reply_send(reply, e, (struct slice){0});
	else
		reply_send(reply, e,
			   e == ERR_LIMIT
				   ? SLICE("the limit of rooms is reached")
				   : SLICE("expected a room's name, 1 to 255 "
					   "bytes without control characters"));
	buf_release(&scratch);
}

static void handle_event(struct session *s, const struct app_event *e,
			 struct reply *reply)
{
	if (e->object) {
		pass_object(s, e);
		reply_send(reply, ERR_OK, (struct slice){0});
		return;
	}
	if (slice_is(e->name, "createOrder")) {
		create_order(s, e->args, reply);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(room_events); i++) {
		if (slice_is(e->name, room_events[i].name)) {
			run_room_event(s, &room_events[i], e->args, reply);
			return;
		}
	}
	reply_send(reply, ERR_PROTO, SLICE("unknown event"));
}

static void workshop_event(struct hub *hub, struct session *s,
			   const struct app_event *e, struct reply *reply)
{
	(void)hub;
	guest_of(s)->event = e;
	handle_event(s, e, reply);
	guest_of(s)->event = NULL;
}

const struct app_ops app_workshop = {
	.name = "workshop",
	.commands = true,
	.admit = app_admit,
	.on_connect = workshop_connect,
	.on_event = workshop_event,
	.on_message = app_ignore_message,
	.on_disconnect = workshop_disconnect,
};
