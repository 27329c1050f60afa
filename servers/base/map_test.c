/* SPDX-License-Identifier: MIT */
#include "servers/base/map.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "servers/base/check.h"
#include "servers/base/random.h"

struct thing {
	char name[24];
	bool present;
	int seen;
};

static void name_things(struct thing *things, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		things[i] = (struct thing){0};
		(void)snprintf(things[i].name, sizeof(things[i].name), "key%zu",
			       i);
	}
}

Test(map, hashes_with_siphash_1_3)
{
	const uint64_t zero[2] = {0, 0};
	const uint64_t counting[2] = {0x0706050403020100U, 0x0f0e0d0c0b0a0908U};

	/* The same as CPython 3.11 answers with PYTHONHASHSEED=0. */
	cr_assert_eq(map_hash(zero, SLICE("a")), 0x407448d2b89b1813U);
	cr_assert_eq(map_hash(zero, SLICE("abc")), 0xc03bc3a0042630f2U);
	cr_assert_eq(map_hash(zero, SLICE("abcdefgh")), 0x3f7b849c0b8e35eaU);
	cr_assert_eq(map_hash(zero, SLICE("hello, hello, hello")),
		     0x7ab7f1cb4727b60fU);
	cr_assert_eq(map_hash(counting, SLICE("")), 0xabac0158050fc4dcU);
}

Test(map, an_empty_map_has_nothing)
{
	struct map m;
	size_t cursor = 0;

	map_init(&m);
	cr_assert_null(map_get(&m, SLICE("a")));
	cr_assert_null(map_remove(&m, SLICE("a")));
	cr_assert_null(map_next(&m, &cursor));
	map_release(&m);
}

Test(map, putting_again_replaces_value_and_key)
{
	struct map m;
	char first[] = "room";
	char second[] = "room";
	int a;
	int b;

	map_init(&m);
	cr_assert_null(map_put(&m, slice_str(first), &a));
	cr_assert_eq(map_put(&m, slice_str(second), &b), &a);
	first[0] = '!'; /* the first key's owner is gone */
	cr_assert_eq(map_get(&m, SLICE("room")), &b);
	cr_assert_eq(m.count, 1);
	map_release(&m);
}

Test(map, keys_are_bytes)
{
	struct map m;
	int a;
	int b;
	int c;

	map_init(&m);
	map_put(&m, slice_of("x\0y", 3), &a);
	map_put(&m, slice_of("x\0z", 3), &b);
	map_put(&m, slice_of(NULL, 0), &c);
	cr_assert_eq(map_get(&m, slice_of("x\0y", 3)), &a);
	cr_assert_eq(map_get(&m, slice_of("x\0z", 3)), &b);
	cr_assert_eq(map_get(&m, SLICE("")), &c);
	cr_assert_null(map_get(&m, SLICE("x")));
	map_release(&m);
}

Test(map, two_maps_have_different_seeds)
{
	struct map a;
	struct map b;

	map_init(&a);
	map_init(&b);
	cr_assert_neq(a.seed[0], b.seed[0]);
	cr_assert_neq(a.seed[1], b.seed[1]);
}

Test(map, iteration_meets_everything_once)
{
	struct map m;
	struct thing things[500];
	struct thing *t;
	size_t cursor = 0;
	int met = 0;

	map_init(&m);
	name_things(things, ARRAY_SIZE(things));
	for (size_t i = 0; i < ARRAY_SIZE(things); i++)
		map_put(&m, slice_str(things[i].name), &things[i]);
	while ((t = map_next(&m, &cursor))) {
		cr_assert_eq(t->seen++, 0);
		met++;
	}
	cr_assert_eq(met, 500);
	map_release(&m);
}

static void check_against_model(const struct map *m, struct thing *things,
				size_t count)
{
	size_t present = 0;

	for (size_t i = 0; i < count; i++) {
		struct thing *want = things[i].present ? &things[i] : NULL;

		cr_assert_eq(map_get(m, slice_str(things[i].name)), want, "%s",
			     things[i].name);
		present += things[i].present;
	}
	cr_assert_eq(m->count, present);
}

/* Grows and shrinks in waves, so that deletion meets full and sparse tables. */
Test(map, agrees_with_a_model_over_random_operations)
{
	static struct thing things[2000];
	struct map m;
	struct rng r;

	rng_seed(&r, 42);
	map_init(&m);
	name_things(things, ARRAY_SIZE(things));
	for (int step = 0; step < 60000; step++) {
		struct thing *t = &things[rng_below(&r, ARRAY_SIZE(things))];
		bool growing = (step / 10000) % 2 == 0;
		bool put = rng_below(&r, 10) < (growing ? 8 : 2);
		struct thing *old = t->present ? t : NULL;

		if (put)
			cr_assert_eq(map_put(&m, slice_str(t->name), t), old);
		else
			cr_assert_eq(map_remove(&m, slice_str(t->name)), old);
		t->present = put;
		if (step % 1000 == 0)
			check_against_model(&m, things, ARRAY_SIZE(things));
	}
	check_against_model(&m, things, ARRAY_SIZE(things));
	map_release(&m);
}

Test(map, an_emptied_map_gives_its_memory_back)
{
	static struct thing things[2000];
	struct map m;

	map_init(&m);
	name_things(things, ARRAY_SIZE(things));
	for (size_t i = 0; i < ARRAY_SIZE(things); i++)
		map_put(&m, slice_str(things[i].name), &things[i]);
	cr_assert_geq(m.cap, 2000);
	for (size_t i = 0; i < ARRAY_SIZE(things); i++)
		map_remove(&m, slice_str(things[i].name));
	cr_assert_leq(m.cap, 16);
	map_release(&m);
}
