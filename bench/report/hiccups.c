/* SPDX-License-Identifier: MIT */
#include "bench/report/hiccups.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "bench/report/format.h"
#include "servers/base/check.h"

/* The largest that rows have under that path; NaN when one has it not. */
static double worst(const struct section *s, const char *role, const char *path)
{
	double most = (double)NAN;

	for (size_t i = 0; i < s->count; i++) {
		const cJSON *h =
			view_get(view_get(s->rows[i], "hiccups"), role);
		double value = view_number(h, path);

		if (!h)
			continue;
		if (isnan(value))
			return value;
		most = fmax(most, value); /* which knows a NaN for nothing */
	}
	return most;
}

/* "p99 0.20 ms, max 3.10 ms", of the highest percentile that all have. */
static bool clause(const struct section *s, const char *role,
		   const char *before, FILE *out)
{
	static const char *const names[] = {"99", "95", "90", "75", "50"};
	double max = worst(s, role, "max");
	struct format f = {0};

	if (isnan(max))
		return false;
	(void)fprintf(out, "%s", before);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[32];
		double value;

		(void)snprintf(path, sizeof(path), "percentiles.%s", names[i]);
		value = worst(s, role, path);
		if (isnan(value))
			continue;
		(void)fprintf(out, "p%s %s, ", names[i],
			      format_time(&f, value));
		break;
	}
	(void)fprintf(out, "max %s", format_time(&f, max));
	return true;
}

void hiccups_line(const struct section *s, const char *before, FILE *out)
{
	bool any;

	if (strcmp(view_text(s->rows[0], "method"), "client") == 0 ||
	    (isnan(worst(s, "server", "max")) &&
	     isnan(worst(s, "load", "max"))))
		return;
	(void)fprintf(out, "%smachine: hiccups on ", before);
	any = clause(s, "server", "the server's core ", out);
	(void)clause(s, "load", any ? "; the load's core " : "the load's core ",
		     out);
	(void)fputc('\n', out);
}
