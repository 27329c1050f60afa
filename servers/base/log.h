/* SPDX-License-Identifier: MIT */
/*
 * Log lines on standard error: `2026-01-31T12:00:00.123Z warn http: text`.
 * The level is set once at start-up; it is the one piece of process-wide
 * state, because a log line must be possible from anywhere.
 */
#ifndef SERVERS_BASE_LOG_H
#define SERVERS_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

void log_set_level(enum log_level level); /* default: warn */
bool log_parse_level(const char *name, enum log_level *out);

/* `area` is the module that decides, for example "http". No newline needed. */
void log_at(enum log_level level, const char *area, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(area, ...) log_at(LOG_LEVEL_ERROR, area, __VA_ARGS__)
#define log_warn(area, ...) log_at(LOG_LEVEL_WARN, area, __VA_ARGS__)
#define log_info(area, ...) log_at(LOG_LEVEL_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) log_at(LOG_LEVEL_DEBUG, area, __VA_ARGS__)

/*
 * For events that a peer can cause at will: lets at most one line a second
 * through and counts the rest. Returns true when a line may be written now,
 * and then sets *suppressed to how many were not since the last one.
 */
struct log_limit {
	uint64_t next_ms;
	unsigned suppressed;
};
bool log_limit_pass(struct log_limit *l, uint64_t now_ms, unsigned *suppressed);

#endif
