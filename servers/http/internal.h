/* SPDX-License-Identifier: MIT */
/*
 * What the files of the HTTP front share; nobody else includes it.
 *
 * A connection is ours: its descriptor, its place in the loop, its time-outs.
 * A plain request (see http1_request.h) that is all that has come is read here.
 *
 * For any other, once its head is whole, a duplicate of the descriptor is lent
 * to libmicrohttpd, which reads the request; when the handler answers or holds
 * it, the connection is taken back, so that a waiting or idle one costs a few
 * hundred bytes and a response shared by many is rendered once. (libmicrohttpd
 * itself would keep its whole buffer per connection, all of it touched after
 * the first response.)
 *
 * Taking back must not lose bytes that were read ahead. The kernel counts what
 * was received and we what the requests took up: unless both agree,
 * libmicrohttpd keeps the connection and answers by itself. A connection that
 * is not plain TCP would always go that way.
 */
#ifndef SERVERS_HTTP_INTERNAL_H
#define SERVERS_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "servers/base/buf.h"
#include "servers/base/list.h"
#include "servers/base/log.h"
#include "servers/base/loop.h"
#include "servers/base/wheel.h"
#include "servers/http/http.h"
#include "servers/wire/http1_request.h"

#define JSON_TYPE "application/json"

struct wire;

/* The latest second that an answer was sent in, as the line that tells it. */
struct http_date {
	time_t second;
	char line[80]; /* with its CRLF */
};

/*
 * A daemon of libmicrohttpd, to which connections are lent for a request. Its
 * pool of memory per connection bounds the head, and is dear when it is large:
 * so the usual heads go to one with a small pool, and the few that are long
 * or of many lines, to one that takes them all.
 */
struct reader {
	struct http *http;
	struct MHD_Daemon *daemon;
	struct loop_fd epoll; /* the daemon's */
	bool ready;	      /* it has something to do */
	bool again;	      /* it must be run once more */
};

enum { READER_USUAL, READER_LARGE, READER_COUNT };

enum request_phase {
	PHASE_NEW,	/* nothing came yet */
	PHASE_HEAD,	/* a head has begun */
	PHASE_BODY,	/* the head is whole, the body is being read */
	PHASE_HELD,	/* the handler answers later */
	PHASE_ANSWERED, /* the response is being sent */
	PHASE_IDLE,	/* between two requests */
	PHASE_LEAVING,	/* the socket was or is being handed over */
	PHASE_DEAD,	/* to be closed */
};

/* A request that we read ourselves. */
struct plain_request {
	struct http1_request head;
	struct http1_target target;
};

/* One connection, and the request that it carries now. */
struct http_request {
	struct http *http;
	const struct plain_request *plain; /* until its handler returns */
	struct MHD_Connection *mhd;	   /* while it is lent */
	struct reader *reader;		   /* to whom it is or was lent */
	struct loop_fd io;
	struct timer timer;
	struct list link;  /* in http->requests */
	struct list due;   /* in http->due, to be resumed or lent */
	struct list owned; /* in an owner's connections, or in none */
	const struct http_route *route;
	const char *path;
	char *address;	   /* as text, made when asked for */
	char *origin;	   /* of a held request, if it has one */
	struct wire *wire; /* response being sent by us */
	size_t sent;	   /* bytes of it */
	struct buf body;
	uint64_t uploaded; /* bytes of the body, also if nobody wants them */
	uint64_t consumed; /* bytes that the requests so far took up */
	uint32_t spent;	   /* the latest of them, that the kernel still has */
	uint64_t since_ms; /* when the phase began */
	union {
		void (*gone)(struct http_request *r, void *arg);
		void (*adopted)(void *arg, int fd, struct slice ahead);
	} on;
	void *arg;
	uint16_t refusal; /* status of an error found early, or 0 */
	uint16_t method;
	uint8_t phase;
	uint8_t minor;	  /* HTTP/1.x */
	bool complete;	  /* head and body are there */
	bool uploading;	  /* the route was told, and not of the end */
	bool taken;	  /* taken back; libmicrohttpd is about to let go */
	bool keep;	  /* the connection lives on after the response */
	bool readable;	  /* bytes came that nobody has read */
	bool peer_closed; /* the peer sends no more */
	bool suspended;	  /* held by libmicrohttpd */
	bool bad_target;  /* the request's target holds an encoded NUL */
	bool long_target; /* it is longer than we serve */
	bool unseen;	  /* libmicrohttpd may find it malformed */
	bool given_up;	  /* we shut the socket down */
	bool hurried;	  /* idle, and its owner is gone */
};

