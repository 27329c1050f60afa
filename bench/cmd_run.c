/* SPDX-License-Identifier: MIT */
#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/cmd.h"
#include "bench/job.h"
#include "bench/report/report.h"
#include "bench/run/results.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"
#include "servers/base/opt.h"

#define SEED_MAX (((int64_t)1 << 53) - 1) /* survives as a JSON number */

static const struct opt table[] = {
	OPT_CHOICE("size", scenario_size_names, "how long and how precise",
		   struct job_options, size),
	OPT_LIST("target", "NAME", "measure this one (may be repeated)",
		 struct job_options, targets),
	OPT_LIST("set", "KEY=VALUE", "set a parameter; see pushmark list",
		 struct job_options, set),
	OPT_INT("pairs", "N", "pairs of slices; 0: as the size says", 0, 1000,
		struct job_options, pairs),
	OPT_INT("seed", "N", "seed of all that is random; 0: a new one", 0,
		SEED_MAX, struct job_options, seed),
	OPT_STRING("out", "DIR", "put the results here, not in results/TIME",
		   struct job_options, out),
	OPT_STRING("scenarios", "DIR", "take scenarios from this folder",
		   struct job_options, scenarios_folder),
	OPT_STRING("targets", "DIR", "take targets from this folder",
		   struct job_options, targets_folder),
	OPT_FLAG("json", "print the results as JSON instead of the table",
		 struct job_options, json),
	OPT_FLAG("quiet", "print no progress and no table", struct job_options,
		 quiet),
	OPT_FLAG("list", "show the scenarios and targets there are and exit",
		 struct job_options, list),
	OPT_FLAG("help", "print this and exit", struct job_options, help),
	OPT_END,
};

static void help(void)
{
	const struct job_options defaults = {.size = SIZE_QUICK};

	puts("usage: pushmark run [OPTION]... [SCENARIO]...\n\n"
	     "Starts each target's server, drives it from a load worker on "
	     "another core in\nshort slices next to slices of a bare loop of "
	     "send(), and compares. Without a\nscenario it runs the suite. "
	     "Results: results/TIME/run.json and report.md.\n");
	opt_help(table, &defaults, stdout);
	puts("\nExit status: 0 all is well, 1 a server failed or a slice is "
	     "not valid, 2 wrong\nusage, 130 interrupted (what is finished is "
	     "kept).");
}

/* Where it goes */

static enum err make_folder(struct job *j, const char *out, time_t started)
{
	char results[PATH_MAX], name[32], path[PATH_MAX];
	enum err e = ERR_OK;

	if (out && out[0]) {
		if (snprintf(path, sizeof(path), "%s", out) >=
		    (int)sizeof(path))
			e = ERR_LIMIT;
	} else {
		results_time(started, true, name, sizeof(name));
		e = home_results(&j->home, results, sizeof(results));
		if (!e)
			e = path_join(path, sizeof(path), results, name);
	}
	if (!e)
		e = path_make(path);
	/* From here on it must hold wherever the servers are started. */
	if (!e && (!realpath(path, j->folder) || access(j->folder, W_OK) != 0))
		e = ERR_IO;
	if (e)
		(void)snprintf(j->message, sizeof(j->message),
			       "cannot write to %.900s: %s", path,
			       e == ERR_LIMIT ? "the name is too long"
					      : strerror(errno));
	return e;
}

/* Many connections need many descriptors, in the servers and the worker. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* The results */

static void print_json(cJSON *run)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(run, "measurements");
	char *text;

	for (cJSON *m = list->child; m; m = m->next)
		cJSON_DeleteItemFromObjectCaseSensitive(m, "slices");
	text = cJSON_Print(run);
	CHECK(text);
	puts(text);
	free(text);
}

static int finish(struct job *j, const struct job_options *o, cJSON *run)
{
	char path[PATH_MAX], report[PATH_MAX], message[1024];

	if (path_join(path, sizeof(path), j->folder, "run.json") ||
	    path_join(report, sizeof(report), j->folder, "report.md") ||
	    results_write(run, path)) {
		(void)fprintf(stderr, "pushmark run: cannot write to %s: %s\n",
			      j->folder, strerror(errno));
		return CMD_FAILED;
	}
	if (report_write(run, report, message, sizeof(message))) {
		(void)fprintf(stderr, "pushmark run: %s\n", message);
		return CMD_FAILED;
	}
	if (o->json) {
		print_json(run);
	} else if (!o->quiet) {
		report_print(run, stdout, isatty(STDOUT_FILENO) == 1);
		printf("\nResults: %s\nReport:  %s\n", path, report);
	}
	if (j->suite.interrupted)
		return CMD_INTERRUPTED;
	return suite_succeeded(&j->suite) ? CMD_OK : CMD_FAILED;
}

static int run(struct job *j, const struct job_options *o, int argc,
	       char **argv)
{
	struct results_context context = {
		.argc = argc, .argv = argv, .started = time(NULL)};
	uint64_t start = clock_ns(&clock_monotonic);
	cJSON *json;
	int status;

	if (make_folder(j, o->out, context.started)) {
		(void)fprintf(stderr, "pushmark run: %s\n", j->message);
		return CMD_FAILED;
	}
	if (!o->quiet)
		(void)fprintf(stderr,
			      "pushmark: size %s, seed %llu, about %.0f s\n",
			      scenario_size_name(j->suite.size),
			      (unsigned long long)j->suite.seed,
			      suite_planned(&j->suite));
	j->suite.folder = j->folder;
	raise_limit();
	suite_run(&j->suite);
	context.ended = time(NULL);
	context.seconds = (double)(clock_ns(&clock_monotonic) - start) / 1e9;
	json = results_to_json(&j->suite, &context);
	status = finish(j, o, json);
	cJSON_Delete(json);
	return status;
}

int cmd_run(int argc, char **argv)
{
	struct job_options o = {.size = SIZE_QUICK};
	struct opt_list operands = {0};
	struct job j = {0};
	int status;

	if (opt_parse(table, &o, argc, argv, &operands, j.message,
		      sizeof(j.message)) != ERR_OK) {
		status = cmd_usage("run", "%s", j.message);
	} else if (o.help) {
		help();
		status = CMD_OK;
	} else if (o.list) {
		status = cmd_list(1, argv);
	} else if (job_prepare(&j, &o, &operands) != ERR_OK) {
		status = cmd_usage("run", "%s", j.message);
	} else {
		status = run(&j, &o, argc, argv);
	}
	job_release(&j);
	opt_list_release(&operands);
	opt_list_release(&o.targets);
	opt_list_release(&o.set);
	return status;
}
