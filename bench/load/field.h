/* SPDX-License-Identifier: MIT */
/*
 * One table makes a struct's JSON object both ways: which member has which
 * name and type. Used for what travels between orchestrator and worker and
 * ends in the results file.
 */
#ifndef BENCH_LOAD_FIELD_H
#define BENCH_LOAD_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/hist.h"
#include "servers/base/err.h"

struct cJSON;

enum field_type {
	FIELD_TYPE_END,
	FIELD_TYPE_U64, /* up to 2^53, as a number */
	FIELD_TYPE_HEX, /* uint64_t as 16 hexadecimal digits */
	FIELD_TYPE_U32,
	FIELD_TYPE_INT,
	FIELD_TYPE_DOUBLE,
	FIELD_TYPE_BOOL,
	FIELD_TYPE_CHOICE, /* enum, as its name */
	FIELD_TYPE_TEXT,   /* char array of `size`, NUL-terminated */
	FIELD_TYPE_HIST,   /* struct hist, initialised */
};

struct field {
	enum field_type type;
	const char *name;
	size_t offset;
	size_t size;
	const char *const *names; /* of a choice, NULL-terminated */
};

#define FIELD_OF(kind, name, type, member)                                     \
	{                                                                      \
		kind, name, offsetof(type, member),                            \
			sizeof(((type *)0)->member), NULL                      \
	}
#define FIELD_U64(n, t, m) FIELD_OF(FIELD_TYPE_U64, n, t, m)
#define FIELD_HEX(n, t, m) FIELD_OF(FIELD_TYPE_HEX, n, t, m)
#define FIELD_U32(n, t, m) FIELD_OF(FIELD_TYPE_U32, n, t, m)
#define FIELD_INT(n, t, m) FIELD_OF(FIELD_TYPE_INT, n, t, m)
#define FIELD_DOUBLE(n, t, m) FIELD_OF(FIELD_TYPE_DOUBLE, n, t, m)
#define FIELD_BOOL(n, t, m) FIELD_OF(FIELD_TYPE_BOOL, n, t, m)
#define FIELD_TEXT(n, t, m) FIELD_OF(FIELD_TYPE_TEXT, n, t, m)
#define FIELD_HIST(n, t, m) FIELD_OF(FIELD_TYPE_HIST, n, t, m)
#define FIELD_CHOICE(n, t, m, all)                                             \
	{                                                                      \
		FIELD_TYPE_CHOICE, n, offsetof(t, m), sizeof(((t *)0)->m), all \
	}
#define FIELD_END                                                              \
	{                                                                      \
		FIELD_TYPE_END, NULL, 0, 0, NULL                               \
	}

/* Operations */
struct cJSON *field_to_json(const struct field *table, const void *from);
/*
 * Every member of the table must be there with its type and in range, others
 * are ignored. ERR_PROTO leaves *into half written.
 */
MUST_USE enum err field_from_json(const struct field *table, void *into,
				  const struct cJSON *json);

#endif
