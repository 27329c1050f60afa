/* SPDX-License-Identifier: MIT */
/* The wire forms of a message: once per format, for every receiver. */
#include "servers/base/buf.h"
#include "servers/base/check.h"
#include "servers/core/gap.h"
#include "servers/core/msg.h"
#include "servers/wire/engineio.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"
#include "servers/wire/socketio.h"
#include "servers/wire/sse.h"
#include "servers/wire/websocket.h"

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

/* Appends {"base64":"..."}, what binary data is in formats of JSON only. */
static void add_base64_object(struct buf *b, struct slice bytes)
{
	struct buf packet;

	buf_init(&packet, BUF_UNLIMITED);
	must(engineio_encode_binary(&packet, bytes));
	must(buf_add_str(b, "{\"base64\":\""));
	must(buf_add(b, packet.data + 1, packet.len - 1)); /* without `b` */
	must(buf_add_str(b, "\"}"));
	buf_release(&packet);
}

static void add_envelope(struct buf *b, const struct msg *m, struct slice data)
{
	if (m->flags & MSG_OBJECT) {
		must(buf_add_slice(b, data));
		return;
	}
	must(envelope_add_message(b, m->room, m->event, data, m->from, m->seq,
				  m->position));
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

/* `42["event",data,{...}]`, attachments apart. */
static void add_socketio(struct buf *b, const struct msg *m)
{
	bool raw = msg_is_raw(m);

	must(buf_add_char(b, (char)('0' + ENGINEIO_MESSAGE)));
	must(socketio_encode_head(b,
				  raw ? SOCKETIO_BINARY_EVENT : SOCKETIO_EVENT,
				  raw ? 1 : 0, m->nsp, false, 0));
	must(buf_add_char(b, '['));
	must(json_add_string(b, m->event));
	must(buf_add_char(b, ','));
	if (raw)
		must(buf_add_str(b, "{\"_placeholder\":true,\"num\":0}"));
	else
		must(buf_add_slice(b, m->data));
	if (!(m->flags & MSG_BARE))
		add_socketio_meta(b, m);
	must(buf_add_char(b, ']'));
}

static void encode_ws(struct buf *b, const struct msg *m)
{
	struct buf text;

	if (msg_is_raw(m)) {
		must(ws_add_frame(b, WS_BINARY, m->data, false));
		return;
	}
	if (m->kind == MSG_TEXT) {
		must(ws_add_frame(b, WS_TEXT, m->data, false));
		return;
	}
	buf_init(&text, BUF_UNLIMITED);
	add_envelope(&text, m, m->data);
	must(ws_add_frame(b, WS_TEXT, buf_slice(&text), false));
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
	add_base64_object(&object, m->data);
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
		add_base64_object(&object, m->data);
		data = buf_slice(&object);
	}
	/* What was published to no room is no place to resume from. */
	if (m->position) {
		must(buf_printf(&text, "%s-", m->epoch));
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
	if (m->kind == MSG_EVENT) {
		add_socketio(b, m);
		if (msg_is_raw(m))
			must(buf_add_char(b, ENGINEIO_SEPARATOR));
	}
	if (msg_is_raw(m))
		must(engineio_encode_binary(b, m->data));
}

static void encode_eio_ws(struct buf *b, const struct msg *m)
{
	struct buf text;

	if (m->kind == MSG_TEXT)
		must(ws_add_frame(b, WS_TEXT, m->data, false));
	if (m->kind == MSG_EVENT) {
		buf_init(&text, BUF_UNLIMITED);
		add_socketio(&text, m);
		must(ws_add_frame(b, WS_TEXT, buf_slice(&text), false));
		buf_release(&text);
	}
	if (msg_is_raw(m))
		must(ws_add_frame(b, WS_BINARY, m->data, false));
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
	case FORMAT_COUNT:
		break;
	}
}

struct slice msg_encode(struct msg *m, enum wire_format format)
{
	struct slice *frame = &m->frames[format];
	struct buf b;
	char *bytes;

	if (frame->n)
		return *frame;
	if (m->kind == MSG_BYTES ||
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
	/* Histories keep frames for long: give back what growing left over. */
	bytes = buf_detach(&b, &frame->n);
	frame->p = xrealloc(bytes, frame->n);
	return *frame;
}
