/* SPDX-License-Identifier: MIT */
#include "bench/run/scenario.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run/scenario_internal.h"

#define WHOLE true
#define ANY false

const struct param_row param_rows[PARAM_COUNT] = {
#define PARAM_ROW(upper, lower, number, value, min, max)                       \
	{#lower, number, value, min, max},
	PARAM_LIST(PARAM_ROW)
#undef PARAM_ROW
};

const char *const scenario_method_names[] = {
#define METHOD_NAME(upper, lower, kinds) #lower,
	METHOD_LIST(METHOD_NAME)
#undef METHOD_NAME
		NULL};
const char *const scenario_size_names[] = {"smoke", "quick", "standard", "full",
					   NULL};

const char *param_name(enum param p)
{
	return param_rows[p].name;
}

const char *scenario_method_name(enum scenario_method m)
{
	return scenario_method_names[m];
}

const char *scenario_size_name(enum scenario_size s)
{
	return scenario_size_names[s];
}

enum param param_find(const char *name, size_t n)
{
	for (int i = 0; i < PARAM_COUNT; i++) {
		if (strlen(param_rows[i].name) == n &&
		    memcmp(param_rows[i].name, name, n) == 0)
			return (enum param)i;
	}
	return PARAM_COUNT;
}

bool param_has(enum param p, double value)
{
	return !param_rows[p].whole || value == floor(value);
}

static void free_texts(char **texts)
{
	for (size_t i = 0; texts && texts[i]; i++)
		free(texts[i]);
	free(texts);
}

/* Life cycle */

void scenario_release(struct scenario *s)
{
	for (size_t i = 0; i < s->variant_count; i++) {
		free(s->variants[i].name);
		free(s->variants[i].help);
		free_texts(s->variants[i].link);
		free_texts(s->variants[i].server);
	}
	for (size_t i = 0; i < s->published_count; i++) {
		struct published *p = &s->published[i];

		free(p->what);
		free(p->variant);
		free(p->target);
		free(p->figure);
		free(p->per);
		free(p->source);
		free(p->why);
	}
	free(s->published);
	for (int i = 0; i < PARAM_COUNT; i++)
		free(s->params[i].help);
	free_texts(s->targets);
	free(s->baseline);
	free(s->variants);
	free(s->file);
	free(s->name);
	free(s->description);
	free(s->teaches);
	*s = (struct scenario){0};
}

bool scenario_names(const struct scenario *s, const char *target)
{
	for (size_t i = 0; s->targets && s->targets[i]; i++) {
		if (strcmp(s->targets[i], target) == 0)
			return true;
	}
	return false;
}

/* Values */

/* Decimal: strtod() knows other ways to write one. */
static bool read_number(const char *text, double *out)
{
	char *end;

	if (text[strspn(text, "0123456789.eE+-")])
		return false;
	*out = strtod(text, &end);
	return end != text && !*end && isfinite(*out);
}

enum err param_set(struct param_changes *into, const char *text, char *message,
		   size_t size)
{
	const char *equals = strchr(text, '=');
	enum param p = PARAM_COUNT;
	double value;

	if (equals)
		p = param_find(text, (size_t)(equals - text));
	if (!equals) {
		(void)snprintf(message, size,
			       "--set %.100s: expected key=value", text);
		return ERR_USAGE;
	}
	if (p == PARAM_COUNT) {
		(void)snprintf(message, size,
			       "--set %.100s: there is no such parameter",
			       text);
		return ERR_USAGE;
	}
	if (!read_number(equals + 1, &value) || !param_has(p, value)) {
		(void)snprintf(message, size, "--set %.100s: expected a %s",
			       text,
			       param_rows[p].whole ? "whole number" : "number");
		return ERR_USAGE;
	}
	into->set[p] = true;
	into->value[p] = value;
	return ERR_OK;
}

enum err scenario_takes(const struct scenario *s,
			const struct param_changes *set, char *message,
			size_t size)
{
	enum err e = ERR_NOTFOUND;

	for (int i = 0; i < PARAM_COUNT; i++) {
		const struct param_spec *p = &s->params[i];

		if (!set->set[i] || !p->declared)
			continue;
		if (set->value[i] < p->min || set->value[i] > p->max) {
			(void)snprintf(message, size,
				       "--set %s=%g: %s takes %g to %g",
				       param_rows[i].name, set->value[i],
				       s->name, p->min, p->max);
			return ERR_USAGE;
		}
		e = ERR_OK;
	}
	return e;
}

static void apply(const struct param_changes *c, double out[PARAM_COUNT])
{
	for (int i = 0; i < PARAM_COUNT; i++) {
		if (c->set[i])
			out[i] = c->value[i];
	}
}

void scenario_values(const struct scenario *s, const struct variant *v,
		     enum scenario_size size, const struct param_changes *set,
		     double out[PARAM_COUNT])
{
	for (int i = 0; i < PARAM_COUNT; i++)
		out[i] = s->params[i].value;
	/* What full does not say is as in standard. */
	if (size == SIZE_FULL)
		apply(&s->sizes[SIZE_STANDARD], out);
	apply(&s->sizes[size], out);
	apply(&v->changes, out);
	for (int i = 0; i < PARAM_COUNT; i++) {
		if (set->set[i] && s->params[i].declared)
			out[i] = set->value[i];
	}
	if (out[PARAM_MEMBERS] > 0)
		out[PARAM_SUBSCRIBERS] = out[PARAM_ROOMS] * out[PARAM_MEMBERS];
}

bool scenario_rooms_fit(const struct scenario *s,
			const double values[PARAM_COUNT])
{
	return values[PARAM_ROOMS] * values[PARAM_MEMBERS] <=
	       s->params[PARAM_MEMBERS].max;
}

/* "--set rooms=9000" or "members=4": whoever said it. */
static void tell_value(const struct scenario *s,
		       const struct param_changes *set, enum param p,
		       double value, char *into, size_t size)
{
	bool given = set->set[p] && s->params[p].declared;

	(void)snprintf(into, size, "%s%s=%.10g", given ? "--set " : "",
		       param_rows[p].name, value);
}

enum err scenario_fits(const struct scenario *s, enum scenario_size at,
		       const struct param_changes *set, char *message,
		       size_t size)
{
	for (size_t i = 0; i < s->variant_count; i++) {
		double v[PARAM_COUNT];
		char rooms[64], members[64];

		scenario_values(s, &s->variants[i], at, set, v);
		if (scenario_rooms_fit(s, v))
			continue;
		tell_value(s, set, PARAM_ROOMS, v[PARAM_ROOMS], rooms,
			   sizeof(rooms));
		tell_value(s, set, PARAM_MEMBERS, v[PARAM_MEMBERS], members,
			   sizeof(members));
		(void)snprintf(message, size,
			       "%s and %s: %s takes up to %g members in all "
			       "rooms together, not %.10g",
			       rooms, members, s->name,
			       s->params[PARAM_MEMBERS].max,
			       v[PARAM_ROOMS] * v[PARAM_MEMBERS]);
		return ERR_USAGE;
	}
	return ERR_OK;
}
