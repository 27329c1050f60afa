/* SPDX-License-Identifier: MIT */
#include "bench/load/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "bench/load/field.h"
#include "bench/load/load_rooms.h"
#include "servers/base/check.h"

#define WINDOW 64

/* Life cycle */

void ledger_init(struct ledger *l, size_t subscribers)
{
	*l = (struct ledger){0};
	l->totals.subscribers = subscribers;
	/* One more than asked, so that none is legal. */
	l->subscribers = xcalloc(subscribers + 1, sizeof(*l->subscribers));
	ledger_split(l, 1, 0);
}

void ledger_split(struct ledger *l, uint32_t rooms, uint64_t first)
{
	CHECK(rooms > 0 && l->totals.sent == 0);
	l->rooms = rooms;
	l->first = first;
	free(l->hash_sums);
	l->hash_sums = xcalloc(rooms, sizeof(*l->hash_sums));
}

void ledger_release(struct ledger *l)
{
	free(l->subscribers);
	free(l->hash_sums);
	*l = (struct ledger){0};
}

void ledger_clear(struct ledger *l)
{
	uint64_t n = l->totals.subscribers;

	memset(l->subscribers, 0, n * sizeof(*l->subscribers));
	memset(l->hash_sums, 0, l->rooms * sizeof(*l->hash_sums));
	l->totals = (struct ledger_totals){.subscribers = n};
}

/* Operations */

uint32_t ledger_sent(struct ledger *l, uint64_t hash)
{
	l->hash_sums[l->totals.sent % l->rooms] += hash;
	return (uint32_t)l->totals.sent++;
}

static enum ledger_verdict delivered(struct ledger *l)
{
	l->totals.delivered++;
	return LEDGER_FIRST;
}

/* A number at or past the newest: those it jumps over are missing so far. */
static enum ledger_verdict advance(struct ledger *l,
				   struct ledger_subscriber *s, uint32_t number)
{
	uint32_t step = number - s->next + 1;

	s->seen = step < WINDOW ? s->seen << step | 1 : 1;
	s->missing += step - 1;
	s->next = number + 1;
	return delivered(l);
}

/* A number behind the newest: it closes a hole, or was there before. */
static enum ledger_verdict
look_back(struct ledger *l, struct ledger_subscriber *s, uint32_t number)
{
	uint32_t behind = s->next - 1 - number;
	bool seen = s->missing == 0;

	if (behind < WINDOW) {
		seen = s->seen >> behind & 1;
		s->seen |= (uint64_t)1 << behind;
	}
	if (seen) {
		l->totals.duplicated++;
		return LEDGER_DUPLICATE;
	}
	s->missing--;
	l->totals.reordered++;
	return delivered(l);
}

enum ledger_verdict ledger_receipt(struct ledger *l, size_t subscriber,
				   uint32_t number, uint64_t hash)
{
	struct ledger_subscriber *s;
	uint64_t name = l->first + subscriber;

	CHECK(subscriber < l->totals.subscribers);
	if (number >= l->totals.sent ||
	    (l->rooms > 1 && number % l->rooms != name % l->rooms)) {
		l->totals.stray++;
		return LEDGER_STRAY;
	}
	s = &l->subscribers[subscriber];
	l->totals.digest += (2 * name + 1) * hash;
	/* In its room the subscriber's own numbers have no holes. */
	number /= l->rooms;
	if (number >= s->next)
		return advance(l, s, number);
	return look_back(l, s, number);
}

void ledger_corrupt(struct ledger *l)
{
	l->totals.corrupt++;
}

void ledger_stray(struct ledger *l)
{
	l->totals.stray++;
}

void ledger_settle(struct ledger *l)
{
	struct ledger_totals *t = &l->totals;

	t->lost = 0;
	t->expected = 0;
	for (uint32_t k = 0; k < l->rooms; k++) {
		uint64_t end = l->first + t->subscribers;

		t->lost += rooms_share(t->sent, l->rooms, k) *
			   rooms_part(l->first, t->subscribers, l->rooms, k);
		t->expected += (rooms_odd_sum(end, l->rooms, k) -
				rooms_odd_sum(l->first, l->rooms, k)) *
			       l->hash_sums[k];
	}
	t->lost -= t->delivered;
}

void ledger_merge(struct ledger_totals *into, const struct ledger_totals *from)
{
	into->subscribers += from->subscribers;
	into->sent += from->sent;
	into->delivered += from->delivered;
	into->lost += from->lost;
	into->duplicated += from->duplicated;
	into->reordered += from->reordered;
	into->corrupt += from->corrupt;
	into->stray += from->stray;
	into->digest += from->digest;
	into->expected += from->expected;
}

void ledger_join(struct ledger_totals *into, const struct ledger_totals *from)
{
	uint64_t sent = into->sent;

	ledger_merge(into, from);
	into->sent = sent > from->sent ? sent : from->sent;
}

/* Queries */

bool ledger_balanced(const struct ledger_totals *t)
{
	return t->lost == 0 && t->duplicated == 0 && t->reordered == 0 &&
	       t->corrupt == 0 && t->stray == 0 && t->digest == t->expected;
}

/* JSON */

static const struct field fields[] = {
	FIELD_U64("subscribers", struct ledger_totals, subscribers),
	FIELD_U64("sent", struct ledger_totals, sent),
	FIELD_U64("delivered", struct ledger_totals, delivered),
	FIELD_U64("lost", struct ledger_totals, lost),
	FIELD_U64("duplicated", struct ledger_totals, duplicated),
	FIELD_U64("reordered", struct ledger_totals, reordered),
	FIELD_U64("corrupt", struct ledger_totals, corrupt),
	FIELD_U64("stray", struct ledger_totals, stray),
	FIELD_HEX("digest", struct ledger_totals, digest),
	FIELD_HEX("expected", struct ledger_totals, expected),
	FIELD_END,
};

struct cJSON *ledger_to_json(const struct ledger_totals *t)
{
	return field_to_json(fields, t);
}

enum err ledger_from_json(struct ledger_totals *t, const struct cJSON *json)
{
	return field_from_json(fields, t, json);
}
