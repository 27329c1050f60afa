/* SPDX-License-Identifier: MIT */
/*
 * A workload, read from bench/scenarios/NAME.json: what it teaches, its
 * parameters with their ranges, its variants (each measured on its own) and
 * what the sizes of a suite change. docs/BENCHMARKING.md shows the format.
 *
 * A parameter's value is, in falling order of precedence: what --set says,
 * the variant's, the size's, the file's default, the default of this module.
 * Where there are `members` (of each room), subscribers = rooms * members.
 */
#ifndef BENCH_RUN_SCENARIO_H
#define BENCH_RUN_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/load/load.h"
#include "bench/run/doc.h"
#include "servers/base/err.h"

/*
 * Name, whether it is WHOLE or ANY number, default, least and greatest value of
 * every parameter there is.
 */
#define PARAM_LIST(X)                                                          \
	X(SUBSCRIBERS, subscribers, WHOLE, 1000, 0, 152000)                    \
	X(WORKERS, workers, WHOLE, 1, 1, 8)                                    \
	X(ROOMS, rooms, WHOLE, 1, 1, 9000)                                     \
	X(MEMBERS, members, WHOLE, 0, 0, 9000)                                 \
	X(PAYLOAD, payload, WHOLE, 128, 69, 1 << 20)                           \
	X(TEXTS, texts, WHOLE, 8, 1, 1000000)                                  \
	X(TEXT, text, WHOLE, 13, 1, 65535)                                     \
	X(WINDOW, window, WHOLE, 1, 1, 1024)                                   \
	X(LOAD, load, ANY, 0.3, 0.01, 1)                                       \
	X(RATE, rate, ANY, 0, 0, 1e6)                                          \
	X(BURST, burst, WHOLE, 1, 1, 1024)                                     \
	X(POISSON, poisson, WHOLE, 0, 0, 1)                                    \
	X(SPIN, spin, WHOLE, 0, 0, 1)                                          \
	X(STAMPS, stamps, WHOLE, 1, 0, 1)                                      \
	X(FROZEN, frozen, WHOLE, 0, 0, 1000)                                   \
	X(SLOW, slow, WHOLE, 0, 0, 1000)                                       \
	X(SLOW_RATE, slow_rate, WHOLE, 10000, 1, 1e9)                          \
	X(CHURN, churn, ANY, 0, 0, 10000)                                      \
	X(RAMP, ramp, WHOLE, 0, 0, 1e6)                                        \
	X(MARGIN, margin, ANY, 0.1, 0.001, 1)                                  \
	X(PAIRS, pairs, WHOLE, 10, 1, 10000)                                   \
	X(STARTS, starts, WHOLE, 1, 1, 1000)                                   \
	X(SLICE_MS, slice_ms, ANY, 250, 10, 600000)                            \
	X(WARMUP_MS, warmup_ms, ANY, 150, 10, 60000)                           \
	X(WARMUP_MAX, warmup_max, WHOLE, 6, 1, 1000)                           \
	X(CHECK_MESSAGES, check_messages, WHOLE, 32, 1, 1000000)               \
	X(STACKS_MS, stacks_ms, ANY, 0, 0, 60000)                              \
	X(SETTLE_MS, settle_ms, ANY, 200, 1, 600000)                           \
	X(WATCH_MS, watch_ms, ANY, 0, 0, 600000)                               \
	X(DRAIN_MS, drain_ms, ANY, 5000, 1, 600000)                            \
	X(CONNECT_MS, connect_ms, ANY, 30000, 1, 600000)                       \
	X(PARTIAL, partial, WHOLE, 0, 0, 1)                                    \
	X(PUBLISHER_BEHIND, publisher_behind, WHOLE, 0, 0, 1)                  \
	X(POLL_MS, poll_ms, ANY, 1000, 10, 600000)                             \
	X(RECONNECT, reconnect, WHOLE, 0, 0, 1)                                \
	X(RESUME, resume, WHOLE, 1, 0, 1)                                      \
	X(RESTART, restart, WHOLE, 0, 0, 1)                                    \
	X(PENDING, pending, WHOLE, 64, 1, 10000)                               \
	X(MOST, most, WHOLE, 9000, 1, 152000)                                  \
	X(BOUND_MS, bound_ms, ANY, 100, 0.1, 60000)                            \
	X(PERCENTILE, percentile, ANY, 99, 1, 99.99)                           \
	X(LARGE, large, WHOLE, 0, 0, 3)                                        \
	X(BULK, bulk, WHOLE, 50e6, 69, 60e6)                                   \
	X(PIECE, piece, WHOLE, 65536, 69, 60e6)

enum param {
#define PARAM_ENUM(upper, lower, number, value, min, max) PARAM_##upper,
	PARAM_LIST(PARAM_ENUM)
#undef PARAM_ENUM
		PARAM_COUNT
};

#define KIND_CLOSED (1U << LOAD_CLOSED)
#define KIND_OPEN (1U << LOAD_OPEN)
#define KIND_RTT (1U << LOAD_RTT)
#define KIND_IDLE (1U << LOAD_IDLE)

