/* SPDX-License-Identifier: MIT */
/*
 * The HTTP front: accepts connections, reads requests, all but plain ones
 * with libmicrohttpd, routes them, bounds them in size and time, and either
 * answers, holds them (long polling), or hands the socket over for good
 * (WebSocket, SSE). No type of libmicrohttpd leaves this module.
 *
 * A route's handler is called once, when head and body are complete; errors
 * found before that (unknown path, wrong method, body too large, head too
 * slow) are answered here, after the request's body was discarded.
 *
 * End of tick: http_new() adds a hook that runs libmicrohttpd (the other
 * handlers are called from there); http_start() adds a second one that sends
 * the responses of held requests. Make the hub in between, so that what
 * handlers publish is flushed in the same tick, and what the flush answers
 * leaves in it too.
 */
#ifndef SERVERS_HTTP_HTTP_H
#define SERVERS_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/list.h"
#include "servers/base/loop.h"
#include "servers/base/slice.h"

struct http;
struct http_request;
struct http_response;

enum http_method {
	HTTP_GET = 1,
	HTTP_HEAD = 2,
	HTTP_POST = 4,
	HTTP_PUT = 8,
	HTTP_DELETE = 16,
	HTTP_OPTIONS = 32,
	HTTP_OTHER = 64,
	HTTP_ANY = 127,
};

struct http_options {
	const char *host;	  /* numeric address or name */
	int port;		  /* 0 picks a free one */
	uint64_t max_connections; /* adopted ones count; beyond: 503. 0: as
				   * many as there are descriptors, but 64 */
	/*
	 * What the kernel keeps of a connection's unread bytes (SO_SNDBUF),
	 * before it pushes back; Linux doubles it for its own use. 0: as the
	 * kernel likes, megabytes.
	 */
	uint64_t send_buffer;
	uint64_t head_timeout_ms; /* 10000: a head not whole by then: 408 */
	uint64_t body_timeout_ms; /* 30000 */
	uint64_t idle_timeout_ms; /* 75000: between requests: closed */
	uint64_t gone_timeout_ms; /* 1000: the same, the owner being gone */
	/*
	 * Where web pages that may talk to us come from, NULL-terminated;
	 * NULL: anywhere. Retained. Requests from another get 403.
	 */
	const char *const *origins;
};
extern const struct http_options http_defaults;

typedef void http_handler(struct http_request *r, void *arg);

/* What becomes of a body that a route was told of. */
enum http_upload {
	HTTP_UPLOAD_BEGINS,  /* the head is there */
	HTTP_UPLOAD_ENDS,    /* `handle` follows at once */
	HTTP_UPLOAD_REFUSED, /* it was too large: it gets 413 */
	HTTP_UPLOAD_LOST,    /* the client left, or took too long */
};
typedef void http_upload_fn(struct http_request *r, enum http_upload what,
			    void *arg);
/* Answers a request that its head refuses, in the route's words; or false. */
typedef bool http_refusal_fn(struct http_request *r, unsigned status,
			     void *arg);

struct http_route {
	const char *path;  /* "/publish"; with `prefix`: "/sse/" */
	bool prefix;	   /* matches every longer path, too */
	unsigned methods;  /* enum http_method, or-ed; others get 405 */
	uint64_t max_body; /* larger bodies get 413 */
	/* Its handler is asked while the server drains; others get 503. */
	bool while_draining;
	http_handler *handle;
	/*
	 * Told when a request that has a body begins, and exactly once of the
	 * body's end, unless the front is freed. It answers nothing. NULL:
	 * nobody wants to know.
	 */
	http_upload_fn *on_upload;
	/* NULL: refusals are {"error":"..."}. */
	http_refusal_fn *on_refusal;
	void *arg;
};

/* Life cycle */
/* Binds and listens. ERR_IO (already logged why: address in use, ...). */
MUST_USE enum err http_new(struct loop *loop, const struct http_options *o,
			   struct http **out);
void http_route(struct http *h, const struct http_route *r); /* copies *r */
MUST_USE enum err http_start(struct http *h); /* starts accepting */
/*
 * From now on requests get 503, but on routes that say otherwise, and every
 * answer closes its connection. Held requests remain. Connections are still
 * accepted, so that clients and balancers are told instead of reset.
 */
void http_drain(struct http *h);
/*
 * Closes what is left; requests that have begun or are held get 503. NULL is
 * legal.
 */
void http_free(struct http *h);

/* Queries */
int http_port(const struct http *h);
uint64_t http_connections(const struct http *h); /* adopted ones too */
/* Whether a request is being read or answered; a held one is not. */
bool http_busy(const struct http *h);
/* An adopted socket was closed: it no longer counts. */
void http_adopted_closed(struct http *h);

