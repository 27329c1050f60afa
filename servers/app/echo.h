/* SPDX-License-Identifier: MIT */
/*
 * The echo app, for protocol suites: no welcome and no commands, every
 * WebSocket message comes back unchanged, text as text and binary as binary.
 * Socket.IO's clients get `auth` with their auth payload; `message` comes back
 * as `message-back`, and `message-with-ack` is acknowledged with what it has.
 */
#ifndef SERVERS_APP_ECHO_H
#define SERVERS_APP_ECHO_H

#include "servers/core/app.h"

extern const struct app_ops app_echo;

#endif
