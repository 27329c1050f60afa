/* SPDX-License-Identifier: MIT */
#include "servers/wire/socketio.h"

#include "servers/base/check.h"
#include "servers/base/utf8.h"
#include "servers/wire/json.h"

/* The largest integer that a JavaScript peer can send back unchanged. */
#define ID_MAX (((uint64_t)1 << 53) - 1)

static const char *const reserved_events[] = {
	"connect",	 "connect_error", "disconnect",
	"disconnecting", "newListener",	  "removeListener",
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool socketio_reserved_event(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved_events); i++)
		if (slice_is(name, reserved_events[i]))
			return true;
	return false;
}

/*
 * Takes digits off the front. `max` is the largest value accepted. ERR_PROTO
 * when there is no digit, ERR_LIMIT above `max`.
 */
static enum err take_number(struct slice *rest, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	size_t n = 0;

	for (; n < rest->n && is_digit(rest->p[n]); n++) {
		value = value * 10 + (uint64_t)(rest->p[n] - '0');
		if (value > max)
			return ERR_LIMIT;
	}
	if (n == 0)
		return ERR_PROTO;
	*rest = slice_after(*rest, n);
	*out = value;
	return ERR_OK;
}

/* `<count>-`, only before the binary types' namespace. */
static enum err take_attachments(struct slice *rest, unsigned *out)
{
	uint64_t count;
	enum err e = take_number(rest, SOCKETIO_MAX_ATTACHMENTS, &count);

	if (e)
		return e;
	if (count == 0 || rest->n == 0 || rest->p[0] != '-')
		return ERR_PROTO;
	*rest = slice_after(*rest, 1);
	*out = (unsigned)count;
	return ERR_OK;
}

/* `/name,`; the comma may be absent when nothing follows. */
static enum err take_namespace(struct slice *rest, struct slice *out)
{
	const char *comma;

	*out = SLICE("/");
	if (rest->n == 0 || rest->p[0] != '/')
		return ERR_OK;
	comma = memchr(rest->p, ',', rest->n);
	*out = slice_of(rest->p, comma ? (size_t)(comma - rest->p) : rest->n);
	*rest = slice_after(*rest, out->n + (comma != NULL));
	return utf8_valid(out->p, out->n) ? ERR_OK : ERR_PROTO;
}

static bool is_binary(enum socketio_type type)
{
	return type == SOCKETIO_BINARY_EVENT || type == SOCKETIO_BINARY_ACK;
}

/* A reserved name may hide behind escapes, hence no plain comparison. */
static bool event_name_allowed(struct slice name)
{
	struct slice raw;

	if (json_type(name) == JSON_NUMBER)
		return true;
	if (json_type(name) != JSON_STRING)
		return false;
	raw = slice_of(name.p + 1, name.n - 2);
	if (!raw.n || !memchr(raw.p, '\\', raw.n))
		return !socketio_reserved_event(raw);
	for (size_t i = 0; i < ARRAY_SIZE(reserved_events); i++)
		if (json_key_is(raw, reserved_events[i]))
			return false;
	return true;
}

/* Whether the validated `data` is what packets of this type carry. */
static bool data_fits(enum socketio_type type, struct slice data)
{
	enum json_type kind = data.n ? json_type(data) : JSON_NONE;
	struct json_iter it;
	struct slice first;

	switch (type) {
	case SOCKETIO_CONNECT:
		return kind == JSON_NONE || kind == JSON_OBJECT;
	case SOCKETIO_DISCONNECT:
		return kind == JSON_NONE;
	case SOCKETIO_CONNECT_ERROR:
		return kind == JSON_STRING || kind == JSON_OBJECT;
	case SOCKETIO_ACK:
	case SOCKETIO_BINARY_ACK:
		return kind == JSON_ARRAY;
	case SOCKETIO_EVENT:
	case SOCKETIO_BINARY_EVENT:
		break;
	}
	return kind == JSON_ARRAY && json_array(data, &it) &&
	       json_next_element(&it, &first) && event_name_allowed(first);
}

/*
 * White space directly before the JSON is refused: the reference parser would
 * read it as the ack id 0, which nobody can mean.
 */
static bool data_valid(struct slice text)
{
	return text.p[0] != ' ' && text.p[0] != '\t' && text.p[0] != '\n' &&
	       text.p[0] != '\r' && json_validate(text);
}

enum err socketio_decode(struct slice text, struct socketio_packet *out)
{
	struct slice rest = slice_after(text, 1);
	enum err e = ERR_OK;

	memset(out, 0, sizeof(*out));
	if (text.n == 0 || text.p[0] < '0' ||
	    text.p[0] > '0' + SOCKETIO_BINARY_ACK)
		return ERR_PROTO;
	out->type = (enum socketio_type)(text.p[0] - '0');
	if (is_binary(out->type))
		e = take_attachments(&rest, &out->attachments);
	if (!e)
		e = take_namespace(&rest, &out->nsp);
	if (e)
		return e;
	if (rest.n && is_digit(rest.p[0])) {
		if (take_number(&rest, ID_MAX, &out->id))
			return ERR_PROTO;
		out->has_id = true;
	}
	if (rest.n && !data_valid(rest))
		return ERR_PROTO;
	if (rest.n)
		out->data = json_trim(rest);
	return data_fits(out->type, out->data) ? ERR_OK : ERR_PROTO;
}

enum err socketio_encode_head(struct buf *b, enum socketio_type type,
			      unsigned attachments, struct slice nsp,
			      bool has_id, uint64_t id)
{
	size_t start = b->len;
	enum err e = buf_add_char(b, (char)('0' + (int)type));

	if (!e && is_binary(type)) {
		e = buf_add_u64(b, attachments);
		if (!e)
			e = buf_add_char(b, '-');
	}
	if (!e && nsp.n && !slice_is(nsp, "/")) {
		e = buf_add_slice(b, nsp);
		if (!e)
			e = buf_add_char(b, ',');
	}
	if (!e && has_id)
		e = buf_add_u64(b, id);
	if (e)
		b->len = start;
	return e;
}

enum err socketio_encode(struct buf *b, const struct socketio_packet *p)
{
	size_t start = b->len;
	enum err e = socketio_encode_head(b, p->type, p->attachments, p->nsp,
					  p->has_id, p->id);

	if (!e)
		e = buf_add_slice(b, p->data);
	if (e)
		b->len = start;
	return e;
}
