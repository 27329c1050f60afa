/* SPDX-License-Identifier: MIT */
#include "bench/run/perf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/run/home.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"

#define WAIT_MS 10000
#define PIDS_TEXT 1024
#define NOT_THERE 127 /* exit status when there is no such program */

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

/* Reasons */

__attribute__((format(printf, 3, 4))) static enum err
fail(struct perf *p, enum err e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(p->reason, sizeof(p->reason), format, args);
	va_end(args);
	return e;
}

/* It is shown to people: printable, and without the end of its line. */
static void make_printable(char *line)
{
	line[strcspn(line, "\r\n")] = '\0';
	for (char *c = line; *c; c++) {
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	}
}

/* The first line of what it said that says something, or "". */
static void first_line(const struct perf *p, char *into, size_t size)
{
	FILE *f = fopen(p->said, "re");

	into[0] = '\0';
	if (!f)
		return;
	while (fgets(into, (int)size, f)) {
		make_printable(into);
		if (into[0] && strcmp(into, "Error:") != 0)
			break;
		into[0] = '\0';
	}
	(void)fclose(f);
}

static enum err fail_status(struct perf *p, const char *command, int status)
{
	char line[100];

	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE)
		return fail(p, ERR_NOTFOUND,
			    "perf is not installed (apt install linux-perf)");
	first_line(p, line, sizeof(line));
	if (line[0])
		return fail(p, ERR_REFUSED, "perf %s: %s", command, line);
	return fail(p, ERR_REFUSED, "perf %s failed with status %d", command,
		    WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* Processes */

/*
 * In the child; `out` becomes its standard output, or -1. Its own group keeps
 * the terminal's Ctrl-C away; it dies with the parent.
 */
static void become(const struct perf *p, const char *const *argv, int out,
		   pid_t parent)
{
	int said =
		open(p->said, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	(void)setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(NOT_THERE - 1);
	if (said < 0 || null < 0 || dup2(null, 0) < 0 ||
	    dup2(out < 0 ? said : out, 1) < 0 || dup2(said, 2) < 0)
		_exit(NOT_THERE - 1);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execvp(argv[0], (char *const *)(size_t)argv);
	_exit(NOT_THERE);
}

/* ERR_TIMEOUT: it still runs. */
static enum err wait_for(pid_t pid, int *status)
{
	uint64_t deadline = clock_ms(&clock_monotonic) + WAIT_MS;
	struct timespec pause = {.tv_nsec = 2000000};

	while (waitpid(pid, status, WNOHANG) == 0) {
		if (clock_ms(&clock_monotonic) >= deadline)
			return ERR_TIMEOUT;
		(void)nanosleep(&pause, NULL);
	}
	return ERR_OK;
}

static void end_it(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* Life cycle */

static bool list_pids(const pid_t *pids, size_t count, char *into)
{
	size_t at = 0;

	into[0] = '\0';
	for (size_t i = 0; i < count && at < PIDS_TEXT; i++)
		at += (size_t)snprintf(into + at, PIDS_TEXT - at, "%s%d",
				       i ? "," : "", (int)pids[i]);
	return at < PIDS_TEXT;
}

/* Tells it to begin, and waits until it has. */
static enum err enable(struct perf *p)
{
	static const char command[] = "enable\n";
	struct pollfd poller = {.fd = p->control, .events = POLLIN};
	char answer[16];
	int status = 0;

	if (send(p->control, command, sizeof(command) - 1, MSG_NOSIGNAL) > 0 &&
	    poll(&poller, 1, WAIT_MS) == 0)
		return fail(p, ERR_TIMEOUT, "perf record did not begin");
	if (recv(p->control, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		return ERR_OK;
	if (wait_for(p->pid, &status))
		return fail(p, ERR_TIMEOUT, "perf record did not end");
	p->pid = 0;
	return fail_status(p, "record", status);
}

static enum err record(struct perf *p, const char *pids)
{
	char control[32];
	const char *argv[] = {
		"perf",
		"record",
		"-q",
		"-e",
		"cpu-clock",
		"-F",
		TEXT_OF(PERF_HZ),
		"-g",
		"--kernel-callchains",
		"-B",
		"-N",
		"-D",
		"-1",
		"--control",
		control,
		"-o",
		p->data,
		"-p",
		pids,
		NULL,
	};
	pid_t parent = getpid();
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return fail(p, ERR_IO, "socketpair: %s", strerror(errno));
	(void)snprintf(control, sizeof(control), "fd:%d,%d", ends[1], ends[1]);
	p->pid = fork();
	if (p->pid == 0) {
		(void)fcntl(ends[1], F_SETFD, 0);
		become(p, argv, -1, parent);
	}
	(void)close(ends[1]);
	p->control = ends[0];
	if (p->pid > 0)
		return enable(p);
	p->pid = 0;
	return fail(p, ERR_IO, "fork: %s", strerror(errno));
}

enum err perf_start(struct perf *p, const char *folder, const pid_t *pids,
		    size_t count)
{
	char list[PIDS_TEXT];

	*p = (struct perf){.control = -1};
	if (!list_pids(pids, count, list) ||
	    path_join(p->data, sizeof(p->data), folder, "perf.data") ||
	    path_join(p->said, sizeof(p->said), folder, "perf.log"))
		return fail(p, ERR_IO, "the arguments of perf are too long");
	return record(p, list);
}

void perf_release(struct perf *p)
{
	if (p->pid > 0)
		end_it(p->pid);
	if (p->control >= 0)
		(void)close(p->control);
	if (p->data[0])
		(void)unlink(p->data);
	if (p->said[0])
		(void)unlink(p->said);
	p->pid = 0;
	p->control = -1;
	p->data[0] = p->said[0] = '\0';
}

/* Operations */

enum err perf_stop(struct perf *p)
{
	int status = 0;

	(void)kill(p->pid, SIGINT);
	if (wait_for(p->pid, &status))
		return fail(p, ERR_TIMEOUT, "perf record did not end");
	p->pid = 0;
	/* It ends itself by the signal, once its file is written. */
	if (WIFSIGNALED(status) ? WTERMSIG(status) == SIGINT
				: WEXITSTATUS(status) == 128 + SIGINT ||
					  WEXITSTATUS(status) == 0)
		return ERR_OK;
	return fail_status(p, "record", status);
}

/* All that it writes, until it closes its output. */
static enum err take(int fd, perf_text_fn *text, void *arg)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	char bytes[16384];
	ssize_t n;

	do {
		if (poll(&poller, 1, WAIT_MS) == 0)
			return ERR_TIMEOUT;
		n = read(fd, bytes, sizeof(bytes));
		if (n > 0)
			text(arg, bytes, (size_t)n);
	} while (n > 0);
	return ERR_OK;
}

enum err perf_read(struct perf *p, perf_text_fn *text, void *arg)
{
	const char *argv[] = {"perf",  "script", "--no-inline", "-i",
			      p->data, "-F",	 "pid,ip,sym",	NULL};
	pid_t parent = getpid(), pid;
	int ends[2], status = 0;
	enum err e;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return fail(p, ERR_IO, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		become(p, argv, ends[1], parent);
	(void)close(ends[1]);
	e = pid < 0 ? ERR_IO : take(ends[0], text, arg);
	(void)close(ends[0]);
	if (pid < 0)
		return fail(p, e, "fork: %s", strerror(errno));
	if (e || wait_for(pid, &status)) {
		end_it(pid);
		return fail(p, ERR_TIMEOUT, "perf script did not end");
	}
	return status == 0 ? ERR_OK : fail_status(p, "script", status);
}
