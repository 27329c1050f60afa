/* SPDX-License-Identifier: MIT */
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench/load/drive_internal.h"
#include "bench/load/payload.h"
#include "servers/base/check.h"

/* False when no more messages can be numbered. */
static bool send_one(struct drive *d, uint64_t intended_ns, bool ask)
{
	struct payload p = {
		.run = d->plan->run,
		.number = (uint32_t)d->result->messages,
		.intended_ns = intended_ns,
	};
	struct slice data = slice_of(d->payload, d->payload_size);
	uint64_t hash, digest;

	payload_write(d->payload, d->payload_size, &p);
	hash = payload_hash(data);
	digest = payload_digest(data, p.number);
	if (receipts_sent(&d->receipts, intended_ns, d->sent_ns, hash) !=
	    ERR_OK)
		return false;
	(void)ledger_sent(&d->ledger, digest);
	drive_announce(d, intended_ns, hash, digest);
	d->result->messages++;
	d->heard++;
	group_publish(d->group, p.number, data,
		      ask ? (uint64_t)p.number + 1 : 0);
	return true;
}

static bool may_send(const struct drive *d, uint64_t intended_ns)
{
	return intended_ns < d->end_ns &&
	       (d->plan->messages == 0 ||
		d->result->messages < d->plan->messages);
}

void drive_send_burst(struct drive *d)
{
	uint32_t window = d->plan->window ? d->plan->window : 1;

	d->sent_ns = drive_now(d);
	if (!may_send(d, d->sent_ns)) {
		d->state = DRIVE_DONE;
		return;
	}
	while (window-- > 0 && may_send(d, d->sent_ns)) {
		if (!send_one(d, d->sent_ns, false)) {
			d->state = DRIVE_DRAINING;
			break;
		}
	}
	d->burst_end = d->result->messages;
}

void drive_send_request(struct drive *d)
{
	d->sent_ns = drive_now(d);
	if (!may_send(d, d->sent_ns) || !send_one(d, d->sent_ns, true))
		d->state = DRIVE_DRAINING;
}

static void arm_timer(struct drive *d)
{
	uint64_t due = pace_next(&d->pace);
	struct itimerspec at = {
		.it_value = {.tv_sec = (time_t)(due / 1000000000),
			     .tv_nsec = (long)(due % 1000000000)},
	};

	(void)timerfd_settime(d->timer.fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void drive_send_due(struct drive *d)
{
	uint64_t intended, sent = d->result->messages;
	bool more = true;

	if (d->plan->kind != LOAD_OPEN || d->state != DRIVE_SENDING ||
	    !drive_leads(d))
		return;
	d->sent_ns = drive_now(d);
	while (more && may_send(d, pace_next(&d->pace)) &&
	       pace_take(&d->pace, d->sent_ns, &intended)) {
		if (!group_can_publish(d->group)) {
			d->result->unsent++;
			continue;
		}
		hist_record(&d->result->lag, d->sent_ns - intended);
		more = send_one(d, intended, false);
	}
	if (d->result->messages != sent)
		group_flush(d->group);
	if (!more || !may_send(d, pace_next(&d->pace)))
		d->state = DRIVE_DRAINING;
	else
		arm_timer(d);
}

void drive_on_timer(struct loop_fd *f, uint32_t events)
{
	struct drive *d = container_of(f, struct drive, timer);
	uint64_t times;

	(void)events;
	(void)!read(f->fd, &times, sizeof(times));
	drive_send_due(d);
}
