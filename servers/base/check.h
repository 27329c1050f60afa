/* SPDX-License-Identifier: MIT */
/*
 * CHECK() for bugs, and allocation that cannot fail.
 *
 * CHECK(cond) is compiled into every build: a false condition is a bug in
 * Pushmark, prints where, and aborts. Input from a peer never trips one.
 * The x-allocators abort when memory is exhausted; they are for sizes that
 * our own code fixes. Sizes that a peer controls go through `struct buf`.
 */
#ifndef SERVERS_BASE_CHECK_H
#define SERVERS_BASE_CHECK_H

#include <stddef.h>

#define CHECK(cond) ((cond) ? (void)0 : check_failed(#cond, __FILE__, __LINE__))

_Noreturn void check_failed(const char *cond, const char *file, int line);

/* Each returns owned memory, to be given to free(); never NULL. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
char *xmemdupz(const void *bytes, size_t size); /* adds a final NUL */

/* The struct of type `type` whose member `member` is at `ptr`. */
#define container_of(ptr, type, member)                                        \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
