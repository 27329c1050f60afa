/* SPDX-License-Identifier: MIT */
/* Taking an event's arguments apart, for apps. Internal to app/. */
#ifndef SERVERS_APP_ARGS_H
#define SERVERS_APP_ARGS_H

#include <stdbool.h>

#include "servers/base/buf.h"
#include "servers/base/slice.h"

/* Cuts up to `max` arguments; returns how many there are. */
size_t args_split(struct slice args, struct slice *out, size_t max);
/*
 * A string argument. `scratch` is initialised here, holds it where it had to
 * be unescaped, and is the caller's to release in either case.
 */
bool args_string(struct slice value, struct buf *scratch, struct slice *out);
/* A boolean member of an object argument; `absent` when it has none. */
bool args_bool(struct slice object, const char *name, bool absent);

#endif
