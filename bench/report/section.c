/* SPDX-License-Identifier: MIT */
#include "bench/report/section.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/cells.h"
#include "bench/report/format.h"
#include "servers/base/check.h"

static bool belongs(const cJSON *m, const struct section *s)
{
	return strcmp(view_text(m, "scenario"),
		      view_text(s->scenario, "name")) == 0 &&
	       strcmp(view_text(m, "variant"), s->variant) == 0;
}

static void take_rows(const cJSON *list, bool invalid, struct section *out)
{
	for (const cJSON *m = list ? list->child : NULL;
	     m && out->count < SECTION_ROWS; m = m->next) {
		if (belongs(m, out) && view_invalid(m) == invalid)
			out->rows[out->count++] = m;
	}
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
		take_rows(list, false, out);
		take_rows(list, true, out);
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
	setting(out, m, "parameters.slice_ms",
		isnan(view_number(m, "parameters.pairs")) ? "; slices of "
							  : " of slices of ",
		" ms");
	setting(out, m, "parameters.starts", "; servers started ", " times");
}

bool section_is_observed(const struct section *s)
{
	const char *method = view_text(s->rows[0], "method");

	return strcmp(method, "pairs") != 0 && strcmp(method, "connect") != 0 &&
	       strcmp(method, "client") != 0 && strcmp(method, "memory") != 0;
}

/* Tables */

#define OBSERVED_MAX (TABLE_COLUMNS - 3)

bool section_is_tail(const cJSON *m)
{
	return strcmp(view_text(m, "primary"), "latency_tail") == 0;
}

bool section_is_connect(const cJSON *m)
{
	return strcmp(view_text(m, "method"), "connect") == 0;
}

static bool is_against(const cJSON *m, const char *baseline)
{
	return strcmp(view_text(m, "baseline"), baseline) == 0;
}

static bool has_company(const cJSON *m)
{
	return view_number(m, "parameters.churn") > 0 || section_is_tail(m);
}

static void pairs_columns(struct table *t, const cJSON *m)
{
	bool answers = strcmp(view_text(m, "kind"), "rtt") == 0;

	bool connect = section_is_connect(m);

	table_column(t, "target", TABLE_LEFT);
	table_column(t,
		     connect   ? "set-up p50"
		     : answers ? "p50"
			       : "median p50",
		     TABLE_RIGHT);
	table_column(t, "tail", TABLE_RIGHT);
	if (!answers) {
		table_column(t, "last p50", TABLE_RIGHT);
		table_column(t, "tail", TABLE_RIGHT);
	}
	table_column(t,
		     connect   ? "connections/s"
		     : answers ? "answers/s"
			       : "deliveries/s",
		     TABLE_RIGHT);
	table_column(t, "CPU µs (user+sys)", TABLE_RIGHT);
	table_column(t,
		     section_is_tail(m)	     ? "p99 / without [95 %]"
		     : has_company(m)	     ? "/ without [95 %]"
		     : is_against(m, "bare") ? "/ bare [95 %]"
					     : "ratio [95 %]",
		     TABLE_LEFT);
	if (!connect)
		table_column(t, "calls", TABLE_RIGHT);
	table_column(t, connect ? "set-up bytes" : "bytes", TABLE_RIGHT);
	table_column(t, "verdict", TABLE_LEFT);
	table_column(t, "notes", TABLE_LEFT);
}

