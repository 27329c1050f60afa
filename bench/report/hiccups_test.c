/* SPDX-License-Identifier: MIT */
#include "bench/report/hiccups.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* The line of a section with these rows. */
static void says(const char *rows, const char *expected)
{
	cJSON *list = cJSON_Parse(rows);
	struct section s = {.variant = "open"};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(list);
	for (const cJSON *row = list->child; row; row = row->next)
		s.rows[s.count++] = row;
	hiccups_line(&s, "> ", out);
	(void)fclose(out);
	cr_assert_str_eq(text, expected);
	free(text);
	cJSON_Delete(list);
}

Test(hiccups, worst_of_the_rows_on_each_core)
{
	says("[{\"method\": \"pairs\", \"hiccups\": {"
	     "\"server\": {\"max\": 3100000, \"percentiles\":"
	     " {\"50\": 50000, \"95\": 90000, \"99\": 200000}},"
	     "\"load\": {\"max\": 900000, \"percentiles\":"
	     " {\"99\": 400000}}}},"
	     "{\"hiccups\": {"
	     "\"server\": {\"max\": 2000000, \"percentiles\":"
	     " {\"99\": 300000}},"
	     "\"load\": {\"max\": 1000000, \"percentiles\":"
	     " {\"99\": 100000}}}}]",
	     "> machine: hiccups on the server's core p99 300 µs, max 3.10 "
	     "ms; the load's core p99 400 µs, max 1.00 ms\n");
}

Test(hiccups, highest_percentile_that_all_rows_have)
{
	says("[{\"hiccups\": {\"server\": {\"max\": 9000, \"percentiles\":"
	     " {\"50\": 1000, \"90\": 3000, \"95\": 4000, \"99\": 5000}}}},"
	     "{\"hiccups\": {\"server\": {\"max\": 8000, \"percentiles\":"
	     " {\"50\": 1500, \"90\": 3500}}}}]",
	     "> machine: hiccups on the server's core p90 3.50 µs, max 9.00 "
	     "µs\n");
}

Test(hiccups, rows_without_any_are_left_out)
{
	says("[{\"failure\": {\"what\": \"exited\"}},"
	     "{\"hiccups\": {\"load\": {\"max\": 8000, \"percentiles\": {}}}}]",
	     "> machine: hiccups on the load's core max 8.00 µs\n");
}

Test(hiccups, nothing_to_say)
{
	says("[{\"method\": \"memory\"}]", "");
	/* Its table has no latencies. */
	says("[{\"method\": \"client\", \"hiccups\": {\"server\":"
	     " {\"max\": 8000, \"percentiles\": {}}}}]",
	     "");
}
