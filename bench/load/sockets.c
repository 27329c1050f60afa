/* SPDX-License-Identifier: MIT */
#include "bench/load/sockets.h"

#include <arpa/inet.h>
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

#define ESTABLISHED 1 /* the kernel's TCP_ESTABLISHED */

/* Of a line in /proc/net/tcp: addresses and numbers are hexadecimal. */
struct tcp_line {
	unsigned local, remote, state;
	unsigned long sending, receiving; /* bytes that wait */
};

static bool read_line(const char *text, struct tcp_line *out)
{
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers. */
	return sscanf(text, "%*d: %x:%*x %x:%*x %x %lx:%lx", &out->local,
		      &out->remote, &out->state, &out->sending,
		      &out->receiving) == 5;
}

void sockets_peers(const char *source, struct socket_peers *out)
{
	struct in_addr address = {0};
	struct tcp_line l;
	char text[256];
	FILE *f = fopen("/proc/self/net/tcp", "re");

	*out = (struct socket_peers){0};
	if (!f || inet_pton(AF_INET, source, &address) != 1) {
		if (f)
			(void)fclose(f);
		return;
	}
	while (fgets(text, sizeof(text), f)) {
		if (!read_line(text, &l))
			continue;
		if (l.remote == address.s_addr) {
			out->open += l.state == ESTABLISHED;
			out->bytes += l.sending;
		}
		if (l.local == address.s_addr)
			out->bytes += l.receiving;
	}
	(void)fclose(f);
}
