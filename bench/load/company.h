/* SPDX-License-Identifier: MIT */
/*
 * Who else is in the rooms while a slice lasts: connections that never read,
 * some that read slowly, and visitors who come, stay for a while and go. They
 * get what is published, and are in no ledger and no latency.
 *
 * A frozen connection is a whole client in an event loop that nobody runs any
 * more once it is open, so that it freezes in any dialect as a process that is
 * stopped does: its kernel still acknowledges. A slow one is a socket that is
 * read by so many bytes at a time (dialects as in load.h's `raw`), or a whole
 * client whose loop runs only while it has read less than it may.
 */
#ifndef BENCH_LOAD_COMPANY_H
#define BENCH_LOAD_COMPANY_H

#include "bench/load/group.h"
#include "bench/load/load.h"
#include "servers/base/err.h"

#define COMPANY_STAY_NS 500000000 /* a visitor's, once it is a member */

struct company;

/* Life cycle */
/*
 * Connects those that `plan` asks for, running the group's loop until they are
 * open; visitors come from now on. *out is NULL when there are none. ERR_IO
 * when not all opened, with `why` of LOAD_TEXT bytes.
 */
MUST_USE enum err company_join(struct group *g, const struct load_plan *plan,
			       struct company **out, char *why);
void company_leave(struct company *c); /* disconnects; NULL is legal */

/* Queries */
/* Fills in `visits` and `stuck_*`, or why the slice is of no use. */
void company_tell(const struct company *c, struct load_result *into);

#endif
