/* SPDX-License-Identifier: MIT */
/*
 * The upgrade from polling to WebSocket: internal to longpoll/.
 *
 *	websocket: 2probe ->   <- 3probe     the pending GET is freed by a noop
 *	websocket: 5 ->                      the session's transport moves over
 *
 * Until `5` the session polls as before and the WebSocket has a transport of
 * its own, for the probe's answer. At `5` it takes over the session's, whose
 * queue is encoded anew as it is flushed: so nothing is lost, doubled or
 * reordered. Whatever else comes, or nothing in time, closes the WebSocket
 * and leaves the session as it was.
 */
#ifndef SERVERS_LONGPOLL_UPGRADE_H
#define SERVERS_LONGPOLL_UPGRADE_H

#include "servers/longpoll/carrier.h"

/* Gives the carrier a transport of its own. */
void upgrade_begin(struct carrier *c, struct longpoll *b);
struct transport *upgrade_transport(struct carrier *c);
/* False: the session does not poll, or somebody else knocks already. */
MUST_USE bool upgrade_offer(struct carrier *c, struct engine *e);
/* What the knocking WebSocket says. */
void upgrade_receive(struct carrier *c, struct slice packet, bool binary);
/* A GET waits, with nothing to be told. */
void upgrade_polled(struct engine *e);
/* The session is over: nobody to knock at. */
void upgrade_abandon(struct engine *e);
/* The carrier ends: the session forgets it. */
void upgrade_detach(struct carrier *c);
/* Frees what the upgrade needed; legal when there is nothing. */
void upgrade_free(struct carrier *c);

#endif
