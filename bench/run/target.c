/* SPDX-License-Identifier: MIT */
#include "bench/run/target.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/load.h"
#include "bench/load/plain.h"
#include "servers/base/buf.h"
#include "servers/base/check.h"

/* NULL-terminated; NULL when there is none. */
static char **read_argv(struct doc *d, const char *key, bool required)
{
	char **argv = doc_texts(d, d->root, key, required,
				"a list: program and arguments");

	if (argv && argv[0] && !argv[0][0])
		doc_fail(d, doc_get(d, d->root, key, required)->child,
			 "expected a program");
	return argv;
}

static void check_dialect(struct doc *d, const char *dialect)
{
	static const char *const known[] = {"ws",
					    "sse",
					    "longpoll",
					    "longpoll+upgrade",
					    "bare",
					    DIALECT_WS_PLAIN,
					    DIALECT_SSE_PLAIN,
					    DIALECT_LONGPOLL_PLAIN,
					    DIALECT_POLL_PLAIN};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(dialect, known[i]) == 0)
			return;
	}
	doc_fail(d, doc_get(d, d->root, "dialect", false),
		 "expected ws, sse, longpoll, longpoll+upgrade, bare, "
		 "ws-plain, sse-plain, longpoll-plain or poll-plain");
}

static char *short_text(struct doc *d, const char *key, const char *fallback)
{
	const char *text = doc_text(d, d->root, key, fallback);

	if (strlen(text) >= sizeof(((struct load_target *)0)->path))
		doc_fail(d, doc_get(d, d->root, key, false), "too long");
	return xstrdup(text);
}

static bool read_flag(struct doc *d, const char *key)
{
	const cJSON *item = doc_get(d, d->root, key, false);

	if (item && !cJSON_IsBool(item))
		doc_fail(d, item, "expected true or false");
	return cJSON_IsTrue(item);
}

/* It goes into a request's first line. */
static void check_path(struct doc *d, const char *path)
{
	bool fits = path[0] == '/' || !path[0];

	for (; *path; path++)
		fits &= *path > ' ' && *path < 0x7f && *path != '#';
	if (!fits)
		doc_fail(d, doc_get(d, d->root, "path", true),
			 "expected a / and printable ASCII without # and "
			 "blanks");
}

static void check_deflate(struct doc *d, const struct target *t)
{
	if (t->deflate && strcmp(t->dialect, "ws") != 0 &&
	    strcmp(t->dialect, DIALECT_WS_PLAIN) != 0)
		doc_fail(d, doc_get(d, d->root, "deflate", true),
			 "the dialect %s has no permessage-deflate",
			 t->dialect);
}

enum err target_read(struct target *t, struct doc *d)
{
	static const char *const known[] = {"name",    "description", "dialect",
					    "path",    "namespace",   "start",
					    "version", "ready_ms",    "suite",
					    "deflate", "warmup",      NULL};

	*t = (struct target){0};
	doc_only(d, d->root, known);
	t->file = xstrdup(d->path);
	t->name = xstrdup(doc_name(d, d->root, "name"));
	t->line = doc_line(d, doc_get(d, d->root, "name", true));
	t->description = xstrdup(doc_text(d, d->root, "description", ""));
	t->dialect = xstrdup(doc_text(d, d->root, "dialect", NULL));
	t->path = short_text(d, "path", "");
	check_path(d, t->path);
	t->nsp = short_text(d, "namespace", "");
	if (t->nsp[0] && t->nsp[0] != '/')
		doc_fail(d, doc_get(d, d->root, "namespace", true),
			 "expected a / first");
	t->ready_ms =
		(uint64_t)doc_whole(d, d->root, "ready_ms", 1, 600000, 10000);
	t->warmup = doc_whole(d, d->root, "warmup", 0, 1e7, 0);
	t->suite = (int)doc_whole(d, d->root, "suite", 0, 1000, 0);
	t->deflate = read_flag(d, "deflate");
	if (!doc_failed(d))
		check_dialect(d, t->dialect);
	check_deflate(d, t);
	t->start = read_argv(d, "start", true);
	t->version = read_argv(d, "version", false);
	return doc_failed(d) ? ERR_USAGE : ERR_OK;
}

void target_release(struct target *t)
{
	target_argv_free(t->start);
	target_argv_free(t->version);
	free(t->file);
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

static char *substitute(const char *text, const struct home *h,
			const char *host)
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
		} else if (strncmp(text, "{host}", 6) == 0) {
			e = buf_add_str(&b, host);
			n = 6;
		} else {
			e = buf_add_char(&b, *text);
		}
		text += n;
	}
	CHECK(!e);
	return buf_detach(&b, NULL);
}

char **target_argv(char *const *argv, char *const *more, const struct home *h,
		   const char *host)
{
	size_t n = 0, extra = 0;
	char **out;

	while (argv[n])
		n++;
	while (more && more[extra])
		extra++;
	out = xcalloc(n + extra + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = substitute(argv[i], h, host);
	for (size_t i = 0; i < extra; i++)
		out[n + i] = xstrdup(more[i]);
	return out;
}

bool target_is_ours(const struct target *t)
{
	return strcmp(t->start[0], "{bin}/pushmark-server") == 0;
}

bool target_polls(const struct target *t)
{
	return strcmp(t->dialect, DIALECT_POLL_PLAIN) == 0;
}

bool target_reconnects(const struct target *t)
{
	return strcmp(t->dialect, "bare") != 0 &&
	       strcmp(t->dialect, DIALECT_LONGPOLL_PLAIN) != 0 &&
	       !target_polls(t);
}
