/* SPDX-License-Identifier: MIT */
#include "bench/load/drive_internal.h"
#include "bench/load/payload.h"
#include "servers/base/check.h"

#define STAMP_EVERY 16 /* receipts between two readings of the clock */
/* Receiving so many bytes takes longer than reading it. */
#define STAMP_BYTES 65536

static void stamp(struct drive *d)
{
	if (d->payload_size >= STAMP_BYTES) {
		d->now_ns = drive_now(d);
	} else if (d->tick_ns != loop_now_ns(d->loop)) {
		d->tick_ns = loop_now_ns(d->loop);
		d->now_ns = d->tick_ns;
		d->stale = 0;
	} else if (++d->stale == STAMP_EVERY) {
		d->now_ns = drive_now(d);
		d->stale = 0;
		/* A long batch must not hold up what is due. */
		if (d->state == DRIVE_SENDING && d->plan->kind == LOAD_OPEN &&
		    d->now_ns >= pace_next(&d->pace))
			drive_send_due(d);
	}
}

static struct known examine(struct drive *d, const struct client_message *m)
{
	struct known k = {.memo = m->memo, .kind = KNOWN_CORRUPT};
	struct payload p;

	if (!payload_read(m->data, &p))
		return k;
	if (p.run != d->plan->run) {
		k.digest = p.run;
		k.kind = KNOWN_LATE;
		return k;
	}
	k.number = p.number;
	k.kind = KNOWN_STRAY;
	if (p.number >= d->receipts.count)
		drive_follow(d);
	if (p.number >= d->receipts.count)
		return k;
	k.digest = payload_digest(m->data, p.number);
	k.kind = payload_hash(m->data) == d->receipts.messages[p.number].hash
			 ? KNOWN_GOOD
			 : KNOWN_CORRUPT;
	return k;
}

static const struct known *recall(struct drive *d,
				  const struct client_message *m)
{
	struct known *k = &d->known[m->memo & (DRIVE_KNOWN - 1)];

	if (m->memo == 0 || k->memo != m->memo)
		*k = examine(d, m);
	return k;
}

/* All subscribers have one more message. */
static void on_complete(struct drive *d)
{
	if (d->plan->kind == LOAD_CLOSED && !d->group->sinks && !d->board &&
	    d->receipts.completed == d->burst_end && d->state == DRIVE_SENDING)
		drive_send_burst(d);
}

static void on_receipt(struct drive *d, uint32_t number)
{
	stamps_add(&d->stamps, d->receipts.messages[number].intended_ns,
		   d->now_ns);
	if (d->board && !trail_add(&d->trail, number, d->now_ns))
		drive_give_up(d, DRIVE_TRAIL_FULL);
	if (receipts_add(&d->receipts, number, d->now_ns))
		on_complete(d);
}

/* What its own slice lacked was counted there. */
static void on_late(struct drive *d, uint64_t run)
{
	enum late_kind kind = late_receipt(&d->group->late, run);

	if (kind == LATE_DUPLICATE)
		ledger_duplicate(&d->ledger);
	else if (kind == LATE_STRAY)
		ledger_stray(&d->ledger);
}

void drive_on_message(struct group_listener *l, uint32_t subscriber,
		      const struct client_message *m)
{
	struct drive *d = container_of(l, struct drive, listener);
	const struct known *k;

	d->heard++;
	stamp(d);
	k = recall(d, m);
	if (k->kind == KNOWN_STRAY)
		ledger_stray(&d->ledger);
	else if (k->kind == KNOWN_LATE)
		on_late(d, k->digest);
	else if (k->kind == KNOWN_CORRUPT)
		ledger_corrupt(&d->ledger);
	else if (ledger_receipt(&d->ledger, subscriber, k->number, k->digest) ==
		 LEDGER_FIRST)
		on_receipt(d, k->number);
}

void drive_on_answer(struct group_listener *l, uint64_t id, bool ok)
{
	struct drive *d = container_of(l, struct drive, listener);
	uint64_t now = drive_now(d);

	d->heard++;
	if (id == 0 && !ok)
		d->result->failed_acks++;
	if (d->plan->kind != LOAD_RTT || id != d->result->messages ||
	    d->state == DRIVE_DONE)
		return;
	d->answer_ns = now;
	d->result->completed++;
	if (!ok)
		d->result->failed_acks++;
	else
		hist_record(&d->result->ack, now - d->sent_ns);
	if (ok && d->receipts.subscribers == 0)
		stamps_add(&d->stamps, d->sent_ns, now);
	if (d->state == DRIVE_SENDING)
		drive_send_request(d);
}
