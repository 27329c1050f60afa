/* SPDX-License-Identifier: MIT */
/* What comes between the slices of a group is in the ledger of the next. */
#include "bench/load/late.h"

#include <criterion/criterion.h>

#include "bench/load/ledger.h"
#include "bench/load/payload.h"

#define SIZE 80

static struct late late;
static struct ledger ledger;

static void set_up(void)
{
	late = (struct late){0};
	ledger_init(&ledger, 3);
}

static void tear_down(void)
{
	ledger_release(&ledger);
}

TestSuite(late, .init = set_up, .fini = tear_down);

static void note(uint64_t run)
{
	const struct payload p = {.run = run, .number = 1, .intended_ns = 2};
	char text[SIZE];

	payload_write(text, sizeof(text), &p);
	late_note(&late, slice_of(text, sizeof(text)));
}

static void handed_over(uint64_t corrupt, uint64_t duplicated, uint64_t stray)
{
	late_hand_over(&late, &ledger);
	cr_assert_eq(ledger.totals.corrupt, corrupt);
	cr_assert_eq(ledger.totals.duplicated, duplicated);
	cr_assert_eq(ledger.totals.stray, stray);
	ledger_settle(&ledger);
	cr_assert_eq(ledger_balanced(&ledger.totals),
		     corrupt + duplicated + stray == 0);
}

Test(late, a_second_copy_is_a_duplicate)
{
	late_ended(&late, 7, 0);
	late_ended(&late, 9, 0);
	note(7);
	note(9);
	note(9);
	handed_over(0, 3, 0);
}

Test(late, it_is_handed_over_once)
{
	late_ended(&late, 7, 0);
	note(7);
	handed_over(0, 1, 0);
	ledger_clear(&ledger);
	handed_over(0, 0, 0);
}

/* A slice that timed out has counted them as lost. */
Test(late, what_was_lost_may_come_late_once)
{
	late_ended(&late, 7, 2);
	note(7);
	note(7);
	handed_over(0, 0, 0);
	note(7);
	handed_over(0, 1, 0);
}

Test(late, of_no_slice_that_is_known_it_is_a_stray)
{
	note(0);
	note(7);
	late_ended(&late, 7, 5);
	note(8);
	handed_over(0, 0, 3);
}

Test(late, bytes_that_nobody_sent_are_corrupt)
{
	late_note(&late, SLICE("{\"x\":1}"));
	late_note(&late, SLICE(""));
	handed_over(2, 0, 0);
}

Test(late, remembers_the_newest_slices)
{
	for (uint64_t run = 1; run <= LATE_SLICES + 1; run++)
		late_ended(&late, run, 0);
	cr_assert_eq(late_receipt(&late, 1), LATE_STRAY);
	for (uint64_t run = 2; run <= LATE_SLICES + 1; run++)
		cr_assert_eq(late_receipt(&late, run), LATE_DUPLICATE);
}
