/* SPDX-License-Identifier: MIT */
/*
 * Namespaces and the life of rooms in them: made on demand within the hub's
 * limits, dropped when idle for too long. Internal to core.
 */
#ifndef SERVERS_CORE_NSP_H
#define SERVERS_CORE_NSP_H

#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/core/hub.h"

/* Life cycle */
/* Whether nsp_open() would succeed, with the same errors. */
MUST_USE enum err nsp_check(struct hub *h, struct slice name);
/* Finds or makes. ERR_USAGE: bad name; ERR_NOTFOUND: not one of those. */
MUST_USE enum err nsp_open(struct hub *h, struct slice name, struct nsp **out);
/* Frees n when it has neither sessions nor rooms. */
void nsp_drop_if_unused(struct nsp *n);
/* Frees n with all its rooms; for the hub's end, which no map outlives. */
void nsp_free(struct nsp *n);

/* Operations */
/*
 * Finds or makes a room. One that is made is idle: without a member it goes
 * when the retention is over. ERR_LIMIT: the hub has as many as it may
 * (which does not keep a lobby, the room without a name, from being made).
 */
MUST_USE enum err nsp_open_room(struct nsp *n, struct slice name,
				struct room **out);
/* r has no member (any more): drops it if it has no past, else later. */
void nsp_room_idle(struct room *r);
/* r without members was published to: its retention starts again. */
void nsp_room_touch(struct room *r);
/* Drops what was idle for the retention; the hub's room timer. */
void nsp_expire_rooms(struct timer *t);

/* Queries */
struct room *nsp_room(struct nsp *n, struct slice name); /* NULL: none */

#endif
