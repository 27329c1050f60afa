/* SPDX-License-Identifier: MIT */
#include "servers/longpoll/longpoll.h"

#include <stdio.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/longpoll/carrier.h"
#include "servers/longpoll/engine.h"
#include "servers/longpoll/polling.h"

#define SOCKETIO_PATH "/socket.io/"
#define ECHO_PATH "/engine.io/"

/* Requests, and the reference server's answers to what it does not accept */

enum refusal_code {
	UNKNOWN_TRANSPORT,
	UNKNOWN_SID,
	BAD_HANDSHAKE_METHOD,
	BAD_REQUEST,
	FORBIDDEN,
	UNSUPPORTED_VERSION,
	ACCEPTED,
};

static const char *const refusal_text[] = {
	[UNKNOWN_TRANSPORT] = "Transport unknown",
	[UNKNOWN_SID] = "Session ID unknown",
	[BAD_HANDSHAKE_METHOD] = "Bad handshake method",
	[BAD_REQUEST] = "Bad request",
	[FORBIDDEN] = "Forbidden",
	[UNSUPPORTED_VERSION] = "Unsupported protocol version",
};

struct query {
	bool polling, websocket; /* the transport, one that is offered */
	bool upgrade;		 /* it asks for a WebSocket */
	bool version_4;
	struct slice sid; /* empty: there is none */
};

static bool says(const struct http_request *r, const char *name,
		 const char *expected)
{
	struct slice value;

	return http_request_query(r, name, &value) && slice_is(value, expected);
}

static void read_query(const struct longpoll *b, const struct http_request *r,
		       struct query *q)
{
	const struct backend_options *o = b->base.env.options;

	*q = (struct query){
		.polling =
			o->transport_polling && says(r, "transport", "polling"),
		.websocket = o->transport_websocket &&
			     says(r, "transport", "websocket"),
		.upgrade = o->transport_websocket &&
			   http_request_header_has(r, "Upgrade", "websocket") &&
			   http_request_header_has(r, "Connection", "upgrade"),
		.version_4 = says(r, "EIO", "4"),
	};
	if (!http_request_query(r, "sid", &q->sid))
		q->sid = (struct slice){0};
}

static enum refusal_code check_handshake(const struct longpoll *b,
					 const struct http_request *r,
					 const struct query *q)
{
	if (http_request_method(r) != HTTP_GET)
		return BAD_HANDSHAKE_METHOD;
	if (q->websocket && !q->upgrade)
		return BAD_REQUEST;
	if (!q->version_4)
		return UNSUPPORTED_VERSION;
	return b->draining ? FORBIDDEN : ACCEPTED;
}

/* `e` is who the id names on this endpoint, or NULL. */
static enum refusal_code check_query(const struct longpoll *b,
				     const struct http_request *r,
				     const struct query *q,
				     const struct engine *e)
{
	if (!q->polling && !q->websocket)
		return UNKNOWN_TRANSPORT;
	if (q->sid.n == 0)
		return check_handshake(b, r, q);
	if (!e)
		return UNKNOWN_SID;
	if (!q->version_4)
		return BAD_REQUEST;
	/* A session that has gone over to WebSocket polls no more. */
	if (q->polling ? e->carrier != NULL : !q->upgrade)
		return BAD_REQUEST;
	return ACCEPTED;
}

/* A WebSocket's client cannot read a body: it gets the bare words. */
static void refuse(struct http_request *r, const struct query *q,
		   enum refusal_code code)
{
	const char *text = refusal_text[code];
	struct http_response *p;
	char body[80];
	int n;

	if (q->upgrade) {
		p = http_response_new(400, "text/html", slice_str(text));
		http_respond_close(r, p);
		http_response_unref(p);
		return;
	}
	n = snprintf(body, sizeof(body), "{\"code\":%d,\"message\":\"%s\"}",
		     (int)code, text);
	http_respond(r, code == FORBIDDEN ? 403 : 400, "application/json",
		     slice_of(body, (size_t)n));
}

static void serve(const struct endpoint *at, struct http_request *r,
		  const struct query *q, struct engine *e)
{
	if (e && !q->websocket)
		http_request_own(r, &e->owner);
	if (q->websocket)
		carrier_open(at, r, q->sid);
	else if (!e)
		polling_open(at, r);
	else if (http_request_method(r) == HTTP_GET)
		polling_get(e, r);
	else if (http_request_method(r) == HTTP_POST)
		polling_post(e, r);
	else
		http_respond(r, 500, NULL, (struct slice){0});
}

