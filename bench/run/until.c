/* SPDX-License-Identifier: MIT */
#include "bench/run/until.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run/measurement.h"
#include "bench/run/put.h"
#include "servers/base/check.h"

static const struct {
	const char *name;
	int metric; /* METRICS: memory */
	double share;
} known[UNTIL_METRICS] = {
#define UNTIL_ROW(name, metric, share) {name, metric, share},
	UNTIL_LIST(UNTIL_ROW)
#undef UNTIL_ROW
};

static enum err unknown(const char *text, size_t name, char *message,
			size_t size)
{
	size_t at = (size_t)snprintf(message, size,
				     "--until %.*s: there is no such metric; "
				     "there are",
				     name > 40 ? 40 : (int)name, text);

	for (int i = 0; i < UNTIL_METRICS && at < size; i++)
		at += (size_t)snprintf(message + at, size - at, "%s %s",
				       i ? "," : "", known[i].name);
	return ERR_USAGE;
}

/* "5%" or "5"; the whole text must be it. */
static bool read_share(const char *text, double *share)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || (*end && strcmp(end, "%") != 0) ||
	    !(value >= 0.1 && value <= 100))
		return false;
	*share = value / 100;
	return true;
}

enum err until_add(struct until *u, const char *text, char *message,
		   size_t size)
{
	size_t name = strcspn(text, "=");
	double share;

	for (int i = 0; i < UNTIL_METRICS; i++) {
		if (strlen(known[i].name) != name ||
		    strncmp(known[i].name, text, name) != 0)
			continue;
		share = known[i].share;
		if (text[name] && !read_share(text + name + 1, &share)) {
			(void)snprintf(message, size,
				       "--until %.60s: expected %s=N%% with N "
				       "from 0.1 to 100",
				       text, known[i].name);
			return ERR_USAGE;
		}
		u->goal[i] = share;
		return ERR_OK;
	}
	return unknown(text, name, message, size);
}

bool until_asked(const struct until *u)
{
	for (int i = 0; i < UNTIL_METRICS; i++) {
		if (u->goal[i] > 0)
			return true;
	}
	return false;
}

/* Half the interval as a share of the figure; NaN without an interval. */
static double reached(const struct measurement *m, int i)
{
	const struct figure *f = known[i].metric == METRICS
					 ? &m->memory
					 : &m->ratios[known[i].metric];

	if (f->count < 2 || f->value <= 0)
		return NAN;
	if (known[i].metric == METRICS)
		return (f->high - f->low) / 2 / f->value;
	return f->low > 0 ? exp(log(f->high / f->low) / 2) - 1 : NAN;
}

/* The interval of few is a hint: it may be narrow by chance, and ends nothing.
 */
static bool lacks(const struct measurement *m, int i)
{
	bool memory = known[i].metric == METRICS;
	const struct figure *f =
		memory ? &m->memory : &m->ratios[known[i].metric];

	return f->count > 0 &&
	       f->count < (memory ? UNTIL_STARTS_MIN : STATS_PAIRS_MIN);
}

static bool too_wide(const struct until *u, const struct measurement *m, int i)
{
	return u->goal[i] > 0 && (lacks(m, i) || reached(m, i) > u->goal[i]);
}

bool until_wants(const struct until *u, const struct measurement *m)
{
	if (m->failure[0] || (m->check.done && !m->check.valid))
		return false;
	for (int i = 0; i < UNTIL_METRICS; i++) {
		if (too_wide(u, m, i))
			return true;
	}
	return false;
}

/* Of those that are lacking. */
static double least(const struct measurement *m, int i)
{
	return known[i].metric == METRICS
		       ? (double)UNTIL_STARTS_MIN / (double)m->memory.count
		       : (double)STATS_PAIRS_MIN /
				 (double)m->ratios[known[i].metric].count;
}

double until_factor(const struct until *u, const struct measurement *m)
{
	double most = 1;

	for (int i = 0; i < UNTIL_METRICS; i++) {
		double times = reached(m, i) / u->goal[i];

		if (!too_wide(u, m, i))
			continue;
		if (lacks(m, i))
			most = fmax(most, least(m, i));
		if (times > 1)
			most = fmax(most, times * times);
	}
	return most;
}

void until_describe(const struct until *u, const struct measurement *m,
		    char *into, size_t size)
{
	size_t at = 0;

	into[0] = '\0';
	for (int i = 0; i < UNTIL_METRICS && at < size; i++) {
		if (!too_wide(u, m, i))
			continue;
		at += (size_t)snprintf(into + at, size - at, "%s%s ",
				       at ? ", " : "", known[i].name);
		if (at < size && lacks(m, i))
			at += (size_t)snprintf(into + at, size - at,
					       "seen too few times yet");
		else if (at < size)
			at += (size_t)snprintf(into + at, size - at,
					       "within %.3g %% (%.3g %%)",
					       100 * reached(m, i),
					       100 * u->goal[i]);
	}
}

struct cJSON *until_to_json(const struct until *u, const struct measurement *m)
{
	cJSON *list = NULL;

	for (int i = 0; i < UNTIL_METRICS; i++) {
		double now = reached(m, i);
		cJSON *row;

		if (u->goal[i] <= 0 || (isnan(now) && !lacks(m, i)))
			continue;
		if (!list)
			list = cJSON_CreateArray();
		row = cJSON_CreateObject();
		CHECK(cJSON_AddItemToArray(list, row));
		put_text(row, "metric", known[i].name);
		put_number(row, "goal", u->goal[i]);
		put_number(row, "reached", now);
		put_bool(row, "met", !too_wide(u, m, i));
	}
	return list;
}
