/* SPDX-License-Identifier: MIT */
/*
 * How subscribers and messages are dealt to the rooms of a group: both round
 * robin, so that whoever has a number knows its room without a table. With R
 * rooms, room k has the subscribers k, k + R, ... and the messages k, k + R,
 * ..., and within a room a message is known by number / R.
 *
 * Several workers (team.h) have a part of the subscribers each, a range of
 * those numbers.
 */
#ifndef BENCH_LOAD_LOAD_ROOMS_H
#define BENCH_LOAD_LOAD_ROOMS_H

#include <stdint.h>

/* How many of the numbers 0..count-1 fall to room `k` of `rooms`. */
static inline uint64_t rooms_share(uint64_t count, uint32_t rooms, uint32_t k)
{
	return count / rooms + (k < count % rooms);
}

/* How many of the numbers first..first+count-1 fall to room `k`. */
static inline uint64_t rooms_part(uint64_t first, uint64_t count,
				  uint32_t rooms, uint32_t k)
{
	return rooms_share(first + count, rooms, k) -
	       rooms_share(first, rooms, k);
}

/*
 * Sum of 2i + 1 over the numbers i of room `k` of `rooms`, below `count`: for
 * one room count squared.
 */
static inline uint64_t rooms_odd_sum(uint64_t count, uint32_t rooms, uint32_t k)
{
	uint64_t n = rooms_share(count, rooms, k);

	return n == 0 ? 0 : n * (2 * (uint64_t)k + 1 + rooms * (n - 1));
}

#endif
