/* SPDX-License-Identifier: MIT */
#include "bench/load/worker.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/descriptors.h"
#include "bench/load/test_bare.h"

#define N 50
#define MS ((uint64_t)1000000)

static struct test_bare server;
static struct worker *worker;

static struct load_target target(int group)
{
	struct load_target t = {
		.group = group,
		.dialect = "bare",
		.host = "127.0.0.1",
		.port = server.port,
		.room = "r",
		.subscribers = N,
	};

	return t;
}

static void connect_group(struct load_target t)
{
	struct load_connected c;

	load_connected_init(&c);
	cr_assert_eq(worker_connect(worker, &t, &c), ERR_OK, "%s", c.error);
	cr_assert_eq(c.open, t.subscribers);
	cr_assert_eq(c.setup.total, t.raw ? 1 : t.subscribers);
	cr_assert_gt(c.end_ns, c.start_ns);
	cr_assert_eq(c.bytes_out, t.subscribers + 1, "'S' each and 'P'");
	cr_assert_eq(c.bytes_in, (t.subscribers + 1) * 8, "a ready frame each");
	load_connected_release(&c);
}

static void set_up(void)
{
	test_bare_start(&server);
	cr_assert_eq(worker_start(-1, &worker), ERR_OK);
}

static void tear_down(void)
{
	worker_stop(worker);
	cr_assert_eq(test_bare_stop(&server), 0);
}

static void run(struct load_plan *p, struct load_result *r)
{
	char why[LOAD_WHY];

	load_result_init(r);
	cr_assert_eq(worker_run(worker, p, r), ERR_OK, "%s", r->error);
	cr_assert(load_result_valid(r, why), "%s", why);
}

TestSuite(worker, .init = set_up, .fini = tear_down, .timeout = 300);

static void assert_closed(const struct load_result *r, uint64_t messages)
{
	cr_assert_eq(r->open, N);
	cr_assert_eq(r->messages, messages);
	cr_assert_eq(r->completed, messages);
	cr_assert_eq(r->deliveries, messages * N);
	cr_assert_eq(r->ledger.delivered, messages * N);
	cr_assert_eq(r->bytes_in, messages * N * (128 + 8));
	cr_assert_eq(r->publisher_bytes_out, messages * (128 + 8));
	cr_assert_eq(r->bytes_out, r->publisher_bytes_out);
	cr_assert_eq(r->from_intended[RECEIPTS_LAST].total, messages);
	cr_assert_eq(r->from_intended[RECEIPTS_ALL].total, messages * N);
	cr_assert_eq(r->from_sent[RECEIPTS_ALL].total, 0);
	cr_assert_leq(r->from_intended[RECEIPTS_FIRST].max,
		      r->from_intended[RECEIPTS_LAST].max);
	cr_assert_gt(r->cpu_ns, 0);
	cr_assert_geq(r->first_ns, r->start_ns);
	cr_assert_gt(r->end_ns, r->first_ns);
	cr_assert(r->busy > 0 && r->busy <= 1.05, "%f", r->busy);
}

Test(worker, closed_loop_delivers_everything_with_one_digest)
{
	struct load_plan p = {.kind = LOAD_CLOSED, .messages = 200, .run = 1};
	struct load_result one, sixteen;

	connect_group(target(0));
	run(&p, &one);
	assert_closed(&one, 200);
	p.window = 16;
	p.run = 2;
	run(&p, &sixteen);
	assert_closed(&sixteen, 200);
	cr_assert_neq(one.ledger.digest, 0);
	cr_assert_eq(one.ledger.digest, sixteen.ledger.digest);
	cr_assert_gt(one.switches_voluntary, 0);
	load_result_release(&one);
	load_result_release(&sixteen);
}

/* Who does not read is there, is not timed, and leaves with the slice. */
Test(worker, frozen_subscribers_are_no_part_of_what_is_measured)
{
	struct load_plan p = {
		.kind = LOAD_CLOSED, .messages = 100, .run = 1, .frozen = 3};
	struct load_result r;

	connect_group(target(0));
	for (p.run = 1; p.run < 4; p.run++) {
		p.frozen = p.run % 2 ? 3 : 0;
		run(&p, &r);
		assert_closed(&r, 100);
		load_result_release(&r);
	}
}

