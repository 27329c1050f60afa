/* SPDX-License-Identifier: MIT */
#include "bench/run/results.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/run/budget.h"
#include "bench/run/caveats.h"
#include "bench/run/provenance.h"
#include "bench/run/published.h"
#include "bench/run/put.h"
#include "servers/base/check.h"

#define OPEN_DEPTH 4 /* deeper values are written on one line */

void results_time(time_t t, bool compact, char *into, size_t size)
{
	struct tm utc;

	(void)gmtime_r(&t, &utc);
	(void)strftime(into, size,
		       compact ? "%Y%m%dT%H%M%SZ" : "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* The document */

static cJSON *options_to_json(const struct suite *s,
			      const struct results_context *c)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *list;

	CHECK(json);
	put_text(json, "size", scenario_size_name(s->size));
	list = put_object(json, "set");
	for (int i = 0; i < PARAM_COUNT; i++) {
		if (s->set.set[i])
			put_number(list, param_name((enum param)i),
				   s->set.value[i]);
	}
	list = put_array(json, "command");
	CHECK(cJSON_AddItemToArray(list, cJSON_CreateString("pushmark")));
	for (int i = 0; i < c->argc; i++)
		CHECK(cJSON_AddItemToArray(list,
					   cJSON_CreateString(c->argv[i])));
	if (c->again)
		put_text(json, "again", c->again);
	return json;
}

static cJSON *scenarios_to_json(const struct suite *s)
{
	cJSON *list = cJSON_CreateArray();

	CHECK(list);
	for (size_t i = 0; i < s->scenario_count; i++) {
		const struct scenario *scenario = &s->scenarios[i];
		cJSON *json = cJSON_CreateObject(), *variants;

		CHECK(cJSON_AddItemToArray(list, json));
		put_text(json, "name", scenario->name);
		put_text(json, "description", scenario->description);
		put_text(json, "teaches", scenario->teaches);
		put_text(json, "method",
			 scenario_method_name(scenario->method));
		variants = put_object(json, "variants");
		for (size_t v = 0; v < scenario->variant_count; v++)
			put_text(variants, scenario->variants[v].name,
				 scenario->variants[v].help);
	}
	return list;
}

static cJSON *targets_to_json(const struct suite *s)
{
	cJSON *list = cJSON_CreateArray();

	CHECK(list);
	for (size_t i = 0; i < s->target_count; i++) {
		const struct target *t = &s->targets[i];
		cJSON *json = cJSON_CreateObject(), *start;

		CHECK(cJSON_AddItemToArray(list, json));
		put_text(json, "name", t->name);
		put_text(json, "description", t->description);
		put_text(json, "dialect", t->dialect);
		start = put_array(json, "start");
		for (size_t a = 0; t->start[a]; a++)
			CHECK(cJSON_AddItemToArray(
				start, cJSON_CreateString(t->start[a])));
	}
	return list;
}

static void replace_text(cJSON *object, const char *key, const char *text)
{
	if (cJSON_GetObjectItemCaseSensitive(object, key))
		CHECK(cJSON_ReplaceItemInObjectCaseSensitive(
			object, key, cJSON_CreateString(text)));
}

/* That its digest differs may have been found after it was written. */
static cJSON *earlier_to_json(const struct measurement *m)
{
	cJSON *json = cJSON_Duplicate(m->earlier, 1);
	cJSON *check = cJSON_GetObjectItemCaseSensitive(json, "check");

	CHECK(json);
	if (measurement_invalid(m))
		replace_text(json, "verdict", measurement_verdict_name(m));
	if (!check || m->check.valid)
		return json;
	CHECK(cJSON_ReplaceItemInObjectCaseSensitive(check, "valid",
						     cJSON_CreateFalse()));
	replace_text(check, "why", m->check.why);
	return json;
}

/* It was asked for, and the time did not allow it. */
static void add_unmet(cJSON *caveats, const struct suite *s,
		      const struct measurement *m)
{
	char what[160], text[256];

	if (!until_wants(&s->until, m))
		return;
	until_describe(&s->until, m, what, sizeof(what));
	(void)snprintf(text, sizeof(text),
		       "The run was to go on until its intervals are narrow, "
		       "and ended before: %s.",
		       what);
	CHECK(cJSON_AddItemToArray(caveats, cJSON_CreateString(text)));
}

struct cJSON *results_measurement(const struct suite *s,
				  const struct measurement *m)
{
	cJSON *json, *slices, *until, *caveats;

	if (m->earlier)
		return earlier_to_json(m);
	json = measurement_to_json(m);
	slices = cJSON_DetachItemFromObject(json, "slices");
	until = until_to_json(&s->until, m);
	if (until)
		put_item(json, "until", until);
	put_bool(json, "client_bound", measurement_client_bound(m));
	caveats = caveats_of(m);
	add_unmet(caveats, s, m);
	put_item(json, "caveats", caveats);
	/* The long part last, where a reader can skip it. */
	if (slices)
		put_item(json, "slices", slices);
	return json;
}

static cJSON *measurements_to_json(const struct suite *s)
{
	cJSON *list = cJSON_CreateArray();

	CHECK(list);
	for (size_t i = 0; i < s->count; i++)
		CHECK(cJSON_AddItemToArray(
			list, results_measurement(s, &s->measurements[i])));
	return list;
}

/* The runs that a merged one consists of */

static void copy_item(cJSON *into, const cJSON *from, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, key);

	if (item)
		put_item(into, key, cJSON_Duplicate(item, 1));
}

