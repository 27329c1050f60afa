/* SPDX-License-Identifier: MIT */
/*
 * The message every target carries: a JSON object of exactly the wished size,
 *
 *	{"r":"<slice>","n":"<number>","t":"<ns>","f":"<filler>"}
 *
 * with hexadecimal fields of fixed width at fixed positions, so that reading
 * it takes no JSON parser. `r` names the slice (a receipt of an earlier one
 * is a stray), `n` numbers the messages from 0, `t` is the intended send
 * time on CLOCK_MONOTONIC. The filler follows from the number.
 */
#ifndef BENCH_LOAD_PAYLOAD_H
#define BENCH_LOAD_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/base/slice.h"

#define PAYLOAD_MIN 69
#define PAYLOAD_DEFAULT 128
#define PAYLOAD_MAX ((size_t)64 << 20)

struct payload {
	uint64_t run;
	uint32_t number;
	uint64_t intended_ns;
};

/* Operations */
/* Writes exactly `size` bytes (PAYLOAD_MIN..PAYLOAD_MAX), without a NUL. */
void payload_write(char *into, size_t size, const struct payload *p);
/* False when `data` is not such an object (frame or field characters). */
bool payload_read(struct slice data, struct payload *out);

/* Queries */
/* Of number, size and filler only: equal on every backend and in every run. */
uint64_t payload_digest(struct slice data, uint32_t number);
/* Of every byte: tells a changed payload. */
uint64_t payload_hash(struct slice data);

#endif
