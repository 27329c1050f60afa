/* SPDX-License-Identifier: MIT */
#include "bench/report/section.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/cells.h"
#include "bench/report/format.h"

static bool belongs(const cJSON *m, const struct section *s)
{
	return strcmp(view_text(m, "scenario"),
		      view_text(s->scenario, "name")) == 0 &&
	       strcmp(view_text(m, "variant"), s->variant) == 0;
}

bool section_next(const struct cJSON *run, size_t position[2],
		  struct section *out)
{
	const cJSON *scenarios = view_get(run, "scenarios");
	const cJSON *list = view_get(run, "measurements");
	const cJSON *scenario, *variant;

	while ((scenario = cJSON_GetArrayItem(scenarios, (int)position[0]))) {
		variant = cJSON_GetArrayItem(view_get(scenario, "variants"),
					     (int)position[1]);
		if (!variant) {
			position[0]++;
			position[1] = 0;
			continue;
		}
		position[1]++;
		*out = (struct section){.scenario = scenario,
					.variant = variant->string,
					.help = cJSON_IsString(variant)
							? variant->valuestring
							: ""};
		for (const cJSON *m = list ? list->child : NULL;
		     m && out->count < SECTION_ROWS; m = m->next) {
			if (belongs(m, out))
				out->rows[out->count++] = m;
		}
		if (out->count > 0)
			return true;
	}
	return false;
}

void section_title(const struct section *s, FILE *out)
{
	(void)fprintf(out, "%s, %s", view_text(s->scenario, "name"),
		      s->variant);
}

/*
 * What is there of one parameter, as ", 1,000 subscribers". One of them loses
 * the plural's s.
 */
static void setting(FILE *out, const cJSON *m, const char *path,
		    const char *before, const char *unit)
{
	double value = view_number(m, path);
	size_t n = strlen(unit);
	struct format f = {0};

	if (isnan(value))
		return;
	if (value == 1 && unit[n - 1] == 's')
		n--;
	(void)fprintf(out, "%s%s%.*s", before, format_whole(&f, value), (int)n,
		      unit);
}

void section_setting(const struct section *s, FILE *out)
{
	const cJSON *m = s->rows[0];

	(void)fputs(s->help, out);
	setting(out, m, "parameters.subscribers", "; ", " subscribers");
	setting(out, m, "parameters.payload", ", ", " bytes");
	setting(out, m, "parameters.pairs", "; ", " pairs");
	setting(out, m, "parameters.slice_ms", " of slices of ", " ms");
	setting(out, m, "parameters.starts", "; servers started ", " times");
}

/* Tables */

static void pairs_columns(struct table *t, const cJSON *m)
{
	bool answers = strcmp(view_text(m, "kind"), "rtt") == 0;

	table_column(t, "target", TABLE_LEFT);
	table_column(t, answers ? "p50" : "median p50", TABLE_RIGHT);
	table_column(t, "tail", TABLE_RIGHT);
	if (!answers) {
		table_column(t, "last p50", TABLE_RIGHT);
		table_column(t, "tail", TABLE_RIGHT);
	}
	table_column(t, answers ? "answers/s" : "deliveries/s", TABLE_RIGHT);
	table_column(t, "CPU µs (user+sys)", TABLE_RIGHT);
	table_column(t, "/ bare [95 %]", TABLE_LEFT);
	table_column(t, "calls", TABLE_RIGHT);
	table_column(t, "bytes", TABLE_RIGHT);
	table_column(t, "verdict", TABLE_LEFT);
	table_column(t, "notes", TABLE_LEFT);
}

static void pairs_row(struct table *t, const cJSON *m, struct view_caveats *c)
{
	const cJSON *side = view_get(m, "sides.target");
	bool answers = strcmp(view_text(m, "kind"), "rtt") == 0;
	bool bound = view_true(m, "client_bound");

	table_cell(t, view_text(m, "target"));
	if (answers) {
		cells_latency(t, view_get(side, "ack"), bound);
	} else {
		cells_latency(t, view_get(side, "latency.median"), bound);
		cells_latency(t, view_get(side, "latency.last"), bound);
	}
	cells_count(t, view_number(side, "rate"), bound);
	cells_cpu(t, side);
	cells_ratio(t, view_figure(m, "ratios.server_cpu"));
	cells_calls(t, view_number(m, "check.syscalls"));
	cells_count(t,
		    view_number(side, "bytes_in") +
			    view_number(side, "bytes_out"),
		    false);
	cells_verdict(t, m);
	cells_notes(t, m, c);
}

static void memory_columns(struct table *t)
{
	table_column(t, "target", TABLE_LEFT);
	table_column(t, "memory/connection", TABLE_RIGHT);
	table_column(t, "[95 %]", TABLE_LEFT);
	table_column(t, "before", TABLE_RIGHT);
	table_column(t, "with all", TABLE_RIGHT);
	table_column(t, "state", TABLE_LEFT);
	table_column(t, "notes", TABLE_LEFT);
}

