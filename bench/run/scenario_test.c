/* SPDX-License-Identifier: MIT */
#include "bench/run/scenario.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "servers/base/check.h"

#define HEAD                                                                   \
	"{\n\"name\": \"s\",\n\"description\": \"d\",\n\"teaches\": \"t\",\n"  \
	"\"method\": \"pairs\",\n"
#define PARAMS                                                                 \
	"\"parameters\": {\"subscribers\": {\"value\": 10, \"min\": 1,"        \
	"\"max\": 20, \"help\": \"h\"}},\n"
#define VARIANTS                                                               \
	"\"variants\": [{\"name\": \"v\", \"kind\": \"closed\","               \
	" \"window\": 4}],\n"
#define SIZES                                                                  \
	"\"sizes\": {\"smoke\": {\"subscribers\": 5}, \"quick\": {}, "         \
	"\"standard\": {}}\n}\n"

/* What is wrong with the text, or "". */
static const char *complaint(const char *text)
{
	static char error[512];
	struct scenario s = {0};
	struct doc d;

	if (doc_parse(&d, "s.json", text, strlen(text)) == ERR_OK) {
		enum err e = scenario_read(&s, &d);

		cr_assert_eq(e, d.error[0] ? ERR_USAGE : ERR_OK);
	}
	(void)snprintf(error, sizeof(error), "%s", d.error);
	scenario_release(&s);
	doc_release(&d);
	return error;
}

Test(scenario, a_whole_one_has_no_complaint)
{
	cr_assert_str_eq(complaint(HEAD PARAMS VARIANTS SIZES), "");
}

Test(scenario, complaints_name_file_line_and_key)
{
	cr_assert_str_eq(
		complaint(HEAD PARAMS VARIANTS "\"colour\": 1,\n" SIZES),
		"s.json:8: \"colour\": unknown key");
	cr_assert_str_eq(
		complaint(HEAD PARAMS VARIANTS
			  "\"sizes\": {\"quick\": {}, \"standard\": {},\n"
			  "\"smoke\": {\n\"subscribers\": 21\n}}}"),
		"s.json:10: \"subscribers\": 21 is not within 1 and 20");
	cr_assert_str_eq(complaint(HEAD "\"parameters\": {\n\"speed\": {}},\n"),
			 "s.json:8: this is not JSON: expected a member's name "
			 "in quotes");
	cr_assert_str_eq(complaint(HEAD "\"parameters\": {\n\"speed\": {}}}"),
			 "s.json:7: \"speed\": there is no such parameter");
}

Test(scenario, what_is_missing_or_of_another_type)
{
	cr_assert_str_eq(complaint(HEAD VARIANTS SIZES),
			 "s.json:1: lacks the key \"parameters\"");
	cr_assert_str_eq(complaint("[]"), "s.json:1: expected an object");
	cr_assert_str_eq(complaint(""),
			 "s.json:1: this is not JSON: expected a value");
	cr_assert_str_eq(
		complaint(HEAD PARAMS "\"variants\": [],\n" SIZES),
		"s.json:7: \"variants\": expected a list with at least one "
		"variant");
	cr_assert_str_eq(
		complaint(HEAD PARAMS "\"variants\": [{\"name\": \"v\",\n"
				      "\"kind\": \"fast\"}],\n" SIZES),
		"s.json:8: \"kind\": expected closed, open, rtt or idle");
	cr_assert_str_eq(complaint(HEAD PARAMS
				   "\"variants\": [{\"name\": \"v\", \"kind\": "
				   "\"open\",\n\"rate\": \"fast\"}],\n" SIZES),
			 "s.json:8: \"rate\": expected a number");
	cr_assert_str_eq(complaint(HEAD PARAMS VARIANTS
				   "\"suite\": 1,\n\"suite\": 2,\n" SIZES),
			 "s.json:9: \"suite\": given twice");
}