static struct engine *find_engine(const struct endpoint *at, struct slice sid)
{
	struct engine *e = NULL;

	if (sid.n > 0)
		e = map_get(&at->backend->by_sid, sid);
	return e && e->user == at->user ? e : NULL;
}

static void on_request(struct http_request *r, void *arg)
{
	const struct endpoint *at = arg;
	struct longpoll *b = at->backend;
	enum refusal_code code;
	struct engine *e;
	struct query q;

	read_query(b, r, &q);
	e = find_engine(at, q.sid);
	code = check_query(b, r, &q, e);
	if (code == ACCEPTED)
		serve(at, r, &q, e);
	else
		refuse(r, &q, code);
}

static void on_upload(struct http_request *r, enum http_upload what, void *arg)
{
	const struct endpoint *at = arg;
	struct slice sid;
	struct engine *e = NULL;

	if (http_request_method(r) == HTTP_POST &&
	    says(r, "transport", "polling") &&
	    http_request_query(r, "sid", &sid))
		e = find_engine(at, sid);
	if (e && !e->carrier)
		polling_upload(e, what);
}

/* A body that is too large gets a bare 413, a foreign page Engine.IO's 403. */
static bool on_refusal(struct http_request *r, unsigned status, void *arg)
{
	struct http_response *p;
	const char *type = NULL;
	struct slice body = {0};

	(void)arg;
	if (status == 403 &&
	    !http_request_header_has(r, "Upgrade", "websocket")) {
		type = "application/json";
		body = SLICE("{\"code\":4,\"message\":\"Forbidden\"}");
	} else if (status != 413) {
		return false;
	}
	p = http_response_new(status, type, body);
	http_respond_close(r, p);
	http_response_unref(p);
	return true;
}

/* Life cycle */

static void add_route(struct longpoll *b, const char *path, struct endpoint *at,
		      const struct engine_user_ops *user)
{
	*at = (struct endpoint){.backend = b, .user = user};
	http_route(b->base.env.http,
		   &(struct http_route){
			   .path = path,
			   .methods = HTTP_ANY,
			   .max_body = b->base.env.options->max_payload,
			   .while_draining = true,
			   .handle = on_request,
			   .on_upload = on_upload,
			   .on_refusal = on_refusal,
			   .arg = at});
}

static struct backend *longpoll_start(const struct backend_env *env)
{
	struct longpoll *b = xcalloc(1, sizeof(*b));

	b->base.ops = &backend_longpoll;
	b->base.env = *env;
	map_init(&b->by_sid);
	list_init(&b->engines);
	list_init(&b->leaving);
	list_init(&b->carriers);
	polling_init(b);
	/* It tells of dead WebSockets before the reaper frees sessions. */
	websocket_hub_init(&b->sockets, &b->base, false);
	reaper_init(&b->reaper, env->loop, engine_reap);
	add_route(b, SOCKETIO_PATH, &b->socketio, &engine_socketio);
	if (!env->hub->app->commands)
		add_route(b, ECHO_PATH, &b->echo, &engine_echo);
	return &b->base;
}

static void longpoll_drain(struct backend *base)
{
	struct longpoll *b = container_of(base, struct longpoll, base);

	b->draining = true;
	LIST_FOREACH (it, &b->leaving)
		engine_vanish(list_entry(it, struct engine, link));
	LIST_FOREACH (it, &b->engines) {
		struct engine *e = list_entry(it, struct engine, link);

		if (!e->carrier) {
			polling_drain(e);
			continue;
		}
		websocket_close(&e->carrier->socket, WS_CLOSE_GOING_AWAY,
				SLICE("the server is going away"));
		engine_close(e, ENGINE_SAY_CLOSE, "server shutting down");
	}
}

static void longpoll_stop(struct backend *base)
{
	struct longpoll *b = container_of(base, struct longpoll, base);

	b->draining = true; /* nobody lingers */
	LIST_FOREACH (it, &b->engines)
		engine_close(list_entry(it, struct engine, link),
			     ENGINE_SAY_CLOSE, "server shutting down");
	reaper_release(&b->reaper);
	LIST_FOREACH (it, &b->carriers)
		carrier_free(list_entry(it, struct carrier, link));
	LIST_FOREACH (it, &b->leaving)
		engine_vanish(list_entry(it, struct engine, link));
	websocket_hub_release(&b->sockets);
	polling_release(b);
	map_release(&b->by_sid);
	free(b);
}

const struct backend_ops backend_longpoll = {
	.name = "longpoll",
	.start = longpoll_start,
	.drain = longpoll_drain,
	.stop = longpoll_stop,
};
