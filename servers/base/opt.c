/* SPDX-License-Identifier: MIT */
#include "servers/base/opt.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/buf.h"
#include "servers/base/check.h"

#define HELP_WIDTH 80
#define HELP_LEFT_MAX 26 /* a longer left side gets a line of its own */
#define MESSAGE_LIMIT 4096
#define SHOWN_MAX 60 /* of a wrong value, in a message */

struct parser {
	const struct opt *table;
	char *target;
	int argc;
	char *const *argv;
	int at; /* the next argument */
	char *message;
	size_t message_size;
};

/* Writes the message and answers ERR_USAGE. */
__attribute__((format(printf, 2, 3))) static enum err
fail(const struct parser *p, const char *format, ...)
{
	va_list args;

	if (p->message_size == 0)
		return ERR_USAGE;
	va_start(args, format);
	(void)vsnprintf(p->message, p->message_size, format, args);
	va_end(args);
	/* It repeats what was given, and stays one line all the same. */
	for (char *c = p->message; *c; c++) {
		if (iscntrl((unsigned char)*c))
			*c = '?';
	}
	return ERR_USAGE;
}

static void list_add(struct opt_list *l, const char *item)
{
	l->items = xrealloc(l->items, (l->count + 1) * sizeof(*l->items));
	l->items[l->count++] = item;
}

static const struct opt *find(const struct opt *table, const char *name,
			      size_t n)
{
	for (const struct opt *o = table; o->type != OPT_TYPE_END; o++) {
		if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
			return o;
	}
	return NULL;
}

/* Values */

/* Decimal digits only: no blanks, no plus sign, no other base. */
static bool parse_int(const char *text, int64_t *out)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	char *end;
	long long value;

	if (!isdigit((unsigned char)digits[0]))
		return false;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end || errno != 0)
		return false;
	*out = value;
	return true;
}

static enum err set_int(const struct parser *p, const struct opt *o,
			const char *text)
{
	int64_t value;

	if (!parse_int(text, &value) || value < o->min || value > o->max)
		return fail(p,
			    "--%s: expected an integer from %" PRId64
			    " to %" PRId64 ", got \"%.*s\"",
			    o->name, o->min, o->max, SHOWN_MAX, text);
	memcpy(p->target + o->offset, &value, sizeof(value));
	return ERR_OK;
}

/* Adds "a<between>b<between>c". */
static enum err add_choices(struct buf *b, const struct opt *o,
			    const char *between)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && o->choices[i]; i++) {
		if (i > 0)
			e = buf_add_str(b, between);
		if (e == ERR_OK)
			e = buf_add_str(b, o->choices[i]);
	}
	return e;
}

static enum err set_choice(const struct parser *p, const struct opt *o,
			   const char *text)
{
	struct buf names;
	enum err e;

	for (int i = 0; o->choices[i]; i++) {
		if (strcmp(o->choices[i], text) == 0) {
			memcpy(p->target + o->offset, &i, sizeof(i));
			return ERR_OK;
		}
	}
	buf_init(&names, MESSAGE_LIMIT);
	e = add_choices(&names, o, ", ");
	if (e == ERR_OK)
		e = fail(p, "--%s: expected one of %.*s, got \"%.*s\"", o->name,
			 SLICE_ARG(buf_slice(&names)), SHOWN_MAX, text);
	buf_release(&names);
	return e;
}

static enum err set_value(const struct parser *p, const struct opt *o,
			  const char *text)
{
	switch (o->type) {
	case OPT_TYPE_INT:
		return set_int(p, o, text);
	case OPT_TYPE_CHOICE:
		return set_choice(p, o, text);
	case OPT_TYPE_STRING:
		memcpy(p->target + o->offset, &text, sizeof(text));
		return ERR_OK;
	case OPT_TYPE_LIST:
		list_add((struct opt_list *)(void *)(p->target + o->offset),
			 text);
		return ERR_OK;
	case OPT_TYPE_FLAG:
	case OPT_TYPE_END:
		break;
	}
	CHECK(!"an option of unknown type");
	return ERR_USAGE;
}

/* Parsing */

static enum err parse_one(struct parser *p, const char *arg)
{
	const char *name = arg + 2;
	const char *equals = strchr(name, '=');
	size_t n = equals ? (size_t)(equals - name) : strlen(name);
	const struct opt *o = find(p->table, name, n);
	const bool yes = true;

	if (!o)
		return fail(p, "unknown option --%.*s",
			    n < SHOWN_MAX ? (int)n : SHOWN_MAX, name);
	if (o->type == OPT_TYPE_FLAG) {
		if (equals)
			return fail(p, "--%s: takes no value", o->name);
		memcpy(p->target + o->offset, &yes, sizeof(yes));
		return ERR_OK;
	}
	if (equals)
		return set_value(p, o, equals + 1);
	/* A forgotten value must not swallow the option that follows. */
	if (p->at >= p->argc || strncmp(p->argv[p->at], "--", 2) == 0)
		return fail(p, "--%s: needs a value", o->name);
	return set_value(p, o, p->argv[p->at++]);
}

