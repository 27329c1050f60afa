/* SPDX-License-Identifier: MIT */
#include "servers/base/buf.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

Test(buf, adds_what_it_is_given)
{
	struct buf b;

	buf_init(&b, 100);
	cr_assert_eq(buf_add(&b, "ab", 2), ERR_OK);
	cr_assert_eq(buf_add(&b, NULL, 0), ERR_OK);
	cr_assert_eq(buf_add_char(&b, '-'), ERR_OK);
	cr_assert_eq(buf_add_str(&b, "cd"), ERR_OK);
	cr_assert_eq(buf_add_slice(&b, SLICE("ef")), ERR_OK);
	cr_assert_eq(buf_printf(&b, "[%d %s]", 7, "x"), ERR_OK);
	cr_assert_eq(buf_add_u64(&b, 0), ERR_OK);
	cr_assert_eq(buf_add_u64(&b, UINT64_MAX), ERR_OK);
	cr_assert(slice_is(buf_slice(&b), "ab-cdef[7 x]0"
					  "18446744073709551615"));
	buf_release(&b);
}

Test(buf, the_limit_is_reached_exactly_and_never_passed)
{
	struct buf b;

	buf_init(&b, 5);
	cr_assert_eq(buf_add_str(&b, "123"), ERR_OK);
	cr_assert_eq(buf_add_str(&b, "456"), ERR_LIMIT);
	cr_assert_eq(buf_printf(&b, "%d", 456), ERR_LIMIT);
	cr_assert_eq(buf_reserve(&b, SIZE_MAX), ERR_LIMIT);
	cr_assert(slice_is(buf_slice(&b), "123"));
	cr_assert_eq(buf_printf(&b, "%d", 45), ERR_OK);
	cr_assert_eq(buf_add_char(&b, '6'), ERR_LIMIT);
	cr_assert(slice_is(buf_slice(&b), "12345"));
	cr_assert_leq(b.cap, b.limit);
	buf_release(&b);
}

Test(buf, a_limit_of_zero_takes_nothing)
{
	struct buf b;

	buf_init(&b, 0);
	cr_assert_eq(buf_add_char(&b, 'x'), ERR_LIMIT);
	cr_assert_eq(buf_add(&b, "", 0), ERR_OK);
	cr_assert_eq(buf_printf(&b, "%s", ""), ERR_OK);
	cr_assert_eq(b.len, 0);
	buf_release(&b);
}

Test(buf, grows_through_many_sizes)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	for (int i = 0; i < 100000; i++)
		cr_assert_eq(buf_add_char(&b, (char)(i % 127)), ERR_OK);
	cr_assert_eq(b.len, 100000);
	for (int i = 0; i < 100000; i++)
		cr_assert_eq(b.data[i], (char)(i % 127));
	buf_release(&b);
}

Test(buf, reserved_room_is_for_the_caller)
{
	struct buf b;

	buf_init(&b, 1000);
	cr_assert_eq(buf_reserve(&b, 700), ERR_OK);
	memset(b.data, 'r', 700);
	b.len += 700;
	cr_assert_eq(buf_reserve(&b, 300), ERR_OK);
	cr_assert_eq(buf_reserve(&b, 301), ERR_LIMIT);
	cr_assert_eq(b.data[699], 'r');
	buf_release(&b);
}

Test(buf, consumes_from_the_front)
{
	struct buf b;

	buf_init(&b, 100);
	cr_assert_eq(buf_add_str(&b, "hello world"), ERR_OK);
	buf_consume(&b, 6);
	cr_assert(slice_is(buf_slice(&b), "world"));
	buf_consume(&b, 0);
	buf_consume(&b, 5);
	cr_assert_eq(b.len, 0);
	cr_assert_eq(buf_add_str(&b, "again"), ERR_OK);
	cr_assert(slice_is(buf_slice(&b), "again"));
	buf_clear(&b);
	cr_assert_eq(b.len, 0);
	cr_assert_not_null(b.data);
	buf_release(&b);
	cr_assert_null(b.data);
}

Test(buf, detaching_hands_out_a_string)
{
	struct buf b;
	size_t n = 99;
	char *text;

	buf_init(&b, 3);
	cr_assert_eq(buf_add_str(&b, "abc"), ERR_OK);
	text = buf_detach(&b, &n);
	cr_assert_str_eq(text, "abc");
	cr_assert_eq(n, 3);
	free(text);
	cr_assert_eq(b.len, 0);
	text = buf_detach(&b, &n);
	cr_assert_str_eq(text, "");
	cr_assert_eq(n, 0);
	free(text);
	cr_assert_eq(buf_add_str(&b, "abcd"), ERR_LIMIT);
}
