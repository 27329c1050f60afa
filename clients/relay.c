/* SPDX-License-Identifier: MIT */
#include "clients/relay.h"

#include "clients/env.h"
#include "clients/whole.h"
#include "clients/ws_link.h"
#include "servers/wire/engineio.h"
#include "servers/wire/json.h"
#include "servers/wire/socketio.h"

/* Out */

/* Starts a packet of type MESSAGE and EVENT; `id` 0 asks for no ack. */
static enum err begin_event(struct buf *b, struct slice nsp, const char *name,
			    struct slice room, uint64_t id)
{
	enum err e = buf_add_char(b, '0' + ENGINEIO_MESSAGE);

	if (!e)
		e = socketio_encode_head(b, SOCKETIO_EVENT, 0, nsp, id != 0,
					 id);
	if (!e)
		e = buf_printf(b, "[\"%s\",", name);
	if (!e)
		e = json_add_string(b, room);
	return e;
}

/* Only what is not as when it is left out. */
static enum err add_options(struct buf *b, const struct client_command *cmd)
{
	const char *before = ",{";
	enum err e = ERR_OK;

	if (!cmd->exclude_self && cmd->ack_timeout_ms == 0)
		return ERR_OK;
	if (cmd->exclude_self) {
		e = buf_printf(b, "%s\"self\":false", before);
		before = ",";
	}
	if (!e && cmd->ack_timeout_ms > 0)
		e = buf_printf(b, "%s\"ackTimeout\":%u", before,
			       cmd->ack_timeout_ms);
	return e ? e : buf_add_char(b, '}');
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
		if (!e)
			e = add_options(b, cmd);
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
	struct slice event, data, meta, more;

	*out = (struct client_message){.object = args};
	buf_clear(&env->strings);
	if (memchr(args.p, '\\', args.n) &&
	    buf_reserve(&env->strings, args.n) != ERR_OK)
		return false;
	if (!json_array(args, &it) || !json_next_element(&it, &event) ||
	    !json_next_element(&it, &data) || !json_next_element(&it, &meta))
		return false;
	out->data = data;
	while (json_next_element(&it, &more))
		out->offset = json_type(more) == JSON_STRING
				      ? slice_of(more.p + 1, more.n - 2)
				      : slice_of(NULL, 0);
	return text_of(&env->strings, event, &out->event) &&
	       read_meta(&env->strings, meta, out);
}

/* Only events that want no answer are read again without a client to ask. */
static bool read_packet(struct client_env *env, struct slice text,
			struct client_message *out)
{
	struct engineio_packet p;
	struct socketio_packet s;

	return engineio_decode(text, &p) == ERR_OK &&
	       p.type == ENGINEIO_MESSAGE && !p.binary &&
	       socketio_decode(p.data, &s) == ERR_OK &&
	       s.type == SOCKETIO_EVENT && !s.has_id &&
	       relay_message(env, s.data, out) && env->strings.len == 0;
}

size_t relay_decode_answer(struct client_env *env, struct slice chunk,
			   struct client_message *out, size_t max)
{
	struct slice body, text;
	size_t count = 0;

	if (!whole_read(env, chunk, NULL, NULL, &body))
		return 0;
	while (engineio_split(&body, &text)) {
		if (count == max || !read_packet(env, text, &out[count]))
			return 0;
		count++;
	}
	return count;
}

size_t relay_decode_frames(struct client_env *env, struct slice chunk,
			   struct client_message *out, size_t max)
{
	return ws_link_decode(env, chunk, out, max, read_packet);
}
