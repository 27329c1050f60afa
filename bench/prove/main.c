/* SPDX-License-Identifier: MIT */
/*
 * pushmark-prove: shows on real time that the load worker reports what is
 * there. A bare server with a known delay, or known stalls, is measured as any
 * target is, and the figures are put beside those that follow by arithmetic.
 * On a machine that does other things as well it may fail: `make bench-prove`
 * runs it, no test does. The same on simulated time is a test.
 *
 * `pushmark-prove histogram P...` reads values from standard input and prints
 * the percentiles and the distribution, to be compared with HdrHistogram's.
 */
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/load/bare_server.h"
#include "bench/load/worker.h"
#include "servers/base/check.h"

#define MS 1e6
#define SECOND_NS ((uint64_t)1000000000)
#define SHARE 0.02   /* by which a figure may be off ... */
#define FLOOR_MS 0.2 /* ... or by this, whichever is more */
#define TAIL_SHARE 0.05
#define TAIL_FLOOR_MS 2.0 /* a millisecond is what messages are apart */
#define SERVER_CPU 0
#define WORKER_CPU 1

struct proof {
	pid_t pid;
	struct worker *worker;
	bool failed;
};

/* Server and worker */

static _Noreturn void serve(struct bare_server *s,
			    const struct bare_disturbance *d)
{
	cpu_set_t first;
	enum err e;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&first);
	CPU_SET(SERVER_CPU, &first);
	(void)sched_setaffinity(0, sizeof(first), &first);
	e = bare_server_disturb(s, d);
	if (!e)
		e = bare_server_run(s, -1);
	_exit(e ? 1 : 0);
}

static enum err connect_to(struct proof *p, int port, uint32_t subscribers)
{
	struct load_target t = {.dialect = "bare",
				.host = "127.0.0.1",
				.port = port,
				.room = "prove",
				.subscribers = subscribers};
	struct load_connected told;
	enum err e;

	load_connected_init(&told);
	e = worker_connect(p->worker, &t, &told);
	if (e)
		(void)fprintf(stderr, "pushmark-prove: cannot connect: %s\n",
			      told.error[0] ? told.error : err_text(e));
	load_connected_release(&told);
	return e;
}

static enum err begin(struct proof *p, const struct bare_disturbance *d,
		      uint32_t subscribers)
{
	struct bare_server *s;
	enum err e = bare_server_new("127.0.0.1", 0, &s);
	int port;

	*p = (struct proof){.failed = p->failed};
	if (e)
		return e;
	port = bare_server_port(s);
	p->pid = fork();
	if (p->pid == 0)
		serve(s, d);
	bare_server_free(s);
	if (p->pid < 0)
		return ERR_LIMIT;
	e = worker_start(sysconf(_SC_NPROCESSORS_ONLN) > 1 ? WORKER_CPU : -1,
			 &p->worker);
	return e ? e : connect_to(p, port, subscribers);
}

static void end(struct proof *p)
{
	worker_stop(p->worker);
	if (p->pid > 0) {
		(void)kill(p->pid, SIGTERM);
		(void)waitpid(p->pid, NULL, 0);
	}
	p->worker = NULL;
	p->pid = 0;
}

/* An open loop of `seconds`, whole and with a balanced ledger. */
static bool measure(struct proof *p, double rate, unsigned seconds,
		    struct load_result *r)
{
	struct load_plan plan = {.kind = LOAD_OPEN,
				 .rate = rate,
				 .duration_ns = seconds * SECOND_NS,
				 .run = 1,
				 .stamps = true};
	char why[LOAD_WHY] = "";
	enum err e;

	e = worker_run(p->worker, &plan, r);
	if (!e && load_result_valid(r, why))
		return true;
	(void)fprintf(stderr, "pushmark-prove: %s\n",
		      r->error[0] ? r->error
		      : e	  ? err_text(e)
				  : why);
	p->failed = true;
	return false;
}

/* Figures */

static void compare(struct proof *p, const char *what, double is, double should,
		    double share, double floor)
{
	double off = fabs(is - should), may = fmax(share * should, floor);
	bool good = off <= may;

	printf("  %-34s %9.3f ms, expected %9.3f, off by %.3f of %.3f  %s\n",
	       what, is, should, off, may, good ? "ok" : "NOT SO");
	if (!good)
		p->failed = true;
}

static double at(const struct hist *h, double percentile)
{
	return (double)hist_percentile(h, percentile) / MS;
}

/* Medians in ms. */
struct medians {
	double first, median, kernel;
};

