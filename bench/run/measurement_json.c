/* SPDX-License-Identifier: MIT */
/* A measurement as results/README.md describes it. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>

#include "bench/run/measurement.h"
#include "bench/run/put.h"
#include "servers/base/check.h"

static void put_hex(cJSON *object, const char *key, uint64_t value)
{
	char text[17];

	(void)snprintf(text, sizeof(text), "%016" PRIx64, value);
	put_text(object, key, text);
}

/* Of single receipts there are too many to keep their counts. */
static void put_latencies(cJSON *object, const char *key,
			  const struct hist hists[RECEIPTS_KINDS], bool counts)
{
	cJSON *json;

	if (hists[RECEIPTS_ALL].total == 0)
		return;
	json = put_object(object, key);
	for (int i = 0; i < RECEIPTS_KINDS; i++)
		put_latency(json, receipts_kind_name((enum receipts_kind)i),
			    &hists[i], counts && i != RECEIPTS_ALL);
}

struct cJSON *measurement_slice_to_json(const struct rig_slice *s, bool counts)
{
	static const char *const again[] = {"from_intended", "from_sent",
					    "ack",	     "lag",
					    "kernel",	     "client_lag"};
	cJSON *json = load_result_to_json(&s->result);

	for (size_t i = 0; i < ARRAY_SIZE(again); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(json, again[i]);
	put_latencies(json, "latency", s->result.from_intended, counts);
	put_latencies(json, "latency_uncorrected", s->result.from_sent, false);
	put_latency(json, "ack", &s->result.ack, counts);
	put_latency(json, "lag", &s->result.lag, false);
	put_latency(json, "kernel", &s->result.kernel, false);
	put_latency(json, "client_lag", &s->result.client_lag, false);
	put_item(json, "server", sample_to_json(&s->cost));
	put_number(json, "server_rss_anon", (double)s->rss_anon);
	put_number(json, "server_cpu_ns", metric_value(METRIC_SERVER_CPU, s));
	put_number(json, "foreign_s", s->foreign_s);
	put_bool(json, "valid", s->valid);
	put_text(json, "why", s->why);
	put_bool(json, "disturbed", s->disturbed);
	return json;
}

static cJSON *tally_to_json(const struct tally *t)
{
	cJSON *json = cJSON_CreateObject();
	double units = t->units > 0 ? t->units : 1;
	uint64_t user = 0, system = 0;

	CHECK(json);
	sample_split(&t->cost, &user, &system);
	put_number(json, "slices", (double)t->slices);
	put_number(json, "messages", (double)t->messages);
	put_number(json, "units", t->units);
	put_number(json, "seconds", t->seconds);
	put_number(json, "rate", t->seconds > 0 ? t->units / t->seconds : 0);
	put_number(json, "server_cpu_ns", (double)t->cost.cpu_ns / units);
	put_number(json, "server_user_ns", (double)user / units);
	put_number(json, "server_system_ns", (double)system / units);
	put_number(json, "server_switches",
		   (double)(t->cost.switches_voluntary +
			    t->cost.switches_involuntary) /
			   units);
	put_number(json, "server_switches_voluntary",
		   (double)t->cost.switches_voluntary / units);
	put_number(json, "server_rss_anon", (double)t->rss_anon);
	put_number(json, "worker_cpu_ns", (double)t->worker_cpu_ns / units);
	put_number(json, "worker_busy",
		   t->slices ? t->busy / (double)t->slices : 0);
	put_number(json, "bytes_in", (double)t->bytes_in / units);
	put_number(json, "bytes_out", (double)t->bytes_out / units);
	put_item(json, "ledger", ledger_to_json(&t->ledger));
	put_latencies(json, "latency", t->from_intended, false);
	put_latencies(json, "latency_uncorrected", t->from_sent, false);
	put_latency(json, "ack", &t->ack, false);
	put_latency(json, "lag", &t->lag, false);
	put_latency(json, "kernel", &t->kernel, false);
	put_latency(json, "client_lag", &t->client_lag, false);
	return json;
}

static void put_bytes(cJSON *object, const char *key,
		      const struct wire_bytes *b)
{
	cJSON *json = put_object(object, key);

	put_number(json, "payload", b->payload);
	put_number(json, "framing", b->framing);
	put_number(json, "http", b->http);
	put_number(json, "tls", 0);
	put_number(json, "tcp_ip", b->tcp_ip);
}

static void put_directions(cJSON *object, const struct wire_bytes *to_client,
			   const struct wire_bytes *to_server)
{
	struct wire_bytes both = {
		.payload = to_client->payload + to_server->payload,
		.framing = to_client->framing + to_server->framing,
		.http = to_client->http + to_server->http,
		.tcp_ip = to_client->tcp_ip + to_server->tcp_ip,
	};

	put_bytes(object, "to_client", to_client);
	put_bytes(object, "to_server", to_server);
	put_bytes(object, "both", &both);
}

static void put_wire(cJSON *object, const struct check *c)
{
	cJSON *json, *model;

	if (!c->split)
		return;
	json = put_object(object, "wire");
	put_bool(json, "compressed", c->compressed);
	put_directions(json, &c->to_client, &c->to_server);
	if (!c->modelled)
		return;
	model = put_object(json, "model");
	put_directions(model, &c->model_to_client, &c->model_to_server);
}

static void put_check(cJSON *object, const struct check *c)
{
	cJSON *json;

	if (!c->done)
		return;
	json = put_object(object, "check");
	put_bool(json, "valid", c->valid);
	put_text(json, "why", c->why);
	put_number(json, "messages", (double)c->messages);
	put_number(json, "deliveries", (double)c->deliveries);
	put_hex(json, "digest", c->digest);
	if (c->counted)
		put_number(json, "syscalls", c->syscalls);
	else
		put_null(json, "syscalls");
	if (c->counted)
		put_number(json, "writes", c->writes);
	put_text(json, "uncounted", c->uncounted);
	if (c->split)
		put_number(json, "segments", c->segments);
	put_wire(json, c);
}

static double cpu_of(const struct tally *t)
{
	return t->units > 0 ? (double)t->cost.cpu_ns / t->units : 0;
}

static void put_softirq(cJSON *object, const struct measurement *m)
{
	double cpu_ns[SIDES];

	if (!m->softirq.done)
		return;
	for (int i = 0; i < SIDES; i++)
		cpu_ns[i] = cpu_of(&m->tallies[i]);
	put_item(object, "softirq", softirq_to_json(&m->softirq, cpu_ns));
}

static void put_values(cJSON *object, const struct measurement *m)
{
	cJSON *json = put_object(object, "parameters");

	for (int i = 0; i < PARAM_COUNT; i++) {
		if (i != PARAM_RATE && (m->scenario->params[i].declared ||
					m->variant->changes.set[i]))
			put_number(json, param_name((enum param)i),
				   m->values[i]);
	}
	if (m->variant->kind == LOAD_OPEN)
		put_number(json, "rate", m->values[PARAM_RATE]);
}

static void put_points(cJSON *object, const struct measurement *m)
{
	cJSON *list;

	if (m->point_count == 0)
		return;
	put_figure(object, "memory", &m->memory);
	list = put_array(object, "memory_points");
	for (size_t i = 0; i < m->point_count; i++) {
		cJSON *point = cJSON_CreateObject();

		CHECK(cJSON_AddItemToArray(list, point));
		put_number(point, "before", (double)m->points[i].before);
		put_number(point, "after", (double)m->points[i].after);
		put_number(point, "connections", m->points[i].connections);
	}
}

static void put_faults(cJSON *object, const struct measurement *m)
{
	static const char *const sides[SIDES] = {"baseline", "target"};
	cJSON *json = NULL;

	for (int i = 0; i < SIDES; i++) {
		const struct faults *f = &m->faults[i];
		cJSON *side;

		if (f->slices == 0)
			continue;
		if (!json)
			json = put_object(object, "invalid");
		side = put_object(json, sides[i]);
		put_number(side, "slices", (double)f->slices);
		put_item(side, "ledger", ledger_to_json(&f->ledger));
	}
}

static void put_pairs(cJSON *object, const struct measurement *m)
{
	cJSON *sides, *ratios;

	if (!m->baseline)
		return;
	put_number(object, "pairs", (double)m->pairs);
	put_number(object, "pairs_disturbed", (double)m->disturbed);
	put_number(object, "pairs_repeated", (double)m->repeated);
	put_number(object, "pairs_invalid", (double)m->invalid);
	put_text(object, "invalid_why", m->invalid_why);
	put_faults(object, m);
	sides = put_object(object, "sides");
	if (m->pairs > 0) {
		put_item(sides, "baseline",
			 tally_to_json(&m->tallies[SIDE_BASELINE]));
		put_item(sides, "target",
			 tally_to_json(&m->tallies[SIDE_TARGET]));
	}
	ratios = put_object(object, "ratios");
	for (int i = 0; i < METRICS; i++)
		put_figure(ratios, metric_name((enum metric)i), &m->ratios[i]);
}

struct cJSON *measurement_to_json(const struct measurement *m)
{
	cJSON *json = cJSON_CreateObject();

