/* SPDX-License-Identifier: MIT */
#include "bench/run/scenario.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

static const struct {
	const char *name;
	double value, min, max;
} params[] = {
#define PARAM_ROW(upper, lower, value, min, max) {#lower, value, min, max},
	PARAM_LIST(PARAM_ROW)
#undef PARAM_ROW
};

static const char *const method_names[] = {
#define METHOD_NAME(upper, lower) #lower,
	METHOD_LIST(METHOD_NAME)
#undef METHOD_NAME
		NULL};
const char *const scenario_size_names[] = {"smoke", "quick", "standard", "full",
					   NULL};

const char *param_name(enum param p)
{
	return params[p].name;
}

const char *scenario_method_name(enum scenario_method m)
{
	return method_names[m];
}

const char *scenario_size_name(enum scenario_size s)
{
	return scenario_size_names[s];
}

/* PARAM_COUNT when there is none of that name. */
static enum param param_find(const char *name, size_t n)
{
	for (int i = 0; i < PARAM_COUNT; i++) {
		if (strlen(params[i].name) == n &&
		    memcmp(params[i].name, name, n) == 0)
			return (enum param)i;
	}
	return PARAM_COUNT;
}

/* Index in a NULL-terminated list, or -1. */
static int index_of(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

/* Reading */

/* "expected one of: a, b, c" */
static void fail_choice(struct doc *d, const cJSON *item,
			const char *const *names)
{
	char list[256] = "";
	size_t at = 0;

	for (size_t i = 0; names[i] && at < sizeof(list); i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s",
				       i ? ", " : "", names[i]);
	doc_fail(d, item, "expected one of: %s", list);
}

static void read_param(struct scenario *s, struct doc *d, const cJSON *item)
{
	static const char *const known[] = {"value", "min", "max", "help",
					    NULL};
	enum param p = param_find(item->string, strlen(item->string));
	struct param_spec *spec;

	if (p == PARAM_COUNT) {
		doc_fail(d, item, "there is no such parameter");
		return;
	}
	if (!cJSON_IsObject(item)) {
		doc_fail(d, item, "expected an object");
		return;
	}
	doc_only(d, item, known);
	spec = &s->params[p];
	spec->min = doc_number(d, item, "min", params[p].min, params[p].max,
			       params[p].min);
	spec->max = doc_number(d, item, "max", spec->min, params[p].max,
			       params[p].max);
	spec->value = doc_number(d, item, "value", spec->min, spec->max, NAN);
	if (!spec->declared)
		spec->help = xstrdup(doc_text(d, item, "help", NULL));
	spec->declared = true;
}

/* The item's value as that of parameter `p` of this scenario. */
static void read_change(const struct scenario *s, struct doc *d,
			const cJSON *item, struct param_changes *into)
{
	enum param p = param_find(item->string, strlen(item->string));

	if (p == PARAM_COUNT) {
		doc_fail(d, item, "unknown key");
		return;
	}
	if (!cJSON_IsNumber(item)) {
		doc_fail(d, item, "expected a number");
		return;
	}
	if (item->valuedouble < s->params[p].min ||
	    item->valuedouble > s->params[p].max)
		doc_fail(d, item, "%g is not within %g and %g",
			 item->valuedouble, s->params[p].min, s->params[p].max);
	into->set[p] = true;
	into->value[p] = item->valuedouble;
}

/* Texts, NULL-terminated; NULL when the key is absent. Returns owned. */
static char **read_texts(struct doc *d, const cJSON *object, const char *key)
{
	const cJSON *list = doc_get(d, object, key, false);
	char **texts;
	size_t n = 0;

	if (!list)
		return NULL;
	if (!cJSON_IsArray(list) || !list->child) {
		doc_fail(d, list, "expected a list of texts");
		return NULL;
	}
	texts = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*texts));
	for (const cJSON *c = list->child; c; c = c->next) {
		if (!cJSON_IsString(c)) {
			doc_fail(d, c, "expected a text");
			break;
		}
		texts[n++] = xstrdup(c->valuestring);
	}
	return texts;
}

static void free_texts(char **texts)
{
	for (size_t i = 0; texts && texts[i]; i++)
		free(texts[i]);
	free(texts);
}

