/* SPDX-License-Identifier: MIT */
/*
 * The report of a run, made from its run.json alone: tables on a terminal, or
 * a Markdown file with sentences, tables, caveats and provenance.
 */
#ifndef BENCH_REPORT_REPORT_H
#define BENCH_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "servers/base/err.h"

struct cJSON;
struct doc;

#define REPORT_SCHEMA 1 /* of run.json, that it understands */

/* Operations */
/*
 * Reads a run.json, to be given to doc_release() after any error, too; those
 * are of the file, or ERR_PROTO when it is not such a document, of another
 * schema, or not as results/schema.json has it (see run/schema.h for lenient),
 * with d->error.
 */
MUST_USE enum err report_read(struct doc *d, const char *path, bool lenient);
/*
 * The same, lenient, for a reader that has no more questions; returns owned.
 * ERR_NOTFOUND, ERR_IO, ERR_LIMIT, ERR_PROTO (not such a document, or of
 * another schema), with `message`.
 */
MUST_USE enum err report_load(const char *path, struct cJSON **out,
			      char *message, size_t size);
/* Tables and caveats, for a terminal. */
void report_print(const struct cJSON *run, FILE *out, bool colour);
void report_markdown(const struct cJSON *run, FILE *out);
/* The Markdown into a file, whole or not at all. ERR_IO with `message`. */
MUST_USE enum err report_write(const struct cJSON *run, const char *path,
			       char *message, size_t size);
/* The path of report.md in the folder of `run_path`. ERR_LIMIT. */
MUST_USE enum err report_beside(const char *run_path, char *into,
				size_t into_size, char *message, size_t size);

#endif
