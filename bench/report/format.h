/* SPDX-License-Identifier: MIT */
/*
 * Numbers as people read them: about three significant digits, a unit, and a
 * comma between thousands. Each writes into a `struct format` and returns its
 * text.
 */
#ifndef BENCH_REPORT_FORMAT_H
#define BENCH_REPORT_FORMAT_H

struct format {
	char text[48];
};

/* Operations */
const char *format_time(struct format *f, double ns); /* "8.41 µs" */
const char *format_us(struct format *f, double ns);   /* "8.41", in µs */
const char *format_count(struct format *f, double n); /* "98,300" */
const char *format_whole(struct format *f, double n); /* "98,312" */
const char *format_bytes(struct format *f, double n); /* "1.23 KiB" */
/* By a unit's name as run.json has it; one it does not know is a number. */
const char *format_unit(struct format *f, double value, const char *unit);
const char *format_number(struct format *f, double n); /* a small one, too */
const char *format_ratio(struct format *f, double r);  /* "0.131", "1.02" */

#endif