Test(scenario, lines_are_right_beside_brackets_and_quotes_in_texts)
{
	cr_assert_str_eq(
		complaint("{\n\"name\": \"s\", \"description\": "
			  "\"]}\\\"{[,: x\\\\\",\n\n\"teaches\": 3\n}"),
		"s.json:4: \"teaches\": expected a text");
}

Test(scenario, its_own_targets_and_what_they_are_compared_with)
{
	static const char text[] = HEAD PARAMS VARIANTS
		"\"targets\": [\"ws\", \"sse\"], \"baseline\": \"self\",\n" SIZES;
	struct scenario s;
	struct doc d;

	cr_assert_eq(doc_parse(&d, "s.json", text, strlen(text)), ERR_OK);
	cr_assert_eq(scenario_read(&s, &d), ERR_OK);
	cr_assert(scenario_names(&s, "ws") && scenario_names(&s, "sse"));
	cr_assert_not(scenario_names(&s, "longpoll"));
	cr_assert_str_eq(s.baseline, SCENARIO_SELF);
	scenario_release(&s);
	doc_release(&d);
	cr_assert_str_eq(
		complaint(HEAD PARAMS VARIANTS "\"baseline\": \"ws\",\n" SIZES),
		"s.json:8: \"baseline\": needs a list of targets");
	cr_assert_str_eq(
		complaint(HEAD PARAMS VARIANTS "\"targets\": [],\n" SIZES),
		"s.json:8: \"targets\": expected a list of texts");
	cr_assert_str_eq(
		complaint(HEAD PARAMS VARIANTS "\"targets\": [1],\n" SIZES),
		"s.json:8: expected a text");
}

Test(scenario, values_come_from_set_variant_size_and_file_in_that_order)
{
	static const char text[] = HEAD PARAMS VARIANTS SIZES;
	struct param_changes set = {0};
	double values[PARAM_COUNT];
	struct scenario s;
	char message[128];
	struct doc d;

	cr_assert_eq(doc_parse(&d, "s.json", text, strlen(text)), ERR_OK);
	cr_assert_eq(scenario_read(&s, &d), ERR_OK);
	scenario_values(&s, &s.variants[0], SIZE_QUICK, &set, values);
	cr_assert_float_eq(values[PARAM_SUBSCRIBERS], 10, 0);
	cr_assert_float_eq(values[PARAM_WINDOW], 4, 0);
	cr_assert_float_eq(values[PARAM_PAYLOAD], 128, 0);
	scenario_values(&s, &s.variants[0], SIZE_SMOKE, &set, values);
	cr_assert_float_eq(values[PARAM_SUBSCRIBERS], 5, 0);
	cr_assert_eq(param_set(&set, "subscribers=7", message, 128), ERR_OK);
	cr_assert_eq(param_set(&set, "window=9", message, 128), ERR_OK);
	scenario_values(&s, &s.variants[0], SIZE_SMOKE, &set, values);
	cr_assert_float_eq(values[PARAM_SUBSCRIBERS], 7, 0);
	/* Not declared by the scenario, hence its own. */
	cr_assert_float_eq(values[PARAM_WINDOW], 4, 0);
	scenario_release(&s);
	doc_release(&d);
}

Test(scenario, set_says_what_is_wrong)
{
	static const char text[] = HEAD PARAMS VARIANTS SIZES;
	struct param_changes set = {0}, other = {0};
	struct scenario s;
	char message[128];
	struct doc d;

	cr_assert_eq(param_set(&set, "subscribers", message, 128), ERR_USAGE);
	cr_assert_str_eq(message, "--set subscribers: expected key=value");
	cr_assert_eq(param_set(&set, "speed=1", message, 128), ERR_USAGE);
	cr_assert_str_eq(message, "--set speed=1: there is no such parameter");
	cr_assert_eq(param_set(&set, "pairs=1x", message, 128), ERR_USAGE);
	cr_assert_str_eq(message, "--set pairs=1x: expected a whole number");
	cr_assert_eq(doc_parse(&d, "s.json", text, strlen(text)), ERR_OK);
	cr_assert_eq(scenario_read(&s, &d), ERR_OK);
	cr_assert_eq(param_set(&set, "subscribers=21", message, 128), ERR_OK);
	cr_assert_eq(scenario_takes(&s, &set, message, 128), ERR_USAGE);
	cr_assert_str_eq(message, "--set subscribers=21: s takes 1 to 20");
	cr_assert_eq(param_set(&other, "window=2", message, 128), ERR_OK);
	cr_assert_eq(scenario_takes(&s, &other, message, 128), ERR_NOTFOUND);
	scenario_release(&s);
	doc_release(&d);
}