/*
 * Request: valid until answered, adopted, or gone. Slices are borrowed, and
 * those of a held request only until its handler returns.
 */
enum http_method http_request_method(const struct http_request *r);
struct slice http_request_path(const struct http_request *r); /* decoded */
/* Header by name (case-insensitive); false when absent. */
bool http_request_header(const struct http_request *r, const char *name,
			 struct slice *value);
/*
 * Whether any header of that name lists `token` among its comma-separated
 * values; both are case-insensitive.
 */
bool http_request_header_has(const struct http_request *r, const char *name,
			     const char *token);
/* Calls `each` for the value of every header of that name. */
void http_request_header_each(const struct http_request *r, const char *name,
			      void (*each)(void *arg, struct slice value),
			      void *arg);
/* First query parameter of that name, decoded; false when absent. */
bool http_request_query(const struct http_request *r, const char *name,
			struct slice *value);
/* Calls `each` for every value of a parameter that may repeat. */
void http_request_query_each(const struct http_request *r, const char *name,
			     void (*each)(void *arg, struct slice value),
			     void *arg);
struct slice http_request_body(const struct http_request *r);
unsigned http_request_minor(const struct http_request *r); /* HTTP/1.x */
struct slice http_request_address(const struct http_request *r);
struct http *http_request_front(const struct http_request *r);

/*
 * Appends the head of a GET request without a query as it came, but for
 * spaces around values. `out` is without a limit.
 */
void http_request_head(const struct http_request *r, struct buf *out);

/*
 * Appends the CORS header lines that answer this request's Origin, if it has
 * one, for handlers that write their own response head.
 */
void http_request_cors(const struct http_request *r, struct buf *head);
/* Appends the Date header line, for the same. */
void http_request_date(const struct http_request *r, struct buf *head);

struct http_header {
	const char *name, *value;
};

/* Answers: exactly one of the following per request. */
/* `type` may be NULL. JSON errors: http_respond_error(). */
void http_respond(struct http_request *r, unsigned status, const char *type,
		  struct slice body);
/* {"error":"<text>"} with the status; the connection closes after it. */
void http_respond_error(struct http_request *r, unsigned status,
			const char *text);
/* The same with headers, as `Allow`. */
void http_respond_refusal(struct http_request *r, unsigned status,
			  const char *text, const struct http_header *headers,
			  size_t count);
/*
 * A response of one's own, which may answer many requests. Returns owned;
 * every http_respond_with() takes a reference of its own.
 */
struct http_response *http_response_new(unsigned status, const char *type,
					struct slice body); /* copies */
void http_response_header(struct http_response *p, const char *name,
			  const char *value);
/*
 * For the answer to HEAD where that to GET has no length, since its body lasts
 * until the connection closes: answer with http_respond_close(). It has no
 * body itself.
 */
void http_response_endless(struct http_response *p);
void http_response_unref(struct http_response *p);
void http_respond_with(struct http_request *r, struct http_response *p);
/* As above, and the connection closes after it. */
void http_respond_close(struct http_request *r, struct http_response *p);

/*
 * Holds the request open: it is answered later with http_respond*(). When the
 * client leaves first, `on_gone` is called once and the request is dead, which
 * may happen as soon as the handler has returned. http_free() does not call it.
 */
void http_request_hold(struct http_request *r,
		       void (*on_gone)(struct http_request *r, void *arg),
		       void *arg);

/*
 * The connections that somebody's requests came on, each as long as it lives
 * and nobody else's request came on it.
 */
struct http_owner {
	struct list connections;
};

void http_owner_init(struct http_owner *o);
void http_owner_release(struct http_owner *o); /* they live on */
/* The request's connection is o's; o is released before its memory goes. */
void http_request_own(struct http_request *r, struct http_owner *o);
/*
 * For an owner that turned out to be gone: what an answer is being sent on is
 * closed behind it, and what is between two requests waits for the next one as
 * long as options.gone_timeout_ms says, and not longer. (Closed at once, it
 * might meet a request of a client that only forgot its session.) Not from a
 * request's handler.
 */
void http_owner_gone(struct http_owner *o);

/*
 * Hands the socket over. For `upgrade`, of a request that asks for one,
 * libmicrohttpd sends 101 with the given headers, and `adopted` is called from
 * a later step of the same tick; otherwise nothing is sent and `adopted` runs
 * before this returns. It gets the descriptor (its own to close;
 * http_adopted_closed() afterwards) and the bytes that the client sent ahead
 * (borrowed). fd is -1 when the client is gone or no descriptor was free (the
 * connection is closed then).
 */
void http_adopt(struct http_request *r, bool upgrade,
		const struct http_header *headers, size_t count,
		void (*adopted)(void *arg, int fd, struct slice ahead),
		void *arg);

#endif
