/* SPDX-License-Identifier: MIT */
#include "bench/run/proc.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "servers/base/check.h"
#include "servers/base/clock.h"
#include "servers/base/utf8.h"

#define LINE_MAX_BYTES 1024
#define TAIL_BYTES 8192

/* Starting */

/*
 * In the child. Its own group keeps the terminal's Ctrl-C away; the parent
 * may have died before prctl(), hence the look at it.
 */
static void become(char *const *argv, int out, int log, int cpu, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cpu_set_t set;
	sigset_t none;

	(void)setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(126);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(log, 2) < 0)
		_exit(126);
	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		(void)sched_setaffinity(0, sizeof(set), &set);
	}
	/* What we ignore, programs would ignore as well. */
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execvp(argv[0], argv);
	(void)dprintf(2, "cannot start %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

enum err proc_start(struct proc *p, char *const *argv, const char *log_path,
		    int cpu)
{
	pid_t parent = getpid();
	int fds[2] = {-1, -1};

	*p = (struct proc){.out_fd = -1, .log_fd = -1};
	buf_init(&p->line, LINE_MAX_BYTES);
	(void)snprintf(p->log_path, sizeof(p->log_path), "%s", log_path);
	p->log_fd =
		open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (p->log_fd < 0 || pipe2(fds, O_CLOEXEC) != 0)
		goto fail;
	p->pid = fork();
	if (p->pid < 0)
		goto fail;
	if (p->pid == 0)
		become(argv, fds[1], p->log_fd, cpu, parent);
	(void)setpgid(p->pid, p->pid);
	(void)close(fds[1]);
	p->out_fd = fds[0];
	(void)fcntl(p->out_fd, F_SETFL, O_NONBLOCK);
	return ERR_OK;
fail:
	if (fds[0] >= 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	if (p->log_fd >= 0)
		(void)close(p->log_fd);
	p->pid = 0;
	p->log_fd = -1;
	p->ended = true;
	return ERR_IO;
}

/* Output */

/* Takes one line "listening on http://HOST:PORT". */
static enum err take_address(struct proc *p, const char *line)
{
	int port = 0, end = 0;

	/* NOLINTNEXTLINE(cert-err34-c): five digits at most cannot overflow. */
	if (sscanf(line, "listening on http://%63[^:/ ]:%5d%n", p->host, &port,
		   &end) != 2 ||
	    (line[end] != '\0' && line[end] != '/' && line[end] != '\r') ||
	    port < 1 || port > 65535)
		return ERR_PROTO;
	p->port = port;
	p->ready = true;
	return ERR_OK;
}

/* Bytes of standard output: into the log, and into the line before ready. */
static enum err take_output(struct proc *p, const char *bytes, size_t n)
{
	const char *end = memchr(bytes, '\n', n);
	enum err e;

	if (write(p->log_fd, bytes, n) < 0)
		return ERR_IO;
	if (p->ready)
		return ERR_OK;
	e = buf_add(&p->line, bytes, end ? (size_t)(end - bytes) : n);
	if (e)
		return ERR_PROTO;
	if (!end)
		return ERR_AGAIN;
	if (buf_add_char(&p->line, '\0'))
		return ERR_PROTO;
	return take_address(p, p->line.data);
}

/* ERR_AGAIN: nothing more now. ERR_CLOSED: its output is closed. */
static enum err drain(struct proc *p)
{
	char bytes[4096];

	while (p->out_fd >= 0) {
		ssize_t n = read(p->out_fd, bytes, sizeof(bytes));
		enum err e;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_AGAIN;
		if (n == 0) {
			(void)close(p->out_fd);
			p->out_fd = -1;
			return ERR_CLOSED;
		}
		e = take_output(p, bytes, (size_t)n);
		if (e == ERR_PROTO)
			return e;
	}
	return ERR_CLOSED;
}

static bool reaped(struct proc *p, int flags)
{
	if (p->pid > 0 && !p->ended)
		p->ended = waitpid(p->pid, &p->status, flags) == p->pid;
	return p->ended || p->pid <= 0;
}

enum err proc_wait_ready(struct proc *p, int ms)
{
	struct pollfd poller = {.fd = p->out_fd, .events = POLLIN};
	enum err e;

	if (p->ready)
		return ERR_OK;
	/* Without output it may still be about to exit: no need to spin. */
	(void)poll(&poller, 1, ms);
	e = drain(p);
	if (p->ready)
		return ERR_OK;
	if (e == ERR_PROTO)
		return e;
	if (reaped(p, WNOHANG))
		return ERR_CLOSED;
	return ERR_AGAIN;
}

bool proc_alive(struct proc *p)
{
	(void)drain(p);
	return !reaped(p, WNOHANG);
}

/* Descendants */

/* Adds the children of one thread of the process `pid`. */
static size_t add_thread_children(pid_t pid, const char *thread, pid_t *into,
				  size_t count, size_t max)
{
	char path[320];
	FILE *f;
	int child;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/children",
		       (int)pid, thread);
	f = fopen(path, "re");
	if (!f)
		return count;
	while (count < max &&
	       fscanf(f, "%d", &child) == 1) /* NOLINT(cert-err34-c) */
		into[count++] = child;
	(void)fclose(f);
	return count;
}

/* A child is listed with the thread that made it. */
static size_t add_children(pid_t pid, pid_t *into, size_t count, size_t max)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return count;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			count = add_thread_children(pid, entry->d_name, into,
						    count, max);
	}
	(void)closedir(dir);
	return count;
}

