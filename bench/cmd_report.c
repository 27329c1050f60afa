/* SPDX-License-Identifier: MIT */
#include <cjson/cJSON.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/cmd.h"
#include "bench/report/report.h"
#include "bench/run/home.h"
#include "servers/base/opt.h"

struct options {
	bool quiet, help;
};

static const struct opt table[] = {
	OPT_FLAG("quiet", "print no table", struct options, quiet),
	OPT_FLAG("help", "print this and exit", struct options, help),
	OPT_END,
};

/* The file named, or the newest one where runs are put by default. */
static int choose(const struct opt_list *operands, char *into, size_t size)
{
	char message[1024], results[PATH_MAX];
	struct home home;

	if (operands->count > 1)
		return cmd_usage("report", "unexpected operand '%s'",
				 operands->items[1]);
	if (operands->count == 1) {
		(void)snprintf(into, size, "%s", operands->items[0]);
		return CMD_OK;
	}
	if (home_find(&home, message, sizeof(message)))
		return cmd_usage("report", "%s", message);
	if (home_results(&home, results, sizeof(results)) ||
	    path_newest(results, "run.json", into, size)) {
		(void)fprintf(stderr, "pushmark report: no run in %s\n",
			      results);
		return CMD_FAILED;
	}
	return CMD_OK;
}

static int write_again(const char *path, const struct options *o)
{
	char markdown[PATH_MAX], message[1024];
	cJSON *run = NULL;
	enum err e = report_load(path, &run, message, sizeof(message));

	if (!e)
		e = report_beside(path, markdown, sizeof(markdown), message,
				  sizeof(message));
	if (!e)
		e = report_write(run, markdown, message, sizeof(message));
	if (e) {
		(void)fprintf(stderr, "pushmark report: %s\n", message);
		cJSON_Delete(run);
		return CMD_FAILED;
	}
	if (!o->quiet) {
		report_print(run, stdout, isatty(STDOUT_FILENO) == 1);
		printf("\nReport: %s\n", markdown);
	}
	cJSON_Delete(run);
	return CMD_OK;
}

int cmd_report(int argc, char **argv)
{
	struct options o = {0};
	const struct options defaults = {0};
	struct opt_list operands = {0};
	char message[256], path[PATH_MAX];
	enum err e = opt_parse(table, &o, argc, argv, &operands, message,
			       sizeof(message));
	int status;

	if (e) {
		status = cmd_usage("report", "%s", message);
	} else if (o.help) {
		puts("usage: pushmark report [OPTION]... [RUN.json]\n\n"
		     "Prints the table of a run and writes report.md beside "
		     "its file again. Without a\nname it takes the newest "
		     "run.\n");
		opt_help(table, &defaults, stdout);
		status = CMD_OK;
	} else {
		status = choose(&operands, path, sizeof(path));
		if (status == CMD_OK)
			status = write_again(path, &o);
	}
	opt_list_release(&operands);
	return status;
}
