/* SPDX-License-Identifier: MIT */
#include "bench/load/ledger.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>

#include "servers/base/random.h"

#define N 10
#define MESSAGES 1000

static struct ledger l;

static void set_up(void)
{
	ledger_init(&l, N);
}

static void tear_down(void)
{
	ledger_release(&l);
}

TestSuite(ledger, .init = set_up, .fini = tear_down);

static uint64_t hash_of(uint32_t number)
{
	return (number + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ 0x5bd1e995;
}

static void send(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t number = (uint32_t)l.totals.sent;

		cr_assert_eq(ledger_sent(&l, hash_of(number)), number);
	}
}

static enum ledger_verdict receive(size_t subscriber, uint32_t number)
{
	return ledger_receipt(&l, subscriber, number, hash_of(number));
}

static void assert_totals(uint64_t lost, uint64_t duplicated,
			  uint64_t reordered)
{
	ledger_settle(&l);
	cr_assert_eq(l.totals.lost, lost);
	cr_assert_eq(l.totals.duplicated, duplicated);
	cr_assert_eq(l.totals.reordered, reordered);
	cr_assert_eq(l.totals.delivered,
		     l.totals.sent * l.totals.subscribers - lost);
	cr_assert_eq(ledger_balanced(&l.totals),
		     lost + duplicated + reordered == 0);
}

Test(ledger, balances_when_all_have_all)
{
	send(MESSAGES);
	for (uint32_t m = 0; m < MESSAGES; m++)
		for (size_t s = 0; s < N; s++)
			cr_assert_eq(receive(s, m), LEDGER_FIRST);
	assert_totals(0, 0, 0);
	cr_assert_eq(l.totals.digest, l.totals.expected);
}

Test(ledger, digest_does_not_depend_on_the_order_of_subscribers)
{
	uint64_t digest;

	send(MESSAGES);
	for (uint32_t m = 0; m < MESSAGES; m++)
		for (size_t s = 0; s < N; s++)
			(void)receive(s, m);
	digest = l.totals.digest;
	ledger_clear(&l);
	send(MESSAGES);
	for (size_t s = N; s-- > 0;)
		for (uint32_t m = 0; m < MESSAGES; m++)
			(void)receive(s, m);
	assert_totals(0, 0, 0);
	cr_assert_eq(l.totals.digest, digest);
}

/* What a server may do wrong, to one receipt in a thousand. */
enum fault { DROP, DOUBLE, SWAP };

static uint64_t run_with(enum fault fault)
{
	uint64_t faults = 0;
	struct rng rng;

	rng_seed(&rng, 1);
	send(MESSAGES);
	for (size_t s = 0; s < N; s++) {
		for (uint32_t m = 0; m < MESSAGES; m++) {
			bool now =
				m + 1 < MESSAGES && rng_below(&rng, 1000) == 0;

			faults += now;
			if (now && fault == SWAP)
				(void)receive(s, m + 1);
			if (!now || fault != DROP)
				(void)receive(s, m);
			if (now && fault == DOUBLE)
				(void)receive(s, m);
			m += now && fault == SWAP;
		}
	}
	cr_assert_gt(faults, 3);
	return faults;
}

Test(ledger, catches_one_dropped_in_a_thousand)
{
	uint64_t faults = run_with(DROP);

	assert_totals(faults, 0, 0);
	cr_assert_neq(l.totals.digest, l.totals.expected);
}

Test(ledger, catches_one_doubled_in_a_thousand)
{
	uint64_t faults = run_with(DOUBLE);

	assert_totals(0, faults, 0);
	cr_assert_neq(l.totals.digest, l.totals.expected);
}

Test(ledger, catches_one_reordered_in_a_thousand)
{
	uint64_t faults = run_with(SWAP);

	assert_totals(0, 0, faults);
	cr_assert_eq(l.totals.digest, l.totals.expected);
}

/* Guards the digest: the same sums, but the wrong subscriber has it twice. */
Test(ledger, digest_tells_who_got_what)
{
	send(2);
	for (size_t s = 0; s < N; s++) {
		(void)receive(s, 0);
		(void)receive(s == 5 ? 4 : s, 1);
	}
	assert_totals(1, 1, 0);
	cr_assert_neq(l.totals.digest, l.totals.expected);
}

Test(ledger, wrong_content_changes_the_digest)
{
	send(1);
	for (size_t s = 0; s < N; s++)
		(void)ledger_receipt(&l, s, 0, hash_of(s == 3));
	ledger_settle(&l);
	cr_assert_eq(l.totals.lost, 0);
	cr_assert_not(ledger_balanced(&l.totals));
}

