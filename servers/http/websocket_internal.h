/* SPDX-License-Identifier: MIT */
/* Between websocket.c and websocket_receive.c, and for nobody else. */
#ifndef SERVERS_HTTP_WEBSOCKET_INTERNAL_H
#define SERVERS_HTTP_WEBSOCKET_INTERNAL_H

#include "servers/http/websocket.h"

#define WEBSOCKET_REASON_MAX 123 /* bytes; RFC 6455 section 5.5 */

/* Ends our side once both close frames are through. */
void websocket_finish_closing(struct websocket *ws);
/* Reads what has come, and hears as much of it as its turn lasts. */
void websocket_read(struct websocket *ws);
/* After a write: reads again if what made it pause is written. */
void websocket_go_on(struct websocket *ws);

#endif
