/* SPDX-License-Identifier: MIT */
#include "bench/load/trail.h"

#include "servers/base/check.h"

#define ENTRY_MAX 25 /* bytes: a step of 33 bits, a time of 64, a count */
#define MORE 0x80u

/* Life cycle */

void trail_init(struct trail *t, uint8_t *bytes, size_t capacity)
{
	*t = (struct trail){.bytes = bytes, .capacity = capacity};
}

void trail_read(struct trail_reader *r, const uint8_t *bytes, size_t length)
{
	*r = (struct trail_reader){.at = bytes};
	r->end = length > 0 ? bytes + length : bytes;
}

/* Writing */

static void put(struct trail *t, uint64_t value)
{
	while (value >= MORE) {
		t->bytes[t->length++] = (uint8_t)(value | MORE);
		value >>= 7;
	}
	t->bytes[t->length++] = (uint8_t)value;
}

/* Messages may step back: the lowest bit tells. */
static uint64_t step(uint32_t from, uint32_t to)
{
	return to >= from ? (uint64_t)(to - from) << 1
			  : (uint64_t)(from - to) << 1 | 1;
}

bool trail_settle(struct trail *t)
{
	if (t->now.count == 0)
		return true;
	if (t->capacity - t->length < ENTRY_MAX)
		return false;
	CHECK(t->now.at_ns >= t->last.at_ns);
	put(t, step(t->last.number, t->now.number));
	put(t, t->now.at_ns - t->last.at_ns);
	put(t, t->now.count);
	t->last = t->now;
	t->now.count = 0;
	return true;
}

bool trail_add(struct trail *t, uint32_t number, uint64_t at_ns)
{
	struct trail_entry *n = &t->now;

	if (n->count > 0 && n->count < UINT32_MAX && n->number == number &&
	    n->at_ns == at_ns) {
		n->count++;
		return true;
	}
	if (!trail_settle(t))
		return false;
	*n = (struct trail_entry){number, 1, at_ns};
	return true;
}

/* Reading */

static uint64_t get(struct trail_reader *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte;

		if (r->at == r->end)
			break;
		byte = *r->at++;
		value |= (uint64_t)(byte & ~MORE) << shift;
		if (!(byte & MORE))
			return value;
	}
	r->broken = true;
	return 0;
}

bool trail_next(struct trail_reader *r)
{
	uint64_t number = r->entry.number, by, count;

	if (r->at == r->end || r->broken)
		return false;
	by = get(r);
	number = by & 1 ? number - (by >> 1) : number + (by >> 1);
	r->entry.at_ns += get(r);
	count = get(r);
	if (number > UINT32_MAX || count == 0 || count > UINT32_MAX)
		r->broken = true;
	r->entry.number = (uint32_t)number;
	r->entry.count = (uint32_t)count;
	return !r->broken;
}
