/* SPDX-License-Identifier: MIT */
/* Writing the raw dialect's objects; envelope.c reads them. */
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"

/*
 * A row of additions that is all or nothing: after the first failure the rest
 * does nothing, and writer_end() takes back what was added.
 */
struct writer {
	struct buf *b;
	size_t start;
	enum err e;
};

static struct writer writer_begin(struct buf *b)
{
	return (struct writer){.b = b, .start = b->len, .e = ERR_OK};
}

static enum err writer_end(struct writer *w)
{
	if (w->e != ERR_OK)
		w->b->len = w->start;
	return w->e;
}

static void add_raw(struct writer *w, struct slice raw)
{
	if (w->e == ERR_OK)
		w->e = buf_add_slice(w->b, raw);
}

static void add_text(struct writer *w, struct slice text)
{
	if (w->e == ERR_OK)
		w->e = json_add_string(w->b, text);
}

static void add_number(struct writer *w, uint64_t n)
{
	if (w->e == ERR_OK)
		w->e = buf_add_u64(w->b, n);
}

/* One allocation instead of several for an object with much data in it. */
static void make_room(struct writer *w, size_t n)
{
	if (w->e == ERR_OK)
		w->e = buf_reserve(w->b, n);
}

/* The id, unless 0, and the closing brace. */
static enum err finish_command(struct writer *w, uint64_t id)
{
	if (id != 0) {
		add_raw(w, SLICE(",\"id\":"));
		add_number(w, id);
	}
	add_raw(w, SLICE("}"));
	return writer_end(w);
}

enum err envelope_add_message(struct buf *b, struct slice room,
			      struct slice event, struct slice data,
			      struct slice from, uint64_t seq,
			      uint64_t position)
{
	return envelope_add_question(b, room, event, data, from, seq, position,
				     0);
}

enum err envelope_add_question(struct buf *b, struct slice room,
			       struct slice event, struct slice data,
			       struct slice from, uint64_t seq,
			       uint64_t position, uint64_t ask)
{
	struct writer w = writer_begin(b);

	/* The least it takes, so that a limit is never hit by asking. */
	make_room(&w, room.n + event.n + data.n + from.n);
	add_raw(&w, SLICE("{\"type\":\"message\",\"room\":"));
	add_text(&w, room);
	add_raw(&w, SLICE(",\"event\":"));
	add_text(&w, event);
	add_raw(&w, SLICE(",\"data\":"));
	add_raw(&w, data);
	if (from.n > 0) {
		add_raw(&w, SLICE(",\"from\":"));
		add_text(&w, from);
	}
	add_raw(&w, SLICE(",\"seq\":"));
	add_number(&w, seq);
	add_raw(&w, SLICE(",\"position\":"));
	add_number(&w, position);
	if (ask != 0) {
		add_raw(&w, SLICE(",\"ack\":"));
		add_number(&w, ask);
	}
	add_raw(&w, SLICE("}"));
	return writer_end(&w);
}

enum err envelope_add_ack(struct buf *b, struct slice id, struct slice data)
{
	struct writer w = writer_begin(b);

	add_raw(&w, SLICE("{\"type\":\"ack\",\"id\":"));
	add_raw(&w, id);
	add_raw(&w, SLICE(",\"data\":"));
	add_raw(&w, data);
	add_raw(&w, SLICE("}"));
	return writer_end(&w);
}

enum err envelope_add_error(struct buf *b, struct slice id, struct slice text)
{
	struct writer w = writer_begin(b);

	add_raw(&w, SLICE("{\"type\":\"error\""));
	if (id.n > 0) {
		add_raw(&w, SLICE(",\"id\":"));
		add_raw(&w, id);
	}
	add_raw(&w, SLICE(",\"payload\":"));
	add_text(&w, text);
	add_raw(&w, SLICE("}"));
	return writer_end(&w);
}

enum err envelope_add_welcome(struct buf *b, uint64_t total, struct slice sid,
			      struct slice id, struct slice epoch,
			      uint64_t position)
{
	struct writer w = writer_begin(b);

	add_raw(&w, SLICE("{\"type\":\"welcome\",\"payload\":{\"total\":"));
	add_number(&w, total);
	add_raw(&w, SLICE(",\"sid\":"));
	add_text(&w, sid);
	add_raw(&w, SLICE(",\"id\":"));
	add_text(&w, id);
	add_raw(&w, SLICE(",\"epoch\":"));
	add_text(&w, epoch);
	add_raw(&w, SLICE(",\"position\":"));
	add_number(&w, position);
	add_raw(&w, SLICE("}}"));
	return writer_end(&w);
}

enum err envelope_add_gap(struct buf *b, struct slice room, uint64_t from,
			  uint64_t to)
{
	struct writer w = writer_begin(b);

	add_raw(&w, SLICE("{\"type\":\"gap\",\"room\":"));
	add_text(&w, room);
	add_raw(&w, SLICE(",\"from\":"));
	add_number(&w, from);
	add_raw(&w, SLICE(",\"to\":"));
	add_number(&w, to);
	add_raw(&w, SLICE("}"));
	return writer_end(&w);
}

enum err envelope_add_join(struct buf *b, bool leave, struct slice room,
			   uint64_t id)
{
	struct writer w = writer_begin(b);

	add_raw(&w, leave ? SLICE("{\"type\":\"leave\",\"room\":")
			  : SLICE("{\"type\":\"join\",\"room\":"));
	add_text(&w, room);
	return finish_command(&w, id);
}

enum err envelope_add_publish(struct buf *b, struct slice room,
			      struct slice event, struct slice data,
			      bool exclude_self, uint64_t id)
{
	struct writer w = writer_begin(b);

	make_room(&w, room.n + event.n + data.n);
	add_raw(&w, SLICE("{\"type\":\"publish\",\"room\":"));
	add_text(&w, room);
	if (event.n > 0) {
		add_raw(&w, SLICE(",\"event\":"));
		add_text(&w, event);
	}
	add_raw(&w, SLICE(",\"data\":"));
	add_raw(&w, data);
	if (exclude_self)
		add_raw(&w, SLICE(",\"self\":false"));
	return finish_command(&w, id);
}

enum err envelope_add_chunk(struct buf *b, uint64_t id, uint64_t chunk,
			    uint64_t total, struct slice text)
{
	struct writer w = writer_begin(b);

	make_room(&w, text.n);
	add_raw(&w, SLICE("{\"type\":\"chunk\",\"id\":"));
	add_number(&w, id);
	add_raw(&w, SLICE(",\"chunk\":"));
	add_number(&w, chunk);
	add_raw(&w, SLICE(",\"total\":"));
	add_number(&w, total);
	add_raw(&w, SLICE(",\"data\":"));
	add_text(&w, text);
	add_raw(&w, SLICE("}"));
	return writer_end(&w);
}

enum err envelope_add_resume(struct buf *b, struct slice epoch,
			     uint64_t position, const struct slice *rooms,
			     size_t count, uint64_t id)
{
	struct writer w = writer_begin(b);

	add_raw(&w, SLICE("{\"type\":\"resume\",\"epoch\":"));
	add_text(&w, epoch);
	add_raw(&w, SLICE(",\"position\":"));
	add_number(&w, position);
	add_raw(&w, SLICE(",\"rooms\":["));
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			add_raw(&w, SLICE(","));
		add_text(&w, rooms[i]);
	}
	add_raw(&w, SLICE("]"));
	return finish_command(&w, id);
}