#define NETWORK                                                                \
	"{\n\"name\": \"s\",\n\"description\": \"d\",\n\"teaches\": \"t\",\n"  \
	"\"method\": \"network\",\n"
#define LINKED                                                                 \
	"\"variants\": [{\"name\": \"v\", \"kind\": \"open\",\n"               \
	"\"link\": [\"--rtt\", \"20ms\"],\n"                                   \
	"\"server\": [\"--ping-interval\", \"200\"]}, {\"name\": \"bare\",\n"  \
	"\"kind\": \"open\"}],\n"

Test(scenario, a_variant_has_a_link_and_arguments_of_servers)
{
	static const char text[] = NETWORK PARAMS LINKED SIZES;
	struct scenario s;
	struct doc d;

	cr_assert_eq(doc_parse(&d, "s.json", text, strlen(text)), ERR_OK);
	cr_assert_eq(scenario_read(&s, &d), ERR_OK, "%s", d.error);
	cr_assert_eq(s.method, METHOD_NETWORK);
	cr_assert_str_eq(s.variants[0].link[0], "--rtt");
	cr_assert_str_eq(s.variants[0].link[1], "20ms");
	cr_assert_null(s.variants[0].link[2]);
	cr_assert_str_eq(s.variants[0].server[1], "200");
	cr_assert_null(s.variants[0].server[2]);
	cr_assert_null(s.variants[1].link);
	cr_assert_null(s.variants[1].server);
	scenario_release(&s);
	doc_release(&d);
}

static const char *of_variant(const char *method, const char *more)
{
	static char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{\n\"name\": \"s\",\n\"description\": \"d\",\n"
		       "\"teaches\": \"t\",\n\"method\": \"%s\",\n" PARAMS
		       "\"variants\": [{\"name\": \"v\", \"kind\": \"open\",\n"
		       "%s}],\n" SIZES,
		       method, more);
	return complaint(text);
}

Test(scenario, complaints_about_link_and_server)
{
	cr_assert_str_eq(of_variant("network", "\"link\": \"--rtt\""),
			 "s.json:8: \"link\": expected a list of texts");
	cr_assert_str_eq(of_variant("network", "\"server\": []"),
			 "s.json:8: \"server\": expected a list of texts");
	cr_assert_str_eq(of_variant("network", "\"link\": [\"--rtt\",\n20]"),
			 "s.json:9: expected a text");
	cr_assert_str_eq(of_variant("network", "\"links\": [\"--rtt\"]"),
			 "s.json:8: \"links\": unknown key");
	cr_assert_str_eq(of_variant("reconnect", "\"server\": [\"-x\"]"), "");
	cr_assert_str_eq(of_variant("large", "\"server\": [\"-x\"]"), "");
	cr_assert_str_eq(of_variant("large", "\"link\": [\"-x\"]"),
			 "s.json:8: \"link\": the method large has no use "
			 "for it");
	cr_assert_str_eq(of_variant("reconnect", "\"link\": [\"-x\"]"),
			 "s.json:8: \"link\": the method reconnect has no use "
			 "for it");
	cr_assert_str_eq(of_variant("pairs", "\"server\": [\"-x\"]"), "");
	cr_assert_str_eq(
		of_variant("guess", "\"window\": 1"),
		"s.json:5: \"method\": expected one of: pairs, client, "
		"memory, network, connect, reconnect, zombie, "
		"capacity, echo, large");
	cr_assert_str_eq(of_variant("network", "\"drain_ms\": 0"),
			 "s.json:8: \"drain_ms\": 0 is not within 1 and "
			 "600000");
	cr_assert_str_eq(of_variant("capacity", "\"percentile\": 100"),
			 "s.json:8: \"percentile\": 100 is not within 1 and "
			 "99.99");
}

