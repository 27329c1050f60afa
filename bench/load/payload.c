/* SPDX-License-Identifier: MIT */
#include "bench/load/payload.h"

#include <string.h>

#include "servers/base/check.h"

/* Where the fields stand, and what stands between them. */
#define RUN_AT 6
#define RUN_DIGITS 16
#define NUMBER_AT 29
#define NUMBER_DIGITS 8
#define TIME_AT 44
#define TIME_DIGITS 16
#define FILLER_AT 67
#define FRAME                                                                  \
	"{\"r\":\"0123456789abcdef\",\"n\":\"01234567\","                      \
	"\"t\":\"0123456789abcdef\",\"f\":\""
#define ALPHABET                                                               \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define ALPHABET_LENGTH 64

_Static_assert(sizeof(FRAME) - 1 == FILLER_AT, "the frame and its offsets");
_Static_assert(PAYLOAD_MIN == FILLER_AT + 2, "an empty filler and the end");

static void put_hex(char *into, int digits, uint64_t value)
{
	for (int i = digits - 1; i >= 0; i--) {
		into[i] = "0123456789abcdef"[value & 15];
		value >>= 4;
	}
}

static bool get_hex(const char *from, int digits, uint64_t *out)
{
	uint64_t value = 0;

	for (int i = 0; i < digits; i++) {
		unsigned c = (unsigned char)from[i];
		unsigned digit = c - '0';

		if (digit > 9) {
			digit = c - 'a' + 10;
			if (digit < 10 || digit > 15)
				return false;
		}
		value = value << 4 | digit;
	}
	*out = value;
	return true;
}

void payload_write(char *into, size_t size, const struct payload *p)
{
	static const char alphabet[] = ALPHABET ALPHABET;
	size_t left;

	CHECK(size >= PAYLOAD_MIN && size <= PAYLOAD_MAX);
	memcpy(into, FRAME, FILLER_AT);
	put_hex(into + RUN_AT, RUN_DIGITS, p->run);
	put_hex(into + NUMBER_AT, NUMBER_DIGITS, p->number);
	put_hex(into + TIME_AT, TIME_DIGITS, p->intended_ns);
	into += FILLER_AT;
	for (left = size - PAYLOAD_MIN; left > ALPHABET_LENGTH;
	     left -= ALPHABET_LENGTH) {
		memcpy(into, alphabet + p->number % ALPHABET_LENGTH,
		       ALPHABET_LENGTH);
		into += ALPHABET_LENGTH;
	}
	memcpy(into, alphabet + p->number % ALPHABET_LENGTH, left);
	memcpy(into + left, "\"}", 2);
}

bool payload_read(struct slice data, struct payload *out)
{
	uint64_t number;

	if (data.n < PAYLOAD_MIN || memcmp(data.p, FRAME, RUN_AT) != 0 ||
	    memcmp(data.p + data.n - 2, "\"}", 2) != 0)
		return false;
	if (!get_hex(data.p + RUN_AT, RUN_DIGITS, &out->run) ||
	    !get_hex(data.p + NUMBER_AT, NUMBER_DIGITS, &number) ||
	    !get_hex(data.p + TIME_AT, TIME_DIGITS, &out->intended_ns))
		return false;
	out->number = (uint32_t)number;
	return true;
}

/* Eight bytes at a time; only ever compared with itself. */
static uint64_t hash(uint64_t seed, struct slice s)
{
	uint64_t h = seed ^ s.n * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t word;

	while (s.n >= sizeof(word)) {
		memcpy(&word, s.p, sizeof(word));
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
		s = slice_after(s, sizeof(word));
	}
	word = 0;
	if (s.n > 0)
		memcpy(&word, s.p, s.n);
	h = (h ^ word) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 29;
}

uint64_t payload_digest(struct slice data, uint32_t number)
{
	return hash(number + UINT64_C(1), slice_after(data, FILLER_AT));
}

uint64_t payload_hash(struct slice data)
{
	return hash(0, data);
}
