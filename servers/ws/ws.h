/* SPDX-License-Identifier: MIT */
/*
 * The raw WebSocket backend: GET /ws?nsp=/chat&room=a&room=b upgrades
 * (RFC 6455), then objects of the raw dialect as text frames. With an app
 * without commands it hands every message to the app unread.
 */
#ifndef SERVERS_WS_WS_H
#define SERVERS_WS_WS_H

#include "servers/core/backend.h"

extern const struct backend_ops backend_ws;

#endif
