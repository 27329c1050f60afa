/* SPDX-License-Identifier: MIT */
/*
 * One logical subscriber in one namespace: who it is, and which rooms it is
 * in. The hub makes and frees it; backends hold the pointer only while their
 * connection lives, and asynchronous code holds id and looks it up again.
 */
#ifndef SERVERS_CORE_SESSION_H
#define SERVERS_CORE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/list.h"
#include "servers/base/slice.h"

struct nsp;
struct room;
struct transport;

#define SESSION_ID_CHARS 20  /* public, 120 random bits */
#define SESSION_SID_CHARS 22 /* secret, 128 random bits and four spare */

struct membership {
	struct room *room;
	uint32_t index; /* of this session in room->members */
	/* The session got, or has queued, all that came after this position. */
	uint64_t since;
};

struct session {
	struct nsp *nsp;
	struct transport *transport;
	struct list link; /* in nsp->sessions */
	struct membership *rooms;
	uint32_t room_count, room_cap;
	uint32_t asking; /* questions of its own that are pending (ask.h) */
	bool recovered;	 /* it has id and rooms of one that was cut off */
	char *pid;	 /* secret, to recover it by; NULL: it cannot be */
	void *owner;	 /* the backend's connection */
	void *app_state; /* the app's own, freed in its on_disconnect */
	char id[SESSION_ID_CHARS + 1];
};

static inline struct slice session_id(const struct session *s)
{
	return (struct slice){s->id, SESSION_ID_CHARS};
}

#endif
