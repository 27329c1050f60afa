/* SPDX-License-Identifier: MIT */
/* Process CPU beside the same with softirq given to the receivers. */
#include <stdio.h>
#include <string.h>

#include "bench/report/cells.h"
#include "bench/report/format.h"
#include "bench/report/section.h"
#include "servers/base/check.h"

/* "4.70 [4.50, 4.92]", in µs. */
static void cell_us(struct table *t, struct view_figure f, bool unranked)
{
	struct format a = {0}, b = {0}, c = {0};
	char text[160];

	if (!f.present) {
		table_cell(t, "-");
		return;
	}
	(void)snprintf(text, sizeof(text),
		       unranked ? "(%s [%s, %s])" : "%s [%s, %s]",
		       format_us(&a, f.value), format_us(&b, f.low),
		       format_us(&c, f.high));
	table_cell(t, text);
}

static void row(struct table *t, const struct cJSON *m)
{
	bool invalid = view_invalid(m);

	table_cell(t, view_text(m, "target"));
	cells_us(t, view_number(m, "sides.target.server_cpu_ns"), invalid);
	cell_us(t, view_figure(m, "softirq.sides.target.server_cpu_ns"),
		invalid);
	cells_ratio(t, view_figure(m, "ratios.server_cpu"), invalid);
	cells_ratio(t, view_figure(m, "softirq.ratio"), invalid);
}

void section_softirq(const struct section *s, FILE *out, enum table_output how)
{
	bool bare = strcmp(view_text(s->rows[0], "baseline"), "bare") == 0;
	const char *const heads[] = {
		"process CPU, loopback",
		"softirq re-attributed",
		bare ? "/ bare [95 %]" : "ratio [95 %]",
		"re-attributed [95 %]",
	};
	bool any = false;
	struct table t;

	table_init(&t);
	table_column(&t, "CPU µs", TABLE_LEFT);
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		table_column(&t, heads[i], i == 0 ? TABLE_RIGHT : TABLE_LEFT);
	for (size_t i = 0; i < s->count; i++) {
		if (!view_get(s->rows[i], "softirq.sides"))
			continue;
		any = true;
		row(&t, s->rows[i]);
	}
	if (any) {
		(void)fputc('\n', out);
		table_print(&t, out, how);
	}
	table_release(&t);
}