/* Arguments that the method would never look at are a mistake. */
static char **read_link(const struct scenario *s, struct doc *d,
			const cJSON *item)
{
	char **args = read_texts(d, item, "link");

	if (args && s->method != METHOD_NETWORK && s->method != METHOD_ZOMBIE)
		doc_fail(d, doc_get(d, item, "link", true),
			 "the method %s has no use for it",
			 method_names[s->method]);
	return args;
}

static void read_variant(struct scenario *s, struct doc *d, const cJSON *item)
{
	static const char *const kinds[] = {"closed", "open", "rtt", "idle",
					    NULL};
	static const char *const keys[] = {"name", "kind",   "help",
					   "link", "server", NULL};
	struct variant *v = &s->variants[s->variant_count++];
	int kind;

	if (!cJSON_IsObject(item)) {
		doc_fail(d, item, "expected an object");
		return;
	}
	v->name = xstrdup(doc_text(d, item, "name", NULL));
	v->help = xstrdup(doc_text(d, item, "help", ""));
	kind = index_of(kinds, doc_text(d, item, "kind", NULL));
	if (kind < 0)
		doc_fail(d, doc_get(d, item, "kind", true),
			 "expected closed, open, rtt or idle");
	else
		v->kind = (enum load_kind)kind;
	v->link = read_link(s, d, item);
	v->server = read_texts(d, item, "server");
	for (const cJSON *c = item->child; c; c = c->next) {
		if (index_of(keys, c->string) < 0)
			read_change(s, d, c, &v->changes);
	}
}

static void read_variants(struct scenario *s, struct doc *d, const cJSON *list)
{
	int n = cJSON_GetArraySize(list);

	if (!cJSON_IsArray(list) || n == 0) {
		doc_fail(d, list, "expected a list with at least one variant");
		return;
	}
	s->variants = xcalloc((size_t)n, sizeof(*s->variants));
	for (const cJSON *c = list->child; c; c = c->next)
		read_variant(s, d, c);
}

static void read_sizes(struct scenario *s, struct doc *d, const cJSON *sizes)
{
	if (!cJSON_IsObject(sizes)) {
		doc_fail(d, sizes, "expected an object");
		return;
	}
	doc_only(d, sizes, scenario_size_names);
	for (const cJSON *c = sizes->child; c && !doc_failed(d); c = c->next) {
		int size = index_of(scenario_size_names, c->string);

		for (const cJSON *p = c->child; p; p = p->next)
			read_change(s, d, p, &s->sizes[size]);
	}
}

/* One target as the baseline needs others that it can be compared with. */
static void read_targets(struct scenario *s, struct doc *d)
{
	const char *baseline = doc_text(d, d->root, "baseline", "");

	s->targets = read_texts(d, d->root, "targets");
	if (baseline[0] && strcmp(baseline, SCENARIO_SELF) != 0 && !s->targets)
		doc_fail(d, doc_get(d, d->root, "baseline", true),
			 "needs a list of targets");
	if (baseline[0])
		s->baseline = xstrdup(baseline);
}

/* Whether there is a variant of that name. */
static bool has_variant(const struct scenario *s, const char *name)
{
	for (size_t i = 0; i < s->variant_count; i++) {
		if (strcmp(s->variants[i].name, name) == 0)
			return true;
	}
	return false;
}

static void read_published(struct scenario *s, struct doc *d, const cJSON *item)
{
	static const char *const known[] = {"what",   "variant", "target",
					    "figure", "value",	 "scale",
					    "per",    "source",	 "why",
					    NULL};
	struct published *p = &s->published[s->published_count++];

	if (!cJSON_IsObject(item)) {
		doc_fail(d, item, "expected an object");
		return;
	}
	doc_only(d, item, known);
	p->what = xstrdup(doc_text(d, item, "what", NULL));
	p->variant = xstrdup(doc_text(d, item, "variant", NULL));
	p->target = xstrdup(doc_text(d, item, "target", NULL));
	p->figure = xstrdup(doc_text(d, item, "figure", NULL));
	if (doc_get(d, item, "per", false))
		p->per = xstrdup(doc_text(d, item, "per", NULL));
	p->source = xstrdup(doc_text(d, item, "source", NULL));
	p->why = xstrdup(doc_text(d, item, "why", NULL));
	p->value = doc_number(d, item, "value", -1e18, 1e18, NAN);
	p->scale = doc_number(d, item, "scale", 1e-18, 1e18, 1);
	if (!has_variant(s, p->variant))
		doc_fail(d, doc_get(d, item, "variant", true),
			 "there is no such variant");
}

