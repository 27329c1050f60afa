/* SPDX-License-Identifier: MIT */
#include "servers/wire/envelope.h"

#include <string.h>

#include "servers/wire/json.h"

#define ENVELOPE_ID_MAX 64 /* bytes of an id, as JSON */

/* A name of 255 bytes is at most 255 escapes of six, and two quotes. */
#define ESCAPED_NAME_MAX (6 * ENVELOPE_NAME_MAX + 2)

#define WHY_TYPE "\"type\" must be a string"
#define WHY_ID "\"id\" must be a number or a string of at most 64 bytes"
#define WHY_ROOM                                                               \
	"\"room\" must be a non-empty string of at most 255 bytes "            \
	"without control characters"
#define WHY_EVENT                                                              \
	"\"event\" must be a non-empty string of at most 255 bytes "           \
	"without control characters"
#define WHY_ROOMS                                                              \
	"\"rooms\" must be an array of non-empty strings of at most 255 "      \
	"bytes without control characters"

/* The members that an object of the dialect may have. */
enum field {
	FIELD_ID,
	FIELD_TO,
	FIELD_SEQ,
	FIELD_TYPE,
	FIELD_ROOM,
	FIELD_DATA,
	FIELD_FROM,
	FIELD_SELF,
	FIELD_EVENT,
	FIELD_EPOCH,
	FIELD_ROOMS,
	FIELD_CHUNK,
	FIELD_TOTAL,
	FIELD_PAYLOAD,
	FIELD_VOLATILE,
	FIELD_POSITION,
	FIELD_ACK_TIMEOUT,
	FIELD_COUNT,
};

/* In the order of their lengths, for field_find(). */
static const struct slice field_names[FIELD_COUNT] = {
	[FIELD_ID] = {"id", 2},
	[FIELD_TO] = {"to", 2},
	[FIELD_SEQ] = {"seq", 3},
	[FIELD_TYPE] = {"type", 4},
	[FIELD_ROOM] = {"room", 4},
	[FIELD_DATA] = {"data", 4},
	[FIELD_FROM] = {"from", 4},
	[FIELD_SELF] = {"self", 4},
	[FIELD_EVENT] = {"event", 5},
	[FIELD_EPOCH] = {"epoch", 5},
	[FIELD_ROOMS] = {"rooms", 5},
	[FIELD_CHUNK] = {"chunk", 5},
	[FIELD_TOTAL] = {"total", 5},
	[FIELD_PAYLOAD] = {"payload", 7},
	[FIELD_VOLATILE] = {"volatile", 8},
	[FIELD_POSITION] = {"position", 8},
	[FIELD_ACK_TIMEOUT] = {"ackTimeout", 10},
};

/* The first field whose name has so many bytes, or more. */
static const uint8_t field_first[] = {
	FIELD_ID,	FIELD_ID,	   FIELD_ID,	      FIELD_SEQ,
	FIELD_TYPE,	FIELD_EVENT,	   FIELD_PAYLOAD,     FIELD_PAYLOAD,
	FIELD_VOLATILE, FIELD_ACK_TIMEOUT, FIELD_ACK_TIMEOUT,
};

#define FIELD_NAME_MAX (sizeof(field_first) - 1)

/* Those that are handed out as text. */
static const enum field text_fields[] = {FIELD_TYPE, FIELD_ROOM, FIELD_EVENT,
					 FIELD_EPOCH, FIELD_FROM};

static const struct slice type_names[] = {
	[ENVELOPE_OTHER] = {NULL, 0},
	[ENVELOPE_JOIN] = {"join", 4},
	[ENVELOPE_LEAVE] = {"leave", 5},
	[ENVELOPE_PUBLISH] = {"publish", 7},
	[ENVELOPE_RESUME] = {"resume", 6},
	[ENVELOPE_CHUNK] = {"chunk", 5},
	[ENVELOPE_WELCOME] = {"welcome", 7},
	[ENVELOPE_MESSAGE] = {"message", 7},
	[ENVELOPE_GAP] = {"gap", 3},
	[ENVELOPE_ACK] = {"ack", 3},
	[ENVELOPE_ERROR] = {"error", 5},
};

#define TEXT_COUNT (sizeof(text_fields) / sizeof(text_fields[0]))
#define TYPE_COUNT (sizeof(type_names) / sizeof(type_names[0]))

