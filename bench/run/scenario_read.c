/* SPDX-License-Identifier: MIT */
/* A scenario from its file. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/link/options.h"
#include "bench/run/scenario_internal.h"
#include "servers/base/check.h"

#define TOLD 256 /* of a wrong link, in a complaint */

static const char *const kind_names[] = {
	[LOAD_CLOSED] = "closed",
	[LOAD_OPEN] = "open",
	[LOAD_RTT] = "rtt",
	[LOAD_IDLE] = "idle",
	NULL,
};

static const unsigned method_kinds[] = {
#define METHOD_KINDS(upper, lower, kinds) kinds,
	METHOD_LIST(METHOD_KINDS)
#undef METHOD_KINDS
};

/* Index in a NULL-terminated list, or -1. */
static int index_of(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

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

static double read_value(struct doc *d, const cJSON *object, enum param p,
			 const char *key, double min, double max,
			 double fallback)
{
	return param_rows[p].whole
		       ? doc_whole(d, object, key, min, max, fallback)
		       : doc_number(d, object, key, min, max, fallback);
}

static void read_param(struct scenario *s, struct doc *d, const cJSON *item)
{
	static const char *const known[] = {"value", "min", "max", "help",
					    NULL};
	enum param p = param_find(item->string, strlen(item->string));
	const struct param_row *row;
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
	row = &param_rows[p];
	spec = &s->params[p];
	spec->min = read_value(d, item, p, "min", row->min, row->max, row->min);
	spec->max =
		read_value(d, item, p, "max", spec->min, row->max, row->max);
	spec->value =
		read_value(d, item, p, "value", spec->min, spec->max, NAN);
	if (!spec->declared)
		spec->help = xstrdup(doc_text(d, item, "help", NULL));
	spec->declared = true;
}

static void read_params(struct scenario *s, struct doc *d, const cJSON *object)
{
	if (!cJSON_IsObject(object) || !object->child) {
		doc_fail(d, object,
			 "expected an object with at least one parameter");
		return;
	}
	for (const cJSON *c = object->child; c && !doc_failed(d); c = c->next)
		read_param(s, d, c);
	doc_unique(d, object);
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
	if (!param_has(p, item->valuedouble))
		doc_fail(d, item, "expected a whole number");
	into->set[p] = true;
	into->value[p] = item->valuedouble;
}

/* What `pushmark link` would say to its arguments. */
static void check_link(const struct scenario *s, struct doc *d,
		       const cJSON *item, char *const *args)
{
	char message[TOLD];

	if (s->method != METHOD_NETWORK && s->method != METHOD_ZOMBIE)
		doc_fail(d, item, "the method %s has no use for it",
			 scenario_method_name(s->method));
	else if (cJSON_GetArraySize(item) > SCENARIO_LINK_MAX)
		doc_fail(d, item, "more than %d arguments", SCENARIO_LINK_MAX);
	else if (link_options_check(args, s->method == METHOD_ZOMBIE, message,
				    sizeof(message)) != ERR_OK)
		doc_fail(d, item, "%s", message);
}

static void read_kind(const struct scenario *s, struct doc *d,
		      const cJSON *item, struct variant *v)
{
	int kind = index_of(kind_names, doc_text(d, item, "kind", NULL));
	unsigned takes = method_kinds[s->method];
	char list[64] = "";
	size_t at = 0;

	item = doc_get(d, item, "kind", true);
	if (kind < 0) {
		doc_fail(d, item, "expected closed, open, rtt or idle");
		return;
	}
	v->kind = (enum load_kind)kind;
	for (int i = 0; kind_names[i] && !(takes >> kind & 1); i++) {
		if (takes >> i & 1)
			at += (size_t)snprintf(list + at, sizeof(list) - at,
					       "%s%s", at ? " or " : "",
					       kind_names[i]);
	}
	if (at > 0)
		doc_fail(d, item, "the method %s expects %s",
			 scenario_method_name(s->method), list);
}

/* As distributions.c names files: it tells letters, digits, dots and pluses. */
static bool same_files(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		bool telling = isalnum((unsigned char)*a) || *a == '.' ||
			       *a == '+' || isalnum((unsigned char)*b) ||
			       *b == '.' || *b == '+';

		if (telling && *a != *b)
			return false;
	}
	return *a == *b;
}

