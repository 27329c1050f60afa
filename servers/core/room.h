/* SPDX-License-Identifier: MIT */
/*
 * A room of a namespace: its members, its sequence numbers, and a bounded
 * history of its latest messages for resume. Internal to core: backends and
 * apps use hub.h.
 *
 * Members are a dense array, so that a broadcast walks memory in order; each
 * knows where its session notes the membership, so that joining and leaving
 * are O(1).
 */
#ifndef SERVERS_CORE_ROOM_H
#define SERVERS_CORE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/list.h"
#include "servers/base/slice.h"
#include "servers/core/msg.h"
#include "servers/core/session.h"

struct member {
	struct session *session;
	uint32_t slot; /* of this room in session->rooms */
};

struct room {
	struct nsp *nsp;
	struct slice name; /* owned, in the same allocation */
	struct member *members;
	uint32_t count, cap;
	uint64_t seq; /* of the latest message; 0 before the first */
	/* The latest messages, oldest first; seq - history_count + 1 is the
	 * oldest one's number. */
	struct msg **history;
	uint32_t history_head, history_count, history_cap;
	uint64_t history_bytes;
	/* Messages up to this position may have been here and be gone. */
	uint64_t floor;
	struct list idle; /* in hub->idle_rooms while it has no member */
	uint64_t idle_since_ms;
};

struct room_limits {
	uint32_t history_messages;
	uint64_t history_bytes;
};

struct room *room_new(struct nsp *nsp, struct slice name);
void room_free(struct room *r); /* without members */
bool room_has(const struct room *r, const struct session *s, uint32_t *slot);
/* s, not a member yet, gets every message after the position `since`. */
void room_add(struct room *r, struct session *s, uint64_t since);
void room_remove(struct room *r, struct session *s, uint32_t slot);
/*
 * Numbers m and keeps a reference within the limits, dropping the oldest. Its
 * position is set already.
 */
void room_record(struct room *r, struct msg *m, const struct room_limits *l);
/* The i-th message of the history, oldest first. */
struct msg *room_history(const struct room *r, uint32_t i);
/* The first one in the history after `position`; history_count when none. */
uint32_t room_history_after(const struct room *r, uint64_t position);

#endif
