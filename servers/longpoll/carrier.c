/* SPDX-License-Identifier: MIT */
#include "servers/longpoll/carrier.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/longpoll/polling.h"
#include "servers/longpoll/socket.h"
#include "servers/longpoll/upgrade.h"

/* A handshake under way: the request is gone when the socket arrives. */
struct pending {
	const struct endpoint *at;
	char *address;
	char sid[ENGINE_SID_CHARS + 1]; /* empty: a session is to be made */
};

/* The transport of a session that it carries */

static void flush(struct transport *t)
{
	struct engine *e = container_of(t, struct engine, transport);

	if (e->carrier)
		websocket_flush(&e->carrier->socket);
}

static void kick(struct transport *t, enum kick_reason why)
{
	struct engine *e = container_of(t, struct engine, transport);

	/* The first to close it says why. */
	if (e->carrier)
		websocket_kick(&e->carrier->socket, why);
	engine_close(e, ENGINE_SAY_CLOSE,
		     why == KICK_SHUTDOWN ? "server shutting down"
					  : "transport error");
}

const struct transport_ops carrier_transport_ops = {
	.flush = flush,
	.kick = kick,
	.expel = socket_expel,
};

/* Receiving */

static void on_message(struct websocket *ws, struct slice payload, bool binary)
{
	struct carrier *c = container_of(ws, struct carrier, socket);

	if (c->upgrade)
		upgrade_receive(c, payload, binary);
	else if (binary)
		engine_receive_binary(c->engine, payload);
	else
		engine_receive(c->engine, payload);
}

static void on_closed(struct websocket *ws, unsigned code, struct slice reason)
{
	struct carrier *c = container_of(ws, struct carrier, socket);
	struct engine *e = c->upgrade ? NULL : c->engine;
	bool failed = ws->failed;

	(void)code;
	(void)reason;
	carrier_free(c);
	if (!e)
		return;
	engine_close(e, ENGINE_SAY_CLOSE,
		     failed ? "transport error" : "transport close");
	engine_release(e);
}

/* What the client has posted comes before what it says here. */
static bool is_ready(struct websocket *ws)
{
	struct carrier *c = container_of(ws, struct carrier, socket);
	struct engine *e = c->upgrade ? NULL : c->engine;

	if (!e || !e->post)
		return true;
	polling_resume(e);
	return false;
}

static const struct websocket_ops socket_ops = {
	.on_message = on_message,
	.is_ready = is_ready,
	.on_closed = on_closed,
};

/* Life cycle */

/* All of it but the socket. */
static void forget(struct carrier *c)
{
	struct engine *e = c->engine;

	if (c->upgrade) {
		upgrade_detach(c);
	} else if (e) {
		e->carrier = NULL;
		e->address = (struct slice){0};
	}
	upgrade_free(c);
	list_remove(&c->link);
	free(c->address);
	free(c);
}

void carrier_free(struct carrier *c)
{
	websocket_release(&c->socket);
	forget(c);
}

void carrier_end(struct engine *e)
{
	if (e->carrier)
		websocket_close(&e->carrier->socket, WS_CLOSE_NONE,
				(struct slice){0});
}

/* Makes the session that a WebSocket opens. False: the socket is bad. */
static bool open_session(struct carrier *c, const struct endpoint *at, int fd)
{
	struct engine *e = engine_new(at->backend, at->user,
				      &carrier_transport_ops, FORMAT_EIO_WS);
	bool ok = websocket_init(&c->socket, &at->backend->sockets, fd,
				 &e->transport, &socket_ops) == ERR_OK;
	struct buf packet;

	if (ok) {
		c->engine = e;
		e->carrier = c;
		e->address = slice_str(c->address);
		buf_init(&packet, BUF_UNLIMITED);
		engine_add_open(e, &packet, false);
		engine_send(e, buf_slice(&packet));
		buf_release(&packet);
	}
	/* Whoever is told of the end must know of the beginning. */
	e->user->opened(e);
	if (!ok)
		engine_close(e, ENGINE_SAY_CLOSE, "transport error");
	return ok;
}

/* Knocks at a session; the door stays shut when there is none to upgrade. */
static bool knock(struct carrier *c, const struct endpoint *at, int fd,
		  struct slice sid)
{
	struct engine *e = map_get(&at->backend->by_sid, sid);

	upgrade_begin(c, at->backend);
	if (websocket_init(&c->socket, &at->backend->sockets, fd,
			   upgrade_transport(c), &socket_ops) != ERR_OK)
		return false;
	if (!e || !upgrade_offer(c, e))
		websocket_close(&c->socket, WS_CLOSE_NONE, (struct slice){0});
	return true;
}

static void free_pending(struct pending *p)
{
	free(p->address);
	free(p);
}

static void on_ready(void *arg, int fd, struct slice ahead)
{
	struct pending *p = arg;
	struct carrier *c;

	if (fd < 0) {
		free_pending(p);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->address = p->address;
	p->address = NULL;
	list_init(&c->link);
	list_append(&p->at->backend->carriers, &c->link);
	if (p->sid[0] ? knock(c, p->at, fd, slice_str(p->sid))
		      : open_session(c, p->at, fd))
		websocket_feed(&c->socket, ahead);
	else
		forget(c);
	free_pending(p);
}

void carrier_open(const struct endpoint *at, struct http_request *r,
		  struct slice sid)
{
	struct pending *p = xcalloc(1, sizeof(*p));
	struct slice address = http_request_address(r);

	CHECK(sid.n < sizeof(p->sid));
	p->at = at;
	p->address = xmemdupz(address.p, address.n);
	if (sid.n > 0)
		memcpy(p->sid, sid.p, sid.n);
	if (!websocket_upgrade(r, NULL, NULL, on_ready, p))
		free_pending(p);
}
