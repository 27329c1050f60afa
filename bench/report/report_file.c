/* SPDX-License-Identifier: MIT */
/* Reading a run.json and writing the report beside it. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/report/report.h"
#include "bench/run/schema.h"

#define RUN_MAX ((size_t)1 << 30)

static enum err check_version(struct doc *d)
{
	const cJSON *schema =
		cJSON_GetObjectItemCaseSensitive(d->root, "schema");

	if (cJSON_IsNumber(schema) && schema->valuedouble == REPORT_SCHEMA)
		return ERR_OK;
	if (cJSON_IsNumber(schema))
		doc_fail(d, NULL, "schema %g, but this program knows %d",
			 schema->valuedouble, REPORT_SCHEMA);
	else
		doc_fail(d, NULL, "this is not a run.json");
	return ERR_PROTO;
}

enum err report_read(struct doc *d, const char *path, bool lenient)
{
	enum err e = doc_load_up_to(d, path, RUN_MAX);

	if (!e)
		e = check_version(d);
	if (!e)
		e = schema_check(d, lenient);
	if (!e && !cJSON_GetObjectItemCaseSensitive(d->root, "measurements")) {
		schema_fail(d, NULL, "lacks the key \"measurements\"");
		e = ERR_PROTO;
	}
	return e;
}

enum err report_load(const char *path, struct cJSON **out, char *message,
		     size_t size)
{
	struct doc d;
	enum err e = report_read(&d, path, true);

	*out = NULL;
	if (e) {
		(void)snprintf(message, size, "%s", d.error);
	} else {
		*out = d.root;
		d.root = NULL;
	}
	doc_release(&d);
	return e;
}

enum err report_beside(const char *run_path, char *into, size_t into_size,
		       char *message, size_t size)
{
	const char *slash = strrchr(run_path, '/');
	int folder = slash ? (int)(slash - run_path) + 1 : 0;
	int n = snprintf(into, into_size, "%.*sreport.md", folder, run_path);

	if (n >= 0 && (size_t)n < into_size)
		return ERR_OK;
	(void)snprintf(message, size, "the file's name is too long");
	return ERR_LIMIT;
}

enum err report_write(const struct cJSON *run, const char *path, char *message,
		      size_t size)
{
	char beside[PATH_MAX];
	bool failed;
	FILE *f;

	(void)snprintf(beside, sizeof(beside), "%s.new", path);
	f = fopen(beside, "we");
	if (f)
		report_markdown(run, f);
	failed = !f || fflush(f) != 0 || ferror(f);
	if (f && fclose(f) != 0)
		failed = true;
	if (!failed && rename(beside, path) == 0)
		return ERR_OK;
	(void)snprintf(message, size, "%s: %s", path, strerror(errno));
	(void)unlink(beside);
	return ERR_IO;
}
