/* SPDX-License-Identifier: MIT */
#include "servers/core/gap.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/wire/engineio.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"
#include "servers/wire/socketio.h"
#include "servers/wire/sse.h"
#include "servers/wire/websocket.h"

static void must(enum err e)
{
	CHECK(e == ERR_OK);
}

struct msg *gap_new(struct slice nsp, struct slice room, uint64_t from,
		    uint64_t to)
{
	struct msg_event e = {.nsp = nsp, .room = room, .flags = MSG_RAW_DATA};
	struct msg *m = msg_new_event(&e);

	m->kind = MSG_GAP;
	m->flags = 0;
	m->first = from;
	m->seq = to;
	return m;
}

/* Whether somebody else holds the gap, or its bytes may be on their way. */
static bool gap_is_seen(const struct msg *gap)
{
	if (gap->refs > 1)
		return true;
	for (int i = 0; i < FORMAT_COUNT; i++)
		if (gap->frames[i].n)
			return true;
	return false;
}

void gap_extend(struct msg **gap, uint64_t to)
{
	struct msg *old = *gap;

	if (gap_is_seen(old)) {
		*gap = gap_new(old->nsp, old->room, old->first, to);
		msg_unref(old);
		return;
	}
	old->seq = to;
}

/* Appends `42["gap",{...}]`. */
static void add_packet(struct buf *b, const struct msg *gap,
		       struct slice object)
{
	must(buf_add_char(b, (char)('0' + ENGINEIO_MESSAGE)));
	must(socketio_encode_head(b, SOCKETIO_EVENT, 0, gap->nsp, false, 0));
	must(buf_add_str(b, "[\"gap\","));
	must(buf_add_slice(b, object));
	must(buf_add_char(b, ']'));
}

void gap_add(struct buf *b, const struct msg *gap, enum wire_format format)
{
	struct slice none = {NULL, 0};
	struct buf object, packet;

	buf_init(&object, BUF_UNLIMITED);
	buf_init(&packet, BUF_UNLIMITED);
	must(envelope_add_gap(&object, gap->room, gap->first, gap->seq));
	switch (format) {
	case FORMAT_SSE:
		/* It has no id: a gap is no place to resume from. */
		must(sse_add_event(b, none, SLICE("gap"), buf_slice(&object)));
		break;
	case FORMAT_EIO_POLLING:
		add_packet(b, gap, buf_slice(&object));
		break;
	case FORMAT_EIO_WS:
		add_packet(&packet, gap, buf_slice(&object));
		must(ws_add_frame(b, WS_TEXT, buf_slice(&packet), false));
		break;
	default: /* the raw dialect in WebSocket frames of any kind */
		must(ws_add_frame(b, WS_TEXT, buf_slice(&object), false));
		break;
	}
	buf_release(&packet);
	buf_release(&object);
}
