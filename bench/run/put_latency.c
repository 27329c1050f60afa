/* SPDX-License-Identifier: MIT */
/* On its own: who has no histograms links put.c without them. */
#include <cjson/cJSON.h>

#include "bench/load/hist.h"
#include "bench/run/put.h"
#include "servers/base/check.h"

void put_latency(struct cJSON *object, const char *key, const struct hist *h,
		 bool counts)
{
	static const struct {
		const char *name;
		double percentile;
	} list[] = {{"50", 50}, {"75", 75},	{"90", 90},	 {"95", 95},
		    {"99", 99}, {"99.9", 99.9}, {"99.99", 99.99}};
	cJSON *json, *percentiles, *whole;

	if (h->total == 0)
		return;
	json = put_object(object, key);
	put_number(json, "count", (double)h->total);
	put_number(json, "mean", hist_mean(h));
	put_number(json, "min", (double)h->min);
	put_number(json, "max", (double)h->max);
	percentiles = put_object(json, "percentiles");
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		if (hist_supports(h, list[i].percentile, PUT_BEYOND))
			put_number(
				percentiles, list[i].name,
				(double)hist_percentile(h, list[i].percentile));
	}
	if (!counts)
		return;
	whole = hist_to_json(h);
	put_item(json, "counts", cJSON_DetachItemFromObject(whole, "counts"));
	cJSON_Delete(whole);
}
