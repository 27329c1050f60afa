/* SPDX-License-Identifier: MIT */
#include "bench/load/sockets.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_socket(int folder, const char *name)
{
	static const char word[] = "socket:";
	char target[64];
	ssize_t n = readlinkat(folder, name, target, sizeof(target));

	return n >= (ssize_t)sizeof(word) &&
	       memcmp(target, word, sizeof(word) - 1) == 0;
}

static size_t sockets_of_one(pid_t pid)
{
	char path[64];
	const struct dirent *entry;
	size_t count = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (!d)
		return 0;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a folder of our own. */
	while ((entry = readdir(d)) != NULL)
		count += is_socket(dirfd(d), entry->d_name);
	(void)closedir(d);
	return count;
}

size_t sockets_of(const pid_t *pids, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += sockets_of_one(pids[i]);
	return sum;
}
