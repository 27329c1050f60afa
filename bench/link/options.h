/* SPDX-License-Identifier: MIT */
/*
 * The options of `pushmark link` and the plan that they make. The command
 * reads them from its command line, a scenario's file brings some of them, and
 * both are told what is wrong in the same words.
 */
#ifndef BENCH_LINK_OPTIONS_H
#define BENCH_LINK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/link/plan.h"
#include "servers/base/err.h"
#include "servers/base/opt.h"

struct link_options {
	const char *listen, *to, *rtt, *jitter, *rate, *queue, *window;
	const char *cut_after, *cut_every, *black_hole, *idle, *hold;
	const char *loss, *reorder;
	int64_t mtu, seed, requests;
	bool half_open, no_upgrade, netns, json, help;
};

extern const struct opt link_options_table[];
extern const struct link_options link_options_defaults;

/* Operations. All: ERR_USAGE with `message`. */
/* What the options and so many operands behind them ask for. */
MUST_USE enum err link_options_plan(const struct link_options *o,
				    size_t operands, struct plan *p,
				    char *message, size_t size);
/*
 * Whether a link of packets, or else a relay, takes these arguments (NULL-
 * terminated) beside those that say where it listens and leads to, or what
 * it runs, which must not be among them.
 */
MUST_USE enum err link_options_check(char *const *args, bool packets,
				     char *message, size_t size);

#endif
