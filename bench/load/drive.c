/* SPDX-License-Identifier: MIT */
#include "bench/load/drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench/load/drive_internal.h"
#include "bench/load/payload.h"
#include "clients/env.h"
#include "servers/base/check.h"

#define DEFAULT_DRAIN_NS ((uint64_t)5 * 1000000000)
#define QUIET_NS ((uint64_t)2000000)   /* nothing came for so long: over */
#define LINGER_NS ((uint64_t)50000000) /* but wait no longer than this */
#define WAIT_MAX_MS 1000

/* Progress */

/* Raw groups: whether each sink has as many bytes as the reference. */
static bool sinks_caught_up(const struct drive *d)
{
	const struct client *reference = d->group->members[0].client;
	uint64_t each, all;

	if (!d->group->sinks)
		return true;
	each = reference->counts.bytes_in - d->bytes.reference_in;
	all = d->bytes.in - d->bytes.publisher_in - d->bytes.reference_in;
	all = sinks_bytes_in(d->group->sinks) - all;
	return all >= each * (d->group->target.subscribers - 1);
}

static bool all_received(const struct drive *d)
{
	if (d->plan->kind == LOAD_RTT && drive_leads(d) &&
	    d->result->completed < d->result->messages)
		return false;
	if (!drive_team_has_all(d))
		return false;
	if (d->receipts.subscribers > 0 &&
	    d->receipts.completed < d->result->messages)
		return false;
	return sinks_caught_up(d);
}

/* Whoever was lost is a member again, as far as it comes back at all. */
static bool all_back(const struct drive *d)
{
	return d->group->reopened >= d->group->lost;
}

static uint64_t newest(const struct drive *d)
{
	uint64_t ns = d->sent_ns;

	if (d->receipts.last_ns > ns)
		ns = d->receipts.last_ns;
	return d->answer_ns > ns ? d->answer_ns : ns;
}

/* From when on too much time without anything new is too much. */
static uint64_t drain_from(const struct drive *d)
{
	uint64_t ns = newest(d);

	return d->progress_ns > ns ? d->progress_ns : ns;
}

/* Nobody knows yet what there is to wait for: the leader will say. */
static bool waits_for_leader(const struct drive *d)
{
	return !drive_leads(d) && d->state == DRIVE_SENDING;
}

void drive_give_up(struct drive *d, const char *why)
{
	(void)snprintf(d->result->error, sizeof(d->result->error), "%s", why);
	d->state = DRIVE_DONE;
}

/* What ends the slice besides its plan. */
static void watch(struct drive *d, uint64_t now)
{
	if (group_closed(d->group) > 0)
		drive_give_up(d, group_error(d->group));
	if (d->group->env->cut) {
		if (now < d->end_ns)
			d->end_ns = now;
		if (now < d->over_ns)
			d->over_ns = now;
	}
	if (drive_abandoned(d) ||
	    (d->plan->kind != LOAD_IDLE && now > drain_from(d) + d->drain_ns &&
	     !(d->plan->kind == LOAD_OPEN && d->state == DRIVE_SENDING) &&
	     !waits_for_leader(d))) {
		d->result->timed_out = !all_received(d);
		d->state = DRIVE_DONE;
	}
}

/* After each tick. */
static void advance(struct drive *d, uint64_t now)
{
	drive_send_due(d);
	drive_tell(d, now);
	if (d->plan->kind == LOAD_CLOSED && (d->group->sinks || d->board) &&
	    drive_leads(d) && d->state == DRIVE_SENDING && all_received(d))
		drive_send_burst(d);
	/* A closed loop drains only when it ran out of numbers. */
	if (d->state == DRIVE_DRAINING && now >= d->over_ns &&
	    all_received(d) && all_back(d))
		d->state = DRIVE_DONE;
	if (d->state != DRIVE_DONE)
		watch(d, now);
}

static int wait_ms(const struct drive *d, uint64_t now)
{
	uint64_t until = drain_from(d) + d->drain_ns;
	uint64_t ms;

	if (waits_for_leader(d))
		return WAIT_MAX_MS;
	if (d->plan->kind == LOAD_IDLE ||
	    (d->over_ns > now && d->over_ns < until))
		until = d->over_ns;
	if (until <= now)
		return 0;
	ms = (until - now) / 1000000 + 1;
	return ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)ms;
}

static uint64_t signs(const struct drive *d)
{
	return d->heard +
	       (d->group->sinks ? sinks_bytes_in(d->group->sinks) : 0);
}

