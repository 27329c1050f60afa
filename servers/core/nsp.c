/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/nsp.h"
#include "servers/wire/envelope.h"

/* Rooms dropped in one step: each may have a history to free. */
#define NSP_EXPIRE_BATCH 64

static bool nsp_name_valid(struct slice name)
{
	return envelope_name_valid(name) && name.p[0] == '/' &&
	       !memchr(name.p, ',', name.n) && !memchr(name.p, '?', name.n);
}

static bool nsp_exists(const struct hub *h, struct slice name)
{
	const char *const *list = h->options.namespaces;

	if (!list)
		list = h->app->namespaces;
	if (!list)
		return true;
	for (; *list; list++)
		if (slice_is(name, *list))
			return true;
	return false;
}

enum err nsp_check(struct hub *h, struct slice name)
{
	if (map_get(&h->nsps, name))
		return ERR_OK;
	if (!nsp_name_valid(name))
		return ERR_USAGE;
	return nsp_exists(h, name) ? ERR_OK : ERR_NOTFOUND;
}

enum err nsp_open(struct hub *h, struct slice name, struct nsp **out)
{
	struct nsp *n = map_get(&h->nsps, name);
	char *copy;

	if (!n) {
		enum err e = nsp_check(h, name);

		if (e != ERR_OK)
			return e;
		n = xcalloc(1, sizeof(*n) + name.n);
		copy = (char *)(n + 1);
		memcpy(copy, name.p, name.n);
		n->hub = h;
		n->name = slice_of(copy, name.n);
		map_init(&n->rooms);
		list_init(&n->sessions);
		(void)map_put(&h->nsps, n->name, n);
	}
	*out = n;
	return ERR_OK;
}

void nsp_drop_if_unused(struct nsp *n)
{
	if (n->session_count || n->rooms.count || n->pins)
		return;
	(void)map_remove(&n->hub->nsps, n->name);
	map_release(&n->rooms);
	free(n);
}

/* Takes r out of its namespace, which stays, and frees it. */
static void nsp_drop_room(struct room *r)
{
	struct nsp *n = r->nsp;
	struct hub *h = n->hub;
	uint64_t last = r->floor;

	if (r->history_count)
		last = room_history(r, r->history_count - 1)->position;
	if (last > h->forgotten)
		h->forgotten = last;
	h->bus->ops->unsubscribe(h->bus, n->name, r->name);
	(void)map_remove(&n->rooms, r->name);
	h->room_count--;
	room_free(r);
}

void nsp_free(struct nsp *n)
{
	struct room *r;
	size_t cursor = 0;

	while ((r = map_next(&n->rooms, &cursor)))
		room_free(r);
	map_release(&n->rooms);
	free(n);
}

enum err nsp_open_room(struct nsp *n, struct slice name, struct room **out)
{
	struct hub *h = n->hub;
	struct room *r = map_get(&n->rooms, name);

	if (!r) {
		if (name.n && h->room_count >= h->options.max_rooms)
			return ERR_LIMIT;
		r = room_new(n, name);
		r->floor = h->forgotten;
		(void)map_put(&n->rooms, r->name, r);
		h->room_count++;
		nsp_room_touch(r);
		h->bus->ops->subscribe(h->bus, n->name, r->name);
	}
	*out = r;
	return ERR_OK;
}

void nsp_room_touch(struct room *r)
{
	struct hub *h = r->nsp->hub;
	struct wheel *w = loop_wheel(h->loop);

	list_remove(&r->idle);
	list_append(&h->idle_rooms, &r->idle);
	r->idle_since_ms = wheel_now(w);
	if (!timer_armed(&h->room_timer))
		timer_arm(w, &h->room_timer, h->options.room_retention_ms);
}

void nsp_room_idle(struct room *r)
{
	struct nsp *n = r->nsp;

	if (r->seq) {
		nsp_room_touch(r);
		return;
	}
	nsp_drop_room(r);
	nsp_drop_if_unused(n);
}

void nsp_expire_rooms(struct timer *t)
{
	struct hub *h = container_of(t, struct hub, room_timer);
	struct wheel *w = loop_wheel(h->loop);
	uint64_t wait_ms = 0;

	for (int i = 0; i < NSP_EXPIRE_BATCH && !list_empty(&h->idle_rooms);
	     i++) {
		struct room *r =
			list_entry(h->idle_rooms.next, struct room, idle);
		uint64_t due = r->idle_since_ms + h->options.room_retention_ms;
		struct nsp *n = r->nsp;

		if (due > wheel_now(w)) {
			wait_ms = due - wheel_now(w);
			break;
		}
		nsp_drop_room(r);
		nsp_drop_if_unused(n);
	}
	if (!list_empty(&h->idle_rooms))
		timer_arm(w, t, wait_ms);
}

struct room *nsp_room(struct nsp *n, struct slice name)
{
	return map_get(&n->rooms, name);
}
