/* SPDX-License-Identifier: MIT */
#include "bench/counters/profile.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

#define NAMES_MAX 65536 /* numbers of compressed names */
#define LINE_BYTES 65536

/* What a name says about the costs under it. */
enum { NAME_LIBC = 1, NAME_WRITE = 2 };

/* Names are told once, with a number, and by the number later. */
struct names {
	unsigned char marks[NAMES_MAX];
};

struct reading {
	struct profile *out;
	struct names objects, functions;
	unsigned object, function; /* marks of the current ones */
	bool inclusive;		   /* the next costs are a call's */
	bool has_events;
};

/* Marks */

static bool ends_path(const char *path, const char *name)
{
	const char *base = strrchr(path, '/');

	return strncmp(base ? base + 1 : path, name, strlen(name)) == 0;
}

static unsigned object_marks(const char *name)
{
	return ends_path(name, "libc.so") || ends_path(name, "ld-linux") ||
			       ends_path(name, "vgpreload")
		       ? NAME_LIBC
		       : 0;
}

static unsigned function_marks(const char *name)
{
	static const char *const writes[] = {"write", "writev", "send",
					     "sendmsg"};
	size_t n = strcspn(name, "'@\n");

	/* "__send" and "send@@GLIBC" are the same function. */
	while (n > 0 && *name == '_') {
		name++;
		n--;
	}
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		if (strlen(writes[i]) == n && memcmp(writes[i], name, n) == 0)
			return NAME_WRITE;
	}
	return 0;
}

/* "(12) name" or "(12)", or a name alone. False: not understood. */
static bool read_name(const char *text, struct names *known,
		      unsigned (*marks_of)(const char *), unsigned *marks)
{
	char *end;
	unsigned long number;

	if (*text != '(') {
		*marks = marks_of(text);
		return true;
	}
	number = strtoul(text + 1, &end, 10);
	if (*end != ')' || number >= NAMES_MAX)
		return false;
	end++;
	if (*end == ' ')
		known->marks[number] = (unsigned char)marks_of(end + 1);
	*marks = known->marks[number];
	return true;
}

/* Lines */

static bool read_costs(struct reading *r, const char *text)
{
	double instructions, calls;
	char *end;

	/* The position, which may be relative. */
	text += strcspn(text, " ");
	instructions = strtod(text, &end);
	if (end == text)
		return false;
	calls = strtod(end, NULL);
	if (r->inclusive) {
		r->inclusive = false;
		return true;
	}
	if (r->object & NAME_LIBC)
		r->out->libc += instructions;
	else
		r->out->instructions += instructions;
	r->out->calls += calls;
	if (r->function & NAME_WRITE)
		r->out->writes += calls;
	return true;
}

static bool starts(const char *line, const char *word, const char **rest)
{
	size_t n = strlen(word);

	*rest = line + n;
	return strncmp(line, word, n) == 0;
}

static bool read_line(struct reading *r, const char *line)
{
	const char *rest;

	if (starts(line, "events:", &rest)) {
		r->has_events = strncmp(rest, " Ir sysCount", 12) == 0;
		return r->has_events;
	}
	if (starts(line, "positions:", &rest))
		return strcmp(rest, " line\n") == 0;
	if (starts(line, "ob=", &rest))
		return read_name(rest, &r->objects, object_marks, &r->object);
	if (starts(line, "fn=", &rest))
		return read_name(rest, &r->functions, function_marks,
				 &r->function);
	if (starts(line, "cob=", &rest)) {
		unsigned ignored;

		return read_name(rest, &r->objects, object_marks, &ignored);
	}
	if (starts(line, "cfn=", &rest)) {
		unsigned ignored;

		return read_name(rest, &r->functions, function_marks, &ignored);
	}
	if (starts(line, "calls=", &rest)) {
		r->inclusive = true;
		return true;
	}
	if (isdigit((unsigned char)*line) || *line == '+' || *line == '-' ||
	    *line == '*')
		return r->has_events && read_costs(r, line);
	return true; /* headers, names of files, jumps, empty lines */
}

enum err profile_read(FILE *from, struct profile *out, unsigned *line)
{
	struct reading *r = xcalloc(1, sizeof(*r));
	char *text = xmalloc(LINE_BYTES);
	enum err e = ERR_OK;

	*out = (struct profile){0};
	*line = 0;
	r->out = out;
	while (!e && fgets(text, LINE_BYTES, from)) {
		++*line;
		if (!read_line(r, text))
			e = ERR_PROTO;
	}
	if (!e && !r->has_events)
		e = ERR_PROTO;
	free(text);
	free(r);
	return e;
}
