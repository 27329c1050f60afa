/* SPDX-License-Identifier: MIT */
#include "bench/run/measurement.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run/method.h"
#include "bench/run/put.h"
#include "servers/base/check.h"

#define TAIL_MIN 2000

/* What the main figure of a metric is, and in which direction it is good. */
static const char *const metric_names[METRICS] = {
	"server_cpu",	"worker_cpu",	"rate", "latency_median",
	"latency_last", "latency_tail", "ack",
};

const char *metric_name(enum metric m)
{
	return metric_names[m];
}

/* NaN with fewer than 20 observations beyond it. */
static double percentile_99(const struct hist *h)
{
	return h->total >= TAIL_MIN ? (double)hist_percentile(h, 99) : NAN;
}

static double percentile_50(const struct hist *h)
{
	return h->total > 0 ? (double)hist_percentile(h, 50) : NAN;
}

double metric_value(enum metric m, const struct rig_slice *s)
{
	const struct load_result *r = &s->result;
	double units = rig_slice_units(s), seconds = load_result_seconds(r);

	if (units <= 0 || seconds <= 0)
		return NAN;
	switch (m) {
	case METRIC_SERVER_CPU:
		return (double)s->cost.cpu_ns / units;
	case METRIC_WORKER_CPU:
		return (double)r->cpu_ns / units;
	case METRIC_RATE:
		return units / seconds;
	case METRIC_LATENCY_MEDIAN:
		return percentile_50(&r->from_intended[RECEIPTS_MEDIAN]);
	case METRIC_LATENCY_LAST:
		return percentile_50(&r->from_intended[RECEIPTS_LAST]);
	case METRIC_LATENCY_TAIL:
		return percentile_99(&r->from_intended[RECEIPTS_ALL]);
	case METRIC_ACK:
		return percentile_50(&r->ack);
	default:
		return NAN;
	}
}

/* Life cycle */

void measurement_init(struct measurement *m, const struct scenario *s,
		      const struct variant *v, const struct target *target,
		      const struct target *baseline)
{
	*m = (struct measurement){.scenario = s,
				  .variant = v,
				  .target = target,
				  .baseline = baseline,
				  .verdict = VERDICT_INCONCLUSIVE};
	m->slices = cJSON_CreateArray();
	CHECK(m->slices);
}

static void tally_release(struct tally *t)
{
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		hist_release(&t->from_intended[i]);
		hist_release(&t->from_sent[i]);
	}
	hist_release(&t->ack);
	hist_release(&t->lag);
	hist_release(&t->kernel);
	hist_release(&t->client_lag);
}

void measurement_release(struct measurement *m)
{
	for (int i = 0; i < SIDES; i++)
		tally_release(&m->tallies[i]);
	for (int i = 0; i < METRICS; i++)
		free(m->logs[i]);
	free(m->starts);
	for (int i = 0; i < METER_ROLES; i++)
		hist_release(&m->hiccups[i]);
	free(m->points);
	observations_release(&m->observations);
	cJSON_Delete(m->slices);
	cJSON_Delete(m->log);
	cJSON_Delete(m->earlier);
	cJSON_Delete(m->distributions);
	*m = (struct measurement){0};
}

/* Taking in */

/* Messages that may leave at once, as the model understands it. */
static uint64_t together_of(const struct measurement *m)
{
	double window = m->values[PARAM_WINDOW];

	return m->variant->kind == LOAD_CLOSED && window >= 1 ? (uint64_t)window
							      : 0;
}

static void check_wire(struct measurement *m, const struct load_result *r,
		       double units, int mtu)
{
	struct check *c = &m->check;
	struct wire_case w = {
		.dialect = m->target->dialect,
		.path = m->target->path,
		.payload = (uint32_t)m->values[PARAM_PAYLOAD],
		.messages = r->messages,
		.rooms = (uint32_t)m->values[PARAM_ROOMS],
		.together = together_of(m),
		.room = "load-1",
		.mtu = mtu > 0 ? (uint32_t)mtu : 0,
		.deflate = m->target->deflate,
	};

	c->split = units > 0 && r->segments_in > 0;
	if (!c->split)
		return;
	c->compressed = m->target->deflate;
	c->segments = (double)(r->segments_in + r->segments_out) / units;
	wire_measured(&w, r, units, &c->to_client, &c->to_server);
	c->modelled = m->variant->kind != LOAD_RTT && r->messages > 0 &&
		      wire_model(&w, &c->model_to_client, &c->model_to_server);
}

