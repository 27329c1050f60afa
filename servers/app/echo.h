/* SPDX-License-Identifier: MIT */
/*
 * The echo app: no welcome and no commands, every WebSocket message comes
 * back unchanged, text as text and binary as binary. For protocol suites.
 */
#ifndef SERVERS_APP_ECHO_H
#define SERVERS_APP_ECHO_H

#include "servers/core/app.h"

extern const struct app_ops app_echo;

#endif
