/* SPDX-License-Identifier: MIT */
/*
 * The load worker's own side: reads commands, one line of JSON each, answers
 * with one line each, and in between keeps its connections alive.
 *
 *	{"command":"connect","target":{...}}	 {"connected":{...}}
 *	{"command":"run","plan":{...}}		 {"result":{...}}
 *	{"command":"disconnect","group":0}	 {"disconnected":0}
 *	{"command":"cut"}			 none; ends what is under way
 *	{"command":"exit"}			 none; as the end of the stream
 */
#ifndef BENCH_LOAD_WORKER_SERVE_H
#define BENCH_LOAD_WORKER_SERVE_H

#include <stddef.h>
#include <stdint.h>

#include "servers/base/err.h"

struct board;

#define WORKER_LINE_MAX ((size_t)64 << 20)

/*
 * Serves commands from `fd`, a stream socket, until the end of it, as the one
 * who has that seat of the team's board, or alone (NULL). Borrows both.
 * ERR_PROTO for a line that is no command, ERR_IO.
 */
MUST_USE enum err worker_serve(int fd, struct board *board, uint32_t seat);

#endif