static void add_part(cJSON *parts, const cJSON *run)
{
	static const char *const keys[] = {"started", "ended",	    "seconds",
					   "seed",    "provenance", "hiccups"};
	cJSON *part = cJSON_CreateObject();

	CHECK(part);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		copy_item(part, run, keys[i]);
	CHECK(cJSON_AddItemToArray(parts, part));
}

static void put_parts(cJSON *json, const cJSON *earlier)
{
	const cJSON *before =
		cJSON_GetObjectItemCaseSensitive(earlier, "parts");
	cJSON *parts;

	if (before)
		parts = cJSON_Duplicate(before, 1);
	else
		parts = cJSON_CreateArray();
	CHECK(parts);
	if (!before)
		add_part(parts, earlier);
	add_part(parts, json);
	put_item(json, "parts", parts);
}

struct cJSON *results_to_json(const struct suite *s,
			      const struct results_context *c)
{
	bool unfinished = s->interrupted || s->stopped || c->going_on;
	cJSON *json = cJSON_CreateObject(), *list;
	char text[32];

	CHECK(json);
	put_number(json, "schema", RESULTS_SCHEMA);
	results_time(c->started, false, text, sizeof(text));
	put_text(json, "started", text);
	results_time(c->ended, false, text, sizeof(text));
	put_text(json, "ended", text);
	put_number(json, "seconds", c->seconds);
	put_bool(json, "interrupted", unfinished);
	put_bool(json, "succeeded", suite_succeeded(s) && !unfinished);
	put_number(json, "seed", (double)s->seed);
	put_item(json, "options", options_to_json(s, c));
	put_item(json, "provenance",
		 c->provenance
			 ? cJSON_Duplicate(c->provenance, 1)
			 : provenance_to_json(s->home, &s->machine, s->targets,
					      s->target_count));
	meters_put_run(json, &s->meters);
	if (c->earlier)
		put_parts(json, c->earlier);
	put_item(json, "scenarios", scenarios_to_json(s));
	put_item(json, "targets", targets_to_json(s));
	put_item(json, "caveats", caveats_of_all(&s->machine, &s->meters));
	put_item(json, "budget", budget_to_json(s->measurements, s->count));
	list = measurements_to_json(s);
	put_item(json, "published",
		 published_to_json(s->scenarios, s->scenario_count, list));
	put_item(json, "measurements", list);
	return json;
}

/* Writing */

static void indent(FILE *f, int depth)
{
	for (int i = 0; i < depth; i++)
		(void)fputc('\t', f);
}

static void write_line(FILE *f, const cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	CHECK(text);
	(void)fputs(text, f);
	free(text);
}

static void write_key(FILE *f, const cJSON *item)
{
	cJSON *key = cJSON_CreateString(item->string);

	CHECK(key);
	write_line(f, key);
	(void)fputs(": ", f);
	cJSON_Delete(key);
}

/* Readable down to a depth: a slice is one line of many histograms' counts. */
static void write_json(FILE *f, const cJSON *json,
		       int depth) /* NOLINT(misc-no-recursion) */
{
	bool object = cJSON_IsObject(json);

	if ((!object && !cJSON_IsArray(json)) || !json->child ||
	    depth >= OPEN_DEPTH) {
		write_line(f, json);
		return;
	}
	(void)fputs(object ? "{\n" : "[\n", f);
	for (const cJSON *c = json->child; c; c = c->next) {
		indent(f, depth + 1);
		if (object)
			write_key(f, c);
		write_json(f, c, depth + 1);
		(void)fputs(c->next ? ",\n" : "\n", f);
	}
	indent(f, depth);
	(void)fputc(object ? '}' : ']', f);
}

enum err results_write(const struct cJSON *json, const char *path)
{
	char beside[PATH_MAX];
	bool failed;
	FILE *f;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >=
	    (int)sizeof(beside))
		return ERR_LIMIT;
	f = fopen(beside, "we");
	if (!f)
		return ERR_IO;
	write_json(f, json, 0);
	(void)fputc('\n', f);
	/* After a power cut it is the old one or the new one, and whole. */
	failed = fflush(f) != 0 || ferror(f) || fsync(fileno(f)) != 0;
	if (fclose(f) != 0 || failed || rename(beside, path) != 0) {
		int saved = errno;

		(void)unlink(beside);
		errno = saved;
		return ERR_IO;
	}
	return ERR_OK;
}
