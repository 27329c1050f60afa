/* SPDX-License-Identifier: MIT */
#include "bench/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"
#include "servers/base/random.h"

#define BASELINE "bare"

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
	if (e || (suite_only && slot->suite == 0))
		scenario_release(slot);
	else
		s->scenario_count++;
	return e;
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
		if (strcmp(s->targets[i].name, slot->name) == 0) {
			target_release(slot);
			return ERR_OK;
		}
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
	return e ? e : check_set(j);
}

enum err job_prepare(struct job *j, const struct job_options *o,
		     const struct opt_list *operands)
{
	enum err e = home_find(&j->home, j->message, sizeof(j->message));

	if (e)
		return e;
	(void)snprintf(j->message, sizeof(j->message),
		       "the name of a folder is too long");
	e = catalogue_init(&j->catalogue, &j->home, o->scenarios_folder,
			   o->targets_folder);
	if (!e)
		e = choose_scenarios(j, operands);
	if (!e)
		e = choose_targets(j, &o->targets);
	if (!e)
		e = set_params(j, o);
	j->suite.home = &j->home;
	j->suite.size = (enum scenario_size)o->size;
	j->suite.quiet = o->quiet;
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
