/* SPDX-License-Identifier: MIT */
/*
 * What a group is sent while no slice listens to it, and in a slice what is of
 * an earlier one: in the order A B B A a second copy that comes late enough
 * would else be seen by nobody. The group remembers the names of its newest
 * slices and how many receipts each still lacked. What those lacked may come,
 * once; anything else of them is a duplicate, and of no known slice a stray. It
 * is handed to the ledger of the next slice.
 */
#ifndef BENCH_LOAD_LATE_H
#define BENCH_LOAD_LATE_H

#include <stddef.h>
#include <stdint.h>

#include "servers/base/slice.h"

#define LATE_SLICES 32 /* that are remembered */

struct ledger;

enum late_kind {
	LATE_MISSED, /* lost in its slice, and counted so there */
	LATE_DUPLICATE,
	LATE_STRAY,
};

/* All zero: no slice yet. */
struct late {
	struct {
		uint64_t run, missing;
	} slices[LATE_SLICES];
	size_t newest;
	uint64_t corrupt, duplicated, stray;
};

/* Operations */
/* A slice of that name is over, and so many receipts were not there. */
void late_ended(struct late *l, uint64_t run, uint64_t missing);
/* What a receipt of a message of slice `run`, which is over, is. */
enum late_kind late_receipt(struct late *l, uint64_t run);
/* A receipt with these bytes while no slice listens. */
void late_note(struct late *l, struct slice data);
/* Moves what was noted into the ledger of the slice that begins. */
void late_hand_over(struct late *l, struct ledger *into);

#endif
