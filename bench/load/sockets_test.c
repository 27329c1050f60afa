/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/sockets.h"

Test(sockets, counts_those_of_a_process)
{
	pid_t self = getpid();
	size_t before = sockets_of(&self, 1);
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	cr_assert_eq(sockets_of(&self, 1), before + 2);
	(void)close(ends[0]);
	cr_assert_eq(sockets_of(&self, 1), before + 1);
	(void)close(ends[1]);
	cr_assert_eq(sockets_of(&self, 1), before);
}

Test(sockets, a_process_that_is_not_there_has_none)
{
	pid_t nobody[] = {0x3fffffff};

	cr_assert_eq(sockets_of(nobody, 1), 0);
}
