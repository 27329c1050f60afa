/* SPDX-License-Identifier: MIT */
/*
 * The relay application's events as Socket.IO carries them: the client's
 * join, leave and publish, and the messages that come back.
 */
#ifndef CLIENTS_RELAY_H
#define CLIENTS_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "clients/client.h"
#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"

/*
 * Appends one Engine.IO packet with the command's event. An id that is not 0
 * becomes the ack id.
 */
MUST_USE enum err relay_add_command(struct buf *b, struct slice nsp,
				    const struct client_command *cmd);
/*
 * Reads the arguments [event, data, {room, from, seq}] of an event, which an
 * offset may follow; false when they are something else. Slices lie in `args`,
 * or in the environment's `strings` when that is not empty after it.
 */
bool relay_message(struct client_env *env, struct slice args,
		   struct client_message *out);
/* Two memo_decode_fn: `chunk` is one HTTP answer to a poll, or frames. */
size_t relay_decode_answer(struct client_env *env, struct slice chunk,
			   struct client_message *out, size_t max);
size_t relay_decode_frames(struct client_env *env, struct slice chunk,
			   struct client_message *out, size_t max);

#endif
