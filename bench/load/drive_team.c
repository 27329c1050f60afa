/* SPDX-License-Identifier: MIT */
/*
 * A slice that several workers share: the leader sends and knows when all
 * have all of it, the others learn from the board what was sent, how the slice
 * started and that it is over.
 */
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/load/drive_internal.h"
#include "bench/load/load_rooms.h"

#define STEP_MS 100 /* to see that it is cut short */

static void on_wake(struct loop_fd *f, uint32_t events)
{
	uint64_t times;

	(void)events;
	/* What is new is looked for after each tick. */
	(void)!read(f->fd, &times, sizeof(times));
}

enum err drive_join(struct drive *d)
{
	const struct group_env *env = d->group->env;
	struct board *b = env->board;

	trail_init(&d->trail, NULL, 0);
	d->wake.fd = -1;
	if (!b)
		return ERR_OK;
	if (loop_add(d->loop, &d->wake, b->wake[env->seat], EPOLLIN, on_wake) !=
	    ERR_OK)
		return ERR_IO;
	d->board = b;
	d->seat = env->seat;
	trail_init(&d->trail, b->trails[d->seat], BOARD_TRAIL);
	return ERR_OK;
}

bool drive_abandoned(const struct drive *d)
{
	return d->board && atomic_load(&d->board->abandoned);
}

uint64_t drive_gather(struct drive *d)
{
	uint64_t start = 0;

	if (!d->board)
		return drive_now(d);
	board_ready(d->board, d->seat);
	while (start == 0) {
		if (drive_abandoned(d) || d->group->env->cut ||
		    loop_tick(d->loop, STEP_MS) != ERR_OK)
			return 0;
		/* All listen by now, so that nothing is lost if one is late. */
		if (drive_leads(d) && board_all_ready(d->board))
			board_begin(d->board, drive_now(d));
		start = atomic_load(&d->board->start_ns);
	}
	return start;
}

static void take_over(struct drive *d, const struct board_message *m)
{
	/* The board has no more of them than receipts can hold. */
	if (receipts_sent(&d->receipts, m->intended_ns, m->sent_ns, m->hash) !=
	    ERR_OK)
		return;
	(void)ledger_sent(&d->ledger, m->digest);
	d->result->messages++;
}

void drive_follow(struct drive *d)
{
	bool over;
	uint64_t sent;

	if (drive_leads(d))
		return;
	/* In this order: what is over has a number of messages that stays. */
	over = atomic_load(&d->board->over);
	sent = atomic_load(&d->board->sent);
	while (d->receipts.count < sent && d->receipts.count < RECEIPTS_MAX)
		take_over(d, &d->board->messages[d->receipts.count]);
	if (over && d->state == DRIVE_SENDING) {
		d->state = DRIVE_DRAINING;
		d->progress_ns = drive_now(d);
	}
}

void drive_tell(struct drive *d, uint64_t now)
{
	uint64_t own = d->ledger.totals.delivered, all;

	if (!d->board)
		return;
	drive_follow(d);
	if (own != d->told)
		board_received(d->board, d->seat, own,
			       d->receipts.completed == d->receipts.count,
			       d->plan->kind == LOAD_CLOSED);
	d->told = own;
	if (!drive_leads(d))
		return;
	if (d->state != DRIVE_SENDING && !atomic_load(&d->board->over))
		board_end(d->board);
	all = board_receipts(d->board);
	if (all != d->progress)
		d->progress_ns = now;
	d->progress = all;
}

void drive_announce(struct drive *d, uint64_t intended_ns, uint64_t hash,
		    uint64_t digest)
{
	const struct load_target *t = &d->group->target;
	const struct board_message m = {
		.intended_ns = intended_ns,
		.sent_ns = d->sent_ns,
		.hash = hash,
		.digest = digest,
	};

	if (!d->board)
		return;
	d->owed += rooms_share(
		t->whole, d->group->room_count,
		(uint32_t)(d->result->messages % d->group->room_count));
	board_publish(d->board, &m);
}

void drive_leave(struct drive *d)
{
	if (!d->board)
		return;
	drive_follow(d);
	if (!trail_settle(&d->trail))
		drive_give_up(d, DRIVE_TRAIL_FULL);
	atomic_store(&d->board->seats[d->seat].trail, d->trail.length);
}

bool drive_team_has_all(const struct drive *d)
{
	if (!d->board)
		return true;
	if (drive_leads(d))
		return d->progress >= d->owed;
	return d->state != DRIVE_SENDING;
}
