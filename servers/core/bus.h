/* SPDX-License-Identifier: MIT */
/*
 * The seam between publishing and delivering. Every published message goes
 * through the bus, also when there is only one node: there is one ordering
 * path. `local` hands a message back at once; `redis` also to other nodes.
 */
#ifndef SERVERS_CORE_BUS_H
#define SERVERS_CORE_BUS_H

#include "servers/base/err.h"
#include "servers/base/slice.h"

struct hub;
struct msg;
struct bus;

struct bus_ops {
	const char *name;
	/*
	 * MUST call hub_deliver(hub, m, except) exactly once before it
	 * returns: local delivery does not wait for the network. Borrows m.
	 */
	enum err (*publish)(struct bus *b, struct msg *m, const void *except);
	/*
	 * A room came into being on this node, by a join or a publication; it
	 * was dropped, long after the last member left: its history has no
	 * holes for as long as clients may resume from it.
	 */
	void (*subscribe)(struct bus *b, struct slice nsp, struct slice room);
	void (*unsubscribe)(struct bus *b, struct slice nsp, struct slice room);
	void (*close)(struct bus *b); /* frees b */
};

struct bus {
	const struct bus_ops *ops;
	struct hub *hub;
};

/* The embedded default (bus_local.c). Returns owned: freed by ops->close. */
struct bus *bus_local_new(struct hub *hub);

#endif
