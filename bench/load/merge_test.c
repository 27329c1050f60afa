/* SPDX-License-Identifier: MIT */
/*
 * One slice on simulated time, seen by one worker and by several: what is put
 * together from the parts has to be what the one says.
 */
#include "bench/load/merge.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "bench/load/board.h"
#include "bench/load/trail.h"
#include "servers/base/check.h"
#include "servers/base/random.h"

#define SUBSCRIBERS 101
#define MESSAGES 400
#define PERIOD 1000 /* ns between messages */

/* One receipt, as a server that may lose, double and reorder makes it. */
struct event {
	uint64_t at_ns;
	uint32_t subscriber, number;
	bool corrupt;
};

struct slice_of_events {
	struct event *list;
	size_t count;
};

/* What one worker has of it. */
struct view {
	struct ledger ledger;
	struct receipts receipts;
	struct trail trail;
	uint32_t first, count;
};

static uint64_t hash_of(uint32_t number)
{
	return number * 0x9e3779b97f4a7c15U + 12345;
}

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

/*
 * `faults` in a thousand; without any nothing is overtaken either. Times
 * repeat, as a worker reads the clock seldom.
 */
static struct slice_of_events simulate(uint32_t rooms, unsigned faults,
				       uint64_t seed)
{
	struct slice_of_events s = {0};
	struct rng g;

	rng_seed(&g, seed);
	s.list = xcalloc((size_t)2 * SUBSCRIBERS * MESSAGES, sizeof(*s.list));
	for (uint32_t n = 0; n < MESSAGES; n++) {
		for (uint32_t i = 0; i < SUBSCRIBERS; i++) {
			struct event e = {
				.at_ns = (n * PERIOD +
					  (faults ? rng_next(&g) : i * 977) %
						  5000) /
					 16 * 16,
				.subscriber = i,
				.number = n,
			};
			bool odd = rng_next(&g) % 1000 < faults;
			uint64_t kind = rng_next(&g) % 3;

			if (i % rooms != n % rooms || (odd && kind == 0))
				continue;
			e.corrupt = odd && kind == 1;
			s.list[s.count++] = e;
			if (odd && kind == 2)
				s.list[s.count++] = e;
		}
	}
	qsort(s.list, s.count, sizeof(*s.list), by_time);
	return s;
}

static void view_init(struct view *v, uint32_t first, uint32_t count,
		      uint32_t rooms, uint8_t *bytes)
{
	v->first = first;
	v->count = count;
	ledger_init(&v->ledger, count);
	ledger_split(&v->ledger, rooms, first);
	receipts_init(&v->receipts, count);
	receipts_split(&v->receipts, rooms, first);
	trail_init(&v->trail, bytes, bytes ? BOARD_TRAIL : 0);
	for (uint32_t n = 0; n < MESSAGES; n++) {
		cr_assert_eq(receipts_sent(&v->receipts, n * PERIOD,
					   n * PERIOD + n % 7, 0),
			     ERR_OK);
		(void)ledger_sent(&v->ledger, hash_of(n));
	}
}

static void view_take(struct view *v, const struct event *e)
{
	if (e->subscriber < v->first || e->subscriber >= v->first + v->count)
		return;
	if (e->corrupt) {
		ledger_corrupt(&v->ledger);
		return;
	}
	if (ledger_receipt(&v->ledger, e->subscriber - v->first, e->number,
			   hash_of(e->number)) != LEDGER_FIRST)
		return;
	(void)receipts_add(&v->receipts, e->number, e->at_ns);
	if (v->trail.bytes)
		cr_assert(trail_add(&v->trail, e->number, e->at_ns));
}

static void view_conclude(struct view *v, struct load_result *r)
{
	load_result_init(r);
	ledger_settle(&v->ledger);
	receipts_settle(&v->receipts);
	r->kind = LOAD_OPEN;
	r->messages = MESSAGES;
	r->completed = v->receipts.completed;
	r->ledger = v->ledger.totals;
	r->deliveries = r->ledger.delivered;
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		hist_copy(&r->from_intended[i], &v->receipts.from_intended[i]);
		hist_copy(&r->from_sent[i], &v->receipts.from_sent[i]);
	}
	hist_record_n(&r->kernel, v->first + 1, v->count);
	hist_record_n(&r->client_lag, v->first + 7, v->count);
	ledger_release(&v->ledger);
	receipts_release(&v->receipts);
}

static void see(struct view *v, const struct slice_of_events *s)
{
	for (size_t i = 0; i < s->count; i++)
		view_take(v, &s->list[i]);
}

