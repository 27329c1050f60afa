/* SPDX-License-Identifier: MIT */
/* Each way to be wrong is told with file, line and key. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bench/run/scenario.h"
#include "servers/base/check.h"

/* The parts of a scenario, each on a line of its own; NULL: as here. */
struct parts {
	const char *name, *method, *more; /* lines 2 to 4 */
	const char *parameters;		  /* 5 */
	const char *variants;		  /* 6 */
	const char *sizes;		  /* 7 */
};

static const struct parts usual = {
	.name = "\"name\": \"s\"",
	.method = "\"method\": \"pairs\"",
	.more = "\"suite\": 1",
	.parameters = "\"parameters\": {\"subscribers\": {\"value\": 10, "
		      "\"help\": \"h\"}}",
	.variants = "\"variants\": [{\"name\": \"v\", \"kind\": \"closed\"}]",
	.sizes = "\"sizes\": {\"smoke\": {}, \"quick\": {}, \"standard\": {}}",
};

static const char *or_usual(const char *part, const char *other)
{
	return part ? part : other;
}

static const char *complaint(const struct parts *p)
{
	static char error[512];
	char text[4096];
	struct scenario s = {0};
	struct doc d;
	enum err e;

	(void)snprintf(text, sizeof(text),
		       "{\"description\": \"d\", \"teaches\": \"t\",\n"
		       "%s,\n%s,\n%s,\n%s,\n%s,\n%s}",
		       or_usual(p->name, usual.name),
		       or_usual(p->method, usual.method),
		       or_usual(p->more, usual.more),
		       or_usual(p->parameters, usual.parameters),
		       or_usual(p->variants, usual.variants),
		       or_usual(p->sizes, usual.sizes));
	e = doc_parse(&d, "s", text, strlen(text));
	if (!e)
		e = scenario_read(&s, &d);
	cr_assert_eq(e != ERR_OK, d.error[0] != '\0', "%s: %s", text, d.error);
	(void)snprintf(error, sizeof(error), "%s", d.error);
	scenario_release(&s);
	doc_release(&d);
	return error;
}

struct row {
	struct parts parts;
	const char *error;
};

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_expect_str_eq(complaint(&rows[i].parts), rows[i].error,
				 "row %zu", i);
}

#define CHECK_ROWS(...)                                                        \
	static const struct row rows[] = {__VA_ARGS__};                        \
	check(rows, ARRAY_SIZE(rows))

#define SIZED(smoke)                                                           \
	{                                                                      \
		.sizes = "\"sizes\": {\"quick\": {}, \"standard\": {}, "       \
			 "\"smoke\": " smoke "}"                               \
	}

/* A size that is no object was walked as if it were one. */
Test(scenario_read, sizes_are_objects_of_parameters)
{
	CHECK_ROWS({{0}, ""}, {SIZED("{\"rooms\": 1}"), ""},
		   {SIZED("[1]"), "s:7: \"smoke\": expected an object"},
		   {SIZED("[{\"rooms\": 1}]"),
		    "s:7: \"smoke\": expected an object"},
		   {SIZED("5"), "s:7: \"smoke\": expected an object"},
		   {SIZED("\"x\""), "s:7: \"smoke\": expected an object"},
		   {SIZED("null"), "s:7: \"smoke\": expected an object"},
		   {SIZED("[]"), "s:7: \"smoke\": expected an object"},
		   {SIZED("{\n\"rooms\": 1,\n\"rooms\": 2}"),
		    "s:9: \"rooms\": given twice"},
		   {SIZED("{\n\"speed\": 1}"), "s:8: \"speed\": unknown key"},
		   {SIZED("{\n\"rooms\": {}}"),
		    "s:8: \"rooms\": expected a number"},
		   {SIZED("{\n\"rooms\": 1.5}"),
		    "s:8: \"rooms\": expected a whole number"},
		   {{.sizes = "\"sizes\": {}"},
		    "s:7: \"sizes\": lacks the key \"smoke\""},
		   {{.sizes = "\"sizes\": []"},
		    "s:7: \"sizes\": expected an object"},
		   {{.sizes = "\"sizes\": {\"smoke\": {}, \"quick\": {}}"},
		    "s:7: \"sizes\": lacks the key \"standard\""},
		   {{.sizes = "\"sizes\": {\"smoke\": {}, \"standard\": {}}"},
		    "s:7: \"sizes\": lacks the key \"quick\""},
		   {{.sizes = "\"sizes\": {\"smoke\": {},\n\"smoke\": {}}"},
		    "s:8: \"smoke\": given twice"});
}

#define PARAM(name, text)                                                      \
	{                                                                      \
		.parameters = "\"parameters\": {\"" name "\": " text "}"       \
	}