/* Results and their files are found by the variant's name. */
static void check_variant_name(const struct scenario *s, struct doc *d,
			       const cJSON *item, const char *name)
{
	item = doc_get(d, item, "name", true);
	if (strlen(name) > DOC_NAME_MAX)
		doc_fail(d, item, "longer than %d bytes", DOC_NAME_MAX);
	for (size_t i = 0; i + 1 < s->variant_count && !doc_failed(d); i++) {
		if (strcmp(s->variants[i].name, name) == 0)
			doc_fail(d, item, "another variant has this name");
		else if (same_files(s->variants[i].name, name))
			doc_fail(d, item,
				 "its files would have the names of those of "
				 "\"%s\"",
				 s->variants[i].name);
	}
}

static void read_variant(struct scenario *s, struct doc *d, const cJSON *item)
{
	static const char *const keys[] = {"name", "kind",   "help",
					   "link", "server", NULL};
	struct variant *v = &s->variants[s->variant_count++];

	if (!cJSON_IsObject(item)) {
		doc_fail(d, item, "expected an object");
		return;
	}
	v->name = xstrdup(doc_text(d, item, "name", NULL));
	if (!doc_failed(d))
		check_variant_name(s, d, item, v->name);
	v->help = xstrdup(doc_text(d, item, "help", ""));
	read_kind(s, d, item, v);
	v->link = doc_texts(d, item, "link", false, "a list of texts");
	if (v->link && !doc_failed(d))
		check_link(s, d, doc_get(d, item, "link", true), v->link);
	v->server = doc_texts(d, item, "server", false, "a list of texts");
	for (const cJSON *c = item->child; c; c = c->next) {
		if (index_of(keys, c->string) < 0)
			read_change(s, d, c, &v->changes);
	}
	doc_unique(d, item);
}

static void read_variants(struct scenario *s, struct doc *d, const cJSON *list)
{
	int n = cJSON_GetArraySize(list);

	if (!cJSON_IsArray(list) || n == 0) {
		doc_fail(d, list, "expected a list with at least one variant");
		return;
	}
	s->variants = xcalloc((size_t)n, sizeof(*s->variants));
	for (const cJSON *c = list->child; c && !doc_failed(d); c = c->next)
		read_variant(s, d, c);
}

static void read_size(struct scenario *s, struct doc *d, const cJSON *item)
{
	int size = index_of(scenario_size_names, item->string);

	if (!cJSON_IsObject(item)) {
		doc_fail(d, item, "expected an object");
		return;
	}
	for (const cJSON *c = item->child; c && !doc_failed(d); c = c->next)
		read_change(s, d, c, &s->sizes[size]);
	doc_unique(d, item);
}

/* Rooms and members that are too many together, each within its range. */
static void check_rooms(const struct scenario *s, struct doc *d,
			const cJSON *sizes, enum scenario_size size,
			const struct variant *v)
{
	const cJSON *item = doc_get(d, sizes, scenario_size_name(size), false);
	const struct param_changes none = {0};
	double values[PARAM_COUNT];

	scenario_values(s, v, size, &none, values);
	if (!scenario_rooms_fit(s, values))
		doc_fail(d, item ? item : sizes,
			 "%g rooms of %g members in \"%s\": together they "
			 "have up to %g",
			 values[PARAM_ROOMS], values[PARAM_MEMBERS], v->name,
			 s->params[PARAM_MEMBERS].max);
}

