/* SPDX-License-Identifier: MIT */
#include "bench/run/pairs.h"

/* One pair at an even place runs A B, at an odd one B A. */
static enum err run_pair(struct cell *c, struct measurement *m, size_t place,
			 unsigned start, pairs_slice_fn *slice, bool *again)
{
	bool may_repeat = *again;
	struct rig_slice pair[SIDES];
	enum err e = ERR_OK;

	for (int i = 0; i < SIDES; i++)
		rig_slice_init(&pair[i]);
	for (int i = 0; i < SIDES && !e; i++) {
		int side = place % 2 ? 1 - i : i;

		e = slice(c, m, side, &pair[side]);
	}
	if (!e)
		*again = measurement_pair(m, pair, place, start, may_repeat);
	for (int i = 0; i < SIDES; i++)
		rig_slice_release(&pair[i]);
	return e;
}

enum err pairs_run(struct cell *c, struct measurement *m, unsigned start,
		   double pair_s, pairs_slice_fn *slice)
{
	size_t all = (size_t)m->values[PARAM_PAIRS];
	size_t starts = (size_t)m->values[PARAM_STARTS];
	size_t from = all * start / starts, to = all * (start + 1) / starts;
	enum err e = ERR_OK;

	for (size_t place = from; place < to && !e; place++) {
		/* A machine that is never quiet must not take for ever. */
		bool again = m->repeated * 4 < all;

		e = run_pair(c, m, place, start, slice, &again);
		if (!e && again) {
			again = false;
			e = run_pair(c, m, place, start, slice, &again);
		}
		progress_done(&c->suite->progress, pair_s);
		c->accounted += pair_s;
	}
	if (!e && m->invalid == all)
		m->complete = false;
	return e;
}
