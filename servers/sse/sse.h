/* SPDX-License-Identifier: MIT */
/*
 * The Server-Sent Events backend: GET /sse?nsp=/chat&room=a is answered by a
 * text/event-stream (WHATWG HTML section 9.2) that lasts as long as the
 * connection; POST /sse/<sid> carries the client's commands.
 *
 * The head says neither Content-Length nor chunked: the stream ends with the
 * connection, one format for HTTP/1.0 and HTTP/1.1.
 */
#ifndef SERVERS_SSE_SSE_H
#define SERVERS_SSE_SSE_H

#include "servers/core/backend.h"

extern const struct backend_ops backend_sse;

#endif