	CHECK(json);
	put_text(json, "scenario", m->scenario->name);
	put_text(json, "variant", m->variant->name);
	put_text(json, "kind", load_kind_name(m->variant->kind));
	put_text(json, "method", scenario_method_name(m->scenario->method));
	put_text(json, "target", m->target->name);
	if (m->baseline)
		put_text(json, "baseline", m->baseline->name);
	put_bool(json, "complete", m->complete);
	put_values(json, m);
	put_check(json, &m->check);
	put_pairs(json, m);
	put_softirq(json, m);
	put_points(json, m);
	if (m->observations.count > 0)
		put_item(json, "observations",
			 observations_to_json(&m->observations));
	meters_put_slices(json, m->hiccups);
	if (m->distributions)
		put_item(json, "distributions",
			 cJSON_Duplicate(m->distributions, 1));
	if (m->outcome[0])
		put_text(json, "outcome", m->outcome);
	if (m->baseline)
		put_text(json, "primary", metric_name(measurement_primary(m)));
	put_text(json, "verdict", measurement_verdict_name(m));
	if (m->failure[0]) {
		cJSON *failure = put_object(json, "failure");

		put_text(failure, "what", m->failure);
		put_item(failure, "log",
			 m->log ? cJSON_Duplicate(m->log, 1)
				: cJSON_CreateArray());
	}
	if (m->baseline)
		put_item(json, "slices", cJSON_Duplicate(m->slices, 1));
	return json;
}
