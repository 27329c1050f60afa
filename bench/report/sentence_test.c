/* SPDX-License-Identifier: MIT */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/report/section.h"

#define PAIR(target, baseline, ns, ratio, verdict)                             \
	"{\"scenario\":\"s\",\"variant\":\"v\",\"method\":\"pairs\","          \
	"\"kind\":\"closed\",\"target\":\"" target                             \
	"\",\"baseline\":\"" baseline                                          \
	"\",\"sides\":{\"target\":{\"server_cpu_ns\":" #ns "}},"               \
	"\"ratios\":{\"server_cpu\":{\"value\":" #ratio ",\"low\":" #ratio     \
	",\"high\":" #ratio "}},\"verdict\":\"" verdict "\"}"

#define SEEN(target, observations, more)                                       \
	"{\"scenario\":\"s\",\"variant\":\"v\",\"method\":\"network\","        \
	"\"target\":\"" target "\",\"observations\":[" observations "]" more   \
	"}"
#define SHARE(value)                                                           \
	"{\"name\":\"delivered\",\"value\":" #value ",\"unit\":\"share\"}"
#define MEAN(ns) "{\"name\":\"mean\",\"value\":" #ns ",\"unit\":\"ns\"}"

/* Of a run with these measurements. */
static void says(const char *measurements, const char *expected)
{
	static char run[8192];
	size_t position[2] = {0, 0}, size = 0;
	struct section s;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);
	cJSON *json;

	(void)snprintf(run, sizeof(run),
		       "{\"scenarios\":[{\"name\":\"s\",\"variants\":"
		       "{\"v\":\"\"}}],\"measurements\":[%s]}",
		       measurements);
	json = cJSON_Parse(run);
	cr_assert_not_null(json);
	cr_assert(section_next(json, position, &s));
	section_sentence(&s, out);
	(void)fclose(out);
	cr_assert_str_eq(text, expected);
	free(text);
	cJSON_Delete(json);
}

Test(sentence, few_targets_are_told_with_their_intervals)
{
	says(PAIR("b", "b", 5000, 1.1, "inconclusive") "," PAIR("x", "b", 6000,
								1.2, "worse"),
	     "s, v: server CPU per delivery: b 5.00 µs (against itself 1.10 "
	     "[1.10, 1.10]); x 6.00 µs (1.20 × b [1.20, 1.20], worse).");
}

Test(sentence, many_are_ranked_by_verdict)
{
	says(PAIR("b", "b", 5000, 1.1, "inconclusive") "," PAIR("slow", "b", 9000, 1.9, "worse") "," PAIR(
		     "x", "b", 4000, 0.8,
		     "better") "," PAIR("y", "b", 3000, 0.6,
					"better") "," PAIR("slower", "b", 15000,
							   3,
							   "worse") "," PAIR("who",
									     "b",
									     null,
									     null,
									     "inconclusive"),
	     "s, v: server CPU per delivery as multiples of b's (5.00 µs); "
	     "better: y 0.60, x 0.80; worse: slow 1.90, slower 3.00; who was "
	     "not measured.");
}

#define BAD(target, ns, ratio, why)                                            \
	"{\"scenario\":\"s\",\"variant\":\"v\",\"method\":\"pairs\","          \
	"\"kind\":\"closed\",\"target\":\"" target                             \
	"\",\"baseline\":\"b\",\"sides\":{\"target\":{\"server_cpu_ns\":" #ns  \
	"}},\"ratios\":{\"server_cpu\":{\"value\":" #ratio ",\"low\":" #ratio  \
	",\"high\":" #ratio "}},\"pairs_invalid\":1,\"invalid_why\":\"" why    \
	"\",\"verdict\":\"better\"}"

/* Whatever verdict its file still has, and wherever it stands in it. */
Test(sentence, the_invalid_come_last_with_their_reason)
{
	says(BAD("x", 10, 0.1, "1 lost of 10 deliveries") "," PAIR(
		     "b", "b", 5000, 1.1,
		     "inconclusive") "," PAIR("y", "b", 6000, 1.2, "worse"),
	     "s, v: server CPU per delivery: b 5.00 µs (against itself 1.10 "
	     "[1.10, 1.10]); y 6.00 µs (1.20 × b [1.20, 1.20], worse); x is "
	     "invalid (1 lost of 10 deliveries).");
}

Test(sentence, the_invalid_have_no_rank)
{
	says(BAD("b", 10, 1, "2 corrupt") "," BAD("x", 10, 0.1, "3 duplicated") "," PAIR(
		     "y", "b", 4000, 0.8,
		     "better") "," PAIR("z", "b", 3000, 0.6,
					"better") "," BAD("v", null, null,
							  "5 lost"),
	     "s, v: server CPU per delivery as multiples of b's; better: z "
	     "0.60, y 0.80; b is invalid (2 corrupt); x is invalid (3 "
	     "duplicated); v is invalid (5 lost).");
}

/* As with company: everyone is compared with itself alone. */
Test(sentence, many_against_themselves_cannot_be_ranked)
{
	says(PAIR("a", "a", 5000, 1, "worse") "," PAIR(
		     "b", "b", 5000, 1,
		     "worse") "," PAIR("c", "c", 5000, 1,
				       "worse") "," PAIR("d", "d", 5000, 1,
							 "worse") "," PAIR("e",
									   "e",
									   5000,
									   1,
									   "worse"),
	     "s, v: server CPU per delivery: a 5.00 µs (against itself 1.00 "
	     "[1.00, 1.00]); b 5.00 µs (against itself 1.00 [1.00, 1.00]); c "
	     "5.00 µs (against itself 1.00 [1.00, 1.00]); d 5.00 µs (against "
	     "itself 1.00 [1.00, 1.00]); e 5.00 µs (against itself 1.00 "
	     "[1.00, 1.00]).");
}

Test(sentence, of_many_what_matters_was_observed)
{
	says(SEEN("a", SHARE(1) "," MEAN(2000000), "") "," SEEN(
		     "b", SHARE(0.5) "," MEAN(3000000),
		     "") "," SEEN("c", SHARE(0),
				  ",\"outcome\":\"no\"") "," SEEN("d", SHARE(0),
								  "") "," SEEN("e",
									       SHARE(1) "," MEAN(
										       1000000),
									       ",\"client_bound\":true"),
	     "s, v: mean: a 2.00 ms; b 3.00 ms (delivered 50.0 %); c (no); d "
	     "(delivered 0 %); e 1.00 ms (not ranked: client-bound).");
}
