/* SPDX-License-Identifier: MIT */
/*
 * The orchestrator against real servers: bare, and scripts that misbehave as
 * servers do. Skipped where the programs are not built.
 */
#include "bench/run/suite.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/run/cell.h"
#include "bench/run/results.h"
#include "bench/run/test_programs.h"
#include "servers/base/check.h"

static const char scenario_text[] =
	"{\"name\": \"tiny\", \"description\": \"d\", \"teaches\": \"t\","
	"\"method\": \"pairs\", \"parameters\": {\"subscribers\": "
	"  {\"value\": 20, \"help\": \"h\"}},"
	"\"variants\": [{\"name\": \"w\", \"kind\": \"closed\", \"window\": 2,"
	"  \"subscribers\": 20, \"pairs\": 3, \"slice_ms\": 20,"
	"  \"warmup_ms\": 10, \"warmup_max\": 1, \"check_messages\": 5}],"
	"\"sizes\": {\"smoke\": {}, \"quick\": {}, \"standard\": {}}}";

static const char bare_text[] =
	"{\"name\": \"bare\", \"dialect\": \"bare\", \"start\": "
	"[\"{bin}/pushmark-bare\", \"--host\", \"127.0.0.1\", \"--port\", "
	"\"0\"]}";

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

struct fixture {
	struct home home;
	struct suite suite;
	char folder[64];
};

static bool prepare(struct fixture *f, const char *other)
{
	const char *texts[] = {bare_text, other};
	struct doc d;

	*f = (struct fixture){0};
	machine_init(&f->suite.machine);
	if (!test_programs(f->home.bin))
		return false;
	(void)strcpy(f->folder, "/tmp/pushmark-suite-XXXXXX");
	cr_assert_not_null(mkdtemp(f->folder));
	f->suite.scenarios = xcalloc(1, sizeof(struct scenario));
	f->suite.targets = xcalloc(2, sizeof(struct target));
	cr_assert_eq(doc_parse(&d, "tiny.json", scenario_text,
			       strlen(scenario_text)),
		     ERR_OK);
	cr_assert_eq(scenario_read(f->suite.scenarios, &d), ERR_OK, "%s",
		     d.error);
	doc_release(&d);
	for (int i = 0; i < (other ? 2 : 1); i++) {
		cr_assert_eq(
			doc_parse(&d, "t.json", texts[i], strlen(texts[i])),
			ERR_OK);
		cr_assert_eq(target_read(&f->suite.targets[i], &d), ERR_OK,
			     "%s", d.error);
		doc_release(&d);
		f->suite.target_count++;
	}
	f->suite.scenario_count = 1;
	f->suite.home = &f->home;
	f->suite.size = SIZE_QUICK;
	f->suite.seed = 3;
	f->suite.folder = f->folder;
	f->suite.quiet = true;
	return true;
}

