/* SPDX-License-Identifier: MIT */
#include "bench/again.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/report.h"
#include "servers/base/check.h"

static const cJSON *get(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* ["pushmark", "run", …], without the first. */
static bool take_command(struct again *a, const cJSON *list)
{
	const cJSON *item;

	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) < 2)
		return false;
	a->argv = xcalloc((size_t)cJSON_GetArraySize(list), sizeof(*a->argv));
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item))
			return false;
		if (item != list->child)
			a->argv[a->argc++] = item->valuestring;
	}
	return strcmp(a->argv[0], "run") == 0;
}

enum err again_load(struct again *a, const char *path, char *message,
		    size_t size)
{
	const cJSON *seed;
	enum err e;

	*a = (struct again){0};
	e = report_load(path, &a->run, message, size);
	if (e)
		return e;
	seed = get(a->run, "seed");
	if (!take_command(a, get(get(a->run, "options"), "command")) ||
	    !cJSON_IsNumber(seed) || !(seed->valuedouble >= 1) ||
	    !(seed->valuedouble < 9007199254740992.0)) {
		(void)snprintf(message, size,
			       "%s: it does not say the command and the seed "
			       "of its run",
			       path);
		return ERR_PROTO;
	}
	a->seed = (int64_t)seed->valuedouble;
	return ERR_OK;
}

void again_release(struct again *a)
{
	cJSON_Delete(a->run);
	free(a->argv);
	*a = (struct again){0};
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
