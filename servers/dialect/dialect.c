/* SPDX-License-Identifier: MIT */
#include "servers/dialect/dialect.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/command.h"
#include "servers/core/hub.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"

/* How many rooms one resume may name. */
#define RESUME_ROOMS_MAX 256
/* Unescaped strings of one object never exceed the object. */
#define SCRATCH_LIMIT BUF_UNLIMITED

/* Writes the answer to one object; dialect_handle() owns it. */
struct object_reply {
	struct reply reply;
	struct slice id; /* raw JSON; empty: no answer unless an error */
	struct buf *answer;
	const struct dialect_late *late; /* NULL: there can be no late answer */
	bool failed, deferred;
};

/* One that comes later. */
struct late_reply {
	struct reply reply;
	struct dialect_late late;
	size_t id_size;
	char id[];
};

static void object_reply_send(struct reply *r, enum err status,
			      struct slice body)
{
	struct object_reply *o = container_of(r, struct object_reply, reply);
	enum err e = ERR_OK;

	if (status != ERR_OK) {
		o->failed = true;
		e = envelope_add_error(o->answer, o->id, body);
	} else if (o->id.n > 0 && body.n > 0) {
		e = envelope_add_ack(o->answer, o->id, body);
	}
	CHECK(e == ERR_OK); /* the caller's buffer takes an answer */
}

static void late_reply_send(struct reply *r, enum err status, struct slice body)
{
	struct late_reply *l = container_of(r, struct late_reply, reply);
	struct slice id = slice_of(l->id, l->id_size);
	struct buf answer;

	buf_init(&answer, BUF_UNLIMITED);
	CHECK((status == ERR_OK
		       ? envelope_add_ack(&answer, id, body)
		       : envelope_add_error(&answer, id, body)) == ERR_OK);
	l->late.answer(l->late.arg, status, buf_slice(&answer));
	buf_release(&answer);
	free(l);
}

static struct reply *object_reply_defer(struct reply *r)
{
	struct object_reply *o = container_of(r, struct object_reply, reply);
	struct late_reply *l;

	if (!o->late || o->id.n == 0)
		return NULL;
	l = xmalloc(sizeof(*l) + o->id.n);
	l->reply = (struct reply){.send = late_reply_send};
	l->late = *o->late;
	l->id_size = o->id.n;
	memcpy(l->id, o->id.p, o->id.n);
	o->deferred = true;
	return &l->reply;
}

/* The names in a validated JSON array of strings, unescaped. */
static enum err room_names(struct slice array, struct buf *scratch,
			   struct slice *rooms, size_t *count)
{
	struct json_iter it;
	struct slice value;

	*count = 0;
	if (!json_array(array, &it))
		return ERR_PROTO;
	/* One reservation, so that earlier slices are never moved. */
	if (buf_reserve(scratch, array.n) != ERR_OK)
		return ERR_LIMIT;
	while (json_next_element(&it, &value)) {
		size_t start = scratch->len;

		if (*count == RESUME_ROOMS_MAX)
			return ERR_LIMIT;
		if (json_unescape(value, scratch) != ERR_OK)
			return ERR_PROTO;
		rooms[(*count)++] =
			slice_of(scratch->data + start, scratch->len - start);
	}
	return ERR_OK;
}

static void run_resume(struct session *s, const struct envelope *e,
		       struct reply *reply)
{
	struct slice rooms[RESUME_ROOMS_MAX];
	struct command command = {.type = COMMAND_RESUME,
				  .epoch = e->epoch,
				  .position = e->position,
				  .rooms = rooms};
	struct buf scratch;

	buf_init(&scratch, SCRATCH_LIMIT);
	switch (room_names(e->rooms, &scratch, rooms, &command.room_count)) {
	case ERR_OK:
		command_run(s, &command, reply);
		break;
	case ERR_LIMIT:
		reply_send(reply, ERR_LIMIT,
			   SLICE("\"rooms\" may name at most 256 rooms"));
		break;
	default:
		reply_send(reply, ERR_PROTO,
			   SLICE("\"rooms\" must be an array of strings"));
	}
	buf_release(&scratch);
}

static void run_command(struct session *s, enum command_type type,
			const struct envelope *e, struct reply *reply)
{
	struct command command = {.type = type,
				  .room = e->room,
				  .event = e->event,
				  .data = e->data,
				  .exclude_self = e->exclude_self,
				  .is_volatile = e->is_volatile,
				  .asks = e->has_ack_timeout,
				  .ack_timeout_ms = e->ack_timeout_ms};

	command_run(s, &command, reply);
}

/* Objects of no type of the dialect belong to the application. */
static void run_app(struct session *s, struct slice text,
		    const struct envelope *e, struct reply *reply)
{
	struct hub *hub = s->nsp->hub;
	struct app_event event = {
		.name = e->type_name, .args = json_trim(text), .object = true};

	hub->app->on_event(hub, s, &event, reply);
}

/*
 * An answer to what the server has asked is answered by nothing, late ones
 * too; other objects of that name are the application's.
 */
static void run_ack(struct session *s, struct slice text,
		    const struct envelope *e, struct reply *reply)
{
	uint64_t id;

	if (json_u64(e->id, &id) &&
	    ask_answer(s, id, e->data.n ? e->data : SLICE("null")))
		reply_send(reply, ERR_OK, (struct slice){0});
	else
		run_app(s, text, e, reply);
}