/* What decoding passes from step to step. */
struct decode {
	struct slice raw[FIELD_COUNT]; /* as they came; no address: absent */
	bool escaped;		       /* the text holds an escape */
	struct buf *scratch;
	struct envelope *out;
	const char *why;
};

static bool refuse(struct decode *d, const char *why)
{
	d->why = why;
	return false;
}

static bool has(const struct decode *d, enum field f)
{
	return d->raw[f].p != NULL;
}

/* Mostly no string has an escape, and none needs to be searched. */
static bool has_escape(const struct decode *d, struct slice s)
{
	return d->escaped && memchr(s.p, '\\', s.n) != NULL;
}

static bool name_eq(struct slice name, struct slice s)
{
	return name.n == s.n && name.p[0] == s.p[0] &&
	       memcmp(name.p, s.p, s.n) == 0;
}

/* The member's place in `raw`, or FIELD_COUNT. `key` may hold escapes. */
static enum field field_find(const struct decode *d, struct slice key)
{
	enum field f = FIELD_ID;

	if (has_escape(d, key)) {
		while (f < FIELD_COUNT && !json_key_is(key, field_names[f].p))
			f++;
		return f;
	}
	if (key.n == 0 || key.n > FIELD_NAME_MAX)
		return FIELD_COUNT;
	f = field_first[key.n];
	while (f < FIELD_COUNT && field_names[f].n == key.n) {
		if (name_eq(field_names[f], key))
			return f;
		f++;
	}
	return FIELD_COUNT;
}

static enum envelope_type type_find(struct slice name)
{
	if (name.n == 0)
		return ENVELOPE_OTHER;
	for (size_t i = ENVELOPE_OTHER + 1; i < TYPE_COUNT; i++)
		if (name_eq(type_names[i], name))
			return (enum envelope_type)i;
	return ENVELOPE_OTHER;
}

/* One pass: validates the whole text and keeps the members we know. */
static bool read_members(struct decode *d, struct slice text)
{
	struct json_scan it;
	struct slice key, value;
	enum json_step step;

	if (!json_scan_object(text, &it))
		return refuse(d, json_validate(text) ? "expected a JSON object"
						     : "Invalid JSON");
	while ((step = json_scan_member(&it, &key, &value)) ==
	       JSON_STEP_MEMBER) {
		enum field f;

		d->escaped = it.escaped;
		f = field_find(d, key);
		if (f < FIELD_COUNT)
			d->raw[f] = value;
	}
	if (step == JSON_STEP_BAD)
		return refuse(d, "Invalid JSON");
	d->out->is_object = true;
	return true;
}

/*
 * Several texts may share the scratch, so it must not move between them:
 * the room for all is taken before the first. Unescaping never lengthens.
 * The elements of "rooms" are looked at one after the other.
 */
static enum err reserve_scratch(struct decode *d)
{
	size_t sum = 0;

	if (!d->escaped)
		return ERR_OK;
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		enum field f = text_fields[i];

		if (has(d, f) && has_escape(d, d->raw[f]))
			sum += d->raw[f].n;
	}
	if (has(d, FIELD_ROOMS) && has_escape(d, d->raw[FIELD_ROOMS])) {
		size_t n = d->raw[FIELD_ROOMS].n;

		sum += n < ESCAPED_NAME_MAX ? n : ESCAPED_NAME_MAX;
	}
	return sum > 0 ? buf_reserve(d->scratch, sum) : ERR_OK;
}

/* The text of a string member; false when it is not a string. */
static bool text_of(struct decode *d, enum field f, struct slice *out)
{
	struct slice raw = d->raw[f];
	size_t start = d->scratch->len;

	if (raw.p[0] != '"')
		return false;
	if (!has_escape(d, raw)) {
		*out = slice_of(raw.p + 1, raw.n - 2);
		return true;
	}
	if (json_unescape(raw, d->scratch) != ERR_OK)
		return false;
	*out = slice_of(d->scratch->data + start, d->scratch->len - start);
	return true;
}

static bool number_of(const struct decode *d, enum field f, uint64_t *out)
{
	return json_u64(d->raw[f], out);
}

static bool boolean_of(const struct decode *d, enum field f, bool *out)
{
	enum json_type type = json_type(d->raw[f]);

	*out = type == JSON_TRUE;
	return type == JSON_TRUE || type == JSON_FALSE;
}

