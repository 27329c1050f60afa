/* SPDX-License-Identifier: MIT */
/*
 * Which messages a worker received at what times, in order, as bytes: what it
 * takes to tell the first, the median and the last receipt of a message over
 * several workers. The receipts of one message at one reading of the clock are
 * one entry of three variable-length numbers, mostly five bytes: steps from the
 * entry before in message and time, and how many.
 *
 * Writer and reader may be processes that share the memory; the reader takes
 * nothing in it for granted.
 */
#ifndef BENCH_LOAD_TRAIL_H
#define BENCH_LOAD_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trail_entry {
	uint32_t number;
	uint32_t count;
	uint64_t at_ns;
};

struct trail {
	uint8_t *bytes; /* borrowed */
	size_t capacity, length;
	struct trail_entry now;	 /* gathered; .count 0: nothing */
	struct trail_entry last; /* written */
};

struct trail_reader {
	const uint8_t *at, *end; /* borrowed */
	struct trail_entry entry;
	bool broken; /* what is there is no trail */
};

/* Life cycle */
/* `bytes` may be NULL with no capacity: then nothing can be added. */
void trail_init(struct trail *t, uint8_t *bytes, size_t capacity);

/* Operations */
/* One receipt; `at_ns` never decreases. False: there is no room for it. */
bool trail_add(struct trail *t, uint32_t number, uint64_t at_ns);
/* Writes what is gathered; then t->length bytes are whole. False: no room. */
bool trail_settle(struct trail *t);

void trail_read(struct trail_reader *r, const uint8_t *bytes, size_t length);
/* The next one into r->entry. False at the end, and when it is broken. */
bool trail_next(struct trail_reader *r);

#endif
