/* SPDX-License-Identifier: MIT */
/*
 * text/event-stream (WHATWG HTML section 9.2): writing events, and parsing a
 * stream cut anywhere.
 */
#ifndef SERVERS_WIRE_SSE_H
#define SERVERS_WIRE_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"

/* Writing. ERR_LIMIT leaves the buffer as it was. */
/*
 * Appends one event: `id:` (unless empty), `event:` (unless
 * empty), one `data:` line per line of data (CR, LF and CRLF all end a
 * line), an empty line. id and event hold no CR, LF or NUL: ERR_USAGE else.
 */
MUST_USE enum err sse_add_event(struct buf *b, struct slice id,
				struct slice event, struct slice data);
/* Appends a comment (a line for each line of `text`) and an empty line. */
MUST_USE enum err sse_add_comment(struct buf *b, struct slice text);
MUST_USE enum err sse_add_retry(struct buf *b, unsigned ms);

/*
 * Parsing. Text that is not UTF-8 arrives with U+FFFD in place of what is
 * wrong, as everywhere on the web.
 */
struct sse_event {
	struct slice type;	    /* "message" by default */
	struct slice data;	    /* may hold NUL */
	struct slice last_event_id; /* as it stood when dispatched */
};

/*
 * A text that is set while a chunk is parsed and may outlive it: `text` points
 * into the chunk until the end of the feed, then into `store`. An event that
 * lies in one chunk is thus never copied.
 */
struct sse_text {
	struct slice text;
	struct buf store;
};

struct sse_parser {
	struct buf line;	 /* the start of an incomplete line */
	struct sse_text data;	 /* the data buffer, lines joined by LF */
	struct sse_text type;	 /* the event type buffer */
	struct sse_text id;	 /* the last event ID string */
	struct sse_text id_next; /* the last event ID buffer, if has_id_next */
	struct buf decoded;	 /* a value with U+FFFD put in */
	size_t limit;
	uint64_t retry_ms; /* valid if has_retry */
	bool has_retry;
	bool has_data;
	bool has_id_next;
	bool started; /* the byte order mark is behind us */
	bool saw_cr;  /* an LF now belongs to the line that has just ended */
	bool failed;
	uint8_t bom; /* bytes of a possible byte order mark held back */
};

typedef void sse_event_fn(void *arg, const struct sse_event *e);

/* Life cycle */
/* `limit` bounds one line and one event's data, in bytes. */
void sse_parser_init(struct sse_parser *p, size_t limit);
void sse_parser_release(struct sse_parser *p);

/* Operations */
/*
 * Before the first feed: the last event id of the stream that this one
 * continues. ERR_LIMIT, ERR_NOMEM.
 */
MUST_USE enum err sse_parser_continue(struct sse_parser *p,
				      struct slice last_id);
/*
 * Feeds bytes of a stream cut anywhere and calls `on_event` for each event
 * completed; its slices are borrowed for the call, and it must neither feed
 * nor release the parser. ERR_LIMIT, then and at every later feed. The end of
 * the stream drops what is incomplete: start again with a new parser.
 */
MUST_USE enum err sse_parser_feed(struct sse_parser *p, struct slice bytes,
				  sse_event_fn *on_event, void *arg);

/* Queries */
/*
 * The last event id to send on reconnect; empty when none. Borrowed until the
 * next feed.
 */
struct slice sse_parser_last_id(const struct sse_parser *p);

#endif