static void release(struct fixture *f)
{
	suite_release(&f->suite);
	scenario_release(f->suite.scenarios);
	for (size_t i = 0; i < f->suite.target_count; i++)
		target_release(&f->suite.targets[i]);
	free(f->suite.scenarios);
	free(f->suite.targets);
	(void)nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

Test(suite, guests_take_part_only_where_they_are_named)
{
	char *names[] = {"ws", "ws-deflate", NULL};
	struct scenario own = {.targets = names}, any = {0};
	struct target ws = {.name = "ws", .dialect = "ws"};
	struct target sse = {.name = "sse", .dialect = "sse"};
	struct target guest = {
		.name = "ws-deflate", .dialect = "ws", .guest = true};

	cr_assert(cell_possible(&own, &ws));
	cr_assert(cell_possible(&own, &guest));
	cr_assert_not(cell_possible(&own, &sse));
	cr_assert(cell_possible(&any, &ws));
	cr_assert(cell_possible(&any, &sse));
	cr_assert_not(cell_possible(&any, &guest));
	guest.guest = false;
	cr_assert(cell_possible(&any, &guest));
	guest.dialect = "poll-plain";
	cr_assert_not(cell_possible(&any, &guest));
	any.params[PARAM_POLL_MS].declared = true;
	cr_assert(cell_possible(&any, &guest));
}

/* The target's side alone has the subscribers that do not read. */
Test(suite, a_target_beside_a_frozen_reader_against_itself, .timeout = 60)
{
	const struct measurement *m;
	struct fixture f;

	if (!prepare(&f, NULL))
		cr_skip_test("the programs are not built");
	f.suite.scenarios[0].targets = xcalloc(2, sizeof(char *));
	f.suite.scenarios[0].targets[0] = xstrdup("bare");
	f.suite.scenarios[0].baseline = xstrdup(SCENARIO_SELF);
	f.suite.scenarios[0].variants[0].changes.set[PARAM_FROZEN] = true;
	f.suite.scenarios[0].variants[0].changes.value[PARAM_FROZEN] = 2;
	suite_run(&f.suite);
	cr_assert_eq(f.suite.count, 1);
	m = &f.suite.measurements[0];
	cr_assert_str_eq(m->failure, "");
	cr_assert_eq(m->baseline, m->target);
	cr_assert_eq(m->pairs, 3);
	cr_assert_eq(m->check.deliveries, 100);
	cr_assert(suite_succeeded(&f.suite));
	release(&f);
}

Test(suite, bare_against_itself_from_end_to_end, .timeout = 60)
{
	const struct measurement *m;
	struct fixture f;

	if (!prepare(&f, NULL))
		cr_skip_test("the programs are not built");
	suite_run(&f.suite);
	cr_assert_eq(f.suite.count, 1);
	m = &f.suite.measurements[0];
	cr_assert_str_eq(m->failure, "");
	cr_assert(m->complete);
	cr_assert_eq(m->pairs, 3);
	cr_assert_eq(m->invalid, 0);
	cr_assert(m->check.valid, "%s", m->check.why);
	cr_assert_eq(m->check.messages, 5);
	cr_assert_eq(m->check.deliveries, 100);
	cr_assert(m->ratios[METRIC_SERVER_CPU].value > 0);
	cr_assert_eq(m->verdict, VERDICT_INCONCLUSIVE);
	cr_assert_eq(cJSON_GetArraySize(m->slices) % 2, 0);
	cr_assert(suite_succeeded(&f.suite));
	for (int i = 0; i < METER_ROLES && !f.suite.meters.why[0]; i++)
		cr_assert_gt(m->hiccups[i].total, 0, "%s",
			     meter_role_name((enum meter_role)i));
	release(&f);
}

Test(suite, pairs_run_a_b_b_a, .timeout = 60)
{
	static const char *const order[] = {"baseline", "target", "target",
					    "baseline"};
	const cJSON *slice;
	struct fixture f;
	double pair = -1;
	int at = 0;

	if (!prepare(&f, NULL))
		cr_skip_test("the programs are not built");
	suite_run(&f.suite);
	cJSON_ArrayForEach(slice, f.suite.measurements[0].slices)
	{
		double now = cJSON_GetObjectItem(slice, "pair")->valuedouble;
		int first = ((int)now % 2) * 2;

		at = now == pair ? !at : 0;
		pair = now;
		cr_assert_str_eq(
			cJSON_GetObjectItem(slice, "side")->valuestring,
			order[first + at]);
	}
	release(&f);
}

Test(suite, server_that_does_not_start_is_told_and_others_go_on, .timeout = 60)
{
	const struct measurement *m;
	struct fixture f;

	if (!prepare(&f, "{\"name\": \"bad\", \"dialect\": \"ws\", \"start\": "
			 "[\"/bin/sh\", \"-c\", \"echo no such file: x >&2; "
			 "exit 4\"]}"))
		cr_skip_test("the programs are not built");
	suite_run(&f.suite);
	cr_assert_eq(f.suite.count, 2);
	cr_assert(f.suite.measurements[0].complete);
	m = &f.suite.measurements[1];
	cr_assert_not(m->complete);
	cr_assert_str_eq(m->failure, "the server bad exited with status 4 "
				     "before it was ready");
	cr_assert_str_eq(cJSON_GetArrayItem(m->log, 0)->valuestring,
			 "no such file: x");
	cr_assert_not(suite_succeeded(&f.suite));
	release(&f);
}

Test(suite, server_that_dies_in_the_middle_is_told, .timeout = 60)
{
	const struct measurement *m;
	struct fixture f;

	if (!prepare(&f, "{\"name\": \"mortal\", \"dialect\": \"bare\", "
			 "\"start\": [\"/bin/sh\", \"-c\", \"(sleep 0.15; "
			 "echo oh >&2; kill -KILL $$) & exec "
			 "{bin}/pushmark-bare --port 0\"]}"))
		cr_skip_test("the programs are not built");
	suite_run(&f.suite);
	m = &f.suite.measurements[1];
	cr_assert_not(m->complete);
	cr_assert_eq(strncmp(m->failure,
			     "the server mortal was killed by signal 9", 40),
		     0, "%s", m->failure);
	cr_assert_gt(cJSON_GetArraySize(m->log), 0);
	release(&f);
}

Test(suite, results_survive_a_round_trip, .timeout = 60)
{
	struct results_context context = {.started = 0, .ended = 60};
	char path[128], *a, *b;
	cJSON *json, *again;
	struct fixture f;
	struct doc d;

	if (!prepare(&f, NULL))
		cr_skip_test("the programs are not built");
	suite_run(&f.suite);
	json = results_to_json(&f.suite, &context);
	(void)snprintf(path, sizeof(path), "%s/run.json", f.folder);
	cr_assert_eq(results_write(json, path), ERR_OK);
	cr_assert_eq(doc_load(&d, path), ERR_OK, "%s", d.error);
	again = d.root;
	a = cJSON_PrintUnformatted(json);
	b = cJSON_PrintUnformatted(again);
	cr_assert_str_eq(a, b);
	cr_assert_str_eq(cJSON_GetObjectItem(again, "started")->valuestring,
			 "1970-01-01T00:00:00Z");
	free(a);
	free(b);
	doc_release(&d);
	cJSON_Delete(json);
	release(&f);
}