void measurement_check(struct measurement *m, const struct rig_slice *s,
		       const char *uncounted,
		       const struct syscall_counts *calls, int mtu)
{
	struct check *c = &m->check;
	double units = rig_slice_units(s);

	c->done = true;
	c->valid = s->valid;
	(void)snprintf(c->why, sizeof(c->why), "%s", s->why);
	c->messages = s->result.messages;
	c->deliveries = s->result.deliveries;
	c->digest = s->result.ledger.digest;
	c->counted = !uncounted && units > 0;
	c->syscalls = units > 0 ? (double)calls->all / units : 0;
	c->writes = units > 0 ? (double)calls->writes / units : 0;
	check_wire(m, &s->result, units, mtu);
	(void)snprintf(c->uncounted, sizeof(c->uncounted), "%s",
		       uncounted ? uncounted : "");
}

static void tally_add(struct tally *t, const struct rig_slice *s)
{
	const struct load_result *r = &s->result;

	t->slices++;
	t->messages += r->messages;
	t->units += rig_slice_units(s);
	t->seconds += load_result_seconds(r);
	sample_add(&t->cost, &s->cost);
	t->worker_cpu_ns += r->cpu_ns;
	t->busy += r->busy;
	t->bytes_in += r->bytes_in;
	t->bytes_out += r->bytes_out;
	t->rss_anon = s->rss_anon;
	ledger_merge(&t->ledger, &r->ledger);
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		hist_merge(&t->from_intended[i], &r->from_intended[i]);
		hist_merge(&t->from_sent[i], &r->from_sent[i]);
	}
	hist_merge(&t->ack, &r->ack);
	hist_merge(&t->lag, &r->lag);
	hist_merge(&t->kernel, &r->kernel);
	hist_merge(&t->client_lag, &r->client_lag);
}

static void add_logs(struct measurement *m, const struct rig_slice pair[SIDES],
		     unsigned start)
{
	if (m->pairs == m->capacity) {
		m->capacity = m->capacity ? m->capacity * 2 : 32;
		for (int i = 0; i < METRICS; i++)
			m->logs[i] = xrealloc(m->logs[i],
					      m->capacity * sizeof(double));
		m->starts =
			xrealloc(m->starts, m->capacity * sizeof(*m->starts));
	}
	for (int i = 0; i < METRICS; i++) {
		double a = metric_value((enum metric)i, &pair[SIDE_BASELINE]);
		double b = metric_value((enum metric)i, &pair[SIDE_TARGET]);

		m->logs[i][m->pairs] = a > 0 && b > 0 ? log(b / a) : NAN;
	}
	m->starts[m->pairs] = start;
	m->pairs++;
}

static void keep(struct measurement *m, const struct rig_slice pair[SIDES],
		 size_t place, unsigned start, bool counted)
{
	for (int i = 0; i < SIDES; i++) {
		int side = place % 2 ? 1 - i : i;
		cJSON *json =
			measurement_slice_to_json(&pair[side], !m->no_counts);

		put_text(json, "side", side ? "target" : "baseline");
		put_number(json, "pair", (double)place);
		put_number(json, "start", start);
		put_bool(json, "counted", counted);
		CHECK(cJSON_AddItemToArray(m->slices, json));
	}
}

static void blame(struct measurement *m, int side, const struct rig_slice *s,
		  const char *when, const char *why)
{
	struct faults *f = &m->faults[side];

	f->slices++;
	ledger_merge(&f->ledger, &s->result.ledger);
	if (m->invalid_why[0])
		return;
	(void)snprintf(m->invalid_why, sizeof(m->invalid_why), "%s%s%s",
		       side == SIDE_BASELINE ? "baseline: " : "", when, why);
}

void measurement_aside(struct measurement *m, int side,
		       const struct rig_slice *s, const char *when)
{
	char why[LOAD_WHY], with[64];

	if (ledger_balanced(&s->result.ledger))
		return;
	ledger_describe(&s->result.ledger, why, sizeof(why));
	(void)snprintf(with, sizeof(with), "%s, ", when);
	blame(m, side, s, with, why);
}

bool measurement_pair(struct measurement *m, const struct rig_slice pair[SIDES],
		      size_t place, unsigned start, bool may_repeat)
{
	bool valid = pair[0].valid && pair[1].valid;
	bool disturbed = pair[0].disturbed || pair[1].disturbed;
	bool repeat = valid && disturbed && may_repeat;

	keep(m, pair, place, start, valid && !repeat);
	if (!valid) {
		m->invalid++;
		for (int i = 0; i < SIDES; i++) {
			if (!pair[i].valid)
				blame(m, i, &pair[i], "", pair[i].why);
		}
		return false;
	}
	if (repeat) {
		m->repeated++;
		return true;
	}
	m->disturbed += disturbed;
	add_logs(m, pair, start);
	for (int i = 0; i < SIDES; i++) {
		tally_add(&m->tallies[i], &pair[i]);
		measurement_hiccups(m, &pair[i]);
	}
	return false;
}

