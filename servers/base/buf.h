/* SPDX-License-Identifier: MIT */
/*
 * A growable byte buffer with a mandatory limit: the one home of memory whose
 * size a peer can choose. Growing beyond the limit answers ERR_LIMIT,
 * or ERR_NOMEM when there is no memory, and leaves the buffer as it was.
 *
 * Example:
 *	struct buf b;
 *	buf_init(&b, 4096);
 *	if (buf_printf(&b, "hello %d", 7) == ERR_OK)
 *		use(b.data, b.len);
 *	buf_release(&b);
 */
#ifndef SERVERS_BASE_BUF_H
#define SERVERS_BASE_BUF_H

#include "servers/base/err.h"
#include "servers/base/slice.h"

struct buf {
	char *data; /* NULL while nothing was ever added */
	size_t len;
	size_t cap;
	size_t limit; /* `len` never exceeds it */
};

/* A limit for output whose size our own code bounds. */
#define BUF_UNLIMITED ((size_t)1 << 40)

/* Life cycle */
void buf_init(struct buf *b, size_t limit);
void buf_release(struct buf *b); /* frees the bytes; legal to use again */

/* Operations. All adders: ERR_LIMIT or ERR_NOMEM (unchanged), or ERR_OK. */
MUST_USE enum err buf_add(struct buf *b, const void *bytes, size_t n);
MUST_USE enum err buf_add_slice(struct buf *b, struct slice s);
MUST_USE enum err buf_add_str(struct buf *b, const char *text);
MUST_USE enum err buf_add_char(struct buf *b, char c);
MUST_USE enum err buf_add_u64(struct buf *b, unsigned long long value);
MUST_USE enum err buf_printf(struct buf *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Makes room for `n` more bytes at data + len; the caller then adds to len. */
MUST_USE enum err buf_reserve(struct buf *b, size_t n);
void buf_clear(struct buf *b);		   /* empties, keeps the memory */
void buf_consume(struct buf *b, size_t n); /* drops the first n bytes */
/* Takes the bytes away (returns owned, NUL-terminated); b is empty after. */
char *buf_detach(struct buf *b, size_t *len);

/* Queries */
static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){b->data, b->len};
}

#endif
