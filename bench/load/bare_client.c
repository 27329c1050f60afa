/* SPDX-License-Identifier: MIT */
#include "bench/load/bare_client.h"

#include "bench/load/bare_server.h"
#include "clients/env.h"

struct bare {
	struct client base;
	struct conn conn;
	struct buf in;	/* what is no whole frame yet */
	struct buf out; /* what the socket has not taken yet */
};

#define BARE(c) container_of(c, struct bare, base)

/* Decoding */

/* Length of the frame at the start of `bytes`, 0 if it is not whole. */
static size_t frame_length(struct slice bytes)
{
	size_t n;

	if (bytes.n < BARE_HEADER)
		return 0;
	n = BARE_HEADER + bare_get_u32((const unsigned char *)bytes.p);
	return n <= bytes.n ? n : 0;
}

static struct client_message message_of(struct slice frame)
{
	return (struct client_message){
		.data = slice_after(frame, BARE_HEADER),
		.object = slice_after(frame, BARE_HEADER),
	};
}

/* For the memo: messages only, and no part of one. */
static size_t decode(struct client_env *env, struct slice chunk,
		     struct client_message *out, size_t max)
{
	size_t count = 0;

	(void)env;
	while (chunk.n > 0) {
		size_t n = frame_length(chunk);

		if (n <= BARE_HEADER || count == max)
			return 0;
		out[count++] = message_of(slice_of(chunk.p, n));
		chunk = slice_after(chunk, n);
	}
	return count;
}

static void on_frame(struct bare *b, struct slice frame)
{
	uint32_t id = bare_get_u32((const unsigned char *)frame.p + 4);
	struct client *c = &b->base;
	struct client_message m;

	if (frame.n > BARE_HEADER) {
		m = message_of(frame);
		c->counts.messages++;
		c->events->on_message(c, &m);
	} else if (id == 0) {
		client_opened(c);
	} else {
		c->events->on_answer(c, id, true, SLICE("{}"));
	}
}

/* The whole frames at the start of `bytes`; returns what is left. */
static struct slice take_frames(struct bare *b, struct slice bytes)
{
	size_t n;

	while (!b->base.closed && (n = frame_length(bytes)) > 0) {
		on_frame(b, slice_of(bytes.p, n));
		bytes = slice_after(bytes, n);
	}
	return bytes;
}

/* ERR_LIMIT for a frame that is longer than any can be. */
static enum err on_bytes(struct bare *b, struct slice bytes)
{
	enum err e;

	if (b->in.len == 0) {
		if (memo_deliver(&b->base.env->memo, &b->base, bytes, decode))
			return ERR_OK;
		bytes = take_frames(b, bytes);
		return b->base.closed ? ERR_OK : buf_add_slice(&b->in, bytes);
	}
	e = buf_add_slice(&b->in, bytes);
	if (e)
		return e;
	bytes = take_frames(b, buf_slice(&b->in));
	buf_consume(&b->in, b->in.len - bytes.n);
	if (b->in.len == 0)
		buf_release(&b->in);
	return ERR_OK;
}

/* The connection's events */

static void read_some(struct bare *b)
{
	struct client *c = &b->base;
	struct slice bytes;
	bool drained = false;
	enum err e;

	while (!c->closed && !drained) {
		e = client_read(c, &b->conn, &bytes, &drained);
		if (e == ERR_AGAIN)
			return;
		if (e) {
			client_fail(c, e, err_text(e));
			return;
		}
		if (on_bytes(b, bytes) != ERR_OK)
			client_fail(c, ERR_LIMIT, "the frame is too long");
	}
}

static void on_readable(struct conn *conn)
{
	struct bare *b = container_of(conn, struct bare, conn);

	client_enter(&b->base);
	read_some(b);
	client_exit(&b->base);
}

static void write_some(struct bare *b)
{
	enum err e = client_write(&b->base, &b->conn, &b->out);

	if (e)
		client_fail(&b->base, e, err_text(e));
}

static void on_writable(struct conn *conn)
{
	struct bare *b = container_of(conn, struct bare, conn);

	client_enter(&b->base);
	write_some(b);
	client_exit(&b->base);
}

static void on_gone(struct conn *conn, enum err why)
{
	struct bare *b = container_of(conn, struct bare, conn);

	client_enter(&b->base);
	client_fail(&b->base, why, err_text(why));
	client_exit(&b->base);
}

static const struct conn_ops conn_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_gone = on_gone,
};

/* The client's operations */

/* The number behind the last '.' of a room's name; 0 without one. */
static uint32_t room_of(struct slice name)
{
	const char *dot = memrchr(name.p, '.', name.n);
	uint64_t room = 0;

	for (const char *p = dot ? dot + 1 : name.p + name.n;
	     p < name.p + name.n; p++) {
		if (*p < '0' || *p > '9' || room >= BARE_ROOMS)
			return 0;
		room = room * 10 + (uint64_t)(*p - '0');
	}
	return room < BARE_ROOMS ? (uint32_t)room : 0;
}

static enum err add_u32(struct buf *b, uint32_t v)
{
	unsigned char bytes[BARE_ROOM];

	bare_put_u32(bytes, v);
	return buf_add(b, bytes, sizeof(bytes));
}

static enum err greet(struct buf *b, const struct client_options *o)
{
	uint32_t room;
	enum err e;

	if (o->room_count == 0)
		return buf_add_char(b, 'P');
	room = room_of(slice_str(o->rooms[0]));
	if (room == 0)
		return buf_add_char(b, 'S');
	e = buf_add_char(b, 'R');
	return e ? e : add_u32(b, room);
}

static enum err start(struct client *c)
{
	struct bare *b = BARE(c);
	enum err e;

	buf_init(&b->in, BARE_HEADER + BARE_MAX + CLIENT_INPUT_SIZE);
	buf_init(&b->out, CLIENT_OUT_MAX);
	b->conn.io.fd = -1;
	e = greet(&b->out, &c->options);
	if (e)
		return e;
	return conn_connect(&b->conn, c->env->loop, c->options.host,
			    c->options.port, c->options.local, &conn_events);
}

/* Nobody joins later: only publishing is more than an answer. */
static void command(struct client *c, const struct client_command *cmd)
{
	struct bare *b = BARE(c);
	unsigned char header[BARE_HEADER];
	uint32_t room = room_of(cmd->room);
	enum err e = ERR_OK;

	CHECK(cmd->id <= UINT32_MAX);
	if (cmd->type != CLIENT_PUBLISH || c->options.room_count > 0 ||
	    cmd->data.n == 0 || cmd->data.n > BARE_MAX) {
		if (cmd->id != 0)
			c->events->on_answer(c, cmd->id, false,
					     SLICE("not possible here"));
		return;
	}
	bare_put_u32(header, (uint32_t)cmd->data.n);
	bare_put_u32(header + 4, (uint32_t)cmd->id);
	if (room != 0)
		e = add_u32(&b->out, BARE_IN_ROOM + room);
	if (!e)
		e = buf_add(&b->out, header, sizeof(header));
	if (!e)
		e = buf_add_slice(&b->out, cmd->data);
	if (e)
		client_fail(c, e, "too much waits to be written");
}

static void flush(struct client *c)
{
	write_some(BARE(c));
}

static void close_conn(struct client *c)
{
	conn_close(&BARE(c)->conn);
}

static void release(struct client *c)
{
	buf_release(&BARE(c)->in);
	buf_release(&BARE(c)->out);
}

const struct client_ops client_bare = {
	.name = "bare",
	.start = start,
	.command = command,
	.flush = flush,
	.close = close_conn,
	.release = release,
	.size = sizeof(struct bare),
};
