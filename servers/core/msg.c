/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/msg.h"

/* Copies `text` to *at, which moves on, and returns where it went. */
static struct slice msg_copy(char **at, struct slice text)
{
	struct slice copy = {*at, text.n};

	if (text.n)
		memcpy(*at, text.p, text.n);
	*at += text.n;
	return copy;
}

struct msg *msg_new_event(const struct msg_event *e)
{
	struct slice data = e->data;
	struct msg *m;
	size_t size;
	char *at;

	if (!data.n && !(e->flags & MSG_RAW_DATA))
		data = SLICE("null");
	size = sizeof(*m) + e->nsp.n + e->room.n + e->event.n + e->from.n +
	       data.n;
	m = xmalloc(size);
	*m = (struct msg){.refs = 1, .kind = MSG_EVENT};
	m->flags = (uint8_t)e->flags;
	m->size = (uint32_t)size;
	m->epoch = "";
	at = (char *)(m + 1);
	m->nsp = msg_copy(&at, e->nsp);
	m->room = msg_copy(&at, e->room);
	m->event = msg_copy(&at, e->event);
	m->from = msg_copy(&at, e->from);
	m->data = msg_copy(&at, data);
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
	m->size = (uint32_t)size;
	m->epoch = "";
	m->data = msg_copy(&at, payload);
	return m;
}

void msg_free(struct msg *m)
{
	/* What needs no framing is its own frame, inside the message. */
	for (int i = 0; i < FORMAT_COUNT; i++)
		if (m->frames[i].p != m->data.p)
			free((void *)(uintptr_t)m->frames[i].p);
	free(m);
}
