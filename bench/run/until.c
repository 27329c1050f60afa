/* SPDX-License-Identifier: MIT */
#include "bench/run/until.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run/measurement.h"
#include "bench/run/method.h"
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

static const struct figure *figure_of(const struct measurement *m, int i)
{
	return known[i].metric == METRICS ? &m->memory
					  : &m->ratios[known[i].metric];
}

static size_t least_of(int i)
{
	return known[i].metric == METRICS ? UNTIL_STARTS_MIN : UNTIL_PAIRS_MIN;
}

/* By how much narrower than the goal it has to be with so many. */
static double margin_of(int i, double count)
{
	return known[i].metric == METRICS ? 1 : 1 + UNTIL_MARGIN / count;
}

/* A metric of pairs, of a variant: those of a recv() loop have no times. */
static bool pairs_have(const struct method *method, int metric,
		       enum load_kind kind)
{
	switch (metric) {
	case METRIC_LATENCY_MEDIAN:
	case METRIC_LATENCY_LAST:
	case METRIC_LATENCY_TAIL:
		return method->against == AGAINST_BASELINE &&
		       (kind == LOAD_OPEN || kind == LOAD_CLOSED);
	case METRIC_ACK:
		return kind == LOAD_RTT;
	default:
		return true;
	}
}

static bool has(const struct scenario *s, int i)
{
	const struct method *method = method_of(s);

	if (known[i].metric == METRICS)
		return s->method == METHOD_MEMORY;
	for (size_t v = 0; v < s->variant_count; v++) {
		if (method->against != AGAINST_NOTHING &&
		    pairs_have(method, known[i].metric, s->variants[v].kind))
			return true;
	}
	return false;
}

enum err until_check(const struct until *u, const struct scenario *all,
		     size_t count, char *message, size_t size)
{
	for (int i = 0; i < UNTIL_METRICS; i++) {
		bool taken = u->goal[i] <= 0;

		for (size_t k = 0; k < count && !taken; k++)
			taken = has(&all[k], i);
		if (taken)
			continue;
		(void)snprintf(message, size,
			       "--until %s: no chosen scenario has this metric",
			       known[i].name);
		return ERR_USAGE;
	}
	return ERR_OK;
}

void until_defaults(char *into, size_t size)
{
	size_t at = 0;

	for (int i = 0; i < UNTIL_METRICS && at < size; i++)
		at += (size_t)snprintf(into + at, size - at, "%s%s %g",
				       i ? ", " : "", known[i].name,
				       100 * known[i].share);
}

/* Half the interval as a share of the figure; NaN without an interval. */
static double reached(const struct measurement *m, int i)
{
	const struct figure *f = figure_of(m, i);

	if (f->count < 2 || f->value <= 0)
		return NAN;
	if (known[i].metric == METRICS)
		return (f->high - f->low) / 2 / f->value;
	return f->low > 0 ? exp(log(f->high / f->low) / 2) - 1 : NAN;
}

/* What it has to reach with the observations that there are. */
static double asked(const struct until *u, const struct measurement *m, int i)
{
	return u->goal[i] / margin_of(i, (double)figure_of(m, i)->count);
}

/* The interval of few is a hint: it may be narrow by chance, and ends nothing.
 */
static bool lacks(const struct measurement *m, int i)
{
	size_t count = figure_of(m, i)->count;

	return count > 0 && count < least_of(i);
}

static bool too_wide(const struct until *u, const struct measurement *m, int i)
{
	return u->goal[i] > 0 &&
	       (lacks(m, i) || reached(m, i) > asked(u, m, i));
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

#define FACTOR_MAX 1e6
#define FACTOR_STEP 1.01

/* Of one: an interval shrinks with the root of how many there are. */
static double factor_of(const struct until *u, const struct measurement *m,
			int i)
{
	double count = (double)figure_of(m, i)->count, now = reached(m, i);
	double times = fmax(1, (double)least_of(i) / count);

	while (times < FACTOR_MAX &&
	       now / sqrt(times) * margin_of(i, times * count) > u->goal[i])
		times *= FACTOR_STEP;
	return times;
}

double until_factor(const struct until *u, const struct measurement *m)
{
	double most = 1;

	for (int i = 0; i < UNTIL_METRICS; i++) {
		if (too_wide(u, m, i))
			most = fmax(most, factor_of(u, m, i));
	}
	return most;
}

static int describe_share(const struct until *u, const struct measurement *m,
			  int i, char *into, size_t size)
{
	double now = asked(u, m, i);

	if (lacks(m, i))
		return snprintf(into, size, "seen too few times yet");
	if (now >= u->goal[i])
		return snprintf(into, size, "within %.3g %% (%.3g %%)",
				100 * reached(m, i), 100 * u->goal[i]);
	return snprintf(into, size,
			"within %.3g %% (%.3g %%; %.3g %% with %zu)",
			100 * reached(m, i), 100 * u->goal[i], 100 * now,
			figure_of(m, i)->count);
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
		if (at < size)
			at += (size_t)describe_share(u, m, i, into + at,
						     size - at);
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
		put_number(row, "asked", asked(u, m, i));
		put_number(row, "reached", now);
		put_bool(row, "met", !too_wide(u, m, i));
	}
	return list;
}
