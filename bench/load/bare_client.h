/* SPDX-License-Identifier: MIT */
/*
 * A client of the bare server behind the same interface as those of the
 * protocols (clients/client.h). A client whose options name a room
 * subscribes, one without publishes. Rooms and events do not exist;
 * a message is its data.
 */
#ifndef BENCH_LOAD_BARE_CLIENT_H
#define BENCH_LOAD_BARE_CLIENT_H

#include "clients/client.h"

extern const struct client_ops client_bare;

#endif
