/* SPDX-License-Identifier: MIT */
/*
 * Servers that know nothing of our dialects, behind the same interface as the
 * others (clients/client.h): what is published is what comes out.
 *
 *	publish		POST /publish?room=R with the message as the body;
 *			any status 2xx is the answer
 *	ws-plain	GET PATH?room=R: a text frame is a message
 *	sse-plain	GET PATH?room=R: an event's data is a message
 *	longpoll-plain	GET PATH?room=R: the body of a 200 is a message; the
 *			next request names it by If-None-Match (its ETag) and
 *			If-Modified-Since (its Last-Modified). Other answers
 *			below 400 have none: it is asked again
 *	poll-plain	the same at intervals (`poll_ms`), whose server does
 *			not wait: 404 is that nothing was published yet. What
 *			the first answer has was there before, and is no
 *			message; what is replaced between two polls is lost
 *
 * At intervals, a subscriber is open with its first answer. A server does not
 * tell when a long poll waits, so such a subscriber counts as open a while
 *after its first request has reached the server: that is when the kernel has
 *all of it acknowledged, and where a relay stands between, which acknowledges
 *what it has not passed on, `way_ms` later.
 *
 * The subscribers of the first two are client_ws and client_sse with their
 * option `plain`.
 */
#ifndef BENCH_LOAD_PLAIN_H
#define BENCH_LOAD_PLAIN_H

#include "clients/client.h"

#define DIALECT_WS_PLAIN "ws-plain"
#define DIALECT_SSE_PLAIN "sse-plain"
#define DIALECT_LONGPOLL_PLAIN "longpoll-plain"
#define DIALECT_POLL_PLAIN "poll-plain"

#define PLAIN_SETTLE_MS 100 /* there, a poll waits after so long */
#define PLAIN_POLL_MS 1000  /* between polls, if nothing else is said */

/* Publishes only. Its options' path and rooms mean nothing. */
extern const struct client_ops client_post;
/* Subscribes only. */
extern const struct client_ops client_poll;

#endif
