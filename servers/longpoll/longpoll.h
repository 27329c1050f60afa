/* SPDX-License-Identifier: MIT */
/*
 * The Socket.IO backend: Engine.IO 4 over HTTP long polling at /socket.io/,
 * Socket.IO 5 inside. Three files, one per layer of the protocol:
 *
 *	longpoll.c  the backend: routes, the table of errors, shared responses
 *	engine.c    an Engine.IO session: its poll, packets and heartbeat
 *	socket.c    Socket.IO on it: namespaces, events, acknowledgements
 */
#ifndef SERVERS_LONGPOLL_LONGPOLL_H
#define SERVERS_LONGPOLL_LONGPOLL_H

#include "servers/core/backend.h"

extern const struct backend_ops backend_longpoll;

#endif
