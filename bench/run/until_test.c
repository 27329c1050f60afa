/* SPDX-License-Identifier: MIT */
#include "bench/run/until.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
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

/* 10.25 % within, of a goal of 5 %: five and a half times the pairs. */
Test(until, wants_what_is_too_wide)
{
	struct measurement m = {0};
	struct until u = {0};
	char text[128];
	cJSON *json;

	cr_assert_eq(until_add(&u, "cpu", message, sizeof(message)), ERR_OK);
	cr_assert_not(until_wants(&u, &m), "it is not measured");
	m.ratios[METRIC_SERVER_CPU] = (struct figure){2, 1.8, 2.18790, 20};
	cr_assert(until_wants(&u, &m));
	/* 10.25 % / sqrt(5.9) * (1 + 20 / (5.9 * 20)) is 5 % again. */
	cr_assert_float_eq(until_factor(&u, &m), 5.9, 0.15);
	until_describe(&u, &m, text, sizeof(text));
	cr_assert_str_eq(text, "cpu within 10.2 % (5 %; 2.5 % with 20)");
	m.ratios[METRIC_SERVER_CPU] = (struct figure){2, 1.95, 2.05, 80};
	cr_assert_not(until_wants(&u, &m));
	cr_assert_float_eq(until_factor(&u, &m), 1, 1e-12);
	m.ratios[METRIC_SERVER_CPU].count = 20;
	cr_assert(until_wants(&u, &m), "2.53 %% is too much with twenty");
	m.ratios[METRIC_SERVER_CPU].count = 8;
	cr_assert(until_wants(&u, &m), "eight pairs are narrow by chance");
	cr_assert_float_eq(until_factor(&u, &m), 2.5, 1e-12);
	until_describe(&u, &m, text, sizeof(text));
	cr_assert_str_eq(text, "cpu seen too few times yet");
	m.ratios[METRIC_SERVER_CPU].count = 80;
	json = until_to_json(&u, &m);
	cr_assert_eq(cJSON_GetArraySize(json), 1);
	cr_assert(cJSON_IsTrue(
		cJSON_GetObjectItem(cJSON_GetArrayItem(json, 0), "met")));
	cr_assert_float_eq(cJSON_GetNumberValue(cJSON_GetObjectItem(
				   cJSON_GetArrayItem(json, 0), "asked")),
			   0.04, 1e-12);
	cJSON_Delete(json);
}

Test(until, few_starts_have_no_interval_of_memory_yet)
{
	struct measurement m = {.memory = {500, 500, 500, 1}};
	struct until u = {0};
	char text[128];

	cr_assert_eq(until_add(&u, "memory", message, sizeof(message)), ERR_OK);
	cr_assert(until_wants(&u, &m));
	cr_assert_float_eq(until_factor(&u, &m), 6, 1e-12);
	m.memory = (struct figure){500, 490, 510, 5};
	cr_assert(until_wants(&u, &m));
	m.memory.count = 6;
	cr_assert_not(until_wants(&u, &m));
	m.memory = (struct figure){500, 300, 700, 6};
	cr_assert(until_wants(&u, &m));
	until_describe(&u, &m, text, sizeof(text));
	cr_assert_str_eq(text, "memory within 40 % (5 %)");
	(void)strcpy(m.failure, "it died");
	cr_assert_not(until_wants(&u, &m));
}

/* --- What the intervals that are stopped at cover --------------------------
 */

#define TRIES 1000
#define MOST 4000 /* observations; none of the cases gets there */

static double normal(struct rng *r)
{
	double u = 1 - rng_unit(r), v = rng_unit(r);

	return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979 * v);
}

/* Starts of `step` pairs around a ratio of 1, until the goal is reached. */
static bool covers(const struct until *u, double sd, double rho, size_t step,
		   struct rng *data, struct rng *boot)
{
	struct measurement m = {0};
	struct figure *f = &m.ratios[METRIC_SERVER_CPU];
	double x[MOST], e = normal(data);
	size_t n = 0;

	while (n + step <= MOST && (n == 0 || until_wants(u, &m))) {
		for (size_t to = n + step; n < to; n++) {
			x[n] = sd * e;
			e = rho * e + sqrt(1 - rho * rho) * normal(data);
		}
		*f = stats_ratio(x, n, boot);
	}
	cr_assert_not(until_wants(u, &m), "%zu pairs", n);
	return f->low <= 1 && f->high >= 1;
}