/* 50 subscribers in 7 rooms: one room has 8, the others 7. */
Test(worker, rooms_get_their_own_messages_and_no_others)
{
	struct load_plan p = {
		.kind = LOAD_CLOSED, .messages = 71, .run = 1, .window = 5};
	struct load_target t = target(0);
	struct load_connected c;
	struct load_result r;

	t.rooms = 7;
	load_connected_init(&c);
	cr_assert_eq(worker_connect(worker, &t, &c), ERR_OK, "%s", c.error);
	load_connected_release(&c);
	for (p.run = 1; p.run < 3; p.run++) {
		run(&p, &r);
		cr_assert_eq(r.completed, 71);
		cr_assert_eq(r.deliveries, 71 * 7 + 11, "room 0 has one more");
		cr_assert_eq(r.ledger.delivered, r.deliveries);
		cr_assert_eq(r.from_intended[RECEIPTS_LAST].total, 71);
		cr_assert_eq(r.from_intended[RECEIPTS_ALL].total, r.deliveries);
		load_result_release(&r);
	}
}

/* See conn_test.c about the first bytes. */
Test(worker, stamps_of_the_kernel_stand_beside_the_workers)
{
	struct load_plan p = {.kind = LOAD_OPEN,
			      .messages = 100,
			      .rate = 500,
			      .stamps = true};
	struct load_result r;

	connect_group(target(0));
	for (p.run = 1; p.run < 4; p.run++) {
		p.kind = p.run == 2 ? LOAD_CLOSED : LOAD_OPEN;
		p.stamps = p.run != 3;
		run(&p, &r);
		cr_assert_eq(r.kernel.total, r.client_lag.total);
		cr_assert_leq(r.kernel.total, p.stamps ? 100 * N : 0);
		cr_assert(p.run != 2 || r.kernel.total > 0);
		cr_assert_leq(r.client_lag.max,
			      r.from_intended[RECEIPTS_ALL].max + MS);
		load_result_release(&r);
	}
}

Test(worker, rooms_that_stay_empty_are_not_made)
{
	struct load_target t = target(0);
	struct load_connected c;

	t.rooms = N + 1;
	load_connected_init(&c);
	cr_assert_eq(worker_connect(worker, &t, &c), ERR_IO);
	cr_assert_str_eq(c.error, "such a group cannot be made");
	load_connected_release(&c);
}

Test(worker, closed_loop_lasts_as_long_as_planned)
{
	struct load_plan p = {
		.kind = LOAD_CLOSED, .duration_ns = 200 * MS, .run = 1};
	struct load_result r;

	connect_group(target(0));
	run(&p, &r);
	assert_closed(&r, r.messages);
	cr_assert_gt(r.messages, 10);
	cr_assert_geq(r.end_ns - r.start_ns, 150 * MS);
	cr_assert_leq(r.end_ns - r.start_ns, 1000 * MS);
	load_result_release(&r);
}

Test(worker, open_loop_keeps_its_schedule)
{
	struct load_plan p = {.kind = LOAD_OPEN,
			      .duration_ns = 500 * MS,
			      .rate = 200,
			      .run = 7};
	struct load_result r;

	connect_group(target(0));
	run(&p, &r);
	cr_assert_eq(r.messages, 100);
	cr_assert_eq(r.deliveries, 100 * N);
	cr_assert_eq(r.lag.total, 100);
	cr_assert_eq(r.from_sent[RECEIPTS_MEDIAN].total, 100);
	cr_assert_geq(r.end_ns - r.start_ns, 500 * MS);
	cr_assert_leq(r.end_ns - r.start_ns, 800 * MS);
	/* Corrected latency holds the send lag, uncorrected does not. */
	cr_assert_geq(hist_mean(&r.from_intended[RECEIPTS_LAST]),
		      hist_mean(&r.from_sent[RECEIPTS_LAST]));
	cr_assert_float_eq(hist_mean(&r.from_intended[RECEIPTS_LAST]) -
				   hist_mean(&r.from_sent[RECEIPTS_LAST]),
			   hist_mean(&r.lag), 2000);
	load_result_release(&r);
}

Test(worker, open_loop_sends_bursts_at_the_same_rate)
{
	struct load_plan p = {.kind = LOAD_OPEN,
			      .duration_ns = 400 * MS,
			      .rate = 200,
			      .burst = 8,
			      .spin = true,
			      .run = 7};
	struct load_result r;

	connect_group(target(0));
	run(&p, &r);
	cr_assert_eq(r.messages, 80);
	cr_assert_lt(r.busy, 0.9, "spinning is not being busy: %f", r.busy);
	load_result_release(&r);
}

