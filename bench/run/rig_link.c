/* SPDX-License-Identifier: MIT */
/* What lies between the worker and the servers: `pushmark link`. */
#include <stdio.h>
#include <string.h>

#include "bench/link/units.h"
#include "bench/run/rig_internal.h"
#include "bench/run/scenario.h"

#define LINK_READY_MS 5000
#define LINK_ARGS (SCENARIO_LINK_MAX + 10)

bool rig_link_is_packets(char *const *args)
{
	for (size_t i = 0; args[i]; i++) {
		if (strcmp(args[i], "--netns") == 0)
			return true;
	}
	return false;
}

/* The arguments' round trip in nanoseconds; 0: none that can be read. */
static uint64_t round_trip(char *const *args)
{
	static const char name[] = "--rtt";
	uint64_t ns = 0;

	for (size_t i = 0; args && args[i]; i++) {
		const char *value = NULL;

		if (strcmp(args[i], name) == 0)
			value = args[i + 1];
		else if (strncmp(args[i], name, sizeof(name) - 1) == 0 &&
			 args[i][sizeof(name) - 1] == '=')
			value = args[i] + sizeof(name);
		/* One that cannot be read keeps the link from starting. */
		if (value && units_duration(value, &ns))
			ns = 0;
	}
	return ns;
}

static enum err start_link(struct rig *r, const char *const *argv,
			   const char *log_path)
{
	enum err e;

	r->linked = proc_start(&r->link, (char *const *)argv, log_path,
			       machine_worker_cpu(r->machine)) == ERR_OK;
	if (!r->linked)
		return rig_fail(r, ERR_IO, -1, "cannot start pushmark link");
	e = rig_wait_line(r, &r->link, LINK_READY_MS);
	if (!e || e == ERR_REFUSED)
		return e;
	return rig_fail(r, e, -1,
			"pushmark link did not start; its log says why");
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
		return rig_fail(r, ERR_LIMIT, -1, "the path is too long");
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
	/* It lets a round trip pass for the handshake, then half of one for the
	 * request; jitter at most doubles them. */
	r->way_ns = 3 * round_trip(args);
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
		return rig_fail(r, ERR_LIMIT, -1, "the path is too long");
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
