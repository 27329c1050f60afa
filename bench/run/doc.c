/* SPDX-License-Identifier: MIT */
#include "bench/run/doc.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

/* Where a value stands */

static unsigned line_at(const char *text, size_t offset)
{
	unsigned line = 1;

	for (size_t i = 0; i < offset && text[i]; i++)
		line += text[i] == '\n';
	return line;
}

/* Numbers the values of the tree in the order of the text. */
static bool number_of(const cJSON *tree, const cJSON *item, size_t *number)
{
	if (tree == item)
		return true;
	(*number)++;
	for (const cJSON *c = tree->child; c; c = c->next) {
		if (number_of(c, item, number))
			return true;
	}
	return false;
}

static const char *after_string(const char *p)
{
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
	}
	return *p ? p + 1 : p;
}

static bool is_key(const char *after)
{
	return after[strspn(after, " \t\r\n")] == ':';
}

/* The start of value `number` of a text that was parsed before. */
static const char *value_at(const char *p, size_t number)
{
	for (;;) {
		const char *next;

		p += strspn(p, " \t\r\n,:]}");
		if (!*p)
			return p;
		next = *p == '"'		? after_string(p)
		       : *p == '{' || *p == '[' ? p + 1
						: p + strcspn(p, " \t\r\n,]}");
		if ((*p != '"' || !is_key(next)) && number-- == 0)
			return p;
		p = next;
	}
}

unsigned doc_line(const struct doc *d, const struct cJSON *item)
{
	size_t number = 0;

	if (!d->root || !item || !number_of(d->root, item, &number))
		return 1;
	return line_at(d->text, (size_t)(value_at(d->text, number) - d->text));
}

/* Life cycle */

static enum err parse(struct doc *d)
{
	const char *end = NULL;

	d->root = cJSON_ParseWithOpts(d->text, &end, 1);
	if (!d->root) {
		size_t at = end ? (size_t)(end - d->text) : 0;

		(void)snprintf(d->error, sizeof(d->error),
			       "%s:%u: this is not JSON", d->path,
			       line_at(d->text, at));
		return ERR_PROTO;
	}
	if (!cJSON_IsObject(d->root)) {
		doc_fail(d, NULL, "expected an object");
		return ERR_PROTO;
	}
	return ERR_OK;
}

enum err doc_parse(struct doc *d, const char *path, const char *text,
		   size_t size)
{
	*d = (struct doc){0};
	d->path = xstrdup(path);
	d->text = xmemdupz(text, size);
	d->size = size;
	return parse(d);
}

/* Reads what is left of `f`, DOC_MAX bytes at most. */
static enum err read_all(struct doc *d, FILE *f)
{
	size_t cap = 0;

	for (;;) {
		size_t n;

		if (cap - d->size < 2) {
			cap = cap ? cap * 2 : 8192;
			d->text = xrealloc(d->text, cap);
		}
		n = fread(d->text + d->size, 1, cap - d->size - 1, f);
		d->size += n;
		if (d->size > DOC_MAX)
			return ERR_LIMIT;
		if (n == 0)
			break;
	}
	d->text[d->size] = '\0';
	return ferror(f) ? ERR_IO : ERR_OK;
}

enum err doc_load(struct doc *d, const char *path)
{
	enum err e;
	FILE *f;

	*d = (struct doc){0};
	d->path = xstrdup(path);
	f = fopen(path, "re");
	if (!f) {
		e = errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
		doc_fail(d, NULL, "%s", strerror(errno));
		return e;
	}
	errno = 0;
	e = read_all(d, f);
	if (e)
		doc_fail(d, NULL, "%s",
			 e == ERR_LIMIT ? "too large" : strerror(errno));
	(void)fclose(f);
	return e ? e : parse(d);
}

void doc_release(struct doc *d)
{
	cJSON_Delete(d->root);
	free(d->text);
	free(d->path);
	*d = (struct doc){0};
}

/* Operations */

bool doc_failed(const struct doc *d)
{
	return d->error[0] != '\0';
}

void doc_fail(struct doc *d, const struct cJSON *item, const char *format, ...)
{
	char *p = d->error;
	char *end = d->error + sizeof(d->error);
	va_list args;

	if (doc_failed(d))
		return;
	p += snprintf(p, sizeof(d->error), "%.300s", d->path);
	if (item)
		p += snprintf(p, (size_t)(end - p), ":%u", doc_line(d, item));
	p += snprintf(p, (size_t)(end - p), ": ");
	if (item && item->string)
		p += snprintf(p, (size_t)(end - p),
			      "\"%.60s\": ", item->string);
	va_start(args, format);
	(void)vsnprintf(p, (size_t)(end - p), format, args);
	va_end(args);
}

static bool among(const char *key, const char *const *known)
{
	for (; *known; known++) {
		if (strcmp(key, *known) == 0)
			return true;
	}
	return false;
}

void doc_only(struct doc *d, const struct cJSON *object,
	      const char *const *known)
{
	for (const cJSON *c = object->child; c; c = c->next) {
		if (!among(c->string, known))
			doc_fail(d, c, "unknown key");
		for (const cJSON *o = c->next; o; o = o->next) {
			if (strcmp(o->string, c->string) == 0)
				doc_fail(d, o, "given twice");
		}
	}
}

const struct cJSON *doc_get(struct doc *d, const struct cJSON *object,
			    const char *key, bool required)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!item && required)
		doc_fail(d, object, "lacks the key \"%s\"", key);
	return item;
}

const char *doc_text(struct doc *d, const struct cJSON *object, const char *key,
		     const char *fallback)
{
	const cJSON *item = doc_get(d, object, key, !fallback);

	if (!item)
		return fallback ? fallback : "";
	if (cJSON_IsString(item) && item->valuestring[0])
		return item->valuestring;
	doc_fail(d, item, "expected a text");
	return "";
}

double doc_number(struct doc *d, const struct cJSON *object, const char *key,
		  double min, double max, double fallback)
{
	const cJSON *item = doc_get(d, object, key, isnan(fallback));

	if (!item)
		return fallback;
	if (!cJSON_IsNumber(item))
		doc_fail(d, item, "expected a number");
	else if (item->valuedouble < min || item->valuedouble > max)
		doc_fail(d, item, "%g is not within %g and %g",
			 item->valuedouble, min, max);
	return item->valuedouble;
}