/* What full does not say is as in standard, so it may be absent. */
static void read_sizes(struct scenario *s, struct doc *d, const cJSON *sizes)
{
	if (!cJSON_IsObject(sizes)) {
		doc_fail(d, sizes, "expected an object");
		return;
	}
	doc_only(d, sizes, scenario_size_names);
	for (int i = 0; i < SIZE_FULL; i++)
		(void)doc_get(d, sizes, scenario_size_names[i], true);
	for (const cJSON *c = sizes->child; c && !doc_failed(d); c = c->next)
		read_size(s, d, c);
	for (int i = 0; i < SIZES && !doc_failed(d); i++) {
		for (size_t v = 0; v < s->variant_count; v++)
			check_rooms(s, d, sizes, (enum scenario_size)i,
				    &s->variants[v]);
	}
}

/* Whether there are such targets is asked where they are known. */
static void check_targets(struct doc *d, char *const *targets)
{
	const cJSON *item = doc_get(d, d->root, "targets", true)->child;

	for (int i = 0; targets[i] && !doc_failed(d); i++) {
		doc_check_name(d, item);
		for (int k = 0; k < i; k++) {
			if (strcmp(targets[i], targets[k]) == 0)
				doc_fail(d, item, "\"%s\" is given twice",
					 targets[i]);
		}
		item = item->next;
	}
}

/* One target as the baseline needs others that it can be compared with. */
static void read_targets(struct scenario *s, struct doc *d)
{
	const char *baseline = doc_text(d, d->root, "baseline", "");
	const cJSON *item = doc_get(d, d->root, "baseline", false);

	s->targets = doc_texts(d, d->root, "targets", false, "a list of texts");
	if (s->targets && !doc_failed(d))
		check_targets(d, s->targets);
	if (!baseline[0])
		return;
	s->baseline = xstrdup(baseline);
	if (strcmp(baseline, SCENARIO_SELF) == 0)
		return;
	doc_check_name(d, item);
	if (!s->targets)
		doc_fail(d, item, "needs a list of targets");
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
	static const char *const known[] = {
		"what",	 "variant", "target", "figure", "value",
		"scale", "per",	    "source", "why",	NULL};
	struct published *p = &s->published[s->published_count++];

	if (!cJSON_IsObject(item)) {
		doc_fail(d, item, "expected an object");
		return;
	}
	doc_only(d, item, known);
	p->what = xstrdup(doc_text(d, item, "what", NULL));
	p->variant = xstrdup(doc_text(d, item, "variant", NULL));
	p->target = xstrdup(doc_name(d, item, "target"));
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

	s->file = xstrdup(d->path);
	s->name = xstrdup(doc_name(d, d->root, "name"));
	s->line = doc_line(d, doc_get(d, d->root, "name", true));
	s->description = xstrdup(doc_text(d, d->root, "description", NULL));
	s->teaches = xstrdup(doc_text(d, d->root, "teaches", NULL));
	s->suite = (int)doc_whole(d, d->root, "suite", 0, 1000, 0);
	m = index_of(scenario_method_names,
		     doc_text(d, d->root, "method", NULL));
	if (m < 0)
		fail_choice(d, doc_get(d, d->root, "method", true),
			    scenario_method_names);
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
		s->params[i] = (struct param_spec){.value = param_rows[i].value,
						   .min = param_rows[i].min,
						   .max = param_rows[i].max};
	doc_only(d, d->root, known);
	read_head(s, d);
	item = doc_get(d, d->root, "parameters", true);
	if (!doc_failed(d))
		read_params(s, d, item);
	item = doc_get(d, d->root, "variants", true);
	if (!doc_failed(d))
		read_variants(s, d, item);
	item = doc_get(d, d->root, "sizes", true);
	if (!doc_failed(d))
		read_sizes(s, d, item);
	read_all_published(s, d);
	return doc_failed(d) ? ERR_USAGE : ERR_OK;
}
