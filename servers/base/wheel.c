/* SPDX-License-Identifier: MIT */
/*
 * Time is read as a number with digits of six bits. A timer lies at the level
 * of the highest digit in which its deadline differs from now, in the slot
 * that this digit of the deadline names. It follows that
 * - every armed slot of a level is ahead of now's own digit;
 * - whatever lies at a lower level is due before all of the higher ones;
 * so the next slot is the lowest bit of the lowest level's bitmap, and time
 * can jump there without looking at what is between. Eleven levels hold all
 * 64 bits: no deadline is too far.
 */
#include "servers/base/wheel.h"

#include <limits.h>
#include <stdlib.h>

#define DIGIT_BITS 6
#define SLOTS (1 << DIGIT_BITS)
#define LEVELS 11
/* Two lists beyond the slots: due at the next run, and being fired now. */
#define DUE (LEVELS * SLOTS)
#define FIRING (DUE + 1)
#define HEADS (FIRING + 1)

struct wheel {
	uint64_t now_ms;
	uint64_t occupied[LEVELS]; /* bit: the slot has a timer */
	uint32_t levels;	   /* bit: the level has a timer */
	struct list heads[HEADS];
};

struct wheel *wheel_new(uint64_t now_ms)
{
	struct wheel *w = xcalloc(1, sizeof(*w));

	w->now_ms = now_ms;
	for (size_t i = 0; i < HEADS; i++)
		list_init(&w->heads[i]);
	return w;
}

void wheel_free(struct wheel *w)
{
	if (!w)
		return;
	/* A later timer_cancel() of its owner must not reach into free memory.
	 */
	for (size_t i = 0; i < HEADS; i++) {
		LIST_FOREACH (it, &w->heads[i])
			list_init(it);
	}
	free(w);
}

void timer_init(struct timer *t, timer_fn *fire)
{
	*t = (struct timer){.fire = fire};
	list_init(&t->link);
}

/* Files `t`, which is in no list, by its deadline. */
static void place(struct wheel *w, struct timer *t)
{
	unsigned level;
	unsigned slot;

	if (t->deadline_ms <= w->now_ms) {
		list_append(&w->heads[DUE], &t->link);
		return;
	}
	level = (63U - (unsigned)__builtin_clzll(t->deadline_ms ^ w->now_ms)) /
		DIGIT_BITS;
	slot = (t->deadline_ms >> (level * DIGIT_BITS)) & (SLOTS - 1);
	list_append(&w->heads[level * SLOTS + slot], &t->link);
	w->occupied[level] |= (uint64_t)1 << slot;
	w->levels |= (uint32_t)1 << level;
}

static void mark_empty(struct wheel *w, size_t head)
{
	size_t level = head / SLOTS;

	if (head >= DUE)
		return;
	w->occupied[level] &= ~((uint64_t)1 << (head % SLOTS));
	if (w->occupied[level] == 0)
		w->levels &= ~((uint32_t)1 << level);
}

void timer_arm(struct wheel *w, struct timer *t, uint64_t delay_ms)
{
	timer_cancel(t);
	t->wheel = w;
	t->deadline_ms = delay_ms > UINT64_MAX - w->now_ms
				 ? UINT64_MAX
				 : w->now_ms + delay_ms;
	place(w, t);
}

void timer_cancel(struct timer *t)
{
	struct list *rest = t->link.next;

	if (!list_linked(&t->link))
		return;
	list_remove(&t->link);
	/* What is left is linked to itself only when it is the slot's head. */
	if (list_empty(rest))
		mark_empty(t->wheel, (size_t)(rest - t->wheel->heads));
}

/* The start of the first occupied slot. Needs w->levels != 0. */
static uint64_t next_slot(const struct wheel *w, size_t *head)
{
	unsigned level = (unsigned)__builtin_ctz(w->levels);
	unsigned slot = (unsigned)__builtin_ctzll(w->occupied[level]);
	unsigned shift = level * DIGIT_BITS;
	uint64_t digit = (uint64_t)(SLOTS - 1) << shift;
	uint64_t below = ((uint64_t)1 << shift) - 1;

	*head = (size_t)level * SLOTS + slot;
	return (w->now_ms & ~(digit | below)) | (uint64_t)slot << shift;
}

/* Moves all that lies in one slot, whose time has come, a level or more down.
 */
static void refile(struct wheel *w, size_t head)
{
	struct list timers;

	list_init(&timers);
	list_splice(&timers, &w->heads[head]);
	mark_empty(w, head);
	LIST_FOREACH (it, &timers)
		place(w, list_entry(it, struct timer, link));
}

void wheel_run(struct wheel *w, uint64_t now_ms)
{
	struct list *firing = &w->heads[FIRING];
	size_t head;

	while (w->levels != 0) {
		uint64_t start = next_slot(w, &head);

		if (start > now_ms)
			break;
		w->now_ms = start;
		refile(w, head);
	}
	if (now_ms > w->now_ms)
		w->now_ms = now_ms;
	/* What callbacks arm without delay waits for the next run. */
	list_splice(firing, &w->heads[DUE]);
	while (!list_empty(firing)) {
		struct timer *t = list_entry(firing->next, struct timer, link);

		list_remove(&t->link);
		t->fire(t);
	}
}

bool timer_armed(const struct timer *t)
{
	return list_linked(&t->link);
}

uint64_t wheel_now(const struct wheel *w)
{
	return w->now_ms;
}

int wheel_timeout(const struct wheel *w, uint64_t now_ms)
{
	uint64_t start;
	size_t head;

	if (!list_empty(&w->heads[DUE]) || !list_empty(&w->heads[FIRING]))
		return 0;
	if (w->levels == 0)
		return -1;
	start = next_slot(w, &head);
	if (start <= now_ms)
		return 0;
	return start - now_ms < INT_MAX ? (int)(start - now_ms) : INT_MAX;
}