/* How a scenario is measured, method.h says what each does; variants it has. */
#define METHOD_LIST(X)                                                         \
	/* slices of the target between slices of bare */                      \
	X(PAIRS, pairs, KIND_CLOSED | KIND_OPEN | KIND_RTT)                    \
	/* the decoding worker against a recv() loop */                        \
	X(CLIENT, client, KIND_CLOSED | KIND_OPEN)                             \
	X(MEMORY, memory, KIND_IDLE)	   /* memory per idle connection */    \
	X(NETWORK, network, KIND_OPEN)	   /* what arrives through a link */   \
	X(CONNECT, connect, KIND_RTT)	   /* storms of connections */         \
	X(RECONNECT, reconnect, KIND_OPEN) /* a restart or a cut */            \
	X(ZOMBIE, zombie, KIND_IDLE)	   /* until the dead are found */      \
	/* the most clients under a bound */                                   \
	X(CAPACITY, capacity, KIND_CLOSED | KIND_OPEN)                         \
	X(ECHO, echo, KIND_RTT)	   /* what surrounds a text */                 \
	X(LARGE, large, KIND_OPEN) /* neighbours of a large payload */

enum scenario_method {
#define METHOD_ENUM(upper, lower, kinds) METHOD_##upper,
	METHOD_LIST(METHOD_ENUM)
#undef METHOD_ENUM
		METHODS
};

#define SCENARIO_SELF "self"
#define SCENARIO_LINK_MAX 40 /* arguments of a link */

enum scenario_size { SIZE_SMOKE, SIZE_QUICK, SIZE_STANDARD, SIZE_FULL, SIZES };

struct param_spec {
	bool declared; /* in the file: --set may change it */
	double value, min, max;
	char *help;
};

/* Some parameters, others untouched. */
struct param_changes {
	bool set[PARAM_COUNT];
	double value[PARAM_COUNT];
};

struct variant {
	char *name, *help;
	enum load_kind kind;
	struct param_changes changes;
	/*
	 * Arguments, NULL-terminated, or NULL: those of `pushmark link` for
	 * the network between worker and server, and more for our own servers
	 * (targets that start {bin}/pushmark-server).
	 */
	char **link, **server;
};

/* A figure that others published, to be put beside ours. */
struct published {
	char *what; /* in words, with the unit */
	char *variant, *target;
	char *figure; /* path in the measurement's JSON, as view.h reads, or
			 a sum of them: "a.b+a.c" */
	double value; /* theirs */
	double scale; /* ours times this has their unit */
	char *per;    /* target by whose figure ours is divided, or NULL */
	char *source; /* who, where, when */
	char *why;    /* why ours differs */
};

struct scenario {
	char *file;    /* that it was read from */
	unsigned line; /* of its name there */
	char *name, *description, *teaches;
	enum scenario_method method;
	int suite; /* place among those that run when none is named, or 0 */
	char **targets; /* NULL-terminated: only these; NULL: as chosen */
	char *baseline; /* that they are compared with; SCENARIO_SELF: itself */
	struct param_spec params[PARAM_COUNT];
	struct param_changes sizes[SIZES];
	struct variant *variants;
	size_t variant_count;
	struct published *published;
	size_t published_count;
};

/* Life cycle */
/* ERR_USAGE: d->error says what is wrong. scenario_release() is legal. */
MUST_USE enum err scenario_read(struct scenario *s, struct doc *d);
void scenario_release(struct scenario *s);

/* Operations */
/*
 * Adds one `key=value` of --set to `into`. ERR_USAGE with `message`: no such
 * parameter, not a number, or a fraction of what is whole. Whether it is in
 * range is the scenario's to say.
 */
MUST_USE enum err param_set(struct param_changes *into, const char *text,
			    char *message, size_t size);
/*
 * Whether the scenario takes what is set there: ERR_NOTFOUND when it declares
 * none of it, ERR_USAGE with `message` when a value is out of range.
 */
MUST_USE enum err scenario_takes(const struct scenario *s,
				 const struct param_changes *set, char *message,
				 size_t size);
/*
 * Whether all values of each variant go together in that size: rooms and
 * members may be too many that each are within their range. ERR_USAGE.
 */
MUST_USE enum err scenario_fits(const struct scenario *s, enum scenario_size at,
				const struct param_changes *set, char *message,
				size_t size);
/* The values of one variant. */
void scenario_values(const struct scenario *s, const struct variant *v,
		     enum scenario_size size, const struct param_changes *set,
		     double out[PARAM_COUNT]);

/* Queries */
/* Whether its list of targets has that name; false when it has no list. */
bool scenario_names(const struct scenario *s, const char *target);
const char *param_name(enum param p);
const char *scenario_method_name(enum scenario_method m);
const char *scenario_size_name(enum scenario_size s);
extern const char *const scenario_size_names[]; /* NULL-terminated */

#endif
