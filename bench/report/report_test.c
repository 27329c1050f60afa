/* SPDX-License-Identifier: MIT */
#include "bench/report/report.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/report/section.h"

static const char run_text[] =
	"{\"schema\": 1, \"started\": \"2026-01-31T12:00:00Z\","
	"\"seconds\": 90, \"seed\": 7, \"interrupted\": true,"
	"\"options\": {\"size\": \"quick\", \"command\": [\"pushmark\"]},"
	"\"provenance\": {\"kernel\": \"6.1\", \"cores\": 2, \"commit\": null,"
	"  \"sysctls\": {\"net.core.somaxconn\": \"4096\"},"
	"  \"targets\": {\"mine\": \"v1\"}},"
	"\"scenarios\": [{\"name\": \"fanout\", \"variants\":"
	"  {\"window 1\": \"closed loop\", \"absent\": \"\"}},"
	"  {\"name\": \"idle\", \"variants\": {\"memory\": \"idle\"}}],"
	"\"caveats\": [\"General.\"],"
	"\"budget\": [{\"figure\": \"cpu\", \"target\": \"ws\", \"bound\": "
	"1.15, \"value\": 1.02, \"low\": 0.98, \"high\": 1.07, \"state\": "
	"\"met\"}],"
	"\"measurements\": [{\"scenario\": \"fanout\", \"variant\": "
	"\"window 1\", \"kind\": \"closed\", \"method\": \"pairs\", "
	"\"target\": \"ws\", \"baseline\": \"bare\", \"client_bound\": true,"
	"\"parameters\": {\"subscribers\": 1000, \"payload\": 128},"
	"\"check\": {\"valid\": true, \"syscalls\": 1.0031},"
	"\"sides\": {\"target\": {\"rate\": 98312, \"server_cpu_ns\": 8612,"
	"  \"server_user_ns\": 412, \"server_system_ns\": 8200,"
	"  \"bytes_in\": 132, \"bytes_out\": 4,"
	"  \"latency\": {\"median\": {\"percentiles\": {\"50\": 4900000,"
	"  \"75\": 5000000, \"90\": 6100000}}}}},"
	"\"ratios\": {\"server_cpu\": {\"value\": 1.02, \"low\": 0.98,"
	"  \"high\": 1.07}}, \"verdict\": \"equivalent\","
	"\"hiccups\": {\"load\": {\"max\": 2000000, \"percentiles\": {}}},"
	"\"caveats\": [\"Client-bound.\"]},"
	"{\"scenario\": \"fanout\", \"variant\": \"window 1\", \"kind\": "
	"\"closed\", \"method\": \"pairs\", \"target\": \"sse\", "
	"\"baseline\": \"bare\", \"failure\": {\"what\": \"the server sse "
	"exited with status 1\", \"log\": [\"bang\"]}, \"caveats\": []},"
	"{\"scenario\": \"idle\", \"variant\": \"memory\", \"method\": "
	"\"memory\", \"target\": \"ws\", \"parameters\": {\"starts\": 1},"
	"\"memory\": {\"value\": 464, \"low\": 460, \"high\": 468},"
	"\"memory_points\": [{\"before\": 769000, \"after\": 1233000}],"
	"\"observations\": [{\"name\": \"heap\", \"value\": 450},"
	" {\"name\": \"kernel\", \"value\": 3333}],"
	"\"caveats\": []}]}";

static const char expected_print[] =
	"\nInterrupted: only what was finished is here.\n"
	"\nfanout, window 1\n"
	"  closed loop; 1,000 subscribers, 128 bytes\n\n"
	"  target  median p50           tail  last p50  tail  deliveries/s  "
	"CPU µs (user+sys)  / bare [95 %]      calls  bytes  verdict     "
	"notes\n"
	"  ws       (4.90 ms)  (p90 6.10 ms)         -     -      (98,300)   "
	"8.61 (0.41+8.20)  1.02 [0.98, 1.07]  1.003    136  equivalent  1\n"
	"  sse              -              -         -     -             -   "
	"               -  -                      -      -  failed\n"
	"  machine: hiccups on the load's core max 2.00 ms\n"
	"\nidle, memory\n"
	"  idle; servers started 1 time\n\n"
	"  target  memory/connection  [95 %]           heap    kernel  "
	" before  with all  state  notes\n"
	"  ws                  464 B  [460 B, 468 B]  450 B  3.25 KiB  "
	"751 KiB  1.18 MiB\n";

