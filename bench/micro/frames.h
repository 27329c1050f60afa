/* SPDX-License-Identifier: MIT */
/*
 * What a client would send: masked frames of one kind and size, made before
 * anything is timed, and handed out of memory in reads as a socket gives them.
 */
#ifndef BENCH_MICRO_FRAMES_H
#define BENCH_MICRO_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/base/buf.h"
#include "servers/base/slice.h"

#define FRAMES_READ 16384 /* READ_BYTES of servers/http/websocket.c */

enum frames_kind {
	FRAMES_TEXT,   /* ASCII, as most JSON is */
	FRAMES_UTF8,   /* text whose characters have one to four bytes */
	FRAMES_BINARY, /* every byte value */
	FRAMES_KINDS
};

enum frames_reads {
	FRAMES_STREAM, /* frames lie one behind the other; reads cut them */
	FRAMES_ALONE,  /* each frame arrives by itself */
	FRAMES_READS
};

struct frames {
	struct buf bytes;
	enum frames_reads reads;
	size_t frame; /* bytes of one */
	size_t size;  /* ... of its payload */
	uint64_t count;
};

/* A pass over the frames. */
struct frames_cursor {
	const struct frames *frames;
	size_t at;
};

/* Life cycle */
/* About `total` bytes of frames, one at least. */
void frames_init(struct frames *f, enum frames_kind kind, size_t size,
		 enum frames_reads reads, size_t total);
void frames_release(struct frames *f);

/* Operations */
/* What the next read gives, at most FRAMES_READ bytes; empty at the end. */
struct slice frames_next(struct frames_cursor *c);
/* `n` bytes of payload of that kind, ending on a character. */
void frames_fill(enum frames_kind kind, char *into, size_t n);

/* Queries */
const char *frames_kind_name(enum frames_kind kind);
const char *frames_reads_name(enum frames_reads reads);

#endif
