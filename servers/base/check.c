/* SPDX-License-Identifier: MIT */
#include "servers/base/check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void check_failed(const char *cond, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: check failed: %s\n", file, line, cond);
	abort();
}

static _Noreturn void out_of_memory(size_t size)
{
	(void)fprintf(stderr, "out of memory (%zu bytes)\n", size);
	abort();
}

/* malloc(0) may return NULL, which is not a failure: ask for one byte. */
static size_t at_least_one(size_t size)
{
	return size == 0 ? 1 : size;
}

void *xmalloc(size_t size)
{
	void *p = malloc(at_least_one(size));

	if (!p)
		out_of_memory(size);
	return p;
}

void *xcalloc(size_t count, size_t size)
{
	void *p = calloc(at_least_one(count), at_least_one(size));

	if (!p)
		out_of_memory(size > 0 && count > SIZE_MAX / size
				      ? SIZE_MAX
				      : count * size);
	return p;
}

void *xrealloc(void *old, size_t size)
{
	void *p = realloc(old, at_least_one(size));

	if (!p)
		out_of_memory(size);
	return p;
}

char *xstrdup(const char *text)
{
	return xmemdupz(text, strlen(text));
}

char *xmemdupz(const void *bytes, size_t size)
{
	char *copy = xmalloc(size + 1);

	if (size > 0)
		memcpy(copy, bytes, size);
	copy[size] = '\0';
	return copy;
}
