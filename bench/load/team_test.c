/* SPDX-License-Identifier: MIT */
#include "bench/load/team.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "bench/load/test_bare.h"

#define N 50
#define MS ((uint64_t)1000000)

static struct test_bare server;
static struct team *team;

static void set_up(void)
{
	test_bare_start(&server);
}

static void tear_down(void)
{
	team_stop(team);
	cr_assert_eq(test_bare_stop(&server), 0);
}

TestSuite(team, .init = set_up, .fini = tear_down, .timeout = 120);

static void start(uint32_t workers)
{
	struct team_options o = {.workers = workers};

	team_stop(team);
	cr_assert_eq(team_start(&o, &team), ERR_OK);
	cr_assert_eq(team_size(team), workers);
}

static struct load_target target(uint32_t rooms)
{
	struct load_target t = {
		.dialect = "bare",
		.host = "127.0.0.1",
		.port = server.port,
		.room = "r",
		.subscribers = N,
		.rooms = rooms,
	};

	return t;
}

static void wait_for_all(void)
{
	enum err e;

	do {
		e = team_wait(team, -1);
	} while (e == ERR_AGAIN);
	cr_assert_eq(e, ERR_OK);
}

static void connect_all(struct load_target t)
{
	struct load_connected c;

	load_connected_init(&c);
	cr_assert_eq(team_begin_connect(team, &t), ERR_OK);
	wait_for_all();
	cr_assert_eq(team_take_connected(team, &c), ERR_OK);
	cr_assert_str_eq(c.error, "");
	cr_assert_eq(c.open, t.subscribers);
	cr_assert_eq(c.setup.total, t.subscribers);
	/* One publisher, however many workers. */
	cr_assert_eq(c.bytes_in, (t.subscribers + 1) * 8);
	load_connected_release(&c);
}

static void run(const struct load_plan *p, struct load_result *r)
{
	char why[LOAD_WHY];

	load_result_init(r);
	cr_assert_eq(team_begin_run(team, p), ERR_OK);
	wait_for_all();
	cr_assert_eq(team_take_result(team, r), ERR_OK);
	cr_assert(load_result_valid(r, why), "%s %s", why, r->error);
}

static void assert_whole(const struct load_result *r, uint64_t messages)
{
	cr_assert_eq(r->open, N);
	cr_assert_eq(r->messages, messages);
	cr_assert_eq(r->completed, messages);
	cr_assert_eq(r->deliveries, messages * N);
	cr_assert_eq(r->ledger.subscribers, N);
	cr_assert_eq(r->ledger.sent, messages);
	cr_assert_eq(r->ledger.delivered, messages * N);
	cr_assert_eq(r->bytes_in, messages * N * (128 + 8));
	cr_assert_eq(r->publisher_bytes_out, messages * (128 + 8));
	for (int k = 0; k < RECEIPTS_ALL; k++)
		cr_assert_eq(r->from_intended[k].total, messages);
	cr_assert_eq(r->from_intended[RECEIPTS_ALL].total, messages * N);
	cr_assert_leq(r->from_intended[RECEIPTS_FIRST].max,
		      r->from_intended[RECEIPTS_LAST].max);
	cr_assert_eq(r->from_intended[RECEIPTS_LAST].max,
		     r->from_intended[RECEIPTS_ALL].max);
	cr_assert_eq(r->from_intended[RECEIPTS_FIRST].min,
		     r->from_intended[RECEIPTS_ALL].min);
	cr_assert_geq(r->first_ns, r->start_ns);
	cr_assert_gt(r->end_ns, r->first_ns);
	cr_assert_gt(r->cpu_ns, 0);
}

Test(team, has_the_digest_of_one_worker_in_every_loop)
{
	struct load_plan p = {.messages = 200, .rate = 4000};
	uint64_t digest = 0;

	for (uint32_t workers = 1; workers <= 4; workers++) {
		start(workers);
		connect_all(target(1));
		for (unsigned i = 0; i < 4; i++) {
			struct load_result r;

			p.kind = i == 3 ? LOAD_OPEN : LOAD_CLOSED;
			p.window = 1 + i * 7;
			p.run++;
			run(&p, &r);
			assert_whole(&r, 200);
			digest = digest ? digest : r.ledger.digest;
			cr_assert_eq(r.ledger.digest, digest);
			load_result_release(&r);
		}
	}
}

/* 50 members in 23 rooms over 5 workers: some have none of some rooms. */
Test(team, shares_rooms)
{
	struct load_plan p = {.kind = LOAD_CLOSED, .messages = 100, .run = 1};
	uint64_t digest = 0;

	for (uint32_t workers = 1; workers <= 5; workers += 4) {
		start(workers);
		connect_all(target(23));
		for (p.window = 1; p.window < 40; p.window += 19) {
			struct load_result r;

			p.run++;
			run(&p, &r);
			/* Rooms 0 to 3 have three, and five messages or four.
			 */
			cr_assert_eq(r.deliveries, 100 * 2 + 4 * 5);
			cr_assert_eq(r.completed, 100);
			digest = digest ? digest : r.ledger.digest;
			cr_assert_eq(r.ledger.digest, digest);
			load_result_release(&r);
		}
	}
}

Test(team, keeps_an_open_schedule_with_stamps)
{
	struct load_plan p = {.kind = LOAD_OPEN,
			      .duration_ns = 300 * MS,
			      .rate = 200,
			      .stamps = true,
			      .run = 1};
	struct load_result r;

	start(3);
	connect_all(target(1));
	for (; p.run < 4; p.run++) {
		run(&p, &r);
		assert_whole(&r, 60);
		cr_assert_eq(r.lag.total, 60);
		cr_assert_eq(r.from_sent[RECEIPTS_MEDIAN].total, 60);
		cr_assert_eq(r.kernel.total, r.client_lag.total);
		cr_assert_geq(r.end_ns - r.start_ns, 300 * MS);
		/* Corrected latency holds the send lag, uncorrected does not.
		 */
		cr_assert_float_eq(
			hist_mean(&r.from_intended[RECEIPTS_LAST]) -
				hist_mean(&r.from_sent[RECEIPTS_LAST]),
			hist_mean(&r.lag), 2000);
		load_result_release(&r);
	}
}

