/* SPDX-License-Identifier: MIT */
#include "servers/base/utf8.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

#define CONT_LOWER 0x80
#define CONT_UPPER 0xbf
#define HIGH_BITS 0x8080808080808080U
#define WORD ((ptrdiff_t)sizeof(uint64_t))

void utf8_init(struct utf8 *u)
{
	*u = (struct utf8){0, CONT_LOWER, CONT_UPPER};
}

static uint64_t high_bits(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word) & HIGH_BITS;
}

/* The first byte that is not ASCII, found eight at a time. */
static const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= WORD) {
		uint64_t high = high_bits(p);

		if (high)
			return p + (unsigned)__builtin_ctzll(high) / 8;
		p += WORD;
	}
	while (p < end && *p < CONT_LOWER)
		p++;
	return p;
}

static bool continues(uint8_t byte)
{
	return (byte & 0xc0) == CONT_LOWER;
}

/*
 * Behind the characters of several bytes that lie right at `p`, up to the
 * first that is wrong, ASCII or near the end. Which of these it is, and at
 * which byte it goes wrong, is for utf8_feed() to find.
 */
static const uint8_t *skip_whole(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 4 && *p >= CONT_LOWER) {
		unsigned lead = p[0], next = p[1];

		if (!continues(p[1]))
			break;
		if (lead >= 0xc2 && lead <= 0xdf) {
			p += 2;
			continue;
		}
		if (!continues(p[2]))
			break;
		next |= lead << 8;
		if (lead >= 0xe0 && lead <= 0xef && next >= 0xe0a0 &&
		    (next < 0xeda0 || next > 0xedbf)) {
			p += 3;
			continue;
		}
		if (!continues(p[3]) || next < 0xf090 || next > 0xf48f)
			break;
		p += 4;
	}
	return p;
}

/*
 * Takes the first byte of a longer character. The bounds of its second byte
 * exclude overlong forms, surrogates and what is above U+10FFFF (the table
 * in RFC 3629, section 4).
 */
static bool take_lead(struct utf8 *u, uint8_t lead)
{
	if (lead >= 0xc2 && lead <= 0xdf) {
		u->need = 1;
	} else if (lead >= 0xe0 && lead <= 0xef) {
		u->need = 2;
		if (lead == 0xe0)
			u->lower = 0xa0;
		if (lead == 0xed)
			u->upper = 0x9f;
	} else if (lead >= 0xf0 && lead <= 0xf4) {
		u->need = 3;
		if (lead == 0xf0)
			u->lower = 0x90;
		if (lead == 0xf4)
			u->upper = 0x8f;
	} else {
		return false;
	}
	return true;
}

bool utf8_feed(struct utf8 *u, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	const uint8_t *end = p + n;

	while (p < end) {
		if (u->need == 0) {
			p = skip_whole(skip_ascii(p, end), end);
			if (p == end)
				break;
			if (*p < CONT_LOWER)
				continue;
			if (!take_lead(u, *p++))
				return false;
			continue;
		}
		if (*p < u->lower || *p > u->upper)
			return false;
		p++;
		u->need--;
		u->lower = CONT_LOWER;
		u->upper = CONT_UPPER;
	}
	return true;
}

bool utf8_complete(const struct utf8 *u)
{
	return u->need == 0;
}

bool utf8_valid(const void *bytes, size_t n)
{
	struct utf8 u;

	utf8_init(&u);
	return utf8_feed(&u, bytes, n) && utf8_complete(&u);
}
