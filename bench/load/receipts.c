/* SPDX-License-Identifier: MIT */
#include "bench/load/receipts.h"

#include <stdlib.h>

#include "bench/load/load_rooms.h"
#include "servers/base/check.h"

#define FIRST_CAPACITY 1024

/* Life cycle */

void receipts_init(struct receipts *r, uint32_t subscribers)
{
	*r = (struct receipts){
		.subscribers = subscribers,
		.rooms = 1,
	};
}

void receipts_split(struct receipts *r, uint32_t rooms, uint32_t first)
{
	CHECK(rooms > 0 && r->count == 0);
	r->rooms = rooms;
	r->first = first;
}

void receipts_release(struct receipts *r)
{
	free(r->messages);
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		hist_release(&r->from_intended[i]);
		hist_release(&r->from_sent[i]);
	}
	receipts_init(r, r->subscribers);
}

void receipts_clear(struct receipts *r)
{
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		hist_clear(&r->from_intended[i]);
		hist_clear(&r->from_sent[i]);
	}
	r->count = 0;
	r->completed = 0;
	r->last_ns = 0;
	r->run_count = 0;
}

/* Operations */

/* How many are to get message `number`. */
static uint64_t owed_of(const struct receipts *r, size_t number)
{
	if (r->rooms == 1)
		return r->subscribers;
	return rooms_part(r->first, r->subscribers, r->rooms,
			  (uint32_t)(number % r->rooms));
}

enum err receipts_sent(struct receipts *r, uint64_t intended_ns,
		       uint64_t sent_ns, uint64_t hash)
{
	if (r->count == RECEIPTS_MAX)
		return ERR_LIMIT;
	if (r->count == r->capacity) {
		r->capacity = r->capacity ? r->capacity * 2 : FIRST_CAPACITY;
		r->messages = xrealloc(r->messages,
				       r->capacity * sizeof(*r->messages));
	}
	r->completed += owed_of(r, r->count) == 0;
	r->messages[r->count++] = (struct receipts_message){
		.intended_ns = intended_ns,
		.sent_ns = sent_ns,
		.hash = hash,
	};
	return ERR_OK;
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static void flush_run(struct receipts *r)
{
	hist_record_n(&r->from_intended[RECEIPTS_ALL], r->run_intended,
		      r->run_count);
	hist_record_n(&r->from_sent[RECEIPTS_ALL], r->run_sent, r->run_count);
	r->run_count = 0;
}

/*
 * Neighbouring receipts mostly are the same message at the same reading of
 * the clock: they are counted here and recorded once.
 */
static void count_in_run(struct receipts *r, uint64_t intended, uint64_t sent)
{
	if (r->run_intended != intended || r->run_sent != sent) {
		flush_run(r);
		r->run_intended = intended;
		r->run_sent = sent;
	}
	r->run_count++;
}

static void record(struct receipts *r, const struct receipts_message *m,
		   enum receipts_kind kind, uint64_t at_ns)
{
	hist_record(&r->from_intended[kind], since(at_ns, m->intended_ns));
	hist_record(&r->from_sent[kind], since(at_ns, m->sent_ns));
}

bool receipts_add(struct receipts *r, uint32_t number, uint64_t now_ns)
{
	struct receipts_message *m = &r->messages[number];
	uint64_t owed = owed_of(r, number);

	CHECK(number < r->count);
	r->last_ns = now_ns;
	count_in_run(r, since(now_ns, m->intended_ns),
		     since(now_ns, m->sent_ns));
	if (++m->received == 1)
		m->first_ns = now_ns;
	if (m->received == (owed + 1) / 2)
		m->median_ns = now_ns;
	if (m->received != owed)
		return false;
	record(r, m, RECEIPTS_FIRST, m->first_ns);
	record(r, m, RECEIPTS_MEDIAN, m->median_ns);
	record(r, m, RECEIPTS_LAST, now_ns);
	r->completed++;
	return true;
}

void receipts_settle(struct receipts *r)
{
	flush_run(r);
}
