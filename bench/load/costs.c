/* SPDX-License-Identifier: MIT */
#include "bench/load/costs.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "servers/base/check.h"

#define TEXT_MAX 4096
#define TICK_NS 10000000 /* as /proc counts on every Linux */
/* A parent has its children's user and system time in whole ticks. */
#define ROUNDING_NS (UINT64_C(2) * TICK_NS)
/* The list of processes may be older than the sample, by so many ticks. */
#define LISTED_TICKS 10

/* What can move from a process to its parent. */
enum { CPU_NS, USER_TICKS, SYSTEM_TICKS, KINDS };

struct costs_process {
	pid_t pid, parent;
	uint64_t start; /* ticks since the host started */
	uint64_t own[KINDS];
	uint64_t waited[KINDS]; /* of children that it waited for */
	/* What is counted already, and still to come into `waited`. */
	uint64_t owed[KINDS];
	uint32_t ended; /* descendants gone at the next sample that owe it */
};

struct costs_thread {
	pid_t tid;
	uint64_t voluntary, involuntary;
};

static uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

/* Looking up */

/* A number is given again: only together with its start it is a name. */
static struct costs_process *find_process(const struct costs *c, pid_t pid,
					  uint64_t start)
{
	for (size_t i = 0; i < c->process_count; i++) {
		struct costs_process *p = &c->processes[i];

		if (p->pid == pid && p->start == start)
			return p;
	}
	return NULL;
}

static struct costs_process *find_parent(const struct costs *c,
					 const struct costs_process *of)
{
	for (size_t i = 0; i < c->process_count; i++) {
		if (c->processes[i].pid == of->parent)
			return &c->processes[i];
	}
	return NULL;
}

static const struct costs_thread *find_thread(const struct costs *c, pid_t tid)
{
	for (size_t i = 0; i < c->thread_count; i++) {
		if (c->threads[i].tid == tid)
			return &c->threads[i];
	}
	return NULL;
}

/* Whether all that it has was used since the sample `c`. */
static bool started_since(const struct costs *c, const struct costs_process *p)
{
	return c->process_count > 0 && p->start + LISTED_TICKS >= c->at_ticks;
}

/* Reading */

/* Reads the start of a file of /proc, and ends it with a NUL. */
static bool read_proc(const char *path, char *into)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return false;
	n = fread(into, 1, TEXT_MAX - 1, f);
	into[n] = '\0';
	(void)fclose(f);
	return n > 0;
}

static uint64_t timespec_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

static bool read_clock(struct costs_process *p)
{
	struct timespec cpu;
	clockid_t clock;

	if (clock_getcpuclockid(p->pid, &clock) != 0 ||
	    clock_gettime(clock, &cpu) != 0)
		return false;
	p->own[CPU_NS] = timespec_ns(&cpu);
	return true;
}

/* The words of /proc/PID/stat, counted from behind the process's name. */
enum {
	STAT_PARENT = 2,
	STAT_USER = 12,
	STAT_SYSTEM,
	STAT_WAITED_USER,
	STAT_WAITED_SYSTEM,
	STAT_START = 20,
	STAT_WORDS
};

/* The name may hold anything, also blanks and brackets. */
static bool read_stat(struct costs_process *p)
{
	uint64_t words[STAT_WORDS] = {0};
	char text[TEXT_MAX], path[64];
	char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)p->pid);
	if (!read_proc(path, text))
		return false;
	at = strrchr(text, ')');
	for (int i = 1; at && i < STAT_WORDS; i++) {
		at = strchr(at + 1, ' ');
		if (at)
			words[i] = strtoull(at + 1, NULL, 10);
	}
	if (!at)
		return false;
	p->parent = (pid_t)words[STAT_PARENT];
	p->start = words[STAT_START];
	p->own[USER_TICKS] = words[STAT_USER];
	p->own[SYSTEM_TICKS] = words[STAT_SYSTEM];
	p->waited[USER_TICKS] = words[STAT_WAITED_USER];
	p->waited[SYSTEM_TICKS] = words[STAT_WAITED_SYSTEM];
	p->waited[CPU_NS] =
		(words[STAT_WAITED_USER] + words[STAT_WAITED_SYSTEM]) * TICK_NS;
	return true;
}

/* The number after `name` in a status file; 0 when it is not there. */
static uint64_t status_number(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoull(p + strlen(name), NULL, 10) : 0;
}

/* False when it has ended and is not waited for: then it has no memory. */
static bool add_memory(pid_t pid, struct sample *s)
{
	char text[TEXT_MAX], path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!read_proc(path, text) || !strstr(text, "\nVmRSS:"))
		return false;
	s->rss += status_number(text, "\nVmRSS:") * 1024;
	s->rss_anon += status_number(text, "\nRssAnon:") * 1024;
	return true;
}

static bool read_thread(pid_t pid, const char *name, struct costs_thread *t)
{
	char text[TEXT_MAX], path[320];

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid,
		       name);
	if (!read_proc(path, text))
		return false;
	t->tid = (pid_t)strtol(name, NULL, 10);
	t->voluntary = status_number(text, "\nvoluntary_ctxt_switches:");
	t->involuntary = status_number(text, "\nnonvoluntary_ctxt_switches:");
	return true;
}

