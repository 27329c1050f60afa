/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 (RFC 9112) for our clients. For the server's side see
 * http1_request.h.
 */
#ifndef SERVERS_WIRE_HTTP1_H
#define SERVERS_WIRE_HTTP1_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"

#define HTTP1_HEAD_MAX 16384
/* Bytes of one chunk's size line (extensions), and of all trailers. */
#define HTTP1_CHUNK_LINE_MAX 4096
#define HTTP1_TRAILERS_MAX 16384

/*
 * Incremental response parser: status line, headers, then a body by
 * Content-Length, chunked, or until close. Several responses may follow one
 * another on one connection (pipelining). A head that lies whole in the fed
 * bytes is parsed where it lies; only one that is cut is copied.
 *
 * It is strict: lines end in CRLF, folded headers, conflicting or listed
 * lengths, a length beside Transfer-Encoding and transfer codings other than
 * chunked are refused. Answers 1xx are skipped, but for 101. What a 204, a 304
 * or the answer to HEAD says about its body is not believed: there is none.
 */
struct http1_response {
	unsigned status;
	unsigned minor;	      /* HTTP/1.x */
	struct slice headers; /* raw header lines, for http1_header() */
	bool keep_alive;
	bool upgrade;	  /* 101: the bytes after the head are not HTTP */
	bool until_close; /* the body ends with the connection */
};

struct http1_handler {
	/*
	 * `r` and its slices are borrowed for the call. No callback may feed
	 * or release the parser.
	 */
	void (*on_head)(void *arg, const struct http1_response *r);
	void (*on_body)(void *arg, struct slice bytes); /* decoded pieces */
	void (*on_end)(void *arg);			/* not after a 101 */
};

struct http1_parser {
	int state;
	struct buf head;    /* the start of a head that was cut */
	uint64_t remaining; /* bytes of the body or chunk */
	uint32_t line;	    /* bytes of the chunk's line or of the trailers */
	struct http1_response response;
	bool chunked;
	bool has_length;
	bool head_request; /* set before feeding: the response has no body */
};

/* Life cycle */
void http1_parser_init(struct http1_parser *p);
void http1_parser_release(struct http1_parser *p);

/* Operations */
/*
 * Feeds bytes. Stops after each response's end, and after a 101 head (from
 * then on it consumes nothing): *consumed tells how many bytes were used; call
 * again with the rest. ERR_PROTO (malformed), ERR_LIMIT (head or trailers too
 * long); every later feed then fails with ERR_PROTO.
 */
MUST_USE enum err http1_parser_feed(struct http1_parser *p, struct slice bytes,
				    const struct http1_handler *h, void *arg,
				    size_t *consumed);
/*
 * The connection ended: ERR_OK between responses, after a 101, or for an
 * until-close body (calls on_end); ERR_CLOSED when a response is cut off.
 */
MUST_USE enum err http1_parser_eof(struct http1_parser *p,
				   const struct http1_handler *h, void *arg);

/* Queries */
/* First header of that name (case-insensitive), trimmed; false when absent. */
bool http1_header(struct slice headers, const char *name, struct slice *value);
/* Whether the comma-separated `value` lists `token` (case-insensitive). */
bool http1_has_token(struct slice value, const char *token);

/* Whether it is a token (RFC 9110 section 5.6.2), which is never empty. */
bool http1_is_token(struct slice text);
/*
 * Whether `origin` is one of the NULL-terminated list. Scheme and host have no
 * case (RFC 6454 section 4).
 */
bool http1_origin_listed(const char *const *origins, struct slice origin);

/* URLs */
/* Appends `text` percent-encoded for a query component. */
MUST_USE enum err http1_add_query(struct buf *b, struct slice text);

/*
 * scheme://host[:port][/path][?query][#fragment] of ws, wss, http or https; a
 * missing port follows the scheme. User information is refused, and so are
 * white space, control characters and bytes beyond ASCII, which must not get
 * into a request line.
 */
struct http1_url {
	struct slice scheme; /* static, lower case */
	struct slice host;   /* borrowed; IPv6 without its brackets */
	struct slice path;   /* borrowed; "/" when absent */
	struct slice query;  /* borrowed, without `?`; empty when absent */
	int port;
	bool tls;  /* https and wss */
	bool ipv6; /* write `host` in brackets again in a Host header */
};
/* ERR_USAGE when it is not such a URL. */
MUST_USE enum err http1_url_parse(struct slice url, struct http1_url *out);

#endif
