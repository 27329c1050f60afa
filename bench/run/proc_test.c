/* SPDX-License-Identifier: MIT */
#include "bench/run/proc.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "servers/base/clock.h"

static char log_path[64];

static void make_log(void)
{
	int fd;

	(void)strcpy(log_path, "/tmp/pushmark-proc-XXXXXX");
	fd = mkstemp(log_path);
	cr_assert_geq(fd, 0);
	(void)close(fd);
}

static void drop_log(void)
{
	(void)unlink(log_path);
}

TestSuite(proc, .init = make_log, .fini = drop_log);

static enum err start(struct proc *p, const char *script)
{
	char *argv[] = {"/bin/sh", "-c", (char *)(size_t)script, NULL};
	enum err e = proc_start(p, argv, log_path, -1);
	uint64_t deadline = clock_ms(&clock_monotonic) + 5000;

	cr_assert_eq(e, ERR_OK);
	do {
		e = proc_wait_ready(p, 50);
	} while (e == ERR_AGAIN && clock_ms(&clock_monotonic) < deadline);
	return e;
}

Test(proc, ready_line_gives_the_address)
{
	char reason[128];
	struct proc p;
	pid_t pid;

	cr_assert_eq(start(&p, "echo listening on http://127.0.0.1:4711; "
			       "echo more; exec sleep 60"),
		     ERR_OK);
	cr_assert_str_eq(p.host, "127.0.0.1");
	cr_assert_eq(p.port, 4711);
	cr_assert(proc_alive(&p));
	pid = p.pid;
	proc_stop(&p);
	proc_reason(&p, reason, sizeof(reason));
	cr_assert_eq(strncmp(reason, "was killed by signal 15", 23), 0, "%s",
		     reason);
	cr_assert_eq(kill(pid, 0), -1);
	cr_assert_eq(errno, ESRCH);
}

Test(proc, address_may_come_in_pieces)
{
	struct proc p;

	cr_assert_eq(start(&p, "printf 'listening on ht'; sleep 0.1; "
			       "printf 'tp://h.test:80'; sleep 0.1; echo /; "
			       "exec sleep 60"),
		     ERR_OK);
	cr_assert_str_eq(p.host, "h.test");
	cr_assert_eq(p.port, 80);
	proc_stop(&p);
}

Test(proc, another_first_line_is_a_fault)
{
	struct proc p;

	cr_assert_eq(start(&p, "echo hello; exec sleep 60"), ERR_PROTO);
	proc_stop(&p);
	cr_assert_eq(start(&p, "echo listening on http://h:99999; "
			       "exec sleep 60"),
		     ERR_PROTO);
	proc_stop(&p);
}

Test(proc, early_end_leaves_its_status_and_the_end_of_its_log)
{
	char reason[128];
	struct proc p;
	cJSON *tail;

	cr_assert_eq(start(&p, "i=0; while [ $i -lt 14 ]; do i=$((i+1)); "
			       "echo line $i >&2; done; exit 3"),
		     ERR_CLOSED);
	proc_reason(&p, reason, sizeof(reason));
	cr_assert_str_eq(reason, "exited with status 3");
	proc_stop(&p);
	tail = proc_log_tail(log_path);
	cr_assert_eq(cJSON_GetArraySize(tail), PROC_TAIL);
	cr_assert_str_eq(cJSON_GetArrayItem(tail, 0)->valuestring, "line 5");
	cr_assert_str_eq(cJSON_GetArrayItem(tail, 9)->valuestring, "line 14");
	cJSON_Delete(tail);
}

Test(proc, program_that_is_not_there)
{
	char *argv[] = {"/nonexistent/server", NULL};
	char reason[128];
	struct proc p;
	cJSON *tail;
	enum err e;

	cr_assert_eq(proc_start(&p, argv, log_path, -1), ERR_OK);
	do {
		e = proc_wait_ready(&p, 50);
	} while (e == ERR_AGAIN);
	cr_assert_eq(e, ERR_CLOSED);
	proc_reason(&p, reason, sizeof(reason));
	cr_assert_str_eq(reason, "exited with status 127");
	proc_stop(&p);
	tail = proc_log_tail(log_path);
	cr_assert_str_eq(cJSON_GetArrayItem(tail, 0)->valuestring,
			 "cannot start /nonexistent/server: No such file or "
			 "directory");
	cJSON_Delete(tail);
}

Test(proc, death_in_the_middle_is_noticed)
{
	char reason[128];
	struct proc p;

	cr_assert_eq(start(&p, "echo listening on http://127.0.0.1:1; "
			       "sleep 0.1; kill -SEGV $$"),
		     ERR_OK);
	for (int i = 0; i < 100 && proc_alive(&p); i++)
		(void)usleep(20000);
	cr_assert_not(proc_alive(&p));
	proc_reason(&p, reason, sizeof(reason));
	cr_assert_eq(strncmp(reason, "was killed by signal 11", 23), 0, "%s",
		     reason);
	proc_stop(&p);
}

