/* SPDX-License-Identifier: MIT */
#include "bench/report/table.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "bench/report/format.h"

/* What a table of two columns prints; returns owned. */
static char *printed(enum table_output how)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct table t;

	table_init(&t);
	table_column(&t, "name", TABLE_LEFT);
	table_column(&t, "µs", TABLE_RIGHT);
	table_column(&t, "x", TABLE_LEFT);
	table_cell(&t, "a|b");
	table_cell(&t, "1.5");
	table_cell(&t, NULL);
	table_cell(&t, "é");
	table_cell(&t, "12.25");
	table_cell_styled(&t, "good", TABLE_GOOD);
	table_print(&t, out, how);
	table_release(&t);
	(void)fclose(out);
	return text;
}

Test(table, text_is_aligned_by_characters)
{
	char *text = printed(TABLE_TEXT);

	cr_assert_str_eq(text, "  name     µs  x\n"
			       "  a|b     1.5\n"
			       "  é     12.25  good\n");
	free(text);
}

Test(table, colours_do_not_change_the_widths)
{
	char *text = printed(TABLE_COLOUR);

	cr_assert_str_eq(text, "  \033[1mname\033[0m     \033[1mµs\033[0m  "
			       "\033[1mx\033[0m\n"
			       "  a|b     1.5\n"
			       "  é     12.25  \033[32mgood\033[0m\n");
	free(text);
}

Test(table, markdown_escapes_its_own_characters)
{
	char *text = printed(TABLE_MARKDOWN);

	cr_assert_str_eq(text, "| name | µs | x |\n| --- | ---: | --- |\n"
			       "| a\\|b | 1.5 |  |\n| é | 12.25 | good |\n");
	free(text);
}

Test(format, three_significant_digits_and_a_unit)
{
	struct format f;

	cr_assert_str_eq(format_time(&f, 8412), "8.41 µs");
	cr_assert_str_eq(format_time(&f, 27312), "27.3 µs");
	cr_assert_str_eq(format_time(&f, 999499), "999 µs");
	cr_assert_str_eq(format_time(&f, 999600), "1.00 ms");
	cr_assert_str_eq(format_time(&f, 4.9e6), "4.90 ms");
	cr_assert_str_eq(format_time(&f, 1.234e9), "1.23 s");
	cr_assert_str_eq(format_time(&f, 9996), "10.0 µs");
	cr_assert_str_eq(format_us(&f, 123456), "123");
}

Test(format, counts_ratios_and_bytes)
{
	struct format f;

	cr_assert_str_eq(format_count(&f, 98312), "98,300");
	cr_assert_str_eq(format_count(&f, 1234567), "1,230,000");
	cr_assert_str_eq(format_count(&f, 136.4), "136");
	cr_assert_str_eq(format_count(&f, 0.5), "0.50");
	cr_assert_str_eq(format_whole(&f, -1234567), "-1,234,567");
	cr_assert_str_eq(format_whole(&f, 999), "999");
	cr_assert_str_eq(format_ratio(&f, 0.1312), "0.131");
	cr_assert_str_eq(format_ratio(&f, 1.023), "1.02");
	cr_assert_str_eq(format_ratio(&f, 12.34), "12.3");
	cr_assert_str_eq(format_bytes(&f, 612), "612 B");
	cr_assert_str_eq(format_bytes(&f, 1260), "1.23 KiB");
	cr_assert_str_eq(format_bytes(&f, -789), "-789 B");
}
