/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/http/internal.h"

static const char *line_at(time_t second)
{
	static struct http_date d;

	return date_at(&d, second)->line;
}

Test(date, lines)
{
	cr_assert_str_eq(line_at(0), "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
	cr_assert_str_eq(line_at(784111777),
			 "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
	cr_assert_str_eq(line_at(784111778),
			 "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
	cr_assert_str_eq(line_at(1709251199),
			 "Date: Thu, 29 Feb 2024 23:59:59 GMT\r\n");
	cr_assert_str_eq(line_at(4102444799),
			 "Date: Thu, 31 Dec 2099 23:59:59 GMT\r\n");
}

static struct wire *render(struct http_response *p, time_t second)
{
	struct http_date d = {0};

	return response_wire(
		p, &(struct answer_head){.date = date_at(&d, second)});
}

/* One response serves many requests, but none with the time of another. */
Test(date, shared_response_tells_each_its_time)
{
	struct http_response *p = http_response_new(200, NULL, SLICE("shared"));
	struct wire *first = render(p, 784111777);
	struct wire *same = render(p, 784111777);
	struct wire *later = render(p, 784111778);

	http_response_unref(p);
	cr_assert_eq(first, same);
	cr_assert(slice_is(wire_bytes(first),
			   "HTTP/1.1 200 OK\r\n"
			   "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			   "Content-Length: 6\r\n\r\nshared"));
	cr_assert(slice_is(wire_bytes(later),
			   "HTTP/1.1 200 OK\r\n"
			   "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n"
			   "Content-Length: 6\r\n\r\nshared"));
	wire_unref(first);
	wire_unref(same);
	wire_unref(later);
}
