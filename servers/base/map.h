/* SPDX-License-Identifier: MIT */
/*
 * Hash map from byte strings to pointers. Keyed with a random seed per map
 * (SipHash-1-3), so that peers who choose the keys cannot make them collide.
 * The map copies no key: the key bytes belong to the value's owner and must
 * live, unchanged, for as long as the entry.
 */
#ifndef SERVERS_BASE_MAP_H
#define SERVERS_BASE_MAP_H

#include <stdint.h>

#include "servers/base/slice.h"

struct map_entry;

struct map {
	struct map_entry *entries;
	size_t cap; /* 0 or a power of two */
	size_t count;
	uint64_t seed[2];
};

/* Life cycle */
void map_init(struct map *m);
void map_release(struct map *m); /* the values are the caller's */

/* Operations */
/* Sets key to value (not NULL). Returns the value it replaces, or NULL. */
void *map_put(struct map *m, struct slice key, void *value);
/* Returns the removed value, or NULL. */
void *map_remove(struct map *m, struct slice key);

/* Queries */
/* SipHash-1-3 of `key`; what the map uses, with its own seed. */
uint64_t map_hash(const uint64_t seed[2], struct slice key);
void *map_get(const struct map *m, struct slice key); /* NULL when absent */
/*
 * Iteration: start with *cursor = 0; returns NULL at the end. Entries may be
 * removed while iterating only if the iteration is then started again.
 */
void *map_next(const struct map *m, size_t *cursor);

#endif
