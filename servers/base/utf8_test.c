/* SPDX-License-Identifier: MIT */
#include "servers/base/utf8.h"

#include <criterion/criterion.h>

#include "servers/base/check.h"

/* Encodes any number below 2^21, valid or not, in its shortest form. */
static size_t encode(uint32_t c, uint8_t out[4])
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	out[0] = (uint8_t)(leads[n] | c);
	return n;
}

Test(utf8, takes_exactly_the_scalar_values)
{
	uint8_t bytes[4];

	for (uint32_t c = 0; c < 0x200000; c++) {
		bool surrogate = c >= 0xd800 && c <= 0xdfff;
		bool want = !surrogate && c <= 0x10ffff;

		cr_assert_eq(utf8_valid(bytes, encode(c, bytes)), want, "U+%X",
			     c);
	}
}

/* Between others, where characters are looked at whole. */
Test(utf8, takes_the_scalar_values_within_a_text)
{
	for (uint32_t c = 0; c < 0x200000; c++) {
		bool surrogate = c >= 0xd800 && c <= 0xdfff;
		bool want = !surrogate && c <= 0x10ffff;
		uint8_t text[16] = "\xc3\xa9";
		size_t n = 2 + encode(c, text + 2);

		memcpy(text + n, "\xe2\x82\xac...", 6);
		cr_assert_eq(utf8_valid(text, n + 6), want, "U+%X", c);
	}
}

/* A wrong byte at any place of a character, each of the 255 others. */
Test(utf8, finds_the_wrong_byte_as_a_byte_at_a_time_does)
{
	static const char text[] = "\xf0\x9f\x8c\x8a\xe2\x82\xac\xc3\xa9.."
				   "\xed\x9f\xbf\xf4\x8f\xbf\xbf.......";
	char bytes[sizeof(text) - 1];

	for (size_t at = 0; at < sizeof(bytes); at++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			struct utf8 u;
			bool valid = true;

			memcpy(bytes, text, sizeof(bytes));
			bytes[at] = (char)byte;
			utf8_init(&u);
			for (size_t i = 0; valid && i < sizeof(bytes); i++)
				valid = utf8_feed(&u, bytes + i, 1);
			valid = valid && utf8_complete(&u);
			cr_assert_eq(utf8_valid(bytes, sizeof(bytes)), valid,
				     "byte %zu is %x", at, byte);
		}
	}
}

Test(utf8, refuses_what_is_malformed)
{
	static const char *const wrong[] = {
		"\x80",		    /* a continuation alone */
		"\xc0\xaf",	    /* overlong */
		"\xc1\xbf",	    /* overlong */
		"\xe0\x9f\xbf",	    /* overlong */
		"\xf0\x8f\xbf\xbf", /* overlong */
		"\xed\xa0\x80",	    /* a surrogate */
		"\xf4\x90\x80\x80", /* above U+10FFFF */
		"\xf5\x80\x80\x80",
		"\xfe",
		"\xff",
		"\xc3",		/* cut off */
		"\xe2\x82",	/* cut off */
		"\xf0\x9f\x92", /* cut off */
		"\xc3\x28",	/* no continuation */
		"\xe2\x28\xa1",
		"\xe2\x82\x28",
		"12345678\xff",
		"1234567\xc3", /* across the eight-byte step */
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert_not(utf8_valid(wrong[i], strlen(wrong[i])), "%zu", i);
}

Test(utf8, pieces_may_be_cut_anywhere)
{
	static const char text[] =
		"plain ascii, \xc3\xa9t\xc3\xa9, \xe2\x82\xac, "
		"\xf0\x9f\x92\xa1 and the rest";
	size_t n = sizeof(text) - 1;

	for (size_t cut = 0; cut <= n; cut++) {
		struct utf8 u;

		utf8_init(&u);
		cr_assert(utf8_feed(&u, text, cut));
		cr_assert(utf8_feed(&u, text + cut, n - cut));
		cr_assert(utf8_complete(&u));
	}
}

Test(utf8, fails_at_the_first_wrong_byte)
{
	struct utf8 u;

	utf8_init(&u);
	cr_assert(utf8_feed(&u, "\xf4", 1));
	cr_assert_not(utf8_complete(&u));
	/* RFC 6455, section 8.1: no need to wait for the whole character. */
	cr_assert_not(utf8_feed(&u, "\x90", 1));
}

Test(utf8, nothing_is_valid)
{
	cr_assert(utf8_valid("", 0));
}