static cJSON *run(void)
{
	cJSON *json = cJSON_Parse(run_text);

	cr_assert_not_null(json);
	return json;
}

Test(report, table_on_a_terminal)
{
	cJSON *json = run();
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	report_print(json, out, false);
	(void)fclose(out);
	text[strlen(expected_print)] = '\0';
	cr_assert_str_eq(text, expected_print);
	free(text);
	cJSON_Delete(json);
}

static void holds(const char *text, const char *part)
{
	cr_assert_not_null(strstr(text, part), "lacks: %s", part);
}

Test(report, markdown_holds_verdict_failure_budget_notes_and_provenance)
{
	cJSON *json = run();
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	report_markdown(json, out);
	(void)fclose(out);
	holds(text, "# Pushmark, 2026-01-31T12:00:00Z\n");
	holds(text, "**Interrupted: ");
	holds(text, "- fanout, window 1: server CPU per delivery: ws 8.61 µs "
		    "(1.02 × bare [0.98, 1.07], equivalent); sse was not "
		    "measured.\n");
	holds(text, "- idle, memory: user memory per idle connection: ws 464 "
		    "B.\n");
	holds(text, "- **fanout, sse: the server sse exited with status 1.** "
		    "The end of its log:\n\n      bang\n");
	holds(text, " |\n\nmachine: hiccups on the load's core max 2.00 ms\n");
	holds(text, "| cpu | ws | 1.15 | 1.02 | [0.98, 1.07] | met |\n");
	holds(text, "\n1. Client-bound.\n2. General.\n");
	holds(text, "- seed: 7\n- kernel: 6.1\n- cores: 2\n- commit: unknown\n"
		    "- sysctl net.core.somaxconn: 4096\n"
		    "- target mine: v1\n");
	free(text);
	cJSON_Delete(json);
}

/* Behind the others, whichever came first; and none of it looks a result. */
Test(report, what_is_invalid_is_set_apart)
{
	static const char expected[] =
		"  target  median p50  tail  last p50  tail  deliveries/s   "
		"CPU µs (user+sys)  / bare [95 %]        calls  bytes  "
		"verdict  notes\n"
		"  sse              -     -         -     -        40,000    "
		"9.00 (1.00+8.00)  1.50 [1.40, 1.60]    1.200    150  worse\n"
		"  ws               -     -         -     -      (98,300)  "
		"(8.61 (0.41+8.20))  (1.02 [0.98, 1.07])  1.003  (136)  "
		"invalid  1\n";
	cJSON *json = run();
	cJSON *list = cJSON_GetObjectItem(json, "measurements");
	cJSON *bad = cJSON_GetArrayItem(list, 0);
	cJSON *good = cJSON_Parse(
		"{\"scenario\": \"fanout\", \"variant\": \"window 1\","
		"\"kind\": \"closed\", \"method\": \"pairs\", \"target\": "
		"\"sse\", \"baseline\": \"bare\", \"verdict\": \"worse\","
		"\"check\": {\"valid\": true, \"syscalls\": 1.2},"
		"\"sides\": {\"target\": {\"rate\": 40000, \"server_cpu_ns\": "
		"9000, \"server_user_ns\": 1000, \"server_system_ns\": 8000,"
		"  \"bytes_in\": 100, \"bytes_out\": 50}},"
		"\"ratios\": {\"server_cpu\": {\"value\": 1.5, \"low\": 1.4,"
		"  \"high\": 1.6}}, \"caveats\": []}");
	struct view_caveats caveats = {0};
	size_t position[2] = {0, 0}, size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);
	struct section s;

	cr_assert_not_null(good);
	cJSON_DeleteItemFromObject(
		cJSON_GetObjectItem(cJSON_GetObjectItem(bad, "sides"),
				    "target"),
		"latency");
	cJSON_AddNumberToObject(bad, "pairs_invalid", 1);
	cJSON_ReplaceItemInArray(list, 1, good);
	cr_assert(section_next(json, position, &s));
	section_table(&s, &caveats, out, TABLE_TEXT);
	(void)fclose(out);
	cr_assert_str_eq(text, expected);
	free(text);
	cJSON_Delete(json);
}

