/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a scenario and as a target: each is taken or gets a complaint
 * of one line that names the file, and what was taken has what others rely on.
 */
#include <stdint.h>
#include <string.h>

#include "bench/run/scenario.h"
#include "bench/run/target.h"
#include "servers/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct doc *d, enum err e)
{
	CHECK((e != ERR_OK) == doc_failed(d));
	if (!e)
		return;
	CHECK(strncmp(d->error, "f.json:", 7) == 0);
	CHECK(!strpbrk(d->error, "\n\r\033"));
}

static void check_name(const char *name)
{
	CHECK(name[0] && name[0] != '.' && !strchr(name, '/'));
	CHECK(strlen(name) <= DOC_NAME_MAX);
}

static void check_scenario(const struct scenario *s)
{
	const struct param_changes none = {0};

	check_name(s->name);
	CHECK(s->variant_count > 0);
	for (size_t i = 0; i < s->variant_count; i++) {
		for (int k = 0; k < SIZES; k++) {
			char message[512];
			double values[PARAM_COUNT];

			scenario_values(s, &s->variants[i],
					(enum scenario_size)k, &none, values);
			CHECK(scenario_fits(s, (enum scenario_size)k, &none,
					    message,
					    sizeof(message)) == ERR_OK);
		}
	}
}

static void as_scenario(const uint8_t *data, size_t size)
{
	struct scenario s = {0};
	struct doc d;
	enum err e = doc_parse(&d, "f.json", (const char *)data, size);

	if (!e)
		e = scenario_read(&s, &d);
	check_error(&d, e);
	if (!e)
		check_scenario(&s);
	scenario_release(&s);
	doc_release(&d);
}

static void as_target(const uint8_t *data, size_t size)
{
	struct target t = {0};
	struct doc d;
	enum err e = doc_parse(&d, "f.json", (const char *)data, size);

	if (!e)
		e = target_read(&t, &d);
	check_error(&d, e);
	if (!e) {
		check_name(t.name);
		CHECK(t.start[0][0]);
		CHECK(!t.path[0] || t.path[0] == '/');
		CHECK(!strpbrk(t.path, " \r\n"));
	}
	target_release(&t);
	doc_release(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_scenario(data, size);
	as_target(data, size);
	return 0;
}
