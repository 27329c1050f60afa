/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/msg.h"

/*
 * What a frame has besides names and data: keys, numbers, a header; and what
 * the allocator adds to message and frame.
 */
#define MSG_FRAME_OVERHEAD 224

static size_t msg_attached(const struct slice *attachments, unsigned count)
{
	size_t total = count * sizeof(*attachments);

	for (unsigned i = 0; i < count; i++)
		total += attachments[i].n;
	return total;
}

/*
 * What m costs as long as a queue or a history holds it, for their bounds: its
 * own memory and one frame, as if it were encoded. An estimate: the frame of
 * binary data in a format of JSON is a third larger than said here, and what
 * several formats have encoded is counted once.
 */
static uint32_t msg_cost(const struct msg *m)
{
	size_t text = m->nsp.n + m->room.n + m->event.n + m->from.n +
		      m->data.n +
		      msg_attached(m->attachments, m->attachment_count);
	size_t frame = m->kind == MSG_BYTES ? 0 : MSG_FRAME_OVERHEAD + text;
	size_t cost = sizeof(*m) + text + frame;

	return cost < UINT32_MAX ? (uint32_t)cost : UINT32_MAX;
}

/* Copies `text` to *at, which moves on, and returns where it went. */
static struct slice msg_copy(char **at, struct slice text)
{
	struct slice copy = {*at, text.n};

	if (text.n)
		memcpy(*at, text.p, text.n);
	*at += text.n;
	return copy;
}

/* The slices come first in the message's memory, which is aligned for them. */
static void msg_attach(struct msg *m, char **at, const struct msg_event *e)
{
	struct slice *copies = (struct slice *)(void *)*at;

	if (!e->attachment_count)
		return;
	*at += e->attachment_count * sizeof(*copies);
	for (unsigned i = 0; i < e->attachment_count; i++)
		copies[i] = msg_copy(at, e->attachments[i]);
	m->attachments = copies;
	m->attachment_count = (uint8_t)e->attachment_count;
}

struct msg *msg_new_event(const struct msg_event *e)
{
	struct slice data = e->data;
	struct msg *m;
	size_t size;
	char *at;

	if (!data.n && !(e->flags & (MSG_RAW_DATA | MSG_ARGS)))
		data = SLICE("null");
	size = sizeof(*m) + e->nsp.n + e->room.n + e->event.n + e->from.n +
	       data.n + msg_attached(e->attachments, e->attachment_count);
	m = xmalloc(size);
	*m = (struct msg){.refs = 1, .kind = MSG_EVENT};
	m->flags = (uint8_t)e->flags;
	m->ask = e->ask;
	at = (char *)(m + 1);
	msg_attach(m, &at, e);
	m->nsp = msg_copy(&at, e->nsp);
	m->room = msg_copy(&at, e->room);
	m->event = msg_copy(&at, e->event);
	m->from = msg_copy(&at, e->from);
	m->data = msg_copy(&at, data);
	m->size = msg_cost(m);
	return m;
}

struct msg *msg_new_private(enum msg_kind kind, struct slice payload,
			    unsigned flags)
{
	size_t size = sizeof(struct msg) + payload.n;
	struct msg *m = xmalloc(size);
	char *at = (char *)(m + 1);

	CHECK(kind != MSG_EVENT);
	*m = (struct msg){.refs = 1, .kind = (uint8_t)kind};
	m->flags = (uint8_t)flags;
	m->data = msg_copy(&at, payload);
	m->size = msg_cost(m);
	return m;
}

struct msg *msg_new_part(struct msg *whole, struct slice bytes)
{
	struct msg *m = xmalloc(sizeof(*m));

	*m = (struct msg){.refs = 1, .kind = MSG_PART};
	m->data = bytes;
	m->whole = msg_ref(whole);
	m->size = sizeof(*m);
	return m;
}

/* What is not compressed is the plain frame, which `frames` owns. */
static void msg_free_deflated(struct msg *m)
{
	if (!m->deflated)
		return;
	for (int i = 0; i < FORMAT_END - FORMAT_WS_DEFLATE; i++)
		if (m->deflated[i].p != m->frames[FORMAT_WS].p)
			free((void *)(uintptr_t)m->deflated[i].p);
	free(m->deflated);
}

void msg_free(struct msg *m)
{
	msg_free_deflated(m);
	/* What needs no framing is its own frame, inside the message. */
	for (int i = 0; i < FORMAT_COUNT; i++)
		if (m->frames[i].p != m->data.p)
			free((void *)(uintptr_t)m->frames[i].p);
	if (m->whole)
		msg_unref(m->whole);
	free(m);
}
