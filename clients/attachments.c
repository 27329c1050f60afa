/* SPDX-License-Identifier: MIT */
#include "clients/attachments.h"

#include <stdlib.h>

#include "clients/env.h"
#include "servers/base/check.h"
#include "servers/wire/placeholder.h"

struct attachments *attachments_new(const struct socketio_packet *p)
{
	struct placeholders found;
	struct attachments *a;

	if (p->attachments == 0 || p->attachments > SOCKETIO_MAX_ATTACHMENTS ||
	    placeholders_find(p->data, p->attachments, &found) != ERR_OK)
		return NULL;
	a = xcalloc(1, sizeof(*a));
	a->packet = *p;
	a->packet.nsp = a->packet.data = slice_of(NULL, 0);
	buf_init(&a->json, CLIENT_MESSAGE_MAX);
	buf_init(&a->bytes, CLIENT_MESSAGE_MAX);
	if (buf_add_slice(&a->json, p->data) == ERR_OK)
		return a;
	attachments_free(a);
	return NULL;
}

void attachments_free(struct attachments *a)
{
	if (!a)
		return;
	buf_release(&a->json);
	buf_release(&a->bytes);
	free(a);
}

enum err attachments_add(struct attachments *a, struct slice bytes)
{
	enum err e;

	CHECK(!attachments_complete(a));
	e = buf_add_slice(&a->bytes, bytes);
	if (!e)
		a->ends[a->count++] = a->bytes.len;
	return e;
}

enum err attachments_finish(const struct attachments *a, struct buf *b)
{
	struct slice parts[SOCKETIO_MAX_ATTACHMENTS];
	size_t start = 0;

	CHECK(attachments_complete(a));
	for (unsigned i = 0; i < a->count; i++) {
		size_t n = a->ends[i] - start;

		parts[i] = n > 0 ? slice_of(a->bytes.data + start, n)
				 : slice_of("", 0);
		start = a->ends[i];
	}
	return placeholders_inline(b, buf_slice(&a->json), parts, a->count);
}
