/* SPDX-License-Identifier: MIT */
#include "servers/base/random.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

Test(random, bytes_differ_from_call_to_call)
{
	unsigned char a[300] = {0};
	unsigned char b[300] = {0};

	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
	/* 44 bytes of zero at the end have no other cause than being left. */
	cr_assert_neq(memcmp(a + 256, (unsigned char[44]){0}, 44), 0);
	random_bytes(a, 0);
}

Test(random, ids_have_their_length_and_alphabet)
{
	char id[23];
	char other[23];

	memset(id, '!', sizeof(id));
	random_id(id, 22);
	random_id(other, 22);
	cr_assert_eq(strlen(id), 22);
	cr_assert_eq(strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
				"uvwxyz0123456789-_"),
		     22);
	cr_assert_str_neq(id, other);
}

Test(rng, is_xoshiro256_starstar)
{
	struct rng r = {{1, 2, 3, 4}};

	/* The first numbers of the authors' reference implementation. */
	cr_assert_eq(rng_next(&r), 11520);
	cr_assert_eq(rng_next(&r), 0);
	cr_assert_eq(rng_next(&r), 1509978240);
	cr_assert_eq(rng_next(&r), 1215971899390074240U);
}

Test(rng, is_seeded_by_splitmix64)
{
	struct rng r;

	rng_seed(&r, 1234567);
	cr_assert_eq(r.s[0], 6457827717110365317U);
	cr_assert_eq(r.s[1], 3203168211198807973U);
}

Test(rng, repeats_from_its_seed)
{
	struct rng a;
	struct rng b;

	rng_seed(&a, 7);
	rng_seed(&b, 7);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(rng_next(&a), rng_next(&b));
	rng_seed(&b, 8);
	cr_assert_neq(rng_next(&a), rng_next(&b));
}

Test(rng, below_is_even_and_below)
{
	enum { BOUND = 7, ROUNDS = 70000 };
	int counts[BOUND] = {0};
	struct rng r;

	rng_seed(&r, 1);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t x = rng_below(&r, BOUND);

		cr_assert_lt(x, BOUND);
		counts[x]++;
	}
	/* Five standard deviations of a count are about 460. */
	for (int i = 0; i < BOUND; i++)
		cr_assert_lt(abs(counts[i] - ROUNDS / BOUND), 460);
	cr_assert_eq(rng_below(&r, 1), 0);
}

Test(rng, unit_and_exponential_have_their_means)
{
	enum { ROUNDS = 100000 };
	double units = 0;
	double gaps = 0;
	struct rng r;

	rng_seed(&r, 2);
	for (int i = 0; i < ROUNDS; i++) {
		double u = rng_unit(&r);
		double gap = rng_exponential(&r, 5.0);

		cr_assert(u >= 0 && u < 1);
		cr_assert(gap >= 0 && isfinite(gap));
		units += u;
		gaps += gap;
	}
	cr_assert_float_eq(units / ROUNDS, 0.5, 0.01);
	cr_assert_float_eq(gaps / ROUNDS, 5.0, 0.1);
}