Test(worker, request_and_answer_without_and_with_subscribers)
{
	struct load_plan p = {.kind = LOAD_RTT, .messages = 100, .run = 1};
	struct load_target alone = target(0);
	struct load_result r;

	alone.subscribers = 0;
	connect_group(alone);
	run(&p, &r);
	cr_assert_eq(r.messages, 100);
	cr_assert_eq(r.completed, 100);
	cr_assert_eq(r.deliveries, 0);
	cr_assert_eq(r.ack.total, 100);
	cr_assert_eq(r.bytes_in, 800);
	load_result_release(&r);

	connect_group(target(1));
	p.group = 1;
	run(&p, &r);
	cr_assert_eq(r.ack.total, 100);
	cr_assert_eq(r.deliveries, 100 * N);
	load_result_release(&r);
}

Test(worker, idle_costs_next_to_nothing)
{
	struct load_plan p = {
		.kind = LOAD_IDLE, .duration_ns = 100 * MS, .run = 1};
	struct load_result r;

	connect_group(target(0));
	run(&p, &r);
	cr_assert_eq(r.messages, 0);
	cr_assert_eq(r.bytes_in, 0);
	cr_assert_geq(r.end_ns - r.start_ns, 100 * MS);
	cr_assert_lt(r.busy, 0.2);
	load_result_release(&r);
}

Test(worker, raw_subscribers_count_the_same_bytes)
{
	struct load_plan p = {.kind = LOAD_CLOSED, .messages = 100, .run = 1};
	struct load_target t = target(3);
	struct load_result r;

	t.raw = true;
	connect_group(t);
	p.group = 3;
	run(&p, &r);
	cr_assert_eq(r.messages, 100);
	cr_assert_eq(r.deliveries, 100 * N);
	cr_assert_eq(r.bytes_in, 100 * N * (128 + 8));
	cr_assert_eq(r.from_intended[RECEIPTS_ALL].total, 0);
	load_result_release(&r);
}

Test(worker, groups_stay_open_beside_each_other)
{
	struct load_plan p = {.kind = LOAD_CLOSED, .messages = 20, .run = 1};
	struct load_result r;
	struct test_bare other;
	struct load_target t = target(1);

	test_bare_start(&other);
	t.port = other.port;
	connect_group(target(0));
	connect_group(t);
	for (int i = 0; i < 4; i++) {
		p.group = i == 1 || i == 2;
		p.run++;
		run(&p, &r);
		cr_assert_eq(r.group, p.group);
		cr_assert_eq(r.deliveries, 20 * N);
		load_result_release(&r);
	}
	cr_assert_eq(worker_disconnect(worker, 1), ERR_OK);
	load_result_init(&r);
	p.group = 1;
	cr_assert_eq(worker_run(worker, &p, &r), ERR_IO);
	cr_assert_str_eq(r.error, "the group is not connected");
	load_result_release(&r);
	cr_assert_eq(test_bare_stop(&other), 0);
}

/*
 * Two groups in one room hear each other: what comes while a group has no slice
 * is in the ledger of its next, also in that of a silence behind the last.
 */
Test(worker, what_comes_between_slices_is_in_the_next_ledger)
{
	struct load_plan p = {.kind = LOAD_CLOSED, .messages = 20, .run = 1};
	struct load_result r;
	char why[LOAD_WHY];

	connect_group(target(0));
	connect_group(target(1));
	run(&p, &r);
	load_result_release(&r);
	p.group = 1;
	p.run++;
	load_result_init(&r);
	cr_assert_eq(worker_run(worker, &p, &r), ERR_OK, "%s", r.error);
	cr_assert_eq(r.deliveries, 20 * N);
	cr_assert_eq(r.ledger.lost, 0);
	cr_assert_eq(r.ledger.stray, 20 * N);
	cr_assert_not(load_result_valid(&r, why));
	cr_assert_str_eq(why, "1,000 from another slice of 1,000 deliveries");
	load_result_release(&r);
	p = (struct load_plan){
		.kind = LOAD_IDLE, .duration_ns = 50 * MS, .run = 3};
	load_result_init(&r);
	cr_assert_eq(worker_run(worker, &p, &r), ERR_OK, "%s", r.error);
	cr_assert_not(load_result_valid(&r, why));
	cr_assert_str_eq(why, "1,000 from another slice");
	load_result_release(&r);
	run(&p, &r);
	load_result_release(&r);
}

