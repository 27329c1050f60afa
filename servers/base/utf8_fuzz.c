/* SPDX-License-Identifier: MIT */
/*
 * The whole, the same a byte at a time, and a plain decoder that follows the
 * definition in RFC 3629 must agree.
 */
#include "servers/base/utf8.h"

#include "servers/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The length of the character at `p`, or 0 when it is not one. */
static size_t decode(const uint8_t *p, size_t n)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = p[0] < 0x80		? 1
			: (p[0] & 0xe0) == 0xc0 ? 2
			: (p[0] & 0xf0) == 0xe0 ? 3
			: (p[0] & 0xf8) == 0xf0 ? 4
						: 0;
	uint32_t c;

	if (length == 0 || length > n)
		return 0;
	c = length == 1 ? p[0] : p[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < smallest[length] || c > 0x10ffff || (c >> 11) == 0x1b)
		return 0;
	return length;
}

static bool valid_by_definition(const uint8_t *p, size_t n)
{
	while (n > 0) {
		size_t length = decode(p, n);

		if (length == 0)
			return false;
		p += length;
		n -= length;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool whole = utf8_valid(data, size);
	bool pieces = true;
	struct utf8 u;

	utf8_init(&u);
	for (size_t i = 0; pieces && i < size; i++)
		pieces = utf8_feed(&u, data + i, 1);
	pieces = pieces && utf8_complete(&u);
	CHECK(whole == pieces);
	CHECK(whole == valid_by_definition(data, size));
	return 0;
}
