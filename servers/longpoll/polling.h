/* SPDX-License-Identifier: MIT */
/*
 * Engine.IO over HTTP long polling: internal to longpoll/. A session has at
 * most one pending GET. What is queued leaves with it at the end of the tick,
 * in one response that sessions with equal queues share.
 *
 * A POST of very many packets is handled in portions, a few milliseconds per
 * tick, and answered when the last one is through, or when they wait for their
 * own answers to leave.
 */
#ifndef SERVERS_LONGPOLL_POLLING_H
#define SERVERS_LONGPOLL_POLLING_H

#include "servers/longpoll/engine.h"

/* Life cycle of what the backend shares */
void polling_init(struct longpoll *b);
void polling_release(struct longpoll *b);

/* Makes a session and answers the handshake `r`. */
void polling_open(const struct endpoint *at, struct http_request *r);
/* The client's GET: answered now, at the tick's end, or held. */
void polling_get(struct engine *e, struct http_request *r);
/* The packets of a POST's body, in order, until one closes the session. */
void polling_post(struct engine *e, struct http_request *r);
/* A POST begins to come, or has come. */
void polling_upload(struct engine *e, enum http_upload what);
/* Whether a POST of e waits for its answer. */
bool polling_posts(const struct engine *e);
/* What is left of POSTs goes on, if it waited: somebody takes the answers. */
void polling_resume(struct engine *e);
/* The client was told that it may upgrade. */
void polling_probed(struct engine *e);
/* Answers the pending GET, if there is one, with a noop packet. */
void polling_free_get(struct engine *e);
/* Ends the session once the client has got what is queued for it. */
void polling_drain(struct engine *e);
/* The session is closed: answers what is pending. */
void polling_end(struct engine *e);

#endif
