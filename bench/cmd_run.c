/* SPDX-License-Identifier: MIT */
#include <cjson/cJSON.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/again.h"
#include "bench/cmd.h"
#include "bench/job.h"
#include "bench/link/netns.h"
#include "bench/report/report.h"
#include "bench/run/distributions.h"
#include "bench/run/interrupt.h"
#include "bench/run/journal.h"
#include "bench/run/provenance.h"
#include "servers/base/check.h"
#include "servers/base/opt.h"

#define MTU 1500			  /* Ethernet's */
#define SEED_MAX (((int64_t)1 << 53) - 1) /* survives as a JSON number */

static const struct opt table[] = {
	OPT_CHOICE("size", scenario_size_names, "how long and how precise",
		   struct job_options, size),
	OPT_LIST("target", "NAME", "measure this one", struct job_options,
		 targets),
	OPT_LIST("set", "KEY=VALUE", "set a parameter; see pushmark list",
		 struct job_options, set),
	OPT_INT("pairs", "N", "pairs of slices; 0: as the size says", 0, 1000,
		struct job_options, pairs),
	OPT_LIST("until", "METRIC[=N%]",
		 "go on until half of the 95 % interval of cpu, client, rate, "
		 "p50, last, p99, ack or memory is within N %",
		 struct job_options, until),
	OPT_INT("until-max", "SECONDS", "go on for so long at most", 1, 1000000,
		struct job_options, until_max),
	OPT_INT("seed", "N", "seed of all that is random; 0: a new one", 0,
		SEED_MAX, struct job_options, seed),
	OPT_STRING("out", "DIR", "put the results here, not in results/TIME",
		   struct job_options, out),
	OPT_STRING("scenarios", "DIR", "take scenarios from this folder",
		   struct job_options, scenarios_folder),
	OPT_STRING("targets", "DIR", "take targets from this folder",
		   struct job_options, targets_folder),
	OPT_STRING("again", "RUN.json", "repeat that run: its command and seed",
		   struct job_options, again),
	OPT_FLAG("missing",
		 "with --again: measure only what is not complete there, and "
		 "merge it with the rest",
		 struct job_options, missing),
	OPT_FLAG("force",
		 "with --again: also on another host or with another commit",
		 struct job_options, force),
	OPT_FLAG("host-network",
		 "measure in the host's network; else, as root, in one of its "
		 "own, with an MTU of 1,500",
		 struct job_options, host_network),
	OPT_FLAG("no-counts",
		 "leave the histograms' counts out of the slices in run.json; "
		 "the distributions beside it are whole",
		 struct job_options, no_counts),
	OPT_FLAG("json", "print events as JSON Lines instead of the table",
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
	const struct job_options defaults = {.size = SIZE_QUICK,
					     .until_max = UNTIL_MAX_S};
	char shares[128];

	puts("usage: pushmark run [OPTION]... [SCENARIO]...\n\n"
	     "Starts each target's server, drives it from a load worker on "
	     "another core in\nshort slices next to slices of a bare loop of "
	     "send(), and compares. Without a\nscenario it runs the suite. "
	     "Results: results/TIME/run.json and report.md.\n");
	opt_help(table, &defaults, stdout);
	until_defaults(shares, sizeof(shares));
	printf("\nN of --until where it is not given, in %%:\n%s.\nThe time of "
	       "--until-max is beyond what the size plans, for all together. "
	       "When it\nends before an interval is that narrow, that is "
	       "told, and the exit status is as\nwithout it.\n",
	       shares);
	puts("\nExit status: 0 all is well, 1 a server failed or a slice is "
	     "not valid, 2 wrong\nusage, 130 interrupted (what is finished is "
	     "kept).");
}

/* Where it goes */

/* Whether what a run leaves there can take its place. */
static bool has_places(const char *folder, char *path, size_t size)
{
	static const struct {
		const char *name;
		bool folder;
	} places[] = {{"run.json", false}, {"report.md", false}, {"hdr", true}};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (path_join(path, size, folder, places[i].name)) {
			errno = ENAMETOOLONG;
			return false;
		}
		if (stat(path, &st) != 0)
			continue;
		errno = S_ISDIR(st.st_mode) ? EISDIR : ENOTDIR;
		if ((S_ISDIR(st.st_mode) != 0) != places[i].folder ||
		    (places[i].folder && access(path, W_OK | X_OK) != 0))
			return false;
	}
	return true;
}