static void publish_all(struct board *b)
{
	for (uint32_t n = 0; n < MESSAGES; n++) {
		struct board_message m = {
			.intended_ns = n * PERIOD,
			.sent_ns = n * PERIOD + n % 7,
			.digest = hash_of(n),
		};

		board_publish(b, &m);
	}
}

static void assert_equal_hists(const struct hist *a, const struct hist *b)
{
	uint32_t at = 0, bt = 0;
	uint64_t value[2], count[2];

	cr_assert_eq(a->total, b->total);
	cr_assert_eq(a->min, b->min);
	cr_assert_eq(a->max, b->max);
	cr_assert_eq(a->clamped, b->clamped);
	cr_assert_float_eq(hist_mean(a), hist_mean(b), 1e-6);
	cr_assert_float_eq(hist_stddev(a), hist_stddev(b), 1e-6);
	while (hist_next(a, &at, &value[0], &count[0])) {
		cr_assert(hist_next(b, &bt, &value[1], &count[1]));
		cr_assert_eq(value[0], value[1]);
		cr_assert_eq(count[0], count[1]);
	}
	cr_assert_not(hist_next(b, &bt, &value[1], &count[1]));
}

static void assert_equal(const struct load_result *a,
			 const struct load_result *b)
{
	cr_assert_str_eq(b->error, "");
	cr_assert_eq(a->messages, b->messages);
	cr_assert_eq(a->completed, b->completed);
	cr_assert_eq(a->deliveries, b->deliveries);
	cr_assert_eq(a->ledger.subscribers, b->ledger.subscribers);
	cr_assert_eq(a->ledger.sent, b->ledger.sent);
	cr_assert_eq(a->ledger.delivered, b->ledger.delivered);
	cr_assert_eq(a->ledger.lost, b->ledger.lost);
	cr_assert_eq(a->ledger.duplicated, b->ledger.duplicated);
	cr_assert_eq(a->ledger.reordered, b->ledger.reordered);
	cr_assert_eq(a->ledger.corrupt, b->ledger.corrupt);
	cr_assert_eq(a->ledger.digest, b->ledger.digest);
	cr_assert_eq(a->ledger.expected, b->ledger.expected);
	cr_assert_eq(ledger_balanced(&a->ledger), ledger_balanced(&b->ledger));
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		assert_equal_hists(&a->from_intended[i], &b->from_intended[i]);
		assert_equal_hists(&a->from_sent[i], &b->from_sent[i]);
	}
}

static void cut_into(struct load_result *parts, struct board *b,
		     const struct slice_of_events *s, uint32_t rooms)
{
	uint32_t w = b->seat_count;

	publish_all(b);
	for (uint32_t i = 0; i < w; i++) {
		uint32_t from = SUBSCRIBERS * i / w;
		uint32_t to = SUBSCRIBERS * (i + 1) / w;
		struct view v;

		view_init(&v, from, to - from, rooms, b->trails[i]);
		see(&v, s);
		cr_assert(trail_settle(&v.trail));
		atomic_store(&b->seats[i].trail, v.trail.length);
		view_conclude(&v, &parts[i]);
	}
}

static const int any_cpu[BOARD_SEATS] = {-1, -1, -1, -1, -1, -1, -1, -1};

static void compare(uint32_t workers, uint32_t rooms, unsigned faults,
		    uint64_t seed)
{
	struct slice_of_events s = simulate(rooms, faults, seed);
	struct load_result one, all, parts[BOARD_SEATS];
	struct merge m = {
		.parts = workers,
		.cpus = any_cpu,
		.subscribers = SUBSCRIBERS,
		.rooms = rooms,
	};
	struct board *b;
	struct view v;

	view_init(&v, 0, SUBSCRIBERS, rooms, NULL);
	see(&v, &s);
	view_conclude(&v, &one);
	cr_assert_eq(ledger_balanced(&one.ledger), faults == 0);
	cr_assert_eq(board_new(workers, &b), ERR_OK);
	cut_into(parts, b, &s, rooms);
	m.board = b;
	load_result_init(&all);
	merge_results(&all, parts, &m);
	assert_equal(&one, &all);
	cr_assert_eq(all.kernel.total, SUBSCRIBERS);
	cr_assert_eq(all.client_lag.total, SUBSCRIBERS);
	for (uint32_t i = 0; i < workers; i++)
		load_result_release(&parts[i]);
	load_result_release(&one);
	load_result_release(&all);
	board_free(b);
	free(s.list);
}

