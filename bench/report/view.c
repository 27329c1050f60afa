/* SPDX-License-Identifier: MIT */
#include "bench/report/view.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

const struct cJSON *view_get(const struct cJSON *json, const char *path)
{
	char key[64];

	while (json && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key))
			return NULL;
		for (size_t i = 0; i < n; i++)
			key[i] = path[i];
		for (size_t i = 0; i < n; i++) {
			if (key[i] == '/')
				key[i] = '.';
		}
		key[n] = '\0';
		json = cJSON_GetObjectItemCaseSensitive(json, key);
		path += n + (path[n] == '.');
	}
	return json;
}

double view_number(const struct cJSON *json, const char *path)
{
	const cJSON *item = view_get(json, path);

	return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

const char *view_text(const struct cJSON *json, const char *path)
{
	const cJSON *item = view_get(json, path);

	return cJSON_IsString(item) ? item->valuestring : "";
}

bool view_true(const struct cJSON *json, const char *path)
{
	return cJSON_IsTrue(view_get(json, path));
}

bool view_invalid(const struct cJSON *m)
{
	return strcmp(view_text(m, "verdict"), "invalid") == 0 ||
	       view_number(m, "pairs_invalid") > 0 ||
	       (view_get(m, "check") && !view_true(m, "check.valid"));
}

const char *view_invalid_why(const struct cJSON *m)
{
	const char *why = view_text(m, "invalid_why");

	return why[0] ? why : view_text(m, "check.why");
}

struct view_figure view_figure(const struct cJSON *json, const char *path)
{
	const cJSON *item = view_get(json, path);
	struct view_figure f = {
		.value = view_number(item, "value"),
		.low = view_number(item, "low"),
		.high = view_number(item, "high"),
	};

	f.present = !isnan(f.value) && !isnan(f.low) && !isnan(f.high);
	return f;
}

size_t view_caveat(struct view_caveats *c, const char *text)
{
	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->texts[i], text) == 0)
			return i + 1;
	}
	if (c->count == VIEW_CAVEATS)
		return 0;
	c->texts[c->count++] = text;
	return c->count;
}