static bool read_id(struct decode *d)
{
	struct slice raw = d->raw[FIELD_ID];
	enum json_type type = json_type(raw);

	if (!has(d, FIELD_ID))
		return true;
	if (raw.n > ENVELOPE_ID_MAX ||
	    (type != JSON_NUMBER && type != JSON_STRING))
		return refuse(d, WHY_ID);
	d->out->has_id = true;
	d->out->id = raw;
	return true;
}

static bool read_room(struct decode *d)
{
	return (has(d, FIELD_ROOM) && text_of(d, FIELD_ROOM, &d->out->room) &&
		envelope_name_valid(d->out->room)) ||
	       refuse(d, WHY_ROOM);
}

static bool read_event(struct decode *d)
{
	return !has(d, FIELD_EVENT) ||
	       (text_of(d, FIELD_EVENT, &d->out->event) &&
		envelope_name_valid(d->out->event)) ||
	       refuse(d, WHY_EVENT);
}

static bool read_position(struct decode *d)
{
	if (!has(d, FIELD_POSITION))
		return true;
	d->out->has_position = true;
	return number_of(d, FIELD_POSITION, &d->out->position) ||
	       refuse(d, "\"position\" must be an integer, 0 or more");
}

static bool read_seq(struct decode *d)
{
	if (!has(d, FIELD_SEQ))
		return true;
	d->out->has_seq = true;
	return number_of(d, FIELD_SEQ, &d->out->seq) ||
	       refuse(d, "\"seq\" must be an integer, 0 or more");
}

static bool read_epoch(struct decode *d)
{
	return (has(d, FIELD_EPOCH) &&
		text_of(d, FIELD_EPOCH, &d->out->epoch)) ||
	       refuse(d, "\"epoch\" must be a string");
}

static bool read_publish(struct decode *d)
{
	struct envelope *out = d->out;
	bool self = true;

	if (!read_room(d) || !read_event(d))
		return false;
	if (!has(d, FIELD_DATA))
		return refuse(d, "\"data\" is missing");
	out->data = d->raw[FIELD_DATA];
	if (has(d, FIELD_SELF) && !boolean_of(d, FIELD_SELF, &self))
		return refuse(d, "\"self\" must be true or false");
	out->exclude_self = !self;
	if (has(d, FIELD_VOLATILE) &&
	    !boolean_of(d, FIELD_VOLATILE, &out->is_volatile))
		return refuse(d, "\"volatile\" must be true or false");
	if (!has(d, FIELD_ACK_TIMEOUT))
		return true;
	out->has_ack_timeout = true;
	return number_of(d, FIELD_ACK_TIMEOUT, &out->ack_timeout_ms) ||
	       refuse(d, "\"ackTimeout\" must be an integer of milliseconds");
}

/*
 * The array is handed out raw, and its elements are checked here so that the
 * reader needs no error path.
 */
static bool room_listed(struct decode *d, struct slice element)
{
	const size_t start = d->scratch->len;
	struct slice name;
	bool ok;

	if (json_type(element) != JSON_STRING || element.n > ESCAPED_NAME_MAX)
		return false;
	if (!has_escape(d, element))
		return envelope_name_valid(
			slice_of(element.p + 1, element.n - 2));
	if (json_unescape(element, d->scratch) != ERR_OK)
		return false;
	name = slice_of(d->scratch->data + start, d->scratch->len - start);
	ok = envelope_name_valid(name);
	d->scratch->len = start;
	return ok;
}

static bool read_resume(struct decode *d)
{
	struct json_iter it;
	struct slice element;

	if (!has(d, FIELD_POSITION))
		return refuse(d, "\"position\" is missing");
	if (!has(d, FIELD_ROOMS) || !json_array(d->raw[FIELD_ROOMS], &it))
		return refuse(d, WHY_ROOMS);
	while (json_next_element(&it, &element))
		if (!room_listed(d, element))
			return refuse(d, WHY_ROOMS);
	d->out->rooms = d->raw[FIELD_ROOMS];
	return read_position(d) && read_epoch(d);
}

