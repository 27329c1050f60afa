/* SPDX-License-Identifier: MIT */
/* The wire forms of a message: once per format, for every receiver. */
#include <stdlib.h>

#include "servers/base/buf.h"
#include "servers/base/check.h"
#include "servers/core/gap.h"
#include "servers/core/msg.h"
#include "servers/wire/deflate.h"
#include "servers/wire/engineio.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"
#include "servers/wire/placeholder.h"
#include "servers/wire/socketio.h"
#include "servers/wire/sse.h"
#include "servers/wire/websocket.h"

#define DEFLATE_LEVEL 1	  /* a fan-out wants time more than ratio */
#define DEFLATE_LEAST 128 /* bytes; less is not worth a stream's reset */

/*
 * Encoding cannot fail: names were checked when the message was published,
 * and the buffers have no limit but memory.
 */
static void must(enum err e)
{
	CHECK(e == ERR_OK);
}

static bool msg_is_raw(const struct msg *m)
{
	return m->kind == MSG_BINARY || (m->flags & MSG_RAW_DATA);
}

static void add_object(struct buf *b, const struct msg *m, struct slice data)
{
	if (m->flags & MSG_OBJECT)
		must(buf_add_slice(b, data));
	else if (m->ask)
		must(envelope_add_question(b, m->room, m->event, data, m->from,
					   m->seq, m->position, m->ask));
	else
		must(envelope_add_message(b, m->room, m->event, data, m->from,
					  m->seq, m->position));
}

/* The raw dialect's object, whose data is JSON alone. */
static void add_envelope(struct buf *b, const struct msg *m, struct slice data)
{
	struct buf json;

	if (!m->attachment_count && !(m->flags & MSG_ARGS)) {
		add_object(b, m, data);
		return;
	}
	buf_init(&json, BUF_UNLIMITED);
	if (m->flags & MSG_ARGS)
		must(buf_add_char(&json, '['));
	must(placeholders_inline(&json, data, m->attachments,
				 m->attachment_count));
	if (m->flags & MSG_ARGS)
		must(buf_add_char(&json, ']'));
	add_object(b, m, buf_slice(&json));
	buf_release(&json);
}

/* `,{"room":R,"from":I,"seq":n}` */
static void add_socketio_meta(struct buf *b, const struct msg *m)
{
	must(buf_add_str(b, ",{\"room\":"));
	must(json_add_string(b, m->room));
	if (m->from.n) {
		must(buf_add_str(b, ",\"from\":"));
		must(json_add_string(b, m->from));
	}
	must(buf_add_str(b, ",\"seq\":"));
	must(buf_add_u64(b, m->seq));
	must(buf_add_char(b, '}'));
}

/*
 * `,"<epoch>-<position>"`: where a client that has this event may recover
 * from. Others than those that a recovery replays have none.
 */
static void add_offset(struct buf *b, const struct msg *m)
{
	if (!m->encoder || !m->encoder->offsets || !m->position ||
	    !msg_recoverable(m))
		return;
	must(buf_printf(b, ",\"%s-", m->encoder->epoch));
	must(buf_add_u64(b, m->position));
	must(buf_add_char(b, '"'));
}

/* What are separate packets: the one that is all the data, or those in it. */
static unsigned attachments_of(const struct msg *m, struct slice *raw,
			       const struct slice **out)
{
	*raw = m->data;
	*out = msg_is_raw(m) ? raw : m->attachments;
	return msg_is_raw(m) ? 1 : m->attachment_count;
}

/* `42["event",data,{...},offset]`, attachments apart. */
static void add_socketio(struct buf *b, const struct msg *m)
{
	bool raw = msg_is_raw(m);
	unsigned attached = raw ? 1 : m->attachment_count;

	must(buf_add_char(b, (char)('0' + ENGINEIO_MESSAGE)));
	must(socketio_encode_head(
		b, attached ? SOCKETIO_BINARY_EVENT : SOCKETIO_EVENT, attached,
		m->nsp, m->ask != 0, m->ask));
	must(buf_add_char(b, '['));
	must(json_add_string(b, m->event));
	if (raw || m->data.n)
		must(buf_add_char(b, ','));
	if (raw)
		must(buf_add_str(b, "{\"_placeholder\":true,\"num\":0}"));
	else
		must(buf_add_slice(b, m->data));
	if (!(m->flags & MSG_BARE))
		add_socketio_meta(b, m);
	add_offset(b, m);
	must(buf_add_char(b, ']'));
}

/* Most payload of a WebSocket frame, as the node says. */
static size_t fragment_of(const struct msg *m)
{
	return m->encoder ? m->encoder->fragment : 0;
}

static void add_ws(struct buf *b, const struct msg *m, enum ws_opcode opcode,
		   struct slice payload)
{
	must(ws_add_message(b, opcode, payload, false, fragment_of(m)));
}

/* What a frame of the raw dialect carries. */
static void add_ws_payload(struct buf *b, const struct msg *m)
{
	if (msg_is_raw(m) || m->kind == MSG_TEXT)
		must(buf_add_slice(b, m->data));
	else
		add_envelope(b, m, m->data);
}

static enum ws_opcode ws_opcode_of(const struct msg *m)
{
	return msg_is_raw(m) ? WS_BINARY : WS_TEXT;
}

static void encode_ws(struct buf *b, const struct msg *m)
{
	add_ws_payload(b, m);
	must(ws_frame_from(b, 0, ws_opcode_of(m), fragment_of(m)));
}