Test(ledger, a_first_message_that_is_not_the_first_leaves_a_hole)
{
	send(5);
	cr_assert_eq(receive(0, 4), LEDGER_FIRST);
	cr_assert_eq(receive(0, 0), LEDGER_FIRST);
	cr_assert_eq(receive(0, 0), LEDGER_DUPLICATE);
	cr_assert_eq(receive(0, 4), LEDGER_DUPLICATE);
	cr_assert_eq(receive(0, 2), LEDGER_FIRST);
	assert_totals(5 * N - 3, 2, 2);
}

Test(ledger, beyond_its_window_it_counts)
{
	send(300);
	(void)receive(0, 0);
	(void)receive(0, 299);
	/* 298 are missing: old ones can only be those. */
	cr_assert_eq(receive(0, 100), LEDGER_FIRST);
	cr_assert_eq(receive(0, 236), LEDGER_FIRST);
	cr_assert_eq(receive(0, 236), LEDGER_DUPLICATE);
	for (uint32_t m = 0; m < 300; m++)
		(void)receive(1, m);
	/* Nothing is missing: old ones can only be repeats. */
	cr_assert_eq(receive(1, 3), LEDGER_DUPLICATE);
}

Test(ledger, what_was_never_sent_is_stray)
{
	send(1);
	cr_assert_eq(receive(0, 1), LEDGER_STRAY);
	for (size_t s = 0; s < N; s++)
		(void)receive(s, 0);
	ledger_settle(&l);
	cr_assert_eq(l.totals.stray, 1);
	cr_assert_eq(l.totals.lost, 0);
	cr_assert_not(ledger_balanced(&l.totals));
}

Test(ledger, json_there_and_back)
{
	struct ledger_totals back = {0};
	cJSON *json;

	send(3);
	for (size_t s = 0; s < N; s++)
		(void)receive(s, 1);
	ledger_corrupt(&l);
	ledger_stray(&l);
	ledger_settle(&l);
	json = ledger_to_json(&l.totals);
	cr_assert_eq(ledger_from_json(&back, json), ERR_OK);
	cr_assert_eq(memcmp(&back, &l.totals, sizeof(back)), 0);
	cJSON_DeleteItemFromObject(json, "digest");
	cr_assert_eq(ledger_from_json(&back, json), ERR_PROTO);
	cJSON_Delete(json);
}

Test(ledger, totals_of_workers_add_up)
{
	struct ledger_totals sum = {0};

	send(2);
	for (size_t s = 0; s < N; s++) {
		(void)receive(s, 0);
		(void)receive(s, 1);
	}
	ledger_settle(&l);
	ledger_merge(&sum, &l.totals);
	ledger_merge(&sum, &l.totals);
	cr_assert_eq(sum.delivered, 4 * N);
	cr_assert(ledger_balanced(&sum));
}

/* 5 subscribers in 2 rooms: 0, 2, 4 and 1, 3. */
Test(ledger, rooms_are_owed_their_own_messages)
{
	ledger_release(&l);
	ledger_init(&l, 5);
	ledger_split(&l, 2, 0);
	for (uint32_t n = 0; n < 7; n++)
		cr_assert_eq(ledger_sent(&l, n * 1000 + 7), n);
	for (uint32_t n = 0; n < 7; n++) {
		for (size_t s = n % 2; s < 5; s += 2)
			cr_assert_eq(ledger_receipt(&l, s, n, n * 1000 + 7),
				     LEDGER_FIRST);
	}
	ledger_settle(&l);
	cr_assert_eq(l.totals.delivered, 4 * 3 + 3 * 2);
	cr_assert(ledger_balanced(&l.totals));
	cr_assert_eq(ledger_receipt(&l, 1, 2, 2007), LEDGER_STRAY);
	cr_assert_eq(ledger_receipt(&l, 2, 6, 6007), LEDGER_DUPLICATE);
	ledger_settle(&l);
	cr_assert_eq(l.totals.stray, 1);
	cr_assert_eq(l.totals.other_room, 1);
	cr_assert_eq(ledger_receipt(&l, 1, 7, 7007), LEDGER_STRAY);
	cr_assert_eq(l.totals.stray, 2);
	cr_assert_eq(l.totals.other_room, 1, "nobody sent it to any room");
	cr_assert_eq(l.totals.duplicated, 1);
	cr_assert_eq(l.totals.reordered, 0);
}

Test(ledger, what_a_room_misses_is_lost)
{
	ledger_release(&l);
	ledger_init(&l, 3);
	ledger_split(&l, 2, 0);
	for (uint32_t n = 0; n < 6; n++)
		(void)ledger_sent(&l, 1 + n);
	cr_assert_eq(ledger_receipt(&l, 1, 5, 6), LEDGER_FIRST);
	cr_assert_eq(ledger_receipt(&l, 1, 1, 2), LEDGER_FIRST);
	ledger_settle(&l);
	cr_assert_eq(l.totals.reordered, 1);
	cr_assert_eq(l.totals.lost, 3 * 2 + 3 - 2);
	cr_assert_neq(l.totals.digest, l.totals.expected);
}
