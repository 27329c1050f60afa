/* SPDX-License-Identifier: MIT */
#include "bench/report/format.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Decimals that leave three significant digits; large numbers keep theirs. */
static int decimals(double v)
{
	double size = fabs(v);

	/* As if rounded: 9.995 prints as 10.0 and not as 10.00. */
	if (size >= 99.95)
		return 0;
	if (size >= 9.995)
		return 1;
	return 2;
}

const char *format_time(struct format *f, double ns)
{
	static const struct {
		double unit;
		const char *name;
	} units[] = {{1e3, "µs"}, {1e6, "ms"}, {1e9, "s"}};
	size_t i = 0;

	while (i < 2 && fabs(ns) / units[i].unit >= 999.5)
		i++;
	(void)snprintf(f->text, sizeof(f->text), "%.*f %s",
		       decimals(ns / units[i].unit), ns / units[i].unit,
		       units[i].name);
	return f->text;
}

const char *format_us(struct format *f, double ns)
{
	(void)snprintf(f->text, sizeof(f->text), "%.*f", decimals(ns / 1e3),
		       ns / 1e3);
	return f->text;
}

const char *format_whole(struct format *f, double n)
{
	char digits[32];
	size_t length, at = 0;
	bool negative = n < 0;

	(void)snprintf(digits, sizeof(digits), "%.0f", fmin(fabs(n), 1e18));
	length = strlen(digits);
	if (negative)
		f->text[at++] = '-';
	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			f->text[at++] = ',';
		f->text[at++] = digits[i];
	}
	f->text[at] = '\0';
	return f->text;
}

const char *format_count(struct format *f, double n)
{
	double step;

	if (fabs(n) < 99.95) {
		(void)snprintf(f->text, sizeof(f->text), "%.*f", decimals(n),
			       n);
		return f->text;
	}
	step = pow(10, floor(log10(fabs(n))) - 2);
	return format_whole(f, round(n / step) * step);
}

const char *format_bytes(struct format *f, double n)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
	size_t i = 0;

	while (i < 3 && fabs(n) >= 1023.5) {
		n /= 1024;
		i++;
	}
	(void)snprintf(f->text, sizeof(f->text), "%.*f %s", i ? decimals(n) : 0,
		       n, units[i]);
	return f->text;
}

const char *format_ratio(struct format *f, double r)
{
	(void)snprintf(f->text, sizeof(f->text), "%.*f",
		       fabs(r) < 0.3995 ? 3 : decimals(r), r);
	return f->text;
}

static const char *format_share(struct format *f, double share)
{
	(void)snprintf(f->text, sizeof(f->text), "%.*f %%",
		       share > 0.9995 || share < 0.0005 ? 0 : 1, 100 * share);
	return f->text;
}

const char *format_number(struct format *f, double n)
{
	return fabs(n) < 0.3995 ? format_ratio(f, n) : format_count(f, n);
}

static const char *format_followed(struct format *f, double n, const char *unit)
{
	struct format number = {0};

	(void)snprintf(f->text, sizeof(f->text), "%s%s",
		       format_number(&number, n), unit);
	return f->text;
}

const char *format_unit(struct format *f, double value, const char *unit)
{
	if (strcmp(unit, "ns") == 0)
		return format_time(f, value);
	if (strcmp(unit, "bytes") == 0)
		return format_bytes(f, value);
	if (strcmp(unit, "share") == 0)
		return format_share(f, value);
	if (strcmp(unit, "ratio") == 0)
		return format_ratio(f, value);
	if (strcmp(unit, "1/s") == 0)
		return format_followed(f, value, "/s");
	if (strcmp(unit, "Mbit/s") == 0)
		return format_followed(f, value, " Mbit/s");
	return format_count(f, value);
}