Test(worker, connections_are_opened_at_the_rate_asked_for)
{
	struct load_target t = target(0);
	struct load_connected c;

	t.subscribers = 20;
	t.connect_rate = 100;
	load_connected_init(&c);
	cr_assert_eq(worker_connect(worker, &t, &c), ERR_OK);
	cr_assert_geq(c.end_ns - c.start_ns, 180 * MS);
	cr_assert_eq(c.open, 20);
	load_connected_release(&c);
}

/* So few connections a second that time is over before most have begun. */
static struct load_target slow_target(void)
{
	struct load_target t = target(0);

	t.connect_rate = 10;
	t.timeout_ns = 250 * MS;
	return t;
}

Test(worker, what_a_partial_group_misses_is_lost)
{
	struct load_plan p = {.kind = LOAD_OPEN,
			      .messages = 10,
			      .rate = 1000,
			      .drain_ns = 100 * MS,
			      .run = 1};
	struct load_target t = slow_target();
	struct load_connected c;
	struct load_result r;
	char why[LOAD_WHY];

	t.partial = true;
	load_connected_init(&c);
	load_result_init(&r);
	cr_assert_eq(worker_connect(worker, &t, &c), ERR_OK, "%s", c.error);
	cr_assert_geq(c.end_ns - c.start_ns, 250 * MS);
	cr_assert_geq(c.open, 1);
	cr_assert_lt(c.open, N);
	cr_assert_eq(c.setup.total, c.open);
	cr_assert_eq(worker_run(worker, &p, &r), ERR_OK, "%s", r.error);
	cr_assert_eq(r.open, c.open);
	cr_assert_eq(r.closed, 0);
	cr_assert_eq(r.ledger.delivered, (uint64_t)10 * c.open);
	cr_assert_eq(r.ledger.lost, (uint64_t)10 * (N - c.open));
	cr_assert_eq(r.completed, 0);
	cr_assert_not(load_result_valid(&r, why));
	load_result_release(&r);
	load_connected_release(&c);
}

static void assert_not_connected(const struct load_target *t, const char *why)
{
	struct load_connected c;

	load_connected_init(&c);
	cr_assert_eq(worker_connect(worker, t, &c), ERR_IO);
	cr_assert_str_eq(c.error, why);
	load_connected_release(&c);
}

