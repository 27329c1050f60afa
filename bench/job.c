/* SPDX-License-Identifier: MIT */
#include "bench/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run/cell.h"
#include "servers/base/check.h"
#include "servers/base/random.h"

#define BASELINE "bare"

/*
 * Results are found by names, so that two files must not have the same: the
 * later one is at fault, unless it is the very same, which is taken once.
 */
static enum err check_twice(struct job *j, const char *file, unsigned line,
			    const char *name, const char *earlier)
{
	if (catalogue_same(file, earlier))
		return ERR_OK;
	(void)snprintf(j->message, sizeof(j->message),
		       "%.400s:%u: \"name\": %.64s is the name of %.400s, too",
		       file, line, name, earlier);
	return ERR_USAGE;
}

/* Scenarios */

static int by_place(const void *a, const void *b)
{
	return ((const struct scenario *)a)->suite -
	       ((const struct scenario *)b)->suite;
}

static enum err add_scenario(struct job *j, const char *name, bool suite_only)
{
	struct suite *s = &j->suite;
	struct scenario *slot;
	enum err e;

	s->scenarios = xrealloc(s->scenarios, (s->scenario_count + 1) *
						      sizeof(*s->scenarios));
	slot = &s->scenarios[s->scenario_count];
	e = catalogue_scenario(&j->catalogue, name, slot, j->message,
			       sizeof(j->message));
	if (e || (suite_only && slot->suite == 0)) {
		scenario_release(slot);
		return e;
	}
	for (size_t i = 0; i < s->scenario_count; i++) {
		if (strcmp(s->scenarios[i].name, slot->name) != 0)
			continue;
		e = check_twice(j, slot->file, slot->line, slot->name,
				s->scenarios[i].file);
		scenario_release(slot);
		return e;
	}
	s->scenario_count++;
	return ERR_OK;
}

static enum err choose_scenarios(struct job *j, const struct opt_list *named)
{
	char **names = NULL;
	enum err e = ERR_OK;

	for (size_t i = 0; i < named->count && !e; i++)
		e = add_scenario(j, named->items[i], false);
	if (named->count > 0)
		return e;
	e = catalogue_names(j->catalogue.scenarios, &names, j->message,
			    sizeof(j->message));
	for (size_t i = 0; !e && names[i]; i++)
		e = add_scenario(j, names[i], true);
	catalogue_names_free(names);
	if (!e && j->suite.scenario_count == 0) {
		(void)snprintf(j->message, sizeof(j->message),
			       "%.900s: no scenario of the suite",
			       j->catalogue.scenarios);
		return ERR_NOTFOUND;
	}
	if (!e)
		qsort(j->suite.scenarios, j->suite.scenario_count,
		      sizeof(*j->suite.scenarios), by_place);
	return e;
}

/* Targets */

static int by_target_place(const void *a, const void *b)
{
	return ((const struct target *)a)->suite -
	       ((const struct target *)b)->suite;
}

static enum err add_target(struct job *j, const char *name, bool suite_only)
{
	struct suite *s = &j->suite;
	struct target *slot;
	enum err e;

	s->targets = xrealloc(s->targets,
			      (s->target_count + 1) * sizeof(*s->targets));
	slot = &s->targets[s->target_count];
	e = catalogue_target(&j->catalogue, name, slot, j->message,
			     sizeof(j->message));
	if (e || (suite_only && slot->suite == 0)) {
		target_release(slot);
		return e;
	}
	for (size_t i = 0; i < s->target_count; i++) {
		if (strcmp(s->targets[i].name, slot->name) != 0)
			continue;
		e = check_twice(j, slot->file, slot->line, slot->name,
				s->targets[i].file);
		target_release(slot);
		return e;
	}
	s->target_count++;
	return ERR_OK;
}

/* The baseline takes part always, and first: it is measured against itself. */
static enum err choose_targets(struct job *j, const struct opt_list *named)
{
	char **names = NULL;
	enum err e = add_target(j, BASELINE, false);

	for (size_t i = 0; i < named->count && !e; i++)
		e = add_target(j, named->items[i], false);
	if (e || named->count > 0)
		return e;
	e = catalogue_names(j->catalogue.targets, &names, j->message,
			    sizeof(j->message));
	for (size_t i = 0; !e && names[i]; i++)
		e = add_target(j, names[i], true);
	catalogue_names_free(names);
	if (!e)
		qsort(j->suite.targets + 1, j->suite.target_count - 1,
		      sizeof(*j->suite.targets), by_target_place);
	return e;
}

/* What scenarios bring along, but for those that `named` leaves out. */
static enum err add_guest(struct job *j, const char *name)
{
	struct suite *s = &j->suite;
	size_t before = s->target_count;
	enum err e = add_target(j, name, false);

	if (!e && s->target_count > before)
		s->targets[before].guest = true;
	return e;
}

static bool lists(const struct opt_list *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->items[i], name) == 0)
			return true;
	}
	return false;
}

/* When the command line names some of a scenario's own targets, only these. */
static void narrow(struct scenario *s, const struct opt_list *named)
{
	size_t kept = 0, n = 0;

	for (; s->targets[n]; n++)
		kept += lists(named, s->targets[n]);
	for (size_t i = 0, at = 0; kept > 0 && i < n; i++) {
		char *name = s->targets[i];

		s->targets[i] = NULL;
		if (lists(named, name))
			s->targets[at++] = name;
		else
			free(name);
	}
}

static enum err choose_guests(struct job *j, const struct opt_list *named)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < j->suite.scenario_count && !e; i++) {
		struct scenario *s = &j->suite.scenarios[i];

