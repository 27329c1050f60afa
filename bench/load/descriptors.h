/* SPDX-License-Identifier: MIT */
/*
 * How many descriptors a process may have (RLIMIT_NOFILE), of which each
 * connection takes one. What we are allowed to raise ourselves is raised;
 * what then still lacks is said in words that tell how to raise it.
 */
#ifndef BENCH_LOAD_DESCRIPTORS_H
#define BENCH_LOAD_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DESCRIPTORS_SPARE                                                      \
	64 /* beside the connections: files, timers, polls                     \
	    */

/* Operations */
/*
 * Raises our own soft limit to the hard one, and both to `wanted` where that is
 * more and allowed. Returns what the soft limit is now. Processes that we start
 * from now on inherit it.
 */
uint64_t descriptors_raise(uint64_t wanted);
/*
 * Whether this process, with what it has open, may open `more` connections.
 * If not, `why` gets a sentence.
 */
bool descriptors_suffice(uint64_t more, char *why, size_t size);

/* Queries */
uint64_t descriptors_open(void); /* by this process */

#endif
