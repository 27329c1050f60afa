/* SPDX-License-Identifier: MIT */
/* The lists in /stats: namespaces, rooms, transports. Internal to status.c. */
#ifndef SERVERS_HTTP_STATUS_LISTS_H
#define SERVERS_HTTP_STATUS_LISTS_H

#include <cjson/cJSON.h>

#include "servers/http/status.h"

/*
 * Adds "namespaces" [{name, sessions, rooms}], "room_list" [{nsp, name,
 * members, seq}], each of the largest ones, "transports" {polling: n, ...} and
 * "truncated", whether either list leaves something out.
 */
void status_add_lists(cJSON *to, const struct status *s);

#endif
