/* SPDX-License-Identifier: MIT */
#include "bench/load/memory.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY ((size_t)32 << 20)
#define PAGE 4096

static FILE *text(const char *t)
{
	FILE *f = fmemopen((void *)t, strlen(t), "r");

	cr_assert_not_null(f);
	return f;
}

Test(memory, heap_is_what_the_allocator_has)
{
	static const char smaps[] =
		"561928d98000-561928d9b000 rw-p 00000000 fe:00 248030 /bin/x\n"
		"Size: 12 kB\n"
		"Anonymous: 8 kB\n"
		"5619293af000-5619293d0000 rw-p 00000000 00:00 0    [heap]\n"
		"Anonymous:          100 kB\n"
		"AnonHugePages:     2048 kB\n"
		"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
		"Anonymous:           20 kB\n"
		"7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0    [stack]\n"
		"Anonymous:           16 kB\n";
	FILE *f = text(smaps);
	uint64_t heap;

	cr_assert(memory_parse_smaps(f, &heap));
	cr_assert_eq(heap, 120 * 1024);
	(void)fclose(f);
}

Test(memory, what_is_no_map_is_refused)
{
	static const char *const bad[] = {"\n", "Anonymous: 4 kB\n", "x-y z\n"};
	uint64_t heap;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		FILE *f = text(bad[i]);

		cr_expect_not(memory_parse_smaps(f, &heap), "%s", bad[i]);
		cr_expect_eq(heap, 0);
		(void)fclose(f);
	}
}

Test(memory, heap_of_a_process_grows_with_what_it_allocates)
{
	pid_t self = getpid(), none = 0x7ffffff0;
	uint64_t before, after;
	char *memory;

	cr_assert_eq(memory_heap(&self, 1, &before), ERR_OK);
	memory = malloc(MEMORY);
	cr_assert_not_null(memory);
	memset(memory, 1, MEMORY);
	cr_assert_eq(memory_heap(&self, 1, &after), ERR_OK);
	cr_assert_geq(after - before, MEMORY - PAGE);
	cr_assert_eq(memory[MEMORY - 1], 1);
	free(memory);
	cr_assert_eq(memory_heap(&none, 1, &after), ERR_NOTFOUND);
}

#define TUNABLES " : tunables 0 0 0 : slabdata "

Test(memory, slabs_of_sockets_are_added_up)
{
	static const char slabinfo[] =
		"slabinfo - version: 2.1\n"
		"# name <active_objs> <num_objs> <objsize> <objperslab> "
		"<pagesperslab> : tunables <limit> : slabdata <a> <n> <s>\n"
		"TCP 10 26 2368 13 8" TUNABLES "1 2 0\n"
		"TCPv6 0 0 2496 13 8" TUNABLES "0 0 0\n"
		"tw_sock_TCP 1825 2048 256 16 1" TUNABLES "128 128 0\n"
		"filp 21 21 192 21 1" TUNABLES "1 1 0\n"
		"dentry 100 105 192 21 1" TUNABLES "5 5 0\n";
	FILE *f = text(slabinfo);
	uint64_t slab;

	cr_assert(memory_parse_slabinfo(f, PAGE, &slab));
	cr_assert_eq(slab, (2 * 8 + 1) * PAGE);
	(void)fclose(f);
}

Test(memory, slabs_that_are_not_told_are_not_known)
{
	static const char *const bad[] = {
		"slabinfo - version: 2.1\n",
		"filp 21 21 192 21 1" TUNABLES "1 1 0\n",
		"TCP 10 26 2368\n",
		"TCP 10 26 2368 13 8 : tunables 0 0 0\n",
		"TCP 10 26 2368 13 99999999" TUNABLES "1 2 0\n",
	};
	uint64_t slab;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		FILE *f = text(bad[i]);

		cr_expect_not(memory_parse_slabinfo(f, PAGE, &slab), "%s",
			      bad[i]);
		(void)fclose(f);
	}
}

Test(memory, buffers_are_those_of_tcp)
{
	FILE *f = text("sockets: used 2458\n"
		       "TCP: inuse 2411 orphan 0 tw 1611 alloc 2435 mem 1550\n"
		       "UDP: inuse 0 mem 7\n");
	uint64_t bytes;

	cr_assert(memory_parse_sockstat(f, PAGE, &bytes));
	cr_assert_eq(bytes, 1550 * PAGE);
	(void)fclose(f);
	f = text("UDP: inuse 0 mem 7\n");
	cr_assert_not(memory_parse_sockstat(f, PAGE, &bytes));
	(void)fclose(f);
}

Test(memory, half_a_kernel_is_not_known)
{
	struct memory_kernel k = {.buffers_known = true, .buffers = 1};

	cr_assert(isnan(memory_kernel_bytes(&k)));
	k.slab_known = true;
	k.slab = 2;
	cr_assert_float_eq(memory_kernel_bytes(&k), 3, 0);
}

Test(memory, the_slope_forgets_what_was_there_before)
{
	static const double x[] = {0, 250, 500, 1000};
	static const double y[] = {9000, 9000 + 250 * 64, 9000 + 500 * 64,
				   9000 + 1000 * 64};

	cr_assert_float_eq(memory_slope(x, y, 4), 64, 1e-9);
	cr_assert(isnan(memory_slope(x, y, 1)));
	cr_assert(isnan(memory_slope(x, y, 0)));
}

Test(memory, the_peak_is_that_of_the_status)
{
	FILE *f = text("VmPeak:\t    9000 kB\nVmHWM:\t    5120 kB\n"
		       "VmRSS:\t    4096 kB\n");
	uint64_t peak;

	cr_assert(memory_parse_status(f, &peak));
	cr_assert_eq(peak, 5120 * 1024);
	(void)fclose(f);
	f = text("VmRSS:\t    4096 kB\nVmHWM:\t?\n");
	cr_assert_not(memory_parse_status(f, &peak));
	(void)fclose(f);
}

/* Filled and given back between two looks, twice: the first is forgotten. */
Test(memory, a_peak_is_seen_after_it_is_gone_and_forgotten_when_asked)
{
	const size_t size = (size_t)32 << 20;
	const pid_t self = getpid(), none = 0x3fffffff;
	uint64_t before, peak;

	for (size_t part = 1; part <= 2; part++) {
		char *memory;

		if (memory_peak_begin(&self, 1, &before) != ERR_OK)
			cr_skip_test("the kernel forgets no peak");
		memory = mmap(NULL, size / part, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		cr_assert_neq(memory, MAP_FAILED);
		memset(memory, 1, size / part);
		cr_assert_eq(munmap(memory, size / part), 0);
		cr_assert_eq(memory_peak(&self, 1, &peak), ERR_OK);
		cr_assert_geq(peak - before, size / part - (1 << 20));
		cr_assert_leq(peak - before, size / part + (4 << 20));
	}
	cr_assert_eq(memory_peak(&none, 1, &peak), ERR_NOTFOUND);
	cr_assert_eq(memory_peak_begin(&none, 1, &peak), ERR_NOTFOUND);
}
