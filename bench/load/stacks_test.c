/* SPDX-License-Identifier: MIT */
#include "bench/load/stacks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SERVER 12037
#define WORKER 912

/* Of each kind that a send() and a recv() have; the innermost frame first. */
#define OWN                                                                    \
	"\tffffffff81dfb7ac loopback_xmit\n"                                   \
	"\tffffffff81eb6dac __dev_queue_xmit\n"                                \
	"\tffffffff8206e8cb tcp_sendmsg\n"                                     \
	"\t          10ab59 __send\n\n"
#define RECEIVING                                                              \
	"\tffffffff820945b5 tcp_v4_rcv\n"                                      \
	"\tffffffff81eb98d3 process_backlog\n"                                 \
	"\tffffffff81eba59e net_rx_action\n"                                   \
	"\tffffffff8136963d handle_softirqs\n"                                 \
	"\tffffffff8136904b do_softirq.part.0\n"                               \
	"\tffffffff81369934 __local_bh_enable_ip\n"                            \
	"\tffffffff81eb6774 __dev_queue_xmit\n"                                \
	"\tffffffff8206e8cb tcp_sendmsg\n\n"
#define BY_INTERRUPT                                                           \
	"\tffffffff81eba59e net_rx_action\n"                                   \
	"\tffffffff8136963d handle_softirqs\n"                                 \
	"\tffffffff81369a11 __irq_exit_rcu\n"                                  \
	"\tffffffff8225bb22 common_interrupt\n\n"
/* The softirq is over, or has only begun, or is of something else. */
#define OUTSIDE                                                                \
	"\tffffffff81369934 __local_bh_enable_ip\n"                            \
	"\tffffffff81eba59e net_rx_action_more\n"                              \
	"\tffffffff81eba59e net_rx_actio\n"                                    \
	"\tffffffff81369934 __local_bh_enable_ip\n"                            \
	"\tffffffff81eba59e net_rx_action\n\n"

static struct stacks s;

static void set_up(void)
{
	stacks_init(&s);
	stacks_watch(&s, SERVER, STACKS_SERVER);
	stacks_watch(&s, WORKER, STACKS_WORKER);
}

TestSuite(stacks, .init = set_up);

static void feed(const char *text)
{
	stacks_feed(&s, text, strlen(text));
}

static void counts(uint64_t server, uint64_t of_server, uint64_t worker,
		   uint64_t of_worker)
{
	cr_assert_eq(s.ends[STACKS_SERVER].samples, server);
	cr_assert_eq(s.ends[STACKS_SERVER].receiving, of_server);
	cr_assert_eq(s.ends[STACKS_WORKER].samples, worker);
	cr_assert_eq(s.ends[STACKS_WORKER].receiving, of_worker);
}

static const char script[] =
	"12037 \n" OWN "12037 \n" RECEIVING "  912 \n" OWN "  912 \n" RECEIVING
	"  912 \n" RECEIVING "12037 \n" BY_INTERRUPT "12037 \n" OUTSIDE
	/* In user space perf was asked for no stack. */
	"12037 \n\n"
	/* Somebody else's. */
	"    1 \n" RECEIVING
	/* A compiler's suffix, perf's offset, and no empty line behind it. */
	"12037 \n"
	"\tffffffff81eba59e net_rx_action.isra.0\n"
	"\tffffffff81369934 __local_bh_enable_ip+0x54\n"
	"12037 \n"
	"\tffffffff81eba59e net_rx_action\n"
	"\tffffffff81369934 __local_bh_enable_ip"; /* and no end of line */

Test(stacks, samples_within_the_softirq_that_the_process_ran)
{
	feed(script);
	stacks_end(&s);
	counts(7, 3, 3, 2);
	cr_assert_null(stacks_reason(&s));
}

