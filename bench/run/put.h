/* SPDX-License-Identifier: MIT */
/*
 * Adding members to our own JSON documents. cJSON fails only without memory,
 * which ends the program as in every allocation of a size of our own.
 */
#ifndef BENCH_RUN_PUT_H
#define BENCH_RUN_PUT_H

#include <stdbool.h>

struct cJSON;
struct figure;
struct hist;

#define PUT_BEYOND 20 /* observations beyond a percentile that is printed */

/* Operations */
void put_number(struct cJSON *object, const char *key, double value);
void put_text(struct cJSON *object, const char *key, const char *value);
void put_bool(struct cJSON *object, const char *key, bool value);
void put_null(struct cJSON *object, const char *key);
void put_item(struct cJSON *object, const char *key, struct cJSON *takes);
struct cJSON *put_object(struct cJSON *object, const char *key); /* borrowed */
struct cJSON *put_array(struct cJSON *object, const char *key);	 /* borrowed */
/* {"value","low","high","count"}, or null when nothing was measured. */
void put_figure(struct cJSON *object, const char *key, const struct figure *f);
/*
 * {"count","mean","min","max","percentiles"}, of which only those with
 * PUT_BEYOND observations beyond them. With `counts`, those of HdrHistogram,
 * for who wants to merge. Nothing when the histogram is empty.
 */
void put_latency(struct cJSON *object, const char *key, const struct hist *h,
		 bool counts);

#endif
