/* SPDX-License-Identifier: MIT */
/*
 * pushmark: measures what pushing a message costs over each protocol.
 */
#include <stdio.h>
#include <string.h>

#include "bench/cmd.h"
#include "servers/base/check.h"
#include "servers/base/opt.h"
#include "servers/base/version.h"

static const struct {
	const char *name, *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", "measure targets in scenarios and report", cmd_run},
	{"report", "write the report of a run again", cmd_report},
	{"list", "show the scenarios and targets there are", cmd_list},
	{"link", "put a slow, lossy or meddling network in between", cmd_link},
};

static void help(FILE *out)
{
	(void)fputs("usage: pushmark COMMAND [OPTION]... [OPERAND]...\n\n"
		    "Runs one workload over WebSocket, long polling and "
		    "Server-Sent Events and\ncompares what each costs.\n\n",
		    out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-8s %s\n", commands[i].name,
			      commands[i].help);
	(void)fputs(
		"\nEach command explains itself with --help. Exit status: 0 "
		"all is well, 1 something\nfailed or is not valid, 2 wrong "
		"usage, 130 interrupted (what is finished is kept).\n",
		out);
}

static int dispatch(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
		help(stdout);
		return CMD_OK;
	}
	if (strcmp(name, "--version") == 0) {
		puts("pushmark " PUSHMARK_VERSION);
		return CMD_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	if (name[0])
		(void)fprintf(stderr, "pushmark: there is no command '%s'\n",
			      name);
	else
		help(stderr);
	return CMD_USAGE;
}

int main(int argc, char **argv)
{
	return opt_finish("pushmark", stdout, dispatch(argc, argv));
}
