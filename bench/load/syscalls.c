/* SPDX-License-Identifier: MIT */
#include "bench/load/syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "servers/base/check.h"

#define EVENT "events/raw_syscalls/sys_enter/id"

/* Reasons */

static enum err refuse(struct syscalls *s, enum err e, const char *what,
		       int error)
{
	(void)snprintf(s->reason, sizeof(s->reason), "%s: %s", what,
		       strerror(error));
	return e;
}

static enum err from_errno(int error)
{
	if (error == EACCES || error == EPERM)
		return ERR_REFUSED;
	return error == ENOENT || error == ESRCH ? ERR_NOTFOUND : ERR_IO;
}

/* The number in a file of one line; 0 when there is none, with errno. */
static unsigned long long read_number(const char *path)
{
	char line[32] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		errno = EIO;
	(void)fclose(f);
	return strtoull(line, NULL, 10);
}

/*
 * Mounts tracefs where nobody else sees it, and returns the number there, or 0
 * with errno. For a process of its own.
 */
static unsigned long long read_mounted(void)
{
	static const char at[] = "/sys/kernel/tracing";

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tracefs", at, "tracefs", MS_RDONLY, NULL) != 0)
		return 0;
	return read_number("/sys/kernel/tracing/" EVENT);
}

/* The same by a child, which goes and takes the mount with it. */
static unsigned long long ask_child(void)
{
	unsigned long long number = 0;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return 0;
	child = fork();
	if (child == 0) {
		number = read_mounted();
		_exit(write(ends[1], &number, sizeof(number)) < 0);
	}
	(void)close(ends[1]);
	if (child > 0) {
		if (read(ends[0], &number, sizeof(number)) != sizeof(number))
			number = 0;
		(void)waitpid(child, NULL, 0);
	}
	(void)close(ends[0]);
	return number;
}

/* Where the tracepoint's number is, depends on the system's mounts. */
static enum err find_event(struct syscalls *s, unsigned long long *out)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/" EVENT,
		"/sys/kernel/debug/tracing/" EVENT,
	};
	int error = ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		*out = read_number(paths[i]);
		if (*out != 0)
			return ERR_OK;
		if (errno != ENOENT)
			error = errno;
	}
	*out = error == ENOENT ? ask_child() : 0;
	if (*out != 0)
		return ERR_OK;
	return refuse(s, from_errno(error),
		      "the tracepoint raw_syscalls:sys_enter", error);
}

/* Opening */

#define AS_TEXT(number) #number
#define WRITES(number) "id == " AS_TEXT(number)

/* Only the calls that write; without a filter nothing is counted twice. */
static int filter(int fd)
{
	return ioctl(
		fd, PERF_EVENT_IOC_SET_FILTER,
		WRITES(SYS_write) " || " WRITES(SYS_writev) " || " WRITES(
			SYS_sendto) " || " WRITES(SYS_sendmsg) " || " WRITES(SYS_sendmmsg));
}

static enum err open_counter(struct syscalls *s, unsigned long long event,
			     pid_t thread, bool writes)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = event,
	};
	long fd = syscall(SYS_perf_event_open, &attr, thread, -1, -1,
			  PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return refuse(s, from_errno(errno), "perf_event_open", errno);
	s->fds = xrealloc(s->fds, (s->count + 1) * sizeof(*s->fds));
	s->fds[s->count++] = (int)fd;
	if (writes && filter((int)fd) != 0)
		return refuse(s, from_errno(errno), "a filter of calls", errno);
	return ERR_OK;
}

static enum err open_thread(struct syscalls *s, unsigned long long event,
			    pid_t thread)
{
	enum err e = open_counter(s, event, thread, false);

	return e ? e : open_counter(s, event, thread, true);
}

static enum err open_process(struct syscalls *s, unsigned long long event,
			     pid_t pid)
{
	char path[64];
	struct dirent *entry;
	enum err e = ERR_OK;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return refuse(s, from_errno(errno), path, errno);
	while (!e && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			e = open_thread(s, event,
					(pid_t)strtol(entry->d_name, NULL, 10));
	(void)closedir(dir);
	return e;
}

/* Life cycle */

enum err syscalls_open(struct syscalls *s, const pid_t *pids, size_t count)
{
	unsigned long long event;
	enum err e;

	*s = (struct syscalls){0};
	e = find_event(s, &event);
	for (size_t i = 0; i < count && !e; i++)
		e = open_process(s, event, pids[i]);
	return e;
}

void syscalls_close(struct syscalls *s)
{
	for (size_t i = 0; i < s->count; i++)
		(void)close(s->fds[i]);
	free(s->fds);
	s->fds = NULL;
	s->count = 0;
}

/* Queries */

void syscalls_read(const struct syscalls *s, struct syscall_counts *out)
{
	uint64_t one;

	*out = (struct syscall_counts){0};
	for (size_t i = 0; i < s->count; i++) {
		if (read(s->fds[i], &one, sizeof(one)) != sizeof(one))
			continue;
		if (i % 2 == 0)
			out->all += one;
		else
			out->writes += one;
	}
}
