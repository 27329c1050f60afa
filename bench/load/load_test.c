/* SPDX-License-Identifier: MIT */
#include "bench/load/load.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>

/* Once through text, as between the processes. */
static cJSON *through_text(cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);
	cJSON *back = cJSON_Parse(text);

	cJSON_Delete(json);
	cJSON_free(text);
	cr_assert_not_null(back);
	return back;
}

Test(load, target_there_and_back)
{
	struct load_target t = {
		.group = 3,
		.dialect = "longpoll",
		.host = "127.0.0.1",
		.port = 8080,
		.nsp = "/x",
		.room = "a \"b\"",
		.subscribers = 9000,
		.connect_rate = 500,
		.timeout_ns = UINT64_C(60000000000),
		.partial = true,
		.raw = true,
		.way_ns = 300000000,
		.poll_ns = 5000000000,
		.chunk = 65536,
	};
	struct load_target back = {0};
	cJSON *json = through_text(load_target_to_json(&t));

	cr_assert_eq(load_target_from_json(&back, json), ERR_OK);
	cr_assert_eq(back.group, 3);
	cr_assert_str_eq(back.dialect, "longpoll");
	cr_assert_str_eq(back.host, "127.0.0.1");
	cr_assert_eq(back.port, 8080);
	cr_assert_str_eq(back.path, "");
	cr_assert_str_eq(back.nsp, "/x");
	cr_assert_str_eq(back.room, "a \"b\"");
	cr_assert_eq(back.subscribers, 9000);
	cr_assert_eq(back.connect_rate, 500);
	cr_assert_eq(back.timeout_ns, t.timeout_ns);
	cr_assert(back.partial);
	cr_assert(back.raw);
	cr_assert_eq(back.way_ns, t.way_ns);
	cr_assert_eq(back.poll_ns, t.poll_ns);
	cr_assert_eq(back.chunk, t.chunk);
	cJSON_ReplaceItemInObject(json, "subscribers", cJSON_CreateNumber(-1));
	cr_assert_eq(load_target_from_json(&back, json), ERR_PROTO);
	cJSON_Delete(json);
}

Test(load, plan_there_and_back)
{
	struct load_plan p = {
		.group = 1,
		.kind = LOAD_OPEN,
		.duration_ns = 1500000000,
		.rate = 123.456,
		.burst = 4,
		.poisson = true,
		.seed = UINT64_MAX,
		.payload = 5200,
		.run = UINT64_C(0x8000000000000001),
		.spin = true,
	};
	struct load_plan back = {0};
	cJSON *json = through_text(load_plan_to_json(&p));

	cr_assert_eq(load_plan_from_json(&back, json), ERR_OK);
	cr_assert_eq(back.kind, LOAD_OPEN);
	cr_assert_eq(back.rate, p.rate);
	cr_assert_eq(back.seed, p.seed);
	cr_assert_eq(back.run, p.run);
	cr_assert_eq(back.payload, 5200);
	cr_assert(back.poisson && back.spin);
	cJSON_ReplaceItemInObject(json, "kind", cJSON_CreateString("sideways"));
	cr_assert_eq(load_plan_from_json(&back, json), ERR_PROTO);
	cJSON_Delete(json);
}

static void fill(struct load_result *r)
{
	load_result_init(r);
	r->kind = LOAD_RTT;
	r->start_ns = 10;
	r->first_ns = 11;
	r->end_ns = UINT64_C(2000000010);
	r->messages = 2;
	r->completed = 2;
	r->user_ns = 77;
	r->busy = 0.25;
	r->ledger.sent = 2;
	r->ledger.digest = UINT64_MAX;
	r->ledger.expected = UINT64_MAX;
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		hist_record(&r->from_intended[i], 100 + (uint64_t)i);
		hist_record(&r->from_sent[i], 200 + (uint64_t)i);
	}
	hist_record(&r->ack, 300);
	hist_record(&r->lag, 400);
}

