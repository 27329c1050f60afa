/* SPDX-License-Identifier: MIT */
#include "bench/run/rig_bulk.h"

#include "bench/load/worker.h"
#include "bench/run/rig_internal.h"
#include "servers/base/clock.h"

#define NICE 10
#define STEP_MS 10
#define CONNECT_MS 30000

void rig_bulk_init(struct rig_bulk *b, struct rig *r,
		   const struct load_plan *plan)
{
	*b = (struct rig_bulk){.rig = r, .plan = *plan};
	load_result_init(&b->result);
}

void rig_bulk_release(struct rig_bulk *b)
{
	worker_stop(b->worker);
	b->worker = NULL;
	load_result_release(&b->result);
}

static enum err fail(struct rig_bulk *b)
{
	char reason[192];

	worker_reason(b->worker, reason, sizeof(reason));
	return rig_fail(b->rig, ERR_CLOSED, -1,
			"the large payload's load worker %s", reason);
}

/* Until the worker answered. */
static enum err await(struct rig_bulk *b, uint64_t ms)
{
	uint64_t deadline = clock_ms(&clock_monotonic) + ms;
	enum err e;

	while ((e = worker_wait(b->worker, STEP_MS)) == ERR_AGAIN) {
		e = rig_look(b->rig);
		if (e)
			return e;
		if (clock_ms(&clock_monotonic) > deadline)
			return rig_fail(b->rig, ERR_TIMEOUT, -1,
					"the large payload's load worker did "
					"not answer in time");
	}
	return e ? fail(b) : ERR_OK;
}

/* Away from the first of the load workers, where there is another core. */
static enum err start(struct rig_bulk *b)
{
	const struct machine *m = b->rig->machine;
	struct worker_role role = {.cpu = -1, .nice = NICE};
	enum err e;

	if (m->worker_cpu_count > 0)
		role.cpu = m->worker_cpus[m->worker_cpu_count - 1];
	e = worker_start_as(&role, &b->worker);
	if (!e)
		return ERR_OK;
	b->worker = NULL;
	return rig_fail(b->rig, e, -1, "cannot start another load worker: %s",
			err_text(e));
}

enum err rig_bulk_connect(struct rig_bulk *b, int server)
{
	struct load_target t = {
		.subscribers = 1,
		.room = "load-bulk",
		.chunk = b->chunk,
	};
	struct load_connected told;
	enum err e = start(b);

	if (e)
		return e;
	rig_address(b->rig, server, &t);
	e = worker_begin_connect(b->worker, &t) ? fail(b)
						: await(b, CONNECT_MS);
	if (e)
		return e;
	load_connected_init(&told);
	e = worker_take_connected(b->worker, &told);
	if (!e && told.error[0])
		e = ERR_IO;
	if (e)
		e = rig_fail(b->rig, e, server,
			     "cannot connect who sends the large payload: %s",
			     told.error[0] ? told.error : err_text(e));
	load_connected_release(&told);
	return e;
}

enum err rig_bulk_begin(void *bulk)
{
	struct rig_bulk *b = bulk;

	b->plan.run = ++*b->rig->runs;
	if (worker_begin_run(b->worker, &b->plan))
		return fail(b);
	b->under_way = true;
	return ERR_OK;
}

enum err rig_bulk_await(struct rig_bulk *b)
{
	enum err e;

	if (!b->under_way)
		return ERR_OK;
	/* The plan ends by itself, when nothing comes for its drain_ns. */
	e = await(b, b->plan.drain_ns / 1000000 + 4 * RIG_GRACE_MS);
	if (e)
		return e;
	b->under_way = false;
	e = worker_take_result(b->worker, &b->result);
	return e ? rig_fail(b->rig, e, -1, "the load worker failed: %s",
			    err_text(e))
		 : ERR_OK;
}
