/* SPDX-License-Identifier: MIT */
/*
 * The lab page at `/`: the three protocols side by side in one browser. Its
 * files (clients/web/) and the official Socket.IO client, which a server of
 * Socket.IO offers at /socket.io/socket.io.js, are part of the program.
 */
#ifndef SERVERS_LAB_H
#define SERVERS_LAB_H

#include "servers/http/http.h"

void lab_routes(struct http *http);

#endif
