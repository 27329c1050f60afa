/* SPDX-License-Identifier: MIT */
/* pushmark-micro: what one message costs in user space, piece by piece. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/micro/count.h"
#include "bench/micro/measure.h"
#include "bench/micro/row.h"
#include "bench/report/table.h"
#include "bench/run/put.h"
#include "servers/base/check.h"
#include "servers/base/opt.h"

enum { EXIT_MISSED = 1, EXIT_USAGE = 2 };

struct options {
	int64_t pairs, slice_ms, seed;
	const char *once;
	bool instructions, json, list, help;
};

static const struct opt table[] = {
	OPT_INT("pairs", "N", "pairs of slices for each row", 2, 100000,
		struct options, pairs),
	OPT_INT("slice-ms", "MS", "CPU time of a slice, at least", 1, 10000,
		struct options, slice_ms),
	OPT_INT("seed", "N", "seed of the intervals", 1, INT32_MAX,
		struct options, seed),
	OPT_FLAG("instructions", "count with valgrind instead of timing",
		 struct options, instructions),
	OPT_STRING("once", "SIDE",
		   "run side 0 (wslay) or 1 (ours) of a row, twice, for a "
		   "profiler",
		   struct options, once),
	OPT_FLAG("json", "print JSON instead of the table", struct options,
		 json),
	OPT_FLAG("list", "print the rows' names and exit", struct options,
		 list),
	OPT_FLAG("help", "print this and exit", struct options, help),
	OPT_END,
};

/* What is said about one row. */
struct outcome {
	const struct row *row;
	struct measured timed;
	double counts[ROW_SIDES];
};

struct program {
	struct options options;
	struct opt_list names;
	struct table table;
	struct cJSON *json; /* the rows */
	bool missed, failed;
};

static void help(const struct options *defaults)
{
	puts("usage: pushmark-micro [OPTION]... [ROW]...\n\n"
	     "Times work that needs no socket: receiving a client's frames with "
	     "wslay's event\nloop and with our receiver side by side, then what "
	     "else a message costs. ROW is\na name or the beginning of names, "
	     "as --list prints them.\n");
	opt_help(table, defaults, stdout);
	puts("\nExit status: 0, 1 when receiving surely costs more than 1.15 "
	     "of what it costs\nwslay or valgrind failed, 2 wrong usage.");
}

static bool is_wanted(const struct opt_list *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strncmp(name, names->items[i], strlen(names->items[i])) ==
		    0)
			return true;
	}
	return names->count == 0;
}

/* One row's lines */

/* Counts repeat, so that they are their own interval. */
static struct figure ratio_of(const struct program *p, const struct outcome *o)
{
	const double *c = o->counts;
	double value;

	if (!p->options.instructions)
		return o->timed.ratio;
	if (c[ROW_BASELINE] <= 0)
		return (struct figure){0};
	value = c[ROW_OURS] / c[ROW_BASELINE];
	return (struct figure){value, value, value, 1};
}

static const char *state_of(const struct figure *ratio)
{
	if (ratio->count == 0)
		return "";
	if (ratio->high <= ROW_BOUND)
		return "met";
	return ratio->low > ROW_BOUND ? "missed" : "undecided";
}

static double cost_of(const struct program *p, const struct outcome *o,
		      int side)
{
	return p->options.instructions ? o->counts[side]
				       : o->timed.ns[side].value;
}

static void cell(struct table *t, int digits, double value, bool is)
{
	char text[32] = "";

	if (is)
		(void)snprintf(text, sizeof(text), "%.*f", digits, value);
	table_cell(t, text);
}

static void add_line(struct program *p, const struct outcome *o)
{
	const struct figure ratio = ratio_of(p, o);
	const bool paired = ratio.count > 0;
	const char *state = state_of(&ratio);
	double ours = cost_of(p, o, ROW_OURS);
	char between[48] = "";

	table_cell(&p->table, o->row->name);
	cell(&p->table, 0, cost_of(p, o, ROW_BASELINE), paired);
	cell(&p->table, 0, ours, true);
	cell(&p->table, 2, ours / (double)o->row->size, true);
	cell(&p->table, 3, ratio.value, paired);
	if (paired && !p->options.instructions)
		(void)snprintf(between, sizeof(between), "%.3f..%.3f",
			       ratio.low, ratio.high);
	table_cell(&p->table, between);
	table_cell_styled(&p->table, state,
			  ratio.low > ROW_BOUND ? TABLE_BAD : TABLE_PLAIN);
}

