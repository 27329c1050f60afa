/* SPDX-License-Identifier: MIT */
/*
 * A front on a free port of the loopback and clients of it, in one thread:
 * the loop is ticked while a client waits for its answer.
 */
#ifndef SERVERS_HTTP_TEST_RIG_H
#define SERVERS_HTTP_TEST_RIG_H

#include <stdbool.h>

#include "servers/base/buf.h"
#include "servers/base/loop.h"
#include "servers/http/http.h"

struct rig {
	struct loop *loop;
	struct http *http;
	unsigned ticks; /* so far */
};

struct client {
	struct rig *rig;
	struct buf in; /* NUL-terminated by client_text() */
	int fd;
	bool ended; /* the server closed */
	bool reset;
};

void rig_init(struct rig *rig, const struct http_options *options);
void rig_start(struct rig *rig); /* routes are set */
void rig_release(struct rig *rig);
void rig_tick(struct rig *rig);		    /* waits at most 5 ms */
void rig_run(struct rig *rig, unsigned ms); /* ticks for so long */

void client_open(struct client *c, struct rig *rig);
/* Two seconds are enough for anything. False: it did not happen. */
void client_send(struct client *c, struct slice bytes);
void client_say(struct client *c, const char *text);
bool client_hear(struct client *c, const char *text); /* what came has it */
bool client_hear_size(struct client *c, size_t n);    /* so much came */
bool client_hear_end(struct client *c);
unsigned client_count(const struct client *c, const char *text);
const char *client_text(struct client *c);
void client_forget(struct client *c); /* what came so far */
void client_close(struct client *c);

#endif
