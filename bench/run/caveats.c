/* SPDX-License-Identifier: MIT */
#include "bench/run/caveats.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/run/put.h"
#include "servers/base/check.h"

__attribute__((format(printf, 2, 3))) static void add(cJSON *list,
						      const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	CHECK(cJSON_AddItemToArray(list, cJSON_CreateString(text)));
}

/* "; ws's slices that are not valid (2): 2 duplicated of 40,000 deliveries" */
static void name_faults(const struct measurement *m, int side, char *into,
			size_t size)
{
	const struct faults *f = &m->faults[side];
	char ledger[LOAD_WHY];

	into[0] = '\0';
	if (f->slices == 0)
		return;
	ledger_describe(&f->ledger, ledger, sizeof(ledger));
	(void)snprintf(into, size,
		       "; in the slices of %s that are not valid (%zu): %s",
		       side == SIDE_TARGET ? "the target" : "the baseline",
		       f->slices,
		       ledger[0] ? ledger : "a ledger that balances");
}

static void about_faults(cJSON *list, const struct measurement *m)
{
	char baseline[LOAD_WHY + 96], target[LOAD_WHY + 96];

	if (!m->invalid_why[0])
		return;
	name_faults(m, SIDE_BASELINE, baseline, sizeof(baseline));
	name_faults(m, SIDE_TARGET, target, sizeof(target));
	add(list,
	    "Invalid, hence no verdict and no rank. Pairs that are not valid "
	    "and not counted: %zu of %zu. First seen: %s%s%s.",
	    m->invalid, m->invalid + m->pairs, m->invalid_why, target,
	    baseline);
}

static void about_pairs(cJSON *list, const struct measurement *m)
{
	about_faults(list, m);
	if (m->pairs > 0 && m->pairs < STATS_PAIRS_MIN)
		add(list,
		    "Fewer than %d pairs of slices: the interval is only a "
		    "hint, and gives no verdict.",
		    STATS_PAIRS_MIN);
	if (m->repeated > 0 || m->disturbed > 0)
		add(list,
		    "Other programs used the server's core: pairs of slices "
		    "were run again, and those still disturbed are counted%s.",
		    (double)m->disturbed >
				    MEASUREMENT_DISTURBED_MAX * (double)m->pairs
			    ? "; over a quarter of them, hence no verdict"
			    : "");
}

/* The ratios of so many starts are told one by one, else the extremes. */
#define TOLD 8

static void about_starts(cJSON *list, const struct measurement *m)
{
	enum metric primary = measurement_primary(m);
	double least = INFINITY, most = 0;
	char told[128] = "";
	struct starts s;
	size_t count, n = 0;

	if (!measurement_starts(m, primary, &s) || !starts_differ(&s))
		return;
	count = starts_count(&s);
	for (size_t i = 0; i < count; i++) {
		double ratio = starts_ratio(&s, i);

		least = fmin(least, ratio);
		most = fmax(most, ratio);
		if (count <= TOLD)
			n += (size_t)snprintf(told + n, sizeof(told) - n,
					      "%s%.3g", i ? ", " : "", ratio);
	}
	if (count > TOLD)
		(void)snprintf(told, sizeof(told), "%.3g to %.3g", least, most);
	add(list,
	    "The %zu starts of the servers differ by more than their slices "
	    "explain (ratios of %s: %s): the interval is at least that of the "
	    "starts, each of which counts as one observation.",
	    count, metric_name(primary), told);
}

static void about_workers(cJSON *list, const struct measurement *m)
{
	double workers = m->values[PARAM_WORKERS];

	if (workers > 1)
		add(list,
		    "The subscribers are split over %.0f load workers, of "
		    "which one sends; the first, the median and the last "
		    "receiver are those among all of them.",
		    workers);
}