static void run_object(struct session *s, struct slice text,
		       const struct envelope *e, struct reply *reply)
{
	switch (e->type) {
	case ENVELOPE_JOIN:
		run_command(s, COMMAND_JOIN, e, reply);
		break;
	case ENVELOPE_LEAVE:
		run_command(s, COMMAND_LEAVE, e, reply);
		break;
	case ENVELOPE_PUBLISH:
		run_command(s, COMMAND_PUBLISH, e, reply);
		break;
	case ENVELOPE_RESUME:
		run_resume(s, e, reply);
		break;
	case ENVELOPE_ACK:
		run_ack(s, text, e, reply);
		break;
	default:
		run_app(s, text, e, reply);
	}
}

/* `err` and `why` are what decoding `text` into `e` came to. */
static void run_decoded(struct session *s, struct slice text, enum err err,
			const struct envelope *e, const char *why,
			struct object_reply *o)
{
	o->id = e->id;
	if (err == ERR_OK && e->type != ENVELOPE_CHUNK)
		run_object(s, text, e, &o->reply);
	else if (err == ERR_OK)
		reply_send(&o->reply, ERR_PROTO,
			   SLICE("a chunk cannot hold another"));
	else if (e->is_object && e->type == ENVELOPE_OTHER)
		run_app(s, text, e, &o->reply);
	else
		reply_send(&o->reply, err, slice_str(why));
}

static void run_text(struct session *s, struct slice text,
		     struct object_reply *o)
{
	struct envelope e = {0};
	struct buf scratch;
	const char *why = "";
	enum err err;

	buf_init(&scratch, SCRATCH_LIMIT);
	err = envelope_decode(text, &scratch, &e, &why);
	run_decoded(s, text, err, &e, why, o);
	buf_release(&scratch);
}

void dialect_init(struct dialect *d, struct session *s, size_t max_chunked)
{
	d->session = s;
	chunks_init(&d->chunks, max_chunked);
}

void dialect_release(struct dialect *d)
{
	chunks_release(&d->chunks);
}

/* Adds a piece; when it is the last one, runs the object that they make. */
static void run_chunk(struct dialect *d, const struct envelope *e,
		      struct object_reply *o)
{
	const char *why = "";
	enum err err = chunks_add(&d->chunks, e, &why);

	if (err == ERR_AGAIN)
		return;
	if (err == ERR_OK) {
		run_text(d->session, buf_slice(&d->chunks.text), o);
		chunks_release(&d->chunks);
		return;
	}
	o->id = e->id;
	reply_send(&o->reply, err, slice_str(why));
}

enum dialect_result dialect_handle(struct dialect *d, struct slice text,
				   const struct dialect_late *late,
				   struct buf *answer)
{
	struct object_reply o = {.reply = {.send = object_reply_send,
					   .defer = object_reply_defer},
				 .late = late,
				 .answer = answer};
	struct envelope e = {0};
	struct buf scratch;
	const char *why = "";
	enum err err;

	buf_init(&scratch, SCRATCH_LIMIT);
	err = envelope_decode(text, &scratch, &e, &why);
	if (err == ERR_OK && e.type == ENVELOPE_CHUNK)
		run_chunk(d, &e, &o);
	else
		run_decoded(d->session, text, err, &e, why, &o);
	buf_release(&scratch);
	if (o.deferred)
		return DIALECT_LATER;
	return o.failed ? DIALECT_FAILED : DIALECT_DONE;
}

/* The one room that s has joined (the lobby aside), or NULL. */
static const struct room *only_room(const struct session *s)
{
	const struct room *found = NULL;

	for (uint32_t i = 0; i < s->room_count; i++) {
		if (s->rooms[i].room->name.n == 0)
			continue;
		if (found)
			return NULL;
		found = s->rooms[i].room;
	}
	return found;
}

static bool in_lobby(const struct session *s)
{
	for (uint32_t i = 0; i < s->room_count; i++)
		if (s->rooms[i].room->name.n == 0)
			return true;
	return false;
}

bool dialect_handle_binary(struct dialect *d, struct slice bytes,
			   struct buf *answer)
{
	struct object_reply o = {.reply = {.send = object_reply_send,
					   .defer = object_reply_defer},
				 .answer = answer};
	struct command command = {
		.type = COMMAND_PUBLISH, .data = bytes, .binary = true};

	const struct room *room = only_room(d->session);

	/* Clients that know of no rooms send text as bytes, too. */
	if (!room && in_lobby(d->session))
		return dialect_handle(d, bytes, NULL, answer) != DIALECT_FAILED;
	if (!room) {
		reply_send(&o.reply, ERR_USAGE,
			   SLICE("a binary message needs exactly one joined "
				 "room"));
		return false;
	}
	command.room = room->name;
	command_run(d->session, &command, &o.reply);
	return !o.failed;
}

void dialect_welcome(struct session *s, struct slice sid, struct buf *out)
{
	struct hub *hub = s->nsp->hub;
	enum err e = envelope_add_welcome(out, s->nsp->session_count, sid,
					  session_id(s), slice_str(hub->epoch),
					  hub->position);

	CHECK(e == ERR_OK);
}

struct slice dialect_nsp(struct http_request *r)
{
	struct slice nsp;

	return http_request_query(r, "nsp", &nsp) && nsp.n > 0 ? nsp
							       : SLICE("/");
}
