/* SPDX-License-Identifier: MIT */
/*
 * pushmark-counters: what a delivery costs, in counts that repeat. Each
 * server runs under callgrind twice, with few messages and with more; the
 * difference of the two, divided by the deliveries between them, holds nothing
 * of starting, connecting and stopping.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/counters/profile.h"
#include "bench/load/worker.h"
#include "bench/report/table.h"
#include "bench/run/catalogue.h"
#include "bench/run/proc.h"
#include "bench/run/put.h"
#include "bench/run/results.h"
#include "servers/base/check.h"
#include "servers/base/opt.h"

#define SUBSCRIBERS 200
/*
 * Bursts of the first run and of the second. What chance decides, such as
 * whether a burst is read in one tick or in two and what an upgrade meets,
 * evens out over many; what is dear to count has fewer.
 */
#define FEW 1
#define MORE_DEAR 81
#define MORE 721
#define READY_MS 60000
#define COUNTINGS 3  /* at most, of one row */
#define ALLOWED 0.02 /* above the baseline, before it is a regression */

enum { EXIT_WORSE = 1, EXIT_USAGE = 2 };

struct options {
	const char *baseline, *folder;
	bool check, update, json, help;
};

static const struct opt table[] = {
	OPT_STRING("baseline", "FILE", "counts to compare with", struct options,
		   baseline),
	OPT_FLAG("check", "fail when a count is over 2 % above its baseline",
		 struct options, check),
	OPT_FLAG("update", "write the counts as the new baseline",
		 struct options, update),
	OPT_FLAG("json", "print the counts as JSON", struct options, json),
	OPT_STRING("keep", "DIR", "put profiles and logs here, and leave them",
		   struct options, folder),
	OPT_FLAG("help", "print this and exit", struct options, help),
	OPT_END,
};

static const char *const targets[] = {"ws", "sse", "longpoll",
				      "longpoll+upgrade"};
static const uint32_t windows[] = {1, 16};

struct program {
	struct options options;
	struct home home;
	struct catalogue catalogue;
	char folder[PATH_MAX]; /* of profiles and logs */
	char message[1024];
	struct table table;
	struct cJSON *counts;	/* target: window: counts */
	struct cJSON *baseline; /* the same, or NULL */
	unsigned worse, better;
};

/* One run */

static char **server_argv(const struct program *p, const struct target *t,
			  const char *profile)
{
	static const char *const tool[] = {"valgrind", "--tool=callgrind",
					   "--collect-systime=yes",
					   "--compress-pos=no"};
	/* How many heartbeats there are depends on how slow the machine is. */
	static char name[] = "--ping-interval", hour[] = "3600000";
	char *const quiet[] = {name, hour, NULL};
	char **server = target_argv(t->start, quiet, &p->home, "127.0.0.1");
	size_t n = 0, at = 0;
	char **argv;

	while (server[n])
		n++;
	argv = xcalloc(ARRAY_SIZE(tool) + n + 2, sizeof(*argv));
	for (size_t i = 0; i < ARRAY_SIZE(tool); i++)
		argv[at++] = xstrdup(tool[i]);
	argv[at] = xmalloc(strlen(profile) + 32);
	(void)sprintf(argv[at++], "--callgrind-out-file=%s", profile);
	for (size_t i = 0; i < n; i++)
		argv[at++] = server[i];
	free(server);
	return argv;
}

static enum err drive(struct program *p, struct worker *w,
		      const struct target *t, const struct proc *server,
		      uint32_t window, uint64_t messages)
{
	struct load_target to = {.port = server->port,
				 .subscribers = SUBSCRIBERS,
				 .room = "counted",
				 .connect_pending = 1,
				 .timeout_ns = 60000000000};
	struct load_plan plan = {.kind = LOAD_CLOSED,
				 .messages = messages,
				 .window = window,
				 .run = messages,
				 .drain_ns = 60000000000};
	struct load_connected connected;
	struct load_result result;
	char why[LOAD_WHY] = "";
	enum err e;

	load_connected_init(&connected);
	load_result_init(&result);
	(void)snprintf(to.dialect, sizeof(to.dialect), "%s", t->dialect);
	(void)snprintf(to.host, sizeof(to.host), "%s", server->host);
	e = worker_connect(w, &to, &connected);
	if (!e)
		e = worker_run(w, &plan, &result);
	if (!e && !load_result_valid(&result, why))
		e = ERR_PROTO;
	if (e)
		(void)snprintf(p->message, sizeof(p->message), "%s: %s%s%s",
			       t->name, err_text(e), why[0] ? ": " : "",
			       why[0] ? why : connected.error);
	load_connected_release(&connected);
	load_result_release(&result);
	return e;
}