static void about_rate(cJSON *list, const struct measurement *m)
{
	char share[64] = "";

	/* One that was given is no share of anything. */
	if (!m->scenario->params[PARAM_RATE].declared &&
	    !m->variant->changes.set[PARAM_RATE])
		(void)snprintf(share, sizeof(share),
			       ": %.0f %% of what bare could deliver before",
			       100 * m->values[PARAM_LOAD]);
	add(list,
	    "Open loop at %.4g messages a second, the same for every "
	    "target%s. Times count from when a message should have left.",
	    m->values[PARAM_RATE], share);
}

/* The highest percentile that a report prints of `h`, up to `most`; or 0. */
static double printed_tail(const struct hist *h, double most)
{
	static const double tails[] = {99, 95, 90, 75};

	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		if (tails[i] <= most && hist_supports(h, tails[i], PUT_BEYOND))
			return tails[i];
	}
	return 0;
}

/*
 * Both sides: what a client that waited for its own late sends would
 * have seen stands beside what is true.
 */
static void about_uncorrected(cJSON *list, const struct measurement *m)
{
	const struct tally *t = &m->tallies[SIDE_TARGET];
	const struct hist *corrected = &t->from_intended[RECEIPTS_MEDIAN];
	const struct hist *uncorrected = &t->from_sent[RECEIPTS_MEDIAN];
	double tail = printed_tail(corrected, 99);

	char more[64] = "";

	if (m->variant->kind != LOAD_OPEN || uncorrected->total == 0)
		return;
	if (tail > 0)
		(void)snprintf(more, sizeof(more),
			       ", p%.0f %.3g where it is %.3g", tail,
			       (double)hist_percentile(uncorrected, tail) / 1e6,
			       (double)hist_percentile(corrected, tail) / 1e6);
	add(list,
	    "Uncorrected, from when messages did leave: of the median receiver "
	    "p50 %.3g ms where the corrected one is %.3g%s.",
	    (double)hist_percentile(uncorrected, 50) / 1e6,
	    (double)hist_percentile(corrected, 50) / 1e6, more);
}

static void about_load(cJSON *list, const struct measurement *m)
{
	bool closed = m->variant->kind == LOAD_CLOSED;

	about_workers(list, m);
	if (m->scenario->method == METHOD_CLIENT) {
		add(list, "Compared is the load worker's CPU, decoding and "
			  "checking every message, with that of a plain recv() "
			  "loop on the same server.");
		return;
	}
	if (measurement_client_bound(m) && !measurement_invalid(m))
		add(list,
		    "The load worker used over %.0f %% of its core%s: times "
		    "and rates are shown but not ranked; the server's CPU per "
		    "delivery is.",
		    MEASUREMENT_BUSY_MAX * 100,
		    closed ? ", as it must in a closed loop on two cores" : "");
	if (m->scenario->baseline && !measurement_has_company(m))
		add(list, "Compared with %s, not with bare.",
		    m->baseline->name);
	if (measurement_primary(m) == METRIC_LATENCY_TAIL)
		add(list,
		    "Open loop at %.4g messages a second. Compared is the p99 "
		    "of all receipts, with %.0f more in the room that %s and "
		    "without; they are not among those who are timed.",
		    m->values[PARAM_RATE],
		    m->values[PARAM_FROZEN] + m->values[PARAM_SLOW],
		    m->values[PARAM_SLOW] > 0 ? "read slowly" : "never read");
	else if (m->variant->kind == LOAD_OPEN)
		about_rate(list, m);
	if (m->values[PARAM_CHURN] > 0)
		add(list,
		    "%.4g visitors a second come, stay for half a second and "
		    "go: their handshakes and what they receive are part of "
		    "the costs, and not of the deliveries.",
		    m->values[PARAM_CHURN]);
	about_uncorrected(list, m);
	if (m->variant->kind == LOAD_RTT && m->values[PARAM_SPIN] == 0)
		add(list, "The client sleeps while it waits, and being woken "
			  "costs the server's CPU too; see the variant that "
			  "spins.");
}