static size_t own_children(pid_t *into, size_t max)
{
	return add_children(getpid(), into, 0, max);
}

/* What a server's end left to us, as what adopts it; returns how many ended. */
static size_t end_adopted(const pid_t *pids, size_t count)
{
	pid_t own[PROC_CHILDREN];
	size_t n = own_children(own, PROC_CHILDREN), ended = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < count; k++) {
			/* It may have become another user's. */
			if (own[i] == pids[k] && kill(own[i], SIGKILL) == 0)
				ended += waitpid(own[i], NULL, 0) == own[i];
		}
	}
	return ended;
}

void proc_adopt(void)
{
	pid_t one;

	/* What exec() left us with, a shell's jobs, is not a server's. */
	if (own_children(&one, 1) == 0)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* One of those that we started stays in our group. */
static size_t foreign_groups(pid_t *into, size_t max)
{
	size_t n = own_children(into, max), kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (getpgid(into[i]) != getpgrp())
			into[kept++] = into[i];
	}
	return kept;
}

void proc_sweep(void)
{
	pid_t pids[PROC_CHILDREN];
	int adopts = 0;

	if (prctl(PR_GET_CHILD_SUBREAPER, &adopts) != 0 || !adopts)
		return;
	/* The end of one may leave us its own children. */
	while (end_adopted(pids, foreign_groups(pids, PROC_CHILDREN)) > 0)
		continue;
}

/* Stopping */

void proc_stop(struct proc *p)
{
	struct timespec pause = {.tv_nsec = 5000000};
	uint64_t deadline = clock_ms(&clock_monotonic) + PROC_STOP_MS;
	pid_t all[PROC_CHILDREN];
	size_t count = proc_pids(p, all, PROC_CHILDREN);
	bool killed = false;

	if (p->pid > 0 && !reaped(p, WNOHANG))
		(void)kill(-p->pid, SIGTERM);
	while (!reaped(p, WNOHANG)) {
		(void)drain(p);
		if (!killed && clock_ms(&clock_monotonic) >= deadline) {
			killed = true;
			(void)kill(-p->pid, SIGKILL);
		}
		(void)nanosleep(&pause, NULL);
	}
	if (p->pid > 0) {
		/* Helpers of its own that outlived it, in its group or not. */
		(void)kill(-p->pid, SIGKILL);
		(void)end_adopted(all, count);
		(void)drain(p);
		if (p->out_fd >= 0)
			(void)close(p->out_fd);
		(void)close(p->log_fd);
	}
	buf_release(&p->line);
	p->pid = 0;
	p->out_fd = p->log_fd = -1;
}

/* Queries */

void proc_reason(const struct proc *p, char *into, size_t size)
{
	if (!p->ended)
		(void)snprintf(into, size, "is running");
	else if (p->pid <= 0 && p->status == 0)
		(void)snprintf(into, size, "was stopped");
	else if (WIFSIGNALED(p->status))
		(void)snprintf(into, size, "was killed by signal %d (%s)",
			       WTERMSIG(p->status),
			       strsignal(WTERMSIG(p->status)));
	else
		(void)snprintf(into, size, "exited with status %d",
			       WEXITSTATUS(p->status));
}

size_t proc_pids(const struct proc *p, pid_t *into, size_t max)
{
	size_t count = 0;

	if (p->pid > 0 && max > 0)
		into[count++] = p->pid;
	for (size_t i = 0; i < count; i++)
		count = add_children(into[i], into, count, max);
	return count;
}

/* The start of the last PROC_TAIL lines. */
static const char *tail_of(const char *text, size_t n)
{
	const char *p = text + n;
	int lines = 0;

	while (p > text) {
		if (p[-1] == '\n' && p != text + n && ++lines == PROC_TAIL)
			break;
		p--;
	}
	return p;
}

/* What a server prints is shown to people: no control characters. */
static void make_printable(char *line)
{
	for (char *p = line; *p; p++) {
		if ((unsigned char)*p < 0x20 && *p != '\t')
			*p = '?';
	}
	if (!utf8_valid(line, strlen(line))) {
		for (char *p = line; *p; p++) {
			if ((unsigned char)*p >= 0x80)
				*p = '?';
		}
	}
}

struct cJSON *proc_log_tail(const char *log_path)
{
	cJSON *lines = cJSON_CreateArray();
	char text[TAIL_BYTES + 1];
	FILE *f = fopen(log_path, "re");
	size_t n;
	char *line, *rest = NULL;

	if (!f)
		return lines;
	if (fseek(f, -TAIL_BYTES, SEEK_END) != 0)
		(void)fseek(f, 0, SEEK_SET);
	n = fread(text, 1, TAIL_BYTES, f);
	(void)fclose(f);
	text[n] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\0')
			text[i] = '?';
	}
	rest = text + (tail_of(text, n) - text);
	while ((line = strsep(&rest, "\n"))) {
		if (line[0] == '\0')
			continue;
		make_printable(line);
		CHECK(cJSON_AddItemToArray(lines, cJSON_CreateString(line)));
	}
	return lines;
}
