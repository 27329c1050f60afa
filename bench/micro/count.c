/* SPDX-License-Identifier: MIT */
#include "bench/micro/count.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "servers/base/check.h"

extern char **environ;

void count_here(const struct row *r, int side)
{
	const struct row_work *w = &r->work[side];

	w->pass(w->state);
	row_counted(w);
}

/* Callgrind ends with "Collected : N". */
static double read_count(FILE *from)
{
	static const char word[] = "Collected :";
	double count = 0;
	char line[512];

	while (fgets(line, sizeof(line), from)) {
		const char *at = strstr(line, word);

		if (at)
			count = strtod(at + sizeof(word) - 1, NULL);
	}
	return count;
}

static enum err spawn(char *const *argv, int into, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int rc;

	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&actions, into, STDERR_FILENO) ==
	      0);
	rc = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	errno = rc;
	return rc == 0 ? ERR_OK : ERR_IO;
}

static enum err run_counted(char *const *argv, double *count)
{
	int ends[2], status = -1;
	FILE *from;
	pid_t pid;
	enum err e;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return ERR_IO;
	e = spawn(argv, ends[1], &pid);
	(void)close(ends[1]);
	from = fdopen(ends[0], "r");
	CHECK(from);
	*count = e ? 0 : read_count(from);
	(void)fclose(from);
	if (!e && (waitpid(pid, &status, 0) != pid || status != 0))
		return ERR_IO;
	return *count > 0 ? e : ERR_IO;
}

enum err count_row(const struct row *r, double out[ROW_SIDES], char *message,
		   size_t size)
{
	char self[PATH_MAX], name[sizeof(r->name)], side_text[2] = "0";
	char *const argv[] = {"valgrind",
			      "--tool=callgrind",
			      "--callgrind-out-file=/dev/null",
			      "--toggle-collect=row_counted",
			      self,
			      "--once",
			      side_text,
			      name,
			      NULL};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	CHECK(n > 0);
	self[n] = '\0';
	memcpy(name, r->name, sizeof(name));
	for (int side = 0; side < ROW_SIDES; side++) {
		const struct row_work *w = &r->work[side];

		out[side] = 0;
		if (!w->pass)
			continue;
		side_text[0] = (char)('0' + side);
		if (run_counted(argv, &out[side]) != ERR_OK) {
			(void)snprintf(message, size,
				       "%s cannot be counted by valgrind",
				       name);
			return ERR_IO;
		}
		out[side] /= (double)w->units;
	}
	return ERR_OK;
}
