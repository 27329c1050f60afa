/* SPDX-License-Identifier: MIT */
#include "clients/terminal.h"

#include <stdarg.h>

/* Line ends in valid JSON are white space: a blank says the same. */
bool terminal_print(FILE *out, struct slice json)
{
	for (size_t i = 0; i < json.n; i++) {
		char c = json.p[i];

		if (putc(c == '\n' || c == '\r' ? ' ' : c, out) == EOF)
			return false;
	}
	return putc('\n', out) != EOF && fflush(out) == 0;
}

void terminal_error(FILE *err, const char *format, ...)
{
	va_list args;

	(void)fputs("pushmark-client: ", err);
	va_start(args, format);
	(void)vfprintf(err, format, args);
	va_end(args);
	(void)fputc('\n', err);
}

const char *terminal_reason(const struct client *c, enum err err)
{
	return c->reason ? c->reason : err_text(err);
}
