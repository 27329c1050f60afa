/* SPDX-License-Identifier: MIT */
/*
 * The commands that clients have on every backend, in typed form: the raw
 * dialect decodes them from its objects, the relay app from Socket.IO events,
 * and this one place carries them out and words the answers.
 */
#ifndef SERVERS_CORE_COMMAND_H
#define SERVERS_CORE_COMMAND_H

#include "servers/base/slice.h"
#include "servers/core/app.h"

enum command_type {
	COMMAND_JOIN,	 /* answers {"room":R} */
	COMMAND_LEAVE,	 /* answers {"room":R} */
	COMMAND_PUBLISH, /* answers {"seq":n}, or with answers (see ask.h) */
	COMMAND_RESUME,	 /* answers {"resumed":true} */
};

struct command {
	enum command_type type;
	struct slice room, event; /* unescaped; event empty: "message" */
	struct slice data;	  /* JSON; empty: null. Or bytes if binary */
	bool binary;
	bool exclude_self;
	bool is_volatile;
	bool asks; /* every receiver is to answer, within: */
	uint64_t ack_timeout_ms;
	const struct slice *attachments; /* of placeholders in `data` */
	unsigned attachment_count;
	struct slice epoch; /* resume */
	uint64_t position;
	const struct slice *rooms; /* unescaped */
	size_t room_count;
};

/*
 * Runs it for s and answers `reply`, before it returns; only a publication that
 * asks defers that (see struct reply).
 */
void command_run(struct session *s, const struct command *c,
		 struct reply *reply);

#endif