enum err opt_parse(const struct opt *table, void *target, int argc,
		   char *const *argv, struct opt_list *operands, char *message,
		   size_t message_size)
{
	struct parser p = {table, target, argc, argv, 1, message, message_size};
	bool only_operands = false;
	enum err e = ERR_OK;

	*operands = (struct opt_list){0};
	while (e == ERR_OK && p.at < argc) {
		const char *arg = argv[p.at++];

		if (only_operands || strncmp(arg, "--", 2) != 0)
			list_add(operands, arg);
		else if (arg[2] == '\0')
			only_operands = true;
		else
			e = parse_one(&p, arg);
	}
	return e;
}

void opt_list_release(struct opt_list *l)
{
	free(l->items);
	*l = (struct opt_list){0};
}

enum err opt_parse_alone(const struct opt *table, void *target, int argc,
			 char *const *argv, char *message, size_t message_size)
{
	struct opt_list operands;
	enum err e = opt_parse(table, target, argc, argv, &operands, message,
			       message_size);

	if (!e && operands.count > 0) {
		(void)snprintf(message, message_size, "unexpected operand '%s'",
			       operands.items[0]);
		e = ERR_USAGE;
	}
	opt_list_release(&operands);
	return e;
}

/* Help */

/* Adds "  --name VALUE". */
static enum err add_left(struct buf *b, const struct opt *o)
{
	enum err e = buf_printf(b, "  --%s", o->name);

	if (e == ERR_OK && o->type == OPT_TYPE_CHOICE) {
		e = buf_add_char(b, ' ');
		if (e == ERR_OK)
			e = add_choices(b, o, "|");
	} else if (e == ERR_OK && o->value) {
		e = buf_printf(b, " %s", o->value);
	}
	return e;
}

/* Adds the help sentence with what the option is without being given. */
static enum err add_right(struct buf *b, const struct opt *o,
			  const char *defaults)
{
	int64_t number;
	const char *text;
	int choice;
	enum err e = buf_add_str(b, o->help);

	if (e != ERR_OK)
		return e;
	switch (o->type) {
	case OPT_TYPE_INT:
		memcpy(&number, defaults + o->offset, sizeof(number));
		return buf_printf(b, " (default %" PRId64 ")", number);
	case OPT_TYPE_STRING:
		memcpy(&text, defaults + o->offset, sizeof(text));
		if (text && text[0])
			e = buf_printf(b, " (default %s)", text);
		return e;
	case OPT_TYPE_CHOICE:
		memcpy(&choice, defaults + o->offset, sizeof(choice));
		return buf_printf(b, " (default %s)", o->choices[choice]);
	case OPT_TYPE_LIST:
		return buf_add_str(b, " (may be repeated)");
	case OPT_TYPE_FLAG:
	case OPT_TYPE_END:
		break;
	}
	return e;
}

/* The columns that a left side takes, or 0 when it has its own line. */
static size_t left_width(const struct opt *o)
{
	struct buf b;
	size_t n = 0;

	buf_init(&b, MESSAGE_LIMIT);
	if (add_left(&b, o) == ERR_OK && b.len <= HELP_LEFT_MAX)
		n = b.len;
	buf_release(&b);
	return n;
}

/* Prints `text` from `column` on, broken at blanks, all lines indented. */
static void print_wrapped(FILE *out, struct slice text, size_t indent)
{
	size_t room = HELP_WIDTH - 1 - indent;

	while (text.n > room) {
		size_t cut = room;

		while (cut > 0 && text.p[cut] != ' ')
			cut--;
		if (cut == 0)
			cut = room; /* a word longer than the line */
		(void)fprintf(out, "%.*s\n%*s", (int)cut, text.p, (int)indent,
			      "");
		text = slice_after(text, text.p[cut] == ' ' ? cut + 1 : cut);
	}
	(void)fprintf(out, "%.*s\n", SLICE_ARG(text));
}

static void print_option(FILE *out, const struct opt *o, const char *defaults,
			 size_t indent)
{
	struct buf left;
	struct buf right;

	buf_init(&left, MESSAGE_LIMIT);
	buf_init(&right, MESSAGE_LIMIT);
	if (add_left(&left, o) != ERR_OK ||
	    add_right(&right, o, defaults) != ERR_OK)
		goto out;
	(void)fprintf(out, "%.*s", SLICE_ARG(buf_slice(&left)));
	if (left.len + 2 > indent)
		(void)fprintf(out, "\n%*s", (int)indent, "");
	else
		(void)fprintf(out, "%*s", (int)(indent - left.len), "");
	print_wrapped(out, buf_slice(&right), indent);
out:
	buf_release(&left);
	buf_release(&right);
}

void opt_help(const struct opt *table, const void *defaults, FILE *out)
{
	size_t widest = 0;

	for (const struct opt *o = table; o->type != OPT_TYPE_END; o++) {
		size_t n = left_width(o);

		if (n > widest)
			widest = n;
	}
	for (const struct opt *o = table; o->type != OPT_TYPE_END; o++)
		print_option(out, o, defaults, widest + 2);
}

int opt_finish(const char *program, FILE *out, int status)
{
	bool failed = ferror(out) != 0;

	errno = 0;
	if (fflush(out) == 0 && !failed)
		return status;
	/* A buffer that was full has lost its reason by now. */
	(void)fprintf(stderr, "%s: cannot write: %s\n", program,
		      errno ? strerror(errno) : "the output has failed");
	return status ? status : 1;
}
