/* SPDX-License-Identifier: MIT */
/*
 * The client's side of the raw dialect, which ws and sse share: what comes
 * from the server turns into the client's events, commands turn into objects.
 */
#ifndef CLIENTS_RAW_H
#define CLIENTS_RAW_H

#include <stdbool.h>

#include "clients/client.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"

/*
 * Decodes `text` when it is a message without escapes in its names, so that
 * all slices lie in `text`. False for everything else. No other effect.
 */
bool raw_message(struct client_env *env, struct slice text,
		 struct client_message *out);
/*
 * Hands one object to the client's events; the first welcome opens the client.
 * Text that is not JSON goes to on_object as a JSON string: whoever looks on
 * sees what the server said. Before the welcome it ends the client: whoever
 * says such a thing first does not speak this dialect.
 */
void raw_object(struct client *c, struct slice text);
/* Ends a client that waits for its welcome, and says whether it did. */
bool raw_unwelcome(struct client *c, const char *what);
/*
 * The same for servers that know none of our objects: all of the text is a
 * message's data.
 */
bool raw_plain_message(struct client_env *env, struct slice text,
		       struct client_message *out);
void raw_plain(struct client *c, struct slice text);
/*
 * Encodes a command. The object is borrowed from the environment until the
 * next one. ERR_LIMIT.
 */
MUST_USE enum err raw_command(struct client_env *env,
			      const struct client_command *cmd,
			      struct slice *object);

/*
 * An object's text in chunk objects, each with up to `size` bytes of it (at
 * least 4: no character is cut), for servers that bound what comes at once.
 *
 *	raw_chunks_begin(&k, object, size, id);
 *	while (!e && k.next < k.total)
 *		if (!(e = raw_chunks_next(env, &k, &piece)))
 *			e = send(piece);
 */
struct raw_chunks {
	struct slice rest; /* borrowed */
	size_t size;
	uint64_t id; /* of the command that it is; 0: none */
	uint64_t next, total;
};

void raw_chunks_begin(struct raw_chunks *k, struct slice object, size_t size,
		      uint64_t id);
/* `*piece` is borrowed from the environment until the next one. ERR_LIMIT. */
MUST_USE enum err raw_chunks_next(struct client_env *env, struct raw_chunks *k,
				  struct slice *piece);

#endif
