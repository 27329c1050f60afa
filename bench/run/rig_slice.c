/* SPDX-License-Identifier: MIT */
/* Slices: what the worker did, and what it cost the servers meanwhile. */
#include <stdio.h>

#include "bench/run/rig_internal.h"

void rig_slice_init(struct rig_slice *s)
{
	*s = (struct rig_slice){0};
	load_result_init(&s->result);
}

void rig_slice_release(struct rig_slice *s)
{
	load_result_release(&s->result);
	for (int i = 0; i < METER_ROLES; i++)
		hist_release(&s->hiccups[i]);
	rig_slice_init(s);
}

double rig_slice_units(const struct rig_slice *s)
{
	return s->result.kind == LOAD_RTT ? (double)s->result.completed
					  : (double)s->result.deliveries;
}

static enum err run_plan(struct rig *r, const struct load_plan *p,
			 struct load_result *out)
{
	uint64_t ms = (p->duration_ns + p->drain_ns) / 1000000 + RIG_GRACE_MS;
	enum err e;

	/* A slice with a number of messages ends by itself in a while. */
	if (p->messages)
		ms += 60000;
	e = team_begin_run(r->team, p);
	if (e)
		e = rig_fail_worker(r);
	else
		e = rig_wait_worker(r, ms);
	if (!e)
		e = team_take_result(r->team, out);
	return e && e != ERR_REFUSED && !r->failure[0]
		       ? rig_fail(r, e, -1, "the load worker failed: %s",
				  err_text(e))
		       : e;
}

/* CPU of all servers of the rig, as they share a core. */
static enum err sample_all(struct rig *r, struct sample *out)
{
	enum err e = ERR_OK;

	for (int i = 0; i < RIG_SERVERS && !e; i++) {
		out[i] = (struct sample){0};
		if (r->targets[i])
			e = rig_sample(r, i, &out[i]);
	}
	return e;
}

static void judge(struct rig *r, struct rig_slice *s)
{
	double seconds = (double)s->cost.at_ns / 1e9;

	s->valid = load_result_valid(&s->result, s->why);
	if (s->valid && rig_slice_units(s) <= 0 &&
	    s->result.kind != LOAD_IDLE) {
		s->valid = false;
		(void)snprintf(s->why, sizeof(s->why), "nothing was delivered");
	}
	s->disturbed = machine_disturbed(r->machine, s->foreign_s, seconds);
}

/* While the load ran, and not while the worker told of it. */
static void read_meters(struct rig *r, struct rig_slice *s)
{
	const struct load_result *l = &s->result;

	if (r->meters && l->start_ns > 0)
		meters_read(r->meters, team_size(r->team), l->start_ns,
			    l->end_ns, s->hiccups);
}

/* What on the server's core is ours beside the servers. */
static uint64_t meter_cpu_ns(struct rig *r)
{
	return r->meters ? meters_cpu_ns(r->meters) : 0;
}

/* What is to be done between two readings of all costs. */
typedef enum err work_fn(struct rig *r, void *arg, struct load_result *out);

static enum err measured(struct rig *r, int server, work_fn *work, void *arg,
			 struct rig_slice *out)
{
	struct sample before[RIG_SERVERS], after[RIG_SERVERS];
	struct core_time core[2];
	uint64_t own = meter_cpu_ns(r);
	enum err e;

	core[0] = machine_core(r->machine, r->machine->server_cpu);
	e = sample_all(r, before);
	if (!e)
		e = work(r, arg, &out->result);
	if (!e)
		e = sample_all(r, after);
	if (!e)
		e = rig_look(r);
	if (e)
		return e;
	core[1] = machine_core(r->machine, r->machine->server_cpu);
	own = meter_cpu_ns(r) - own;
	for (int i = 0; i < RIG_SERVERS; i++)
		own += after[i].cpu_ns - before[i].cpu_ns;
	out->server = server;
	out->cost = sample_difference(&before[server], &after[server]);
	out->rss_anon = after[server].rss_anon;
	out->foreign_s = machine_foreign(r->machine, &core[0], &core[1], own);
	read_meters(r, out);
	judge(r, out);
	return ERR_OK;
}

static enum err run_slice(struct rig *r, void *arg, struct load_result *out)
{
	return run_plan(r, arg, out);
}

enum err rig_run(struct rig *r, int server, struct load_plan *p,
		 struct rig_slice *out)
{
	p->run = ++*r->runs;
	if (p->drain_ns == 0)
		p->drain_ns = 5000000000;
	return measured(r, server, run_slice, p, out);
}

enum err rig_run_through(struct rig *r, struct load_plan *p,
			 struct rig_slice *out)
{
	enum err e;

	p->run = ++*r->runs;
	e = run_plan(r, p, &out->result);
	if (!e)
		read_meters(r, out);
	return e;
}

struct storm {
	int server;
	struct load_target *target;
};

static enum err connect_all(struct rig *r, void *arg, struct load_result *out)
{
	const struct storm *s = arg;
	struct load_connected told;
	enum err e;

	load_connected_init(&told);
	e = rig_connect_told(r, s->server, s->target, &told);
	out->kind = LOAD_RTT;
	out->start_ns = told.start_ns;
	out->end_ns = told.end_ns;
	out->messages = out->completed = told.open;
	out->bytes_in = told.bytes_in;
	out->bytes_out = told.bytes_out;
	out->cpu_ns = told.cpu_ns;
	if (told.end_ns > told.start_ns)
		out->busy = (double)told.cpu_ns /
			    (double)(told.end_ns - told.start_ns);
	hist_copy(&out->ack, &told.setup);
	load_connected_release(&told);
	return e;
}

enum err rig_storm(struct rig *r, int server, struct load_target *t,
		   struct rig_slice *out)
{
	struct storm s = {server, t};

	return measured(r, server, connect_all, &s, out);
}
