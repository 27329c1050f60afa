/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "bench/cmd.h"
#include "bench/run/catalogue.h"
#include "bench/run/home.h"
#include "servers/base/check.h"
#include "servers/base/opt.h"

struct options {
	const char *scenarios, *targets;
	bool help;
};

static const struct opt table[] = {
	OPT_STRING("scenarios", "DIR", "take scenarios from this folder",
		   struct options, scenarios),
	OPT_STRING("targets", "DIR", "take targets from this folder",
		   struct options, targets),
	OPT_FLAG("help", "print this and exit", struct options, help),
	OPT_END,
};

int cmd_usage(const char *name, const char *format, ...)
{
	va_list args;

	(void)fprintf(stderr, "pushmark %s: ", name);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	return CMD_USAGE;
}

static void print_scenario(const struct scenario *s)
{
	printf("  %-10s %s%s\n", s->name, s->description,
	       s->suite ? "" : " (only when named)");
	printf("             %s\n", s->teaches);
	for (size_t i = 0; i < s->variant_count; i++)
		printf("             - %s: %s\n", s->variants[i].name,
		       s->variants[i].help);
	for (int i = 0; i < PARAM_COUNT; i++) {
		const struct param_spec *p = &s->params[i];

		if (p->declared)
			printf("             --set %s=%g (%g to %g) %s\n",
			       param_name((enum param)i), p->value, p->min,
			       p->max, p->help);
	}
}

static int list_scenarios(const struct catalogue *c)
{
	char message[1024], **names;
	int status = CMD_OK;

	if (catalogue_names(c->scenarios, &names, message, sizeof(message)))
		return cmd_usage("list", "%s", message);
	puts("Scenarios:");
	for (size_t i = 0; names[i]; i++) {
		struct scenario s;

		if (catalogue_scenario(c, names[i], &s, message,
				       sizeof(message)))
			status = cmd_usage("list", "%s", message);
		else
			print_scenario(&s);
		scenario_release(&s);
	}
	catalogue_names_free(names);
	return status;
}

static int list_targets(const struct catalogue *c)
{
	char message[1024], **names;
	int status = CMD_OK;

	if (catalogue_names(c->targets, &names, message, sizeof(message)))
		return cmd_usage("list", "%s", message);
	puts("\nTargets:");
	for (size_t i = 0; names[i]; i++) {
		struct target t;

		if (catalogue_target(c, names[i], &t, message, sizeof(message)))
			status = cmd_usage("list", "%s", message);
		else
			printf("  %-10s %s%s\n", t.name, t.description,
			       t.suite ? "" : " (only when named)");
		target_release(&t);
	}
	catalogue_names_free(names);
	return status;
}

int cmd_list(int argc, char **argv)
{
	struct options o = {0};
	const struct options defaults = {0};
	struct catalogue c;
	struct home home;
	char message[1024];
	enum err e = opt_parse_alone(table, &o, argc, argv, message,
				     sizeof(message));
	int scenarios, targets;

	if (e)
		return cmd_usage("list", "%s", message);
	if (o.help) {
		puts("usage: pushmark list [OPTION]...\n\n"
		     "Shows the scenarios and targets there are.\n");
		opt_help(table, &defaults, stdout);
		return CMD_OK;
	}
	if ((o.scenarios && !o.scenarios[0]) || (o.targets && !o.targets[0]))
		return cmd_usage("list", "--%s: expected a folder, got \"\"",
				 o.scenarios && !o.scenarios[0] ? "scenarios"
								: "targets");
	if (home_find(&home, message, sizeof(message)))
		return cmd_usage("list", "%s", message);
	if (catalogue_init(&c, &home, o.scenarios, o.targets))
		return cmd_usage("list", "the name of a folder is too long");
	scenarios = list_scenarios(&c);
	targets = list_targets(&c);
	return scenarios ? scenarios : targets;
}
