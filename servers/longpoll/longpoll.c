/* SPDX-License-Identifier: MIT */
#include "servers/longpoll/longpoll.h"

#include <stdio.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/longpoll/engine.h"

#define SOCKETIO_PATH "/socket.io/"
#define JSON_TYPE "application/json"

/* The reference server's answers to a request that it does not accept. */
enum refusal_code {
	UNKNOWN_TRANSPORT,
	UNKNOWN_SID,
	BAD_HANDSHAKE_METHOD,
	BAD_REQUEST,
	FORBIDDEN,
	UNSUPPORTED_VERSION,
};

static const char *const refusal_text[] = {
	[UNKNOWN_TRANSPORT] = "Transport unknown",
	[UNKNOWN_SID] = "Session ID unknown",
	[BAD_HANDSHAKE_METHOD] = "Bad handshake method",
	[BAD_REQUEST] = "Bad request",
	[FORBIDDEN] = "Forbidden",
	[UNSUPPORTED_VERSION] = "Unsupported protocol version",
};

static void refuse(struct http_request *r, enum refusal_code code)
{
	char body[80];
	int n = snprintf(body, sizeof(body), "{\"code\":%d,\"message\":\"%s\"}",
			 (int)code, refusal_text[code]);

	http_respond(r, code == FORBIDDEN ? 403 : 400, JSON_TYPE,
		     slice_of(body, (size_t)n));
}

static void handshake(struct longpoll *b, struct http_request *r)
{
	struct slice version;

	if (http_request_method(r) != HTTP_GET)
		refuse(r, BAD_HANDSHAKE_METHOD);
	else if (!http_request_query(r, "EIO", &version) ||
		 !slice_is(version, "4"))
		refuse(r, UNSUPPORTED_VERSION);
	else if (b->draining)
		refuse(r, FORBIDDEN);
	else
		engine_open(b, r);
}

static void receive(struct engine *e, struct http_request *r)
{
	engine_receive(e, r);
	http_respond(r, 200, "text/html", SLICE("ok"));
}

static void on_request(struct http_request *r, void *arg)
{
	struct longpoll *b = arg;
	struct slice transport, sid;
	struct engine *e;

	if (!b->base.env.options->transport_polling ||
	    !http_request_query(r, "transport", &transport) ||
	    !slice_is(transport, "polling")) {
		refuse(r, UNKNOWN_TRANSPORT);
		return;
	}
	if (!http_request_query(r, "sid", &sid)) {
		handshake(b, r);
		return;
	}
	e = map_get(&b->by_sid, sid);
	if (!e)
		refuse(r, UNKNOWN_SID);
	else if (http_request_method(r) == HTTP_GET)
		engine_poll(e, r);
	else if (http_request_method(r) == HTTP_POST)
		receive(e, r);
	else
		http_respond(r, 500, NULL, (struct slice){0});
}

static struct backend *longpoll_start(const struct backend_env *env)
{
	struct longpoll *b = xcalloc(1, sizeof(*b));

	b->base.ops = &backend_longpoll;
	b->base.env = *env;
	map_init(&b->by_sid);
	list_init(&b->engines);
	reaper_init(&b->reaper, env->loop, engine_free);
	http_route(env->http,
		   &(struct http_route){.path = SOCKETIO_PATH,
					.methods = HTTP_ANY,
					.max_body = env->options->max_payload,
					.handle = on_request,
					.arg = b});
	return &b->base;
}

static void close_all(struct longpoll *b)
{
	while (!list_empty(&b->engines))
		engine_close(list_entry(b->engines.next, struct engine, link),
			     ENGINE_SAY_CLOSE, "server shutting down");
}

static void longpoll_drain(struct backend *base)
{
	struct longpoll *b = container_of(base, struct longpoll, base);

	b->draining = true;
	/* What is queued for a pending GET goes before the farewell. */
	hub_flush(base->env.hub);
	close_all(b);
}

static void longpoll_stop(struct backend *base)
{
	struct longpoll *b = container_of(base, struct longpoll, base);

	close_all(b);
	reaper_release(&b->reaper);
	if (b->shared)
		http_response_unref(b->shared);
	map_release(&b->by_sid);
	free(b);
}

const struct backend_ops backend_longpoll = {
	.name = "longpoll",
	.start = longpoll_start,
	.drain = longpoll_drain,
	.stop = longpoll_stop,
};