/* Nothing is added when the plain frame is not longer. */
static void encode_ws_deflated(struct buf *b, struct msg *m, unsigned bits)
{
	struct buf text, packed;

	buf_init(&text, BUF_UNLIMITED);
	buf_init(&packed, BUF_UNLIMITED);
	add_ws_payload(&text, m);
	if (text.len < DEFLATE_LEAST)
		goto out;
	if (!m->encoder->deflater)
		m->encoder->deflater = deflater_new(DEFLATE_LEVEL);
	/* Without memory for it there is still the plain frame. */
	if (deflater_add(m->encoder->deflater, bits, buf_slice(&text),
			 &packed) == ERR_OK &&
	    packed.len < text.len)
		must(ws_add_message(b, ws_opcode_of(m), buf_slice(&packed),
				    true, fragment_of(m)));
out:
	buf_release(&packed);
	buf_release(&text);
}

/* Answers have no id: they are no place in the stream to resume from. */
static void encode_sse_private(struct buf *b, const struct msg *m)
{
	struct slice none = {NULL, 0};
	struct buf object;

	if (!msg_is_raw(m)) {
		must(sse_add_event(b, none, none, m->data));
		return;
	}
	buf_init(&object, BUF_UNLIMITED);
	must(placeholder_add_base64(&object, m->data));
	must(sse_add_event(b, none, none, buf_slice(&object)));
	buf_release(&object);
}

static void encode_sse(struct buf *b, const struct msg *m)
{
	struct buf text, object;
	struct slice data = m->data;
	size_t id;

	if (m->kind != MSG_EVENT) {
		encode_sse_private(b, m);
		return;
	}
	buf_init(&text, BUF_UNLIMITED);
	buf_init(&object, BUF_UNLIMITED);
	if (msg_is_raw(m)) {
		must(placeholder_add_base64(&object, m->data));
		data = buf_slice(&object);
	}
	/* What was published to no room is no place to resume from. */
	if (m->position) {
		must(buf_printf(&text, "%s-", m->encoder->epoch));
		must(buf_add_u64(&text, m->position));
	}
	id = text.len;
	add_envelope(&text, m, data);
	must(sse_add_event(b, slice_of(text.data, id), m->event,
			   slice_after(buf_slice(&text), id)));
	buf_release(&object);
	buf_release(&text);
}

static void encode_eio_polling(struct buf *b, const struct msg *m)
{
	const struct slice *attached;
	struct slice raw;
	unsigned count = attachments_of(m, &raw, &attached);

	if (m->kind == MSG_EVENT)
		add_socketio(b, m);
	for (unsigned i = 0; i < count; i++) {
		if (i || m->kind == MSG_EVENT)
			must(buf_add_char(b, ENGINEIO_SEPARATOR));
		must(engineio_encode_binary(b, attached[i]));
	}
}

static void encode_eio_ws(struct buf *b, const struct msg *m)
{
	const struct slice *attached;
	struct slice raw;
	unsigned count = attachments_of(m, &raw, &attached);

	if (m->kind == MSG_TEXT)
		add_ws(b, m, WS_TEXT, m->data);
	if (m->kind == MSG_EVENT) {
		add_socketio(b, m);
		must(ws_frame_from(b, 0, WS_TEXT, fragment_of(m)));
	}
	for (unsigned i = 0; i < count; i++)
		add_ws(b, m, WS_BINARY, attached[i]);
}

static void encode(struct buf *b, const struct msg *m, enum wire_format format)
{
	switch (format) {
	case FORMAT_WS:
		encode_ws(b, m);
		break;
	case FORMAT_SSE:
		encode_sse(b, m);
		break;
	case FORMAT_EIO_POLLING:
		encode_eio_polling(b, m);
		break;
	case FORMAT_EIO_WS:
		encode_eio_ws(b, m);
		break;
	default:
		break;
	}
}

/* Histories keep frames for long: gives back what growing left over. */
static void keep(struct buf *b, struct slice *frame)
{
	char *bytes = buf_detach(b, &frame->n);

	frame->p = xrealloc(bytes, frame->n);
}

/* What is for one receiver only goes plain: compressing it pays for nobody. */
static struct slice encode_deflated(struct msg *m, enum wire_format format)
{
	const int i = (int)format - FORMAT_WS_DEFLATE;
	struct slice *frame;
	struct buf b;

	if (m->kind != MSG_EVENT || !m->encoder)
		return msg_frame(m, FORMAT_WS);
	if (!m->deflated)
		m->deflated = xcalloc(FORMAT_END - FORMAT_WS_DEFLATE,
				      sizeof(*m->deflated));
	frame = &m->deflated[i];
	if (frame->n)
		return *frame;
	buf_init(&b, BUF_UNLIMITED);
	encode_ws_deflated(&b, m, DEFLATE_BITS_MIN + (unsigned)i);
	if (b.len)
		keep(&b, frame);
	else
		*frame = msg_frame(m, FORMAT_WS);
	return *frame;
}

struct slice msg_encode(struct msg *m, enum wire_format format)
{
	struct slice *frame;
	struct buf b;

	if (format >= FORMAT_WS_DEFLATE)
		return encode_deflated(m, format);
	frame = &m->frames[format];
	if (frame->n)
		return *frame;
	if (m->kind == MSG_BYTES || m->kind == MSG_PART ||
	    (m->kind == MSG_TEXT && format == FORMAT_EIO_POLLING)) {
		*frame = m->data;
		return *frame;
	}
	buf_init(&b, BUF_UNLIMITED);
	if (m->kind == MSG_GAP)
		gap_add(&b, m, format);
	else
		encode(&b, m, format);
	CHECK(b.len > 0);
	keep(&b, frame);
	return *frame;
}
