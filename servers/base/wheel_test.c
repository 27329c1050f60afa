/* SPDX-License-Identifier: MIT */
#include "servers/base/wheel.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>

#include "servers/base/random.h"

/* A timer that counts, and may do something to another one when it fires. */
struct probe {
	struct timer timer;
	struct wheel *wheel;
	int fired;
	uint64_t fired_at;
	struct probe *cancels;
	struct probe *arms;
	uint64_t arms_after;
};

static void probe_fire(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	cr_assert_not(timer_armed(t));
	p->fired++;
	p->fired_at = wheel_now(p->wheel);
	if (p->cancels)
		timer_cancel(&p->cancels->timer);
	if (p->arms)
		timer_arm(p->wheel, &p->arms->timer, p->arms_after);
}

static void probe_init(struct probe *p, struct wheel *w)
{
	*p = (struct probe){.wheel = w};
	timer_init(&p->timer, probe_fire);
}

Test(wheel, fires_at_the_deadline_and_not_before)
{
	static const uint64_t delays[] = {
		1,    63,   64,	   65,	     4095,
		4096, 4097, 25000, 1U << 18, (1U << 18) + 1};

	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		struct wheel *w = wheel_new(1000);
		struct probe p;

		probe_init(&p, w);
		timer_arm(w, &p.timer, delays[i]);
		cr_assert(timer_armed(&p.timer));
		wheel_run(w, 1000 + delays[i] - 1);
		cr_assert_eq(p.fired, 0);
		wheel_run(w, 1000 + delays[i]);
		cr_assert_eq(p.fired, 1);
		cr_assert_not(timer_armed(&p.timer));
		wheel_run(w, 1000 + 2 * delays[i]);
		cr_assert_eq(p.fired, 1);
		wheel_free(w);
	}
}

Test(wheel, a_late_run_fires_all_that_is_due_and_tells_its_time)
{
	struct wheel *w = wheel_new(0);
	struct probe p;

	probe_init(&p, w);
	timer_arm(w, &p.timer, 10);
	wheel_run(w, 1000000);
	cr_assert_eq(p.fired, 1);
	cr_assert_eq(p.fired_at, 1000000);
	cr_assert_eq(wheel_now(w), 1000000);
	wheel_free(w);
}

Test(wheel, no_delay_means_the_next_run)
{
	struct wheel *w = wheel_new(50);
	struct probe p;

	probe_init(&p, w);
	p.arms = &p;
	timer_arm(w, &p.timer, 0);
	cr_assert_eq(wheel_timeout(w, 50), 0);
	wheel_run(w, 50);
	cr_assert_eq(p.fired, 1); /* armed itself again, and waits */
	cr_assert_eq(wheel_timeout(w, 50), 0);
	wheel_run(w, 50);
	cr_assert_eq(p.fired, 2);
	timer_cancel(&p.timer);
	cr_assert_eq(wheel_timeout(w, 50), -1);
	wheel_free(w);
}

Test(wheel, arming_again_moves_the_deadline)
{
	struct wheel *w = wheel_new(0);
	struct probe p;

	probe_init(&p, w);
	timer_arm(w, &p.timer, 10);
	timer_arm(w, &p.timer, 5000);
	wheel_run(w, 4999);
	cr_assert_eq(p.fired, 0);
	timer_arm(w, &p.timer, 1);
	wheel_run(w, 5000);
	cr_assert_eq(p.fired, 1);
	wheel_run(w, 100000);
	cr_assert_eq(p.fired, 1);
	wheel_free(w);
}

Test(wheel, cancelling_is_legal_at_any_time)
{
	struct wheel *w = wheel_new(0);
	struct probe p;

	probe_init(&p, w);
	timer_cancel(&p.timer);
	timer_arm(w, &p.timer, 10);
	timer_cancel(&p.timer);
	timer_cancel(&p.timer);
	cr_assert_eq(wheel_timeout(w, 0), -1);
	wheel_run(w, 100);
	cr_assert_eq(p.fired, 0);
	timer_arm(w, &p.timer, 10);
	wheel_free(w);
	timer_cancel(&p.timer);
}

Test(wheel, fires_in_the_order_of_deadlines)
{
	struct wheel *w = wheel_new(7);
	struct probe p[3];

	for (int i = 0; i < 3; i++)
		probe_init(&p[i], w);
	/* Each later one would be cancelled, were it not to fire first. */
	p[0].cancels = &p[1];
	p[1].cancels = &p[2];
	timer_arm(w, &p[0].timer, 9000);
	timer_arm(w, &p[1].timer, 300);
	timer_arm(w, &p[2].timer, 5);
	wheel_run(w, 10000);
	cr_assert_eq(p[0].fired + p[1].fired + p[2].fired, 3);
	wheel_free(w);
}

Test(wheel, a_callback_may_cancel_what_is_due_at_once)
{
	struct wheel *w = wheel_new(0);
	struct probe p[2];

	probe_init(&p[0], w);
	probe_init(&p[1], w);
	p[0].cancels = &p[1];
	p[1].cancels = &p[0];
	timer_arm(w, &p[0].timer, 5);
	timer_arm(w, &p[1].timer, 5);
	wheel_run(w, 5);
	cr_assert_eq(p[0].fired + p[1].fired, 1);
	cr_assert_eq(wheel_timeout(w, 5), -1);
	wheel_free(w);
}

