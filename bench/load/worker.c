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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/load/lines.h"
#include "bench/load/worker_serve.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"

#define EXIT_PATIENCE_MS 1000
#define EXIT_STEP_MS 10

struct worker {
	pid_t pid;
	int fd;
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

/* Descriptors of the parent's would keep servers' pipes open. */
static void close_others(int keep)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Not just closed: a socket must not become standard output. */
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	for (int fd = STDERR_FILENO + 1; fd < keep; fd++)
		(void)close(fd);
	(void)close_range((unsigned)keep + 1, ~0U, 0);
}

static void unblock_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_IGN);
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

static _Noreturn void run_child(int fd, int cpu, pid_t network, pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have died before that took effect. */
	if (getppid() != parent)
		_exit(1);
	unblock_signals();
	close_others(fd);
	pin(cpu);
	if (!enter_network_of(network))
		_exit(1);
	_exit(worker_serve(fd) == ERR_OK ? 0 : 1);
}

/* Life cycle */

enum err worker_start(int cpu, struct worker **out)
{
	return worker_start_in(0, cpu, out);
}

enum err worker_start_in(pid_t network, int cpu, struct worker **out)
{
	struct worker *w;
	pid_t parent = getpid();
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return errno == EMFILE || errno == ENFILE ? ERR_LIMIT : ERR_IO;
	pid = fork();
	if (pid == 0)
		run_child(ends[1], cpu, network, parent);
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

static bool reaped(pid_t pid)
{
	pid_t got;

	do {
		got = waitpid(pid, NULL, WNOHANG);
	} while (got < 0 && errno == EINTR);
	return got != 0;
}

static void reap(pid_t pid)
{
	for (int ms = 0; ms < EXIT_PATIENCE_MS; ms += EXIT_STEP_MS) {
		if (reaped(pid))
			return;
		(void)poll(NULL, 0, EXIT_STEP_MS);
	}
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

/* The end of the stream is the command to exit. */
void worker_stop(struct worker *w)
{
	if (!w)
		return;
	(void)close(w->fd);
	reap(w->pid);
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

int worker_fd(const struct worker *w)
{
	return w->fd;
}
