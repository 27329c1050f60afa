/* SPDX-License-Identifier: MIT */
/*
 * A JSON document that a person wrote: a scenario or a target. Every
 * complaint about it names file, line and key, and only the first is kept.
 *
 * The getters do nothing once the document has failed, so a caller reads all
 * it wants and asks doc_failed() at the end.
 *
 * It is strict JSON (RFC 8259): no leading zeros, no raw control characters,
 * no bytes that are not UTF-8, nothing behind the end, no U+0000 in texts.
 */
#ifndef BENCH_RUN_DOC_H
#define BENCH_RUN_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include "servers/base/err.h"

struct cJSON;

#define DOC_MAX ((size_t)64 << 20)
#define DOC_NAME_MAX 64 /* three of them are part of a file's name */

struct doc {
	char *path; /* as complaints call it */
	char *text;
	size_t size;
	struct cJSON *root; /* an object, once loaded */
	char error[512];    /* "" while nothing was wrong */
};

/* Life cycle */
/*
 * ERR_NOTFOUND, ERR_IO, ERR_LIMIT, ERR_PROTO (not JSON, or no object), with
 * d->error set. doc_release() is legal after any of them.
 */
MUST_USE enum err doc_load(struct doc *d, const char *path);
/* The same with another limit of bytes than DOC_MAX. */
MUST_USE enum err doc_load_up_to(struct doc *d, const char *path, size_t max);
/* The same from memory; `path` only names it. */
MUST_USE enum err doc_parse(struct doc *d, const char *path, const char *text,
			    size_t size);
void doc_release(struct doc *d);

/* Operations */
/* Complains about `item` (NULL: about the file). */
__attribute__((format(printf, 3, 4))) void
doc_fail(struct doc *d, const struct cJSON *item, const char *format, ...);
/* Complains about the first key that is twice; names few keys, or it is slow.
 */
void doc_unique(struct doc *d, const struct cJSON *object);
/* Complains about the first key that is not among `known`, or is twice. */
void doc_only(struct doc *d, const struct cJSON *object,
	      const char *const *known);
/*
 * Complains unless the text can be part of a file's name wherever it comes
 * from: letters, digits, + - _ and dots, none of them first.
 */
void doc_check_name(struct doc *d, const struct cJSON *item);
/* Missing and required: a complaint. Else NULL, or `fallback`. */
const struct cJSON *doc_get(struct doc *d, const struct cJSON *object,
			    const char *key, bool required);
/* Never empty, without control characters. */
const char *doc_text(struct doc *d, const struct cJSON *object, const char *key,
		     const char *fallback); /* NULL: required */
/* A text that doc_check_name() takes; required. */
const char *doc_name(struct doc *d, const struct cJSON *object,
		     const char *key);
/*
 * A list with at least one, NULL-terminated; else a complaint that expects
 * `what`. NULL without one. Returns owned: each text, and the list.
 */
char **doc_texts(struct doc *d, const struct cJSON *object, const char *key,
		 bool required, const char *what);
/* Within the range also after a complaint. */
double doc_number(struct doc *d, const struct cJSON *object, const char *key,
		  double min, double max, double fallback); /* NAN: required */
/* The same without a fraction. */
double doc_whole(struct doc *d, const struct cJSON *object, const char *key,
		 double min, double max, double fallback);

/* Queries */
bool doc_failed(const struct doc *d);
unsigned doc_line(const struct doc *d, const struct cJSON *item); /* from 1 */

#endif
