/* SPDX-License-Identifier: MIT */
/*
 * A strict look at the head of a request (RFC 9112). A plain one it takes
 * apart, and the server needs nobody else for it. Others are for libmicrohttpd
 * to read, after whatever it would refuse in words of its own was refused
 * here, so that two parties cannot read one request differently. Nothing is
 * copied or kept.
 *
 * Lines may end in LF alone (section 2.2). What is refused: a request line
 * that is not `method target HTTP/1.x`, a name that is no token or has a blank
 * behind it, a folded line, NUL and lone CR, no Host in HTTP/1.1 or more than
 * one, a length that is not one number, lengths that differ, and a transfer
 * coding other than `chunked`, beside a length or in HTTP/1.0.
 */
#ifndef SERVERS_WIRE_HTTP1_REQUEST_H
#define SERVERS_WIRE_HTTP1_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/slice.h"

#define HTTP1_TARGET_MAX ((size_t)16 * 1024)
#define HTTP1_REQUEST_MAX ((size_t)32 * 1024)
/* Lines, arguments, cookies: a parser keeps a record of each. */
#define HTTP1_PARTS_MAX 5000

struct http1_look {
	unsigned status; /* 0, or what is to be answered: 400, 413, 414... */
	const char *why; /* a sentence; NULL when status is 0 */
	size_t size;	 /* of the head; 0 while it is not whole */
	unsigned parts;	 /* seen so far; at least as many as there are */
};

/* The most that a plain request has of either. */
#define HTTP1_HEADERS_MAX 40
#define HTTP1_ARGUMENTS_MAX 24

struct http1_field {
	struct slice name, value;
};

/*
 * A head in its parts. Plain is what clients send day by day and all read
 * alike: HTTP/1.0 or 1.1, lines that end in CRLF and are not too many, a
 * target that is a path and perhaps a query, well percent-encoded and without
 * an encoded NUL, no blanks behind values, at most one Content-Length, and
 * nothing that asks for more than an answer (Expect, Transfer-Encoding,
 * Upgrade).
 */
struct http1_request {
	struct slice method, target;
	uint64_t length; /* of the body */
	bool has_length;
	bool plain;
	unsigned minor; /* HTTP/1.x */
	unsigned header_count;
	struct http1_field headers[HTTP1_HEADERS_MAX];
};

/* A plain request's target, decoded; all that is here ends in a NUL. */
struct http1_target {
	struct slice path;
	unsigned count;
	struct http1_field arguments[HTTP1_ARGUMENTS_MAX];
};

/*
 * Looks at all that has come of a head. What is wrong in its whole lines is
 * told before it is whole. Once it is whole and nothing is wrong, `out` has its
 * parts if it is plain, which lie in `bytes`.
 */
struct http1_look http1_request_look(struct slice bytes,
				     struct http1_request *out);
/*
 * Decodes the target of a plain request where it lies, which is in `bytes`,
 * and writes a NUL behind each part of it and of the request. False: it is not
 * plain after all, because of what was encoded or of too many arguments;
 * `bytes` are of no use then.
 */
bool http1_request_decode(char *bytes, const struct http1_request *q,
			  struct http1_target *out);

/*
 * The path of a target in absolute form, http or https, which a server must
 * understand (RFC 9112 section 3.2.2); any other target as it is.
 */
const char *http1_target_path(const char *target);

#endif
