/* SPDX-License-Identifier: MIT */
/*
 * The seam to the application: what events mean. An app is written once and
 * never sees a protocol; `relay`, `workshop` and `echo` are the ones there are.
 */
#ifndef SERVERS_CORE_APP_H
#define SERVERS_CORE_APP_H

#include <stdbool.h>

#include "servers/base/err.h"
#include "servers/base/slice.h"
#include "servers/core/session.h"

struct hub;

/*
 * Where the answer to a command goes. Whoever receives one MUST call
 * reply_send() exactly once. `body` is JSON when status is ERR_OK (empty: there
 * is nothing to answer), otherwise a sentence for a person; it is borrowed for
 * the call.
 */
struct reply {
	void (*send)(struct reply *r, enum err status, struct slice body);
	/*
	 * Returns owned what answers in place of r after the call that handed r
	 * out is over; its reply_send(), which is due at the latest when the
	 * session ends (with ERR_CLOSED), frees it. NULL: nobody wants to know.
	 */
	struct reply *(*defer)(struct reply *r);
	/* Of a Socket.IO acknowledgement: what placeholders in it stand for. */
	const struct slice *attachments;
	unsigned attachment_count;
	bool args; /* `body` is any number of values, commas between */
};

static inline void reply_send(struct reply *r, enum err status,
			      struct slice body)
{
	r->send(r, status, body);
}

static inline struct reply *reply_defer(struct reply *r)
{
	return r->defer(r);
}

struct connect_info {
	struct slice nsp;
	struct slice auth;    /* JSON object of Socket.IO's CONNECT; or empty */
	struct slice address; /* of the peer, as text */
	bool objects; /* it will send objects, not events (the raw dialect) */
	/*
	 * Of a client that can recover a session (see recovery.h): whether it
	 * can, and what it remembers, both empty when it is a new one.
	 */
	bool recovers;
	struct slice pid, offset;
	/* Called before the app hears of the session; NULL: not. */
	void (*greet)(struct session *s);
};

/* Why an app refuses a connection; static or app-owned strings. */
struct refusal {
	const char *message; /* "unauthorized" */
	const char *data;    /* JSON for connect_error's data, or NULL */
};

struct app_event {
	struct slice name; /* unescaped; of an object without a type: empty */
	/*
	 * The arguments as JSON values with commas between, validated, as they
	 * came. From the raw dialect (`object`): the one whole object.
	 */
	struct slice args;
	bool object;
	const struct slice *attachments; /* binary arguments */
	unsigned attachment_count;
};

struct app_ops {
	const char *name;
	/* Raw dialect: false means no welcome, no commands: on_message only. */
	bool commands;
	/* Namespaces that exist, NULL-terminated; NULL: any. */
	const char *const *namespaces;
	/*
	 * Asked before anything is kept, at the latest when the session is to
	 * be made. MAY refuse: ERR_REFUSED and *why filled in.
	 */
	enum err (*admit)(struct hub *hub, const struct connect_info *info,
			  struct refusal *why);
	/*
	 * The session exists and has joined nothing yet, unless it is one that
	 * is `recovered`.
	 */
	void (*on_connect)(struct hub *hub, struct session *s,
			   const struct connect_info *info);
	/* MUST answer `reply` once. */
	void (*on_event)(struct hub *hub, struct session *s,
			 const struct app_event *e, struct reply *reply);
	/* A WebSocket or Engine.IO message of an app without commands. */
	void (*on_message)(struct hub *hub, struct session *s,
			   struct slice bytes, bool binary);
	void (*on_disconnect)(struct hub *hub, struct session *s,
			      const char *reason);
};

/* No-op defaults, for designated initialisers. */
enum err app_admit(struct hub *hub, const struct connect_info *info,
		   struct refusal *why);
void app_ignore_connect(struct hub *hub, struct session *s,
			const struct connect_info *info);
void app_ignore_message(struct hub *hub, struct session *s, struct slice bytes,
			bool binary);
void app_ignore_disconnect(struct hub *hub, struct session *s,
			   const char *reason);

#endif
