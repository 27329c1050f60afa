/* SPDX-License-Identifier: MIT */
/*
 * Whose work the network's softirq is, from sampled stacks. On loopback a
 * send() goes on, within the same call, to run the receiver's half of TCP:
 * `__local_bh_enable_ip` runs the softirq, whose `net_rx_action` takes the
 * packet up to the receiver's socket and wakes it. The clock of a process
 * counts that as the sender's. This reads what `perf script -F pid,ip,sym`
 * prints of the processes at both ends, the server's and the load worker's,
 * and counts the samples of each and those within the receiving softirq.
 *
 * The model: who sent the packet is the process whose stack it is, and the
 * receiver is the other end. So the receiving samples of the worker are the
 * server's work, and the other way round:
 *
 *	re-attributed = CPU x (own - own receiving + other's receiving) / own
 *
 * - An acknowledgement is a packet like others: the server's part in one that
 *   the worker sends (from recv()) is receiving in the worker's stack, and the
 *   server's. What TCP answers from within the softirq goes back to the sender
 *   in that same run, and is counted with the rest of it as the receiver's.
 * - The softirq's own overhead outside net_rx_action, some 2 % of it, stays
 *   with the sender, as do the queue and the loopback device.
 * - Softirqs that an interrupt runs are whoever's it met, and move nowhere.
 *   Those in ksoftirqd are not seen, since only processes are sampled: their
 *   clocks do not hold them either, so what is missing is the receiver's.
 * - Some kernels keep softirq out of the clocks of processes
 *   (CONFIG_IRQ_TIME_ACCOUNTING). Then nothing is to be taken off, and the
 *   divisor is own - own receiving. The samples tell: they are as many as
 *   the clock's time with the softirq, or without.
 *
 * Example:
 *	stacks_init(&s);
 *	stacks_watch(&s, server, STACKS_SERVER);
 *	stacks_watch(&s, worker, STACKS_WORKER);
 *	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
 *		stacks_feed(&s, bytes, n);
 *	stacks_end(&s);
 *	reason = stacks_reason(&s);
 */
#ifndef BENCH_LOAD_STACKS_H
#define BENCH_LOAD_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STACKS_PIDS 80
#define STACKS_LINE 160 /* what is looked at of a line */

enum stacks_name { STACKS_SERVER, STACKS_WORKER, STACKS_ENDS };

struct stacks_end {
	uint64_t samples;
	uint64_t receiving; /* of those, within the receiving softirq */
};

struct stacks {
	struct stacks_end ends[STACKS_ENDS];
	struct {
		pid_t pid;
		enum stacks_name end;
	} watched[STACKS_PIDS];
	size_t watched_count;
	uint64_t named, nameless; /* frames of the kernel, of those watched */
	/* The line that is being read, and the sample. */
	char line[STACKS_LINE];
	size_t length;
	bool is_open;
	pid_t pid;
	bool is_below, is_receiving; /* net_rx_action; and a process ran it */
};

/* What re-attribution makes of CPU time. */
struct stacks_factor {
	double value; /* times the CPU by the process's clock */
	double error; /* standard error by the number of samples */
	bool charged; /* the clock holds the softirq */
};

/* Operations */
void stacks_init(struct stacks *s);
/* What is beyond STACKS_PIDS is not watched. */
void stacks_watch(struct stacks *s, pid_t pid, enum stacks_name end);
/* The text in pieces of any size; what is not understood is passed over. */
void stacks_feed(struct stacks *s, const char *bytes, size_t n);
void stacks_end(struct stacks *s);

/* Queries */
/* Why it says nothing, or NULL. */
const char *stacks_reason(const struct stacks *s);
/*
 * Of the server's CPU; `expected`: samples that its clock's time stands for.
 * For when stacks_reason() says NULL.
 */
struct stacks_factor stacks_factor(const struct stacks *s, double expected);

#endif