#define PAPER                                                                  \
	"\"published\": [{\n\"what\": \"latency, ms\",\n\"target\": \"ws\",\n" \
	"\"figure\": \"observations.p50.value\",\n\"source\": \"they\",\n"     \
	"\"why\": \"it differs\",\n"

Test(scenario, what_others_published)
{
	static const char text[] = HEAD PARAMS VARIANTS PAPER
		"\"variant\": \"v\", \"value\": 2.5}],\n" SIZES;
	struct scenario s;
	struct doc d;

	cr_assert_eq(doc_parse(&d, "s.json", text, strlen(text)), ERR_OK);
	cr_assert_eq(scenario_read(&s, &d), ERR_OK, "%s", d.error);
	cr_assert_eq(s.published_count, 1);
	cr_assert_str_eq(s.published[0].what, "latency, ms");
	cr_assert_str_eq(s.published[0].variant, "v");
	cr_assert_str_eq(s.published[0].target, "ws");
	cr_assert_str_eq(s.published[0].figure, "observations.p50.value");
	cr_assert_float_eq(s.published[0].value, 2.5, 0);
	cr_assert_float_eq(s.published[0].scale, 1, 0);
	scenario_release(&s);
	doc_release(&d);
}

Test(scenario, complaints_about_what_others_published)
{
	cr_assert_str_eq(
		complaint(HEAD PARAMS VARIANTS "\"published\": {},\n" SIZES),
		"s.json:8: \"published\": expected a list of published figures");
	cr_assert_str_eq(
		complaint(HEAD PARAMS VARIANTS "\"published\": [\n1],\n" SIZES),
		"s.json:9: expected an object");
	cr_assert_str_eq(
		complaint(HEAD PARAMS VARIANTS PAPER
			  "\"variant\": \"w\", \"value\": 1}],\n" SIZES),
		"s.json:14: \"variant\": there is no such variant");
	cr_assert_str_eq(complaint(HEAD PARAMS VARIANTS PAPER
				   "\"variant\": \"v\"}],\n" SIZES),
			 "s.json:8: lacks the key \"value\"");
	cr_assert_str_eq(complaint(HEAD PARAMS VARIANTS PAPER
				   "\"variant\": \"v\", \"value\": 1,\n"
				   "\"scale\": 0}],\n" SIZES),
			 "s.json:15: \"scale\": 0 is not within 1e-18 and "
			 "1e+18");
	cr_assert_str_eq(complaint(HEAD PARAMS VARIANTS PAPER
				   "\"variant\": \"v\", \"value\": 1,\n"
				   "\"year\": 2012}],\n" SIZES),
			 "s.json:15: \"year\": unknown key");
}

Test(scenario, full_begins_with_what_standard_says)
{
	static const char text[] = HEAD PARAMS VARIANTS
		"\"sizes\": {\"smoke\": {}, \"quick\": {},"
		"\"standard\": {\"subscribers\": 12, \"starts\": 3},"
		"\"full\": {\"starts\": 5}}}";
	struct param_changes set = {0};
	double values[PARAM_COUNT];
	struct scenario s;
	struct doc d;

	cr_assert_eq(doc_parse(&d, "s.json", text, strlen(text)), ERR_OK);
	cr_assert_eq(scenario_read(&s, &d), ERR_OK, "%s", d.error);
	scenario_values(&s, &s.variants[0], SIZE_FULL, &set, values);
	cr_assert_float_eq(values[PARAM_SUBSCRIBERS], 12, 0);
	cr_assert_float_eq(values[PARAM_STARTS], 5, 0);
	scenario_values(&s, &s.variants[0], SIZE_STANDARD, &set, values);
	cr_assert_float_eq(values[PARAM_STARTS], 3, 0);
	scenario_release(&s);
	doc_release(&d);
}

