/* SPDX-License-Identifier: MIT */
#include "bench/report/table.h"

#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

#define GAP 2 /* blanks between columns, and before the first */

void table_init(struct table *t)
{
	*t = (struct table){0};
}

void table_release(struct table *t)
{
	for (size_t i = 0; i < t->cell_count; i++)
		free(t->cells[i].text);
	free(t->cells);
	*t = (struct table){0};
}

void table_column(struct table *t, const char *head, enum table_align align)
{
	CHECK(t->column_count < TABLE_COLUMNS && t->cell_count == 0);
	t->columns[t->column_count].head = head;
	t->columns[t->column_count++].align = align;
}

void table_cell_styled(struct table *t, const char *text,
		       enum table_style style)
{
	if (t->cell_count == t->capacity) {
		t->capacity = t->capacity ? t->capacity * 2 : 64;
		t->cells = xrealloc(t->cells, t->capacity * sizeof(*t->cells));
	}
	t->cells[t->cell_count++] =
		(struct table_cell){xstrdup(text ? text : ""), style};
}

void table_cell(struct table *t, const char *text)
{
	table_cell_styled(t, text, TABLE_PLAIN);
}

/* Code points; what is printed here has neither wide nor combining ones. */
size_t table_width(const char *text)
{
	size_t width = 0;

	for (const char *p = text; *p; p++)
		width += ((unsigned char)*p & 0xc0) != 0x80;
	return width;
}

static void blanks(FILE *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)fputc(' ', out);
}

static size_t widest(const struct table *t, size_t column)
{
	size_t width = table_width(t->columns[column].head);

	for (size_t i = column; i < t->cell_count; i += t->column_count) {
		size_t w = table_width(t->cells[i].text);

		width = w > width ? w : width;
	}
	return width;
}

static void print_text_cell(FILE *out, const char *text, size_t width,
			    enum table_align align, const char *escape,
			    bool last)
{
	size_t pad = width - table_width(text);

	if (align == TABLE_RIGHT)
		blanks(out, pad);
	(void)fputs(escape, out);
	(void)fputs(text, out);
	if (escape[0])
		(void)fputs("\033[0m", out);
	if (align == TABLE_LEFT && !last)
		blanks(out, pad);
}

static void print_text(const struct table *t, FILE *out, bool colour)
{
	static const char *const escapes[] = {"", "\033[32m", "\033[31m"};
	size_t widths[TABLE_COLUMNS];
	size_t rows = t->column_count ? t->cell_count / t->column_count : 0;

	for (size_t c = 0; c < t->column_count; c++) {
		widths[c] = widest(t, c);
		blanks(out, GAP);
		print_text_cell(out, t->columns[c].head, widths[c],
				t->columns[c].align, colour ? "\033[1m" : "",
				c + 1 == t->column_count);
	}
	(void)fputc('\n', out);
	for (size_t r = 0; r < rows; r++) {
		const struct table_cell *row = &t->cells[r * t->column_count];
		size_t end = t->column_count;

		/* No blanks at the end of a line. */
		while (end > 0 && !row[end - 1].text[0])
			end--;
		for (size_t c = 0; c < end; c++) {
			blanks(out, GAP);
			print_text_cell(out, row[c].text, widths[c],
					t->columns[c].align,
					colour ? escapes[row[c].style] : "",
					c + 1 == end);
		}
		(void)fputc('\n', out);
	}
}

static void print_escaped(FILE *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '|' || *p == '\\')
			(void)fputc('\\', out);
		(void)fputc(*p, out);
	}
}

static void print_markdown(const struct table *t, FILE *out)
{
	for (size_t c = 0; c < t->column_count; c++) {
		(void)fputs(c ? " | " : "| ", out);
		print_escaped(out, t->columns[c].head);
	}
	(void)fputs(" |\n", out);
	for (size_t c = 0; c < t->column_count; c++)
		(void)fputs(t->columns[c].align == TABLE_RIGHT ? "| ---: "
							       : "| --- ",
			    out);
	(void)fputs("|\n", out);
	for (size_t i = 0; i < t->cell_count && t->column_count; i++) {
		(void)fputs(i % t->column_count ? " | " : "| ", out);
		print_escaped(out, t->cells[i].text);
		if ((i + 1) % t->column_count == 0)
			(void)fputs(" |\n", out);
	}
}

void table_print(const struct table *t, FILE *out, enum table_output how)
{
	if (how == TABLE_MARKDOWN)
		print_markdown(t, out);
	else
		print_text(t, out, how == TABLE_COLOUR);
}
