/* SPDX-License-Identifier: MIT */
#include "bench/load/sockets.h"

#include <dirent.h>
#include <linux/tcp.h> /* glibc's tcp_info is an old one */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

static void add_segments(int fd, struct socket_segments *out)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	/* Others than TCP's refuse. */
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
	    size < offsetof(struct tcp_info, tcpi_segs_in) +
			    sizeof(info.tcpi_segs_in))
		return;
	out->in += info.tcpi_segs_in;
	out->out += info.tcpi_segs_out;
}

void sockets_segments(struct socket_segments *out)
{
	const struct dirent *entry;
	DIR *d = opendir("/proc/self/fd");

	*out = (struct socket_segments){0};
	if (!d)
		return;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a folder of our own. */
	while ((entry = readdir(d)) != NULL)
		add_segments((int)strtol(entry->d_name, NULL, 10), out);
	(void)closedir(d);
}
