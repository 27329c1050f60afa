/* SPDX-License-Identifier: MIT */
#include "bench/run/journal.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bench/run/distributions.h"
#include "bench/run/put.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"

#define SLICE_BYTES 8192.0   /* of a slice's line with its histograms */
#define OTHER_BYTES 400000.0 /* of a measurement without them, and files */

enum err journal_init(struct journal *j, const char *folder,
		      struct results_context *c, FILE *events)
{
	*j = (struct journal){.context = c, .events = events};
	j->start_ns = clock_ns(&clock_monotonic);
	return path_join(j->path, sizeof(j->path), folder, "run.json");
}

/* Before */

double journal_room(const struct suite *s)
{
	double pairs, all = (double)suite_expected(s, &pairs);

	return 2 * all * (OTHER_BYTES + 2 * pairs * SLICE_BYTES);
}

static enum err cannot_write(struct journal *j, const char *what)
{
	(void)snprintf(j->failure, sizeof(j->failure), "cannot write %s%s: %s",
		       what, j->path, strerror(errno));
	return ERR_IO;
}

enum err journal_check(struct journal *j, double bytes)
{
	char probe[PATH_MAX + 8];
	struct statvfs fs;
	double free_bytes;
	int fd;

	(void)snprintf(probe, sizeof(probe), "%s.new", j->path);
	fd = open(probe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || fstatvfs(fd, &fs) != 0) {
		enum err e = cannot_write(j, "");

		if (fd >= 0)
			(void)close(fd);
		return e;
	}
	(void)close(fd);
	(void)unlink(probe);
	free_bytes = (double)fs.f_bavail * (double)fs.f_frsize;
	if (free_bytes >= bytes)
		return ERR_OK;
	(void)snprintf(j->failure, sizeof(j->failure),
		       "cannot write %s: this run may need %.1f MB, and %.1f "
		       "MB are free there",
		       j->path, bytes / 1e6, free_bytes / 1e6);
	return ERR_IO;
}

/* Events */

static cJSON *event(const char *name)
{
	cJSON *json = cJSON_CreateObject();

	CHECK(json);
	put_text(json, "event", name);
	return json;
}

static void add(cJSON *list, const char *name)
{
	CHECK(cJSON_AddItemToArray(list, cJSON_CreateString(name)));
}

void journal_failed(FILE *events, const char *what)
{
	cJSON *json;

	if (!events)
		return;
	json = event("failed");
	put_text(json, "what", what);
	progress_event(events, json);
}

void journal_begin(struct journal *j, const struct suite *s)
{
	cJSON *json, *list;
	double pairs;

	if (!j->events)
		return;
	json = event("start");
	put_number(json, "planned_s", suite_planned(s));
	put_number(json, "measurements", (double)suite_expected(s, &pairs));
	put_text(json, "size", scenario_size_name(s->size));
	put_number(json, "seed", (double)s->seed);
	put_text(json, "folder", s->folder);
	list = put_array(json, "scenarios");
	for (size_t i = 0; i < s->scenario_count; i++)
		add(list, s->scenarios[i].name);
	list = put_array(json, "targets");
	for (size_t i = 0; i < s->target_count; i++)
		add(list, s->targets[i].name);
	progress_event(j->events, json);
}

static void tell_measurement(struct journal *j, const struct suite *s,
			     const struct measurement *m)
{
	cJSON *json, *figures;

	if (!j->events)
		return;
	json = event("measurement");
	figures = results_measurement(s, m);
	cJSON_DeleteItemFromObjectCaseSensitive(figures, "slices");
	while (figures->child) {
		cJSON *item =
			cJSON_DetachItemViaPointer(figures, figures->child);

		CHECK(cJSON_AddItemToArray(json, item));
	}
	cJSON_Delete(figures);
	progress_event(j->events, json);
}

/* Writing */

static enum err write_run(struct journal *j, const struct suite *s,
			  bool going_on, cJSON **out)
{
	struct results_context *c = j->context;
	uint64_t now = clock_ns(&clock_monotonic);
	enum err e = ERR_OK;

	c->going_on = going_on;
	c->ended = time(NULL);
	c->seconds = (double)(now - j->start_ns) / 1e9;
	*out = results_to_json(s, c);
	if (results_write(*out, j->path))
		e = cannot_write(j, "");
	return e;
}

bool journal_finished(void *context, struct suite *s, struct measurement *m)
{
	struct journal *j = context;
	cJSON *json = NULL;
	enum err e = ERR_OK;

	if (distributions_write(m, s->folder))
		e = cannot_write(j, "the files beside ");
	else
		e = write_run(j, s, true, &json);
	cJSON_Delete(json);
	tell_measurement(j, s, m);
	/*
	 * What a large document leaves are free pieces by the million. The next
	 * worker, a fork, would join them in a copy of its own, which took a
	 * second before it connected.
	 */
	(void)malloc_trim(0);
	return e == ERR_OK;
}

enum err journal_end(struct journal *j, const struct suite *s,
		     struct cJSON **out)
{
	return write_run(j, s, false, out);
}

void journal_ended(struct journal *j, const struct cJSON *run)
{
	static const char *const keys[] = {"seconds", "interrupted",
					   "succeeded"};
	cJSON *json;

	if (!j->events)
		return;
	json = event("end");
	put_text(json, "results", j->path);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		put_item(json, keys[i],
			 cJSON_Duplicate(
				 cJSON_GetObjectItemCaseSensitive(run, keys[i]),
				 1));
	progress_event(j->events, json);
}