static void pairs_row(struct table *t, const cJSON *m, struct view_caveats *c)
{
	const cJSON *side = view_get(m, "sides.target");
	bool answers = strcmp(view_text(m, "kind"), "rtt") == 0;
	bool invalid = view_invalid(m);
	bool bound = invalid || view_true(m, "client_bound");

	table_cell(t, view_text(m, "target"));
	if (answers) {
		cells_latency(t, view_get(side, "ack"), bound);
	} else {
		cells_latency(t, view_get(side, "latency.median"), bound);
		cells_latency(t, view_get(side, "latency.last"), bound);
	}
	cells_count(t, view_number(side, "rate"), bound);
	cells_cpu(t, side, invalid);
	cells_ratio(t,
		    view_figure(m, section_is_tail(m) ? "ratios.latency_tail"
						      : "ratios.server_cpu"),
		    invalid || (bound && section_is_tail(m)));
	if (!section_is_connect(m))
		cells_calls(t, view_number(m, "check.syscalls"));
	cells_count(t,
		    view_number(side, "bytes_in") +
			    view_number(side, "bytes_out"),
		    invalid);
	cells_verdict(t, m);
	cells_notes(t, m, c);
}

static const cJSON *observation_of(const cJSON *m, const char *name)
{
	const cJSON *list = view_get(m, "observations");

	for (const cJSON *o = list ? list->child : NULL; o; o = o->next) {
		if (strcmp(view_text(o, "name"), name) == 0)
			return o;
	}
	return NULL;
}

static void memory_columns(struct table *t, const cJSON *m)
{
	table_column(t, "target", TABLE_LEFT);
	table_column(t, "memory/connection", TABLE_RIGHT);
	table_column(t, "[95 %]", TABLE_LEFT);
	table_column(t, "heap", TABLE_RIGHT);
	table_column(t, "kernel", TABLE_RIGHT);
	if (view_number(m, "parameters.watch_ms") > 0)
		table_column(t, "CPU/s", TABLE_RIGHT);
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
	cells_bytes(t, view_number(observation_of(m, "heap"), "value"));
	cells_bytes(t, view_number(observation_of(m, "kernel"), "value"));
	if (view_number(m, "parameters.watch_ms") > 0)
		cells_observation(t, observation_of(m, "CPU/s"), false);
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
	bool invalid = view_invalid(m);

	table_cell(t, view_text(m, "target"));
	cells_us(t, view_number(m, "sides.target.worker_cpu_ns"), invalid);
	cells_us(t, view_number(m, "sides.baseline.worker_cpu_ns"), invalid);
	cells_ratio(t, view_figure(m, "ratios.worker_cpu"), invalid);
	cells_verdict(t, m);
	cells_notes(t, m, c);
}

/* What a method observed has its columns from what the rows hold. */

/* Counts and bytes are right also when the client was the bottleneck. */
static void observed_cell(struct table *t, const cJSON *m, const cJSON *o)
{
	bool is_time = strcmp(view_text(o, "unit"), "ns") == 0;

	cells_observation(t, o, is_time && view_true(m, "client_bound"));
}

/* The names in the order in which they come, over all rows. */
static size_t observed_names(const struct section *s,
			     const char *names[OBSERVED_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++) {
		const cJSON *list = view_get(s->rows[i], "observations");

		for (const cJSON *o = list ? list->child : NULL;
		     o && count < OBSERVED_MAX; o = o->next) {
			const char *name = view_text(o, "name");
			size_t k = 0;

			while (k < count && strcmp(names[k], name) != 0)
				k++;
			if (k == count)
				names[count++] = name;
		}
	}
	return count;
}

static void observed_table(const struct section *s, struct table *t,
			   struct view_caveats *caveats)
{
	const char *names[OBSERVED_MAX];
	size_t count = observed_names(s, names);
	bool outcomes = false;

	for (size_t i = 0; i < s->count; i++)
		outcomes |= view_text(s->rows[i], "outcome")[0] ||
			    view_get(s->rows[i], "failure");
	table_column(t, "target", TABLE_LEFT);
	for (size_t i = 0; i < count; i++)
		table_column(t, names[i], TABLE_RIGHT);
	if (outcomes)
		table_column(t, "outcome", TABLE_LEFT);
	table_column(t, "notes", TABLE_LEFT);
	for (size_t i = 0; i < s->count; i++) {
		const cJSON *m = s->rows[i];

		table_cell(t, view_text(m, "target"));
		for (size_t k = 0; k < count; k++)
			observed_cell(t, m, observation_of(m, names[k]));
		if (outcomes)
			table_cell(t, view_get(m, "failure")
					      ? "failed"
					      : view_text(m, "outcome"));
		cells_notes(t, m, caveats);
	}
}

