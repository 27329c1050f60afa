/* SPDX-License-Identifier: MIT */
/* The hub's operations on sessions: connect, disconnect, join, leave. */
#include "servers/core/session.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/log.h"
#include "servers/base/random.h"
#include "servers/core/hub.h"
#include "servers/core/nsp.h"
#include "servers/core/session_rooms.h"
#include "servers/wire/envelope.h"

static struct session *session_new(struct nsp *n, struct transport *t)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->nsp = n;
	s->transport = t;
	random_id(s->id, SESSION_ID_CHARS);
	list_append(&n->sessions, &s->link);
	n->session_count++;
	n->hub->session_count++;
	t->stats->sessions++;
	return s;
}

/* Out of rooms and lists, so that the app finds only the others there. */
static void session_unlink(struct session *s)
{
	while (s->room_count)
		session_leave_slot(s, s->room_count - 1);
	list_remove(&s->link);
	s->nsp->session_count--;
	s->nsp->hub->session_count--;
	s->transport->stats->sessions--;
}

enum err hub_admit(struct hub *h, const struct connect_info *info,
		   struct refusal *why)
{
	enum err e = nsp_check(h, info->nsp);

	return e == ERR_OK ? h->app->admit(h, info, why) : e;
}

enum err hub_connect(struct hub *h, const struct connect_info *info,
		     struct transport *t, struct refusal *why,
		     struct session **out)
{
	struct nsp *n;
	enum err e = hub_admit(h, info, why);

	if (e == ERR_OK)
		e = nsp_open(h, info->nsp, &n);
	if (e != ERR_OK)
		return e;
	*out = session_new(n, t);
	recovery_begin(*out, info);
	if (info->greet)
		info->greet(*out);
	h->app->on_connect(h, *out, info);
	return ERR_OK;
}

void hub_disconnect(struct session *s, const char *reason)
{
	struct nsp *n = s->nsp;

	log_debug("session", "%s left %.*s: %s", s->id, (int)n->name.n,
		  n->name.p, reason);
	/* The namespace stays for the app, which may publish in it. */
	n->pins++;
	ask_session_ends(s);
	recovery_end(s, reason);
	session_unlink(s);
	n->hub->app->on_disconnect(n->hub, s, reason);
	CHECK(s->room_count == 0);
	n->pins--;
	free(s);
	nsp_drop_if_unused(n);
}

void hub_expel(struct session *s)
{
	struct transport *t = s->transport;

	if (t->ops->expel)
		t->ops->expel(t, s);
	else
		transport_kick(t, KICK_REFUSED);
}

void session_enter(struct session *s, struct room *r, uint64_t since)
{
	list_remove(&r->idle);
	room_add(r, s, since);
}

enum err session_join(struct session *s, struct slice name, uint32_t *slot)
{
	struct hub *h = s->nsp->hub;
	struct room *r;
	enum err e;

	if (!envelope_name_valid(name))
		return ERR_USAGE;
	r = nsp_room(s->nsp, name);
	if (r && room_has(r, s, slot))
		return ERR_OK;
	if (s->room_count >= h->options.max_rooms_per_session)
		return ERR_LIMIT;
	e = nsp_open_room(s->nsp, name, &r);
	if (e != ERR_OK)
		return e;
	session_enter(s, r, h->position);
	*slot = s->room_count - 1;
	return ERR_OK;
}

void hub_join_lobby(struct session *s)
{
	struct room *r;
	uint32_t slot;

	/* It counts for no limit. */
	CHECK(nsp_open_room(s->nsp, (struct slice){NULL, 0}, &r) == ERR_OK);
	if (!room_has(r, s, &slot))
		session_enter(s, r, s->nsp->hub->position);
}

void session_leave_slot(struct session *s, uint32_t slot)
{
	struct room *r = s->rooms[slot].room;

	room_remove(r, s, slot);
	if (r->count == 0)
		nsp_room_idle(r);
}

enum err hub_join(struct session *s, struct slice room)
{
	uint32_t slot;

	return session_join(s, room, &slot);
}

enum err hub_leave(struct session *s, struct slice room)
{
	struct room *r = nsp_room(s->nsp, room);
	uint32_t slot;

	if (!envelope_name_valid(room))
		return ERR_USAGE;
	if (r && room_has(r, s, &slot))
		session_leave_slot(s, slot);
	return ERR_OK;
}
