/* SPDX-License-Identifier: MIT */
#include "bench/run/distributions.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bench/run/home.h"
#include "bench/run/put.h"
#include "servers/base/check.h"

#define MS 1e6
#define KEY "distributions"
#define FOLDER "hdr"

/* Writing */

/* What is no letter, digit, dot or plus becomes a minus. */
static void append_part(char *name, size_t size, const char *part)
{
	size_t n = strlen(name);

	if (n > 0 && n + 1 < size)
		name[n++] = '-';
	for (; *part && n + 1 < size; part++)
		name[n++] = isalnum((unsigned char)*part) || *part == '.' ||
					    *part == '+'
				    ? *part
				    : '-';
	name[n] = '\0';
}

static enum err write_file(const struct hist *h, const char *folder,
			   const char *name)
{
	char path[PATH_MAX];
	bool failed;
	FILE *f;

	if (path_join(path, sizeof(path), folder, name))
		return ERR_LIMIT;
	f = fopen(path, "we");
	if (!f)
		return ERR_IO;
	hist_write_text(h, MS, f);
	failed = fflush(f) != 0 || ferror(f);
	return fclose(f) != 0 || failed ? ERR_IO : ERR_OK;
}

struct writer {
	const struct measurement *m;
	const char *folder;
	cJSON *names;
	enum err e;
};

static void write_one(struct writer *w, const char *what, const struct hist *h)
{
	char name[512] = "", path[600];

	if (h->total == 0 || w->e)
		return;
	append_part(name, sizeof(name), w->m->scenario->name);
	append_part(name, sizeof(name), w->m->variant->name);
	append_part(name, sizeof(name), w->m->target->name);
	append_part(name, sizeof(name), what);
	(void)snprintf(path, sizeof(path), FOLDER "/%s.hgrm", name);
	w->e = write_file(h, w->folder, path);
	if (!w->e)
		put_text(w->names, what, path);
}

static void write_all(struct writer *w, const struct tally *t)
{
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		const char *kind = receipts_kind_name((enum receipts_kind)i);
		char what[64];

		write_one(w, kind, &t->from_intended[i]);
		(void)snprintf(what, sizeof(what), "%s-uncorrected", kind);
		write_one(w, what, &t->from_sent[i]);
	}
	write_one(w, "ack", &t->ack);
}

enum err distributions_write(struct measurement *m, const char *folder)
{
	struct writer w = {
		.m = m, .folder = folder, .names = cJSON_CreateObject()};
	const struct tally *t = &m->tallies[SIDE_TARGET];
	char path[PATH_MAX];

	CHECK(w.names);
	if (t->from_intended[RECEIPTS_ALL].total > 0 || t->ack.total > 0) {
		w.e = path_join(path, sizeof(path), folder, FOLDER);
		if (!w.e)
			w.e = path_make(path);
		write_all(&w, t);
	}
	cJSON_Delete(m->distributions);
	m->distributions = NULL;
	if (!w.e && w.names->child)
		m->distributions = w.names;
	else
		cJSON_Delete(w.names);
	return w.e;
}

/* Bringing along */

static bool copy_stream(FILE *from, FILE *to)
{
	char bytes[65536];
	size_t n;

	while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0) {
		if (fwrite(bytes, 1, n, to) != n)
			return false;
	}
	return !ferror(from) && fflush(to) == 0;
}

static bool copy_file(const char *from_path, const char *to_path)
{
	FILE *from = fopen(from_path, "re");
	FILE *to = from ? fopen(to_path, "we") : NULL;
	bool copied = to && copy_stream(from, to);

	if (from)
		(void)fclose(from);
	if (to && fclose(to) != 0)
		copied = false;
	return copied;
}

/* The name comes from a file: it must not lead out of the folder. */
static bool is_ours(const cJSON *name)
{
	static const char begin[] = FOLDER "/";

	return cJSON_IsString(name) &&
	       strncmp(name->valuestring, begin, strlen(begin)) == 0 &&
	       !strchr(name->valuestring + strlen(begin), '/');
}

static bool bring(const cJSON *name, const char *from_folder,
		  const char *folder)
{
	char from[PATH_MAX], to[PATH_MAX];

	return is_ours(name) &&
	       path_join(from, sizeof(from), from_folder, name->valuestring) ==
		       ERR_OK &&
	       path_join(to, sizeof(to), folder, name->valuestring) == ERR_OK &&
	       copy_file(from, to);
}

static void bring_measurement(cJSON *m, const char *from_folder,
			      const char *folder)
{
	cJSON *names = cJSON_GetObjectItemCaseSensitive(m, KEY), *next;

	for (cJSON *name = names ? names->child : NULL; name; name = next) {
		next = name->next;
		if (!bring(name, from_folder, folder))
			cJSON_Delete(cJSON_DetachItemViaPointer(names, name));
	}
	if (names && !names->child)
		cJSON_Delete(cJSON_DetachItemViaPointer(m, names));
}

void distributions_bring(struct cJSON *run, const char *from_folder,
			 const char *folder)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(run, "measurements");
	char path[PATH_MAX];
	cJSON *m;

	if (path_join(path, sizeof(path), folder, FOLDER) || path_make(path))
		return;
	cJSON_ArrayForEach(m, list)
	{
		bring_measurement(m, from_folder, folder);
	}
}
