/* SPDX-License-Identifier: MIT */
#include "bench/load/receipts.h"

#include <criterion/criterion.h>

static struct receipts r;

static void tear_down(void)
{
	receipts_release(&r);
}

TestSuite(receipts, .fini = tear_down);

static void assert_value(const struct hist *h, uint64_t count, uint64_t value)
{
	cr_assert_eq(h->total, count);
	cr_assert_eq(h->max, value);
}

Test(receipts, first_median_and_last_of_five)
{
	receipts_init(&r, 5);
	cr_assert_eq(receipts_sent(&r, 1000, 1100, 0), ERR_OK);
	for (uint64_t i = 1; i <= 5; i++)
		cr_assert_eq(receipts_add(&r, 0, 1100 + 10 * i), i == 5);
	receipts_settle(&r);
	assert_value(&r.from_intended[RECEIPTS_FIRST], 1, 110);
	assert_value(&r.from_intended[RECEIPTS_MEDIAN], 1, 130);
	assert_value(&r.from_intended[RECEIPTS_LAST], 1, 150);
	assert_value(&r.from_sent[RECEIPTS_FIRST], 1, 10);
	assert_value(&r.from_sent[RECEIPTS_MEDIAN], 1, 30);
	assert_value(&r.from_sent[RECEIPTS_LAST], 1, 50);
	cr_assert_eq(r.from_sent[RECEIPTS_ALL].total, 5);
	cr_assert_float_eq(hist_mean(&r.from_sent[RECEIPTS_ALL]), 30, 1e-9);
	cr_assert_eq(r.completed, 1);
	cr_assert_eq(r.last_ns, 1150);
}

Test(receipts, the_median_of_an_even_number_is_the_lower)
{
	receipts_init(&r, 4);
	cr_assert_eq(receipts_sent(&r, 0, 0, 0), ERR_OK);
	for (uint64_t i = 1; i <= 4; i++)
		(void)receipts_add(&r, 0, i);
	assert_value(&r.from_sent[RECEIPTS_MEDIAN], 1, 2);
}

Test(receipts, one_subscriber_is_first_median_and_last)
{
	receipts_init(&r, 1);
	cr_assert_eq(receipts_sent(&r, 0, 0, 0), ERR_OK);
	cr_assert(receipts_add(&r, 0, 7));
	assert_value(&r.from_sent[RECEIPTS_FIRST], 1, 7);
	assert_value(&r.from_sent[RECEIPTS_MEDIAN], 1, 7);
	assert_value(&r.from_sent[RECEIPTS_LAST], 1, 7);
}

Test(receipts, what_is_incomplete_is_only_in_the_histogram_of_all)
{
	receipts_init(&r, 2);
	for (uint64_t i = 0; i < 3; i++)
		cr_assert_eq(receipts_sent(&r, i, i, 0), ERR_OK);
	(void)receipts_add(&r, 0, 10);
	(void)receipts_add(&r, 1, 10);
	(void)receipts_add(&r, 1, 10);
	receipts_settle(&r);
	cr_assert_eq(r.completed, 1);
	cr_assert_eq(r.from_sent[RECEIPTS_LAST].total, 1);
	cr_assert_eq(r.from_sent[RECEIPTS_ALL].total, 3);
	cr_assert_eq(hist_count_at(&r.from_sent[RECEIPTS_ALL], 9), 2);
	cr_assert_eq(hist_count_at(&r.from_sent[RECEIPTS_ALL], 10), 1);
}

Test(receipts, a_new_slice_starts_empty)
{
	receipts_init(&r, 1);
	for (uint64_t i = 0; i < 3000; i++) {
		cr_assert_eq(receipts_sent(&r, i, i, i), ERR_OK);
		(void)receipts_add(&r, (uint32_t)i, i + 5);
	}
	cr_assert_eq(r.completed, 3000);
	receipts_clear(&r);
	receipts_settle(&r);
	cr_assert_eq(r.count, 0);
	cr_assert_eq(r.from_sent[RECEIPTS_ALL].total, 0);
	cr_assert_eq(receipts_sent(&r, 1, 1, 1), ERR_OK);
	cr_assert(receipts_add(&r, 0, 2));
	cr_assert_eq(r.completed, 1);
}

/* 7 subscribers in 3 rooms: the first has 3, the others 2. */
Test(receipts, first_median_and_last_of_a_room)
{
	receipts_init(&r, 7);
	receipts_split(&r, 3, 0);
	for (uint64_t n = 0; n < 3; n++)
		cr_assert_eq(receipts_sent(&r, 100, 100, 0), ERR_OK);
	cr_assert_not(receipts_add(&r, 0, 110));
	cr_assert_not(receipts_add(&r, 1, 120));
	cr_assert_not(receipts_add(&r, 0, 130));
	cr_assert(receipts_add(&r, 1, 140));
	cr_assert(receipts_add(&r, 0, 150));
	receipts_settle(&r);
	cr_assert_eq(r.completed, 2);
	cr_assert_eq(r.from_intended[RECEIPTS_FIRST].max, 20);
	cr_assert_eq(r.from_intended[RECEIPTS_FIRST].min, 10);
	cr_assert_eq(r.from_intended[RECEIPTS_MEDIAN].max, 30);
	cr_assert_eq(r.from_intended[RECEIPTS_MEDIAN].min, 20);
	cr_assert_eq(r.from_intended[RECEIPTS_LAST].max, 50);
	cr_assert_eq(r.from_intended[RECEIPTS_LAST].min, 40);
}