Test(load, result_there_and_back)
{
	struct load_result r, back;
	cJSON *json;

	fill(&r);
	load_result_init(&back);
	json = through_text(load_result_to_json(&r));
	cr_assert_eq(load_result_from_json(&back, json), ERR_OK);
	cr_assert_eq(back.kind, LOAD_RTT);
	cr_assert_eq(back.first_ns, 11);
	cr_assert_eq(back.user_ns, 77);
	cr_assert_eq(back.busy, 0.25);
	cr_assert_eq(back.ledger.digest, UINT64_MAX);
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		cr_assert_eq(back.from_intended[i].max, 100 + (uint64_t)i);
		cr_assert_eq(back.from_sent[i].max, 200 + (uint64_t)i);
	}
	cr_assert_eq(hist_count_at(&back.ack, 300), 1);
	cr_assert_eq(hist_count_at(&back.lag, 400), 1);
	cr_assert_eq(load_result_seconds(&back), 2.0);
	cJSON_DeleteItemFromObject(json, "from_sent");
	cr_assert_eq(load_result_from_json(&back, json), ERR_PROTO);
	cJSON_Delete(json);
	load_result_release(&r);
	load_result_release(&back);
}

Test(load, connected_there_and_back)
{
	struct load_connected c, back;
	cJSON *json;

	load_connected_init(&c);
	load_connected_init(&back);
	c.open = 5;
	hist_record(&c.setup, 1234);
	(void)snprintf(c.error, sizeof(c.error), "no \"luck\"");
	json = through_text(load_connected_to_json(&c));
	cr_assert_eq(load_connected_from_json(&back, json), ERR_OK);
	cr_assert_eq(back.open, 5);
	cr_assert_eq(back.setup.max, 1234);
	cr_assert_str_eq(back.error, "no \"luck\"");
	cJSON_Delete(json);
	load_connected_release(&c);
	load_connected_release(&back);
}

static const char *fault_of(const struct load_result *r)
{
	static char why[LOAD_WHY];

	cr_assert_eq(load_result_valid(r, why), why[0] == '\0');
	cr_assert_eq(load_result_valid(r, NULL), why[0] == '\0');
	return why;
}

/* What proves most comes first, and no kind hides another. */
Test(load, says_what_makes_a_slice_invalid)
{
	struct load_result r;

	fill(&r);
	cr_assert_str_eq(fault_of(&r), "");
	r.ledger.delivered = 5999;
	r.ledger.expected = 1;
	cr_assert_str_eq(fault_of(&r),
			 "the digest is not that of what was sent");
	r.ledger.lost = 1;
	cr_assert_str_eq(fault_of(&r), "1 lost of 6,000 deliveries");
	r.timed_out = true;
	cr_assert_str_eq(fault_of(&r),
			 "1 lost of 6,000 deliveries, not there in time");
	r.ledger.reordered = 2;
	cr_assert_str_eq(fault_of(&r),
			 "2 reordered, 1 lost of 6,000 deliveries");
	r.ledger.stray = 3;
	cr_assert_str_eq(fault_of(&r), "3 from another slice, 2 reordered, 1 "
				       "lost of 6,000 deliveries");
	r.ledger.other_room = 2;
	r.ledger.corrupt = 12345;
	r.ledger.duplicated = 4;
	cr_assert_str_eq(fault_of(&r),
			 "12,345 corrupt, 4 duplicated, 2 from another room, 1 "
			 "from another slice, 2 reordered, 1 lost of 6,000 "
			 "deliveries");
	r.messages = 0;
	cr_assert_str_eq(fault_of(&r), "nothing was sent");
	r.failed_acks = 1;
	cr_assert_str_eq(fault_of(&r), "publishing was refused");
	r.closed = 1;
	cr_assert_str_eq(fault_of(&r), "connections were closed");
	(void)snprintf(r.error, sizeof(r.error), "subscriber: gone");
	cr_assert_str_eq(fault_of(&r), "the slice failed: subscriber: gone");
	load_result_release(&r);
}

Test(load, what_is_not_answered_in_time_is_said_without_a_ledger)
{
	struct load_result r;

	fill(&r);
	r.timed_out = true;
	cr_assert_str_eq(fault_of(&r),
			 "messages or answers did not arrive in time");
	load_result_release(&r);
}

/* Nothing is sent in it, so that whatever comes is too much. */
Test(load, an_idle_slice_has_a_ledger_too)
{
	struct load_result r;

	load_result_init(&r);
	r.kind = LOAD_IDLE;
	cr_assert_str_eq(fault_of(&r), "");
	r.ledger.duplicated = 2;
	cr_assert_str_eq(fault_of(&r), "2 duplicated");
	load_result_release(&r);
}

Test(load, names)
{
	cr_assert_str_eq(load_kind_name(LOAD_CLOSED), "closed");
	cr_assert_str_eq(load_kind_name(LOAD_IDLE), "idle");
	cr_assert_str_eq(receipts_kind_name(RECEIPTS_ALL), "all");
}
