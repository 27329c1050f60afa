/* SPDX-License-Identifier: MIT */
/*
 * Strict JSON (RFC 8259) without a tree: validate a text, walk the members of
 * one object or the elements of one array, and pass values on as the slices
 * they came in, digits, key order and escapes untouched. cJSON stays for our
 * own documents; what peers send goes through here.
 *
 * Nesting is bounded (JSON_MAX_DEPTH), nothing recurses without that bound,
 * nothing is allocated but unescaped strings. A lone surrogate escape is
 * accepted, as JavaScript does; bytes that are not UTF-8 are refused.
 *
 * Example:
 *	struct json_iter it;
 *	struct slice key, value;
 *	if (json_validate(text) && json_object(text, &it))
 *		while (json_next_member(&it, &key, &value))
 *			...
 */
#ifndef SERVERS_WIRE_JSON_H
#define SERVERS_WIRE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/err.h"
#include "servers/base/slice.h"

#define JSON_MAX_DEPTH 512

enum json_type {
	JSON_NONE, /* not a JSON value */
	JSON_NULL,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_iter {
	const char *p, *end;
};

/* A validating walk over one object; see json_scan_object(). */
struct json_scan {
	const char *p, *end;
	bool started; /* a member is behind us */
	bool escaped; /* some string behind us, keys too, holds an escape */
};

enum json_step {
	JSON_STEP_MEMBER, /* one more member */
	JSON_STEP_END,	  /* the text was one valid object, and ends here */
	JSON_STEP_BAD,	  /* the text is not valid JSON */
};

/* Whether `text` is exactly one JSON value with optional white space around. */
bool json_validate(struct slice text);
/*
 * As json_validate(), and on failure tells the offset of the first wrong byte
 * and a static description of what was expected there.
 */
bool json_validate_at(struct slice text, size_t *offset, const char **expected);
/*
 * Length of the one JSON value that starts at text.p (no white space before),
 * or 0 when it is not valid. For values followed by something else.
 */
size_t json_value_length(struct slice text);

/*
 * Validates and walks in one pass, for objects that come straight from a peer:
 * what json_scan_member() hands out is valid, what follows it is unknown until
 * JSON_STEP_END. False when the text does not start as an object (it may be
 * another valid value).
 */
bool json_scan_object(struct slice text, struct json_scan *it);
enum json_step json_scan_member(struct json_scan *it, struct slice *key,
				struct slice *value);

/* All below take validated text. */
enum json_type json_type(struct slice value);
struct slice json_trim(struct slice text); /* without outer white space */
/* Start walking; false when `value` is not an object / array. */
bool json_object(struct slice value, struct json_iter *it);
bool json_array(struct slice value, struct json_iter *it);
/*
 * Next member: `key` is the raw text between its quotes (still escaped),
 * `value` the raw value without outer white space. False at the end.
 */
bool json_next_member(struct json_iter *it, struct slice *key,
		      struct slice *value);
bool json_next_element(struct json_iter *it, struct slice *value);
/*
 * Whether the raw key or string content (without quotes, still escaped) says
 * `text` (plain ASCII, no escapes in it).
 */
bool json_key_is(struct slice raw, const char *text);
/*
 * Value of a member by name in one object; the last one wins, as in
 * JavaScript. False when absent or not an object.
 */
bool json_member(struct slice object, const char *name, struct slice *value);

/*
 * Unescapes a string value (with its quotes) into `out` (appends). Lone
 * surrogates become U+FFFD. ERR_PROTO when it is not a string, ERR_LIMIT.
 */
MUST_USE enum err json_unescape(struct slice value, struct buf *out);
/*
 * The content of a string value: a slice into it when it holds no escape,
 * otherwise unescaped into `scratch` (cleared first). Same errors.
 */
MUST_USE enum err json_string(struct slice value, struct buf *scratch,
			      struct slice *out);
/* An integer 0 .. 2^53-1 written without fraction or exponent; else false. */
bool json_u64(struct slice value, uint64_t *out);

/* Appends `text` (any bytes; not UTF-8 becomes U+FFFD) as a quoted string. */
MUST_USE enum err json_add_string(struct buf *b, struct slice text);

#endif
