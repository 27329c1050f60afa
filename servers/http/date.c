/* SPDX-License-Identifier: MIT */
/* The time of an answer, as RFC 9110 section 6.6.1 wants it told. */
#include <stdio.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"

/* Names of days and months are English there, whatever the locale. */
static void date_write(struct http_date *d)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed",
				       "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr",
					 "May", "Jun", "Jul", "Aug",
					 "Sep", "Oct", "Nov", "Dec"};
	struct tm t = {0};

	CHECK(gmtime_r(&d->second, &t) != NULL);
	(void)snprintf(d->line, sizeof(d->line),
		       "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
		       days[t.tm_wday], t.tm_mday, months[t.tm_mon],
		       t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

const struct http_date *date_at(struct http_date *d, time_t second)
{
	if (d->second != second || d->line[0] == '\0') {
		d->second = second;
		date_write(d);
	}
	return d;
}

const struct http_date *date_now(struct http_date *d)
{
	return date_at(d, time(NULL));
}

void http_request_date(const struct http_request *r, struct buf *head)
{
	CHECK(buf_add_str(head, date_now(&r->http->date)->line) == ERR_OK);
}
