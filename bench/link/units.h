/* SPDX-License-Identifier: MIT */
/*
 * The values of `pushmark link` as people write them: 100ms, 1mbit, 64k, 1%.
 *
 * Each function reads the whole text or answers ERR_USAGE and leaves *out as
 * it was; what lies beyond its limit is ERR_USAGE too.
 */
#ifndef BENCH_LINK_UNITS_H
#define BENCH_LINK_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "servers/base/err.h"

#define UNITS_HOST_MAX 256

struct endpoint {
	char host[UNITS_HOST_MAX];
	int port;
};

/* us, ms, s, m or h; "0" needs no unit. Up to a day, in nanoseconds. */
MUST_USE enum err units_duration(const char *text, uint64_t *out_ns);
/* bit, kbit, mbit or gbit (powers of 1000) a second; 1kbit to 100gbit. */
MUST_USE enum err units_rate(const char *text, uint64_t *out_bits);
/* Bytes, k or m (powers of 1024); up to 1 GiB. */
MUST_USE enum err units_size(const char *text, size_t *out_bytes);
/* 0% to 100%, as 0 to 1. */
MUST_USE enum err units_share(const char *text, double *out);
/* HOST:PORT, [ADDRESS]:PORT or :PORT, whose host is 127.0.0.1. */
MUST_USE enum err units_endpoint(const char *text, struct endpoint *out);

#endif
