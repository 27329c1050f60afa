/* SPDX-License-Identifier: MIT */
/*
 * Reads a chunk that is one answer to a request, whole and nothing else, as
 * decoding into the memo needs it. What it finds points into the chunk or into
 * the environment's parser, and is valid until that is used again.
 */
#ifndef CLIENTS_WHOLE_H
#define CLIENTS_WHOLE_H

#include "clients/env.h"

typedef void (*whole_head_fn)(void *arg, const struct http1_response *r);

/*
 * Whether the chunk is that: status 200, the connection goes on, and the body
 * is in one piece. `on_head` (NULL: nobody) is shown the head.
 */
bool whole_read(struct client_env *env, struct slice chunk,
		whole_head_fn on_head, void *arg, struct slice *body);

#endif