Test(scenario_read, parameters_are_whole_and_given_once)
{
	CHECK_ROWS(
		{PARAM("load", "{\"value\": 0.25, \"help\": \"h\"}"), ""},
		{PARAM("slice_ms", "{\"value\": 50.5, \"help\": \"h\"}"), ""},
		{PARAM("rooms", "{\"value\": 2.0, \"help\": \"h\"}"), ""},
		{PARAM("rooms", "{\"value\": 1.5, \"help\": \"h\"}"),
		 "s:5: \"value\": expected a whole number"},
		{PARAM("stamps", "{\"value\": 0.3, \"help\": \"h\"}"),
		 "s:5: \"value\": expected a whole number"},
		{PARAM("rooms", "{\"value\": 2, \"min\": 1.5, \"help\": "
				"\"h\"}"),
		 "s:5: \"min\": expected a whole number"},
		{PARAM("rooms", "{\"value\": 2, \"max\": 2.5, \"help\": "
				"\"h\"}"),
		 "s:5: \"max\": expected a whole number"},
		{PARAM("rooms", "5"), "s:5: \"rooms\": expected an object"},
		{PARAM("rooms", "{\"value\": 1, \"help\": \"h\"},\n"
				"\"rooms\": {\"value\": 2, \"help\": \"h\"}"),
		 "s:6: \"rooms\": given twice"},
		{PARAM("rooms", "{\"value\": 1,\n\"value\": 2, \"help\": "
				"\"h\"}"),
		 "s:6: \"value\": given twice"},
		{{.parameters = "\"parameters\": {}"},
		 "s:5: \"parameters\": expected an object with at least one "
		 "parameter"},
		{{.parameters = "\"parameters\": []"},
		 "s:5: \"parameters\": expected an object with at least one "
		 "parameter"});
}

#define VARIANT(more)                                                          \
	{                                                                      \
		.variants = "\"variants\": [{\"name\": \"v\", \"kind\": "      \
			    "\"open\"" more "}]"                               \
	}
#define NAMED(a, b)                                                            \
	{                                                                      \
		.variants =                                                    \
			"\"variants\": [{\"kind\": \"open\", \"name\": \"" a   \
			"\"},\n{\"kind\": \"open\", \"name\": \"" b "\"}]"     \
	}

Test(scenario_read, variants_have_names_and_keys_of_their_own)
{
	CHECK_ROWS(
		{VARIANT(", \"rate\": 0.5"), ""},
		{VARIANT(",\n\"rate\": 1,\n\"rate\": 2"),
		 "s:8: \"rate\": given twice"},
		{VARIANT(",\n\"kind\": \"closed\""),
		 "s:7: \"kind\": given twice"},
		{VARIANT(",\n\"window\": 1.5"),
		 "s:7: \"window\": expected a whole number"},
		{NAMED("a", "b"), ""},
		{NAMED("a", "a"),
		 "s:7: \"name\": another variant has this name"},
		{NAMED("1 %", "1-."), ""},
		{NAMED("10/s", "10 s"),
		 "s:7: \"name\": its files would have the names of those of "
		 "\"10/s\""},
		{NAMED("a", "b\\nc"),
		 "s:7: \"name\": expected a text without control characters"},
		{NAMED("a", "\\u001b[31m"),
		 "s:7: \"name\": expected a text without control characters"},
		{NAMED("a", "0123456789abcdef0123456789abcdef"
			    "0123456789abcdef0123456789abcdefg"),
		 "s:7: \"name\": longer than 64 bytes"},
		{{.variants = "\"variants\": [{\n\"kind\": \"open\"}]"},
		 "s:6: lacks the key \"name\""});
}

#define KIND(of, kind)                                                         \
	{                                                                      \
		.method = "\"method\": \"" of "\"",                            \
		.variants =                                                    \
			"\"variants\": [{\"name\": \"v\", \"kind\": \"" kind   \
			"\"}]"                                                 \
	}

Test(scenario_read, kinds_are_those_that_the_method_does)
{
	CHECK_ROWS(
		{KIND("pairs", "rtt"), ""}, {KIND("memory", "idle"), ""},
		{KIND("echo", "rtt"), ""}, {KIND("capacity", "closed"), ""},
		{KIND("pairs", "idle"),
		 "s:6: \"kind\": the method pairs expects closed or open or "
		 "rtt"},
		{KIND("client", "rtt"),
		 "s:6: \"kind\": the method client expects closed or open"},
		{KIND("memory", "closed"),
		 "s:6: \"kind\": the method memory expects idle"},
		{KIND("network", "closed"),
		 "s:6: \"kind\": the method network expects open"},
		{KIND("connect", "idle"),
		 "s:6: \"kind\": the method connect expects rtt"},
		{KIND("reconnect", "rtt"),
		 "s:6: \"kind\": the method reconnect expects open"},
		{KIND("zombie", "open"),
		 "s:6: \"kind\": the method zombie expects idle"},
		{KIND("capacity", "idle"),
		 "s:6: \"kind\": the method capacity expects closed or open"},
		{KIND("echo", "open"),
		 "s:6: \"kind\": the method echo expects rtt"},
		{KIND("large", "closed"),
		 "s:6: \"kind\": the method large expects open"},
		{KIND("pairs", "fast"),
		 "s:6: \"kind\": expected closed, open, rtt or idle"});
}

