/* SPDX-License-Identifier: MIT */
/* A server whose children come and go, as those of CGI do. */
#include "bench/run/rig.h"

#include <criterion/criterion.h>

#include "servers/base/clock.h"

static const struct machine machine = {.server_cpu = -1};
static struct interrupt interrupt = {.fd = -1};
static const struct home home;
static uint64_t runs;
static char *argv[] = {
	(char[]){"/bin/sh"}, (char[]){"-c"},
	(char[]){"echo listening on http://127.0.0.1:1; while :; do "
		 "(i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done); done"},
	NULL};
static const struct target cgi = {
	.name = (char[]){"cgi"}, .start = argv, .ready_ms = 10000};

/* One that ends between being listed and being read is no failure. */
Test(rig, costs_of_a_server_whose_children_end)
{
	struct sample first, last, now;
	struct rig rig;

	rig_init(&rig, &machine, &interrupt, &runs);
	cr_assert_eq(rig_start_server(&rig, 0, &cgi, NULL, &home, "/dev/null"),
		     ERR_OK, "%s", rig.failure);
	cr_assert_eq(rig_sample(&rig, 0, &first), ERR_OK, "%s", rig.failure);
	now = first;
	do {
		last = now;
		cr_assert_eq(rig_pause(&rig, 1), ERR_OK, "%s", rig.failure);
		cr_assert_eq(rig_sample(&rig, 0, &now), ERR_OK, "%s",
			     rig.failure);
		cr_assert_geq(now.cpu_ns, last.cpu_ns);
		cr_assert_geq(now.switches_voluntary, last.switches_voluntary);
	} while (now.waited_ns < 200000000);
	/* Nothing twice: it waits while its child works. */
	cr_assert_leq(now.cpu_ns - first.cpu_ns,
		      clock_ns(&clock_monotonic) - first.at_ns + 100000000);
	rig_stop(&rig);
	cr_assert_null(rig.costs[0].processes);
}
