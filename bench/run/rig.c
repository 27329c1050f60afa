/* SPDX-License-Identifier: MIT */
#include "bench/run/rig_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/load/descriptors.h"
#include "bench/load/memory.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"

#define STEP_MS 50
#define DYING_MS 500

void rig_init(struct rig *r, const struct machine *m, struct interrupt *i,
	      uint64_t *runs)
{
	*r = (struct rig){
		.machine = m, .interrupt = i, .runs = runs, .culprit = -1};
}

void rig_stop(struct rig *r)
{
	rig_stop_worker(r);
	rig_stop_link(r);
	for (int i = 0; i < RIG_SERVERS; i++)
		rig_stop_server(r, i);
	proc_sweep();
	r->failure[0] = '\0';
	r->culprit = -1;
}

enum err rig_fail(struct rig *r, enum err e, int culprit, const char *format,
		  ...)
{
	va_list args;

	if (r->failure[0])
		return e;
	/* What dies of the same signal as we has not failed. */
	if (interrupt_requested(r->interrupt))
		return ERR_REFUSED;
	r->culprit = culprit;
	va_start(args, format);
	(void)vsnprintf(r->failure, sizeof(r->failure), format, args);
	va_end(args);
	return e;
}

enum err rig_look(struct rig *r)
{
	char reason[128];

	if (interrupt_requested(r->interrupt))
		return ERR_REFUSED;
	for (int i = 0; i < RIG_SERVERS; i++) {
		if (!r->targets[i] || proc_alive(&r->procs[i]))
			continue;
		proc_reason(&r->procs[i], reason, sizeof(reason));
		return rig_fail(r, ERR_CLOSED, i, "the server %s %s",
				r->targets[i]->name, reason);
	}
	if (r->linked && !proc_alive(&r->link)) {
		proc_reason(&r->link, reason, sizeof(reason));
		return rig_fail(r, ERR_CLOSED, -1, "the link %s", reason);
	}
	return ERR_OK;
}

/* What is to happen in the middle of a slice, once its time has come. */
static enum err happen(struct rig *r)
{
	struct rig_event event = r->event;

	if (!event.happen || clock_ms(&clock_monotonic) < event.at_ms)
		return ERR_OK;
	r->event.happen = NULL;
	return event.happen(event.arg);
}

enum err rig_fail_worker(struct rig *r)
{
	char reason[192];

	team_reason(r->team, reason, sizeof(reason));
	return rig_fail(r, ERR_CLOSED, -1, "%s", reason);
}

enum err rig_wait_worker(struct rig *r, uint64_t ms)
{
	uint64_t deadline = clock_ms(&clock_monotonic) + ms;
	enum err e;

	for (;;) {
		e = team_wait(r->team, STEP_MS);
		if (e == ERR_OK)
			return ERR_OK;
		if (e != ERR_AGAIN)
			return rig_fail_worker(r);
		e = rig_look(r);
		if (!e)
			e = happen(r);
		if (e)
			return e;
		if (clock_ms(&clock_monotonic) > deadline)
			return rig_fail(
				r, ERR_TIMEOUT, -1,
				"the load worker did not answer in time");
	}
}

/* A process in the network that the link of packets leads to. */
static pid_t beyond_link(const struct rig *r)
{
	pid_t pids[PROC_CHILDREN];
	size_t n;

	if (!r->linked || r->behind >= 0)
		return 0;
	n = proc_pids(&r->link, pids, PROC_CHILDREN);
	return n > 1 ? pids[n - 1] : 0;
}

enum err rig_start_worker(struct rig *r)
{
	struct team_options o = {
		.workers = r->workers > 0 ? r->workers : 1,
		.cpus = r->machine->worker_cpus,
		.cpu_count = r->machine->worker_cpu_count,
		.network = beyond_link(r),
	};
	enum err e = team_start(&o, &r->team);

	if (e) {
		r->team = NULL;
		return rig_fail(r, e, -1, "cannot start the load worker: %s",
				err_text(e));
	}
	return ERR_OK;
}

void rig_stop_worker(struct rig *r)
{
	team_stop(r->team);
	r->team = NULL;
}

enum err rig_wait_line(struct rig *r, struct proc *p, uint64_t ms)
{
	uint64_t deadline = clock_ms(&clock_monotonic) + ms;
	enum err e;

	do {
		e = proc_wait_ready(p, STEP_MS);
		if (interrupt_requested(r->interrupt))
			return ERR_REFUSED;
	} while (e == ERR_AGAIN && clock_ms(&clock_monotonic) < deadline);
	return e;
}

static enum err wait_ready(struct rig *r, int index, const struct target *t)
{
	struct proc *p = &r->procs[index];
	char reason[128];
	enum err e = rig_wait_line(r, p, t->ready_ms);

	if (e == ERR_REFUSED)
		return e;
	if (e == ERR_CLOSED) {
		proc_reason(p, reason, sizeof(reason));
		return rig_fail(r, e, index,
				"the server %s %s before it was ready", t->name,
				reason);
	}
	if (e == ERR_PROTO)
		return rig_fail(r, e, index,
				"the first line of the server %s is not "
				"\"listening on http://HOST:PORT\"",
				t->name);
	if (e)
		return rig_fail(r, e, index,
				"the server %s was not ready in %g s", t->name,
				(double)t->ready_ms / 1000);
	return ERR_OK;
}