/* Beneath pairs: what was seen of the company that they had. */
static void company_table(const struct section *s, FILE *out,
			  enum table_output how)
{
	const char *names[OBSERVED_MAX];
	size_t count = observed_names(s, names);
	struct table t;

	if (count == 0)
		return;
	table_init(&t);
	table_column(&t, "company", TABLE_LEFT);
	for (size_t i = 0; i < count; i++)
		table_column(&t, names[i], TABLE_RIGHT);
	for (size_t i = 0; i < s->count; i++) {
		table_cell(&t, view_text(s->rows[i], "target"));
		for (size_t k = 0; k < count; k++)
			observed_cell(&t, s->rows[i],
				      observation_of(s->rows[i], names[k]));
	}
	(void)fputc('\n', out);
	table_print(&t, out, how);
	table_release(&t);
}

static void known_table(const struct section *s, struct table *t,
			struct view_caveats *caveats)
{
	const char *method = view_text(s->rows[0], "method");
	bool memory = strcmp(method, "memory") == 0;
	bool client = strcmp(method, "client") == 0;

	if (memory)
		memory_columns(t, s->rows[0]);
	else if (client)
		client_columns(t);
	else
		pairs_columns(t, s->rows[0]);
	for (size_t i = 0; i < s->count; i++) {
		if (memory)
			memory_row(t, s->rows[i], caveats);
		else if (client)
			client_row(t, s->rows[i], caveats);
		else
			pairs_row(t, s->rows[i], caveats);
	}
}

void section_table(const struct section *s, struct view_caveats *caveats,
		   FILE *out, enum table_output how)
{
	struct table t;

	table_init(&t);
	if (section_is_observed(s))
		observed_table(s, &t, caveats);
	else
		known_table(s, &t, caveats);
	table_print(&t, out, how);
	table_release(&t);
	if (strcmp(view_text(s->rows[0], "method"), "pairs") == 0)
		company_table(s, out, how);
}

/* Costs beside CPU */

static double wire_total(const cJSON *wire)
{
	const cJSON *both = view_get(wire, "both");

	return view_number(both, "payload") + view_number(both, "framing") +
	       view_number(both, "http") + view_number(both, "tls") +
	       view_number(both, "tcp_ip");
}

static void costs_row(struct table *t, const cJSON *m)
{
	static const char *const parts[] = {"payload", "framing", "http",
					    "tcp_ip"};
	const cJSON *wire = view_get(m, "check.wire");

	table_cell(t, view_text(m, "target"));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		cells_count(t, view_number(view_get(wire, "both"), parts[i]),
			    false);
	cells_count(t, wire_total(wire), false);
	cells_count(t, wire_total(view_get(wire, "model")), false);
	cells_calls(t, view_number(m, "check.segments"));
	cells_calls(t, view_number(m, "check.writes"));
	cells_calls(t, view_number(m, "sides.target.server_switches"));
}

void section_costs(const struct section *s, FILE *out, enum table_output how)
{
	static const char *const heads[] = {"payload",	"framing", "HTTP",
					    "TCP/IP",	"all",	   "least",
					    "segments", "writes",  "switches"};
	bool any = false;
	struct table t;

	table_init(&t);
	table_column(&t, "bytes per delivery", TABLE_LEFT);
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		table_column(&t, heads[i], TABLE_RIGHT);
	for (size_t i = 0; i < s->count; i++) {
		if (!view_get(s->rows[i], "check.wire"))
			continue;
		any = true;
		costs_row(&t, s->rows[i]);
	}
	if (any) {
		(void)fputc('\n', out);
		table_print(&t, out, how);
	}
	table_release(&t);
}