/* The machine's part in tails */

#define MAX 100.0 /* as a percentile */
#define TIMES 2	  /* a tail up to so many hiccups may be the machine's */

/*
 * Of the worse core. A lower percentile, where that one is not known, tells
 * less of the machine than there was.
 */
static double machine_ns(const struct measurement *m, double percentile)
{
	double worst = 0;

	for (int i = 0; i < METER_ROLES; i++) {
		const struct hist *h = &m->hiccups[i];
		double known =
			percentile < MAX ? printed_tail(h, percentile) : MAX;

		if (known > 0)
			worst = fmax(worst, (double)hist_percentile(h, known));
	}
	return worst;
}

/* Tails that may be the machine's, in words. */
struct doubts {
	const struct measurement *m;
	char text[160];
};

static void doubt(struct doubts *d, const char *what, double percentile,
		  double ns)
{
	size_t n = strlen(d->text);
	char name[16] = "max";

	if (!(ns > 0) || ns > TIMES * machine_ns(d->m, percentile))
		return;
	if (percentile < MAX)
		(void)snprintf(name, sizeof(name), "p%.0f", percentile);
	(void)snprintf(d->text + n, sizeof(d->text) - n, "%s%s%s%s",
		       n ? ", " : "", what, what[0] ? " " : "", name);
}

static void doubt_tail(struct doubts *d, const char *what, const struct hist *h)
{
	double tail = printed_tail(h, MAX);

	if (tail > 0)
		doubt(d, what, tail, (double)hist_percentile(h, tail));
}

static void doubt_observed(struct doubts *d, const char *name,
			   double percentile)
{
	const struct observation *o =
		observations_find(&d->m->observations, name);

	if (o && o->count > 0)
		doubt(d, "", percentile, observation_figure(o).value);
}

/* Of what is not ranked anyway, nothing more is said. */
static void about_machine(cJSON *list, const struct measurement *m)
{
	const struct tally *t = &m->tallies[SIDE_TARGET];
	struct doubts d = {.m = m};

	if (m->scenario->method == METHOD_CLIENT ||
	    measurement_client_bound(m) || measurement_invalid(m))
		return;
	if (m->variant->kind == LOAD_RTT) {
		doubt_tail(&d, "answers'", &t->ack);
	} else {
		doubt_tail(&d, "median", &t->from_intended[RECEIPTS_MEDIAN]);
		doubt_tail(&d, "last", &t->from_intended[RECEIPTS_LAST]);
	}
	if (m->values[PARAM_FROZEN] > 0)
		doubt_tail(&d, "all", &t->from_intended[RECEIPTS_ALL]);
	doubt_observed(&d, "p99", 99);
	doubt_observed(&d, "max", MAX);
	if (d.text[0])
		add(list,
		    "May be the machine's as much as the server's: %s. That is "
		    "not above twice its own hiccups at the same percentile, "
		    "or the highest known below; they stand under the table.",
		    d.text);
}

static void about_softirq(cJSON *list, const struct measurement *m)
{
	const struct softirq *s = &m->softirq;

	if (!s->done)
		return;
	if (!softirq_known(s))
		add(list, "Softirq could not be re-attributed: %s.",
		    s->unsampled);
	else if (!s->sides[SIDE_TARGET].charged)
		add(list, "This kernel keeps softirq out of the clocks of "
			  "processes: process CPU is without TCP's receiving "
			  "half, the re-attributed one with the server's.");
}

