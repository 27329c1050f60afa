/* SPDX-License-Identifier: MIT */
/*
 * From a command line to a suite that can run: the scenarios, targets and
 * parameters that were asked for, each known to exist and to be possible.
 */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/run/catalogue.h"
#include "bench/run/home.h"
#include "bench/run/suite.h"
#include "servers/base/err.h"
#include "servers/base/opt.h"

struct job_options {
	int size;
	struct opt_list targets, set, until;
	int64_t pairs, seed; /* 0: as the size says, a new one */
	int64_t until_max;   /* seconds */
	const char *out, *scenarios_folder, *targets_folder, *again;
	bool missing, force, host_network, no_counts, json, quiet, list, help;
};

struct job {
	struct home home;
	struct catalogue catalogue;
	struct suite suite;
	char folder[PATH_MAX]; /* of the results */
	char message[1024];    /* what is wrong */
};

/* Life cycle */
/* Any error: j->message says what is wrong with the request. */
MUST_USE enum err job_prepare(struct job *j, const struct job_options *o,
			      const struct opt_list *scenarios);
void job_release(struct job *j);

#endif