static void expect_coverage(const char *goal, double sd, double rho,
			    size_t step)
{
	struct rng data, boot;
	struct until u = {0};
	unsigned hits = 0;

	rng_seed(&data, 31);
	rng_seed(&boot, 32);
	cr_assert_eq(until_add(&u, goal, message, sizeof(message)), ERR_OK);
	for (unsigned t = 0; t < TRIES; t++)
		hits += covers(&u, sd, rho, step, &data, &boot);
	cr_assert(hits > 0.93 * TRIES && hits < 0.97 * TRIES,
		  "%s of %.2f, autocorrelation %.1f: %.4f", goal, sd, rho,
		  (double)hits / TRIES);
}

Test(until, what_stops_at_five_percent_covers_as_it_says)
{
	for (int r = 0; r <= 4; r += 2)
		expect_coverage("cpu=5%", 0.08, r / 10.0, 10);
}

Test(until, what_stops_at_three_percent_covers_as_it_says)
{
	for (int r = 0; r <= 4; r += 2)
		expect_coverage("cpu=3%", 0.08, r / 10.0, 10);
}

Test(until, what_stops_early_covers_as_it_says)
{
	expect_coverage("cpu=10%", 0.08, 0.4, 10);
	expect_coverage("cpu=5%", 0.08, 0.4, 5);
	expect_coverage("cpu=20%", 0.31, 0.4, 10);
}

Test(until, memory_covers_as_it_says)
{
	static const double sds[] = {0.02, 0.04, 0.08};
	struct until u = {0};
	struct rng data;

	rng_seed(&data, 33);
	cr_assert_eq(until_add(&u, "memory=3%", message, sizeof(message)),
		     ERR_OK);
	for (size_t i = 0; i < sizeof(sds) / sizeof(*sds); i++) {
		unsigned hits = 0;

		for (unsigned t = 0; t < 2 * TRIES; t++) {
			struct measurement m = {0};
			double x[MOST];
			size_t n = 0;

			while (n == 0 || until_wants(&u, &m)) {
				cr_assert_lt(n, MOST);
				x[n++] = 1 + sds[i] * normal(&data);
				m.memory = stats_student_interval(x, n);
			}
			hits += m.memory.low <= 1 && m.memory.high >= 1;
		}
		cr_assert(hits > 0.92 * 2 * TRIES && hits < 0.97 * 2 * TRIES,
			  "%.2f: %.4f", sds[i], hits / (2.0 * TRIES));
	}
}

Test(until, wants_no_metric_that_nothing_has)
{
	struct variant closed = {.kind = LOAD_CLOSED}, rtt = {.kind = LOAD_RTT};
	struct scenario all[] = {
		{.method = METHOD_MEMORY, .variants = &closed},
		{.method = METHOD_NETWORK, .variants = &closed},
		{.method = METHOD_CLIENT, .variants = &closed},
		{.method = METHOD_PAIRS, .variants = &closed},
		{.method = METHOD_PAIRS, .variants = &rtt},
	};
	static const struct {
		const char *metric;
		bool has[5];
	} cases[] = {
		{"cpu", {false, false, true, true, true}},
		{"client", {false, false, true, true, true}},
		{"rate", {false, false, true, true, true}},
		{"p50", {false, false, false, true, false}},
		{"last", {false, false, false, true, false}},
		{"p99", {false, false, false, true, false}},
		{"ack", {false, false, false, false, true}},
		{"memory", {true, false, false, false, false}},
	};

	for (size_t i = 0; i < 5; i++)
		all[i].variant_count = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct until u = {0};

		cr_assert_eq(until_add(&u, cases[i].metric, message,
				       sizeof(message)),
			     ERR_OK);
		for (size_t k = 0; k < 5; k++)
			cr_expect_eq(until_check(&u, &all[k], 1, message,
						 sizeof(message)),
				     cases[i].has[k] ? ERR_OK : ERR_USAGE,
				     "%s, %zu", cases[i].metric, k);
		cr_expect_eq(until_check(&u, all, 5, message, sizeof(message)),
			     ERR_OK, "one is enough");
	}
}