static enum err serve(struct program *p, const struct target *t,
		      const char *profile, uint32_t window, uint64_t messages)
{
	char log[PATH_MAX];
	struct proc server;
	struct worker *w;
	char **argv = server_argv(p, t, profile);
	enum err e = path_join(log, sizeof(log), p->folder, "servers.log");

	if (!e)
		e = proc_start(&server, argv, log, -1);
	target_argv_free(argv);
	if (e)
		return e;
	e = worker_start(-1, &w);
	if (e) {
		proc_stop(&server);
		return e;
	}
	e = ERR_AGAIN;
	for (int ms = 0; ms < READY_MS && e == ERR_AGAIN; ms += 50)
		e = proc_wait_ready(&server, 50);
	if (e)
		(void)snprintf(p->message, sizeof(p->message),
			       "%.64s does not start under valgrind; see "
			       "%.800s",
			       t->name, log);
	else
		e = drive(p, w, t, &server, window, messages);
	/* It ends with all connections open: how many it saw closed is luck. */
	proc_stop(&server);
	worker_stop(w);
	return e;
}

static enum err run_once(struct program *p, const struct target *t,
			 uint32_t window, uint64_t messages,
			 struct profile *out)
{
	char name[128], path[PATH_MAX];
	unsigned line;
	enum err e;
	FILE *f;

	(void)snprintf(name, sizeof(name), "%s-%u-%llu.callgrind", t->name,
		       window, (unsigned long long)messages);
	e = path_join(path, sizeof(path), p->folder, name);
	if (!e)
		e = serve(p, t, path, window, messages);
	if (e)
		return e;
	f = fopen(path, "re");
	if (!f) {
		(void)snprintf(p->message, sizeof(p->message),
			       "callgrind wrote no %.900s", path);
		return ERR_IO;
	}
	e = profile_read(f, out, &line);
	(void)fclose(f);
	if (e)
		(void)snprintf(p->message, sizeof(p->message),
			       "%.900s:%u is not understood", path, line);
	return e;
}

/* Counting */

struct count {
	const char *name;
	size_t offset;
	bool gated;
};

static const struct count all_counts[] = {
	{"instructions", offsetof(struct profile, instructions), true},
	{"calls", offsetof(struct profile, calls), true},
	{"writes", offsetof(struct profile, writes), true},
	{"libc", offsetof(struct profile, libc), false},
};

static double value_of(const struct profile *p, const struct count *c)
{
	double value;

	memcpy(&value, (const char *)p + c->offset, sizeof(value));
	return value;
}

static double baseline_of(const struct program *p, const char *target,
			  const char *window, const char *count)
{
	const cJSON *at = cJSON_GetObjectItemCaseSensitive(p->baseline, target);
	const cJSON *n;

	at = cJSON_GetObjectItemCaseSensitive(at, window);
	n = cJSON_GetObjectItemCaseSensitive(at, count);
	return cJSON_IsNumber(n) ? n->valuedouble : (double)NAN;
}

static void add_row(struct program *p, const char *target, const char *window,
		    const struct profile *each)
{
	table_cell(&p->table, target);
	table_cell(&p->table, window);
	for (size_t i = 0; i < ARRAY_SIZE(all_counts); i++) {
		const struct count *c = &all_counts[i];
		double now = value_of(each, c);
		double was = baseline_of(p, target, window, c->name);
		double change = now / was - 1;
		enum table_style style = TABLE_PLAIN;
		char text[64];

		(void)snprintf(text, sizeof(text), now < 10 ? "%.3f" : "%.1f",
			       now);
		if (!isnan(was) && fabs(change) > ALLOWED / 2)
			(void)snprintf(text + strlen(text),
				       sizeof(text) - strlen(text),
				       " (%+.1f %%)", 100 * change);
		if (c->gated && change > ALLOWED) {
			p->worse++;
			style = TABLE_BAD;
		} else if (c->gated && change < -ALLOWED) {
			p->better++;
			style = TABLE_GOOD;
		}
		table_cell_styled(&p->table, text, style);
	}
}

