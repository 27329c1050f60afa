/* SPDX-License-Identifier: MIT */
#include "bench/run/rig.h"

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
#define GRACE_MS 15000 /* beyond what a command is to take */
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
	r->failure[0] = '\0';
	r->culprit = -1;
}

/* Only the first failure is kept, as what follows are its consequences. */
__attribute__((format(printf, 4, 5))) static enum err
fail(struct rig *r, enum err e, int culprit, const char *format, ...)
{
	va_list args;

	if (r->failure[0])
		return e;
	r->culprit = culprit;
	va_start(args, format);
	(void)vsnprintf(r->failure, sizeof(r->failure), format, args);
	va_end(args);
	return e;
}

/* Servers and Ctrl-C. */
static enum err look(struct rig *r)
{
	char reason[128];

	if (interrupt_requested(r->interrupt))
		return ERR_REFUSED;
	for (int i = 0; i < RIG_SERVERS; i++) {
		if (!r->targets[i] || proc_alive(&r->procs[i]))
			continue;
		proc_reason(&r->procs[i], reason, sizeof(reason));
		return fail(r, ERR_CLOSED, i, "the server %s %s",
			    r->targets[i]->name, reason);
	}
	if (r->linked && !proc_alive(&r->link)) {
		proc_reason(&r->link, reason, sizeof(reason));
		return fail(r, ERR_CLOSED, -1, "the link %s", reason);
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

static enum err fail_worker(struct rig *r)
{
	char reason[192];

	team_reason(r->team, reason, sizeof(reason));
	return fail(r, ERR_CLOSED, -1, "%s", reason);
}

/* Until the workers answered. */
static enum err wait_worker(struct rig *r, uint64_t ms)
{
	uint64_t deadline = clock_ms(&clock_monotonic) + ms;
	enum err e;

	for (;;) {
		e = team_wait(r->team, STEP_MS);
		if (e == ERR_OK)
			return ERR_OK;
		if (e != ERR_AGAIN)
			return fail_worker(r);
		e = look(r);
		if (!e)
			e = happen(r);
		if (e)
			return e;
		if (clock_ms(&clock_monotonic) > deadline)
			return fail(r, ERR_TIMEOUT, -1,
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
		return fail(r, e, -1, "cannot start the load worker: %s",
			    err_text(e));
	}
	return ERR_OK;
}

void rig_stop_worker(struct rig *r)
{
	team_stop(r->team);
	r->team = NULL;
}

static enum err wait_line(struct rig *r, struct proc *p, uint64_t ms)
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
	enum err e = wait_line(r, p, t->ready_ms);

	if (e == ERR_REFUSED)
		return e;
	if (e == ERR_CLOSED) {
		proc_reason(p, reason, sizeof(reason));
		return fail(r, e, index, "the server %s %s before it was ready",
			    t->name, reason);
	}
	if (e == ERR_PROTO)
		return fail(r, e, index,
			    "the first line of the server %s is not "
			    "\"listening on http://HOST:PORT\"",
			    t->name);
	if (e)
		return fail(r, e, index, "the server %s was not ready in %g s",
			    t->name, (double)t->ready_ms / 1000);
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
		return fail(r, e, index, "cannot start the server %s", t->name);
	r->targets[index] = t;
	return wait_ready(r, index, t);
}

void rig_stop_server(struct rig *r, int index)
{
	if (r->targets[index])
		proc_stop(&r->procs[index]);
	r->targets[index] = NULL;
}

/* Links */

#define LINK_READY_MS 5000
#define LINK_ARGS 32

bool rig_link_is_packets(char *const *args)
{
	for (size_t i = 0; args[i]; i++) {
		if (strcmp(args[i], "--netns") == 0)
			return true;
	}
	return false;
}

static enum err start_link(struct rig *r, const char *const *argv,
			   const char *log_path)
{
	enum err e;

	r->linked = proc_start(&r->link, (char *const *)argv, log_path,
			       machine_worker_cpu(r->machine)) == ERR_OK;
	if (!r->linked)
		return fail(r, ERR_IO, -1, "cannot start pushmark link");
	e = wait_line(r, &r->link, LINK_READY_MS);
	if (!e || e == ERR_REFUSED)
		return e;
	return fail(r, e, -1, "pushmark link did not start; its log says why");
}

/* Appends a NULL-terminated list. */
static size_t append(const char **argv, size_t n, char *const *args)
{
	for (size_t i = 0; args && args[i] && n < LINK_ARGS; i++)
		argv[n++] = args[i];
	return n;
}

enum err rig_start_relay(struct rig *r, int server, int port, char *const *args,
			 const struct home *h, const char *log_path)
{
	const char *argv[LINK_ARGS + 8];
	char program[PATH_MAX], listen[32], to[80];
	size_t n = 0;

	if (path_join(program, sizeof(program), h->bin, "pushmark"))
		return fail(r, ERR_LIMIT, -1, "the path is too long");
	(void)snprintf(listen, sizeof(listen), RIG_HOST ":%d", port);
	(void)snprintf(to, sizeof(to), "%s:%d", r->procs[server].host,
		       r->procs[server].port);
	argv[n++] = program;
	argv[n++] = "link";
	argv[n++] = "--listen";
	argv[n++] = listen;
	argv[n++] = "--to";
	argv[n++] = to;
	n = append(argv, n, args);
	argv[n] = NULL;
	r->behind = server;
	return start_link(r, argv, log_path);
}

enum err rig_start_packets(struct rig *r, char *const *args,
			   const struct home *h, const char *log_path)
{
	/* It tells its address as a server does; the port means nothing. */
	static const char stay[] =
		"echo \"listening on http://$PUSHMARK_LINK_HOST:1\"; "
		"exec sleep 86400";
	const char *argv[LINK_ARGS + 8];
	char program[PATH_MAX];
	size_t n = 0;

	if (path_join(program, sizeof(program), h->bin, "pushmark"))
		return fail(r, ERR_LIMIT, -1, "the path is too long");
	argv[n++] = program;
	argv[n++] = "link";
	n = append(argv, n, args);
	argv[n++] = "--";
	argv[n++] = "sh";
	argv[n++] = "-c";
	argv[n++] = stay;
	argv[n] = NULL;
	r->behind = -1;
	return start_link(r, argv, log_path);
}

void rig_stop_link(struct rig *r)
{
	if (r->linked)
		proc_stop(&r->link);
	r->linked = false;
}

static void copy(char *into, size_t size, const char *from)
{
	(void)snprintf(into, size, "%s", from);
}

/* Where the group's connections lead to. */
static void address(const struct rig *r, int server, struct load_target *t)
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
}

/* The server's limit is ours: it inherits it, and keeps some for itself. */
static enum err check_descriptors(struct rig *r, int server,
				  const struct load_target *t)
{
	uint64_t need = (uint64_t)t->subscribers + 2 * DESCRIPTORS_SPARE;
	uint64_t may = descriptors_raise(0);

	if (need <= may)
		return ERR_OK;
	return fail(r, ERR_LIMIT, -1,
		    "%s needs %" PRIu64 " descriptors for %u subscribers, and "
		    "processes may have %" PRIu64
		    ": raise the limit before (ulimit -Hn %" PRIu64
		    ", as root), or take fewer subscribers",
		    r->targets[server]->name, need, t->subscribers, may, need);
}

static enum err connect(struct rig *r, int server, struct load_target *t,
			struct load_connected *told)
{
	uint64_t ms = t->timeout_ns ? t->timeout_ns / 1000000 : 30000;
	enum err e;

