/* SPDX-License-Identifier: MIT */
#include "bench/run/catalogue.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "servers/base/check.h"

#define SUFFIX ".json"
#define NAMES_MAX 1000

enum err catalogue_init(struct catalogue *c, const struct home *h,
			const char *scenarios, const char *targets)
{
	bool fits;

	if (scenarios && scenarios[0])
		fits = snprintf(c->scenarios, sizeof(c->scenarios), "%s",
				scenarios) < (int)sizeof(c->scenarios);
	else
		fits = path_join(c->scenarios, sizeof(c->scenarios), h->data,
				 "bench/scenarios") == ERR_OK;
	if (targets && targets[0])
		fits &= snprintf(c->targets, sizeof(c->targets), "%s",
				 targets) < (int)sizeof(c->targets);
	else
		fits &= path_join(c->targets, sizeof(c->targets), h->data,
				  "bench/targets") == ERR_OK;
	fits &= path_join(c->own_targets, sizeof(c->own_targets), h->data,
			  "bench/targets") == ERR_OK;
	return fits ? ERR_OK : ERR_LIMIT;
}

static bool is_document(const char *name)
{
	size_t n = strlen(name), suffix = strlen(SUFFIX);

	return name[0] != '.' && n > suffix &&
	       strcmp(name + n - suffix, SUFFIX) == 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum err catalogue_names(const char *folder, char ***out, char *message,
			 size_t size)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t n = 0;
	char **names;

	if (!dir) {
		(void)snprintf(message, size, "%s: %s", folder,
			       strerror(errno));
		return ERR_NOTFOUND;
	}
	names = xcalloc(NAMES_MAX + 1, sizeof(*names));
	while (n < NAMES_MAX && (entry = readdir(dir))) {
		if (is_document(entry->d_name))
			names[n++] =
				xmemdupz(entry->d_name, strlen(entry->d_name) -
								strlen(SUFFIX));
	}
	(void)closedir(dir);
	qsort(names, n, sizeof(*names), compare);
	*out = names;
	return ERR_OK;
}

void catalogue_names_free(char **names)
{
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
}

/* Says what there is, for somebody who mistyped. */
static void explain(const char *what, const char *folder, const char *name,
		    char *message, size_t size)
{
	char **names = NULL;
	char error[PATH_MAX + 128];
	int at = snprintf(message, size,
			  "there is no %s '%s'; there are:", what, name);

	if (catalogue_names(folder, &names, error, sizeof(error))) {
		(void)snprintf(message, size, "%s", error);
		return;
	}
	for (size_t i = 0; names[i] && at > 0 && (size_t)at < size; i++)
		at += snprintf(message + at, size - (size_t)at, " %s",
			       names[i]);
	catalogue_names_free(names);
}

/* Loads the document of that name; d is to be released in any case. */
static enum err load(struct doc *d, const char *what, const char *folder,
		     const char *name, char *message, size_t size)
{
	bool own = strchr(name, '/') || is_document(name);
	char path[PATH_MAX];
	int n = own ? snprintf(path, sizeof(path), "%s", name)
		    : snprintf(path, sizeof(path), "%s/%s" SUFFIX, folder,
			       name);
	enum err e;

	*d = (struct doc){0};
	if (n < 0 || (size_t)n >= sizeof(path)) {
		(void)snprintf(message, size, "the name of the %s is too long",
			       what);
		return ERR_USAGE;
	}
	e = doc_load(d, path);
	if (e == ERR_NOTFOUND && !own)
		explain(what, folder, name, message, size);
	else if (e)
		(void)snprintf(message, size, "%s", d->error);
	return e;
}

/* A file whose name is not the one inside would be confusing in results. */
static void check_name(struct doc *d, const char *name)
{
	const char *base = strrchr(d->path, '/');

	base = base ? base + 1 : d->path;
	if (is_document(base) &&
	    (strlen(base) != strlen(name) + strlen(SUFFIX) ||
	     strncmp(base, name, strlen(name)) != 0))
		doc_fail(d, doc_get(d, d->root, "name", true),
			 "the file's name is another one");
}

/* What was read, `e` said how, is what was asked for. */
static enum err conclude(struct doc *d, enum err e, const char *name,
			 char *message, size_t size)
{
	if (!e)
		check_name(d, name);
	if (!doc_failed(d))
		return e;
	(void)snprintf(message, size, "%s", d->error);
	return ERR_USAGE;
}

static bool has(const char *folder, const char *name)
{
	char path[PATH_MAX + 128];

	(void)snprintf(path, sizeof(path), "%s/%s" SUFFIX, folder, name);
	return access(path, F_OK) == 0;
}

/* Our own scenarios name targets of ours, wherever others are taken from. */
static void check_target(const struct catalogue *c, struct doc *d,
			 const cJSON *item)
{
	if (!cJSON_IsString(item) ||
	    strcmp(item->valuestring, SCENARIO_SELF) == 0)
		return;
	if (!has(c->targets, item->valuestring) &&
	    !has(c->own_targets, item->valuestring))
		doc_fail(d, item, "there is no target '%.64s'",
			 item->valuestring);
}

/* A document that scenario_read() took. */
static void check_targets(const struct catalogue *c, struct doc *d)
{
	const cJSON *list = doc_get(d, d->root, "targets", false);

	for (const cJSON *i = list ? list->child : NULL; i; i = i->next)
		check_target(c, d, i);
	check_target(c, d, doc_get(d, d->root, "baseline", false));
	list = doc_get(d, d->root, "published", false);
	for (const cJSON *i = list ? list->child : NULL; i; i = i->next)
		check_target(c, d, doc_get(d, i, "target", true));
}

enum err catalogue_scenario(const struct catalogue *c, const char *name,
			    struct scenario *out, char *message, size_t size)
{
	struct doc d;
	enum err e = load(&d, "scenario", c->scenarios, name, message, size);

	*out = (struct scenario){0};
	if (!e) {
		e = scenario_read(out, &d);
		if (!e)
			check_targets(c, &d);
		e = conclude(&d, e, out->name, message, size);
	}
	doc_release(&d);
	return e;
}

enum err catalogue_target(const struct catalogue *c, const char *name,
			  struct target *out, char *message, size_t size)
{
	struct doc d;
	enum err e = load(&d, "target", c->targets, name, message, size);

	*out = (struct target){0};
	if (!e) {
		e = target_read(out, &d);
		e = conclude(&d, e, out->name, message, size);
	}
	doc_release(&d);
	return e;
}

bool catalogue_same(const char *a, const char *b)
{
	struct stat one, other;

	return stat(a, &one) == 0 && stat(b, &other) == 0 &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}