/* What a delivery costs: the second run's counts less those of the first. */
static enum err count_one(struct program *p, const struct target *t,
			  uint32_t window, struct profile *each)
{
	bool fewer = strcmp(t->dialect, "longpoll") == 0 || window > 1;
	uint64_t less = (uint64_t)FEW * window;
	uint64_t most = (uint64_t)(fewer ? MORE_DEAR : MORE) * window;
	double deliveries = (double)(most - less) * SUBSCRIBERS;
	struct profile few, more;
	enum err e = run_once(p, t, window, less, &few);

	if (!e)
		e = run_once(p, t, window, most, &more);
	if (e)
		return e;
	*each = (struct profile){
		.instructions =
			(more.instructions - few.instructions) / deliveries,
		.libc = (more.libc - few.libc) / deliveries,
		.calls = (more.calls - few.calls) / deliveries,
		.writes = (more.writes - few.writes) / deliveries,
	};
	return ERR_OK;
}

static void set_value(struct profile *p, const struct count *c, double value)
{
	memcpy((char *)p + c->offset, &value, sizeof(value));
}

static bool is_worse(const struct program *p, const char *target,
		     const char *window, const struct profile *each)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_counts); i++) {
		const struct count *c = &all_counts[i];
		double was = baseline_of(p, target, window, c->name);

		if (c->gated && value_of(each, c) > was * (1 + ALLOWED))
			return true;
	}
	return false;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of each count by itself: the least, or the one in the middle. */
static struct profile settle(const struct profile *seen, size_t n, bool middle)
{
	struct profile out = {0};

	for (size_t i = 0; i < ARRAY_SIZE(all_counts); i++) {
		double values[COUNTINGS] = {0};

		for (size_t k = 0; k < n; k++)
			values[k] = value_of(&seen[k], &all_counts[i]);
		qsort(values, n, sizeof(*values), by_value);
		set_value(&out, &all_counts[i], values[middle ? n / 2 : 0]);
	}
	return out;
}

/*
 * What chance decides (whether a burst is read in one tick or in two) moves a
 * count both ways. So a baseline is the middle of several countings, and what
 * is worse than it is counted again: a regression is worse each time.
 */
static enum err count_settled(struct program *p, const struct target *t,
			      uint32_t window, const char *name,
			      struct profile *out)
{
	struct profile seen[COUNTINGS];
	enum err e;

	for (size_t n = 0; n < COUNTINGS; n++) {
		e = count_one(p, t, window, &seen[n]);
		if (e)
			return e;
		*out = settle(seen, n + 1, p->options.update);
		if (!p->options.update && !is_worse(p, t->name, name, out))
			break;
	}
	return ERR_OK;
}

static enum err count_row(struct program *p, const struct target *t,
			  uint32_t window)
{
	struct profile each = {0};
	char name[32];
	cJSON *json;
	enum err e;

	(void)snprintf(name, sizeof(name), "window %u", window);
	e = count_settled(p, t, window, name, &each);
	if (e)
		return e;
	add_row(p, t->name, name, &each);
	json = cJSON_GetObjectItemCaseSensitive(p->counts, t->name);
	if (!json)
		json = put_object(p->counts, t->name);
	json = put_object(json, name);
	for (size_t i = 0; i < ARRAY_SIZE(all_counts); i++)
		put_number(json, all_counts[i].name,
			   round(value_of(&each, &all_counts[i]) * 1e4) / 1e4);
	return ERR_OK;
}

static enum err count_all(struct program *p)
{
	enum err e = ERR_OK;

	table_column(&p->table, "target", TABLE_LEFT);
	table_column(&p->table, "", TABLE_LEFT);
	table_column(&p->table, "instructions", TABLE_RIGHT);
	table_column(&p->table, "system calls", TABLE_RIGHT);
	table_column(&p->table, "writes", TABLE_RIGHT);
	table_column(&p->table, "C library", TABLE_RIGHT);
	for (size_t i = 0; i < ARRAY_SIZE(targets) && !e; i++) {
		struct target t;

		e = catalogue_target(&p->catalogue, targets[i], &t, p->message,
				     sizeof(p->message));
		for (size_t w = 0; w < ARRAY_SIZE(windows) && !e; w++)
			e = count_row(p, &t, windows[w]);
		target_release(&t);
	}
	return e;
}

/* Baseline */

static enum err load_baseline(struct program *p, const char *path,
			      struct doc *d)
{
	enum err e = doc_load(d, path);

	if (!e)
		p->baseline =
			cJSON_GetObjectItemCaseSensitive(d->root, "counts");
	else if (e != ERR_NOTFOUND || p->options.check)
		(void)snprintf(p->message, sizeof(p->message), "%s", d->error);
	return e == ERR_NOTFOUND && !p->options.check ? ERR_OK : e;
}

