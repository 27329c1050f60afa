/* SPDX-License-Identifier: MIT */
/*
 * One line of the table: a piece of work that needs no socket, and for some
 * another implementation of the same work to compare it with.
 */
#ifndef BENCH_MICRO_ROW_H
#define BENCH_MICRO_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROW_BOUND 1.15 /* of receiving, against wslay's event loop */

enum { ROW_BASELINE, ROW_OURS, ROW_SIDES };

struct row_work {
	const char *name;
	void (*pass)(void *state); /* does it `units` times */
	void (*release)(void *state);
	void *state;
	uint64_t units;
};

struct row {
	char name[48];
	bool compares;
	size_t number; /* among those that compare, or the others */
	size_t size;   /* bytes of one unit */
	struct row_work work[ROW_SIDES]; /* the baseline's pass may be NULL */
};

/* Life cycle */
/* Its name only; false when there is no row of that number. */
bool row_init(struct row *r, size_t number);
/* Makes the work; the receivers' deliveries have been compared then. */
void row_prepare(struct row *r);
void row_release(struct row *r);

/* Operations */
/* The one function that callgrind counts; see count.h. */
void row_counted(const struct row_work *w);

/* For row.c: the rows that compare, and those that do not. */
size_t row_receive_count(void);
void row_receive_init(struct row *r);
void row_receive_prepare(struct row *r);
size_t row_solo_count(void);
void row_solo_init(struct row *r);
void row_solo_prepare(struct row *r);

#endif