Test(wheel, a_callback_may_arm_another_in_the_past_of_the_run)
{
	struct wheel *w = wheel_new(0);
	struct probe p[2];

	probe_init(&p[0], w);
	probe_init(&p[1], w);
	p[0].arms = &p[1];
	p[0].arms_after = 20;
	timer_arm(w, &p[0].timer, 5);
	wheel_run(w, 100); /* now is 100 for the callback too */
	cr_assert_eq(p[1].timer.deadline_ms, 120);
	wheel_run(w, 119);
	cr_assert_eq(p[1].fired, 0);
	wheel_run(w, 120);
	cr_assert_eq(p[1].fired, 1);
	wheel_free(w);
}

static void free_holder(struct timer *t)
{
	free(container_of(t, struct probe, timer));
}

Test(wheel, a_callback_may_free_its_timer)
{
	struct wheel *w = wheel_new(0);

	for (int i = 0; i < 10; i++) {
		struct probe *p = xcalloc(1, sizeof(*p));

		timer_init(&p->timer, free_holder);
		timer_arm(w, &p->timer, 3);
	}
	wheel_run(w, 3);
	cr_assert_eq(wheel_timeout(w, 3), -1);
	wheel_free(w);
}

Test(wheel, the_farthest_deadline_is_none_too_far)
{
	struct wheel *w = wheel_new(123456789);
	struct probe p;

	probe_init(&p, w);
	timer_arm(w, &p.timer, UINT64_MAX);
	cr_assert_eq(p.timer.deadline_ms, UINT64_MAX);
	cr_assert_eq(wheel_timeout(w, 123456789), INT_MAX);
	wheel_run(w, UINT64_MAX - 1);
	cr_assert_eq(p.fired, 0);
	wheel_run(w, UINT64_MAX);
	cr_assert_eq(p.fired, 1);
	wheel_free(w);
}

Test(wheel, time_does_not_go_back)
{
	struct wheel *w = wheel_new(500);

	wheel_run(w, 400);
	cr_assert_eq(wheel_now(w), 500);
	wheel_free(w);
}

/* Following wheel_timeout() alone, a timer of 25 s costs a few wake-ups. */
Test(wheel, sleeping_by_the_timeout_arrives_on_time_with_few_wakeups)
{
	struct wheel *w = wheel_new(3);
	struct probe p;
	uint64_t now = 3;
	int wakeups = 0;

	probe_init(&p, w);
	timer_arm(w, &p.timer, 25000);
	while (p.fired == 0) {
		int ms = wheel_timeout(w, now);

		cr_assert_gt(ms, 0);
		now += (uint64_t)ms;
		wheel_run(w, now);
		wakeups++;
	}
	cr_assert_eq(now, 25003);
	cr_assert_leq(wakeups, 4);
	wheel_free(w);
}

enum { MODEL_SIZE = 300, MODEL_STEPS = 30000 };

struct model {
	struct wheel *w;
	struct rng r;
	uint64_t now;
	struct probe probes[MODEL_SIZE];
	bool armed[MODEL_SIZE];
	uint64_t deadlines[MODEL_SIZE];
};

/* Small and huge spans are as likely: the bit length is what is even. */
static uint64_t random_span(struct rng *r, unsigned bits)
{
	return rng_next(r) >> (64 - bits + rng_below(r, bits));
}

static uint64_t model_next(const struct model *m)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < MODEL_SIZE; i++) {
		if (m->armed[i] && m->deadlines[i] < next)
			next = m->deadlines[i];
	}
	return next;
}

static void model_arm(struct model *m)
{
	uint64_t i = rng_below(&m->r, MODEL_SIZE);
	uint64_t delay = random_span(&m->r, 30);

	timer_arm(m->w, &m->probes[i].timer, delay);
	m->armed[i] = true;
	m->deadlines[i] = m->now + delay;
}

static void model_cancel(struct model *m)
{
	uint64_t i = rng_below(&m->r, MODEL_SIZE);

	timer_cancel(&m->probes[i].timer);
	m->armed[i] = false;
}

static void model_run(struct model *m)
{
	m->now += random_span(&m->r, 24);
	wheel_run(m->w, m->now);
	for (int i = 0; i < MODEL_SIZE; i++) {
		bool due = m->armed[i] && m->deadlines[i] <= m->now;

		cr_assert_eq(m->probes[i].fired, due ? 1 : 0);
		m->probes[i].fired = 0;
		if (due)
			m->armed[i] = false;
		cr_assert_eq(timer_armed(&m->probes[i].timer), m->armed[i]);
	}
}

static void model_check_timeout(const struct model *m)
{
	int ms = wheel_timeout(m->w, m->now);
	uint64_t next = model_next(m);

	if (next == UINT64_MAX)
		cr_assert_eq(ms, -1);
	else
		cr_assert(ms >= 0 && m->now + (uint64_t)ms <= next);
}

Test(wheel, agrees_with_a_model_over_random_operations)
{
	static struct model m;

	rng_seed(&m.r, 20260131);
	m.now = random_span(&m.r, 50);
	m.w = wheel_new(m.now);
	for (int i = 0; i < MODEL_SIZE; i++)
		probe_init(&m.probes[i], m.w);
	for (int step = 0; step < MODEL_STEPS; step++) {
		uint64_t what = rng_below(&m.r, 10);

		if (what < 6)
			model_arm(&m);
		else if (what < 8)
			model_cancel(&m);
		else
			model_run(&m);
		model_check_timeout(&m);
	}
	wheel_free(m.w);
}
