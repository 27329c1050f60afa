/* SPDX-License-Identifier: MIT */
#include "bench/load/load.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "bench/load/field.h"
#include "servers/base/check.h"

static const char *const kind_names[] = {"closed", "open", "rtt", "idle", NULL};
static const char *const receipts_names[] = {"first", "median", "last", "all"};

_Static_assert(sizeof(enum load_kind) == sizeof(unsigned), "a FIELD_CHOICE");
_Static_assert(ARRAY_SIZE(receipts_names) == RECEIPTS_KINDS, "a name each");

/* Life cycle */

void load_connected_init(struct load_connected *c)
{
	*c = (struct load_connected){0};
}

void load_connected_release(struct load_connected *c)
{
	hist_release(&c->setup);
	load_connected_init(c);
}

void load_result_init(struct load_result *r)
{
	*r = (struct load_result){0};
}

void load_result_release(struct load_result *r)
{
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		hist_release(&r->from_intended[i]);
		hist_release(&r->from_sent[i]);
	}
	hist_release(&r->ack);
	hist_release(&r->lag);
	hist_release(&r->kernel);
	hist_release(&r->client_lag);
	hist_release(&r->away);
	load_result_init(r);
}

/* Queries */

/* What did not come in time is lost, and can be nothing else. */
static bool only_lost(const struct ledger_totals *t)
{
	return t->lost > 0 && t->corrupt == 0 && t->duplicated == 0 &&
	       t->stray == 0 && t->reordered == 0;
}

static void describe_ledger(const struct load_result *r, char why[LOAD_WHY])
{
	size_t at;

	ledger_describe(&r->ledger, why, LOAD_WHY);
	at = strlen(why);
	if (r->timed_out && only_lost(&r->ledger))
		(void)snprintf(why + at, LOAD_WHY - at, ", not there in time");
}

static const char *plain_fault(const struct load_result *r)
{
	if (r->closed > 0)
		return "connections were closed";
	if (r->failed_acks > 0)
		return "publishing was refused";
	if (r->timed_out && ledger_balanced(&r->ledger))
		return "messages or answers did not arrive in time";
	if (r->kind != LOAD_IDLE && r->messages == 0)
		return "nothing was sent";
	return "";
}

bool load_result_valid(const struct load_result *r, char why[LOAD_WHY])
{
	char fault[LOAD_WHY];

	if (r->error[0] != '\0')
		(void)snprintf(fault, sizeof(fault), "the slice failed: %.150s",
			       r->error);
	else
		(void)snprintf(fault, sizeof(fault), "%s", plain_fault(r));
	if (!fault[0])
		describe_ledger(r, fault);
	if (why)
		memcpy(why, fault, sizeof(fault));
	return !fault[0];
}

double load_result_seconds(const struct load_result *r)
{
	return r->end_ns > r->start_ns ? (double)(r->end_ns - r->start_ns) / 1e9
				       : 0;
}

const char *load_kind_name(enum load_kind k)
{
	return kind_names[k];
}

const char *receipts_kind_name(enum receipts_kind k)
{
	return receipts_names[k];
}

/* JSON */

static const struct field target_fields[] = {
	FIELD_INT("group", struct load_target, group),
	FIELD_TEXT("dialect", struct load_target, dialect),
	FIELD_TEXT("host", struct load_target, host),
	FIELD_INT("port", struct load_target, port),
	FIELD_TEXT("path", struct load_target, path),
	FIELD_TEXT("nsp", struct load_target, nsp),
	FIELD_TEXT("room", struct load_target, room),
	FIELD_U32("rooms", struct load_target, rooms),
	FIELD_U32("subscribers", struct load_target, subscribers),
	FIELD_U32("first", struct load_target, first),
	FIELD_U32("whole", struct load_target, whole),
	FIELD_BOOL("mute", struct load_target, mute),
	FIELD_U32("connect_rate", struct load_target, connect_rate),
	FIELD_U32("connect_pending", struct load_target, connect_pending),
	FIELD_U64("timeout_ns", struct load_target, timeout_ns),
	FIELD_BOOL("partial", struct load_target, partial),
	FIELD_BOOL("raw", struct load_target, raw),
	FIELD_U64("chunk", struct load_target, chunk),
	FIELD_BOOL("deflate", struct load_target, deflate),
	FIELD_BOOL("reconnect", struct load_target, reconnect),
	FIELD_BOOL("forget", struct load_target, forget),
	FIELD_BOOL("fallback", struct load_target, fallback),
	FIELD_U64("way_ns", struct load_target, way_ns),
	FIELD_U64("poll_ns", struct load_target, poll_ns),
	FIELD_TEXT("publisher_host", struct load_target, publisher_host),
	FIELD_INT("publisher_port", struct load_target, publisher_port),
	FIELD_END,
};

