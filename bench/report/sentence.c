/* SPDX-License-Identifier: MIT */
/* A section's figures in words, for the top of a report. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/format.h"
#include "bench/report/section.h"
#include "servers/base/check.h"

#define CLAUSES_MAX 4 /* of more targets not all figures are told */

static bool is_own_baseline(const cJSON *m)
{
	return strcmp(view_text(m, "target"), view_text(m, "baseline")) == 0;
}

/* "ws is invalid (5 lost of 6,000 deliveries)", instead of its figures. */
static void tell_invalid(const cJSON *m, FILE *out)
{
	(void)fprintf(out, "%s is invalid (%s)", view_text(m, "target"),
		      view_invalid_why(m));
}

/* What a unit of server CPU is. */
static const char *unit_of(const cJSON *m)
{
	if (section_is_connect(m))
		return "connection";
	return strcmp(view_text(m, "kind"), "rtt") == 0 ? "answer" : "delivery";
}

/* Each target's clause */

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
	if (is_own_baseline(m))
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

/* Of figures that are times, in words. */
static const char *unranked(const cJSON *m)
{
	return view_true(m, "client_bound") ? " (not ranked: client-bound)"
					    : "";
}

static void tail_clause(const cJSON *m, FILE *out)
{
	struct view_figure f = view_figure(m, "ratios.latency_tail");
	struct format a = {0}, b = {0}, c = {0};

	if (!f.present)
		(void)fprintf(out, "%s not measured", view_text(m, "target"));
	else
		(void)fprintf(out, "%s %s [%s, %s]%s", view_text(m, "target"),
			      format_ratio(&a, f.value),
			      format_ratio(&b, f.low), format_ratio(&c, f.high),
			      unranked(m));
}

static void memory_clause(const cJSON *m, FILE *out)
{
	struct view_figure f = view_figure(m, "memory");
	struct format a = {0};

	(void)fprintf(out, "%s %s", view_text(m, "target"),
		      f.present ? format_bytes(&a, f.value) : "not measured");
}

/* "ws: connected p50 1.2 ms, p99 3 ms" */
static void observed_clause(const cJSON *m, FILE *out)
{
	const cJSON *list = view_get(m, "observations");
	const char *outcome = view_text(m, "outcome");

	(void)fprintf(out, "%s", view_text(m, "target"));
	for (const cJSON *o = list ? list->child : NULL; o; o = o->next) {
		struct format f = {0};

		if (isnan(view_number(o, "value")))
			continue;
		(void)fprintf(out, "%s%s %s", o == list->child ? ": " : ", ",
			      view_text(o, "name"),
			      format_unit(&f, view_number(o, "value"),
					  view_text(o, "unit")));
	}
	(void)fputs(unranked(m), out);
	if (outcome[0])
		(void)fprintf(out, " (%s)", outcome);
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

static void clauses(const struct section *s, FILE *out,
		    void (*clause)(const cJSON *, FILE *))
{
	for (size_t i = 0; i < s->count; i++) {
		(void)fputs(i ? "; " : "", out);
		if (view_invalid(s->rows[i]))
			tell_invalid(s->rows[i], out);
		else
			clause(s->rows[i], out);
	}
}

/* Of many targets: by verdict */

/* NaN also of what has one, and may not be ranked. */
static double ratio_of(const cJSON *m)
{
	return view_invalid(m) ? (double)NAN
			       : view_figure(m, "ratios.server_cpu").value;
}

struct rank {
	const char *target;
	double ratio;
};

static int by_ratio(const void *a, const void *b)
{
	double x = ((const struct rank *)a)->ratio;
	double y = ((const struct rank *)b)->ratio;

	return (x > y) - (x < y);
}

/* "better: ws 0.118, sse 0.139", the least first. Returns how many. */
static size_t ranked(const struct section *s, const char *verdict,
		     const char *before, FILE *out)
{
	struct rank ranks[SECTION_ROWS] = {0};
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++) {
		const cJSON *m = s->rows[i];

		if (!is_own_baseline(m) && !isnan(ratio_of(m)) &&
		    strcmp(view_text(m, "verdict"), verdict) == 0)
			ranks[n++] = (struct rank){view_text(m, "target"),
						   ratio_of(m)};
	}
	qsort(ranks, n, sizeof(*ranks), by_ratio);
	for (size_t i = 0; i < n; i++) {
		struct format f = {0};

		if (i == 0)
			(void)fprintf(out, "%s%s: ", before, verdict);
		(void)fprintf(out, "%s%s %s", i ? ", " : "", ranks[i].target,
			      format_ratio(&f, ranks[i].ratio));
	}
	return n;
}