static enum err make_folder(struct job *j, const char *out, time_t started)
{
	char results[PATH_MAX], name[32], path[PATH_MAX];
	enum err e = ERR_OK;

	if (out) {
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
	if (!e && !has_places(j->folder, path, sizeof(path)))
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

/* For a person, and for a script that reads events. */
static int failed(const struct job_options *o, const char *what)
{
	(void)fprintf(stderr, "pushmark run: %s\n", what);
	journal_failed(o->json ? stdout : NULL, what);
	return CMD_FAILED;
}

/* Intervals that --until asked for and --until-max did not let be reached. */
static void tell_unmet(const struct suite *s)
{
	char what[160];

	for (size_t i = 0; i < s->count && !s->interrupted; i++) {
		const struct measurement *m = &s->measurements[i];

		if (m->earlier || !until_wants(&s->until, m))
			continue;
		until_describe(&s->until, m, what, sizeof(what));
		(void)fprintf(stderr,
			      "pushmark run: --until is not reached, as "
			      "--until-max is over: %s, %s, %s: %s\n",
			      m->scenario->name, m->variant->name,
			      m->target->name, what);
	}
}

static int finish(struct job *j, const struct job_options *o,
		  struct journal *journal)
{
	char report[PATH_MAX], message[PATH_MAX + 256];
	cJSON *run;
	enum err e = journal_end(journal, &j->suite, &run);

	(void)snprintf(message, sizeof(message), "%s", journal->failure);
	if (!e)
		e = path_join(report, sizeof(report), j->folder, "report.md");
	if (!e)
		e = report_write(run, report, message, sizeof(message));
	if (e)
		(void)failed(o, message);
	else
		journal_ended(journal, run);
	tell_unmet(&j->suite);
	/* That nobody takes the events any more was told, and is no failure. */
	if (o->json)
		clearerr(stdout);
	/* From here on a signal takes no more than what is printed. */
	interrupt_release(j->suite.interrupt);
	if (!e && !o->json && !o->quiet) {
		report_print(run, stdout, isatty(STDOUT_FILENO) == 1);
		printf("\nResults: %s\nReport:  %s\n", journal->path, report);
	}
	cJSON_Delete(run);
	if (e)
		return CMD_FAILED;
	if (j->suite.interrupted)
		return CMD_INTERRUPTED;
	return suite_succeeded(&j->suite) ? CMD_OK : CMD_FAILED;
}

/* What this size can tell where neighbours scatter as they do. */
static void print_reach(const struct suite *s)
{
	static const struct {
		const char *name;
		double sd;
	} scatter[] = {{"CPU", 0.08}, {"p50", 0.16}, {"p99", 0.31}};
	double pairs;

	if (suite_expected(s, &pairs) == 0 || pairs < STATS_PAIRS_MIN)
		return;
	(void)fprintf(stderr, "pushmark: %.0f pairs tell ratios of", pairs);
	for (size_t i = 0; i < ARRAY_SIZE(scatter); i++)
		(void)fprintf(stderr, "%s %s within %.0f %%", i ? "," : "",
			      scatter[i].name,
			      100 * stats_reach(scatter[i].sd, (size_t)pairs));
	(void)fputs(", where neighbours scatter by 8, 16 and 31 %\n", stderr);
}

static void announce(const struct job *j, const struct job_options *o)
{
	if (o->quiet)
		return;
	(void)fprintf(stderr, "pushmark: size %s, seed %llu, about %.0f s\n",
		      scenario_size_name(j->suite.size),
		      (unsigned long long)j->suite.seed,
		      suite_planned(&j->suite));
	if (until_asked(&j->suite.until))
		(void)fprintf(stderr,
			      "pushmark: and up to %.0f s more for --until\n",
			      j->suite.until.max_s);
	print_reach(&j->suite);
}

static int measure(struct job *j, const struct job_options *o,
		   struct journal *journal)
{
	struct suite *s = &j->suite;
	char message[sizeof(journal->failure) + 64];
	struct interrupt interrupt;

	if (journal_check(journal, journal_room(s)))
		return failed(o, journal->failure);
	announce(j, o);
	s->folder = j->folder;
	s->events = journal->events;
	s->finished = journal_finished;
	s->context = journal;
	raise_limit();
	/* Who reads events or the table may go: the files are what counts. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* A limit on the size of files is an error that is told. */
	(void)signal(SIGXFSZ, SIG_IGN);
	interrupt_init(&interrupt);
	s->interrupt = &interrupt;
	journal_begin(journal, s);
	suite_run(s);
	if (!s->stopped)
		return finish(j, o, journal);
	interrupt_release(&interrupt);
	(void)snprintf(message, sizeof(message),
		       "%s; what was written before is kept", journal->failure);
	return failed(o, message);
}

/* Whether this host and build may repeat or go on with that run. */
static int check_again(struct job *j, const struct job_options *o,
		       const struct again *a, const cJSON *provenance)
{
	enum err e = ERR_OK;
	double pairs;

	if (!a->run)
		return CMD_OK;
	if (!o->force)
		e = again_same(a, provenance, j->message, sizeof(j->message));
	if (e)
		return cmd_usage("run", "%s: %s", o->again, j->message);
	if (!o->missing)
		return CMD_OK;
	j->suite.earlier = again_measurements(a);
	if (suite_expected(&j->suite, &pairs) > 0)
		return CMD_OK;
	(void)fprintf(stderr, "pushmark run: %s: nothing is missing\n",
		      o->again);
	return -1;
}

static void bring_files(cJSON *run, const char *path, const char *folder)
{
	char *copy = xstrdup(path), *from = realpath(dirname(copy), NULL);

	/* With --out they may be where they belong. */
	if (from && strcmp(from, folder) != 0)
		distributions_bring(run, from, folder);
	free(from);
	free(copy);
}

/* Returns why it is the host's, to be given to free(), or NULL. */
static char *own_network(const struct job_options *o)
{
	char message[128];

	if (o->host_network)
		return xstrdup("as asked for");
	if (netns_enter_new(MTU, message, sizeof(message)) == ERR_OK)
		return NULL;
	return xstrdup(message);
}

static int run(struct job *j, const struct job_options *o,
	       const struct again *a, int argc, char **argv)
{
	struct results_context context = {
		.argc = argc, .argv = argv, .started = time(NULL)};
	struct journal journal;
	char *shared = own_network(o);
	cJSON *provenance;
	int status;

	machine_init(&j->suite.machine);
	j->suite.machine.shared = shared;
	provenance =
		provenance_to_json(&j->home, &j->suite.machine,
				   j->suite.targets, j->suite.target_count);
	context.provenance = provenance;
	context.again = o->again;
	context.earlier = o->missing ? a->run : NULL;
	status = check_again(j, o, a, provenance);
	if (status == CMD_OK && make_folder(j, o->out, context.started)) {
		status = failed(o, j->message);
	} else if (status == CMD_OK &&
		   journal_init(&journal, j->folder, &context,
				o->json ? stdout : NULL)) {
		status = cmd_usage("run", "the folder's name is too long");
	} else if (status == CMD_OK) {
		if (o->missing)
			bring_files(a->run, o->again, j->folder);
		status = measure(j, o, &journal);
	}
	cJSON_Delete(provenance);
	free(shared);
	return status < 0 ? CMD_OK : status;
}

/* Repeating */

static void release_options(struct job_options *o)
{
	opt_list_release(&o->targets);
	opt_list_release(&o->set);
	opt_list_release(&o->until);
}

/* With --again the file says all but where and how to tell. */
static bool says_more(const struct job_options *o,
		      const struct opt_list *operands)
{
	return operands->count || o->targets.count || o->set.count ||
	       o->until.count || o->pairs || o->seed || o->scenarios_folder ||
	       o->targets_folder || o->host_network || o->no_counts ||
	       o->size != SIZE_QUICK || o->until_max != UNTIL_MAX_S;
}

/* What is wrong with the file, as the error of the job. */
static enum err blame(struct job *j, struct again *a, const char *what)
{
	enum err e = what ? again_blame(a, what) : ERR_PROTO;

	(void)snprintf(j->message, sizeof(j->message), "%s", a->doc.error);
	return e;
}

/* The options become those of that run's command, but for what is new. */
static enum err repeat(struct job *j, struct again *a, struct job_options *o,
		       struct opt_list *operands)
{
	struct job_options now = *o;

	if (says_more(o, operands)) {
		(void)snprintf(j->message, sizeof(j->message),
			       "--again takes only --missing, --force, --out, "
			       "--json and --quiet beside it: the file says "
			       "the rest");
		return ERR_USAGE;
	}
	if (again_load(a, o->again))
		return blame(j, a, NULL);
	release_options(o);
	*o = (struct job_options){.size = SIZE_QUICK, .until_max = UNTIL_MAX_S};
	if (opt_parse(table, o, a->argc, a->argv, operands, j->message,
		      sizeof(j->message)))
		return blame(j, a, j->message);
	if (o->again || o->missing || o->force || o->list || o->help)
		return blame(j, a,
			     "no run keeps --again, --missing, --force, --list "
			     "or --help");
	o->again = now.again;
	o->missing = now.missing;
	o->force = now.force;
	o->out = now.out;
	o->json = now.json;
	o->quiet = now.quiet;
	return ERR_OK;
}

/* After repeat(): the job, and whether the file agrees with itself. */
static enum err prepare_again(struct job *j, struct again *a,
			      struct job_options *o,
			      const struct opt_list *operands)
{
	int64_t said = o->seed;

	o->seed = a->seed;
	if (job_prepare(j, o, operands))
		return blame(j, a, j->message);
	if (again_agrees(a, scenario_size_name((enum scenario_size)o->size),
			 &j->suite.set, said))
		return blame(j, a, NULL);
	again_settle(a);
	return ERR_OK;
}

/* An empty variable of a script's must not mean the usual folder. */
static enum err check_folders(struct job *j, const struct job_options *o)
{
	const struct {
		const char *option, *value;
	} folders[] = {{"out", o->out},
		       {"scenarios", o->scenarios_folder},
		       {"targets", o->targets_folder}};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (!folders[i].value || folders[i].value[0])
			continue;
		(void)snprintf(j->message, sizeof(j->message),
			       "--%s: expected a folder, got \"\"",
			       folders[i].option);
		return ERR_USAGE;
	}
	return ERR_OK;
}

static enum err prepare(struct job *j, struct again *a, struct job_options *o,
			struct opt_list *operands)
{
	enum err e = check_folders(j, o);

	if (e)
		return e;
	if (o->again) {
		e = repeat(j, a, o, operands);
		return e ? e : prepare_again(j, a, o, operands);
	}
	if (o->missing || o->force) {
		(void)snprintf(j->message, sizeof(j->message),
			       "--missing and --force go with --again");
		return ERR_USAGE;
	}
	return job_prepare(j, o, operands);
}

int cmd_run(int argc, char **argv)
{
	struct job_options o = {.size = SIZE_QUICK, .until_max = UNTIL_MAX_S};
	struct opt_list operands = {0};
	struct again a = {0};
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
	} else if (prepare(&j, &a, &o, &operands) != ERR_OK) {
		status = cmd_usage("run", "%s", j.message);
	} else {
		status = run(&j, &o, &a, a.run ? a.argc : argc,
			     a.run ? a.argv : argv);
	}
	job_release(&j);
	opt_list_release(&operands);
	release_options(&o);
	again_release(&a);
	return status;
}
