/* SPDX-License-Identifier: MIT */
#include "bench/load/merge.h"

#include <stdio.h>

#include "bench/load/board.h"
#include "bench/load/trail.h"
#include "servers/base/check.h"

/* Who failed first, when there are several to blame. */
static void name_failure(char into[LOAD_TEXT], const char *why, uint32_t part,
			 uint32_t parts)
{
	if (into[0] == '\0' && why[0] != '\0')
		(void)snprintf(into, LOAD_TEXT, "worker %u of %u: %.*s",
			       part + 1, parts, LOAD_TEXT - 40, why);
}

void merge_connected(struct load_connected *into,
		     const struct load_connected *parts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct load_connected *p = &parts[i];

		into->open += p->open;
		if (i == 0 || p->start_ns < into->start_ns)
			into->start_ns = p->start_ns;
		if (p->end_ns > into->end_ns)
			into->end_ns = p->end_ns;
		into->bytes_in += p->bytes_in;
		into->bytes_out += p->bytes_out;
		into->cpu_ns += p->cpu_ns;
		hist_merge(&into->setup, &p->setup);
		name_failure(into->error, p->error, i, count);
	}
}

/* Receipts */

struct replay {
	struct trail_reader readers[BOARD_SEATS];
	bool more[BOARD_SEATS];
	uint32_t count;
};

static void open_trails(struct replay *r, const struct board *b)
{
	r->count = b->seat_count;
	for (uint32_t i = 0; i < r->count; i++) {
		uint64_t length = atomic_load(&b->seats[i].trail);

		if (length > BOARD_TRAIL)
			length = 0;
		trail_read(&r->readers[i], b->trails[i], length);
		r->more[i] = trail_next(&r->readers[i]);
	}
}

/* The trail whose next entry is the oldest, or NULL. */
static struct trail_reader *oldest(struct replay *r, uint32_t *whose)
{
	struct trail_reader *found = NULL;

	for (uint32_t i = 0; i < r->count; i++) {
		struct trail_reader *t = &r->readers[i];

		if (!r->more[i] ||
		    (found && found->entry.at_ns <= t->entry.at_ns))
			continue;
		found = t;
		*whose = i;
	}
	return found;
}

/* How many receipts there were; UINT64_MAX when the trails are broken. */
static uint64_t replay(struct receipts *into, const struct board *b)
{
	struct replay r;
	struct trail_reader *t;
	uint64_t sum = 0;
	uint32_t whose = 0;

	open_trails(&r, b);
	while ((t = oldest(&r, &whose)) != NULL) {
		if (t->entry.number >= into->count)
			return UINT64_MAX;
		for (uint32_t i = 0; i < t->entry.count; i++)
			(void)receipts_add(into, t->entry.number,
					   t->entry.at_ns);
		sum += t->entry.count;
		r.more[whose] = trail_next(t);
	}
	for (uint32_t i = 0; i < r.count; i++) {
		if (r.readers[i].broken)
			return UINT64_MAX;
	}
	return sum;
}

static void take_receipts(struct load_result *into, struct receipts *r)
{
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		hist_copy(&into->from_intended[i], &r->from_intended[i]);
		if (into->kind == LOAD_OPEN)
			hist_copy(&into->from_sent[i], &r->from_sent[i]);
	}
	if (into->kind != LOAD_RTT)
		into->completed = r->completed;
}

/* False when the trails do not tell what the ledgers do. */
static bool merge_receipts(struct load_result *into, const struct merge *m)
{
	const struct board *b = m->board;
	uint64_t sent = atomic_load(&b->sent);
	struct receipts all;
	bool fit = sent == into->messages && sent <= RECEIPTS_MAX;

	receipts_init(&all, m->subscribers);
	receipts_split(&all, m->rooms > 1 ? m->rooms : 1, 0);
	for (uint64_t i = 0; i < sent && fit; i++) {
		const struct board_message *msg = &b->messages[i];

		fit = receipts_sent(&all, msg->intended_ns, msg->sent_ns,
				    msg->hash) == ERR_OK;
	}
	fit = fit && replay(&all, b) == into->ledger.delivered;
	receipts_settle(&all);
	if (fit)
		take_receipts(into, &all);
	receipts_release(&all);
	return fit;
}

/* Sums */

static void add_part(struct load_result *into, const struct load_result *p)
{
	into->deliveries += p->deliveries;
	into->bytes_in += p->bytes_in;
	into->bytes_out += p->bytes_out;
	into->publisher_bytes_in += p->publisher_bytes_in;
	into->publisher_bytes_out += p->publisher_bytes_out;
	into->http_in += p->http_in;
	into->http_out += p->http_out;
	into->segments_in += p->segments_in;
	into->segments_out += p->segments_out;
	into->cpu_ns += p->cpu_ns;
	into->user_ns += p->user_ns;
	into->system_ns += p->system_ns;
	into->switches_voluntary += p->switches_voluntary;
	into->switches_involuntary += p->switches_involuntary;
	into->open += p->open;
	into->closed += p->closed;
	into->failed_acks += p->failed_acks;
	into->lost += p->lost;
	into->reopened += p->reopened;
	into->gaps += p->gaps;
	into->unsent += p->unsent;
	into->visits += p->visits;
	into->stuck_open += p->stuck_open;
	into->stuck_bytes += p->stuck_bytes;
	into->timed_out = into->timed_out || p->timed_out;
	if (p->end_ns > into->end_ns)
		into->end_ns = p->end_ns;
	ledger_join(&into->ledger, &p->ledger);
	hist_merge(&into->away, &p->away);
	hist_merge(&into->ack, &p->ack);
	hist_merge(&into->lag, &p->lag);
	hist_merge(&into->kernel, &p->kernel);
	hist_merge(&into->client_lag, &p->client_lag);
}

/*
 * The share of the busiest core, as that one limits. Workers that are not
 * pinned may each have one.
 */
static double busiest(const struct load_result *parts, const struct merge *m)
{
	double most = 0;

	for (uint32_t i = 0; i < m->parts; i++) {
		double sum = parts[i].busy;

		for (uint32_t k = 0; k < m->parts; k++) {
			if (k != i && m->cpus[i] >= 0 &&
			    m->cpus[k] == m->cpus[i])
				sum += parts[k].busy;
		}
		if (sum > most)
			most = sum;
	}
	return most;
}

void merge_results(struct load_result *into, const struct load_result *parts,
		   const struct merge *m)
{
	bool fit = true;

	CHECK(m->parts > 0 && m->parts == m->board->seat_count);
	into->group = parts[0].group;
	into->kind = parts[0].kind;
	into->start_ns = parts[0].start_ns;
	into->first_ns = parts[0].first_ns;
	into->messages = parts[0].messages;
	into->completed = parts[0].completed;
	for (uint32_t i = 0; i < m->parts; i++) {
		add_part(into, &parts[i]);
		name_failure(into->error, parts[i].error, i, m->parts);
		fit = fit && parts[i].messages == into->messages;
	}
	into->busy = busiest(parts, m);
	/* What a failure left behind need not fit. */
	if (into->error[0] != '\0')
		return;
	if (!merge_receipts(into, m) || !fit)
		(void)snprintf(into->error, sizeof(into->error),
			       "what the load workers tell does not fit "
			       "together");
}
