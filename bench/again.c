/* SPDX-License-Identifier: MIT */
#include "bench/again.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/report.h"
#include "bench/run/scenario.h"
#include "bench/run/schema.h"
#include "servers/base/check.h"

static const cJSON *get(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* ["pushmark", "run", …], without the first. */
static bool take_command(struct again *a, const cJSON *list)
{
	const cJSON *item;

	a->argv =
		xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*a->argv));
	cJSON_ArrayForEach(item, list)
	{
		if (item != list->child)
			a->argv[a->argc++] = item->valuestring;
	}
	return a->argc > 0 && strcmp(a->argv[0], "run") == 0;
}

static const cJSON *command_of(const struct again *a)
{
	return get(get(a->run, "options"), "command");
}

enum err again_load(struct again *a, const char *path)
{
	const cJSON *seed;
	enum err e;

	*a = (struct again){0};
	e = report_read(&a->doc, path, false);
	if (e)
		return e;
	a->run = a->doc.root;
	seed = get(a->run, "seed");
	if (seed->valuedouble < 1)
		schema_fail(&a->doc, seed, "no run has this one");
	else if (!take_command(a, command_of(a)))
		schema_fail(&a->doc, command_of(a),
			    "it is not that of a run, pushmark run ...");
	a->seed = (int64_t)seed->valuedouble;
	return doc_failed(&a->doc) ? ERR_PROTO : ERR_OK;
}

void again_release(struct again *a)
{
	doc_release(&a->doc);
	free(a->argv);
	*a = (struct again){0};
}

/* Operations */

enum err again_blame(struct again *a, const char *what)
{
	schema_fail(&a->doc, command_of(a), "%s", what);
	return ERR_PROTO;
}

static void compare_set(struct again *a, const cJSON *said,
			const struct param_changes *set)
{
	const cJSON *item;
	int count = 0;

	for (int i = 0; i < PARAM_COUNT; i++) {
		const char *name = param_name((enum param)i);

		if (!set->set[i])
			continue;
		count++;
		item = get(said, name);
		if (!item)
			schema_fail(&a->doc, said,
				    "lacks \"%s\", which the command sets",
				    name);
		else if (item->valuedouble != set->value[i])
			schema_fail(&a->doc, item,
				    "%g, but the command sets it to %g",
				    item->valuedouble, set->value[i]);
	}
	if (count == cJSON_GetArraySize(said))
		return;
	cJSON_ArrayForEach(item, said)
	{
		bool known = false;

		for (int i = 0; i < PARAM_COUNT; i++)
			known |=
				set->set[i] && strcmp(param_name((enum param)i),
						      item->string) == 0;
		if (!known)
			schema_fail(&a->doc, item,
				    "the command does not set it");
	}
}

enum err again_agrees(struct again *a, const char *size,
		      const struct param_changes *set, int64_t seed)
{
	const cJSON *options = get(a->run, "options");
	const cJSON *item = get(options, "size");

	if (strcmp(item->valuestring, size) != 0)
		schema_fail(&a->doc, item, "%s, but the command says %s",
			    item->valuestring, size);
	compare_set(a, get(options, "set"), set);
	if (seed != 0 && seed != a->seed)
		schema_fail(&a->doc, get(a->run, "seed"),
			    "%lld, but the command says %lld",
			    (long long)a->seed, (long long)seed);
	return doc_failed(&a->doc) ? ERR_PROTO : ERR_OK;
}

void again_settle(struct again *a)
{
	free(a->doc.text);
	a->doc.text = NULL;
}

static const char *said(const cJSON *provenance, const char *key)
{
	const cJSON *item = get(provenance, key);

	return cJSON_IsString(item) ? item->valuestring : "";
}

enum err again_same(const struct again *a, const struct cJSON *provenance,
		    char *message, size_t size)
{
	static const char *const keys[] = {"host", "machine", "pushmark",
					   "commit"};
	const cJSON *before = get(a->run, "provenance");

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *was = said(before, keys[i]);
		const char *is = said(provenance, keys[i]);

		if (strcmp(was, is) == 0)
			continue;
		(void)snprintf(message, size,
			       "the %s of that run is '%.100s', and here it "
			       "is '%.100s'; --force runs it all the same",
			       keys[i], was, is);
		return ERR_REFUSED;
	}
	return ERR_OK;
}

const struct cJSON *again_measurements(const struct again *a)
{
	return get(a->run, "measurements");
}