		if (!s->targets)
			continue;
		narrow(s, named);
		for (size_t k = 0; s->targets[k] && !e; k++)
			e = add_guest(j, s->targets[k]);
		if (!e && s->baseline &&
		    strcmp(s->baseline, SCENARIO_SELF) != 0)
			e = add_guest(j, s->baseline);
	}
	return e;
}

static bool takes_part(const struct job *j, const struct target *t)
{
	for (size_t i = 0; i < j->suite.scenario_count; i++) {
		if (cell_possible(&j->suite.scenarios[i], t))
			return true;
	}
	return false;
}

/* Whoever is named and has no part is told of; one at least must have one. */
static enum err check_named(struct job *j, bool quiet)
{
	const struct suite *s = &j->suite;
	size_t idle = 0;

	for (size_t i = 1; i < s->target_count; i++) {
		if (takes_part(j, &s->targets[i]))
			continue;
		idle++;
		(void)snprintf(j->message, sizeof(j->message),
			       "--target %.100s: it takes part in no chosen "
			       "scenario",
			       s->targets[i].name);
		if (!quiet && idle < s->target_count - 1)
			(void)fprintf(stderr, "pushmark run: %s\n", j->message);
	}
	return idle > 0 && idle == s->target_count - 1 ? ERR_USAGE : ERR_OK;
}

/* Parameters */

/* Each one that is set must mean something to one of the scenarios. */
static enum err check_set(struct job *j)
{
	for (int i = 0; i < PARAM_COUNT; i++) {
		struct param_changes one = {0};
		bool taken = false;

		if (!j->suite.set.set[i])
			continue;
		one.set[i] = true;
		one.value[i] = j->suite.set.value[i];
		for (size_t k = 0; k < j->suite.scenario_count; k++) {
			enum err e =
				scenario_takes(&j->suite.scenarios[k], &one,
					       j->message, sizeof(j->message));

			if (e == ERR_USAGE)
				return e;
			taken |= e == ERR_OK;
		}
		if (taken)
			continue;
		(void)snprintf(j->message, sizeof(j->message),
			       "--set %s: no chosen scenario has this "
			       "parameter",
			       param_name((enum param)i));
		return ERR_USAGE;
	}
	return ERR_OK;
}

/* With all that is set, as it will be run. */
static enum err check_together(struct job *j)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < j->suite.scenario_count && !e; i++)
		e = scenario_fits(&j->suite.scenarios[i], j->suite.size,
				  &j->suite.set, j->message,
				  sizeof(j->message));
	return e;
}

static enum err set_params(struct job *j, const struct job_options *o)
{
	char pairs[32];
	enum err e = ERR_OK;

	for (size_t i = 0; i < o->set.count && !e; i++)
		e = param_set(&j->suite.set, o->set.items[i], j->message,
			      sizeof(j->message));
	if (!e && o->pairs > 0) {
		(void)snprintf(pairs, sizeof(pairs), "pairs=%d", (int)o->pairs);
		e = param_set(&j->suite.set, pairs, j->message,
			      sizeof(j->message));
	}
	if (!e)
		e = check_set(j);
	return e ? e : check_together(j);
}

static enum err set_until(struct job *j, const struct job_options *o)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < o->until.count && !e; i++) {
		const char *text = o->until.items[i];

		if (text[0] && text[0] != '=') {
			e = until_add(&j->suite.until, text, j->message,
				      sizeof(j->message));
			continue;
		}
		(void)snprintf(j->message, sizeof(j->message),
			       "--until \"%.60s\": expected METRIC or "
			       "METRIC=N%%",
			       text);
		e = ERR_USAGE;
	}
	j->suite.until.max_s = (double)o->until_max;
	return e ? e
		 : until_check(&j->suite.until, j->suite.scenarios,
			       j->suite.scenario_count, j->message,
			       sizeof(j->message));
}

enum err job_prepare(struct job *j, const struct job_options *o,
		     const struct opt_list *operands)
{
	enum err e = home_find(&j->home, j->message, sizeof(j->message));

	if (e)
		return e;
	j->suite.size = (enum scenario_size)o->size;
	(void)snprintf(j->message, sizeof(j->message),
		       "the name of a folder is too long");
	e = catalogue_init(&j->catalogue, &j->home, o->scenarios_folder,
			   o->targets_folder);
	if (!e)
		e = choose_scenarios(j, operands);
	if (!e)
		e = choose_targets(j, &o->targets);
	if (!e)
		e = choose_guests(j, &o->targets);
	if (!e && o->targets.count > 0)
		e = check_named(j, o->quiet);
	if (!e)
		e = set_params(j, o);
	if (!e)
		e = set_until(j, o);
	j->suite.home = &j->home;
	j->suite.quiet = o->quiet;
	j->suite.no_counts = o->no_counts;
	if (!e && suite_planned(&j->suite) <= 0) {
		(void)snprintf(j->message, sizeof(j->message),
			       "none of the targets can take part in the "
			       "chosen scenarios");
		e = ERR_USAGE;
	}
	j->suite.seed = (uint64_t)o->seed;
	while (j->suite.seed == 0) {
		random_bytes(&j->suite.seed, sizeof(j->suite.seed));
		j->suite.seed &= 0xffffffff; /* short enough to type again */
	}
	return e;
}

void job_release(struct job *j)
{
	suite_release(&j->suite);
	for (size_t i = 0; i < j->suite.scenario_count; i++)
		scenario_release(&j->suite.scenarios[i]);
	for (size_t i = 0; i < j->suite.target_count; i++)
		target_release(&j->suite.targets[i]);
	free(j->suite.scenarios);
	free(j->suite.targets);
}