static enum err save_baseline(struct program *p, const char *path)
{
	cJSON *json = cJSON_CreateObject();
	enum err e;

	put_text(json, "what",
		 "Counts per delivery to 200 subscribers of 128 bytes, closed "
		 "loop; `make bench-counters UPDATE=1` writes this.");
	put_text(json, "compiler", __VERSION__);
	put_item(json, "counts", cJSON_Duplicate(p->counts, 1));
	e = results_write(json, path);
	if (e)
		(void)snprintf(p->message, sizeof(p->message),
			       "cannot write %.900s: %s", path,
			       strerror(errno));
	cJSON_Delete(json);
	return e;
}

/* The program */

static void help(const struct options *defaults)
{
	puts("usage: pushmark-counters [OPTION]...\n\n"
	     "Counts, with valgrind's callgrind, what a delivery costs our "
	     "servers: instructions\nof the program and its libraries without "
	     "the C library, and system calls.\n");
	opt_help(table, defaults, stdout);
	puts("\nExit status: 0, 1 a count is worse (--check) or something "
	     "failed, 2 wrong usage.");
}

static enum err make_folder(struct program *p)
{
	const char *tmp = getenv("TMPDIR");

	if (p->options.folder && p->options.folder[0]) {
		(void)snprintf(p->folder, sizeof(p->folder), "%s",
			       p->options.folder);
		return path_make(p->folder);
	}
	(void)snprintf(p->folder, sizeof(p->folder), "%s/pushmark-XXXXXX",
		       tmp ? tmp : "/tmp");
	return mkdtemp(p->folder) ? ERR_OK : ERR_IO;
}

static void remove_folder(const struct program *p)
{
	char command[PATH_MAX + 16];
	int rc;

	if (p->options.folder && p->options.folder[0])
		return;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", p->folder);
	rc = system(command); /* NOLINT(cert-env33-c): a name of our own */
	if (rc != 0)
		(void)fprintf(stderr, "pushmark-counters: %s is left\n",
			      p->folder);
}

static void tell(struct program *p)
{
	char *text;

	if (p->options.json) {
		text = cJSON_Print(p->counts);
		CHECK(text);
		puts(text);
		free(text);
		return;
	}
	table_print(&p->table, stdout,
		    isatty(STDOUT_FILENO) == 1 ? TABLE_COLOUR : TABLE_TEXT);
	if (p->baseline)
		printf("\n%u counts over 2 %% above the baseline, %u over 2 %% "
		       "below it.\n",
		       p->worse, p->better);
}

static enum err run(struct program *p, const char *path)
{
	struct doc d = {0};
	enum err e = load_baseline(p, path, &d);

	if (!e)
		e = make_folder(p);
	if (!e) {
		e = count_all(p);
		if (!e)
			remove_folder(p);
	}
	if (!e)
		tell(p);
	if (!e && p->options.update)
		e = save_baseline(p, path);
	doc_release(&d);
	return e;
}

int main(int argc, char **argv)
{
	struct program p = {.options = {0}};
	struct opt_list operands = {0};
	char path[PATH_MAX];
	enum err e;

	if (opt_parse(table, &p.options, argc, argv, &operands, p.message,
		      sizeof(p.message)) != ERR_OK ||
	    operands.count > 0) {
		(void)fprintf(stderr, "pushmark-counters: %s\n",
			      p.message[0] ? p.message
					   : "it takes options only");
		return EXIT_USAGE;
	}
	if (p.options.help) {
		help(&(struct options){0});
		return 0;
	}
	table_init(&p.table);
	p.counts = cJSON_CreateObject();
	e = home_find(&p.home, p.message, sizeof(p.message));
	if (!e)
		e = catalogue_init(&p.catalogue, &p.home, NULL, NULL);
	if (!e)
		e = path_join(path, sizeof(path), p.home.data,
			      "bench/counters.json");
	if (!e)
		e = run(&p, p.options.baseline && p.options.baseline[0]
				    ? p.options.baseline
				    : path);
	if (e)
		(void)fprintf(stderr, "pushmark-counters: %s\n",
			      p.message[0] ? p.message : err_text(e));
	cJSON_Delete(p.counts);
	table_release(&p.table);
	opt_list_release(&operands);
	if (e)
		return EXIT_WORSE;
	return p.options.check && p.worse > 0 ? EXIT_WORSE : 0;
}
