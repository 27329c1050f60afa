/* SPDX-License-Identifier: MIT */
/*
 * A table of texts, printed aligned for a terminal or as Markdown. Cells are
 * filled row by row. Widths are counted in characters, not bytes.
 */
#ifndef BENCH_REPORT_TABLE_H
#define BENCH_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS 16

enum table_align { TABLE_LEFT, TABLE_RIGHT };

enum table_style { TABLE_PLAIN, TABLE_GOOD, TABLE_BAD };

enum table_output {
	TABLE_TEXT,
	TABLE_COLOUR, /* text, with colours */
	TABLE_MARKDOWN,
};

struct table_cell {
	char *text; /* owned */
	enum table_style style;
};

struct table {
	struct {
		const char *head; /* borrowed */
		enum table_align align;
	} columns[TABLE_COLUMNS];
	size_t column_count;
	struct table_cell *cells;
	size_t cell_count, capacity;
};

/* Life cycle */
void table_init(struct table *t);
void table_release(struct table *t);

/* Operations */
/* All columns come before the first cell. */
void table_column(struct table *t, const char *head, enum table_align align);
/* NULL or "": an empty cell. Copies. */
void table_cell(struct table *t, const char *text);
void table_cell_styled(struct table *t, const char *text,
		       enum table_style style);
void table_print(const struct table *t, FILE *out, enum table_output how);

/* Queries */
size_t table_width(const char *text); /* characters */

#endif
