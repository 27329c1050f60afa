/* SPDX-License-Identifier: MIT */
/*
 * Control frames of WebSocket (ping and pong) on a transport. They need not
 * wait for the data that the peer is slow to take: RFC 6455 section 5.4 lets
 * them go between the fragments of a message. So one waits at most for the
 * rest of the fragment whose first bytes are sent (and for what the kernel
 * holds), and keeps its place among other control frames. A close frame is
 * none of these here: it ends the data, and goes behind it.
 */
#ifndef SERVERS_CORE_CONTROL_H
#define SERVERS_CORE_CONTROL_H

#include "servers/base/slice.h"
#include "servers/core/transport.h"

/*
 * Queues a whole frame. The transport speaks a format of WebSocket. Bounded
 * as transport_send() bounds what is addressed to one transport.
 */
void control_send(struct transport *t, struct slice frame);

#endif
