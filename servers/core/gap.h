/* SPDX-License-Identifier: MIT */
/*
 * Gaps: messages that tell one receiver which numbers of a room will not come,
 * because the history holds them no longer (resume.c) or because its queue did
 * not take them (slow.c). A gap is a message of the kind MSG_GAP: `first` to
 * `seq` are the numbers that are lost, 0 to 0 a loss that has no numbers.
 *
 * It is encoded when it is flushed, so that one that waits in a queue can
 * still grow and survives a change of the transport's format.
 */
#ifndef SERVERS_CORE_GAP_H
#define SERVERS_CORE_GAP_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/core/msg.h"

/* Returns owned, with one reference; copies the names. */
struct msg *gap_new(struct slice nsp, struct slice room, uint64_t from,
		    uint64_t to);
/*
 * Makes *gap, a reference of the caller's, end with `to`: in place if nobody
 * has seen it yet, else by putting another one there.
 */
void gap_extend(struct msg **gap, uint64_t to);
/* Appends what a transport of `format` gets. For msg_encode(). */
void gap_add(struct buf *b, const struct msg *gap, enum wire_format format);

#endif
