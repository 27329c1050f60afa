/* SPDX-License-Identifier: MIT */
/*
 * The decisions of the opening handshake (RFC 6455 section 4) in both roles,
 * without any I/O: the server's about a request's headers, the client's about
 * the answer. Whoever owns the connection sends what is decided here.
 *
 * Example, of a server:
 *	ws_handshake_decide(&offer, &policy, &verdict);
 *	if (verdict.status != 101)
 *		refuse(verdict.status, verdict.why);
 */
#ifndef SERVERS_WIRE_WS_HANDSHAKE_H
#define SERVERS_WIRE_WS_HANDSHAKE_H

#include "servers/wire/deflate.h"
#include "servers/wire/websocket.h"

#define WS_VERSION "13"
/* Bytes of a list of extensions; a longer one is declined. */
#define WS_EXTENSIONS_MAX 4096
/* Bytes of a subprotocol's name; a longer one is not chosen. */
#define WS_SUBPROTOCOL_MAX 127

/*
 * What the request says. Several headers of one name are one list, joined by
 * commas, which is an error by itself where there may be one value only. An
 * absent header is empty.
 */
struct ws_offer {
	bool get;	/* the method is GET */
	unsigned minor; /* HTTP/1.x */
	struct slice upgrade, connection;
	struct slice key, version, protocols, extensions;
};

/* What the server has. */
struct ws_policy {
	const char *subprotocol; /* NULL: whichever is offered first */
	bool deflate;		 /* permessage-deflate may be agreed on */
};

struct ws_verdict {
	unsigned status; /* 101, 400, or 426: say WS_VERSION, too */
	const char *why; /* a sentence; NULL with 101 */
	char subprotocol[WS_SUBPROTOCOL_MAX + 1]; /* to be answered, or "" */
	struct deflate_terms deflate;
	char accept[WS_ACCEPT_CHARS + 1];
	char extensions[DEFLATE_TEXT_MAX]; /* to be answered; "" for none */
};

void ws_handshake_decide(const struct ws_offer *o, const struct ws_policy *p,
			 struct ws_verdict *out);

/* What the answer says; lists and absent headers as above. */
struct ws_answer {
	unsigned status;
	struct slice upgrade, connection;
	struct slice accept, protocol, extensions;
};

/* What the client asked for. */
struct ws_wish {
	const char *key;		     /* as sent */
	const char *subprotocol;	     /* NULL: none */
	const struct deflate_offer *deflate; /* NULL: none */
};

/*
 * Whether the connection is open (section 4.1): nothing may be agreed on that
 * was not asked for. NULL when it is, or a sentence that says what is wrong;
 * *terms are off in that case, and when the server declined compression.
 */
const char *ws_answer_fault(const struct ws_answer *a, const struct ws_wish *w,
			    struct deflate_terms *terms);

#endif