Test(proc, children_are_counted_and_end_with_it)
{
	pid_t pids[PROC_CHILDREN];
	struct proc p;
	size_t n = 0;

	cr_assert_eq(start(&p, "sleep 60 & sleep 60 & "
			       "echo listening on http://127.0.0.1:1; wait"),
		     ERR_OK);
	for (int i = 0; i < 50 && n != 3; i++) {
		n = proc_pids(&p, pids, PROC_CHILDREN);
		(void)usleep(10000);
	}
	cr_assert_eq(n, 3);
	cr_assert_eq(pids[0], p.pid);
	proc_stop(&p);
	for (int i = 0; i < 100 && kill(pids[1], 0) == 0; i++)
		(void)usleep(10000);
	cr_assert_eq(proc_pids(&p, pids, PROC_CHILDREN), 0);
}

static pid_t made;

static void *make_child(void *ready)
{
	made = fork();
	if (made == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)pause();
		_exit(0);
	}
	(void)pthread_barrier_wait(ready);
	(void)pthread_barrier_wait(ready); /* until it has been looked for */
	return NULL;
}

/* The kernel lists a child with the thread that made it. */
Test(proc, children_of_all_threads_are_counted)
{
	struct proc p = {.pid = getpid()};
	pid_t pids[PROC_CHILDREN];
	pthread_barrier_t ready;
	pthread_t thread;

	(void)pthread_barrier_init(&ready, NULL, 2);
	cr_assert_eq(pthread_create(&thread, NULL, make_child, &ready), 0);
	(void)pthread_barrier_wait(&ready);
	cr_assert_eq(proc_pids(&p, pids, PROC_CHILDREN), 2);
	cr_assert_eq(pids[1], made);
	(void)pthread_barrier_wait(&ready);
	(void)pthread_join(thread, NULL);
	(void)kill(made, SIGKILL);
	(void)waitpid(made, NULL, 0);
	(void)pthread_barrier_destroy(&ready);
}

/* The process whose number a script wrote, gone or about to go. */
static bool ends(const char *path)
{
	FILE *f = fopen(path, "re");
	int pid = 0, alive = 0;

	/* NOLINTNEXTLINE(cert-err34-c): what is no number is no process. */
	cr_assert(f && fscanf(f, "%d", &pid) == 1 && pid > 1);
	(void)fclose(f);
	for (int i = 0; i < 100 && (alive = kill(pid, 0)) == 0; i++)
		(void)usleep(10000);
	return alive != 0;
}

/* One that is its child still, and one whose parent has ended. */
Test(proc, sessions_of_its_own_end_with_it)
{
	char script[512], child[80], orphan[80];
	struct proc p;

	proc_adopt();
	(void)snprintf(child, sizeof(child), "%s.child", log_path);
	(void)snprintf(orphan, sizeof(orphan), "%s.orphan", log_path);
	(void)snprintf(script, sizeof(script),
		       "setsid sh -c 'echo $$ >%s; exec sleep 60' & "
		       "(setsid sh -c 'echo $$ >%s; exec sleep 60' &); "
		       "while ! [ -s %s -a -s %s ]; do sleep 0.01; done; "
		       "echo listening on http://127.0.0.1:1; wait",
		       child, orphan, child, orphan);
	cr_assert_eq(start(&p, script), ERR_OK);
	proc_stop(&p);
	cr_expect(ends(child));
	proc_sweep();
	cr_expect(ends(orphan));
	(void)unlink(child);
	(void)unlink(orphan);
}

/* Those of whoever became this program by exec(). */
Test(proc, children_that_were_there_stay)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)setsid();
		(void)pause();
		_exit(0);
	}
	proc_adopt();
	(void)usleep(50000);
	proc_sweep();
	cr_expect_eq(kill(pid, 0), 0);
	(void)kill(pid, SIGKILL);
	cr_expect_eq(waitpid(pid, NULL, 0), pid);
}

Test(proc, log_is_made_printable)
{
	FILE *f = fopen(log_path, "w");
	cJSON *tail;

	(void)fwrite("a\033[31mb\n\n\xff\0c\nlast", 1, 17, f);
	(void)fclose(f);
	tail = proc_log_tail(log_path);
	cr_assert_str_eq(cJSON_GetArrayItem(tail, 0)->valuestring, "a?[31mb");
	cr_assert_str_eq(cJSON_GetArrayItem(tail, 1)->valuestring, "??c");
	cr_assert_str_eq(cJSON_GetArrayItem(tail, 2)->valuestring, "last");
	cJSON_Delete(tail);
	tail = proc_log_tail("/nonexistent/log");
	cr_assert_eq(cJSON_GetArraySize(tail), 0);
	cJSON_Delete(tail);
}