static void add_thread(struct costs *c, const struct costs_thread *t)
{
	if (c->thread_count == c->thread_capacity) {
		c->thread_capacity =
			c->thread_capacity ? c->thread_capacity * 2 : 32;
		c->threads = xrealloc(c->threads,
				      c->thread_capacity * sizeof(*c->threads));
	}
	c->threads[c->thread_count++] = *t;
	c->sum.threads++;
}

/* A thread seen first counts when `fresh`, with all that it has. */
static void count_switches(struct costs *c, const struct costs *last,
			   const struct costs_thread *t, bool fresh)
{
	static const struct costs_thread nothing;
	const struct costs_thread *was = find_thread(last, t->tid);

	if (!was && !fresh)
		return;
	if (!was)
		was = &nothing;
	c->sum.switches_voluntary += grown(was->voluntary, t->voluntary);
	c->sum.switches_involuntary += grown(was->involuntary, t->involuntary);
}

static void read_threads(struct costs *c, const struct costs *last,
			 const struct costs_process *p)
{
	/* A known process had no other threads than those of then. */
	bool fresh =
		find_process(last, p->pid, p->start) || started_since(last, p);
	struct costs_thread thread;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)p->pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    !read_thread(p->pid, entry->d_name, &thread))
			continue;
		add_thread(c, &thread);
		count_switches(c, last, &thread, fresh);
	}
	(void)closedir(dir);
}

/* False when the process is gone; one that nobody waited for is not yet. */
static bool read_process(struct costs *c, const struct costs *last, pid_t pid)
{
	struct costs_process *p = &c->processes[c->process_count];
	bool lives;

	*p = (struct costs_process){.pid = pid};
	if (!read_clock(p) || !read_stat(p))
		return false;
	c->process_count++;
	lives = add_memory(pid, &c->sum);
	read_threads(c, last, p);
	return lives;
}

/* From one sample to the next */

/*
 * What had been counted of those that are gone comes again with what their
 * parents waited for. Children come after their parents, so that what they
 * leave goes up to one that still lives.
 */
static void bequeath(struct costs *last, const struct costs *now)
{
	for (size_t i = last->process_count; i-- > 0;) {
		const struct costs_process *p = &last->processes[i];
		struct costs_process *heir = find_parent(last, p);

		if (!heir || find_process(now, p->pid, p->start))
			continue;
		heir->ended += 1 + p->ended;
		for (int k = 0; k < KINDS; k++)
			heir->owed[k] += p->own[k] + p->waited[k] + p->owed[k];
	}
}

/*
 * A parent is read before its children, so what ended in between comes with
 * the next sample; what has not come by then never does.
 */
static void count_process(struct costs *c, const struct costs_process *was,
			  struct costs_process *p)
{
	uint64_t *sums[KINDS] = {&c->sum.cpu_ns, &c->sum.user_ticks,
				 &c->sum.system_ticks};

	for (int k = 0; k < KINDS; k++) {
		uint64_t came = grown(was->waited[k], p->waited[k]);
		uint64_t ended = grown(was->owed[k], came);

		*sums[k] += grown(was->own[k], p->own[k]) + ended;
		if (k == CPU_NS)
			c->sum.waited_ns += ended;
		p->owed[k] = grown(came, was->owed[k]);
	}
	if (p->owed[CPU_NS] <= ROUNDING_NS)
		return;
	c->sum.lost += was->ended;
	if (was->ended == 0)
		memset(p->owed, 0, sizeof(p->owed));
}

static void count_processes(struct costs *c, const struct costs *last)
{
	static const struct costs_process nothing;

	for (size_t i = 0; i < c->process_count; i++) {
		struct costs_process *p = &c->processes[i];
		const struct costs_process *was =
			find_process(last, p->pid, p->start);

		if (was || started_since(last, p))
			count_process(c, was ? was : &nothing, p);
	}
}

/* Life cycle */

void costs_release(struct costs *c)
{
	free(c->processes);
	free(c->threads);
	*c = (struct costs){0};
}

/* Operations */

enum err costs_take(struct costs *c, const pid_t *pids, size_t count,
		    struct sample *out)
{
	struct costs now = {.sum = c->sum};
	struct timespec time;

	(void)clock_gettime(CLOCK_BOOTTIME, &time);
	now.at_ticks = timespec_ns(&time) / TICK_NS;
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	now.sum.at_ns = timespec_ns(&time);
	now.sum.rss = now.sum.rss_anon = now.sum.threads = 0;
	now.processes = xcalloc(count + 1, sizeof(*now.processes));
	for (size_t i = 0; i < count; i++) {
		if (!read_process(&now, c, pids[i]) && i == 0) {
			costs_release(&now);
			return ERR_NOTFOUND;
		}
	}
	bequeath(c, &now);
	count_processes(&now, c);
	for (size_t i = 0; i < c->thread_count; i++)
		now.sum.ended += !find_thread(&now, c->threads[i].tid);
	*out = now.sum;
	costs_release(c);
	*c = now;
	return ERR_OK;
}
