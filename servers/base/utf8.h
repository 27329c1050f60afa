/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 validation (RFC 3629: no overlong forms, no surrogates, at most
 * U+10FFFF), whole or incrementally over pieces cut anywhere. The incremental
 * form fails at the first byte that cannot continue a valid text, as RFC 6455
 * section 8.1 wants it.
 */
#ifndef SERVERS_BASE_UTF8_H
#define SERVERS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct utf8 {
	uint8_t need;	      /* continuation bytes still to come */
	uint8_t lower, upper; /* bounds of the next one */
};

void utf8_init(struct utf8 *u);
bool utf8_feed(struct utf8 *u, const void *bytes, size_t n);
bool utf8_complete(const struct utf8 *u); /* no character is cut off */
bool utf8_valid(const void *bytes, size_t n);

#endif