Test(merge, of_any_number_of_workers_is_what_one_says)
{
	for (uint32_t workers = 1; workers <= BOARD_SEATS; workers++)
		compare(workers, 1, 0, workers);
}

/* Rooms of 15 and 14 members, so that one worker may have none of a room. */
Test(merge, of_many_rooms_is_what_one_says)
{
	for (uint32_t workers = 1; workers <= BOARD_SEATS; workers++)
		compare(workers, 7, 0, workers);
	compare(8, 101, 0, 3);
}

Test(merge, finds_the_faults_that_one_finds)
{
	compare(2, 1, 5, 1);
	compare(3, 1, 300, 2);
	compare(8, 7, 20, 3);
}

/* Median receivers of parts say nothing of the median of all. */
Test(merge, the_median_is_that_of_all_receivers)
{
	static const uint64_t late[2][3] = {{10, 20, 90}, {60, 70, 80}};
	struct load_result all, parts[2];
	struct merge m = {.parts = 2, .cpus = any_cpu, .subscribers = 6};
	struct board *b;

	cr_assert_eq(board_new(2, &b), ERR_OK);
	m.board = b;
	board_publish(b, &(struct board_message){.intended_ns = 1000,
						 .sent_ns = 1000});
	for (uint32_t i = 0; i < 2; i++) {
		struct trail t;

		load_result_init(&parts[i]);
		parts[i].kind = LOAD_OPEN;
		parts[i].messages = 1;
		parts[i].ledger.delivered = 3;
		trail_init(&t, b->trails[i], BOARD_TRAIL);
		for (int k = 0; k < 3; k++)
			cr_assert(trail_add(&t, 0, 1000 + late[i][k]));
		cr_assert(trail_settle(&t));
		atomic_store(&b->seats[i].trail, t.length);
	}
	load_result_init(&all);
	merge_results(&all, parts, &m);
	cr_assert_str_eq(all.error, "");
	cr_assert_eq(all.completed, 1);
	cr_assert_eq(all.from_intended[RECEIPTS_FIRST].max, 10);
	cr_assert_eq(all.from_intended[RECEIPTS_MEDIAN].max, 60);
	cr_assert_eq(all.from_intended[RECEIPTS_LAST].max, 90);
	load_result_release(&all);
	/* A receipt that a ledger knows and no trail: said, and not used. */
	parts[1].ledger.delivered = 4;
	load_result_init(&all);
	merge_results(&all, parts, &m);
	cr_assert_neq(all.error[0], '\0');
	cr_assert_eq(all.from_intended[RECEIPTS_LAST].total, 0);
	cr_assert_not(load_result_valid(&all, NULL));
	load_result_release(&all);
	board_free(b);
}

Test(merge, names_the_worker_that_failed)
{
	struct load_result all, parts[3];
	struct merge m = {.parts = 3, .cpus = any_cpu, .subscribers = 6};
	struct board *b;

	cr_assert_eq(board_new(3, &b), ERR_OK);
	m.board = b;
	for (uint32_t i = 0; i < 3; i++)
		load_result_init(&parts[i]);
	(void)snprintf(parts[1].error, LOAD_TEXT, "subscriber: closed");
	parts[1].closed = 2;
	load_result_init(&all);
	merge_results(&all, parts, &m);
	cr_assert_str_eq(all.error, "worker 2 of 3: subscriber: closed");
	cr_assert_eq(all.closed, 2);
	load_result_release(&all);
	board_free(b);
}

/* Two on one core limit it together, one on a core of its own does not. */
Test(merge, busy_is_the_busiest_core)
{
	static const int cpus[] = {1, 2, 1};
	struct load_result all, parts[3];
	struct merge m = {.parts = 3, .cpus = cpus, .subscribers = 0};
	struct board *b;

	cr_assert_eq(board_new(3, &b), ERR_OK);
	m.board = b;
	for (uint32_t i = 0; i < 3; i++) {
		load_result_init(&parts[i]);
		parts[i].busy = 0.3 + 0.1 * i;
		parts[i].cpu_ns = 100;
	}
	load_result_init(&all);
	merge_results(&all, parts, &m);
	cr_assert_float_eq(all.busy, 0.8, 1e-9);
	cr_assert_eq(all.cpu_ns, 300);
	load_result_release(&all);
	m.cpus = any_cpu;
	load_result_init(&all);
	merge_results(&all, parts, &m);
	cr_assert_float_eq(all.busy, 0.5, 1e-9);
	load_result_release(&all);
	board_free(b);
}
