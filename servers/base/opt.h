/* SPDX-License-Identifier: MIT */
/*
 * Command-line options from one table, which also makes --help and the man
 * page. Long options only: `--name value` and `--name=value`; a flag takes no
 * value. The first wrong option or value yields a one-line message that says
 * what was given and what was expected.
 *
 * Example:
 *	static const struct opt table[] = {
 *		OPT_INT("port", "N", "listen on N; 0 picks one", 0, 65535,
 *			struct options, port),
 *		OPT_END
 *	};
 */
#ifndef SERVERS_BASE_OPT_H
#define SERVERS_BASE_OPT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "servers/base/err.h"

enum opt_type {
	OPT_TYPE_END,
	OPT_TYPE_FLAG,	 /* bool */
	OPT_TYPE_INT,	 /* int64_t within [min, max] */
	OPT_TYPE_STRING, /* const char *, borrowed from argv */
	OPT_TYPE_CHOICE, /* int: index into `choices` */
	OPT_TYPE_LIST,	 /* struct opt_list: may be given many times */
};

struct opt {
	enum opt_type type;
	const char *name;  /* without the dashes */
	const char *value; /* how help calls the value, "N", "HOST" */
	const char *help;  /* one sentence, lower case, no full stop */
	int64_t min, max;
	const char *const *choices; /* NULL-terminated */
	size_t offset;		    /* of the member in the target struct */
};

struct opt_list {
	const char **items; /* owned array of strings borrowed from argv */
	size_t count;
};

#define OPT_FLAG(name, help, type, member)                                     \
	{                                                                      \
		OPT_TYPE_FLAG, name, NULL, help, 0, 0, NULL,                   \
			offsetof(type, member)                                 \
	}
#define OPT_INT(name, value, help, min, max, type, member)                     \
	{                                                                      \
		OPT_TYPE_INT, name, value, help, min, max, NULL,               \
			offsetof(type, member)                                 \
	}
#define OPT_STRING(name, value, help, type, member)                            \
	{                                                                      \
		OPT_TYPE_STRING, name, value, help, 0, 0, NULL,                \
			offsetof(type, member)                                 \
	}
#define OPT_CHOICE(name, choices, help, type, member)                          \
	{                                                                      \
		OPT_TYPE_CHOICE, name, NULL, help, 0, 0, choices,              \
			offsetof(type, member)                                 \
	}
#define OPT_LIST(name, value, help, type, member)                              \
	{                                                                      \
		OPT_TYPE_LIST, name, value, help, 0, 0, NULL,                  \
			offsetof(type, member)                                 \
	}
#define OPT_END                                                                \
	{                                                                      \
		OPT_TYPE_END, NULL, NULL, NULL, 0, 0, NULL, 0                  \
	}

/*
 * Parses argv[1..] into *target, whose members hold the defaults. Operands
 * (anything not starting with "--", or everything after "--") go into
 * *operands, which the caller releases. --help and --version are the
 * caller's to put into the table as flags. ERR_USAGE: `message` (of
 * `message_size` bytes) says what was wrong.
 */
MUST_USE enum err opt_parse(const struct opt *table, void *target, int argc,
			    char *const *argv, struct opt_list *operands,
			    char *message, size_t message_size);
void opt_list_release(struct opt_list *l);
/* The same for a program that takes no operands: one is ERR_USAGE, too. */
MUST_USE enum err opt_parse_alone(const struct opt *table, void *target,
				  int argc, char *const *argv, char *message,
				  size_t message_size);
/* Writes one aligned line per option, wrapped at 80 columns, with defaults. */
void opt_help(const struct opt *table, const void *defaults, FILE *out);
/*
 * The last thing a program does: flushes `out`, its standard output. A
 * `status` of success becomes 1, and standard error is told, when not all that
 * was printed got there.
 */
MUST_USE int opt_finish(const char *program, FILE *out, int status);

#endif
