/* SPDX-License-Identifier: MIT */
#include "bench/load/ledger.h"

#include <inttypes.h>
#include <stdio.h>
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
	if (number >= l->totals.sent) {
		l->totals.stray++;
		return LEDGER_STRAY;
	}
	if (l->rooms > 1 && number % l->rooms != name % l->rooms) {
		l->totals.stray++;
		l->totals.other_room++;
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

void ledger_duplicate(struct ledger *l)
{
	l->totals.duplicated++;
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
	into->other_room += from->other_room;
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

/* "12,345" */
static void group_digits(uint64_t n, char into[32])
{
	char digits[24];
	size_t length, at = 0;

	length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n);
	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			into[at++] = ',';
		into[at++] = digits[i];
	}
	into[at] = '\0';
}

void ledger_describe(const struct ledger_totals *t, char *into, size_t size)
{
	const struct {
		const char *name;
		uint64_t count;
	} kinds[] = {
		{"corrupt", t->corrupt},
		{"duplicated", t->duplicated},
		{"from another room", t->other_room},
		{"from another slice", t->stray - t->other_room},
		{"reordered", t->reordered},
		{"lost", t->lost},
	};
	uint64_t owed = t->delivered + t->lost;
	char digits[32];
	size_t at = 0;

	CHECK(size > 0);
	into[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && at < size; i++) {
		if (kinds[i].count == 0)
			continue;
		group_digits(kinds[i].count, digits);
		at += (size_t)snprintf(into + at, size - at, "%s%s %s",
				       at ? ", " : "", digits, kinds[i].name);
	}
	group_digits(owed, digits);
	if (at > 0 && at < size && owed > 0)
		(void)snprintf(into + at, size - at, " of %s deliveries",
			       digits);
	else if (at == 0 && t->digest != t->expected)
		(void)snprintf(into, size,
			       "the digest is not that of what was sent");
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
	FIELD_U64("other_room", struct ledger_totals, other_room),
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
