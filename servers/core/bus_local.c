/* SPDX-License-Identifier: MIT */
/* The bus of a single node: hands every message back at once. */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/bus.h"
#include "servers/core/hub.h"

static enum err bus_local_publish(struct bus *b, struct msg *m,
				  const void *except)
{
	hub_deliver(b->hub, m, except);
	return ERR_OK;
}

static void bus_local_ignore_room(struct bus *b, struct slice nsp,
				  struct slice room)
{
	(void)b;
	(void)nsp;
	(void)room;
}

static void bus_local_close(struct bus *b)
{
	free(b);
}

static const struct bus_ops bus_local_ops = {
	.name = "local",
	.publish = bus_local_publish,
	.subscribe = bus_local_ignore_room,
	.unsubscribe = bus_local_ignore_room,
	.close = bus_local_close,
};

struct bus *bus_local_new(struct hub *hub)
{
	struct bus *b = xcalloc(1, sizeof(*b));

	b->ops = &bus_local_ops;
	b->hub = hub;
	return b;
}
