/* SPDX-License-Identifier: MIT */
#include "bench/load/worker.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/load/board.h"
#include "bench/load/lines.h"
#include "bench/load/worker_serve.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"

#define EXIT_PATIENCE_MS 1000
#define EXIT_STEP_MS 10

struct worker {
	pid_t pid;
	int fd;
	bool ended;	/* and was reaped */
	int status;	/* of waitpid, then */
	bool under_way; /* a command is not answered yet */
	struct lines lines;
	struct cJSON *answer; /* waits to be taken, or NULL */
};

/* The child */

static void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* A core that is not there: unpinned is better than not at all. */
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static bool is_kept(int fd, int control, const struct board *b)
{
	for (uint32_t i = 0; b && i < b->seat_count; i++) {
		if (b->wake[i] == fd)
			return true;
	}
	return fd == control;
}

/* Descriptors of the parent's would keep servers' pipes open. */
static void close_others(int control, const struct board *b)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int last = control;

	for (uint32_t i = 0; b && i < b->seat_count; i++)
		last = b->wake[i] > last ? b->wake[i] : last;
	/* Not just closed: a socket must not become standard output. */
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	for (int fd = STDERR_FILENO + 1; fd < last; fd++) {
		if (!is_kept(fd, control, b))
			(void)close(fd);
	}
	(void)close_range((unsigned)last + 1, ~0U, 0);
}

static void unblock_signals(void)
{
	sigset_t none;

	/* First, since one may be pending already. */
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* False when it cannot be entered. */
static bool enter_network_of(pid_t pid)
{
	char path[64];
	bool entered;
	int fd;

	if (pid == 0)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	entered = setns(fd, CLONE_NEWNET) == 0;
	(void)close(fd);
	return entered;
}

static _Noreturn void run_child(int fd, const struct worker_role *role,
				pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have died before that took effect. */
	if (getppid() != parent)
		_exit(1);
	unblock_signals();
	close_others(fd, role->board);
	pin(role->cpu);
	/* That it may not be is no reason not to work. */
	(void)!nice(role->nice);
	if (!enter_network_of(role->network))
		_exit(1);
	_exit(worker_serve(fd, role->board, role->seat) == ERR_OK ? 0 : 1);
}

/* Life cycle */

enum err worker_start(int cpu, struct worker **out)
{
	const struct worker_role role = {.cpu = cpu};

	return worker_start_as(&role, out);
}

enum err worker_start_as(const struct worker_role *role, struct worker **out)
{
	struct worker *w;
	pid_t parent = getpid();
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return errno == EMFILE || errno == ENFILE ? ERR_LIMIT : ERR_IO;
	pid = fork();
	if (pid == 0)
		run_child(ends[1], role, parent);
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return ERR_LIMIT;
	}
	w = xcalloc(1, sizeof(*w));
	w->pid = pid;
	w->fd = ends[0];
	lines_init(&w->lines, w->fd, WORKER_LINE_MAX);
	*out = w;
	return ERR_OK;
}

static bool reaped(struct worker *w, int flags)
{
	pid_t got;

	if (w->ended)
		return true;
	do {
		got = waitpid(w->pid, &w->status, flags);
	} while (got < 0 && errno == EINTR);
	w->ended = got != 0;
	return w->ended;
}

/* Whether it ended by itself in time. */
static bool await_end(struct worker *w)
{
	for (int ms = 0; ms < EXIT_PATIENCE_MS; ms += EXIT_STEP_MS) {
		if (reaped(w, WNOHANG))
			return true;
		(void)poll(NULL, 0, EXIT_STEP_MS);
	}
	return false;
}

static void reap(struct worker *w)
{
	if (await_end(w))
		return;
	(void)kill(w->pid, SIGKILL);
	(void)reaped(w, 0);
}

/* The end of the stream is the command to exit. */
void worker_stop(struct worker *w)
{
	if (!w)
		return;
	(void)close(w->fd);
	reap(w);
	cJSON_Delete(w->answer);
	lines_release(&w->lines);
	free(w);
}

/* Commands */

static enum err begin(struct worker *w, const char *command, const char *name,
		      cJSON *value)
{
	cJSON *json;
	enum err e;

	if (w->under_way || w->answer) {
		cJSON_Delete(value);
		return ERR_AGAIN;
	}
	json = cJSON_CreateObject();
	CHECK(cJSON_AddStringToObject(json, "command", command));
	CHECK(cJSON_AddItemToObject(json, name, value));
	e = lines_send(&w->lines, json);
	w->under_way = e == ERR_OK;
	return e ? ERR_CLOSED : ERR_OK;
}

