/* SPDX-License-Identifier: MIT */
#include "bench/run/until.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <string.h>

#include "bench/run/measurement.h"

static char message[512];

Test(until, default_and_given_shares)
{
	struct until u = {0};

	cr_assert_not(until_asked(&u));
	cr_assert_eq(until_add(&u, "cpu", message, sizeof(message)), ERR_OK);
	cr_assert_eq(until_add(&u, "p99=12.5%", message, sizeof(message)),
		     ERR_OK);
	cr_assert_eq(until_add(&u, "memory=2", message, sizeof(message)),
		     ERR_OK);
	cr_assert_float_eq(u.goal[0], 0.05, 1e-12);
	cr_assert_float_eq(u.goal[5], 0.125, 1e-12);
	cr_assert_float_eq(u.goal[7], 0.02, 1e-12);
	cr_assert(until_asked(&u));
}

Test(until, what_is_wrong_is_told)
{
	static const char *const bad[] = {"cpu=",    "cpu=0",	"cpu=x%",
					  "cpu=5%%", "cpu=101", "cpu=nan"};
	struct until u = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_assert_eq(until_add(&u, bad[i], message, sizeof(message)),
			     ERR_USAGE, "%s", bad[i]);
		cr_assert(strstr(message, "expected cpu=N% with N from 0.1"),
			  "%s", message);
	}
	cr_assert_eq(until_add(&u, "cp=5%", message, sizeof(message)),
		     ERR_USAGE);
	cr_assert_str_eq(message, "--until cp: there is no such metric; there "
				  "are cpu, client, rate, p50, last, p99, ack, "
				  "memory");
	cr_assert_not(until_asked(&u));
}

/* 10.25 % within, of a goal of 5 %: four times the pairs and a bit. */
Test(until, wants_what_is_too_wide)
{
	struct measurement m = {0};
	struct until u = {0};
	char text[128];
	cJSON *json;

	cr_assert_eq(until_add(&u, "cpu", message, sizeof(message)), ERR_OK);
	cr_assert_not(until_wants(&u, &m), "it is not measured");
	m.ratios[METRIC_SERVER_CPU] = (struct figure){2, 1.8, 2.18790, 10};
	cr_assert(until_wants(&u, &m));
	cr_assert_float_eq(until_factor(&u, &m), 4.2, 0.05);
	until_describe(&u, &m, text, sizeof(text));
	cr_assert_str_eq(text, "cpu within 10.2 % (5 %)");
	m.ratios[METRIC_SERVER_CPU] = (struct figure){2, 1.95, 2.05, 40};
	cr_assert_not(until_wants(&u, &m));
	cr_assert_float_eq(until_factor(&u, &m), 1, 1e-12);
	m.ratios[METRIC_SERVER_CPU].count = 4;
	cr_assert(until_wants(&u, &m), "four pairs are narrow by chance");
	cr_assert_float_eq(until_factor(&u, &m), 2.5, 1e-12);
	m.ratios[METRIC_SERVER_CPU].count = 40;
	json = until_to_json(&u, &m);
	cr_assert_eq(cJSON_GetArraySize(json), 1);
	cr_assert(cJSON_IsTrue(
		cJSON_GetObjectItem(cJSON_GetArrayItem(json, 0), "met")));
	cJSON_Delete(json);
}

Test(until, one_start_has_no_interval_of_memory_yet)
{
	struct measurement m = {.memory = {500, 500, 500, 1}};
	struct until u = {0};

	cr_assert_eq(until_add(&u, "memory", message, sizeof(message)), ERR_OK);
	cr_assert(until_wants(&u, &m));
	cr_assert_float_eq(until_factor(&u, &m), 3, 1e-12);
	m.memory = (struct figure){500, 490, 510, 3};
	cr_assert_not(until_wants(&u, &m));
	(void)strcpy(m.failure, "it died");
	m.memory = (struct figure){500, 300, 700, 3};
	cr_assert_not(until_wants(&u, &m));
}