static void run_loop(struct drive *d)
{
	uint64_t now = drive_now(d);

	while (d->state != DRIVE_DONE) {
		uint64_t before = now, heard = signs(d);

		if (loop_tick(d->loop, wait_ms(d, now)) != ERR_OK) {
			drive_give_up(d, "the event loop failed");
			return;
		}
		now = drive_now(d);
		if (heard == signs(d))
			d->idle_ns += now - before;
		advance(d, now);
	}
}

/* Begin and end */

static enum err prepare(struct drive *d)
{
	const struct load_plan *p = d->plan;
	int fd;

	if (d->payload_size < PAYLOAD_MIN || d->payload_size > PAYLOAD_MAX ||
	    (p->duration_ns == 0 && p->messages == 0) ||
	    (p->kind == LOAD_OPEN && !(p->rate > 0)) ||
	    (p->kind == LOAD_IDLE && p->duration_ns == 0) ||
	    ((p->kind == LOAD_OPEN || p->kind == LOAD_CLOSED) &&
	     d->group->target.whole == 0))
		return ERR_USAGE;
	d->payload = xmalloc(d->payload_size);
	if (p->kind != LOAD_OPEN || !drive_leads(d))
		return ERR_OK;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	if (loop_add(d->loop, &d->timer, fd, EPOLLIN, drive_on_timer) !=
	    ERR_OK) {
		(void)close(fd);
		return ERR_IO;
	}
	return ERR_OK;
}

/*
 * What there was before: from here on all that comes is of the slice, and so is
 * what came since the one before it, which had no ledger to be in.
 */
static void take_stock(struct drive *d)
{
	loop_spin(d->loop, d->plan->spin);
	group_count_bytes(d->group, &d->bytes);
	d->lost = d->group->lost;
	d->reopened = d->group->reopened;
	d->gaps = d->group->gaps;
	hist_clear(&d->group->away);
	if (d->plan->stamps)
		stamps_start(&d->stamps, d->group->env->clients);
	d->group->env->clients->split = d->plan->split;
	if (d->plan->split)
		sockets_segments(&d->segments);
	late_hand_over(&d->group->late, &d->ledger);
	d->group->listener = &d->listener;
}

static void send_first(struct drive *d)
{
	drive_send_due(d);
	if (d->plan->kind == LOAD_CLOSED)
		drive_send_burst(d);
	if (d->plan->kind == LOAD_RTT)
		drive_send_request(d);
	d->result->first_ns = drive_now(d);
	if (d->plan->kind != LOAD_IDLE)
		group_flush(d->group);
}

static void begin(struct drive *d, uint64_t start)
{
	const struct load_plan *p = d->plan;
	struct pace_options pace = {
		.rate = p->rate,
		.burst = p->burst,
		.poisson = p->poisson,
		.seed = p->seed,
	};

	usage_read(&d->usage);
	d->result->start_ns = start;
	d->sent_ns = start;
	d->end_ns = p->duration_ns ? start + p->duration_ns : UINT64_MAX;
	/* These last as long as they are told to, the others as needed. */
	if (p->duration_ns && (p->kind == LOAD_OPEN || p->kind == LOAD_IDLE))
		d->over_ns = start + p->duration_ns;
	if (p->kind == LOAD_OPEN)
		pace_init(&d->pace, &pace, start);
	if (p->kind == LOAD_IDLE)
		d->state = DRIVE_DRAINING;
	if (drive_leads(d))
		send_first(d);
}

static void take_split(struct drive *d, const struct group_bytes *bytes)
{
	struct load_result *r = d->result;
	struct socket_segments now;

	d->group->env->clients->split = false;
	if (!d->plan->split)
		return;
	sockets_segments(&now);
	/* A connection that closed took its count with it: then none is known.
	 */
	if (now.in >= d->segments.in && now.out >= d->segments.out) {
		r->segments_in = now.in - d->segments.in;
		r->segments_out = now.out - d->segments.out;
	}
	r->http_in = bytes->http_in - d->bytes.http_in;
	r->http_out = bytes->http_out - d->bytes.http_out;
}