static const struct field connected_fields[] = {
	FIELD_U32("open", struct load_connected, open),
	FIELD_U64("start_ns", struct load_connected, start_ns),
	FIELD_U64("end_ns", struct load_connected, end_ns),
	FIELD_U64("bytes_in", struct load_connected, bytes_in),
	FIELD_U64("bytes_out", struct load_connected, bytes_out),
	FIELD_U64("cpu_ns", struct load_connected, cpu_ns),
	FIELD_HIST("setup", struct load_connected, setup),
	FIELD_TEXT("error", struct load_connected, error),
	FIELD_END,
};

static const struct field plan_fields[] = {
	FIELD_INT("group", struct load_plan, group),
	FIELD_CHOICE("kind", struct load_plan, kind, kind_names),
	FIELD_U64("duration_ns", struct load_plan, duration_ns),
	FIELD_U64("messages", struct load_plan, messages),
	FIELD_U32("window", struct load_plan, window),
	FIELD_DOUBLE("rate", struct load_plan, rate),
	FIELD_U32("burst", struct load_plan, burst),
	FIELD_BOOL("poisson", struct load_plan, poisson),
	FIELD_HEX("seed", struct load_plan, seed),
	FIELD_U32("payload", struct load_plan, payload),
	FIELD_HEX("run", struct load_plan, run),
	FIELD_U64("drain_ns", struct load_plan, drain_ns),
	FIELD_BOOL("spin", struct load_plan, spin),
	FIELD_BOOL("stamps", struct load_plan, stamps),
	FIELD_BOOL("split", struct load_plan, split),
	FIELD_U32("frozen", struct load_plan, frozen),
	FIELD_U32("slow", struct load_plan, slow),
	FIELD_U32("slow_rate", struct load_plan, slow_rate),
	FIELD_DOUBLE("churn", struct load_plan, churn),
	FIELD_END,
};

static const struct field result_fields[] = {
	FIELD_INT("group", struct load_result, group),
	FIELD_CHOICE("kind", struct load_result, kind, kind_names),
	FIELD_U64("start_ns", struct load_result, start_ns),
	FIELD_U64("end_ns", struct load_result, end_ns),
	FIELD_U64("first_ns", struct load_result, first_ns),
	FIELD_U64("messages", struct load_result, messages),
	FIELD_U64("completed", struct load_result, completed),
	FIELD_U64("deliveries", struct load_result, deliveries),
	FIELD_U64("bytes_in", struct load_result, bytes_in),
	FIELD_U64("bytes_out", struct load_result, bytes_out),
	FIELD_U64("publisher_bytes_in", struct load_result, publisher_bytes_in),
	FIELD_U64("publisher_bytes_out", struct load_result,
		  publisher_bytes_out),
	FIELD_U64("http_in", struct load_result, http_in),
	FIELD_U64("http_out", struct load_result, http_out),
	FIELD_U64("segments_in", struct load_result, segments_in),
	FIELD_U64("segments_out", struct load_result, segments_out),
	FIELD_U64("cpu_ns", struct load_result, cpu_ns),
	FIELD_U64("user_ns", struct load_result, user_ns),
	FIELD_U64("system_ns", struct load_result, system_ns),
	FIELD_U64("switches_voluntary", struct load_result, switches_voluntary),
	FIELD_U64("switches_involuntary", struct load_result,
		  switches_involuntary),
	FIELD_DOUBLE("busy", struct load_result, busy),
	FIELD_U32("open", struct load_result, open),
	FIELD_U32("closed", struct load_result, closed),
	FIELD_U32("failed_acks", struct load_result, failed_acks),
	FIELD_U64("lost", struct load_result, lost),
	FIELD_U64("reopened", struct load_result, reopened),
	FIELD_U64("gaps", struct load_result, gaps),
	FIELD_U64("unsent", struct load_result, unsent),
	FIELD_HIST("away", struct load_result, away),
	FIELD_U64("visits", struct load_result, visits),
	FIELD_U32("stuck_open", struct load_result, stuck_open),
	FIELD_U64("stuck_bytes", struct load_result, stuck_bytes),
	FIELD_BOOL("timed_out", struct load_result, timed_out),
	FIELD_HIST("ack", struct load_result, ack),
	FIELD_HIST("lag", struct load_result, lag),
	FIELD_HIST("kernel", struct load_result, kernel),
	FIELD_HIST("client_lag", struct load_result, client_lag),
	FIELD_TEXT("error", struct load_result, error),
	FIELD_END,
};

