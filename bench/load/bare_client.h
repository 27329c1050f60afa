/* SPDX-License-Identifier: MIT */
/*
 * A client of the bare server behind the same interface as those of the
 * protocols (clients/client.h). A client whose options name a room
 * subscribes, one without publishes. Events do not exist; a message is its
 * data. Rooms are numbers there: a name's is what stands behind its last '.',
 * and 0 when that is no number below BARE_ROOMS.
 */
#ifndef BENCH_LOAD_BARE_CLIENT_H
#define BENCH_LOAD_BARE_CLIENT_H

#include "clients/client.h"

extern const struct client_ops client_bare;

#endif