struct http {
	struct loop *loop;
	struct http_options options;
	struct reader readers[READER_COUNT];
	struct loop_fd listener;
	struct loop_hook run_hook, resume_hook;
	struct timer rearm; /* of a listener that was out of descriptors */
	struct list requests;
	struct list due;
	struct list lingering;
	struct http_route **routes;
	size_t route_count;
	struct http_request *lending; /* being given to libmicrohttpd */
	uint64_t open;		      /* connections that are ours */
	uint64_t adopted; /* sockets handed over and not closed yet */
	unsigned lent;	  /* since libmicrohttpd ran */
	unsigned linger_count;
	unsigned handled; /* handlers called, ever; it may wrap */
	struct log_limit starved;
	struct http_date date;
	int reserve; /* descriptor kept for the day there is no other */
	bool draining;
	bool stopping;
};

/* reader.c */
MUST_USE enum err reader_start_all(struct http *h);
void reader_stop_all(struct http *h);
/* Runs those that are ready; returns whether there is more to do at once. */
bool reader_run_all(struct http *h);
bool reader_any_ready(const struct http *h);
/* The one for the request with that head. */
struct reader *reader_choose(struct http *h, const struct http1_look *look);

/* http.c */
/* One of our descriptors goes, one of the reserve comes back. */
void reserve_release(struct http *h);
void reserve_restore(struct http *h);

/* date.c */
/* Return `d` with the line of that second, which is only written when new. */
const struct http_date *date_at(struct http_date *d, time_t second);
const struct http_date *date_now(struct http_date *d);

/* accept.c */
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

/*
 * Handles a plain request, with its whole body. Afterwards the connection is
 * to be ended if its phase is PHASE_DEAD or PHASE_LEAVING.
 */
void request_serve(struct http_request *r, const struct plain_request *q,
		   struct slice body);

/* Whether the client wants its connection kept; asked before it is taken. */
bool request_persists(const struct http_request *r);

/* request_values.c */
/* Calls `each` for every value, until it returns MHD_NO. */
void request_each(const struct http_request *r, enum MHD_ValueKind kind,
		  MHD_KeyValueIteratorN each, void *arg);
/*
 * Whether every Origin of the request is one of ours; a request without one
 * does not come from a web page, or from one of the same origin.
 */
bool request_origin_allowed(const struct http_request *r);

/* peer.c: connections */
void peer_open(struct http *h, int fd); /* takes fd */
void peer_notify(void *cls, struct MHD_Connection *mhd, void **context,
		 enum MHD_ConnectionNotificationCode what);
/*
 * Tries to take the request's connection back; the handler must then fail.
 * False: libmicrohttpd has to answer.
 */
bool peer_take(struct http_request *r);
void peer_send(struct http_request *r, struct wire *w); /* takes w */
/* The client of a held request left: tells its handler. */
void peer_gone(struct http_request *r);
/* To be resumed or lent in the end-of-tick hook. */
void peer_later(struct http_request *r);
void peer_resume(struct http_request *r); /* the hook's part of it */
/* In the middle of a request or of its answer; a held one is not. */
bool peer_is_busy(const struct http_request *r);
/* Tells whoever is in the middle of a request that there will be no answer. */
void peer_dismiss(struct http_request *r);
void peer_end(struct http_request *r); /* closes and frees it */
/* MUST be called before anybody else reads from or closes the socket. */
void peer_take_spent(struct http_request *r);

/* deadline.c */
void peer_enter(struct http_request *r, enum request_phase phase);
timer_fn peer_timeout;
/* An idle connection whose owner is gone: it gets less time, from now on. */
void peer_hurry(struct http_request *r);

/* raw.c: answers behind libmicrohttpd's back */
/* Sends a whole JSON error that closes; best effort, never blocks. */
void raw_error(int fd, unsigned status, const char *text);
/* Reads what came already: closing would reset the connection otherwise. */
void raw_discard(int fd);
/*
 * Takes fd. Tells the peer that nothing follows, and reads on for a moment, so
 * that what it still sends does not reset the connection and lose the answer.
 */
void raw_linger(struct http *h, int fd);
void raw_linger_end_all(struct http *h);

/* response.c */
enum persistence { PERSIST_DEFAULT, PERSIST_SAID, PERSIST_CLOSE };
unsigned response_status(const struct http_response *p);
/* As libmicrohttpd sends it; returns owned. */
struct MHD_Response *response_mhd(struct http_response *p, const char *origin,
				  bool closes);
/* What the head says of one answer beside the response itself. */
struct answer_head {
	const char *origin; /* for CORS; NULL: the request has none */
	const struct http_date *date;
	enum persistence persist;
	bool head_only;
};

/* As we send it; returns a reference. */
struct wire *response_wire(struct http_response *p,
			   const struct answer_head *a);
struct slice wire_bytes(const struct wire *w);
void wire_unref(struct wire *w);

/* answer.c */
const char *status_text(unsigned status); /* what our early errors say */
/* Answers a CORS preflight or a plain OPTIONS with what `allow` has. */
void answer_options(struct http_request *r, unsigned allow);

/* adopt.c */
/* Tells a handler whose adoption will not happen. */
void adopt_fail(struct http_request *r);

#endif