Test(team, idles_and_answers_and_freezes)
{
	struct load_plan p = {
		.kind = LOAD_RTT, .messages = 50, .run = 1, .frozen = 2};
	struct load_result r;

	start(2);
	connect_all(target(1));
	run(&p, &r);
	cr_assert_eq(r.ack.total, 50);
	cr_assert_eq(r.completed, 50);
	cr_assert_eq(r.deliveries, 50 * N);
	load_result_release(&r);
	p = (struct load_plan){
		.kind = LOAD_IDLE, .duration_ns = 50 * MS, .run = 2};
	run(&p, &r);
	cr_assert_eq(r.messages, 0);
	cr_assert_geq(r.end_ns - r.start_ns, 50 * MS);
	load_result_release(&r);
	cr_assert_eq(team_begin_disconnect(team, 0), ERR_OK);
	wait_for_all();
	cr_assert_eq(team_take_disconnected(team), ERR_OK);
}

/* More workers than subscribers: some only look on. */
Test(team, may_be_larger_than_the_group)
{
	struct load_plan p = {.kind = LOAD_CLOSED, .messages = 50, .run = 1};
	struct load_target t = target(1);
	struct load_result r;

	start(4);
	t.subscribers = 2;
	connect_all(t);
	run(&p, &r);
	cr_assert_eq(r.deliveries, 100);
	load_result_release(&r);
}

Test(team, has_no_partial_groups)
{
	struct load_target t = target(1);
	struct load_connected c;

	start(2);
	t.partial = true;
	load_connected_init(&c);
	cr_assert_eq(team_begin_connect(team, &t), ERR_OK);
	wait_for_all();
	cr_assert_eq(team_take_connected(team, &c), ERR_OK);
	cr_assert_not_null(strstr(c.error, "such a group cannot be made"));
	load_connected_release(&c);
}

Test(team, tells_which_worker_died_in_a_slice)
{
	static const char *const words[] = {
		"load worker 1 of 3 was killed by signal 9 (Killed)",
		"load worker 2 of 3 was killed by signal 9 (Killed)",
		"load worker 3 of 3 was killed by signal 9 (Killed)",
	};
	struct load_plan p = {
		.kind = LOAD_CLOSED, .duration_ns = 60000 * MS, .run = 1};

	for (uint32_t i = 0; i < 3; i++) {
		char reason[192];

		start(3);
		connect_all(target(1));
		cr_assert_eq(team_begin_run(team, &p), ERR_OK);
		cr_assert_eq(team_begin_run(team, &p), ERR_AGAIN);
		cr_assert_eq(team_wait(team, 50), ERR_AGAIN);
		(void)kill(team_pid(team, i), SIGKILL);
		cr_assert_eq(team_wait(team, -1), ERR_CLOSED);
		team_reason(team, reason, sizeof(reason));
		cr_assert_str_eq(reason, words[i]);
	}
}

/* Whose connections are gone ends the slice of all, at once. */
Test(team, a_server_that_dies_ends_the_slice)
{
	struct load_plan p = {
		.kind = LOAD_CLOSED, .duration_ns = 60000 * MS, .run = 1};
	struct load_target t = target(1);
	struct test_bare other;
	struct load_result r;

	test_bare_start(&other);
	t.port = other.port;
	start(3);
	connect_all(t);
	cr_assert_eq(team_begin_run(team, &p), ERR_OK);
	cr_assert_eq(team_wait(team, 50), ERR_AGAIN);
	(void)kill(other.pid, SIGKILL);
	wait_for_all();
	load_result_init(&r);
	cr_assert_eq(team_take_result(team, &r), ERR_OK);
	cr_assert_gt(r.closed, 0);
	cr_assert_not(load_result_valid(&r, NULL));
	load_result_release(&r);
	cr_assert_eq(test_bare_stop(&other), -1);
}

/* One that cannot take part must not leave the others waiting. */
Test(team, a_plan_that_cannot_be_run_ends_for_all)
{
	struct load_plan p = {.kind = LOAD_OPEN, .duration_ns = MS, .run = 1};
	struct load_result r;

	start(3);
	connect_all(target(1));
	load_result_init(&r);
	cr_assert_eq(team_begin_run(team, &p), ERR_OK);
	wait_for_all();
	cr_assert_eq(team_take_result(team, &r), ERR_OK);
	cr_assert_str_eq(r.error, "worker 1 of 3: the plan cannot be run");
	load_result_release(&r);
	/* And the team is as good as before. */
	p = (struct load_plan){.kind = LOAD_CLOSED, .messages = 20, .run = 2};
	run(&p, &r);
	assert_whole(&r, 20);
	load_result_release(&r);
}

Test(team, tells_which_worker_cannot_connect)
{
	struct load_target t = target(1);
	struct load_connected c;

	start(2);
	t.port = 1;
	load_connected_init(&c);
	cr_assert_eq(team_begin_connect(team, &t), ERR_OK);
	wait_for_all();
	cr_assert_eq(team_take_connected(team, &c), ERR_OK);
	cr_assert_eq(c.open, 0);
	cr_assert_eq(strncmp(c.error, "worker 1 of 2: ", 15), 0, "%s", c.error);
	load_connected_release(&c);
}
