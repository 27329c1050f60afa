/* SPDX-License-Identifier: MIT */
/*
 * Lines of JSON over a stream socket, for both ends of the worker's control
 * channel: whole documents go out, whole documents come in.
 */
#ifndef BENCH_LOAD_LINES_H
#define BENCH_LOAD_LINES_H

#include "servers/base/buf.h"
#include "servers/base/err.h"

struct cJSON;

struct lines {
	int fd;	       /* borrowed */
	struct buf in; /* received, not yet taken */
	size_t looked; /* bytes of it known to hold no line end */
};

/* Life cycle */
void lines_init(struct lines *l, int fd, size_t line_max);
void lines_release(struct lines *l);

/* Operations */
/* Writes all of it, waiting for the socket if it must; takes `json`. */
MUST_USE enum err lines_send(struct lines *l, struct cJSON *json);
/*
 * Reads what is there without waiting. ERR_OK also when that is nothing;
 * ERR_CLOSED at the end of the stream, ERR_LIMIT for too long a line.
 */
MUST_USE enum err lines_read(struct lines *l);
/*
 * The next whole line, parsed; returns owned, to be given to cJSON_Delete().
 * ERR_AGAIN: none yet. ERR_PROTO: not JSON.
 */
MUST_USE enum err lines_next(struct lines *l, struct cJSON **out);

#endif
