/* SPDX-License-Identifier: MIT */
/*
 * The default app: it relays. Socket.IO clients emit `join`, `leave` and
 * `publish` and get what the raw dialect's commands give (docs/PROTOCOLS.md);
 * the raw dialect's own commands never reach an app.
 */
#ifndef SERVERS_APP_RELAY_H
#define SERVERS_APP_RELAY_H

#include "servers/core/app.h"

extern const struct app_ops app_relay;

#endif
