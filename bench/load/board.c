/* SPDX-License-Identifier: MIT */
#include "bench/load/board.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "servers/base/check.h"

/* Life cycle */

static size_t size_of(uint32_t seats)
{
	return sizeof(struct board) + seats * BOARD_TRAIL;
}

enum err board_new(uint32_t seats, struct board **out)
{
	struct board *b;
	bool whole = true;

	CHECK(seats > 0 && seats <= BOARD_SEATS);
	b = mmap(NULL, size_of(seats), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b == MAP_FAILED)
		return ERR_LIMIT;
	b->seat_count = seats;
	for (uint32_t i = 0; i < seats; i++) {
		b->wake[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		whole = whole && b->wake[i] >= 0;
	}
	if (!whole) {
		board_free(b);
		return ERR_LIMIT;
	}
	*out = b;
	return ERR_OK;
}

void board_free(struct board *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < b->seat_count; i++) {
		if (b->wake[i] >= 0)
			(void)close(b->wake[i]);
	}
	(void)munmap(b, size_of(b->seat_count));
}

void board_clear(struct board *b)
{
	uint64_t stale;

	for (uint32_t i = 0; i < b->seat_count; i++) {
		atomic_store(&b->seats[i].received, 0);
		atomic_store(&b->seats[i].trail, 0);
		atomic_store(&b->seats[i].ready, false);
		(void)!read(b->wake[i], &stale, sizeof(stale));
	}
	atomic_store(&b->start_ns, 0);
	atomic_store(&b->sent, 0);
	atomic_store(&b->over, false);
	atomic_store(&b->abandoned, false);
}

/* Operations */

void board_wake(struct board *b, uint32_t seat)
{
	uint64_t one = 1;

	(void)!write(b->wake[seat], &one, sizeof(one));
}

static void wake_all(struct board *b)
{
	for (uint32_t i = 0; i < b->seat_count; i++)
		board_wake(b, i);
}

void board_begin(struct board *b, uint64_t start_ns)
{
	atomic_store(&b->start_ns, start_ns);
	wake_all(b);
}

void board_publish(struct board *b, const struct board_message *m)
{
	uint64_t number = atomic_load(&b->sent);

	CHECK(number < RECEIPTS_MAX);
	b->messages[number] = *m;
	atomic_store(&b->sent, number + 1);
}

void board_end(struct board *b)
{
	atomic_store(&b->over, true);
	wake_all(b);
}

void board_ready(struct board *b, uint32_t seat)
{
	atomic_store(&b->seats[seat].ready, true);
	board_wake(b, BOARD_LEADER);
}

/* Both sides write before they look, so that one of them sees the other. */
void board_received(struct board *b, uint32_t seat, uint64_t count, bool all,
		    bool waits)
{
	atomic_store(&b->seats[seat].received, count);
	if (seat != BOARD_LEADER && all && (waits || atomic_load(&b->over)))
		board_wake(b, BOARD_LEADER);
}

void board_abandon(struct board *b)
{
	atomic_store(&b->abandoned, true);
	wake_all(b);
}

/* Queries */

bool board_all_ready(const struct board *b)
{
	for (uint32_t i = 0; i < b->seat_count; i++) {
		if (!atomic_load(&b->seats[i].ready))
			return false;
	}
	return true;
}

uint64_t board_receipts(const struct board *b)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < b->seat_count; i++)
		sum += atomic_load(&b->seats[i].received);
	return sum;
}