static void memory_row(struct table *t, const cJSON *m, struct view_caveats *c)
{
	const cJSON *point = view_get(m, "memory_points");

	point = point ? point->child : NULL;
	table_cell(t, view_text(m, "target"));
	cells_memory(t, view_figure(m, "memory"));
	cells_bytes(t, view_number(point, "before"));
	cells_bytes(t, view_number(point, "after"));
	table_cell(t, view_get(m, "failure") ? "failed" : "");
	cells_notes(t, m, c);
}

static void client_columns(struct table *t)
{
	table_column(t, "target", TABLE_LEFT);
	table_column(t, "worker CPU µs", TABLE_RIGHT);
	table_column(t, "recv() loop µs", TABLE_RIGHT);
	table_column(t, "ratio [95 %]", TABLE_LEFT);
	table_column(t, "verdict", TABLE_LEFT);
	table_column(t, "notes", TABLE_LEFT);
}

static void client_row(struct table *t, const cJSON *m, struct view_caveats *c)
{
	table_cell(t, view_text(m, "target"));
	cells_us(t, view_number(m, "sides.target.worker_cpu_ns"));
	cells_us(t, view_number(m, "sides.baseline.worker_cpu_ns"));
	cells_ratio(t, view_figure(m, "ratios.worker_cpu"));
	cells_verdict(t, m);
	cells_notes(t, m, c);
}

void section_table(const struct section *s, struct view_caveats *caveats,
		   FILE *out, enum table_output how)
{
	const char *method = view_text(s->rows[0], "method");
	bool memory = strcmp(method, "memory") == 0;
	bool client = strcmp(method, "client") == 0;
	struct table t;

	table_init(&t);
	if (memory)
		memory_columns(&t);
	else if (client)
		client_columns(&t);
	else
		pairs_columns(&t, s->rows[0]);
	for (size_t i = 0; i < s->count; i++) {
		if (memory)
			memory_row(&t, s->rows[i], caveats);
		else if (client)
			client_row(&t, s->rows[i], caveats);
		else
			pairs_row(&t, s->rows[i], caveats);
	}
	table_print(&t, out, how);
	table_release(&t);
}

/* Sentences */

/* "ws 8.62 µs (1.02 × bare [0.98, 1.07], equivalent)" */
static void pairs_clause(const cJSON *m, FILE *out)
{
	struct view_figure f = view_figure(m, "ratios.server_cpu");
	double cost = view_number(m, "sides.target.server_cpu_ns");
	struct format a = {0}, b = {0}, c = {0}, d = {0};

	if (isnan(cost)) {
		(void)fprintf(out, "%s was not measured",
			      view_text(m, "target"));
		return;
	}
	(void)fprintf(out, "%s %s", view_text(m, "target"),
		      format_time(&a, cost));
	if (!f.present)
		return;
	if (strcmp(view_text(m, "target"), view_text(m, "baseline")) == 0)
		(void)fprintf(out, " (against itself %s [%s, %s])",
			      format_ratio(&b, f.value),
			      format_ratio(&c, f.low),
			      format_ratio(&d, f.high));
	else
		(void)fprintf(out, " (%s × %s [%s, %s], %s)",
			      format_ratio(&b, f.value),
			      view_text(m, "baseline"), format_ratio(&c, f.low),
			      format_ratio(&d, f.high),
			      view_text(m, "verdict"));
}

static void memory_clause(const cJSON *m, FILE *out)
{
	struct view_figure f = view_figure(m, "memory");
	struct format a = {0};

	(void)fprintf(out, "%s %s", view_text(m, "target"),
		      f.present ? format_bytes(&a, f.value) : "not measured");
}

static void client_clause(const cJSON *m, FILE *out)
{
	struct view_figure f = view_figure(m, "ratios.worker_cpu");
	struct format a = {0}, b = {0}, c = {0};

	if (!f.present)
		(void)fprintf(out, "%s not measured", view_text(m, "target"));
	else
		(void)fprintf(out, "%s %s [%s, %s]", view_text(m, "target"),
			      format_ratio(&a, f.value),
			      format_ratio(&b, f.low),
			      format_ratio(&c, f.high));
}

void section_sentence(const struct section *s, FILE *out)
{
	const char *method = view_text(s->rows[0], "method");
	const char *kind = view_text(s->rows[0], "kind");
	void (*clause)(const cJSON *, FILE *) = pairs_clause;

	section_title(s, out);
	if (strcmp(method, "memory") == 0) {
		(void)fputs(": user memory per idle connection: ", out);
		clause = memory_clause;
	} else if (strcmp(method, "client") == 0) {
		(void)fputs(": the load worker's CPU per delivery against a "
			    "plain recv() loop's: ",
			    out);
		clause = client_clause;
	} else {
		(void)fprintf(out, ": server CPU per %s: ",
			      strcmp(kind, "rtt") == 0 ? "answer" : "delivery");
	}
	for (size_t i = 0; i < s->count; i++) {
		(void)fputs(i ? "; " : "", out);
		clause(s->rows[i], out);
	}
	(void)fputc('.', out);
}
