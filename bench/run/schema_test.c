/* SPDX-License-Identifier: MIT */
#include "bench/run/schema.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define HEAD                                                                   \
	"{\"schema\": 1, \"started\": \"2026-01-31T12:00:00Z\",\n"             \
	"\"ended\": \"2026-01-31T12:00:09Z\", \"seconds\": 9,\n"               \
	"\"interrupted\": false, \"succeeded\": true, \"seed\": 7,\n"          \
	"\"options\": {\"size\": \"smoke\", \"set\": {}, \"command\": []},\n"  \
	"\"scenarios\": [], \"targets\": [], \"caveats\": [],\n"               \
	"\"budget\": [], \"provenance\": {\"host\": \"h\", \"kernel\": \"k\",\n"

#define PLACE                                                                  \
	"\"machine\": \"m\", \"cpu\": null, \"cores\": 2, \"memory\": 1,\n"    \
	"\"server_core\": 0, \"worker_core\": 1, \"own_network\": true,\n"     \
	"\"loopback_mtu\": 1500, \"governor\": null, \"clocksource\": null,\n" \
	"\"sysctls\": {}, \"compiler\": \"c\", \"flags\": \"f\",\n"            \
	"\"pushmark\": \"1\", \"cjson\": \"1\", \"server\": null,\n"           \
	"\"commit\": null, \"dirty\": null, \"targets\": {}},\n"

#define HAS                                                                    \
	"\"scenario\": \"s\", \"variant\": \"v\", \"kind\": \"idle\",\n"       \
	"\"method\": \"memory\", \"target\": \"t\", \"complete\": true,\n"     \
	"\"client_bound\": false, \"caveats\": []"

/* The second of two measurements has these members besides, on line 18. */
static void expect(const char *more, bool lenient, const char *complaint)
{
	char text[4096];
	struct doc d;

	(void)snprintf(text, sizeof(text),
		       HEAD PLACE "\"measurements\": [{" HAS
				  ", \"parameters\": {}, "
				  "\"verdict\": \"better\"}, {" HAS ",\n%s}]}",
		       more);
	cr_assert_eq(doc_parse(&d, "r.json", text, strlen(text)), ERR_OK, "%s",
		     d.error);
	cr_expect_eq(schema_check(&d, lenient), complaint ? ERR_PROTO : ERR_OK,
		     "%s: %s", more, d.error);
	cr_expect_str_eq(d.error, complaint ? complaint : "");
	doc_release(&d);
}

#define GOOD "\"parameters\": {\"x\": 1}, \"verdict\": \"worse\""
#define AT "r.json:18: measurements[1]"

Test(schema, takes_what_is_right)
{
	expect(GOOD, false, NULL);
	expect(GOOD ", \"memory\": null", false, NULL);
	expect(GOOD ", \"memory\": {\"value\": 1.5, \"low\": -1, \"high\": 2, "
		    "\"count\": 3}",
	       false, NULL);
	expect(GOOD ", \"distributions\": {\"all\": \"hdr/a.hgrm\"}", false,
	       NULL);
}

Test(schema, says_what_is_wrong_and_where)
{
	static const struct {
		const char *more, *complaint;
	} cases[] = {
		{"\"pairs\": -5", ".pairs: -5 is less than 0"},
		{"\"pairs\": 1.5", ".pairs: expected a whole number"},
		{"\"pairs\": 1e300", ".pairs: expected a whole number"},
		{"\"pairs\": \"many\"", ".pairs: expected a whole number"},
		{"\"slices\": 5", ".slices: expected a list"},
		{"\"slices\": [5]", ".slices[0]: expected an object"},
		{"\"remark\": 5", ".remark: unknown key"},
		{"\"re\\u001bmark\": 5", ".re?mark: unknown key"},
		{"\"complete\": true", ".complete: given twice"},
		{"\"memory\": 5", ".memory: expected an object"},
		{"\"memory\": {\"value\": 1}",
		 ".memory: lacks the key \"low\""},
		{"\"hiccups\": {}",
		 ".hiccups: expected an object that is not empty"},
		{"\"invalid_why\": null", ".invalid_why: expected a text"},
		{"\"caveats_\": \"\"", ".caveats_: unknown key"},
		{"\"distributions\": {\"all\": \"hdr/../x.hgrm\"}",
		 ".distributions.all: \"hdr/../x.hgrm\" is not of the form "
		 "^hdr/[^/]+\\.hgrm$"},
		{"\"distributions\": {\"some\": \"hdr/x.hgrm\"}",
		 ".distributions.some: unknown key"},
		{"\"failure\": {\"what\": \"\", \"log\": []}",
		 ".failure.what: expected a text that is not empty"},
	};
	char more[512], complaint[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		(void)snprintf(more, sizeof(more), GOOD ", %s", cases[i].more);
		(void)snprintf(complaint, sizeof(complaint), AT "%s",
			       cases[i].complaint);
		expect(more, false, complaint);
	}
	expect("\"parameters\": {\"x\": -1}, \"verdict\": \"better\"", false,
	       AT ".parameters.x: -1 is less than 0");
	expect("\"parameters\": {}, \"verdict\": \"bogus\"", false,
	       AT ".verdict: expected one of better, worse, equivalent, "
		  "inconclusive, invalid");
}

Test(schema, keys_that_need_others)
{
	expect(GOOD ", \"baseline\": \"bare\"", false,
	       "r.json:15: measurements[1]: lacks the key \"primary\"");
	expect(GOOD ", \"baseline\": \"bare\"", true, NULL);
}

Test(schema, lenient_is_about_keys_only)
{
	expect(GOOD ", \"remark\": 5", true, NULL);
	expect("\"parameters\": {}", true, NULL);
	expect(GOOD ", \"pairs\": -5", true, AT ".pairs: -5 is less than 0");
	expect(GOOD ", \"complete\": true", true, AT ".complete: given twice");
}

Test(schema, complains_of_what_it_is_given)
{
	static const char text[] = "{\"a\":\n[{}, {\"b\": 1}]}";
	struct doc d;

	cr_assert_eq(doc_parse(&d, "r.json", text, strlen(text)), ERR_OK);
	schema_fail(&d, d.root->child->child->next->child, "is %d", 1);
	cr_assert_str_eq(d.error, "r.json:2: a[1].b: is 1");
	doc_release(&d);
	cr_assert_eq(doc_parse(&d, "r.json", text, strlen(text) + 1), ERR_PROTO,
		     "a NUL is no end");
	doc_release(&d);
}