static void measure(struct drive *d)
{
	struct load_result *r = d->result;
	struct group_bytes bytes;
	struct usage usage;
	uint64_t wall, now = drive_now(d);

	usage_read(&usage);
	stamps_stop(&d->stamps);
	group_count_bytes(d->group, &bytes);
	r->end_ns = newest(d);
	/* Sinks do not tell the time of their last byte. */
	if (d->group->sinks || d->over_ns > r->end_ns)
		r->end_ns = now;
	wall = now - r->start_ns;
	r->bytes_in = bytes.in - d->bytes.in;
	r->bytes_out = bytes.out - d->bytes.out;
	r->publisher_bytes_in = bytes.publisher_in - d->bytes.publisher_in;
	r->publisher_bytes_out = bytes.publisher_out - d->bytes.publisher_out;
	take_split(d, &bytes);
	r->cpu_ns = usage.cpu_ns - d->usage.cpu_ns;
	r->user_ns = usage.user_ns - d->usage.user_ns;
	r->system_ns = usage.system_ns - d->usage.system_ns;
	r->switches_voluntary =
		usage.switches_voluntary - d->usage.switches_voluntary;
	r->switches_involuntary =
		usage.switches_involuntary - d->usage.switches_involuntary;
	r->busy = (double)r->cpu_ns / (double)(wall ? wall : 1);
	if (d->plan->spin)
		r->busy = 1 - (double)d->idle_ns / (double)(wall ? wall : 1);
}

/* What comes twice or too late shows in the ledger; not in the figures. */
static void linger(struct drive *d)
{
	uint64_t start = drive_now(d), quiet = start, now = start;
	uint64_t heard = d->heard;

	loop_spin(d->loop, false);
	while (now < start + LINGER_NS && now < quiet + QUIET_NS) {
		if (loop_tick(d->loop, 1) != ERR_OK)
			return;
		now = drive_now(d);
		if (d->heard != heard)
			quiet = now;
		heard = d->heard;
	}
}

static void conclude(struct drive *d)
{
	struct load_result *r = d->result;
	uint32_t each = d->group->sinks ? d->group->target.subscribers : 1;

	drive_leave(d);
	ledger_settle(&d->ledger);
	receipts_settle(&d->receipts);
	r->ledger = d->ledger.totals;
	if (d->plan->kind != LOAD_IDLE)
		late_ended(&d->group->late, d->plan->run, r->ledger.lost);
	r->deliveries = r->ledger.delivered * each;
	r->open = group_open(d->group);
	r->closed = group_closed(d->group);
	r->lost = d->group->lost - d->lost;
	r->reopened = d->group->reopened - d->reopened;
	r->gaps = d->group->gaps - d->gaps;
	hist_copy(&r->away, &d->group->away);
	if (d->plan->kind != LOAD_RTT || !drive_leads(d))
		r->completed = d->receipts.completed;
	if (d->group->sinks)
		return;
	hist_copy(&r->kernel, &d->stamps.kernel);
	hist_copy(&r->client_lag, &d->stamps.lag);
	for (int i = 0; i < RECEIPTS_KINDS; i++) {
		hist_copy(&r->from_intended[i], &d->receipts.from_intended[i]);
		if (d->plan->kind == LOAD_OPEN)
			hist_copy(&r->from_sent[i], &d->receipts.from_sent[i]);
	}
}

static void clean_up(struct drive *d)
{
	int fd = d->timer.fd;

	if (d->wake.fd >= 0)
		loop_remove(d->loop, &d->wake);
	if (fd >= 0) {
		loop_remove(d->loop, &d->timer);
		(void)close(fd);
	}
	ledger_release(&d->ledger);
	receipts_release(&d->receipts);
	stamps_release(&d->stamps);
	free(d->payload);
	free(d);
}

static void run_slice(struct drive *d)
{
	uint64_t start;

	take_stock(d);
	start = drive_gather(d);
	if (start == 0) {
		drive_give_up(d, DRIVE_NO_START);
	} else {
		begin(d, start);
		run_loop(d);
		/* Also of one that gave up, the others learn that it ended. */
		drive_tell(d, drive_now(d));
		measure(d);
		linger(d);
		conclude(d);
	}
	d->group->listener = NULL;
}

void drive_run(struct group *g, const struct load_plan *plan,
	       struct load_result *result)
{
	struct drive *d = xcalloc(1, sizeof(*d));

	d->listener =
		(struct group_listener){drive_on_message, drive_on_answer};
	d->group = g;
	d->plan = plan;
	d->result = result;
	d->loop = g->env->loop;
	d->timer.fd = -1;
	d->payload_size = plan->payload ? plan->payload : PAYLOAD_DEFAULT;
	d->drain_ns = plan->drain_ns ? plan->drain_ns : DEFAULT_DRAIN_NS;
	result->group = plan->group;
	result->kind = plan->kind;
	ledger_init(&d->ledger, g->member_count);
	receipts_init(&d->receipts, g->member_count);
	stamps_init(&d->stamps);
	ledger_split(&d->ledger, g->room_count, g->target.first);
	receipts_split(&d->receipts, g->room_count, g->target.first);
	if (drive_join(d) != ERR_OK || prepare(d) != ERR_OK)
		drive_give_up(d, "the plan cannot be run");
	else
		run_slice(d);
	clean_up(d);
}