static void read_all_published(struct scenario *s, struct doc *d)
{
	const cJSON *list = doc_get(d, d->root, "published", false);

	if (!list || doc_failed(d))
		return;
	if (!cJSON_IsArray(list) || !list->child) {
		doc_fail(d, list, "expected a list of published figures");
		return;
	}
	s->published = xcalloc((size_t)cJSON_GetArraySize(list),
			       sizeof(*s->published));
	for (const cJSON *c = list->child; c && !doc_failed(d); c = c->next)
		read_published(s, d, c);
}

static void read_head(struct scenario *s, struct doc *d)
{
	int m;

	s->name = xstrdup(doc_text(d, d->root, "name", NULL));
	s->description = xstrdup(doc_text(d, d->root, "description", NULL));
	s->teaches = xstrdup(doc_text(d, d->root, "teaches", NULL));
	s->suite = (int)doc_number(d, d->root, "suite", 0, 1000, 0);
	m = index_of(method_names, doc_text(d, d->root, "method", NULL));
	if (m < 0)
		fail_choice(d, doc_get(d, d->root, "method", true),
			    method_names);
	else
		s->method = (enum scenario_method)m;
	read_targets(s, d);
}

enum err scenario_read(struct scenario *s, struct doc *d)
{
	static const char *const known[] = {
		"name",	   "description", "teaches",   "method",
		"suite",   "parameters",  "variants",  "sizes",
		"targets", "baseline",	  "published", NULL};
	const cJSON *item;

	*s = (struct scenario){0};
	for (int i = 0; i < PARAM_COUNT; i++)
		s->params[i] = (struct param_spec){.value = params[i].value,
						   .min = params[i].min,
						   .max = params[i].max};
	doc_only(d, d->root, known);
	read_head(s, d);
	item = doc_get(d, d->root, "parameters", true);
	if (item && !cJSON_IsObject(item))
		doc_fail(d, item, "expected an object");
	for (item = item ? item->child : NULL; item && !doc_failed(d);
	     item = item->next)
		read_param(s, d, item);
	item = doc_get(d, d->root, "variants", true);
	if (!doc_failed(d))
		read_variants(s, d, item);
	item = doc_get(d, d->root, "sizes", true);
	if (!doc_failed(d))
		read_sizes(s, d, item);
	read_all_published(s, d);
	return doc_failed(d) ? ERR_USAGE : ERR_OK;
}

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

enum err param_set(struct param_changes *into, const char *text, char *message,
		   size_t size)
{
	const char *equals = strchr(text, '=');
	enum param p = PARAM_COUNT;
	char *end = NULL;
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
	value = strtod(equals + 1, &end);
	if (end == equals + 1 || *end || !isfinite(value)) {
		(void)snprintf(message, size, "--set %.100s: expected a number",
			       text);
		return ERR_USAGE;
	}
	into->set[p] = true;
	into->value[p] = value;
	return ERR_OK;
}

static double value_of(const struct scenario *s,
		       const struct param_changes *set, enum param p)
{
	return set->set[p] && s->params[p].declared ? set->value[p]
						    : s->params[p].value;
}

/* Each of the two within its range may be too many together. */
static enum err rooms_fit(const struct scenario *s,
			  const struct param_changes *set, char *message,
			  size_t size)
{
	double rooms = value_of(s, set, PARAM_ROOMS);
	double members = value_of(s, set, PARAM_MEMBERS);
	double max = s->params[PARAM_MEMBERS].max;

	if (rooms * members <= max || max == 0)
		return ERR_OK;
	(void)snprintf(message, size,
		       "--set rooms=%g members=%g: %s takes up to %g members "
		       "in all rooms together",
		       rooms, members, s->name, max);
	return ERR_USAGE;
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
				       params[i].name, set->value[i], s->name,
				       p->min, p->max);
			return ERR_USAGE;
		}
		e = ERR_OK;
	}
	return e == ERR_OK ? rooms_fit(s, set, message, size) : e;
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