Test(scenario, set_takes_what_the_parameter_can_be)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"rooms=2", ""},
		{"rooms=2.0", ""},
		{"rooms=1e3", ""},
		{"load=.25", ""},
		{"slice_ms=99.5", ""},
		{"margin=0.05", ""},
		{"percentile=99.9", ""},
		{"rooms=1.5", "whole number"},
		{"pairs=2.5", "whole number"},
		{"workers=1.5", "whole number"},
		{"payload=69.9", "whole number"},
		{"poisson=0.5", "whole number"},
		{"stamps=0.3", "whole number"},
		{"ramp=0.5", "whole number"},
		{"rooms=0x10", "whole number"},
		{"rooms= 5", "whole number"},
		{"rooms=", "whole number"},
		{"rate=0x10", "number"},
		{"rate=inf", "number"},
		{"rate=1e999", "number"},
		{"rate=nan", "number"},
		{"rate=1 ", "number"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct param_changes set = {0};
		char message[128] = "", expected[128] = "";

		if (rows[i].message[0])
			(void)snprintf(expected, sizeof(expected),
				       "--set %s: expected a %s", rows[i].text,
				       rows[i].message);
		cr_expect_eq(param_set(&set, rows[i].text, message, 128),
			     rows[i].message[0] ? ERR_USAGE : ERR_OK);
		cr_expect_str_eq(message, expected);
	}
}

#define CHAT                                                                   \
	HEAD "\"parameters\": {\"rooms\": {\"value\": 100, \"help\": \"h\"}, " \
	     "\"members\": {\"value\": 10, \"help\": \"h\"}},\n" VARIANTS      \
	     "\"sizes\": {\"smoke\": {\"rooms\": 10, \"members\": 4}, "        \
	     "\"quick\": {}, \"standard\": {}}}"

Test(scenario, rooms_and_members_fit_once_all_is_set)
{
	static const struct {
		const char *rooms, *members;
		enum scenario_size size;
		const char *message;
	} rows[] = {
		{"rooms=9000", "members=1", SIZE_QUICK, ""},
		{"rooms=1", "members=9000", SIZE_SMOKE, ""},
		{"rooms=2250", NULL, SIZE_SMOKE, ""},
		{"rooms=2250", NULL, SIZE_QUICK,
		 "--set rooms=2250 and members=10: s takes up to 9000 members "
		 "in all rooms together, not 22500"},
		{NULL, "members=901", SIZE_SMOKE,
		 "rooms=10 and --set members=901: s takes up to 9000 members "
		 "in all rooms together, not 9010"},
		{"rooms=800", "members=80", SIZE_QUICK,
		 "--set rooms=800 and --set members=80: s takes up to 9000 "
		 "members in all rooms together, not 64000"},
	};
	struct scenario s;
	struct doc d;

	cr_assert_eq(doc_parse(&d, "s.json", CHAT, strlen(CHAT)), ERR_OK);
	cr_assert_eq(scenario_read(&s, &d), ERR_OK, "%s", d.error);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct param_changes set = {0};
		char message[256] = "";

		if (rows[i].rooms)
			cr_assert_eq(
				param_set(&set, rows[i].rooms, message, 256),
				ERR_OK);
		if (rows[i].members)
			cr_assert_eq(
				param_set(&set, rows[i].members, message, 256),
				ERR_OK);
		cr_expect_eq(
			scenario_fits(&s, rows[i].size, &set, message, 256),
			rows[i].message[0] ? ERR_USAGE : ERR_OK);
		cr_expect_str_eq(message, rows[i].message);
	}
	scenario_release(&s);
	doc_release(&d);
}
