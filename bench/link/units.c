/* SPDX-License-Identifier: MIT */
#include "bench/link/units.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

#define DIGITS_MAX 20
#define DAY_NS 86400e9
#define PORT_MAX 65535

struct unit {
	const char *name;
	double factor;
};

static const struct unit durations[] = {
	{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},
};
static const struct unit rates[] = {
	{"bit", 1},
	{"kbit", 1e3},
	{"mbit", 1e6},
	{"gbit", 1e9},
};
static const struct unit sizes[] = {
	{"", 1},
	{"k", 1024},
	{"m", 1048576},
};
static const struct unit shares[] = {{"%", 0.01}};

/* Digits with at most one point: strtod() alone takes "inf" and "0x1" too. */
static size_t number_length(const char *text)
{
	size_t n = strspn(text, "0123456789");

	if (n > 0 && text[n] == '.' && isdigit((unsigned char)text[n + 1]))
		n += 1 + strspn(text + n + 1, "0123456789");
	return n <= DIGITS_MAX ? n : 0;
}

static enum err parse(const char *text, const struct unit *units, size_t count,
		      double max, double *out)
{
	size_t n = number_length(text);
	char digits[DIGITS_MAX + 1] = "";
	double value;

	if (n == 0)
		return ERR_USAGE;
	memcpy(digits, text, n);
	value = strtod(digits, NULL);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text + n, units[i].name) != 0)
			continue;
		value *= units[i].factor;
		if (value > max)
			return ERR_USAGE;
		*out = value;
		return ERR_OK;
	}
	return ERR_USAGE;
}

enum err units_duration(const char *text, uint64_t *out_ns)
{
	double value = 0;
	enum err e = ERR_OK;

	if (strcmp(text, "0") != 0)
		e = parse(text, durations, ARRAY_SIZE(durations), DAY_NS,
			  &value);
	if (!e)
		*out_ns = (uint64_t)(value + 0.5);
	return e;
}

enum err units_rate(const char *text, uint64_t *out_bits)
{
	double value = 0;
	enum err e = parse(text, rates, ARRAY_SIZE(rates), 100e9, &value);

	if (!e && value < 1000)
		e = ERR_USAGE;
	if (!e)
		*out_bits = (uint64_t)(value + 0.5);
	return e;
}

enum err units_size(const char *text, size_t *out_bytes)
{
	double value = 0;
	enum err e = parse(text, sizes, ARRAY_SIZE(sizes), 1073741824, &value);

	if (!e)
		*out_bytes = (size_t)(value + 0.5);
	return e;
}

enum err units_share(const char *text, double *out)
{
	return parse(text, shares, ARRAY_SIZE(shares), 1, out);
}

static enum err parse_port(const char *text, int *out)
{
	size_t n = strspn(text, "0123456789");
	long value;

	if (n == 0 || n > 5 || text[n])
		return ERR_USAGE;
	value = strtol(text, NULL, 10);
	if (value > PORT_MAX)
		return ERR_USAGE;
	*out = (int)value;
	return ERR_OK;
}

enum err units_endpoint(const char *text, struct endpoint *out)
{
	const char *colon = strrchr(text, ':');
	const char *host = text;
	size_t n;
	enum err e;

	if (!colon)
		return ERR_USAGE;
	n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && colon[-1] == ']') {
		host++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return ERR_USAGE; /* IPv6 without brackets has no clear port */
	}
	if (n == 0) {
		host = "127.0.0.1";
		n = strlen(host);
	}
	if (n >= sizeof(out->host))
		return ERR_USAGE;
	e = parse_port(colon + 1, &out->port);
	if (e)
		return e;
	memcpy(out->host, host, n);
	out->host[n] = '\0';
	return ERR_OK;
}