void measurement_hiccups(struct measurement *m, const struct rig_slice *s)
{
	for (int i = 0; i < METER_ROLES; i++)
		hist_merge(&m->hiccups[i], &s->hiccups[i]);
}

void measurement_memory(struct measurement *m, const struct memory_point *p)
{
	m->points =
		xrealloc(m->points, (m->point_count + 1) * sizeof(*m->points));
	m->points[m->point_count++] = *p;
}

void measurement_fail(struct measurement *m, const struct rig *r)
{
	if (m->failure[0])
		return;
	(void)snprintf(m->failure, sizeof(m->failure), "%s",
		       r->failure[0] ? r->failure : "failed");
	if (r->culprit >= 0)
		m->log = proc_log_tail(r->procs[r->culprit].log_path);
}

/* Concluding */

bool measurement_starts(const struct measurement *m, enum metric metric,
			struct starts *out)
{
	*out = (struct starts){m->logs[metric], m->starts, m->pairs};
	if (!out->logs || !out->of)
		return false;
	for (size_t i = 0; i < m->pairs; i++) {
		if (isnan(out->logs[i]))
			return false;
	}
	return m->pairs > 0;
}

static struct figure ratio_of(const struct measurement *m, enum metric metric)
{
	struct starts s;
	struct rng rng;

	if (!measurement_starts(m, metric, &s))
		return (struct figure){0};
	rng_seed(&rng, m->seed);
	return starts_figure(&s, &rng);
}

static struct figure memory_of(const struct measurement *m)
{
	double *each = xcalloc(m->point_count + 1, sizeof(*each));
	struct figure f;

	for (size_t i = 0; i < m->point_count; i++) {
		const struct memory_point *p = &m->points[i];

		each[i] = ((double)p->after - (double)p->before) /
			  (double)p->connections;
	}
	f = stats_student_interval(each, m->point_count);
	free(each);
	return f;
}

static bool has_stuck(const struct measurement *m)
{
	return m->values[PARAM_FROZEN] > 0 || m->values[PARAM_SLOW] > 0;
}

bool measurement_has_company(const struct measurement *m)
{
	return has_stuck(m) || m->values[PARAM_CHURN] > 0;
}

enum metric measurement_primary(const struct measurement *m)
{
	return has_stuck(m) ? METRIC_LATENCY_TAIL
			    : method_of(m->scenario)->primary;
}

bool measurement_invalid(const struct measurement *m)
{
	return m->invalid > 0 || m->faults[SIDE_BASELINE].slices > 0 ||
	       m->faults[SIDE_TARGET].slices > 0 ||
	       (m->check.done && !m->check.valid);
}

const char *measurement_verdict_name(const struct measurement *m)
{
	return measurement_invalid(m) ? "invalid"
				      : stats_verdict_name(m->verdict);
}

bool measurement_client_bound(const struct measurement *m)
{
	if (m->earlier)
		return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(
			m->earlier, "client_bound"));
	for (int i = 0; i < SIDES; i++) {
		const struct tally *t = &m->tallies[i];

		if (t->slices > 0 &&
		    t->busy / (double)t->slices > MEASUREMENT_BUSY_MAX)
			return true;
	}
	return m->observed_busy > MEASUREMENT_BUSY_MAX;
}

/* CPU is each side's own, whoever waits for whom. */
static bool is_cpu(enum metric m)
{
	return m == METRIC_SERVER_CPU || m == METRIC_WORKER_CPU;
}

void measurement_conclude(struct measurement *m)
{
	enum metric primary = measurement_primary(m);

	for (int i = 0; i < METRICS; i++)
		m->ratios[i] = ratio_of(m, (enum metric)i);
	softirq_conclude(&m->softirq, &m->ratios[METRIC_SERVER_CPU]);
	m->memory = memory_of(m);
	m->verdict = VERDICT_INCONCLUSIVE;
	if (measurement_invalid(m))
		return;
	if (m->pairs < STATS_PAIRS_MIN ||
	    (double)m->disturbed > MEASUREMENT_DISTURBED_MAX * (double)m->pairs)
		return;
	if (!is_cpu(primary) && measurement_client_bound(m))
		return;
	m->verdict =
		stats_judge(&m->ratios[primary], m->values[PARAM_MARGIN], true);
}
