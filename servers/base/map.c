/* SPDX-License-Identifier: MIT */
/*
 * Open addressing with linear probing. An entry is removed by shifting the
 * ones behind it back, so there are no tombstones and a map that churns stays
 * as fast as a fresh one.
 */
#include "servers/base/map.h"

#include <endian.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/random.h"

#define MAP_FIRST_CAP 16

struct map_entry {
	uint64_t hash;
	struct slice key;
	void *value; /* NULL: the place is free */
};

/* SipHash (Aumasson and Bernstein, 2012), one and three rounds. */

struct sip {
	uint64_t a, b, c, d;
};

static inline uint64_t rotl(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(struct sip *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = rotl(s->b, 13) ^ s->a;
	s->d = rotl(s->d, 16) ^ s->c;
	s->a = rotl(s->a, 32);
	s->c += s->b;
	s->a += s->d;
	s->b = rotl(s->b, 17) ^ s->c;
	s->d = rotl(s->d, 21) ^ s->a;
	s->c = rotl(s->c, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	sip_round(s);
	s->a ^= word;
}

/* Up to eight bytes, the first one lowest, whatever the machine's order. */
static inline uint64_t little_endian(const char *p, size_t n)
{
	uint64_t word = 0;

	if (n > 0)
		memcpy(&word, p, n);
	return le64toh(word);
}

uint64_t map_hash(const uint64_t seed[2], struct slice key)
{
	const char *p = key.p;
	size_t left = key.n;
	struct sip s = {
		seed[0] ^ 0x736f6d6570736575U,
		seed[1] ^ 0x646f72616e646f6dU,
		seed[0] ^ 0x6c7967656e657261U,
		seed[1] ^ 0x7465646279746573U,
	};

	for (; left >= 8; left -= 8, p += 8)
		sip_word(&s, little_endian(p, 8));
	sip_word(&s, little_endian(p, left) | (uint64_t)key.n << 56);
	s.c ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

void map_init(struct map *m)
{
	*m = (struct map){0};
	random_bytes(m->seed, sizeof(m->seed));
}

void map_release(struct map *m)
{
	free(m->entries);
	m->entries = NULL;
	m->cap = 0;
	m->count = 0;
}

/* The place of `key`, or the free one where it belongs. Needs cap > count. */
static size_t find(const struct map *m, uint64_t hash, struct slice key)
{
	size_t mask = m->cap - 1;
	size_t i = (size_t)hash & mask;

	for (;; i = (i + 1) & mask) {
		const struct map_entry *e = &m->entries[i];

		if (!e->value)
			return i;
		if (e->hash == hash && slice_eq(e->key, key))
			return i;
	}
}

static void resize(struct map *m, size_t cap)
{
	struct map_entry *old = m->entries;
	size_t old_cap = m->cap;

	m->entries = xcalloc(cap, sizeof(*m->entries));
	m->cap = cap;
	for (size_t i = 0; i < old_cap; i++) {
		if (old[i].value)
			m->entries[find(m, old[i].hash, old[i].key)] = old[i];
	}
	free(old);
}

void *map_put(struct map *m, struct slice key, void *value)
{
	uint64_t hash = map_hash(m->seed, key);
	struct map_entry *e;
	void *replaced;

	CHECK(value);
	if (m->count >= m->cap / 4 * 3)
		resize(m, m->cap ? m->cap * 2 : MAP_FIRST_CAP);
	e = &m->entries[find(m, hash, key)];
	replaced = e->value;
	if (!replaced)
		m->count++;
	/* The key too: the old one may die with the value it belongs to. */
	*e = (struct map_entry){.hash = hash, .key = key, .value = value};
	return replaced;
}

/* Fills the free place `hole` with what probing would miss otherwise. */
static void shift_back(struct map *m, size_t hole)
{
	size_t mask = m->cap - 1;

	for (size_t i = (hole + 1) & mask; m->entries[i].value;
	     i = (i + 1) & mask) {
		size_t home = (size_t)m->entries[i].hash & mask;

		/* May it move, that is, does its home not lie in (hole, i]? */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->entries[hole] = m->entries[i];
		m->entries[i].value = NULL;
		hole = i;
	}
}

void *map_remove(struct map *m, struct slice key)
{
	void *value;
	size_t i;

	if (m->count == 0)
		return NULL;
	i = find(m, map_hash(m->seed, key), key);
	value = m->entries[i].value;
	if (!value)
		return NULL;
	m->entries[i].value = NULL;
	m->count--;
	shift_back(m, i);
	if (m->cap > MAP_FIRST_CAP && m->count < m->cap / 8)
		resize(m, m->cap / 2);
	return value;
}

void *map_get(const struct map *m, struct slice key)
{
	if (m->count == 0)
		return NULL;
	return m->entries[find(m, map_hash(m->seed, key), key)].value;
}

void *map_next(const struct map *m, size_t *cursor)
{
	while (*cursor < m->cap) {
		void *value = m->entries[(*cursor)++].value;

		if (value)
			return value;
	}
	return NULL;
}
