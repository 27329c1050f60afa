/* SPDX-License-Identifier: MIT */
#include "bench/load/sample.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/load/field.h"

#define TEXT_MAX 4096

/* Reads the start of /proc/PID/`name`, and ends it with a NUL. */
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

static enum err add_cpu(pid_t pid, struct sample *s)
{
	struct timespec cpu;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &cpu) != 0)
		return ERR_NOTFOUND;
	s->cpu_ns += timespec_ns(&cpu);
	return ERR_OK;
}

/* The time fields of /proc/PID/stat come so many words after the name. */
#define STAT_USER 12

/* Counted from behind the name, which may hold anything. */
static enum err add_ticks(pid_t pid, struct sample *s)
{
	char text[TEXT_MAX], path[64];
	char *p;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_proc(path, text))
		return ERR_NOTFOUND;
	p = strrchr(text, ')');
	for (int word = 0; p && word < STAT_USER; word++)
		p = strchr(p + 1, ' ');
	if (!p)
		return ERR_NOTFOUND;
	s->user_ticks += strtoull(p, &p, 10);
	s->system_ticks += strtoull(p, &p, 10);
	return ERR_OK;
}

/* The number after `name` in a status file; 0 when it is not there. */
static uint64_t status_number(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoull(p + strlen(name), NULL, 10) : 0;
}

static enum err add_status(pid_t pid, struct sample *s)
{
	char text[TEXT_MAX], path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!read_proc(path, text))
		return ERR_NOTFOUND;
	/* A process that has ended but is not reaped has no memory lines. */
	if (!strstr(text, "\nVmRSS:"))
		return ERR_NOTFOUND;
	s->rss += status_number(text, "\nVmRSS:") * 1024;
	s->rss_anon += status_number(text, "\nRssAnon:") * 1024;
	return ERR_OK;
}

static void add_thread(pid_t pid, const char *thread, struct sample *s)
{
	char text[TEXT_MAX], path[320];

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid,
		       thread);
	if (!read_proc(path, text))
		return;
	s->threads++;
	s->switches_voluntary +=
		status_number(text, "\nvoluntary_ctxt_switches:");
	s->switches_involuntary +=
		status_number(text, "\nnonvoluntary_ctxt_switches:");
}

static enum err add_threads(pid_t pid, struct sample *s)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return ERR_NOTFOUND;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			add_thread(pid, entry->d_name, s);
	(void)closedir(dir);
	return ERR_OK;
}

/* Operations */

enum err sample_take(const pid_t *pids, size_t count, struct sample *out)
{
	struct timespec now;
	enum err e = ERR_OK;

	*out = (struct sample){0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	out->at_ns = timespec_ns(&now);
	for (size_t i = 0; i < count && !e; i++) {
		e = add_cpu(pids[i], out);
		if (!e)
			e = add_ticks(pids[i], out);
		if (!e)
			e = add_status(pids[i], out);
		if (!e)
			e = add_threads(pids[i], out);
	}
	return e;
}

/* Queries */

/* Counters differ, levels (memory, threads) are those afterwards. */
struct sample sample_difference(const struct sample *before,
				const struct sample *after)
{
	struct sample d = *after;

	d.at_ns -= before->at_ns;
	d.cpu_ns -= before->cpu_ns;
	d.user_ticks -= before->user_ticks;
	d.system_ticks -= before->system_ticks;
	d.switches_voluntary -= before->switches_voluntary;
	d.switches_involuntary -= before->switches_involuntary;
	return d;
}

void sample_split(const struct sample *d, uint64_t *user_ns,
		  uint64_t *system_ns)
{
	uint64_t ticks = d->user_ticks + d->system_ticks;
	double share = ticks ? (double)d->user_ticks / (double)ticks : 0;

	*user_ns = (uint64_t)((double)d->cpu_ns * share);
	*system_ns = d->cpu_ns - *user_ns;
}

void sample_add(struct sample *into, const struct sample *difference)
{
	into->at_ns += difference->at_ns;
	into->cpu_ns += difference->cpu_ns;
	into->user_ticks += difference->user_ticks;
	into->system_ticks += difference->system_ticks;
	into->switches_voluntary += difference->switches_voluntary;
	into->switches_involuntary += difference->switches_involuntary;
	into->rss_anon = difference->rss_anon;
	into->rss = difference->rss;
	into->threads = difference->threads;
}

/* JSON */

static const struct field fields[] = {
	FIELD_U64("at_ns", struct sample, at_ns),
	FIELD_U64("cpu_ns", struct sample, cpu_ns),
	FIELD_U64("user_ticks", struct sample, user_ticks),
	FIELD_U64("system_ticks", struct sample, system_ticks),
	FIELD_U64("rss_anon", struct sample, rss_anon),
	FIELD_U64("rss", struct sample, rss),
	FIELD_U64("switches_voluntary", struct sample, switches_voluntary),
	FIELD_U64("switches_involuntary", struct sample, switches_involuntary),
	FIELD_U32("threads", struct sample, threads),
	FIELD_END,
};

struct cJSON *sample_to_json(const struct sample *s)
{
	return field_to_json(fields, s);
}
