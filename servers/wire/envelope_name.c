/* SPDX-License-Identifier: MIT */
/* What may name a room or an event. */
#include "servers/base/utf8.h"
#include "servers/wire/envelope.h"

/* C1 control characters are U+0080 to U+009F: 0xc2, then 0x80 to 0x9f. */
static bool has_c1(struct slice s)
{
	for (size_t i = 1; i < s.n; i++)
		if ((uint8_t)s.p[i - 1] == 0xc2 && (uint8_t)s.p[i] < 0xa0)
			return true;
	return false;
}

bool envelope_name_valid(struct slice name)
{
	uint8_t seen = 0;

	if (name.n == 0 || name.n > ENVELOPE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = (uint8_t)name.p[i];

		if (c < 0x20 || c == 0x7f)
			return false;
		seen |= c;
	}
	return seen < 0x80 || (utf8_valid(name.p, name.n) && !has_c1(name));
}
