/* SPDX-License-Identifier: MIT */
#include "bench/run/observe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/run/put.h"
#include "servers/base/check.h"

void observe_percentile(struct measurement *m, const char *name,
			const struct hist *h, double percentile)
{
	observe(&m->observations, name, UNIT_NS,
		h->total > 0 ? (double)hist_percentile(h, percentile)
			     : (double)NAN);
}

void observe_deliveries(struct measurement *m, const struct rig_slice *s)
{
	const struct ledger_totals *t = &s->result.ledger;
	double all = (double)(t->delivered + t->lost);

	m->observed_busy = fmax(m->observed_busy, s->result.busy);
	measurement_hiccups(m, s);
	observe(&m->observations, "delivered", UNIT_SHARE,
		all > 0 ? (double)t->delivered / all : (double)NAN);
	if (t->duplicated > 0)
		observe(&m->observations, "twice", UNIT_COUNT,
			(double)t->duplicated);
	if (s->result.error[0])
		(void)snprintf(m->outcome, sizeof(m->outcome), "%s",
			       s->result.error);
}

static void count_open(struct measurement *m, double open)
{
	if (m->values[PARAM_PARTIAL] > 0)
		observe(&m->observations, "open", UNIT_COUNT, open);
}

void observe_open(struct measurement *m, const struct rig_slice *s)
{
	count_open(m, s->result.open);
}

/* The receipts of a message are alike: its median one stands for them. */
static void observe_supported(struct measurement *m, const struct rig_slice *s)
{
	static const struct {
		const char *name;
		double percentile;
	} list[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}};
	const struct hist *h = &s->result.from_intended[RECEIPTS_MEDIAN];

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		if (hist_supports(h, list[i].percentile, PUT_BEYOND))
			observe_percentile(m, list[i].name, h,
					   list[i].percentile);
	}
}

void observe_latency(struct measurement *m, const struct rig_slice *s)
{
	const struct hist *all = &s->result.from_intended[RECEIPTS_ALL];

	observe(&m->observations, "mean", UNIT_NS,
		all->total > 0 ? hist_mean(all) : (double)NAN);
	observe_supported(m, s);
	observe_percentile(m, "max", all, 100);
}

void observe_absences(struct measurement *m, const struct rig_slice *s)
{
	const struct load_result *r = &s->result;

	if (r->lost > 0 || observations_find(&m->observations, "lost")) {
		observe(&m->observations, "lost", UNIT_COUNT, (double)r->lost);
		observe_percentile(m, "back p50", &r->away, 50);
		observe_percentile(m, "back max", &r->away, 100);
	}
	if (r->gaps > 0)
		observe(&m->observations, "told gaps", UNIT_COUNT,
			(double)r->gaps);
}

void observe_cpu(struct measurement *m, const struct rig_slice *s)
{
	double seconds = (double)s->cost.at_ns / 1e9;
	double each = seconds * m->values[PARAM_SUBSCRIBERS];

	observe(&m->observations, "CPU/s", UNIT_NS,
		each > 0 ? (double)s->cost.cpu_ns / each : (double)NAN);
}

void observe_bytes(struct measurement *m, const struct rig_slice *s)
{
	const struct load_result *r = &s->result;
	double bytes = (double)(r->bytes_in + r->bytes_out -
				r->publisher_bytes_in - r->publisher_bytes_out);

	observe(&m->observations, "bytes", UNIT_BYTES,
		r->deliveries > 0 ? bytes / (double)r->deliveries
				  : (double)NAN);
}

void observe_company(struct measurement *m, const struct rig_slice *s)
{
	const struct load_result *r = &s->result;
	double stuck = m->values[PARAM_FROZEN] + m->values[PARAM_SLOW];

	if (stuck > 0) {
		observe(&m->observations, "TCP open", UNIT_SHARE,
			r->stuck_open / stuck);
		observe(&m->observations, "kernel holds", UNIT_BYTES,
			(double)r->stuck_bytes / stuck);
		observe(&m->observations, "server RSS", UNIT_BYTES,
			(double)s->rss_anon);
	}
	if (m->values[PARAM_CHURN] > 0)
		observe(&m->observations, "visits", UNIT_PER_SECOND,
			(double)r->visits / load_result_seconds(r));
}

bool observe_refusal(struct measurement *m, struct rig *r, enum err e)
{
	const char *why = strstr(r->failure, "subscriber: ");

	if (e == ERR_REFUSED || e == ERR_CLOSED || !r->failure[0])
		return false;
	if (!why)
		why = strstr(r->failure, ": ");
	(void)snprintf(m->outcome, sizeof(m->outcome), "not connected: %.400s",
		       why ? strchr(why, ' ') + 1 : r->failure);
	observe(&m->observations, "delivered", UNIT_SHARE, 0);
	count_open(m, 0);
	r->failure[0] = '\0';
	r->culprit = -1;
	return true;
}

bool observe_no_link(struct measurement *m, struct rig *r, enum err e)
{
	if (e == ERR_REFUSED || !r->failure[0])
		return false;
	(void)snprintf(m->outcome, sizeof(m->outcome),
		       "not measured: a link of packets needs privileges that "
		       "are not there");
	r->failure[0] = '\0';
	r->culprit = -1;
	return true;
}
