/* SPDX-License-Identifier: MIT */
#include "bench/load/company.h"

#include <criterion/criterion.h>
#include <string.h>

#include "bench/load/test_bare.h"
#include "bench/load/worker.h"

#define N 20
#define MS ((uint64_t)1000000)
#define MESSAGE 8192
#define FRAME (MESSAGE + 8)

static struct test_bare server;
static struct worker *worker;

static void set_up(void)
{
	struct load_target t = {.dialect = "bare",
				.host = "127.0.0.1",
				.room = "r",
				.subscribers = N};
	struct load_connected c;

	test_bare_start(&server);
	t.port = server.port;
	cr_assert_eq(worker_start(-1, &worker), ERR_OK);
	load_connected_init(&c);
	cr_assert_eq(worker_connect(worker, &t, &c), ERR_OK, "%s", c.error);
	load_connected_release(&c);
}

static void tear_down(void)
{
	worker_stop(worker);
	cr_assert_eq(test_bare_stop(&server), 0);
}

TestSuite(company, .init = set_up, .fini = tear_down, .timeout = 300);

static void run(struct load_plan p, struct load_result *r)
{
	char why[LOAD_WHY];

	load_result_init(r);
	cr_assert_eq(worker_run(worker, &p, r), ERR_OK, "%s", r->error);
	cr_assert(load_result_valid(r, why), "%s", why);
	cr_assert_eq(r->ledger.delivered, r->messages * N,
		     "company is in no ledger");
}

/* All that was sent waits for one that never reads. */
Test(company, the_kernel_keeps_what_frozen_ones_do_not_read)
{
	struct load_result r;

	run((struct load_plan){.kind = LOAD_CLOSED,
			       .messages = 50,
			       .payload = MESSAGE,
			       .run = 1,
			       .frozen = 3},
	    &r);
	cr_assert_eq(r.stuck_open, 3);
	cr_assert_geq(r.stuck_bytes, 3 * 50 * FRAME);
	cr_assert_leq(r.stuck_bytes, 2 * 3 * 50 * FRAME, "unacknowledged");
	cr_assert_eq(r.visits, 0);
	load_result_release(&r);
	run((struct load_plan){.kind = LOAD_CLOSED, .messages = 5, .run = 2},
	    &r);
	cr_assert_eq(r.stuck_open, 0, "they left with their slice");
	cr_assert_eq(r.stuck_bytes, 0);
	load_result_release(&r);
}

/* 200 messages in a second, of which less than the half can be read. */
Test(company, slow_ones_read_at_their_rate)
{
	struct load_result r;
	uint64_t sent, rate = 400000, read;

	run((struct load_plan){.kind = LOAD_OPEN,
			       .duration_ns = 1000 * MS,
			       .rate = 200,
			       .payload = MESSAGE,
			       .run = 1,
			       .slow = 1,
			       .slow_rate = (uint32_t)rate},
	    &r);
	sent = r.messages * FRAME;
	cr_assert_eq(r.stuck_open, 1);
	cr_assert_lt(r.stuck_bytes, sent);
	read = sent - r.stuck_bytes;
	cr_assert_leq(read,
		      rate * (r.end_ns - r.start_ns + 200 * MS) / (1000 * MS));
	load_result_release(&r);
}

Test(company, visitors_come_and_go)
{
	struct load_result r;

	run((struct load_plan){.kind = LOAD_OPEN,
			       .duration_ns = 1500 * MS,
			       .rate = 100,
			       .run = 1,
			       .churn = 50},
	    &r);
	cr_assert_gt(r.visits, 10);
	cr_assert_leq(r.visits, 80);
	load_result_release(&r);
}

/* The server is gone, and with it the slice. */
Test(company, that_cannot_come_is_why_a_slice_is_of_no_use)
{
	struct load_plan p = {.kind = LOAD_IDLE,
			      .duration_ns = 50 * MS,
			      .run = 1,
			      .frozen = 1};
	struct load_result r;

	load_result_init(&r);
	cr_assert_eq(test_bare_stop(&server), 0);
	cr_assert_eq(worker_run(worker, &p, &r), ERR_IO);
	cr_assert(strstr(r.error, "a subscriber that gets stuck: "), "%s",
		  r.error);
	load_result_release(&r);
	test_bare_start(&server);
}
