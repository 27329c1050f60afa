/* SPDX-License-Identifier: MIT */
#include "bench/run/meters.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/run/put.h"

const char *meter_role_name(enum meter_role r)
{
	return r == METER_SERVER ? "server" : "load";
}

/* Life cycle */

static bool start_one(struct meters *m, struct hiccup *h, int cpu)
{
	enum err e = hiccup_init(h, &clock_monotonic);

	if (!e)
		e = hiccup_start(h, cpu);
	if (e)
		(void)snprintf(m->why, sizeof(m->why),
			       "a meter on core %d cannot be %s: %s", cpu,
			       e == ERR_NOTFOUND ? "pinned" : "started",
			       strerror(errno));
	return e == ERR_OK;
}

void meters_start(struct meters *m, const struct machine *machine)
{
	bool going;

	*m = (struct meters){.load_used = 1};
	if (machine->server_cpu < 0 || machine->worker_cpu_count == 0) {
		(void)strcpy(m->why, "there is one core only");
		return;
	}
	going = start_one(m, &m->server, machine->server_cpu);
	while (going && m->load_count < machine->worker_cpu_count) {
		uint32_t i = m->load_count++;

		going = start_one(m, &m->load[i], machine->worker_cpus[i]);
	}
	if (!going)
		meters_stop(m);
}

static void drain_all(struct meters *m)
{
	hiccup_drain(&m->server);
	for (uint32_t i = 0; i < m->load_count; i++)
		hiccup_drain(&m->load[i]);
}

void meters_stop(struct meters *m)
{
	hiccup_stop(&m->server);
	for (uint32_t i = 0; i < m->load_count; i++)
		hiccup_stop(&m->load[i]);
	drain_all(m);
}

void meters_release(struct meters *m)
{
	hiccup_release(&m->server);
	for (uint32_t i = 0; i < m->load_count; i++)
		hiccup_release(&m->load[i]);
	*m = (struct meters){0};
}

/* Operations */

/* What is due of one that has ended would be taken for a stall. */
static bool all_alive(struct meters *m)
{
	bool alive =
		!m->why[0] && m->load_count > 0 && hiccup_alive(&m->server);

	for (uint32_t i = 0; i < m->load_count; i++)
		alive = alive && hiccup_alive(&m->load[i]);
	return alive;
}

void meters_read(struct meters *m, uint32_t workers, uint64_t from_ns,
		 uint64_t to_ns, struct hist into[METER_ROLES])
{
	if (m->why[0] || m->load_count == 0)
		return;
	if (!all_alive(m)) {
		(void)strcpy(m->why, "a meter ended before its time");
		meters_stop(m);
		return;
	}
	if (workers > m->load_count)
		workers = m->load_count;
	if (workers > m->load_used)
		m->load_used = workers;
	hiccup_read(&m->server, from_ns, to_ns, &into[METER_SERVER]);
	for (uint32_t i = 0; i < workers; i++)
		hiccup_read(&m->load[i], from_ns, to_ns, &into[METER_LOAD]);
	drain_all(m);
}

uint64_t meters_cpu_ns(struct meters *m)
{
	return hiccup_cpu_ns(&m->server);
}

/* Queries */

static void put_roles(cJSON *json, const struct hist of[METER_ROLES])
{
	for (int i = 0; i < METER_ROLES; i++)
		put_latency(json, meter_role_name((enum meter_role)i), &of[i],
			    false);
}

void meters_put_slices(struct cJSON *object, const struct hist of[METER_ROLES])
{
	if (of[METER_SERVER].total > 0 || of[METER_LOAD].total > 0)
		put_roles(put_object(object, "hiccups"), of);
}

void meters_put_run(struct cJSON *object, const struct meters *m)
{
	struct hist of[METER_ROLES] = {0};
	cJSON *json = put_object(object, "hiccups");

	put_number(json, "period_ns", (double)HICCUP_PERIOD_NS);
	hist_copy(&of[METER_SERVER], &m->server.all);
	for (uint32_t i = 0; i < m->load_used; i++)
		hist_merge(&of[METER_LOAD], &m->load[i].all);
	put_roles(json, of);
	if (m->why[0])
		put_text(json, "why", m->why);
	for (int i = 0; i < METER_ROLES; i++)
		hist_release(&of[i]);
}