Test(stacks, the_text_may_come_in_any_pieces)
{
	for (size_t size = 1; size < 80; size++) {
		set_up();
		for (size_t at = 0; at < strlen(script); at += size) {
			size_t n = strlen(script) - at;

			stacks_feed(&s, script + at, n < size ? n : size);
		}
		stacks_end(&s);
		counts(7, 3, 3, 2);
	}
}

Test(stacks, what_is_not_understood_is_passed_over)
{
	static const char zeros[] = "\0\0\n\t\0ffffffff81eba59e\n";

	/* Frames without a sample, and numbers that are none or no pid's. */
	feed(RECEIVING "0 \n" RECEIVING "-912 \n" RECEIVING "912x \n" RECEIVING
		       "99999999999999999999 \n" RECEIVING "pid \n" RECEIVING);
	feed("  912 \n\t\n\tzzz net_rx_action\n\tffffffff81eba59e\n\t \n"
	     "\tffffffff81eba59enet_rx_action\n"
	     "\tffffffff81369934 __local_bh_enable_ip\n\n");
	stacks_feed(&s, zeros, sizeof(zeros) - 1);
	stacks_end(&s);
	counts(0, 0, 1, 0);
	cr_assert_eq(s.named, 1);
}

Test(stacks, a_long_line_is_cut_and_ends_at_its_end)
{
	feed("12037 \n\tffffffff81eba59e ");
	for (int i = 0; i < 100000; i++)
		feed("long");
	feed("\n\tffffffff81eba59e net_rx_action\n"
	     "\tffffffff81369934 __local_bh_enable_ip\n");
	stacks_end(&s);
	counts(1, 1, 0, 0);
}

Test(stacks, more_processes_than_it_has_room_for)
{
	for (pid_t pid = 1; pid < 2 * STACKS_PIDS; pid++)
		stacks_watch(&s, 100000 + pid, STACKS_SERVER);
	feed("100001 \n" OWN "100100 \n" OWN);
	stacks_end(&s);
	counts(1, 0, 0, 0);
}

static void says(const char *text, const char *part)
{
	set_up();
	feed(text);
	stacks_end(&s);
	cr_assert_not_null(stacks_reason(&s));
	cr_assert_not_null(strstr(stacks_reason(&s), part), "%s",
			   stacks_reason(&s));
}

Test(stacks, why_it_says_nothing)
{
	says("", "no sample of the server");
	says("12037 \n" RECEIVING, "no sample of the load worker");
	says("12037 \n\t 10ab59 __send\n\n912 \n\n", "perf_event_paranoid");
	says("12037 \n\tffffffff81eba59e [unknown]\n\n912 \n\n",
	     "kptr_restrict");
	says("12037 \n" OWN "912 \n" BY_INTERRUPT, "net_rx_action");
	says("12037 \n" RECEIVING "912 \n" OWN, "of the server's own");
}

static void have(uint64_t server, uint64_t of_server, uint64_t of_worker)
{
	s.ends[STACKS_SERVER] = (struct stacks_end){server, of_server};
	s.ends[STACKS_WORKER] = (struct stacks_end){1000, of_worker};
}

Test(stacks, what_moves_out_and_what_moves_in)
{
	struct stacks_factor f;

	have(1000, 400, 300);
	f = stacks_factor(&s, 990);
	cr_assert(f.charged);
	cr_assert_float_eq(f.value, 0.9, 1e-12);
	/* Root of 0.1^2 x 600 + 0.9^2 x 400 + 300, by a thousand. */
	cr_assert_float_eq(f.error, sqrt(630) / 1000, 1e-12);
	have(1000, 400, 400);
	cr_assert_float_eq(stacks_factor(&s, 1050).value, 1, 1e-12);
}

Test(stacks, a_clock_that_does_not_hold_the_softirq)
{
	struct stacks_factor f;

	have(1000, 400, 300);
	f = stacks_factor(&s, 610);
	cr_assert_not(f.charged);
	cr_assert_float_eq(f.value, 1.5, 1e-12);
	cr_assert_float_eq(f.error, sqrt(0.25 * 600 + 300) / 600, 1e-12);
}
