/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C and SIGTERM, as something to look at between steps: the first ends
 * the suite and keeps what is finished, the second ends the program at once
 * (its servers and worker die with it).
 */
#ifndef BENCH_RUN_INTERRUPT_H
#define BENCH_RUN_INTERRUPT_H

#include <stdbool.h>

#define INTERRUPT_EXIT 130

struct interrupt {
	int fd; /* -1: signals act as usual */
	bool requested;
};

/* Life cycle */
void interrupt_init(struct interrupt *i); /* blocks the two signals */
void interrupt_release(struct interrupt *i);

/* Operations */
/* Looks now. Does not return when it is the second one. */
bool interrupt_requested(struct interrupt *i);

#endif
