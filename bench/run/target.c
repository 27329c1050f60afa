/* SPDX-License-Identifier: MIT */
#include "bench/run/target.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/load.h"
#include "servers/base/buf.h"
#include "servers/base/check.h"

static void read_start(struct target *t, struct doc *d)
{
	const cJSON *list = doc_get(d, d->root, "start", true);
	size_t n = 0;

	if (!list)
		return;
	if (!cJSON_IsArray(list) || !list->child) {
		doc_fail(d, list, "expected a list: program and arguments");
		return;
	}
	t->start = xcalloc((size_t)cJSON_GetArraySize(list) + 1,
			   sizeof(*t->start));
	for (const cJSON *c = list->child; c; c = c->next) {
		if (!cJSON_IsString(c)) {
			doc_fail(d, c, "expected a text");
			return;
		}
		t->start[n++] = xstrdup(c->valuestring);
	}
}

static void check_dialect(struct doc *d, const char *dialect)
{
	static const char *const known[] = {"ws", "sse", "longpoll", "bare"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(dialect, known[i]) == 0)
			return;
	}
	doc_fail(d, doc_get(d, d->root, "dialect", false),
		 "expected ws, sse, longpoll or bare");
}

static char *short_text(struct doc *d, const char *key, const char *fallback)
{
	const char *text = doc_text(d, d->root, key, fallback);

	if (strlen(text) >= sizeof(((struct load_target *)0)->path))
		doc_fail(d, doc_get(d, d->root, key, false), "too long");
	return xstrdup(text);
}

enum err target_read(struct target *t, struct doc *d)
{
	static const char *const known[] = {
		"name",	 "description", "dialect", "path", "namespace",
		"start", "ready_ms",	"suite",   NULL};

	*t = (struct target){0};
	doc_only(d, d->root, known);
	t->name = short_text(d, "name", NULL);
	t->description = xstrdup(doc_text(d, d->root, "description", ""));
	t->dialect = xstrdup(doc_text(d, d->root, "dialect", NULL));
	t->path = short_text(d, "path", "");
	t->nsp = short_text(d, "namespace", "");
	t->ready_ms =
		(uint64_t)doc_number(d, d->root, "ready_ms", 1, 600000, 10000);
	t->suite = (int)doc_number(d, d->root, "suite", 0, 1000, 0);
	if (!doc_failed(d))
		check_dialect(d, t->dialect);
	read_start(t, d);
	return doc_failed(d) ? ERR_USAGE : ERR_OK;
}

void target_release(struct target *t)
{
	target_argv_free(t->start);
	free(t->name);
	free(t->description);
	free(t->dialect);
	free(t->path);
	free(t->nsp);
	*t = (struct target){0};
}

void target_argv_free(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}

static char *substitute(const char *text, const struct home *h)
{
	struct buf b;
	enum err e = ERR_OK;

	buf_init(&b, BUF_UNLIMITED);
	while (*text && !e) {
		size_t n = 1;

		if (strncmp(text, "{bin}", 5) == 0) {
			e = buf_add_str(&b, h->bin);
			n = 5;
		} else if (strncmp(text, "{home}", 6) == 0) {
			e = buf_add_str(&b, h->data);
			n = 6;
		} else {
			e = buf_add_char(&b, *text);
		}
		text += n;
	}
	CHECK(!e);
	return buf_detach(&b, NULL);
}

char **target_argv(const struct target *t, const struct home *h)
{
	size_t n = 0;
	char **argv;

	while (t->start[n])
		n++;
	argv = xcalloc(n + 1, sizeof(*argv));
	for (size_t i = 0; i < n; i++)
		argv[i] = substitute(t->start[i], h);
	return argv;
}
