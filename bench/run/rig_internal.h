/* SPDX-License-Identifier: MIT */
/* What the files of the rig share; nobody else includes it. */
#ifndef BENCH_RUN_RIG_INTERNAL_H
#define BENCH_RUN_RIG_INTERNAL_H

#include "bench/run/rig.h"

#define RIG_GRACE_MS 15000 /* beyond what a command is to take */

/*
 * Returns `e`. Only the first failure is kept: others follow from it. Once
 * Ctrl-C was pressed there is none, and it returns ERR_REFUSED.
 */
__attribute__((format(printf, 4, 5))) enum err
rig_fail(struct rig *r, enum err e, int culprit, const char *format, ...);
enum err rig_fail_worker(struct rig *r);

/* Whether servers and link live, and nobody pressed Ctrl-C. */
MUST_USE enum err rig_look(struct rig *r);
/* Until the workers answered. */
MUST_USE enum err rig_wait_worker(struct rig *r, uint64_t ms);
/* Until a process says on its standard output that it is ready. */
MUST_USE enum err rig_wait_line(struct rig *r, struct proc *p, uint64_t ms);
/* Where a group's connections lead to, and what they speak. */
void rig_address(const struct rig *r, int server, struct load_target *t);
/* As rig_connect(); `told` is initialised. */
MUST_USE enum err rig_connect_told(struct rig *r, int server,
				   struct load_target *t,
				   struct load_connected *told);

#endif
