/* SPDX-License-Identifier: MIT */
#include "bench/micro/row.h"

bool row_init(struct row *r, size_t number)
{
	const size_t compared = row_receive_count();

	*r = (struct row){.number = number, .compares = number < compared};
	if (r->compares) {
		row_receive_init(r);
		return true;
	}
	r->number -= compared;
	if (r->number >= row_solo_count())
		return false;
	row_solo_init(r);
	return true;
}

void row_prepare(struct row *r)
{
	if (r->compares)
		row_receive_prepare(r);
	else
		row_solo_prepare(r);
}

void row_release(struct row *r)
{
	for (int side = 0; side < ROW_SIDES; side++) {
		struct row_work *w = &r->work[side];

		if (w->state)
			w->release(w->state);
		w->state = NULL;
	}
}

__attribute__((noinline)) void row_counted(const struct row_work *w)
{
	w->pass(w->state);
}
