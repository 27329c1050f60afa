/* SPDX-License-Identifier: MIT */
/*
 * Connection state recovery of Socket.IO (docs/ARCHITECTURE.md): a session
 * that was cut off leaves a note of its id and rooms for `recovery_window_ms`.
 * Who comes back with its secret `pid` and the offset of the last event it has
 * gets a session with both, and what the rooms' histories hold since, once and
 * in order; or a new session, when anything of that cannot be had for certain.
 *
 * A note is no session: in between, others see that it has left, as the
 * reference server has it. Notes are bounded in number and bytes; the oldest
 * go first. Internal to core.
 */
#ifndef SERVERS_CORE_RECOVERY_H
#define SERVERS_CORE_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/list.h"
#include "servers/base/map.h"
#include "servers/base/wheel.h"
#include "servers/core/app.h"
#include "servers/core/msg.h"
#include "servers/core/session.h"

#define RECOVERY_NOTES_MAX 65536
#define RECOVERY_BYTES_MAX ((uint64_t)32 * 1024 * 1024)

struct recovery {
	uint64_t window_ms; /* 0: off, and nothing below is used */
	struct wheel *wheel;
	struct map live;  /* struct session by pid */
	struct map notes; /* by pid, of those that were cut off */
	struct list by_age;
	uint64_t bytes;
	struct timer timer; /* the oldest note's end */
};

/* Life cycle */
void recovery_init(struct recovery *r, struct wheel *wheel, uint64_t window_ms);
void recovery_release(struct recovery *r); /* after every session has ended */

/* Operations */
/*
 * s is new: gives it its pid and, when `info` says so and it can be, the id,
 * the rooms and the missed messages of the one that it was (s->recovered).
 */
void recovery_begin(struct session *s, const struct connect_info *info);
/* s ends and is still in its rooms: makes a note if `reason` is a cut. */
void recovery_end(struct session *s, const char *reason);
/* m goes to s alone: numbers it, so that a recovery replays it, too. */
void recovery_record(struct session *s, struct msg *m);

#endif
