/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C and SIGTERM, as something to look at between steps: the first ends
 * the suite and keeps what is finished; one that comes INTERRUPT_AGAIN_NS or
 * more later ends the program at once (its servers and worker die with it).
 * What comes sooner is the same request: timeout(1) sends its signal to the
 * program and then to its group, in which the program is, too.
 *
 * Between interrupt_init() and interrupt_release() no signal ends the program
 * unasked, so that results are written in between.
 */
#ifndef BENCH_RUN_INTERRUPT_H
#define BENCH_RUN_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

#define INTERRUPT_EXIT 130
#define INTERRUPT_AGAIN_NS 1000000000

struct interrupt {
	int fd; /* -1: signals act as usual */
	bool requested;
	uint64_t at_ns; /* when it was */
};

/* Life cycle */
void interrupt_init(struct interrupt *i); /* blocks the two signals */
/*
 * Drops what came and was not looked at; from now on each ends the program at
 * once, with INTERRUPT_EXIT.
 */
void interrupt_release(struct interrupt *i);

/* Operations */
/* Looks now; NULL is legal. Does not return when it is the second one. */
bool interrupt_requested(struct interrupt *i);

#endif
