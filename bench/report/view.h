/* SPDX-License-Identifier: MIT */
/*
 * Reading a run.json without fuss: paths into it, and what is missing or of
 * another type is absent rather than an error. Also the numbering of caveats.
 */
#ifndef BENCH_REPORT_VIEW_H
#define BENCH_REPORT_VIEW_H

#include <stdbool.h>
#include <stddef.h>

struct cJSON;

#define VIEW_CAVEATS 64

/* The distinct caveats of a run, in the order in which they are met. */
struct view_caveats {
	const char *texts[VIEW_CAVEATS]; /* borrowed from the run */
	size_t count;
};

/* A value with its interval. */
struct view_figure {
	bool present;
	double value, low, high;
};

/* Queries. `path` is keys separated by '.', where '/' stands for a '.'. */
const struct cJSON *view_get(const struct cJSON *json, const char *path);
double view_number(const struct cJSON *json, const char *path);	   /* or NaN */
const char *view_text(const struct cJSON *json, const char *path); /* or "" */
bool view_true(const struct cJSON *json, const char *path);
struct view_figure view_figure(const struct cJSON *json, const char *path);
/*
 * Whether a measurement is not to be ranked since not all was delivered as it
 * has to be, also of a run that was made when that still had a verdict; and
 * why.
 */
bool view_invalid(const struct cJSON *measurement);
const char *view_invalid_why(const struct cJSON *measurement);

/* Operations */
/* The caveat's number, from 1; 0 when there are too many. */
size_t view_caveat(struct view_caveats *c, const char *text);

#endif