#define LINK(of, kind, args)                                                   \
	{                                                                      \
		.method = "\"method\": \"" of "\"",                            \
		.variants =                                                    \
			"\"variants\": [{\"name\": \"v\", \"kind\": \"" kind   \
			"\",\n\"link\": [" args "]}]"                          \
	}

Test(scenario_read, what_a_link_would_refuse_is_told_before)
{
	CHECK_ROWS(
		{LINK("network", "open", "\"--rtt\", \"5ms\""), ""},
		{LINK("network", "open", "\"--netns\", \"--loss\", \"1%\""),
		 ""},
		{LINK("zombie", "idle", "\"--rtt=1ms\""), ""},
		{LINK("network", "open", "\"--bogus\", \"5ms\""),
		 "s:7: \"link\": unknown option --bogus"},
		{LINK("network", "open", "\"--rtt\", \"5\""),
		 "s:7: \"link\": --rtt: expected a time as in 100ms, got "
		 "\"5\""},
		{LINK("network", "open", "\"--rtt\""),
		 "s:7: \"link\": --rtt: needs a value"},
		{LINK("network", "open", "\"--to\", \":80\""),
		 "s:7: \"link\": --listen, --to and --help are not for a "
		 "scenario"},
		{LINK("network", "open", "\"--loss\", \"1%\""),
		 "s:7: \"link\": --loss, --reorder and --mtu need --netns: a "
		 "relay has no packets"},
		{LINK("zombie", "idle", "\"--half-open\""),
		 "s:7: \"link\": --netns carries packets: it takes no option "
		 "of the relay"},
		{LINK("pairs", "open", "\"--rtt\", \"5ms\""),
		 "s:7: \"link\": the method pairs has no use for it"});
}

Test(scenario_read, targets_and_the_baseline_are_names)
{
	CHECK_ROWS(
		{{.more = "\"targets\": [\"a\", \"b\"], \"baseline\": \"self\""},
		 ""},
		{{.more = "\"targets\": [\"a\",\n\"b\",\n\"a\"]"},
		 "s:6: \"a\" is given twice"},
		{{.more = "\"targets\": [\"a\",\n\"../../x\"]"},
		 "s:5: expected a name: letters, digits, + - _ and dots, none "
		 "of them first, at most 64"},
		{{.more = "\"targets\": [\"a\"],\n\"baseline\": \"./b\""},
		 "s:5: \"baseline\": expected a name: letters, digits, + - _ "
		 "and dots, none of them first, at most 64"},
		{{.name = "\"name\": \"../../x\""},
		 "s:2: \"name\": expected a name: letters, digits, + - _ and "
		 "dots, none of them first, at most 64"},
		{{.name = "\"name\": \"a\\nb\""},
		 "s:2: \"name\": expected a text without control characters"},
		{{.more = "\"suite\": 1.5"},
		 "s:4: \"suite\": expected a whole number"});
}

#define ROOMS(sizes_, variant)                                                 \
	{                                                                      \
		.parameters =                                                  \
			"\"parameters\": {\"rooms\": {\"value\": 100, "        \
			"\"help\": \"h\"}, \"members\": {\"value\": 10, "      \
			"\"max\": 2000, \"help\": \"h\"}}",                    \
		.variants = "\"variants\": [{\"name\": \"v\", \"kind\": "      \
			    "\"open\"" variant "}]",                           \
		.sizes = "\"sizes\": {\"quick\": {}, \"standard\": {},\n"      \
			 "\"smoke\": {" sizes_ "}}"                            \
	}

Test(scenario_read, rooms_and_members_are_looked_at_together)
{
	CHECK_ROWS(
		{ROOMS("\"rooms\": 2000, \"members\": 1", ""), ""},
		{ROOMS("\"rooms\": 9000, \"members\": 2000", ""),
		 "s:8: \"smoke\": 9000 rooms of 2000 members in \"v\": "
		 "together they have up to 2000"},
		{ROOMS("\"members\": 30", ""),
		 "s:8: \"smoke\": 100 rooms of 30 members in \"v\": together "
		 "they have up to 2000"},
		{ROOMS("", ", \"rooms\": 201"),
		 "s:8: \"smoke\": 201 rooms of 10 members in \"v\": together "
		 "they have up to 2000"});
}
