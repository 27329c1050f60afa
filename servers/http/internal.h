/* SPDX-License-Identifier: MIT */
/*
 * What the files of the HTTP front share; nobody else includes it.
 *
 * One `struct http_request` exists per connection of libmicrohttpd, for as
 * long as that connection: it is watched and timed by us, and carries one
 * request after the other. Everything that knows that the stream is plain TCP
 * (writing behind libmicrohttpd's back, duplicating the descriptor) is in
 * raw.c and adopt.c.
 */
#ifndef SERVERS_HTTP_INTERNAL_H
#define SERVERS_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/list.h"
#include "servers/base/log.h"
#include "servers/base/loop.h"
#include "servers/base/wheel.h"
#include "servers/http/http.h"

#define JSON_TYPE "application/json"

enum request_phase {
	PHASE_HEAD,	/* a new connection, or a head has begun */
	PHASE_BODY,	/* the head is whole, the body is being read */
	PHASE_HELD,	/* the handler answers later */
	PHASE_ANSWERED, /* the response is being sent */
	PHASE_IDLE,	/* between two requests */
	PHASE_LEAVING,	/* the socket was or is being handed over */
	PHASE_DEAD,	/* to be closed by the next call of the handler */
};

struct http_request {
	struct http *http;
	struct MHD_Connection *mhd;
	struct loop_fd watch; /* tells that the peer left */
	struct timer timer;
	struct list link; /* in http->requests */
	struct list due;  /* in http->due, to be resumed */
	const struct http_route *route;
	const char *path;
	char *address; /* as text, made when asked for */
	struct buf body;
	uint64_t discarded; /* bytes of a body that nobody wants */
	uint64_t since_ms;  /* when the phase began */
	union {
		void (*gone)(struct http_request *r, void *arg);
		void (*adopted)(void *arg, int fd, struct slice ahead);
	} on;
	void *arg;
	uint16_t refusal; /* status of an error found early, or 0 */
	uint16_t method;
	uint8_t phase;
	uint8_t minor;	  /* HTTP/1.x */
	bool peer_closed; /* the peer sends no more */
	bool suspended;	  /* libmicrohttpd leaves it alone */
	bool bad_target;  /* the request's target holds an encoded NUL */
	bool given_up;	  /* we shut the socket down */
};

struct http {
	struct loop *loop;
	struct http_options options;
	struct MHD_Daemon *daemon;
	struct loop_fd listener;
	struct loop_fd epoll; /* libmicrohttpd's */
	struct loop_hook run_hook, resume_hook;
	struct timer rearm; /* of a listener that was out of descriptors */
	struct list requests;
	struct list due; /* requests to resume */
	struct list lingering;
	struct http_route **routes;
	size_t route_count;
	uint64_t open;	  /* connections of libmicrohttpd */
	uint64_t adopted; /* sockets handed over and not closed yet */
	unsigned linger_count;
	unsigned handled; /* handlers called, ever; it may wrap */
	struct log_limit starved;
	int reserve; /* descriptor kept for the day there is no other */
	bool ready;  /* libmicrohttpd has something to do */
	bool again;  /* it must be run once more */
	bool draining;
	bool stopping;
};

/* http.c */
/* One of our descriptors goes, one of the reserve comes back. */
void reserve_release(struct http *h);
void reserve_restore(struct http *h);

/* accept.c */
void accept_start(struct http *h);
loop_fd_fn accept_ready;
timer_fn accept_rearm;

/* route.c */
/*
 * Finds the route for a path and method: NULL and *allow == 0 when there is
 * no such path, NULL and *allow the methods that there are.
 */
const struct http_route *route_find(const struct http *h, struct slice path,
				    unsigned method, unsigned *allow);
unsigned route_method(const char *name);
/* Writes "GET, POST". `size` of 64 is enough for all. */
void route_methods_text(unsigned methods, char *into, size_t size);

/* request.c: what libmicrohttpd calls. */
enum MHD_Result request_handle(void *cls, struct MHD_Connection *mhd,
			       const char *url, const char *method,
			       const char *version, const char *upload,
			       size_t *upload_size, void **con_cls);
void request_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
		       enum MHD_RequestTerminationCode why);
void *request_target(void *cls, const char *target, struct MHD_Connection *mhd);
/* Held requests get `status`, without telling their handlers. */
void request_abandon(struct http_request *r, unsigned status);
/* To be resumed from the end-of-tick hook. */
void request_resume_later(struct http_request *r);

/* peer.c: connections */
void peer_notify(void *cls, struct MHD_Connection *mhd, void **context,
		 enum MHD_ConnectionNotificationCode what);
void peer_enter(struct http_request *r, enum request_phase phase);
/* Closes what is between requests; the others close after their answer. */
void peer_drain(struct http *h);
/* Stops watching and timing, because the socket changes hands. */
void peer_forget(struct http_request *r);
int peer_fd(const struct http_request *r);

/* raw.c: answers behind libmicrohttpd's back */
/* Sends a whole JSON error that closes; best effort, never blocks. */
void raw_error(int fd, unsigned status, const char *text);
/*
 * Takes fd. Tells the peer that nothing follows, and reads on for a moment, so
 * that what it still sends does not reset the connection and lose the answer.
 */
void raw_linger(struct http *h, int fd);
void raw_linger_end_all(struct http *h);

/* response.c */
void respond_error_with(struct http_request *r, unsigned status,
			const char *text, const char *name, const char *value);
/* Answers a CORS preflight or a plain OPTIONS with what `allow` has. */
void respond_options(struct http_request *r, unsigned allow);
const char *status_text(unsigned status); /* what our early errors say */

/* adopt.c */
/* Tells a handler whose adoption will not happen. */
void adopt_fail(struct http_request *r);

#endif
