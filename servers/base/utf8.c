/* SPDX-License-Identifier: MIT */
#include "servers/base/utf8.h"

#include <string.h>

#define CONT_LOWER 0x80
#define CONT_UPPER 0xbf
#define HIGH_BITS 0x8080808080808080U

void utf8_init(struct utf8 *u)
{
	*u = (struct utf8){0, CONT_LOWER, CONT_UPPER};
}

/* The first byte that is not ASCII, found eight at a time. */
static const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
	uint64_t word;

	while (end - p >= (ptrdiff_t)sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		if (word & HIGH_BITS)
			break;
		p += sizeof(word);
	}
	while (p < end && *p < CONT_LOWER)
		p++;
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
			p = skip_ascii(p, end);
			if (p == end)
				break;
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
