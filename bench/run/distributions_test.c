/* SPDX-License-Identifier: MIT */
#include "bench/run/distributions.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "servers/base/check.h"

static struct scenario scenario = {.name = (char[]){"fanout"}};
static struct variant variant = {.name = (char[]){"window 1/ü"}};
static struct target target = {.name = (char[]){"longpoll+upgrade"}};

static void make_folder(char folder[64])
{
	(void)snprintf(folder, 64, "/tmp/pushmark-hdr-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

static const char *file_of(const cJSON *m, const char *what)
{
	const cJSON *names =
		cJSON_GetObjectItemCaseSensitive(m, "distributions");
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(names, what);

	return name ? name->valuestring : NULL;
}

static bool holds(const char *folder, const char *name, const char *text)
{
	char path[256], line[256];
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "r");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, text) != NULL;
	if (f)
		(void)fclose(f);
	return found;
}

static cJSON *measured(const char *folder)
{
	struct measurement m;
	cJSON *json;

	measurement_init(&m, &scenario, &variant, &target, &target);
	for (uint64_t ms = 1; ms <= 100; ms++) {
		hist_record(
			&m.tallies[SIDE_TARGET].from_intended[RECEIPTS_LAST],
			ms * 1000000);
		hist_record(&m.tallies[SIDE_TARGET].from_intended[RECEIPTS_ALL],
			    ms * 500000);
		hist_record(
			&m.tallies[SIDE_BASELINE].from_intended[RECEIPTS_FIRST],
			ms);
	}
	cr_assert_eq(distributions_write(&m, folder), ERR_OK);
	json = measurement_to_json(&m);
	measurement_release(&m);
	return json;
}

Test(distributions, are_files_of_what_the_target_has)
{
	static const char last[] =
		"hdr/fanout-window-1----longpoll+upgrade-last.hgrm";
	char folder[64];
	cJSON *json;

	make_folder(folder);
	json = measured(folder);
	cr_assert_str_eq(file_of(json, "last"), last);
	cr_assert_null(file_of(json, "first"));
	cr_assert_null(file_of(json, "ack"));
	cr_assert(holds(folder, last, "#[Max     =   100.000"));
	cr_assert(holds(folder, last, "Total count    =          100]"));
	cr_assert(holds(folder, file_of(json, "all"), "=    50.000"));
	cJSON_Delete(json);
}

Test(distributions, nothing_measured_makes_no_files)
{
	char folder[64], path[128];
	struct measurement m;

	make_folder(folder);
	measurement_init(&m, &scenario, &variant, &target, &target);
	cr_assert_eq(distributions_write(&m, folder), ERR_OK);
	cr_assert_null(m.distributions);
	(void)snprintf(path, sizeof(path), "%s/hdr", folder);
	cr_assert_neq(access(path, F_OK), 0);
	measurement_release(&m);
}

Test(distributions, a_folder_that_cannot_be_is_an_error)
{
	char folder[64], path[128];
	struct measurement m;
	FILE *f;

	make_folder(folder);
	(void)snprintf(path, sizeof(path), "%s/hdr", folder);
	f = fopen(path, "w");
	cr_assert_not_null(f);
	(void)fclose(f);
	measurement_init(&m, &scenario, &variant, &target, &target);
	hist_record(&m.tallies[SIDE_TARGET].ack, 1);
	cr_assert_eq(distributions_write(&m, folder), ERR_IO);
	cr_assert_null(m.distributions);
	measurement_release(&m);
}

Test(distributions, come_along_from_an_earlier_run)
{
	char from[64], to[64], path[128];
	cJSON *run = cJSON_CreateObject(), *list, *m, *names;

	make_folder(from);
	make_folder(to);
	list = cJSON_AddArrayToObject(run, "measurements");
	m = measured(from);
	cJSON_AddItemToArray(list, m);
	names = cJSON_GetObjectItemCaseSensitive(m, "distributions");
	cJSON_AddStringToObject(names, "first", "../../etc/passwd");
	cJSON_AddStringToObject(names, "median", "hdr/../../etc/passwd");
	(void)snprintf(path, sizeof(path), "%s/%s", from, file_of(m, "all"));
	cr_assert_eq(unlink(path), 0);
	distributions_bring(run, from, to);
	cr_assert_null(file_of(m, "all"));
	cr_assert_null(file_of(m, "first"));
	cr_assert_null(file_of(m, "median"));
	cr_assert(holds(to, file_of(m, "last"), "Total count"));
	(void)snprintf(path, sizeof(path), "%s/%s", from, file_of(m, "last"));
	cr_assert_eq(unlink(path), 0);
	make_folder(to);
	distributions_bring(run, from, to);
	cr_assert_null(cJSON_GetObjectItemCaseSensitive(m, "distributions"));
	cJSON_Delete(run);
}
