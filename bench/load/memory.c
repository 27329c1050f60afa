/* SPDX-License-Identifier: MIT */
#include "bench/load/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "servers/base/check.h"

#define LINE_MAX_BYTES 8192 /* a path and some */

/* What begins with the line's word `n`, counted from 0: "" when it has none. */
static const char *word(const char *line, unsigned n)
{
	static const char blanks[] = " \t\n";

	line += strspn(line, blanks);
	for (; n > 0; n--) {
		line += strcspn(line, blanks);
		line += strspn(line, blanks);
	}
	return line;
}

/* The number that a text begins with; false when it begins with none. */
static bool number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return end != text;
}

/* smaps: a header line for each map, then its figures as "Name: N kB". */

/* Whether a line starts a map, and if so, whether the allocator made it. */
static bool read_header(const char *line, bool *is_heap)
{
	size_t from = strspn(line, "0123456789abcdef");
	const char *name = word(line, 5);

	if (from == 0 || line[from] != '-' || *word(line, 4) == '\0')
		return false;
	*is_heap = *name == '\0' || strncmp(name, "[heap]", 6) == 0;
	return true;
}

bool memory_parse_smaps(FILE *f, uint64_t *heap)
{
	static const char word[] = "Anonymous:";
	char line[LINE_MAX_BYTES];
	bool is_heap = false, any = false;

	*heap = 0;
	while (fgets(line, sizeof(line), f)) {
		if (read_header(line, &is_heap))
			any = true;
		else if (is_heap && strncmp(line, word, sizeof(word) - 1) == 0)
			*heap += strtoull(line + sizeof(word) - 1, NULL, 10) *
				 1024;
	}
	return any;
}

enum err memory_heap(const pid_t *pids, size_t count, uint64_t *out)
{
	enum err e = ERR_OK;

	*out = 0;
	for (size_t i = 0; i < count && !e; i++) {
		char path[64];
		uint64_t heap;
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%d/smaps",
			       (int)pids[i]);
		f = fopen(path, "re");
		if (!f)
			return ERR_NOTFOUND;
		if (!memory_parse_smaps(f, &heap))
			e = ERR_NOTFOUND;
		*out += heap;
		(void)fclose(f);
	}
	return e;
}

/* status: "Name:\tN kB". */
bool memory_parse_status(FILE *f, uint64_t *peak)
{
	static const char name[] = "VmHWM:";
	char line[LINE_MAX_BYTES];
	bool found = false;

	while (!found && fgets(line, sizeof(line), f))
		found = strncmp(line, name, sizeof(name) - 1) == 0 &&
			number(word(line, 1), peak);
	if (found)
		*peak *= 1024;
	return found;
}

enum err memory_peak(const pid_t *pids, size_t count, uint64_t *out)
{
	enum err e = ERR_OK;

	*out = 0;
	for (size_t i = 0; i < count && !e; i++) {
		char path[64];
		uint64_t peak = 0;
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%d/status",
			       (int)pids[i]);
		f = fopen(path, "re");
		if (!f)
			return ERR_NOTFOUND;
		if (!memory_parse_status(f, &peak))
			e = ERR_NOTFOUND;
		*out += peak;
		(void)fclose(f);
	}
	return e;
}

enum err memory_peak_begin(const pid_t *pids, size_t count, uint64_t *now)
{
	for (size_t i = 0; i < count; i++) {
		char path[64];
		FILE *f;
		bool done;

		(void)snprintf(path, sizeof(path), "/proc/%d/clear_refs",
			       (int)pids[i]);
		f = fopen(path, "we");
		if (!f)
			return ERR_NOTFOUND;
		/* Sets the peak to what there is. */
		done = fputs("5", f) >= 0;
		done = fclose(f) == 0 && done;
		if (!done)
			return ERR_NOTFOUND;
	}
	return memory_peak(pids, count, now);
}

/*
 * The caches that a connection has objects in, and little else has. A socket
 * has a dentry too, but looking up any file moves that cache by more.
 */
static bool is_of_sockets(const char *name)
{
	static const char *const names[] = {
		"TCP",		 "TCPv6",	  "sock_inode_cache", "filp",
		"eventpoll_epi", "eventpoll_pwq", "tcp_bind_bucket",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Whole slabs: memory that is held, whether objects are in it or not. */
static bool read_cache(const char *line, char name[64], uint64_t *pages)
{
	const char *data = strstr(line, ": slabdata");
	size_t length = strcspn(line, " ");
	uint64_t each, slabs;

	if (!data || length >= 64 || !number(word(line, 5), &each) ||
	    !number(word(data, 3), &slabs) || each > 1024 || slabs > UINT32_MAX)
		return false;
	memcpy(name, line, length);
	name[length] = '\0';
	*pages = each * slabs;
	return true;
}

bool memory_parse_slabinfo(FILE *f, uint64_t page, uint64_t *slab)
{
	char line[LINE_MAX_BYTES], name[64];
	bool any = false;
	uint64_t pages;

	*slab = 0;
	while (fgets(line, sizeof(line), f)) {
		if (!read_cache(line, name, &pages) || !is_of_sockets(name))
			continue;
		*slab += pages * page;
		any |= strcmp(name, "TCP") == 0;
	}
	return any;
}

bool memory_parse_sockstat(FILE *f, uint64_t page, uint64_t *buffers)
{
	char line[LINE_MAX_BYTES];

	*buffers = 0;
	while (fgets(line, sizeof(line), f)) {
		const char *mem = strstr(line, " mem ");

		if (strncmp(line, "TCP:", 4) != 0 || !mem)
			continue;
		*buffers = strtoull(mem + 5, NULL, 10) * page;
		return true;
	}
	return false;
}

void memory_kernel_read(struct memory_kernel *out)
{
	long size = sysconf(_SC_PAGESIZE);
	uint64_t page = size > 0 ? (uint64_t)size : 4096;
	FILE *slab = fopen("/proc/slabinfo", "re");
	FILE *sockets = fopen("/proc/net/sockstat", "re");

	*out = (struct memory_kernel){0};
	out->slab_known = slab && memory_parse_slabinfo(slab, page, &out->slab);
	out->buffers_known =
		sockets && memory_parse_sockstat(sockets, page, &out->buffers);
	if (slab)
		(void)fclose(slab);
	if (sockets)
		(void)fclose(sockets);
}

double memory_kernel_bytes(const struct memory_kernel *k)
{
	return k->slab_known && k->buffers_known
		       ? (double)(k->slab + k->buffers)
		       : (double)NAN;
}

double memory_slope(const double *x, const double *y, size_t n)
{
	double mean_x = 0, mean_y = 0, over = 0, under = 0;

	for (size_t i = 0; i < n; i++) {
		mean_x += x[i] / (double)n;
		mean_y += y[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		over += (x[i] - mean_x) * (y[i] - mean_y);
		under += (x[i] - mean_x) * (x[i] - mean_x);
	}
	return under > 0 ? over / under : (double)NAN;
}