	address(r, server, t);
	e = check_descriptors(r, server, t);
	if (e)
		return e;
	e = team_begin_connect(r->team, t);
	if (e)
		e = fail_worker(r);
	else
		e = wait_worker(r, ms + GRACE_MS);
	if (!e) {
		e = team_take_connected(r->team, told);
		if (e || told->error[0])
			e = fail(r, e ? e : ERR_IO, server,
				 "cannot connect %u subscribers to %s: %s",
				 t->subscribers, r->targets[server]->name,
				 told->error[0] ? told->error : err_text(e));
	}
	/* That the server is gone says more than what the client saw. */
	if (e && e != ERR_REFUSED && !proc_alive(&r->procs[server])) {
		r->failure[0] = '\0';
		e = look(r);
	}
	return e;
}

enum err rig_connect(struct rig *r, int server, struct load_target *t)
{
	struct load_connected told;
	enum err e;

	load_connected_init(&told);
	e = connect(r, server, t, &told);
	load_connected_release(&told);
	return e;
}

enum err rig_disconnect(struct rig *r, int group)
{
	enum err e = team_begin_disconnect(r->team, group);

	if (e)
		e = fail_worker(r);
	else
		e = wait_worker(r, GRACE_MS);
	if (!e)
		e = team_take_disconnected(r->team);
	return e && e != ERR_REFUSED
		       ? fail(r, e, -1, "cannot disconnect: %s", err_text(e))
		       : e;
}

enum err rig_sample(struct rig *r, int server, struct sample *out)
{
	pid_t pids[PROC_CHILDREN];
	size_t n = proc_pids(&r->procs[server], pids, PROC_CHILDREN);
	enum err e = sample_take(pids, n, out);

