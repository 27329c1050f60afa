/* SPDX-License-Identifier: MIT */
#include "bench/load/team.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/load/merge.h"
#include "bench/load/worker.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"

/* What of a group the merging of its results needs. */
struct shared_group {
	uint32_t subscribers, rooms;
};

struct team {
	uint32_t size;
	struct worker *workers[TEAM_MAX];
	int cpus[TEAM_MAX];
	bool answered[TEAM_MAX];
	struct board *board; /* NULL: one alone */
	struct shared_group groups[LOAD_GROUPS];
	int group;	  /* of the slice under way */
	uint32_t culprit; /* who is gone */
};

/* Life cycle */

enum err team_start(const struct team_options *o, struct team **out)
{
	struct team *t = xcalloc(1, sizeof(*t));
	enum err e = ERR_OK;

	CHECK(o->workers > 0 && o->workers <= TEAM_MAX);
	if (o->workers > 1)
		e = board_new(o->workers, &t->board);
	for (uint32_t i = 0; i < o->workers && !e; i++) {
		struct worker_role role = {
			.cpu = o->cpu_count > 0 ? o->cpus[i % o->cpu_count]
						: -1,
			.network = o->network,
			.board = t->board,
			.seat = i,
		};

		t->cpus[i] = role.cpu;
		e = worker_start_as(&role, &t->workers[i]);
		t->size += !e;
	}
	if (e) {
		team_stop(t);
		return e;
	}
	*out = t;
	return ERR_OK;
}

void team_stop(struct team *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->size; i++)
		worker_stop(t->workers[i]);
	board_free(t->board);
	free(t);
}

/* Commands */

static enum err note(struct team *t, uint32_t index, enum err e)
{
	t->answered[index] = false;
	if (e == ERR_CLOSED)
		t->culprit = index;
	return e;
}

/* How many of `whole` come before worker `index`. */
static uint32_t before(const struct team *t, uint32_t whole, uint32_t index)
{
	return (uint32_t)((uint64_t)whole * index / t->size);
}

/* A limit on all of them together; 0, which is none, stays so. */
static uint32_t share(const struct team *t, uint32_t limit, uint32_t index)
{
	uint32_t n = before(t, limit, index + 1) - before(t, limit, index);

	return limit > 0 && n == 0 ? 1 : n;
}

static struct load_target
part_of(const struct team *t, const struct load_target *target, uint32_t index)
{
	struct load_target part = *target;

	if (!t->board)
		return part;
	part.whole = target->subscribers;
	part.first = before(t, part.whole, index);
	part.subscribers = before(t, part.whole, index + 1) - part.first;
	part.connect_rate = share(t, target->connect_rate, index);
	part.connect_pending = share(t, target->connect_pending, index);
	part.mute = index != BOARD_LEADER;
	return part;
}

enum err team_begin_connect(struct team *t, const struct load_target *target)
{
	enum err e = ERR_OK;

	CHECK(target->group >= 0 && target->group < LOAD_GROUPS);
	t->groups[target->group] = (struct shared_group){
		.subscribers = target->subscribers,
		.rooms = target->rooms,
	};
	for (uint32_t i = 0; i < t->size && !e; i++) {
		struct load_target part = part_of(t, target, i);

		e = note(t, i, worker_begin_connect(t->workers[i], &part));
	}
	return e;
}

/* The leader brings the company. */
enum err team_begin_run(struct team *t, const struct load_plan *p)
{
	struct load_plan plan = *p;
	enum err e = ERR_OK;

	CHECK(p->group >= 0 && p->group < LOAD_GROUPS);
	t->group = p->group;
	if (t->board)
		board_clear(t->board);
	for (uint32_t i = 0; i < t->size && !e; i++) {
		e = note(t, i, worker_begin_run(t->workers[i], &plan));
		plan.frozen = plan.slow = 0;
		plan.churn = 0;
	}
	return e;
}

enum err team_begin_disconnect(struct team *t, int group)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < t->size && !e; i++)
		e = note(t, i, worker_begin_disconnect(t->workers[i], group));
	return e;
}

/* Answers */

/* Sleeps until one has something to say. */
static void sleep_until_readable(const struct team *t, int ms)
{
	struct pollfd fds[TEAM_MAX];
	nfds_t n = 0;

	for (uint32_t i = 0; i < t->size; i++) {
		if (!t->answered[i])
			fds[n++] = (struct pollfd){
				.fd = worker_fd(t->workers[i]),
				.events = POLLIN,
			};
	}
	(void)poll(fds, n, ms);
}

static enum err look(struct team *t)
{
	enum err all = ERR_OK;

	for (uint32_t i = 0; i < t->size; i++) {
		enum err e =
			t->answered[i] ? ERR_OK : worker_wait(t->workers[i], 0);

		t->answered[i] = e == ERR_OK;
		if (e == ERR_AGAIN) {
			all = e;
		} else if (e) {
			t->culprit = i;
			return e;
		}
	}
	return all;
}

enum err team_wait(struct team *t, int ms)
{
	uint64_t now = clock_ms(&clock_monotonic);
	uint64_t end = now + (ms > 0 ? (uint64_t)ms : 0);
	enum err e = look(t);

	while (e == ERR_AGAIN && (ms < 0 || now < end)) {
		sleep_until_readable(t, ms < 0 ? -1 : (int)(end - now));
		e = look(t);
		now = clock_ms(&clock_monotonic);
	}
	return e;
}

enum err team_take_connected(struct team *t, struct load_connected *out)
{
	struct load_connected parts[TEAM_MAX];
	enum err first = ERR_OK;

	if (!t->board)
		return worker_take_connected(t->workers[0], out);
	for (uint32_t i = 0; i < t->size; i++) {
		enum err e;

		load_connected_init(&parts[i]);
		e = worker_take_connected(t->workers[i], &parts[i]);
		first = first ? first : e;
	}
	if (!first)
		merge_connected(out, parts, t->size);
	for (uint32_t i = 0; i < t->size; i++)
		load_connected_release(&parts[i]);
	return first;
}

enum err team_take_result(struct team *t, struct load_result *out)
{
	struct load_result parts[TEAM_MAX];
	struct merge m = {.board = t->board, .parts = t->size, .cpus = t->cpus};
	enum err first = ERR_OK;

	if (!t->board)
		return worker_take_result(t->workers[0], out);
	for (uint32_t i = 0; i < t->size; i++) {
		enum err e;

		load_result_init(&parts[i]);
		e = worker_take_result(t->workers[i], &parts[i]);
		first = first ? first : e;
	}
	if (!first) {
		m.subscribers = t->groups[t->group].subscribers;
		m.rooms = t->groups[t->group].rooms;
		merge_results(out, parts, &m);
	}
	for (uint32_t i = 0; i < t->size; i++)
		load_result_release(&parts[i]);
	return first;
}

enum err team_take_disconnected(struct team *t)
{
	enum err first = ERR_OK;

	for (uint32_t i = 0; i < t->size; i++) {
		enum err e = worker_take_disconnected(t->workers[i]);

		first = first ? first : e;
	}
	return first;
}

/* Queries */

uint32_t team_size(const struct team *t)
{
	return t->size;
}

pid_t team_pid(const struct team *t, uint32_t index)
{
	return worker_pid(t->workers[index]);
}

void team_reason(const struct team *t, char *into, size_t size)
{
	char reason[128];

	worker_reason(t->workers[t->culprit], reason, sizeof(reason));
	if (t->size > 1)
		(void)snprintf(into, size, "load worker %u of %u %s",
			       t->culprit + 1, t->size, reason);
	else
		(void)snprintf(into, size, "the load worker %s", reason);
}
