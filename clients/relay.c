/* SPDX-License-Identifier: MIT */
#include "clients/relay.h"

#include "clients/env.h"
#include "servers/wire/engineio.h"
#include "servers/wire/http1.h"
#include "servers/wire/json.h"
#include "servers/wire/socketio.h"

/* Out */

/* Starts a packet of type MESSAGE and EVENT; `id` 0 asks for no ack. */
static enum err begin_event(struct buf *b, struct slice nsp, const char *name,
			    struct slice room, uint64_t id)
{
	enum err e = ERR_OK;

	if (b->len > 0)
		e = buf_add_char(b, ENGINEIO_SEPARATOR);
	if (!e)
		e = buf_add_char(b, '0' + ENGINEIO_MESSAGE);
	if (!e)
		e = socketio_encode_head(b, SOCKETIO_EVENT, 0, nsp, id != 0,
					 id);
	if (!e)
		e = buf_printf(b, "[\"%s\",", name);
	if (!e)
		e = json_add_string(b, room);
	return e;
}

enum err relay_add_command(struct buf *b, struct slice nsp,
			   const struct client_command *cmd)
{
	static const char *const names[] = {[CLIENT_JOIN] = "join",
					    [CLIENT_LEAVE] = "leave",
					    [CLIENT_PUBLISH] = "publish"};
	size_t start = b->len;
	enum err e = begin_event(b, nsp, names[cmd->type], cmd->room, cmd->id);

	if (!e && cmd->type == CLIENT_PUBLISH) {
		e = buf_add_char(b, ',');
		if (!e)
			e = json_add_string(b, cmd->event);
		if (!e)
			e = buf_add_char(b, ',');
		if (!e)
			e = buf_add_slice(b, cmd->data);
		if (!e && cmd->exclude_self)
			e = buf_add_str(b, ",{\"self\":false}");
	}
	if (!e)
		e = buf_add_char(b, ']');
	if (e)
		b->len = start;
	return e;
}

/* In */

/* Unescaped: where it lies, or appended to `strings`, which has room. */
static bool text_of(struct buf *strings, struct slice value, struct slice *out)
{
	size_t start = strings->len;

	if (json_type(value) != JSON_STRING)
		return false;
	if (!memchr(value.p, '\\', value.n)) {
		*out = slice_of(value.p + 1, value.n - 2);
		return true;
	}
	if (json_unescape(value, strings) != ERR_OK)
		return false;
	*out = slice_of(strings->data + start, strings->len - start);
	return true;
}

/* The relay's third argument. */
static bool read_meta(struct buf *strings, struct slice meta,
		      struct client_message *out)
{
	struct json_iter it;
	struct slice key, value;
	bool has_room = false, has_seq = false;

	if (!json_object(meta, &it))
		return false;
	while (json_next_member(&it, &key, &value)) {
		if (json_key_is(key, "room"))
			has_room = text_of(strings, value, &out->room);
		else if (json_key_is(key, "seq"))
			has_seq = json_u64(value, &out->seq);
		else if (json_key_is(key, "from") &&
			 !text_of(strings, value, &out->from))
			return false;
	}
	return has_room && has_seq;
}

bool relay_message(struct client_env *env, struct slice args,
		   struct client_message *out)
{
	struct json_iter it;
	struct slice event, data, meta;

	*out = (struct client_message){.object = args};
	buf_clear(&env->strings);
	if (memchr(args.p, '\\', args.n) &&
	    buf_reserve(&env->strings, args.n) != ERR_OK)
		return false;
	if (!json_array(args, &it) || !json_next_element(&it, &event) ||
	    !json_next_element(&it, &data) || !json_next_element(&it, &meta))
		return false;
	out->data = data;
	return text_of(&env->strings, event, &out->event) &&
	       read_meta(&env->strings, meta, out);
}

/* For decoding into the memo: one answer's body, in one piece. */
struct whole {
	struct slice body;
	unsigned pieces;
	bool good, ended;
};

static void whole_head(void *arg, const struct http1_response *r)
{
	struct whole *w = arg;

	w->good = r->status == 200 && r->keep_alive;
}

static void whole_body(void *arg, struct slice bytes)
{
	struct whole *w = arg;

	w->body = bytes;
	w->pieces++;
}

static void whole_end(void *arg)
{
	struct whole *w = arg;

	w->ended = true;
}

static bool read_whole(struct client_env *env, struct slice chunk,
		       struct slice *body)
{
	static const struct http1_handler handler = {whole_head, whole_body,
						     whole_end};
	struct whole w = {0};
	size_t used;
	enum err e = http1_parser_feed(&env->http, chunk, &handler, &w, &used);

	*body = w.body;
	if (!e && w.ended && w.good && w.pieces == 1 && used == chunk.n)
		return true;
	http1_parser_release(&env->http);
	http1_parser_init(&env->http);
	return false;
}

size_t relay_decode_answer(struct client_env *env, struct slice chunk,
			   struct client_message *out, size_t max)
{
	struct slice body, text;
	size_t count = 0;

	if (!read_whole(env, chunk, &body))
		return 0;
	while (engineio_split(&body, &text)) {
		struct engineio_packet p;
		struct socketio_packet s;

		/* Only events are read again without a client to ask. */
		if (count == max || engineio_decode(text, &p) != ERR_OK ||
		    p.type != ENGINEIO_MESSAGE || p.binary ||
		    socketio_decode(p.data, &s) != ERR_OK ||
		    s.type != SOCKETIO_EVENT ||
		    !relay_message(env, s.data, &out[count]) ||
		    env->strings.len > 0)
			return 0;
		count++;
	}
	return count;
}