/* A port to connect to, where nobody answers. */
static int listen_only(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&a, size), 0);
	cr_assert_eq(listen(fd, N), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

Test(worker, a_group_is_only_as_partial_as_it_may_be)
{
	struct load_target t = slow_target();
	int fd;

	assert_not_connected(&t, "not all connections opened in time");
	t.partial = true;
	t.raw = true;
	assert_not_connected(&t, "such a group cannot be made");
	t.raw = false;
	fd = listen_only(&t.port);
	assert_not_connected(&t, "the publisher did not open in time");
	(void)snprintf(t.publisher_host, sizeof(t.publisher_host), "127.0.0.1");
	t.publisher_port = server.port;
	assert_not_connected(&t, "no subscriber opened in time");
	(void)close(fd);
}

Test(worker, tells_why_it_cannot_connect)
{
	struct load_target t = target(0);
	struct load_connected c;

	load_connected_init(&c);
	t.port = 1;
	cr_assert_eq(worker_connect(worker, &t, &c), ERR_IO);
	cr_assert_neq(c.error[0], '\0');
	(void)snprintf(t.dialect, sizeof(t.dialect), "smoke");
	cr_assert_eq(worker_connect(worker, &t, &c), ERR_IO);
	cr_assert_str_eq(c.error, "such a group cannot be made");
	load_connected_release(&c);
}

/* As many as one process is to have, on a server that has as many. */
Test(worker, has_19000_subscribers)
{
	struct load_plan p = {.kind = LOAD_CLOSED, .messages = 3, .run = 1};
	struct load_target t = target(0);
	struct load_result r;

	if (descriptors_raise(0) < LOAD_SUBSCRIBERS + 2 * DESCRIPTORS_SPARE)
		cr_skip_test("the limit of descriptors is too low");
	t.subscribers = LOAD_SUBSCRIBERS;
	t.timeout_ns = 300000 * MS;
	p.drain_ns = 100000 * MS;
	connect_group(t);
	run(&p, &r);
	cr_assert_eq(r.completed, 3);
	cr_assert_eq(r.deliveries, 3 * (uint64_t)LOAD_SUBSCRIBERS);
	cr_assert_eq(r.ledger.subscribers, LOAD_SUBSCRIBERS);
	load_result_release(&r);
}

Test(worker, says_how_more_subscribers_are_had)
{
	struct load_target t = target(0);
	struct load_connected c;

	load_connected_init(&c);
	t.subscribers = 2 * LOAD_SUBSCRIBERS + 1;
	cr_assert_eq(worker_connect(worker, &t, &c), ERR_IO);
	cr_assert_str_eq(c.error,
			 "a load worker has 19000 subscribers of a group at "
			 "most: take more (--set workers=3)");
	load_connected_release(&c);
}

Test(worker, a_server_that_dies_ends_the_slice)
{
	struct load_plan p = {
		.kind = LOAD_CLOSED, .duration_ns = 30000 * MS, .run = 1};
	struct test_bare other;
	struct load_target t = target(0);
	struct load_result r;

	test_bare_start(&other);
	t.port = other.port;
	connect_group(t);
	cr_assert_eq(worker_begin_run(worker, &p), ERR_OK);
	cr_assert_eq(worker_begin_run(worker, &p), ERR_AGAIN);
	cr_assert_eq(worker_wait(worker, 100), ERR_AGAIN);
	(void)kill(other.pid, SIGKILL);
	cr_assert_eq(worker_wait(worker, 5000), ERR_OK);
	load_result_init(&r);
	cr_assert_eq(worker_take_result(worker, &r), ERR_OK);
	cr_assert_gt(r.closed, 0);
	cr_assert_not(load_result_valid(&r, NULL));
	load_result_release(&r);
	cr_assert_eq(test_bare_stop(&other), -1);
}

Test(worker, a_slice_cut_short_is_whole)
{
	struct load_plan p = {
		.kind = LOAD_CLOSED, .duration_ns = 30000 * MS, .run = 1};
	struct load_result r;

	connect_group(target(0));
	cr_assert_eq(worker_begin_run(worker, &p), ERR_OK);
	cr_assert_eq(worker_wait(worker, 50), ERR_AGAIN);
	worker_cut_short(worker);
	cr_assert_eq(worker_wait(worker, 5000), ERR_OK);
	load_result_init(&r);
	cr_assert_eq(worker_take_result(worker, &r), ERR_OK);
	cr_assert(load_result_valid(&r, NULL));
	cr_assert_gt(r.messages, 0);
	cr_assert_lt(r.end_ns - r.start_ns, 2000 * MS);
	load_result_release(&r);
}

/* Its answer shows that it is as it will be. */
Test(worker, one_that_gives_way_says_so_to_the_kernel)
{
	const struct worker_role role = {.cpu = -1, .nice = 3};
	struct worker *other;
	int own = getpriority(PRIO_PROCESS, 0);
	int expected = own + 3 < 19 ? own + 3 : 19;

	cr_assert_eq(worker_start_as(&role, &other), ERR_OK);
	cr_assert_eq(worker_disconnect(other, 0), ERR_OK);
	cr_assert_eq(getpriority(PRIO_PROCESS, (id_t)worker_pid(other)),
		     expected);
	worker_stop(other);
	cr_assert_eq(worker_disconnect(worker, 0), ERR_OK);
	cr_assert_eq(getpriority(PRIO_PROCESS, (id_t)worker_pid(worker)), own);
}

Test(worker, an_answer_to_something_else_is_an_error)
{
	struct load_plan p = {.kind = LOAD_IDLE, .duration_ns = MS, .run = 1};
	struct load_connected c;

	load_connected_init(&c);
	cr_assert_eq(worker_take_connected(worker, &c), ERR_AGAIN);
	cr_assert_eq(worker_begin_run(worker, &p), ERR_OK);
	cr_assert_eq(worker_wait(worker, 5000), ERR_OK);
	cr_assert_eq(worker_take_connected(worker, &c), ERR_PROTO);
}

Test(worker, impossible_plans_are_refused)
{
	struct load_plan p = {.kind = LOAD_OPEN, .duration_ns = MS, .run = 1};
	struct load_result r;

	connect_group(target(0));
	load_result_init(&r);
	cr_assert_eq(worker_run(worker, &p, &r), ERR_IO);
	cr_assert_str_eq(r.error, "the plan cannot be run");
	load_result_release(&r);
}

Test(worker, a_dead_worker_is_noticed)
{
	struct load_plan p = {
		.kind = LOAD_IDLE, .duration_ns = 30000 * MS, .run = 1};

	connect_group(target(0));
	cr_assert_eq(worker_begin_run(worker, &p), ERR_OK);
	(void)kill(worker_pid(worker), SIGKILL);
	cr_assert_eq(worker_wait(worker, 5000), ERR_CLOSED);
}
