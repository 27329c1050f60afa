/* SPDX-License-Identifier: MIT */
#include "bench/load/stamps.h"

#include <time.h>

#include "clients/env.h"

#define STEP_NS 1000000 /* of the wall clock: more is not its usual slewing */
#define READINGS 5

static uint64_t read_ns(clockid_t id)
{
	struct timespec t = {0};

	(void)clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Between two clocks, as seen in the quickest of some readings. */
static uint64_t difference(void)
{
	uint64_t best = UINT64_MAX, result = 0;

	for (int i = 0; i < READINGS; i++) {
		uint64_t before = read_ns(CLOCK_MONOTONIC);
		uint64_t real = read_ns(CLOCK_REALTIME);
		uint64_t took = read_ns(CLOCK_MONOTONIC) - before;

		if (took >= best)
			continue;
		best = took;
		result = real - (before + took / 2);
	}
	return result;
}

/* Life cycle */

void stamps_init(struct stamps *s)
{
	*s = (struct stamps){0};
}

void stamps_release(struct stamps *s)
{
	hist_release(&s->kernel);
	hist_release(&s->lag);
	stamps_init(s);
}

/* Operations */

void stamps_start(struct stamps *s, struct client_env *clients)
{
	s->clients = clients;
	s->real_ns = difference();
	clients->stamps = true;
}

static void flush_run(struct stamps *s)
{
	hist_record_n(&s->kernel, s->run_kernel, s->run_count);
	hist_record_n(&s->lag, s->run_lag, s->run_count);
	s->run_count = 0;
}

void stamps_add(struct stamps *s, uint64_t intended_ns, uint64_t now_ns)
{
	uint64_t at, kernel, lag;

	if (!s->clients || s->clients->stamp_ns == 0)
		return;
	at = s->clients->stamp_ns - s->real_ns;
	kernel = at > intended_ns ? at - intended_ns : 0;
	/* The worker's reading of its clock may be a few receipts old. */
	lag = now_ns > at ? now_ns - at : 0;
	if (kernel != s->run_kernel || lag != s->run_lag) {
		flush_run(s);
		s->run_kernel = kernel;
		s->run_lag = lag;
	}
	s->run_count++;
}

void stamps_stop(struct stamps *s)
{
	uint64_t real;

	if (!s->clients)
		return;
	s->clients->stamps = false;
	s->clients = NULL;
	flush_run(s);
	real = difference();
	if (real - s->real_ns + STEP_NS > 2 * (uint64_t)STEP_NS) {
		hist_clear(&s->kernel);
		hist_clear(&s->lag);
	}
}
