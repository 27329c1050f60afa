/* SPDX-License-Identifier: MIT */
/*
 * The workshop's app: a chat as people first write it. Raw clients send any
 * object and all others in the namespace get it, with `from` added; Socket.IO
 * clients emit joinRoom, leaveRoom, sendMessage, createOrder and broadcast.
 * Each side sees the other (docs/PROTOCOLS.md).
 */
#ifndef SERVERS_APP_WORKSHOP_H
#define SERVERS_APP_WORKSHOP_H

#include "servers/core/app.h"

extern const struct app_ops app_workshop;

#endif
