/* SPDX-License-Identifier: MIT */
/*
 * The error type of every fallible function in Pushmark.
 *
 * A fallible function returns `enum err` (0 is success), is marked MUST_USE,
 * and hands its result out through its last parameter. `errno` never crosses
 * a module boundary: whoever makes the system call turns it into one of these
 * and, where a person needs the detail, logs it there.
 */
#ifndef SERVERS_BASE_ERR_H
#define SERVERS_BASE_ERR_H

/* One list makes the enum and the texts. */
#define ERR_LIST(X)                                                            \
	X(OK, "success")                                                       \
	X(AGAIN, "not ready yet")                                              \
	X(CLOSED, "closed by the peer")                                        \
	X(PROTO, "protocol violation")                                         \
	X(LIMIT, "limit exceeded")                                             \
	X(IO, "input/output error")                                            \
	X(NOMEM, "out of memory")                                              \
	X(USAGE, "invalid argument")                                           \
	X(NOTFOUND, "not found")                                               \
	X(EXISTS, "exists already")                                            \
	X(REFUSED, "refused")                                                  \
	X(TIMEOUT, "timed out")                                                \
	X(UTF8, "invalid UTF-8")

enum err {
#define ERR_ENUM(name, text) ERR_##name,
	ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

#define MUST_USE __attribute__((warn_unused_result))

/* The text of `e`, a static string without a final full stop. */
const char *err_text(enum err e);

#endif
