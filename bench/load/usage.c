/* SPDX-License-Identifier: MIT */
#include "bench/load/usage.h"

#include <sys/resource.h>
#include <time.h>

#include "servers/base/check.h"

static uint64_t timeval_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_usec * 1000;
}

void usage_read(struct usage *out)
{
	struct rusage usage;
	struct timespec cpu;

	CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0);
	*out = (struct usage){
		.cpu_ns = (uint64_t)cpu.tv_sec * 1000000000 +
			  (uint64_t)cpu.tv_nsec,
		.user_ns = timeval_ns(&usage.ru_utime),
		.system_ns = timeval_ns(&usage.ru_stime),
		.switches_voluntary = (uint64_t)usage.ru_nvcsw,
		.switches_involuntary = (uint64_t)usage.ru_nivcsw,
	};
}