	if (!e)
		return ERR_OK;
	/* One that is dying has no costs, and is not known to be dead yet. */
	e = rig_pause(r, DYING_MS);
	return e ? e
		 : fail(r, ERR_IO, server, "cannot read the costs of %s",
			r->targets[server]->name);
}

enum err rig_heap(struct rig *r, int server, uint64_t *out)
{
	pid_t pids[PROC_CHILDREN];
	size_t n = proc_pids(&r->procs[server], pids, PROC_CHILDREN);

	return memory_heap(pids, n, out);
}

enum err rig_pause(struct rig *r, uint64_t ms)
{
	uint64_t until = clock_ms(&clock_monotonic) + ms;
	enum err e = ERR_OK;

	while (!e && clock_ms(&clock_monotonic) < until) {
		struct timespec pause = {.tv_nsec = 5000000};

		(void)nanosleep(&pause, NULL);
		e = look(r);
	}
	return e;
}

/* Slices */

void rig_slice_init(struct rig_slice *s)
{
	*s = (struct rig_slice){.why = ""};
	load_result_init(&s->result);
}

void rig_slice_release(struct rig_slice *s)
{
	load_result_release(&s->result);
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
	uint64_t ms = (p->duration_ns + p->drain_ns) / 1000000 + GRACE_MS;
	enum err e;

	/* A slice with a number of messages ends by itself in a while. */
	if (p->messages)
		ms += 60000;
	e = team_begin_run(r->team, p);
	if (e)
		e = fail_worker(r);
	else
		e = wait_worker(r, ms);
	if (!e)
		e = team_take_result(r->team, out);
	return e && e != ERR_REFUSED && !r->failure[0]
		       ? fail(r, e, -1, "the load worker failed: %s",
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

	s->valid = load_result_valid(&s->result, &s->why);
	if (s->valid && rig_slice_units(s) <= 0 &&
	    s->result.kind != LOAD_IDLE) {
		s->valid = false;
		s->why = "nothing was delivered";
	}
	s->disturbed = machine_disturbed(r->machine, s->foreign_s, seconds);
}

/* What is to be done between two readings of all costs. */
typedef enum err work_fn(struct rig *r, void *arg, struct load_result *out);

static enum err measured(struct rig *r, int server, work_fn *work, void *arg,
			 struct rig_slice *out)
{
	struct sample before[RIG_SERVERS], after[RIG_SERVERS];
	struct core_time core[2];
	uint64_t own = 0;
	enum err e;

	core[0] = machine_core(r->machine, r->machine->server_cpu);
	e = sample_all(r, before);
	if (!e)
		e = work(r, arg, &out->result);
	if (!e)
		e = sample_all(r, after);
	if (!e)
		e = look(r);
	if (e)
		return e;
	core[1] = machine_core(r->machine, r->machine->server_cpu);
	for (int i = 0; i < RIG_SERVERS; i++)
		own += after[i].cpu_ns - before[i].cpu_ns;
	out->server = server;
	out->cost = sample_difference(&before[server], &after[server]);
	out->rss_anon = after[server].rss_anon;
	out->foreign_s = machine_foreign(r->machine, &core[0], &core[1], own);
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
			 struct load_result *out)
{
	p->run = ++*r->runs;
	return run_plan(r, p, out);
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
	e = connect(r, s->server, s->target, &told);
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