static bool medians_with(struct proof *p, unsigned delay_ms, struct medians *m)
{
	const struct bare_disturbance d = {.delay_ns = (uint64_t)delay_ms *
						       1000000};
	struct load_result r;
	bool good = begin(p, &d, 10) == ERR_OK;

	load_result_init(&r);
	if (good)
		good = measure(p, 200, 3, &r);
	*m = (struct medians){
		.first = at(&r.from_intended[RECEIPTS_FIRST], 50),
		.median = at(&r.from_intended[RECEIPTS_MEDIAN], 50),
		.kernel = at(&r.kernel, 50),
	};
	load_result_release(&r);
	end(p);
	p->failed |= !good;
	return good;
}

/* What the way takes without a delay, with all its waking up, is there too. */
static void prove_delay(struct proof *p, unsigned delay_ms)
{
	struct medians with, without;

	printf("a delay of %u ms: 10 subscribers, 200 messages/s\n", delay_ms);
	if (!medians_with(p, 0, &without) || !medians_with(p, delay_ms, &with))
		return;
	compare(p, "added to the first receiver's", with.first - without.first,
		delay_ms, SHARE, FLOOR_MS);
	compare(p, "added to the median receiver's",
		with.median - without.median, delay_ms, SHARE, FLOOR_MS);
	compare(p, "added by the kernel's stamps", with.kernel - without.kernel,
		delay_ms, SHARE, FLOOR_MS);
	printf("  without a delay: first %.3f, median %.3f, kernel %.3f ms\n",
	       without.first, without.median, without.kernel);
}

/*
 * 100 ms of every second: a tenth of the messages waits, evenly from 0 to
 * 100 ms, so that (100 - x) / 1000 of all wait longer than x. One subscriber,
 * since what waited for many leaves over some milliseconds, and waits for that.
 */
static void prove_stalls(struct proof *p)
{
	static const double tail[][2] = {
		{92, 20}, {95, 50}, {99, 90}, {99.9, 99}};
	const struct bare_disturbance d = {.stall_every_ns = SECOND_NS,
					   .stall_ns = SECOND_NS / 10};
	struct load_result r;
	char what[64];

	load_result_init(&r);
	printf("stalls of 100 ms every second: 1 subscriber, 1,000 "
	       "messages/s\n");
	if (begin(p, &d, 1) != ERR_OK) {
		p->failed = true;
	} else if (measure(p, 1000, 10, &r)) {
		for (size_t i = 0; i < ARRAY_SIZE(tail); i++) {
			(void)snprintf(what, sizeof(what), "p%g", tail[i][0]);
			compare(p, what,
				at(&r.from_intended[RECEIPTS_MEDIAN],
				   tail[i][0]),
				tail[i][1], TAIL_SHARE, TAIL_FLOOR_MS);
		}
		compare(p, "max", at(&r.from_intended[RECEIPTS_MEDIAN], 100),
			100, TAIL_SHARE, TAIL_FLOOR_MS);
	}
	load_result_release(&r);
	end(p);
}

static void prove_lag(struct proof *p)
{
	const struct bare_disturbance none = {0};
	struct load_result r;

	load_result_init(&r);
	printf("send lag: 1,000 subscribers, 100 messages/s, 100,000 "
	       "deliveries/s\n");
	if (begin(p, &none, 1000) != ERR_OK) {
		p->failed = true;
	} else if (measure(p, 100, 5, &r)) {
		compare(p, "p99", at(&r.lag, 99), 0, 0, 0.5);
		printf("  p50 %.3f, max %.3f ms; busy %.0f %% of a core\n",
		       at(&r.lag, 50), at(&r.lag, 100), 100 * r.busy);
	}
	load_result_release(&r);
	end(p);
}

/* The histogram alone */

static int print_histogram(int count, char **percentiles)
{
	struct hist h;
	char line[64];

	hist_init(&h);
	while (fgets(line, sizeof(line), stdin))
		hist_record(&h, strtoull(line, NULL, 10));
	for (int i = 0; i < count; i++)
		printf("%s %" PRIu64 "\n", percentiles[i],
		       hist_percentile(&h, strtod(percentiles[i], NULL)));
	hist_write_text(&h, MS, stdout);
	hist_release(&h);
	return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct proof p = {0};

	if (argc > 1 && strcmp(argv[1], "histogram") == 0)
		return print_histogram(argc - 2, argv + 2);
	if (argc > 1) {
		(void)fputs("usage: pushmark-prove [histogram PERCENTILE...]\n"
			    "Proves the load worker's figures on real time, or "
			    "prints those of values on\nstandard input.\n",
			    strcmp(argv[1], "--help") == 0 ? stdout : stderr);
		return strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	prove_delay(&p, 5);
	prove_delay(&p, 20);
	prove_stalls(&p);
	prove_lag(&p);
	return p.failed ? 1 : 0;
}
