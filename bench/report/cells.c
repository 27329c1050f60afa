/* SPDX-License-Identifier: MIT */
#include "bench/report/cells.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/report/format.h"
#include "servers/base/check.h"

#define DASH "-"

static void cell(struct table *t, const char *text, bool unranked)
{
	char wrapped[80];

	if (!unranked) {
		table_cell(t, text);
		return;
	}
	(void)snprintf(wrapped, sizeof(wrapped), "(%.70s)", text);
	table_cell(t, wrapped);
}

void cells_latency(struct table *t, const struct cJSON *latency, bool unranked)
{
	static const struct {
		const char *path, *name;
	} tails[] = {{"percentiles.99", ""},
		     {"percentiles.95", "p95 "},
		     {"percentiles.90", "p90 "},
		     {"percentiles.75", "p75 "}};
	double p50 = view_number(latency, "percentiles.50");
	struct format f = {0};
	char text[64];

	if (isnan(p50))
		table_cell(t, DASH);
	else
		cell(t, format_time(&f, p50), unranked);
	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		double tail = view_number(latency, tails[i].path);

		if (isnan(tail))
			continue;
		(void)snprintf(text, sizeof(text), "%s%s", tails[i].name,
			       format_time(&f, tail));
		cell(t, text, unranked);
		return;
	}
	table_cell(t, DASH);
}

void cells_count(struct table *t, double n, bool unranked)
{
	struct format f = {0};

	if (isnan(n))
		table_cell(t, DASH);
	else
		cell(t, format_count(&f, n), unranked);
}

void cells_us(struct table *t, double ns, bool unranked)
{
	struct format f = {0};

	if (isnan(ns))
		table_cell(t, DASH);
	else
		cell(t, format_us(&f, ns), unranked);
}

void cells_cpu(struct table *t, const struct cJSON *side, bool unranked)
{
	double all = view_number(side, "server_cpu_ns");
	struct format a = {0}, b = {0}, c = {0};
	char text[160];

	if (isnan(all)) {
		table_cell(t, DASH);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s (%s+%s)", format_us(&a, all),
		       format_us(&b, view_number(side, "server_user_ns")),
		       format_us(&c, view_number(side, "server_system_ns")));
	cell(t, text, unranked);
}

void cells_ratio(struct table *t, struct view_figure f, bool unranked)
{
	struct format a = {0}, b = {0}, c = {0};
	char text[160];

	if (!f.present) {
		table_cell(t, DASH);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s [%s, %s]",
		       format_ratio(&a, f.value), format_ratio(&b, f.low),
		       format_ratio(&c, f.high));
	cell(t, text, unranked);
}

void cells_calls(struct table *t, double n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), n < 9.9995 ? "%.3f" : "%.1f", n);
	table_cell(t, isnan(n) ? DASH : text);
}

void cells_bytes(struct table *t, double n)
{
	struct format f = {0};

	table_cell(t, isnan(n) ? DASH : format_bytes(&f, n));
}

void cells_memory(struct table *t, struct view_figure f)
{
	struct format a = {0}, b = {0};
	char text[128];

	if (!f.present) {
		table_cell(t, DASH);
		table_cell(t, DASH);
		return;
	}
	table_cell(t, format_bytes(&a, f.value));
	(void)snprintf(text, sizeof(text), "[%s, %s]", format_bytes(&a, f.low),
		       format_bytes(&b, f.high));
	table_cell(t, text);
}

void cells_verdict(struct table *t, const struct cJSON *m)
{
	const char *verdict = view_text(m, "verdict");
	enum table_style style = TABLE_PLAIN;

	if (view_get(m, "failure")) {
		table_cell_styled(t, "failed", TABLE_BAD);
		return;
	}
	if (view_invalid(m)) {
		table_cell_styled(t, "invalid", TABLE_BAD);
		return;
	}
	/* Against itself any difference is the measurement's own. */
	if (strcmp(view_text(m, "target"), view_text(m, "baseline")) == 0 &&
	    strcmp(view_text(m, "method"), "client") != 0 &&
	    !(view_number(m, "parameters.frozen") > 0 ||
	      view_number(m, "parameters.slow") > 0 ||
	      view_number(m, "parameters.churn") > 0))
		verdict = "noise band";
	if (strcmp(verdict, "better") == 0)
		style = TABLE_GOOD;
	if (strcmp(verdict, "worse") == 0)
		style = TABLE_BAD;
	table_cell_styled(t, verdict, style);
}

void cells_notes(struct table *t, const struct cJSON *m, struct view_caveats *c)
{
	const cJSON *list = view_get(m, "caveats");
	char text[128] = "";
	size_t at = 0;

	for (const cJSON *item = list ? list->child : NULL; item;
	     item = item->next) {
		size_t number = cJSON_IsString(item)
					? view_caveat(c, item->valuestring)
					: 0;

		if (number > 0 && at < sizeof(text) - 8)
			at += (size_t)snprintf(text + at, sizeof(text) - at,
					       "%s%zu", at ? " " : "", number);
	}
	table_cell(t, text);
}

/* "1.2 ms [1.1, 1.4]", or without an interval when it was seen once. */
void cells_observation(struct table *t, const struct cJSON *o, bool unranked)
{
	struct format a = {0}, b = {0}, c = {0};
	const char *unit = view_text(o, "unit");
	double low = view_number(o, "low"), high = view_number(o, "high");
	double value = view_number(o, "value");
	char text[160];

	if (isnan(value))
		table_cell(t, DASH);
	else if (!(low < value) && !(high > value))
		cell(t, format_unit(&a, value, unit), unranked);
	else {
		(void)snprintf(text, sizeof(text), "%s [%s, %s]",
			       format_unit(&a, value, unit),
			       format_unit(&b, low, unit),
			       format_unit(&c, high, unit));
		cell(t, text, unranked);
	}
}
