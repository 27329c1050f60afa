/* SPDX-License-Identifier: MIT */
#include "servers/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "servers/base/check.h"

#define LOG_LINE_MAX 1024
#define LOG_LIMIT_MS 1000

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

/* The one process-wide setting, see the header. */
static atomic_int current_level = LOG_LEVEL_WARN;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

bool log_parse_level(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* How many bytes snprintf really put into `room` bytes. */
static size_t printed(int n, size_t room)
{
	if (n < 0)
		return 0;
	return (size_t)n < room ? (size_t)n : room - 1;
}

static size_t put_head(char *line, size_t room, enum log_level level,
		       const char *area)
{
	struct timespec ts;
	struct tm tm;
	char stamp[32];

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)gmtime_r(&ts.tv_sec, &tm);
	if (strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		stamp[0] = '\0';
	return printed(snprintf(line, room, "%s.%03dZ %s %s: ", stamp,
				(int)(ts.tv_nsec / 1000000), level_names[level],
				area),
		       room);
}

void log_at(enum log_level level, const char *area, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	size_t room = sizeof(line) - 1; /* one is kept for the newline */
	size_t n;
	va_list args;

	if ((int)level >
	    atomic_load_explicit(&current_level, memory_order_relaxed))
		return;
	n = put_head(line, room, level, area);
	va_start(args, format);
	n += printed(vsnprintf(line + n, room - n, format, args), room - n);
	va_end(args);
	/* What a peer sent may stand in the text: it forges no lines. */
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[n++] = '\n';
	/* One call, so that lines do not mix; nobody to tell if it fails. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

bool log_limit_pass(struct log_limit *l, uint64_t now_ms, unsigned *suppressed)
{
	if (now_ms < l->next_ms) {
		l->suppressed++;
		return false;
	}
	*suppressed = l->suppressed;
	l->suppressed = 0;
	l->next_ms = now_ms + LOG_LIMIT_MS;
	return true;
}
