/* SPDX-License-Identifier: MIT */
#include "servers/base/check.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "servers/base/err.h"
#include "servers/base/slice.h"

Test(check, a_true_condition_passes)
{
	CHECK(1 + 1 == 2);
}

Test(check, a_false_condition_aborts, .signal = SIGABRT)
{
	CHECK(1 + 1 == 3);
}

/* The sanitizer ends the process itself, and with another signal. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED false
#endif

Test(check, memory_that_cannot_be_had_aborts, .signal = SIGABRT,
     .disabled = SANITIZED)
{
	volatile size_t half = SIZE_MAX / 4;

	free(xcalloc(half, 8));
}

Test(check, no_bytes_are_an_allocation_all_the_same)
{
	void *p = xmalloc(0);

	cr_assert_not_null(p);
	p = xrealloc(p, 0);
	cr_assert_not_null(p);
	free(p);
}

Test(check, copies_end_in_nul)
{
	char *a = xmemdupz("abc", 2);
	char *b = xmemdupz(NULL, 0);
	char *c = xstrdup("text");

	cr_assert_str_eq(a, "ab");
	cr_assert_str_eq(b, "");
	cr_assert_str_eq(c, "text");
	free(a);
	free(b);
	free(c);
}

Test(err, every_error_has_a_text)
{
	cr_assert_str_eq(err_text(ERR_OK), "success");
	cr_assert_str_eq(err_text(ERR_UTF8), "invalid UTF-8");
	cr_assert_str_eq(err_text((enum err)999), "unknown error");
}

Test(slice, after_stops_at_the_end)
{
	cr_assert(slice_is(slice_after(SLICE("abc"), 1), "bc"));
	cr_assert_eq(slice_after(SLICE("abc"), 9).n, 0);
	cr_assert(slice_eq(slice_of(NULL, 0), SLICE("")));
	cr_assert_not(slice_is(SLICE("ab"), "abc"));
}