static bool read_chunk(struct decode *d)
{
	struct envelope *out = d->out;

	if (!out->has_id)
		return refuse(d, "a chunk needs an \"id\"");
	if (!has(d, FIELD_CHUNK) || !number_of(d, FIELD_CHUNK, &out->chunk))
		return refuse(d, "\"chunk\" must be an integer, 0 or more");
	if (!has(d, FIELD_TOTAL) || !number_of(d, FIELD_TOTAL, &out->total) ||
	    out->total == 0)
		return refuse(d, "\"total\" must be an integer, 1 or more");
	if (out->chunk >= out->total)
		return refuse(d, "\"chunk\" must be below \"total\"");
	if (json_type(d->raw[FIELD_DATA]) != JSON_STRING)
		return refuse(d, "\"data\" of a chunk must be a string");
	out->data = d->raw[FIELD_DATA];
	return true;
}

static bool read_welcome(struct decode *d)
{
	d->out->payload = d->raw[FIELD_PAYLOAD];
	return json_type(d->out->payload) == JSON_OBJECT;
}

static bool read_message(struct decode *d)
{
	d->out->data = d->raw[FIELD_DATA];
	return read_room(d) && read_event(d) && has(d, FIELD_DATA) &&
	       (!has(d, FIELD_FROM) || text_of(d, FIELD_FROM, &d->out->from)) &&
	       read_seq(d) && read_position(d);
}

static bool read_gap(struct decode *d)
{
	return read_room(d) && has(d, FIELD_FROM) && has(d, FIELD_TO) &&
	       number_of(d, FIELD_FROM, &d->out->gap_from) &&
	       number_of(d, FIELD_TO, &d->out->gap_to) &&
	       d->out->gap_from <= d->out->gap_to;
}

static bool read_ack(struct decode *d)
{
	d->out->data = d->raw[FIELD_DATA];
	return d->out->has_id;
}

static bool read_error(struct decode *d)
{
	d->out->payload = d->raw[FIELD_PAYLOAD];
	return json_type(d->out->payload) == JSON_STRING;
}

static bool is_command(enum envelope_type type)
{
	return type >= ENVELOPE_JOIN && type <= ENVELOPE_CHUNK;
}

static bool read_command(struct decode *d)
{
	switch (d->out->type) {
	case ENVELOPE_PUBLISH:
		return read_publish(d);
	case ENVELOPE_RESUME:
		return read_resume(d);
	case ENVELOPE_CHUNK:
		return read_chunk(d);
	default:
		return read_room(d); /* join and leave have nothing else */
	}
}

static bool read_answer(struct decode *d)
{
	switch (d->out->type) {
	case ENVELOPE_WELCOME:
		return read_welcome(d);
	case ENVELOPE_MESSAGE:
		return read_message(d);
	case ENVELOPE_GAP:
		return read_gap(d);
	case ENVELOPE_ACK:
		return read_ack(d);
	case ENVELOPE_ERROR:
		return read_error(d);
	default:
		return false;
	}
}

/*
 * Only commands are ours to judge: an app may let its clients send objects
 * of their own, `{"type":"message"}` of another shape among them.
 */
static void make_other(struct decode *d)
{
	*d->out = (struct envelope){
		.type = ENVELOPE_OTHER,
		.is_object = true,
		.type_name = d->out->type_name,
		.has_id = d->out->has_id,
		.id = d->out->id,
		.data = d->raw[FIELD_DATA],
		.payload = d->raw[FIELD_PAYLOAD],
	};
}

static bool decode(struct decode *d, struct slice text)
{
	struct envelope *out = d->out;
	bool id_ok;

	if (!read_members(d, text))
		return false;
	id_ok = read_id(d);
	if (reserve_scratch(d) != ERR_OK)
		return refuse(d, "object too long");
	if (!has(d, FIELD_TYPE) || !text_of(d, FIELD_TYPE, &out->type_name))
		return refuse(d, WHY_TYPE);
	out->type = type_find(out->type_name);
	if (is_command(out->type))
		return (id_ok || refuse(d, WHY_ID)) && read_command(d);
	if (!read_answer(d))
		make_other(d);
	return true;
}

enum err envelope_decode(struct slice text, struct buf *scratch,
			 struct envelope *out, const char **why)
{
	struct decode d = {.scratch = scratch, .out = out};

	*out = (struct envelope){.type = ENVELOPE_OTHER};
	buf_clear(scratch);
	if (decode(&d, text))
		return ERR_OK;
	*why = d.why;
	return ERR_PROTO;
}
