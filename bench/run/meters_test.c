/* SPDX-License-Identifier: MIT */
#include "bench/run/meters.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static struct meters m;
static struct machine machine;
static struct hist seen[METER_ROLES];

/* One core is enough for a test: both roles are on the first. */
static void set_up(void)
{
	cpu_set_t allowed;
	int cpu = 0;

	m = (struct meters){0};
	cr_assert_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET((size_t)cpu, &allowed))
		cpu++;
	machine = (struct machine){.server_cpu = cpu, .worker_cpu_count = 2};
	machine.worker_cpus[0] = machine.worker_cpus[1] = cpu;
}

static void tear_down(void)
{
	meters_release(&m);
	for (int i = 0; i < METER_ROLES; i++)
		hist_release(&seen[i]);
}

TestSuite(meters, .init = set_up, .fini = tear_down);

static void await_wake_ups(struct hiccup *h, uint64_t number)
{
	struct timespec pause = {.tv_nsec = 1000000};

	while (atomic_load(&h->ring->noted) < number)
		(void)nanosleep(&pause, NULL);
}

static void start(void)
{
	meters_start(&m, &machine);
	cr_assert_str_eq(m.why, "");
	await_wake_ups(&m.server, 3);
	await_wake_ups(&m.load[0], 3);
	await_wake_ups(&m.load[1], 3);
}

/* The slice is the first three wake-ups of one of them. */
static void read_first(uint32_t workers)
{
	uint64_t from = m.load[0].ring->first_ns;

	meters_read(&m, workers, from, from + 3 * HICCUP_PERIOD_NS, seen);
}

static cJSON *run_json(void)
{
	cJSON *json = cJSON_CreateObject();

	meters_put_run(json, &m);
	return json;
}

static const cJSON *at(const cJSON *json, const char *a, const char *b)
{
	json = cJSON_GetObjectItem(json, "hiccups");
	json = cJSON_GetObjectItem(json, a);
	return b ? cJSON_GetObjectItem(json, b) : json;
}

Test(meters, a_slice_has_those_of_both_roles)
{
	cJSON *json = cJSON_CreateObject();

	start();
	read_first(1);
	cr_assert_geq(seen[METER_SERVER].total, 2);
	cr_assert_leq(seen[METER_SERVER].total, 3);
	cr_assert_eq(seen[METER_LOAD].total, 3);
	cr_assert_eq(m.load_used, 1);
	meters_put_slices(json, seen);
	cr_assert_eq(at(json, "load", "count")->valuedouble, 3);
	cr_assert_eq(at(json, "load", "max")->valuedouble,
		     (double)seen[METER_LOAD].max);
	cr_assert_not_null(at(json, "server", "percentiles"));
	cJSON_Delete(json);
}

Test(meters, load_is_on_as_many_cores_as_there_are_workers)
{
	start();
	read_first(8);
	cr_assert_eq(m.load_used, 2, "there are no more");
	cr_assert_geq(seen[METER_LOAD].total, 5);
}

Test(meters, the_run_has_all_of_the_cores_that_were_used)
{
	double one, both;
	cJSON *json;

	start();
	read_first(1);
	meters_stop(&m);
	json = run_json();
	one = at(json, "load", "count")->valuedouble;
	cr_assert_eq(one, (double)atomic_load(&m.load[0].ring->noted));
	cr_assert_eq(at(json, "period_ns", NULL)->valuedouble, 1e7);
	cr_assert_null(at(json, "why", NULL));
	cJSON_Delete(json);
	m.load_used = 2;
	json = run_json();
	both = at(json, "load", "count")->valuedouble;
	cr_assert_eq(both, one + (double)atomic_load(&m.load[1].ring->noted));
	cJSON_Delete(json);
}

static void none_because(const char *why)
{
	cJSON *json = cJSON_CreateObject();

	cr_assert_str_eq(m.why, why);
	meters_read(&m, 1, 0, UINT64_MAX, seen);
	cr_assert_eq(seen[METER_SERVER].total, 0);
	cr_assert_eq(seen[METER_LOAD].total, 0);
	cr_assert_eq(m.server.pid, 0);
	cr_assert_eq(m.load[0].pid, 0);
	meters_put_slices(json, seen);
	cr_assert_null(json->child, "no member that says nothing");
	cJSON_Delete(json);
	json = run_json();
	cr_assert_str_eq(at(json, "why", NULL)->valuestring, why);
	cJSON_Delete(json);
}

Test(meters, none_on_one_core)
{
	machine.server_cpu = -1;
	machine.worker_cpu_count = 0;
	meters_start(&m, &machine);
	none_because("there is one core only");
	cr_assert_eq(meters_cpu_ns(&m), 0);
}

Test(meters, none_when_one_cannot_be_pinned)
{
	machine.worker_cpus[1] = CPU_SETSIZE;
	meters_start(&m, &machine);
	none_because("a meter on core 1024 cannot be pinned: Invalid argument");
}

/* What is due of it must not be taken for a stall. */
Test(meters, none_once_one_has_ended)
{
	siginfo_t info;

	start();
	cr_assert_gt(meters_cpu_ns(&m), 0);
	cr_assert_eq(kill(m.load[1].pid, SIGKILL), 0);
	cr_assert_eq(
		waitid(P_PID, (id_t)m.load[1].pid, &info, WEXITED | WNOWAIT),
		0);
	meters_read(&m, 1, 0, UINT64_MAX, seen);
	none_because("a meter ended before its time");
	cr_assert_gt(m.server.all.total, 0, "what was noted stays");
}

Test(meters, without_any_nothing_is_read)
{
	meters_read(&m, 1, 0, UINT64_MAX, seen);
	cr_assert_eq(seen[METER_SERVER].total, 0);
	cr_assert_str_eq(m.why, "");
	meters_stop(&m);
}