static void not_measured(const struct section *s, FILE *out)
{
	for (size_t i = 0; i < s->count; i++) {
		const cJSON *m = s->rows[i];

		if (view_invalid(m)) {
			(void)fputs("; ", out);
			tell_invalid(m, out);
		} else if (!is_own_baseline(m) && isnan(ratio_of(m))) {
			(void)fprintf(out, "; %s was not measured",
				      view_text(m, "target"));
		}
	}
}

/* "server CPU per delivery as multiples of bare's (6.46 µs); worse: ..." */
static void ranking(const struct section *s, FILE *out)
{
	static const char *const verdicts[] = {"better", "equivalent",
					       "inconclusive", "worse"};
	const char *before = "";

	(void)fprintf(out, ": server CPU per %s as multiples of %s's",
		      unit_of(s->rows[0]), view_text(s->rows[0], "baseline"));
	for (size_t i = 0; i < s->count; i++) {
		struct format f = {0};

		if (is_own_baseline(s->rows[i]) && !view_invalid(s->rows[i]))
			(void)fprintf(
				out, " (%s)",
				format_time(&f, view_number(s->rows[i],
							    "sides.target."
							    "server_cpu_ns")));
	}
	(void)fputs("; ", out);
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		if (ranked(s, verdicts[i], before, out) > 0)
			before = "; ";
	}
	not_measured(s, out);
}

static bool can_be_ranked(const struct section *s)
{
	for (size_t i = 0; i < s->count; i++) {
		if (!is_own_baseline(s->rows[i]) &&
		    !isnan(ratio_of(s->rows[i])))
			return true;
	}
	return false;
}

/* Of many targets: by what was observed */

static const cJSON *observation(const cJSON *m, const char *name)
{
	const cJSON *list = view_get(m, "observations");

	for (const cJSON *o = list ? list->child : NULL; o; o = o->next) {
		if (strcmp(view_text(o, "name"), name) == 0)
			return o;
	}
	return NULL;
}

/* What a method is there to find: the first of these that it tells. */
static const char *main_observation(const struct section *s)
{
	static const char *const names[] = {"clients", "transfer", "missed",
					    "half found after", "mean"};

	for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
		for (size_t i = 0; i < s->count; i++) {
			if (observation(s->rows[i], names[k]))
				return names[k];
		}
	}
	return NULL;
}

static void told(const cJSON *m, const char *name, FILE *out)
{
	const cJSON *o = observation(m, name);
	double value = view_number(o, "value");
	double share = view_number(observation(m, "delivered"), "value");
	const char *outcome = view_text(m, "outcome");
	struct format f = {0}, g = {0};

	(void)fprintf(out, "%s", view_text(m, "target"));
	if (!isnan(value))
		(void)fprintf(out, " %s",
			      format_unit(&f, value, view_text(o, "unit")));
	if (share < 1 && !outcome[0])
		(void)fprintf(out, " (delivered %s)",
			      format_unit(&g, share,
					  view_text(observation(m, "delivered"),
						    "unit")));
	(void)fputs(unranked(m), out);
	if (outcome[0])
		(void)fprintf(out, " (%s)", outcome);
}

static void observed(const struct section *s, const char *name, FILE *out)
{
	(void)fprintf(out, ": %s: ", name);
	for (size_t i = 0; i < s->count; i++) {
		(void)fputs(i ? "; " : "", out);
		told(s->rows[i], name, out);
	}
}

/* The sentence */

static void all_of(const struct section *s, FILE *out)
{
	const char *method = view_text(s->rows[0], "method");

	if (strcmp(method, "memory") == 0) {
		(void)fputs(": user memory per idle connection: ", out);
		clauses(s, out, memory_clause);
	} else if (strcmp(method, "client") == 0) {
		(void)fputs(": the load worker's CPU per delivery against a "
			    "plain recv() loop's: ",
			    out);
		clauses(s, out, client_clause);
	} else if (section_is_observed(s)) {
		(void)fputs(": ", out);
		clauses(s, out, observed_clause);
	} else if (section_is_tail(s->rows[0])) {
		(void)fputs(": p99 of those who read, beside who does not, "
			    "against without: ",
			    out);
		clauses(s, out, tail_clause);
	} else {
		(void)fprintf(out,
			      ": server CPU per %s: ", unit_of(s->rows[0]));
		clauses(s, out, pairs_clause);
	}
}

void section_sentence(const struct section *s, FILE *out)
{
	const char *name = section_is_observed(s) ? main_observation(s) : NULL;

	section_title(s, out);
	if (s->count > CLAUSES_MAX && name)
		observed(s, name, out);
	else if (s->count > CLAUSES_MAX && can_be_ranked(s))
		ranking(s, out);
	else
		all_of(s, out);
	(void)fputc('.', out);
}
