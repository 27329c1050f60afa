/* SPDX-License-Identifier: MIT */
#include "bench/load/test_bare.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/load/bare_server.h"
#include "servers/base/check.h"

static _Noreturn void serve(struct bare_server *s)
{
	sigset_t set;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	_exit(bare_server_run(s, signalfd(-1, &set, SFD_NONBLOCK)) == ERR_OK
		      ? 0
		      : 1);
}

void test_bare_start(struct test_bare *b)
{
	struct bare_server *s;

	CHECK(bare_server_new("127.0.0.1", 0, &s) == ERR_OK);
	b->port = bare_server_port(s);
	b->pid = fork();
	CHECK(b->pid >= 0);
	if (b->pid == 0)
		serve(s);
	bare_server_free(s);
}

int test_bare_stop(struct test_bare *b)
{
	int status = -1;

	(void)kill(b->pid, SIGTERM);
	(void)waitpid(b->pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