/* Of a server that starts and ends processes or threads under load. */
static void about_ended(cJSON *list, const struct measurement *m)
{
	const struct sample *cost = &m->tallies[SIDE_TARGET].cost;

	if (cost->waited_ns > 0)
		add(list,
		    "Processes of %s ended while it was measured: %.0f %% of "
		    "its CPU is theirs, known in ticks of 10 ms. Their context "
		    "switches are not counted.",
		    m->target->name,
		    100 * (double)cost->waited_ns / (double)cost->cpu_ns);
	else if (cost->ended > 0)
		add(list,
		    "Threads of %s ended while it was measured: %u, whose last "
		    "context switches are not counted.",
		    m->target->name, cost->ended);
	if (cost->lost > 0)
		add(list,
		    "Of up to %u processes of %s that ended, nobody knows the "
		    "last of their CPU, since it did not wait for them: it is "
		    "not counted.",
		    cost->lost, m->target->name);
}

struct cJSON *caveats_of(const struct measurement *m)
{
	cJSON *list = cJSON_CreateArray();

	CHECK(list);
	if (m->check.done && !m->check.valid)
		add(list,
		    "Not measured: in the slice that checks deliveries, "
		    "%s.",
		    m->check.why);
	if (m->check.done && !m->check.counted)
		add(list, "System calls could not be counted: %s.",
		    m->check.uncounted[0] ? m->check.uncounted
					  : "nothing was delivered");
	if (m->check.compressed)
		add(list, "Messages come compressed, envelope and all: in the "
			  "bytes, payload is what was sent of both, and no "
			  "least follows from the protocol.");
	about_softirq(list, m);
	if (m->baseline && m->pairs > 0)
		about_load(list, m);
	about_ended(list, m);
	about_machine(list, m);
	if (m->baseline) {
		about_pairs(list, m);
		about_starts(list, m);
	}
	if (!m->baseline && measurement_client_bound(m))
		add(list,
		    "The load worker used over %.0f %% of its core: times are "
		    "shown but not to be ranked.",
		    MEASUREMENT_BUSY_MAX * 100);
	if (m->scenario->method == METHOD_MEMORY)
		add(list,
		    "RssAnon with the connections open, less that after "
		    "%d warm-up connections were made and closed; mean "
		    "over starts of the server. Of it, heap is the "
		    "allocator's. The kernel's is besides: half of what "
		    "socket slabs and TCP buffers of the host grew by, "
		    "since both ends are here; other programs move it.",
		    50);
	if (!m->complete && !m->failure[0] &&
	    !(m->check.done && !m->check.valid))
		add(list, "Not all that was planned took place.");
	return list;
}

static void about_wire(cJSON *list, const struct machine *m)
{
	static const char bytes[] = "Bytes are those of the sockets, both "
				    "ways, without TCP/IP headers.";

	if (!m->shared)
		add(list,
		    "The wire is a loopback interface in a network namespace "
		    "of the run's own, with an MTU of %d: segments are as on "
		    "Ethernet, but there is no network card and no interrupt. "
		    "%s",
		    m->loopback_mtu, bytes);
	else
		add(list,
		    "The wire is the host's loopback interface with its MTU of "
		    "%d%s%s%s: little segmentation, no network card, no "
		    "interrupts. %s",
		    m->loopback_mtu, m->shared[0] ? " (" : "", m->shared,
		    m->shared[0] ? ")" : "", bytes);
}

struct cJSON *caveats_of_all(const struct machine *m,
			     const struct meters *meters)
{
	cJSON *list = cJSON_CreateArray();

	CHECK(list);
	add(list, "Process CPU, loopback: a sender's send() also runs the "
		  "receiver's half of TCP, which flatters long polling by 8 to "
		  "13 %% against streams. Where perf is there, a "
		  "second column gives it to the receivers.");
	about_wire(list, m);
	add(list, "Differences of times under 0.1 ms and tails under 10 ms are "
		  "the machine's as much as the server's.");
	add(list, "A percentile is printed only with 20 messages beyond it.");
	if (m->worker_cpu_count == 0)
		add(list, "There is one core only: server and load worker "
			  "share it, and nothing is pinned.");
	if (meters->why[0])
		add(list, "The machine's own hiccups are not known: %s.",
		    meters->why);
	return list;
}