enum err worker_begin_connect(struct worker *w, const struct load_target *t)
{
	return begin(w, "connect", "target", load_target_to_json(t));
}

enum err worker_begin_run(struct worker *w, const struct load_plan *p)
{
	return begin(w, "run", "plan", load_plan_to_json(p));
}

enum err worker_begin_disconnect(struct worker *w, int group)
{
	return begin(w, "disconnect", "group", cJSON_CreateNumber(group));
}

void worker_cut_short(struct worker *w)
{
	cJSON *json = cJSON_CreateObject();

	CHECK(cJSON_AddStringToObject(json, "command", "cut"));
	/* If that fails, waiting for the answer tells that it is gone. */
	if (lines_send(&w->lines, json) != ERR_OK)
		return;
}

/* Answers */

static enum err look(struct worker *w)
{
	enum err e = lines_next(&w->lines, &w->answer);

	if (e == ERR_OK)
		w->under_way = false;
	return e;
}

/* Waits for one more piece; a long answer comes in many. */
static enum err wait_piece(struct worker *w, int ms)
{
	struct pollfd readable = {.fd = w->fd, .events = POLLIN};
	enum err read, e;

	if (poll(&readable, 1, ms) < 0 && errno != EINTR)
		return ERR_IO;
	read = lines_read(&w->lines);
	e = look(w);
	return e == ERR_AGAIN && read ? ERR_CLOSED : e;
}

enum err worker_wait(struct worker *w, int ms)
{
	uint64_t now = clock_ms(&clock_monotonic);
	uint64_t end = now + (ms > 0 ? (uint64_t)ms : 0);
	enum err e = ERR_AGAIN;

	if (w->answer)
		return ERR_OK;
	do {
		e = wait_piece(w, ms < 0 ? -1 : (int)(end - now));
		now = clock_ms(&clock_monotonic);
	} while (e == ERR_AGAIN && (ms < 0 || now < end));
	return e;
}

/* Takes the answer, if it is the one called `name`. */
static enum err take(struct worker *w, const char *name, cJSON **out)
{
	cJSON *json = w->answer;

	*out = NULL;
	if (!json)
		return ERR_AGAIN;
	*out = cJSON_DetachItemFromObjectCaseSensitive(json, name);
	cJSON_Delete(json);
	w->answer = NULL;
	return *out ? ERR_OK : ERR_PROTO;
}

enum err worker_take_connected(struct worker *w, struct load_connected *out)
{
	cJSON *json;
	enum err e = take(w, "connected", &json);

	if (!e)
		e = load_connected_from_json(out, json);
	cJSON_Delete(json);
	return e;
}

enum err worker_take_result(struct worker *w, struct load_result *out)
{
	cJSON *json;
	enum err e = take(w, "result", &json);

	if (!e)
		e = load_result_from_json(out, json);
	cJSON_Delete(json);
	return e;
}

enum err worker_take_disconnected(struct worker *w)
{
	cJSON *json;
	enum err e = take(w, "disconnected", &json);

	cJSON_Delete(json);
	return e;
}

/* All in one */

static enum err wait_for_it(struct worker *w)
{
	enum err e;

	do {
		e = worker_wait(w, -1);
	} while (e == ERR_AGAIN);
	return e;
}

enum err worker_connect(struct worker *w, const struct load_target *t,
			struct load_connected *out)
{
	enum err e = worker_begin_connect(w, t);

	if (!e)
		e = wait_for_it(w);
	if (!e)
		e = worker_take_connected(w, out);
	return e || !out->error[0] ? e : ERR_IO;
}

enum err worker_run(struct worker *w, const struct load_plan *p,
		    struct load_result *out)
{
	enum err e = worker_begin_run(w, p);

	if (!e)
		e = wait_for_it(w);
	if (!e)
		e = worker_take_result(w, out);
	return e || !out->error[0] ? e : ERR_IO;
}

enum err worker_disconnect(struct worker *w, int group)
{
	enum err e = worker_begin_disconnect(w, group);

	if (!e)
		e = wait_for_it(w);
	return e ? e : worker_take_disconnected(w);
}

/* Queries */

pid_t worker_pid(const struct worker *w)
{
	return w->pid;
}

void worker_reason(struct worker *w, char *into, size_t size)
{
	if (!await_end(w))
		(void)snprintf(into, size, "does not answer");
	else if (WIFSIGNALED(w->status))
		(void)snprintf(into, size, "was killed by signal %d (%s)",
			       WTERMSIG(w->status),
			       strsignal(WTERMSIG(w->status)));
	else
		(void)snprintf(into, size, "exited with status %d",
			       WEXITSTATUS(w->status));
}

int worker_fd(const struct worker *w)
{
	return w->fd;
}
