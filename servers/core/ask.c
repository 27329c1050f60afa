/* SPDX-License-Identifier: MIT */
#include "servers/core/ask.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/hub.h"

static void must(enum err e)
{
	CHECK(e == ERR_OK);
}

static struct slice ask_key(const uint64_t *id)
{
	return slice_of(id, sizeof(*id));
}

/* Life cycle */

void asks_init(struct asks *as)
{
	*as = (struct asks){0};
	map_init(&as->pending);
}

void asks_release(struct asks *as)
{
	CHECK(as->pending.count == 0);
	map_release(&as->pending);
}

void ask_free(struct ask *a)
{
	struct asks *as = &a->hub->asks;

	timer_cancel(&a->timer);
	(void)map_remove(&as->pending, ask_key(&a->id));
	as->awaited -= a->awaited;
	a->asker->asking--;
	buf_release(&a->answers);
	free(a->members);
	free(a);
}

/* Members */

static int ask_by_address(const void *x, const void *y)
{
	const struct ask_member *a = x, *b = y;

	return (a->session > b->session) - (a->session < b->session);
}

static struct ask_member *ask_find(const struct ask *a, const struct session *s)
{
	struct ask_member key = {.session = s};
	struct ask_member *m;

	if (!a->count)
		return NULL;
	m = bsearch(&key, a->members, a->count, sizeof(key), ask_by_address);
	return m && !m->done ? m : NULL;
}

void ask_await(struct hub *h, uint64_t id, const struct room *r,
	       const struct session *except)
{
	struct asks *as = &h->asks;
	struct ask *a = map_get(&as->pending, ask_key(&id));

	if (!a || a->members)
		return;
	a->members = xmalloc((r->count + 1) * sizeof(*a->members));
	for (uint32_t i = 0; i < r->count; i++) {
		struct session *s = r->members[i].session;
		const struct transport *t = s->transport;

		if (s == except)
			continue;
		if (t->kicked || t->closing || as->awaited >= ASK_AWAITED_MAX) {
			a->missing++;
			continue;
		}
		a->members[a->count++] = (struct ask_member){.session = s};
		a->awaited++;
		as->awaited++;
	}
	qsort(a->members, a->count, sizeof(*a->members), ask_by_address);
}

static void ask_settle(struct ask *a, struct ask_member *m)
{
	m->done = true;
	a->awaited--;
	a->hub->asks.awaited--;
}

/* Answering the publisher */

static void ask_finish(struct ask *a, struct reply *reply)
{
	struct buf json;

	buf_init(&json, BUF_UNLIMITED);
	must(buf_add_str(&json, "{\"seq\":"));
	must(buf_add_u64(&json, a->seq));
	must(buf_add_str(&json, ",\"acks\":["));
	must(buf_add_slice(&json, buf_slice(&a->answers)));
	must(buf_add_str(&json, "],\"missing\":"));
	must(buf_add_u64(&json, a->missing + a->awaited));
	must(buf_add_char(&json, '}'));
	ask_free(a);
	reply_send(reply, ERR_OK, buf_slice(&json));
	buf_release(&json);
}

static void ask_overdue(struct timer *t)
{
	struct ask *a = container_of(t, struct ask, timer);

	ask_finish(a, a->reply);
}

enum err ask_new(struct session *s, uint64_t timeout_ms, struct ask **out)
{
	struct hub *h = s->nsp->hub;
	struct asks *as = &h->asks;
	struct ask *a;

	if (timeout_ms > ASK_TIMEOUT_MAX_MS)
		return ERR_USAGE;
	if (as->pending.count >= ASK_PENDING_MAX ||
	    s->asking >= ASK_PER_SESSION_MAX || as->awaited >= ASK_AWAITED_MAX)
		return ERR_LIMIT;
	a = xcalloc(1, sizeof(*a));
	a->hub = h;
	timer_init(&a->timer, ask_overdue);
	a->asker = s;
	a->timeout_ms = timeout_ms;
	a->id = ++as->last_id;
	/* The answer has to fit the publisher's queue, twice (see msg_cost). */
	buf_init(&a->answers, h->options.queue.bytes / 4 + 1);
	s->asking++;
	(void)map_put(&as->pending, ask_key(&a->id), a);
	*out = a;
	return ERR_OK;
}

void ask_start(struct ask *a, uint64_t seq, struct reply *reply)
{
	a->seq = seq;
	if (a->awaited == 0) {
		ask_finish(a, reply);
		return;
	}
	a->reply = reply_defer(reply);
	if (!a->reply) {
		ask_free(a);
		return;
	}
	timer_arm(loop_wheel(a->hub->loop), &a->timer, a->timeout_ms);
}

bool ask_answer(const struct session *s, uint64_t id, struct slice value)
{
	struct asks *as = &s->nsp->hub->asks;
	struct ask *a = map_get(&as->pending, ask_key(&id));
	struct ask_member *m = a ? ask_find(a, s) : NULL;
	size_t start;

	if (!m)
		return id > 0 && id <= as->last_id;
	ask_settle(a, m);
	start = a->answers.len;
	if ((start && buf_add_char(&a->answers, ',') != ERR_OK) ||
	    buf_add_slice(&a->answers, value) != ERR_OK) {
		a->answers.len = start;
		a->missing++;
	}
	if (a->awaited == 0 && a->reply)
		ask_finish(a, a->reply);
	return true;
}

/* One step of ask_session_ends(); false when nothing concerns s any more. */
static bool ask_settle_one(struct session *s)
{
	struct ask *a;
	size_t cursor = 0;

	while ((a = map_next(&s->nsp->hub->asks.pending, &cursor))) {
		struct ask_member *m = ask_find(a, s);

		if (m) {
			ask_settle(a, m);
			a->missing++;
		}
		if (a->asker == s && a->reply) {
			struct reply *reply = a->reply;

			ask_free(a);
			reply_send(reply, ERR_CLOSED, SLICE("disconnected"));
			return true;
		}
		if (m && a->awaited == 0 && a->reply) {
			ask_finish(a, a->reply);
			return true;
		}
	}
	return false;
}

void ask_session_ends(struct session *s)
{
	/* Whoever settles one changes the map: the walk starts again. */
	while (s->nsp->hub->asks.pending.count && ask_settle_one(s))
		continue;
}
