/* SPDX-License-Identifier: MIT */
#include "bench/run/doc.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"
#include "servers/wire/json.h"

/* It repeats what was given, and stays one line all the same. */
static void make_plain(char *text)
{
	for (; *text; text++) {
		if (iscntrl((unsigned char)*text))
			*text = '?';
	}
}

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

/* cJSON would end such a text there. */
static const char *nul_escape(const char *p)
{
	for (; (p = strchr(p, '\\')); p += 2) {
		if (strncmp(p, "\\u0000", 6) == 0)
			return p;
	}
	return NULL;
}

/* Where the text is wrong and what was expected there; false: nowhere. */
static bool is_wrong(const struct doc *d, size_t *at, const char **expected)
{
	const char *nul;

	if (!json_validate_at(slice_of(d->text, d->size), at, expected))
		return true;
	nul = nul_escape(d->text);
	if (!nul)
		return false;
	*at = (size_t)(nul - d->text);
	*expected = "no U+0000";
	return true;
}

static enum err parse(struct doc *d)
{
	const char *expected, *end = NULL;
	size_t at;

	if (!is_wrong(d, &at, &expected)) {
		d->root = cJSON_ParseWithOpts(d->text, &end, 1);
		at = end ? (size_t)(end - d->text) : 0;
		expected = "pairs of surrogates"; /* what else cJSON refuses */
	}
	if (!d->root) {
		(void)snprintf(d->error, sizeof(d->error),
			       "%.300s:%u: this is not JSON: expected %s",
			       d->path, line_at(d->text, at), expected);
		make_plain(d->error);
		return ERR_PROTO;
	}
	if (!cJSON_IsObject(d->root)) {
		doc_fail(d, d->root, "expected an object");
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

/* Reads what is left of `f`. */
static enum err read_all(struct doc *d, FILE *f, size_t max)
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
		if (d->size > max)
			return ERR_LIMIT;
		if (n == 0)
			break;
	}
	d->text[d->size] = '\0';
	return ferror(f) ? ERR_IO : ERR_OK;
}

enum err doc_load_up_to(struct doc *d, const char *path, size_t max)
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
	e = read_all(d, f, max);
	if (e)
		doc_fail(d, NULL, "%s",
			 e == ERR_LIMIT ? "too large" : strerror(errno));
	(void)fclose(f);
	return e ? e : parse(d);
}

enum err doc_load(struct doc *d, const char *path)
{
	return doc_load_up_to(d, path, DOC_MAX);
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
	make_plain(d->error);
}

static bool among(const char *key, const char *const *known)
{
	for (; *known; known++) {
		if (strcmp(key, *known) == 0)
			return true;
	}
	return false;
}

void doc_unique(struct doc *d, const struct cJSON *object)
{
	for (const cJSON *c = object->child; c && !doc_failed(d); c = c->next) {
		for (const cJSON *o = c->next; o; o = o->next) {
			if (strcmp(o->string, c->string) == 0)
				doc_fail(d, o, "given twice");
		}
	}
}

void doc_only(struct doc *d, const struct cJSON *object,
	      const char *const *known)
{
	for (const cJSON *c = object->child; c && !doc_failed(d); c = c->next) {
		if (!among(c->string, known))
			doc_fail(d, c, "unknown key");
	}
	doc_unique(d, object);
}

void doc_check_name(struct doc *d, const struct cJSON *item)
{
	static const char taken[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789+-_.";
	const char *name = item->valuestring;
	size_t n = strlen(name);

	if (n == 0 || n > DOC_NAME_MAX || name[0] == '.' ||
	    strspn(name, taken) != n)
		doc_fail(d, item,
			 "expected a name: letters, digits, + - _ and dots, "
			 "none of them first, at most %d",
			 DOC_NAME_MAX);
}

const struct cJSON *doc_get(struct doc *d, const struct cJSON *object,
			    const char *key, bool required)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!item && required)
		doc_fail(d, object, "lacks the key \"%s\"", key);
	return item;
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if (iscntrl((unsigned char)*text))
			return true;
	}
	return false;
}

const char *doc_text(struct doc *d, const struct cJSON *object, const char *key,
		     const char *fallback)
{
	const cJSON *item = doc_get(d, object, key, !fallback);

	if (!item)
		return fallback ? fallback : "";
	if (!cJSON_IsString(item) || !item->valuestring[0]) {
		doc_fail(d, item, "expected a text");
		return "";
	}
	if (has_control(item->valuestring))
		doc_fail(d, item, "expected a text without control characters");
	return item->valuestring;
}

const char *doc_name(struct doc *d, const struct cJSON *object, const char *key)
{
	const char *text = doc_text(d, object, key, NULL);

	if (!doc_failed(d))
		doc_check_name(d, doc_get(d, object, key, true));
	return text;
}

char **doc_texts(struct doc *d, const struct cJSON *object, const char *key,
		 bool required, const char *what)
{
	const cJSON *list = doc_get(d, object, key, required);
	char **texts;
	size_t n = 0;

	if (!list)
		return NULL;
	if (!cJSON_IsArray(list) || !list->child) {
		doc_fail(d, list, "expected %s", what);
		return NULL;
	}
	texts = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*texts));
	for (const cJSON *c = list->child; c; c = c->next) {
		if (!cJSON_IsString(c)) {
			doc_fail(d, c, "expected a text");
			break;
		}
		texts[n++] = xstrdup(c->valuestring);
	}
	return texts;
}

double doc_number(struct doc *d, const struct cJSON *object, const char *key,
		  double min, double max, double fallback)
{
	const cJSON *item = doc_get(d, object, key, isnan(fallback));

	if (!item)
		return fallback;
	if (cJSON_IsNumber(item) && item->valuedouble >= min &&
	    item->valuedouble <= max)
		return item->valuedouble;
	if (!cJSON_IsNumber(item))
		doc_fail(d, item, "expected a number");
	else
		doc_fail(d, item, "%g is not within %g and %g",
			 item->valuedouble, min, max);
	return min;
}

double doc_whole(struct doc *d, const struct cJSON *object, const char *key,
		 double min, double max, double fallback)
{
	double value = doc_number(d, object, key, min, max, fallback);

	if (!doc_failed(d) && value != floor(value))
		doc_fail(d, doc_get(d, object, key, true),
			 "expected a whole number");
	return value;
}
