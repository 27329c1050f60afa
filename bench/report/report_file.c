/* SPDX-License-Identifier: MIT */
/* Reading a run.json and writing the report beside it. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/report/report.h"
#include "bench/report/view.h"
#include "servers/base/check.h"

#define RUN_MAX ((size_t)1 << 30)

static char *read_all(FILE *f)
{
	size_t size = 0, cap = 1 << 16;
	char *text = xmalloc(cap);

	for (;;) {
		size_t n = fread(text + size, 1, cap - size - 1, f);

		size += n;
		if (n == 0)
			break;
		if (cap - size < 2) {
			cap *= 2;
			text = xrealloc(text, cap);
		}
		if (size > RUN_MAX) {
			errno = EFBIG;
			free(text);
			return NULL;
		}
	}
	text[size] = '\0';
	if (!ferror(f))
		return text;
	free(text);
	return NULL;
}

enum err report_load(const char *path, struct cJSON **out, char *message,
		     size_t size)
{
	FILE *f = fopen(path, "re");
	char *text = f ? read_all(f) : NULL;
	int saved = errno;
	double schema;

	*out = NULL;
	if (f)
		(void)fclose(f);
	if (!text) {
		(void)snprintf(message, size, "%s: %s", path, strerror(saved));
		return f ? ERR_IO : ERR_NOTFOUND;
	}
	*out = cJSON_Parse(text);
	free(text);
	schema = view_number(*out, "schema");
	if (schema == REPORT_SCHEMA)
		return ERR_OK;
	if (isnan(schema))
		(void)snprintf(message, size, "%s: this is not a run.json",
			       path);
	else
		(void)snprintf(message, size,
			       "%s: schema %g, but this program knows %d", path,
			       schema, REPORT_SCHEMA);
	cJSON_Delete(*out);
	*out = NULL;
	return ERR_PROTO;
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
