/* SPDX-License-Identifier: MIT */
#include "bench/run/test_programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool test_programs(char into[PATH_MAX])
{
	const char *set = getenv("PUSHMARK_BIN");
	char test[PATH_MAX], path[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", test, sizeof(test) - 1);

	test[n > 0 ? n : 0] = '\0';
	if (strrchr(test, '/'))
		*strrchr(test, '/') = '\0';
	(void)snprintf(path, sizeof(path), "%s/../bin", test);
	if (!realpath(set && set[0] ? set : path, into))
		return false;
	(void)snprintf(path, sizeof(path), "%s/pushmark-bare", into);
	return access(path, X_OK) == 0;
}