enum err rig_start_server(struct rig *r, int index, const struct target *t,
			  char *const *more, const struct home *h,
			  const char *log_path)
{
	bool packets = r->linked && r->behind < 0;
	char **argv = target_argv(t->start, target_is_ours(t) ? more : NULL, h,
				  packets ? r->link.host : RIG_HOST);
	enum err e = proc_start(&r->procs[index], argv, log_path,
				r->machine->server_cpu);

	target_argv_free(argv);
	if (e)
		return rig_fail(r, e, index, "cannot start the server %s",
				t->name);
	r->targets[index] = t;
	return wait_ready(r, index, t);
}

void rig_stop_server(struct rig *r, int index)
{
	if (r->targets[index])
		proc_stop(&r->procs[index]);
	costs_release(&r->costs[index]);
	r->targets[index] = NULL;
}

static void copy(char *into, size_t size, const char *from)
{
	(void)snprintf(into, size, "%s", from);
}

void rig_address(const struct rig *r, int server, struct load_target *t)
{
	const struct target *target = r->targets[server];

	copy(t->dialect, sizeof(t->dialect), target->dialect);
	copy(t->path, sizeof(t->path), target->path);
	copy(t->nsp, sizeof(t->nsp), target->nsp);
	copy(t->host, sizeof(t->host), r->procs[server].host);
	t->port = r->procs[server].port;
	t->deflate = target->deflate;
	if (!r->linked || r->behind != server)
		return;
	if (!r->publisher_behind) {
		copy(t->publisher_host, sizeof(t->publisher_host), t->host);
		t->publisher_port = t->port;
	}
	copy(t->host, sizeof(t->host), r->link.host);
	t->port = r->link.port;
	t->way_ns = r->way_ns;
}

/* The server's limit is ours: it inherits it, and keeps some for itself. */
static enum err check_descriptors(struct rig *r, int server,
				  const struct load_target *t)
{
	uint64_t need = (uint64_t)t->subscribers + 2 * DESCRIPTORS_SPARE;
	uint64_t may = descriptors_raise(0);

	if (need <= may)
		return ERR_OK;
	return rig_fail(
		r, ERR_LIMIT, -1,
		"%s needs %" PRIu64 " descriptors for %u subscribers, and "
		"processes may have %" PRIu64
		": raise the limit before (ulimit -Hn %" PRIu64
		", as root), or take fewer subscribers",
		r->targets[server]->name, need, t->subscribers, may, need);
}

enum err rig_connect_told(struct rig *r, int server, struct load_target *t,
			  struct load_connected *told)
{
	uint64_t ms = t->timeout_ns ? t->timeout_ns / 1000000 : 30000;
	enum err e;

	rig_address(r, server, t);
	e = check_descriptors(r, server, t);
	if (e)
		return e;
	e = team_begin_connect(r->team, t);
	if (e)
		e = rig_fail_worker(r);
	else
		e = rig_wait_worker(r, ms + RIG_GRACE_MS);
	if (!e) {
		e = team_take_connected(r->team, told);
		if (e || told->error[0])
			e = rig_fail(r, e ? e : ERR_IO, server,
				     "cannot connect %u subscribers to %s: %s",
				     t->subscribers, r->targets[server]->name,
				     told->error[0] ? told->error
						    : err_text(e));
	}
	/* That the server is gone says more than what the client saw. */
	if (e && e != ERR_REFUSED && !proc_alive(&r->procs[server])) {
		r->failure[0] = '\0';
		e = rig_look(r);
	}
	return e;
}

enum err rig_connect(struct rig *r, int server, struct load_target *t)
{
	struct load_connected told;
	enum err e;

	load_connected_init(&told);
	e = rig_connect_told(r, server, t, &told);
	load_connected_release(&told);
	return e;
}

enum err rig_disconnect(struct rig *r, int group)
{
	enum err e = team_begin_disconnect(r->team, group);

	if (e)
		e = rig_fail_worker(r);
	else
		e = rig_wait_worker(r, RIG_GRACE_MS);
	if (!e)
		e = team_take_disconnected(r->team);
	return e && e != ERR_REFUSED
		       ? rig_fail(r, e, -1, "cannot disconnect: %s",
				  err_text(e))
		       : e;
}

enum err rig_sample(struct rig *r, int server, struct sample *out)
{
	pid_t pids[PROC_CHILDREN];
	size_t n = proc_pids(&r->procs[server], pids, PROC_CHILDREN);
	enum err e = costs_take(&r->costs[server], pids, n, out);

	if (!e)
		return ERR_OK;
	/* One that is dying has no costs, and is not known to be dead yet. */
	e = rig_pause(r, DYING_MS);
	return e ? e
		 : rig_fail(r, ERR_IO, server, "cannot read the costs of %s",
			    r->targets[server]->name);
}

enum err rig_heap(struct rig *r, int server, uint64_t *out)
{
	pid_t pids[PROC_CHILDREN];
	size_t n = proc_pids(&r->procs[server], pids, PROC_CHILDREN);

	return memory_heap(pids, n, out);
}

enum err rig_peak_begin(struct rig *r, int server, uint64_t *now)
{
	pid_t pids[PROC_CHILDREN];
	size_t n = proc_pids(&r->procs[server], pids, PROC_CHILDREN);

	return memory_peak_begin(pids, n, now);
}

enum err rig_peak(struct rig *r, int server, uint64_t *out)
{
	pid_t pids[PROC_CHILDREN];
	size_t n = proc_pids(&r->procs[server], pids, PROC_CHILDREN);

	return memory_peak(pids, n, out);
}

enum err rig_pause(struct rig *r, uint64_t ms)
{
	uint64_t until = clock_ms(&clock_monotonic) + ms;
	enum err e = ERR_OK;

	while (!e && clock_ms(&clock_monotonic) < until) {
		struct timespec pause = {.tv_nsec = 5000000};

		(void)nanosleep(&pause, NULL);
		e = rig_look(r);
	}
	return e;
}
