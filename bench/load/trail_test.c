/* SPDX-License-Identifier: MIT */
#include "bench/load/trail.h"

#include <criterion/criterion.h>
#include <string.h>

#include "servers/base/random.h"

#define ENTRIES 5000

static uint8_t bytes[1 << 20];

/* Steps of every size, forwards and backwards, up to the ends of the types. */
static struct trail_entry made(struct rng *g, const struct trail_entry *last)
{
	uint64_t by = rng_next(g) >> (rng_next(g) % 64);
	uint64_t left = UINT64_MAX - last->at_ns;

	return (struct trail_entry){
		.number = (uint32_t)(last->number + rng_next(g) % 3 - 1 +
				     (by & 1 ? by : 0)),
		.count = 1 + (uint32_t)(rng_next(g) % 200),
		.at_ns = last->at_ns + 1 + (by < left / ENTRIES ? by : 1),
	};
}

Test(trail, what_is_added_is_read)
{
	static struct trail_entry entries[ENTRIES];
	struct trail_entry last = {0};
	struct trail_reader r;
	struct trail t;
	struct rng g;

	rng_seed(&g, 7);
	trail_init(&t, bytes, sizeof(bytes));
	for (size_t i = 0; i < ENTRIES; i++) {
		entries[i] = last = made(&g, &last);
		for (uint32_t k = 0; k < last.count; k++)
			cr_assert(trail_add(&t, last.number, last.at_ns));
	}
	cr_assert(trail_settle(&t));
	trail_read(&r, bytes, t.length);
	for (size_t i = 0; i < ENTRIES; i++) {
		cr_assert(trail_next(&r), "%zu", i);
		cr_assert_eq(r.entry.number, entries[i].number);
		cr_assert_eq(r.entry.count, entries[i].count);
		cr_assert_eq(r.entry.at_ns, entries[i].at_ns);
	}
	cr_assert_not(trail_next(&r));
	cr_assert_not(r.broken);
}

Test(trail, an_entry_takes_few_bytes)
{
	struct trail t;

	trail_init(&t, bytes, sizeof(bytes));
	for (uint64_t i = 0; i < 16000; i++)
		cr_assert(trail_add(&t, (uint32_t)(i / 1600),
				    1000000000000 + i / 16 * 80000));
	cr_assert(trail_settle(&t));
	cr_assert_leq(t.length, 1000 * 5 + 5);
}

Test(trail, what_does_not_fit_is_refused)
{
	struct trail t;
	uint32_t n = 0;

	trail_init(&t, bytes, 1000);
	memset(bytes, 0xee, sizeof(bytes));
	while (trail_add(&t, n, n))
		n++;
	cr_assert_gt(n, 300);
	cr_assert_leq(t.length, 1000);
	for (size_t i = 1000; i < sizeof(bytes); i++)
		cr_assert_eq(bytes[i], 0xee);
	trail_init(&t, NULL, 0);
	(void)trail_add(&t, 1, 1);
	cr_assert_not(trail_settle(&t));
}

/* Nothing is read past the end, and nonsense is said to be nonsense. */
Test(trail, every_truncation_and_every_byte_is_survived)
{
	struct trail_reader r;
	struct trail t;
	size_t breaks = 0;
	struct rng g;

	rng_seed(&g, 9);
	trail_init(&t, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < 40; i++)
		cr_assert(trail_add(&t, 1000000 - i, i * 1000000000ULL));
	cr_assert(trail_settle(&t));
	for (size_t n = 0; n <= t.length; n++) {
		/* At the very end of its memory, for the sanitizers. */
		uint8_t *copy = malloc(n + 1);

		memcpy(copy + 1, bytes, n);
		trail_read(&r, copy + 1, n);
		while (trail_next(&r))
			continue;
		breaks += r.broken;
		free(copy);
	}
	cr_assert_eq(breaks, t.length - 40, "only whole entries are none");
	for (unsigned i = 0; i < 2000; i++) {
		for (size_t k = 0; k < 64; k++)
			bytes[k] = (uint8_t)rng_next(&g);
		trail_read(&r, bytes, 64);
		while (trail_next(&r))
			cr_assert_gt(r.entry.count, 0);
	}
}
