/* SPDX-License-Identifier: MIT */
/* A large payload through bare, which knows nothing of it. */
#include "bench/run/rig_bulk.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "bench/load/worker.h"
#include "bench/run/test_programs.h"

#define PAYLOAD 200000
#define MESSAGES 5

static const struct machine machine = {.server_cpu = -1};
static struct interrupt interrupt = {.fd = -1};
static struct home home;
static uint64_t runs;
static char *argv[] = {(char[]){"{bin}/pushmark-bare"},
		       (char[]){"--host"},
		       (char[]){"{host}"},
		       (char[]){"--port"},
		       (char[]){"0"},
		       NULL};
static const struct target bare = {
	.name = (char[]){"bare"},
	.dialect = (char[]){"bare"},
	.path = (char[]){""},
	.nsp = (char[]){""},
	.start = argv,
	.ready_ms = 10000,
};
static struct rig rig;
static struct rig_bulk bulk;

static void set_up(void)
{
	struct load_plan plan = {
		.kind = LOAD_CLOSED,
		.messages = MESSAGES,
		.window = 2,
		.payload = PAYLOAD,
		.drain_ns = 2000000000,
	};

	if (!test_programs(home.bin))
		cr_skip_test("the programs are not built");
	rig_init(&rig, &machine, &interrupt, &runs);
	cr_assert_eq(rig_start_server(&rig, 0, &bare, NULL, &home, "/dev/null"),
		     ERR_OK, "%s", rig.failure);
	rig_bulk_init(&bulk, &rig, &plan);
	cr_assert_eq(rig_bulk_connect(&bulk, 0), ERR_OK, "%s", rig.failure);
}

static void tear_down(void)
{
	rig_bulk_release(&bulk);
	rig_stop(&rig);
}

TestSuite(rig_bulk, .init = set_up, .fini = tear_down);

Test(rig_bulk, what_arrives_is_all_of_it)
{
	const struct load_result *r = &bulk.result;
	char why[LOAD_WHY];

	cr_assert_eq(rig_bulk_begin(&bulk), ERR_OK);
	cr_assert_eq(rig_bulk_await(&bulk), ERR_OK, "%s", rig.failure);
	cr_assert(load_result_valid(r, why), "%s", why);
	cr_assert_eq(r->deliveries, MESSAGES);
	cr_assert_geq(r->bytes_in, MESSAGES * PAYLOAD);
	cr_assert_gt(r->end_ns, r->first_ns);
	cr_assert_eq(runs, 1);
}

Test(rig_bulk, nothing_begun_is_nothing_to_wait_for)
{
	cr_assert_eq(rig_bulk_await(&bulk), ERR_OK);
	cr_assert_eq(bulk.result.messages, 0);
	cr_assert_eq(runs, 0);
}

/* Bare's client does not send more than a megabyte at once. */
Test(rig_bulk, what_does_not_arrive_is_no_failure_of_the_rig)
{
	char why[LOAD_WHY];

	bulk.plan.payload = 2000000;
	bulk.plan.drain_ns = 200000000;
	cr_assert_eq(rig_bulk_begin(&bulk), ERR_OK);
	cr_assert_eq(rig_bulk_await(&bulk), ERR_OK, "%s", rig.failure);
	cr_assert_not(load_result_valid(&bulk.result, why));
	cr_assert_str_eq(why, "2 lost of 2 deliveries, not there in time");
}

Test(rig_bulk, a_dead_worker_is_one)
{
	cr_assert_eq(rig_bulk_begin(&bulk), ERR_OK);
	(void)kill(worker_pid(bulk.worker), SIGKILL);
	cr_assert_eq(rig_bulk_await(&bulk), ERR_CLOSED);
	cr_assert_str_eq(rig.failure,
			 "the large payload's load worker was killed by "
			 "signal 9 (Killed)");
}
