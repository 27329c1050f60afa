/* SPDX-License-Identifier: MIT */
#include "bench/load/descriptors.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

uint64_t descriptors_raise(uint64_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_max < wanted) {
		const struct rlimit more = {wanted, wanted};

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return wanted;
	}
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

bool descriptors_suffice(uint64_t more, char *why, size_t size)
{
	uint64_t need = descriptors_open() + more + DESCRIPTORS_SPARE;
	uint64_t may = descriptors_raise(need);

	if (need <= may)
		return true;
	(void)snprintf(why, size,
		       "the load worker needs %" PRIu64
		       " descriptors and may have %" PRIu64
		       ": raise the limit before (ulimit -Hn %" PRIu64
		       ", as root), or take more workers (--set workers=N)",
		       need, may, need);
	return false;
}

uint64_t descriptors_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint64_t count = 0;

	if (!d)
		return 0;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a folder of our own. */
	while (readdir(d) != NULL)
		count++;
	(void)closedir(d);
	/* Without ".", ".." and the folder itself. */
	return count > 3 ? count - 3 : 0;
}