static void add_object(struct program *p, const struct outcome *o)
{
	const struct figure ratio = ratio_of(p, o);
	const char *unit = p->options.instructions ? "instructions" : "ns";
	struct cJSON *object = cJSON_CreateObject(), *costs;

	CHECK(object && cJSON_AddItemToArray(p->json, object));
	put_text(object, "row", o->row->name);
	put_number(object, "bytes", (double)o->row->size);
	costs = put_object(object, unit);
	for (int side = 0; side < ROW_SIDES; side++) {
		if (o->row->work[side].pass)
			put_number(costs, o->row->work[side].name,
				   cost_of(p, o, side));
	}
	put_figure(object, "ratio", &ratio);
	if (ratio.count > 0) {
		put_number(object, "bound", ROW_BOUND);
		put_text(object, "state", state_of(&ratio));
	}
}

/* The program */

static void run_row(struct program *p, const struct row *r)
{
	const struct measure_plan plan = {
		.pairs = (unsigned)p->options.pairs,
		.slice_ns = (uint64_t)p->options.slice_ms * 1000000,
		.seed = (uint64_t)p->options.seed,
	};
	struct outcome o = {.row = r};
	char message[128];

	if (!p->options.instructions) {
		measure_row(r, &plan, &o.timed);
	} else if (count_row(r, o.counts, message, sizeof(message)) != ERR_OK) {
		(void)fprintf(stderr, "pushmark-micro: %s\n", message);
		p->failed = true;
		return;
	}
	if (ratio_of(p, &o).low > ROW_BOUND)
		p->missed = true;
	add_line(p, &o);
	add_object(p, &o);
}

static int side_of(const struct row *r, const char *text)
{
	return text[0] == '0' && r->compares ? ROW_BASELINE : ROW_OURS;
}

static size_t run_rows(struct program *p)
{
	struct row r;
	size_t found = 0;

	for (size_t i = 0; row_init(&r, i); i++) {
		if (!is_wanted(&p->names, r.name))
			continue;
		found++;
		if (p->options.list) {
			puts(r.name);
			continue;
		}
		row_prepare(&r);
		if (p->options.once)
			count_here(&r, side_of(&r, p->options.once));
		else
			run_row(p, &r);
		row_release(&r);
	}
	return found;
}

static void columns(struct table *t, bool instructions)
{
	table_column(t, instructions ? "instructions per message" : "row",
		     TABLE_LEFT);
	table_column(t, instructions ? "wslay" : "wslay ns", TABLE_RIGHT);
	table_column(t, instructions ? "pushmark" : "pushmark ns", TABLE_RIGHT);
	table_column(t, "per byte", TABLE_RIGHT);
	table_column(t, "ratio", TABLE_RIGHT);
	table_column(t, "95 %", TABLE_RIGHT);
	table_column(t, "at most 1.15", TABLE_LEFT);
}

static int run(struct program *p)
{
	const struct options *o = &p->options;
	char *text;

	table_init(&p->table);
	columns(&p->table, o->instructions);
	p->json = cJSON_CreateArray();
	CHECK(p->json);
	if (run_rows(p) == 0) {
		(void)fputs("pushmark-micro: there is no such row\n", stderr);
		p->failed = true;
	} else if (o->json) {
		text = cJSON_Print(p->json);
		CHECK(text);
		puts(text);
		free(text);
	} else if (!o->list && !o->once) {
		table_print(&p->table, stdout,
			    isatty(STDOUT_FILENO) == 1 ? TABLE_COLOUR
						       : TABLE_TEXT);
	}
	cJSON_Delete(p->json);
	table_release(&p->table);
	return p->missed || p->failed ? EXIT_MISSED : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct options defaults = {.pairs = 20, .slice_ms = 4, .seed = 1};
	struct program p = {.options = defaults};
	char message[256];
	int status = EXIT_USAGE;

	if (opt_parse(table, &p.options, argc, argv, &p.names, message,
		      sizeof(message)) != ERR_OK) {
		(void)fprintf(stderr, "pushmark-micro: %s\n", message);
	} else if (p.options.help) {
		help(&defaults);
		status = EXIT_SUCCESS;
	} else {
		status = run(&p);
	}
	opt_list_release(&p.names);
	return status;
}
