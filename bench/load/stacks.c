/* SPDX-License-Identifier: MIT */
#include "bench/load/stacks.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_HALF 0x8000000000000000ULL
#define SOFTIRQ "net_rx_action"
#define RUN_BY_PROCESS "__local_bh_enable_ip"

void stacks_init(struct stacks *s)
{
	*s = (struct stacks){0};
}

void stacks_watch(struct stacks *s, pid_t pid, enum stacks_name end)
{
	if (s->watched_count == STACKS_PIDS)
		return;
	s->watched[s->watched_count].pid = pid;
	s->watched[s->watched_count++].end = end;
}

/* Reading */

/* STACKS_ENDS: nobody's. */
static enum stacks_name end_of(const struct stacks *s, pid_t pid)
{
	for (size_t i = 0; i < s->watched_count; i++) {
		if (s->watched[i].pid == pid)
			return s->watched[i].end;
	}
	return STACKS_ENDS;
}

static void close_sample(struct stacks *s)
{
	enum stacks_name end = s->is_open ? end_of(s, s->pid) : STACKS_ENDS;

	s->is_open = false;
	if (end == STACKS_ENDS)
		return;
	s->ends[end].samples++;
	s->ends[end].receiving += s->is_receiving;
}

/* "12036 ", padded on the left when the number is short. */
static void open_sample(struct stacks *s, const char *line)
{
	char *end;
	long pid = strtol(line, &end, 10);

	close_sample(s);
	if (end == line || (*end && !isspace((unsigned char)*end)) ||
	    pid <= 0 || pid > INT32_MAX)
		return;
	s->is_open = true;
	s->pid = (pid_t)pid;
	s->is_below = s->is_receiving = false;
}

/* Compilers add ".part.0" and the like, perf "+0x10" when asked to. */
static bool is_symbol(const char *symbol, const char *name)
{
	size_t n = strlen(name);

	return strncmp(symbol, name, n) == 0 &&
	       (!symbol[n] || strchr(".+ ", symbol[n]));
}

/* "\tffffffff81eba59e net_rx_action": an address and what it is in. */
static void read_frame(struct stacks *s, const char *line)
{
	char *symbol;
	unsigned long long address = strtoull(line, &symbol, 16);

	if (!s->is_open || symbol == line || *symbol != ' ' ||
	    address < KERNEL_HALF || end_of(s, s->pid) == STACKS_ENDS)
		return;
	symbol += strspn(symbol, " ");
	if (!*symbol || *symbol == '[') {
		s->nameless++;
		return;
	}
	s->named++;
	/* The innermost comes first, so the order says who ran whom. */
	if (is_symbol(symbol, SOFTIRQ))
		s->is_below = true;
	else if (s->is_below && is_symbol(symbol, RUN_BY_PROCESS))
		s->is_receiving = true;
}

static void read_line(struct stacks *s)
{
	const char *line = s->line;

	if (line[0] == '\t')
		read_frame(s, line);
	else if (line[strspn(line, " \r")])
		open_sample(s, line);
	else
		close_sample(s);
}

void stacks_feed(struct stacks *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			s->line[s->length] = '\0';
			read_line(s);
			s->length = 0;
		} else if (s->length < STACKS_LINE - 1) {
			s->line[s->length++] = bytes[i];
		}
	}
}

void stacks_end(struct stacks *s)
{
	if (s->length > 0)
		stacks_feed(s, "\n", 1);
	close_sample(s);
}

/* Queries */

const char *stacks_reason(const struct stacks *s)
{
	const struct stacks_end *server = &s->ends[STACKS_SERVER];
	const struct stacks_end *worker = &s->ends[STACKS_WORKER];

	if (server->samples == 0)
		return "perf took no sample of the server";
	if (worker->samples == 0)
		return "perf took no sample of the load worker";
	if (s->named + s->nameless == 0)
		return "perf is not shown the kernel's part of stacks "
		       "(kernel.perf_event_paranoid)";
	if (s->named == 0)
		return "the kernel's functions have no names here "
		       "(kernel.kptr_restrict)";
	if (server->receiving + worker->receiving == 0)
		return "no sampled stack shows the kernel's " SOFTIRQ
		       " under " RUN_BY_PROCESS;
	if (server->receiving == server->samples)
		return "no sample shows work of the server's own";
	return NULL;
}

/*
 * With a samples of one's own, b of receiving and c of the other's receiving,
 * all of them counts with the scatter of counts, the factor (a + c) / (a + b)
 * or (a + c) / a moves by its derivatives.
 */
struct stacks_factor stacks_factor(const struct stacks *s, double expected)
{
	double all = (double)s->ends[STACKS_SERVER].samples;
	double b = (double)s->ends[STACKS_SERVER].receiving, a = all - b;
	double c = (double)s->ends[STACKS_WORKER].receiving;
	struct stacks_factor f = {0};
	double base, by_a, by_b;

	f.charged = fabs(all - expected) <= fabs(a - expected);
	base = f.charged ? all : a;
	f.value = (a + c) / base;
	by_a = 1 - f.value;
	by_b = f.charged ? f.value : 0;
	f.error = sqrt(by_a * by_a * a + by_b * by_b * b + c) / base;
	return f;
}
