/* SPDX-License-Identifier: MIT */
/*
 * Whether a run.json that is read again is one: results/schema.json, which is
 * part of the program, applied to it. Of JSON Schema it knows what that file
 * uses; two things are said more strictly: no key may be given twice, and an
 * integer must be one of 64 bits.
 *
 *	measurements[3].pairs of r.json, line 71, is -5:
 *	r.json:71: measurements[3].pairs: -5 is less than 0
 */
#ifndef BENCH_RUN_SCHEMA_H
#define BENCH_RUN_SCHEMA_H

#include <stdbool.h>

#include "bench/run/doc.h"
#include "servers/base/err.h"

/* Operations */
/*
 * ERR_PROTO with d->error: file, line, path and what is wrong. Lenient: keys
 * that it does not know, and keys that lack, are taken as they are.
 */
MUST_USE enum err schema_check(struct doc *d, bool lenient);
/* Complains about an item in the same form. */
__attribute__((format(printf, 3, 4))) void
schema_fail(struct doc *d, const struct cJSON *item, const char *format, ...);

#endif
