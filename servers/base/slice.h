/* SPDX-License-Identifier: MIT */
/*
 * A borrowed run of bytes: pointer and length, no NUL needed, never owned.
 * How long the bytes live is said by whoever hands the slice out.
 */
#ifndef SERVERS_BASE_SLICE_H
#define SERVERS_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *p; /* may be NULL only when n is 0 */
	size_t n;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* For printf: printf("%.*s", SLICE_ARG(s)). */
#define SLICE_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){p, n};
}

static inline struct slice slice_str(const char *text)
{
	return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
	return slice_eq(a, slice_str(text));
}

/* The bytes after the first `n`; `n` beyond the end gives an empty slice. */
static inline struct slice slice_after(struct slice s, size_t n)
{
	return n >= s.n ? (struct slice){s.p, 0}
			: (struct slice){s.p + n, s.n - n};
}

#endif
