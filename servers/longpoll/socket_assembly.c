/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/longpoll/socket.h"
#include "servers/wire/placeholder.h"

/* Bounded by ten attachments and the payload limit of all of them together. */
struct socket_assembly {
	struct buf head;  /* the text packet */
	struct buf bytes; /* the attachments, one after another */
	size_t ends[SOCKETIO_MAX_ATTACHMENTS];
	unsigned count, wanted;
};

static void assembly_free(struct socket_assembly *a)
{
	if (!a)
		return;
	buf_release(&a->head);
	buf_release(&a->bytes);
	free(a);
}

void socket_assembly_free(struct engine *e)
{
	assembly_free(e->assembly);
	e->assembly = NULL;
}

void socket_assembly_start(struct engine *e, struct slice text,
			   unsigned attachments)
{
	struct socket_assembly *a = xcalloc(1, sizeof(*a));

	buf_init(&a->head, BUF_UNLIMITED);
	buf_init(&a->bytes, e->backend->base.env.options->max_payload);
	CHECK(buf_add_slice(&a->head, text) == ERR_OK);
	a->wanted = attachments;
	e->assembly = a;
}

/* All attachments are there: the packet is handled, the assembly freed. */
static void assembly_finish(struct engine *e, struct socket_assembly *a)
{
	struct slice attachments[SOCKETIO_MAX_ATTACHMENTS];
	struct socket_packet p = {.attachments = attachments,
				  .attachment_count = a->count};
	struct placeholders found;
	size_t start = 0;

	for (unsigned i = 0; i < a->count; i++) {
		attachments[i] = (struct slice){
			a->ends[i] > start ? a->bytes.data + start : NULL,
			a->ends[i] - start};
		start = a->ends[i];
	}
	CHECK(socketio_decode(buf_slice(&a->head), &p.head) == ERR_OK);
	if (placeholders_find(p.head.data, a->count, &found) == ERR_OK)
		socket_handle(e, &p);
	else
		socket_protocol_error(e);
}

void socket_assembly_add(struct engine *e, struct slice bytes)
{
	struct socket_assembly *a = e->assembly;

	if (!a || buf_add_slice(&a->bytes, bytes) != ERR_OK) {
		socket_protocol_error(e);
		return;
	}
	a->ends[a->count++] = a->bytes.len;
	if (a->count < a->wanted)
		return;
	e->assembly = NULL;
	assembly_finish(e, a);
	assembly_free(a);
}