static const struct field intended_fields[] = {
	FIELD_HIST("first", struct load_result, from_intended[RECEIPTS_FIRST]),
	FIELD_HIST("median", struct load_result,
		   from_intended[RECEIPTS_MEDIAN]),
	FIELD_HIST("last", struct load_result, from_intended[RECEIPTS_LAST]),
	FIELD_HIST("all", struct load_result, from_intended[RECEIPTS_ALL]),
	FIELD_END,
};

static const struct field sent_fields[] = {
	FIELD_HIST("first", struct load_result, from_sent[RECEIPTS_FIRST]),
	FIELD_HIST("median", struct load_result, from_sent[RECEIPTS_MEDIAN]),
	FIELD_HIST("last", struct load_result, from_sent[RECEIPTS_LAST]),
	FIELD_HIST("all", struct load_result, from_sent[RECEIPTS_ALL]),
	FIELD_END,
};

struct cJSON *load_target_to_json(const struct load_target *t)
{
	return field_to_json(target_fields, t);
}

struct cJSON *load_connected_to_json(const struct load_connected *c)
{
	return field_to_json(connected_fields, c);
}

struct cJSON *load_plan_to_json(const struct load_plan *p)
{
	return field_to_json(plan_fields, p);
}

struct cJSON *load_result_to_json(const struct load_result *r)
{
	cJSON *json = field_to_json(result_fields, r);

	CHECK(cJSON_AddItemToObject(json, "ledger",
				    ledger_to_json(&r->ledger)));
	CHECK(cJSON_AddItemToObject(json, "from_intended",
				    field_to_json(intended_fields, r)));
	CHECK(cJSON_AddItemToObject(json, "from_sent",
				    field_to_json(sent_fields, r)));
	return json;
}

enum err load_target_from_json(struct load_target *t, const struct cJSON *json)
{
	return field_from_json(target_fields, t, json);
}

enum err load_connected_from_json(struct load_connected *c,
				  const struct cJSON *json)
{
	return field_from_json(connected_fields, c, json);
}

enum err load_plan_from_json(struct load_plan *p, const struct cJSON *json)
{
	return field_from_json(plan_fields, p, json);
}

enum err load_result_from_json(struct load_result *r, const struct cJSON *json)
{
	enum err e = field_from_json(result_fields, r, json);

	if (!e)
		e = ledger_from_json(
			&r->ledger,
			cJSON_GetObjectItemCaseSensitive(json, "ledger"));
	if (!e)
		e = field_from_json(intended_fields, r,
				    cJSON_GetObjectItemCaseSensitive(
					    json, "from_intended"));
	if (!e)
		e = field_from_json(
			sent_fields, r,
			cJSON_GetObjectItemCaseSensitive(json, "from_sent"));
	return e;
}
