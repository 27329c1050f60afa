/* SPDX-License-Identifier: MIT */
#include "bench/load/late.h"

#include "bench/load/ledger.h"
#include "bench/load/payload.h"

void late_ended(struct late *l, uint64_t run, uint64_t missing)
{
	l->newest = (l->newest + 1) % LATE_SLICES;
	l->slices[l->newest].run = run;
	l->slices[l->newest].missing = missing;
}

enum late_kind late_receipt(struct late *l, uint64_t run)
{
	for (size_t i = 0; i < LATE_SLICES && run != 0; i++) {
		if (l->slices[i].run != run)
			continue;
		if (l->slices[i].missing == 0)
			return LATE_DUPLICATE;
		l->slices[i].missing--;
		return LATE_MISSED;
	}
	return LATE_STRAY;
}

void late_note(struct late *l, struct slice data)
{
	struct payload p;

	if (!payload_read(data, &p)) {
		l->corrupt++;
		return;
	}
	switch (late_receipt(l, p.run)) {
	case LATE_MISSED:
		break;
	case LATE_DUPLICATE:
		l->duplicated++;
		break;
	case LATE_STRAY:
		l->stray++;
		break;
	}
}

void late_hand_over(struct late *l, struct ledger *into)
{
	into->totals.corrupt += l->corrupt;
	into->totals.duplicated += l->duplicated;
	into->totals.stray += l->stray;
	l->corrupt = l->duplicated = l->stray = 0;
}