Test(report, loads_only_what_it_understands)
{
	char path[] = "/tmp/pushmark-report-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	char message[256];
	cJSON *json;

	cr_assert_eq(report_load("/nonexistent", &json, message, 256),
		     ERR_NOTFOUND);
	cr_assert_str_eq(message, "/nonexistent: No such file or directory");
	(void)fputs("{\"schema\": 2}", f);
	(void)fflush(f);
	cr_assert_eq(report_load(path, &json, message, 256), ERR_PROTO);
	holds(message, ": schema 2, but this program knows 1");
	cr_assert_null(json);
	cr_assert_eq(ftruncate(fd, 0), 0);
	cr_assert_eq(report_load(path, &json, message, 256), ERR_PROTO);
	holds(message, ":1: this is not JSON");
	rewind(f);
	(void)fputs("{\"started\": 1}", f);
	(void)fflush(f);
	cr_assert_eq(report_load(path, &json, message, 256), ERR_PROTO);
	holds(message, ": this is not a run.json");
	rewind(f);
	(void)fputs("{\"schema\": 1,\n\"measurements\": [5]}", f);
	(void)fflush(f);
	cr_assert_eq(report_load(path, &json, message, 256), ERR_PROTO);
	holds(message, ":2: measurements[0]: expected an object");
	cr_assert_eq(ftruncate(fd, 0), 0);
	rewind(f);
	(void)fputs(run_text, f);
	(void)fflush(f);
	cr_assert_eq(report_load(path, &json, message, 256), ERR_OK);
	cJSON_Delete(json);
	(void)fclose(f);
	(void)unlink(path);
}

Test(report, survives_a_document_without_anything)
{
	cJSON *json = cJSON_Parse("{\"schema\": 1, \"measurements\": 3}");
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	report_print(json, out, true);
	report_markdown(json, out);
	(void)fclose(out);
	holds(text, "\nNotes\n");
	free(text);
	cJSON_Delete(json);
}

Test(report, is_put_beside_the_run)
{
	char path[64], message[64];

	cr_assert_eq(report_beside("a/b/run.json", path, 64, message, 64),
		     ERR_OK);
	cr_assert_str_eq(path, "a/b/report.md");
	cr_assert_eq(report_beside("run.json", path, 64, message, 64), ERR_OK);
	cr_assert_str_eq(path, "report.md");
	cr_assert_eq(report_beside("a/run.json", path, 8, message, 64),
		     ERR_LIMIT);
}

static char *softirq_table(const char *text)
{
	cJSON *json = cJSON_Parse(text);
	struct section s = {.rows = {json, json}, .count = 2};
	char *said = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&said, &size);

	cr_assert_not_null(json);
	section_softirq(&s, out, TABLE_TEXT);
	(void)fclose(out);
	cJSON_Delete(json);
	return said;
}

Test(report, process_cpu_beside_softirq_re_attributed)
{
	static const char row[] =
		"  ws                       5.58  4.70 [4.50, 4.91]      1.05 "
		"[0.91, 1.24]  1.02 [0.87, 1.21]\n";
	char expected[512];
	char *text = softirq_table(
		"{\"target\": \"ws\", \"baseline\": \"bare\","
		"\"sides\": {\"target\": {\"server_cpu_ns\": 5580}},"
		"\"ratios\": {\"server_cpu\": {\"value\": 1.05,"
		"  \"low\": 0.91, \"high\": 1.24}},"
		"\"softirq\": {\"unsampled\": \"\", \"sides\": {\"target\": {"
		"  \"server_cpu_ns\": {\"value\": 4700, \"low\": 4500,"
		"  \"high\": 4910}}},"
		"\"ratio\": {\"value\": 1.02, \"low\": 0.87, \"high\": 1.21}}}");

	(void)snprintf(expected, sizeof(expected),
		       "\n  CPU µs  process CPU, loopback  softirq "
		       "re-attributed  / bare [95 %%]      re-attributed "
		       "[95 %%]\n%s%s",
		       row, row);
	cr_assert_str_eq(text, expected);
	free(text);
}

Test(report, softirq_that_was_not_sampled_has_no_table)
{
	char *text = softirq_table("{\"target\": \"ws\", \"baseline\": "
				   "\"bare\", \"softirq\": {\"unsampled\": "
				   "\"no perf\"}}");

	cr_assert_str_eq(text, "");
	free(text);
}
