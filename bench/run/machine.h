/* SPDX-License-Identifier: MIT */
/*
 * The machine under the measurement: which core is whose, and whether anybody
 * else used the server's core during a slice.
 *
 * The rule for foreign load, fixed beforehand: a slice is disturbed when the
 * server's core was busy for longer than the servers on it ran, or was
 * stolen by the hypervisor, for more than MACHINE_FOREIGN_MAX of the slice
 * and three ticks of the kernel's accounting.
 */
#ifndef BENCH_RUN_MACHINE_H
#define BENCH_RUN_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_FOREIGN_MAX 0.10

#define MACHINE_WORKER_CPUS 8

struct machine {
	int server_cpu; /* -1: not pinned */
	/* The load workers take these in turn; none: not pinned. */
	int worker_cpus[MACHINE_WORKER_CPUS];
	uint32_t worker_cpu_count;
	long ticks; /* of accounting, per second */
	/* The network, in which servers and workers meet. */
	int loopback_mtu;   /* 0: not known */
	const char *shared; /* why it is not our own; NULL: it is */
};

struct core_time {
	uint64_t busy, steal; /* ticks since the start of the machine */
};

/* Life cycle */
/*
 * Of the cores that we may run on, the first is the server's and the others
 * are the load workers'; one is not enough to pin.
 */
void machine_init(struct machine *m);

/* Operations */
/* All zero when it cannot be read. */
struct core_time machine_core(const struct machine *m, int cpu);

/* Queries */
int machine_worker_cpu(const struct machine *m); /* the first's; -1 */
/*
 * Seconds of others on a core between two readings, `own_ns` being the CPU
 * time of the processes that belong there.
 */
double machine_foreign(const struct machine *m, const struct core_time *before,
		       const struct core_time *after, uint64_t own_ns);
bool machine_disturbed(const struct machine *m, double foreign_s,
		       double slice_s);

#endif
