/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/longpoll/engine.h"
#include "servers/wire/json.h"
#include "servers/wire/socketio.h"

/* Namespaces of one connection. */
#define SOCKETS_MAX 64

/*
 * A binary event whose attachments are still to come. It is bounded by ten
 * attachments and the payload limit of all of them together.
 */
struct socket_assembly {
	struct buf head;  /* the text packet */
	struct buf bytes; /* the attachments, one after another */
	size_t ends[SOCKETIO_MAX_ATTACHMENTS];
	unsigned count, wanted;
};

/* The acknowledgement of one event. */
struct socket_reply {
	struct reply reply;
	struct engine *engine;
	struct slice nsp;
	bool has_id;
	uint64_t id;
};

static void send_packet(struct engine *e, const struct socketio_packet *p)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	CHECK(buf_add_char(&b, '4') == ERR_OK);
	CHECK(socketio_encode(&b, p) == ERR_OK);
	engine_send(e, buf_slice(&b));
	buf_release(&b);
}

/* What the other side must never send ends the connection, as its author
 * would see with the reference server. */
static void protocol_error(struct engine *e)
{
	engine_close(e, ENGINE_SAY_CLOSE, "parse error");
}

static uint32_t find(const struct engine *e, struct slice nsp)
{
	uint32_t i = 0;

	while (i < e->socket_count && !slice_eq(e->sockets[i]->nsp->name, nsp))
		i++;
	return i;
}

static void remove_socket(struct engine *e, uint32_t i, const char *why)
{
	struct session *s = e->sockets[i];

	e->sockets[i] = e->sockets[--e->socket_count];
	hub_disconnect(s, why);
}

void socket_release_all(struct engine *e, const char *why)
{
	while (e->socket_count > 0)
		remove_socket(e, e->socket_count - 1, why);
	free(e->sockets);
	e->sockets = NULL;
	if (e->assembly) {
		buf_release(&e->assembly->head);
		buf_release(&e->assembly->bytes);
		free(e->assembly);
		e->assembly = NULL;
	}
}

/* CONNECT */

static void send_connect_error(struct engine *e, struct slice nsp,
			       const struct refusal *why)
{
	struct socketio_packet p = {.type = SOCKETIO_CONNECT_ERROR, .nsp = nsp};
	struct buf json;

	buf_init(&json, BUF_UNLIMITED);
	CHECK(buf_add_str(&json, "{\"message\":") == ERR_OK);
	CHECK(json_add_string(&json, slice_str(why->message)) == ERR_OK);
	if (why->data)
		CHECK(buf_printf(&json, ",\"data\":%s", why->data) == ERR_OK);
	CHECK(buf_add_char(&json, '}') == ERR_OK);
	p.data = buf_slice(&json);
	send_packet(e, &p);
	buf_release(&json);
}

static void add_socket(struct engine *e, struct session *s)
{
	struct socketio_packet p = {.type = SOCKETIO_CONNECT,
				    .nsp = s->nsp->name};
	char json[SESSION_ID_CHARS + 16];
	int n = snprintf(json, sizeof(json), "{\"sid\":\"%s\"}", s->id);

	e->sockets = xrealloc(e->sockets,
			      (e->socket_count + 1) * sizeof(struct session *));
	e->sockets[e->socket_count++] = s;
	timer_cancel(&e->connect);
	p.data = slice_of(json, (size_t)n);
	send_packet(e, &p);
}

static void connect_socket(struct engine *e, const struct socketio_packet *p)
{
	struct hub *hub = e->transport.hub;
	struct connect_info info = {
		.nsp = p->nsp, .auth = p->data, .address = e->address};
	struct refusal why = {"Invalid namespace", NULL};
	struct session *s;
	enum err err = ERR_LIMIT;

	if (e->socket_count < SOCKETS_MAX)
		err = hub_connect(hub, &info, &e->transport, &why, &s);
	else
		why.message = "Too many namespaces";
	if (err == ERR_OK)
		add_socket(e, s);
	else
		send_connect_error(e, p->nsp, &why);
}

/* EVENT and ACK */

static void reply_ack(struct reply *r, enum err status, struct slice body)
{
	struct socket_reply *s = container_of(r, struct socket_reply, reply);
	struct socketio_packet p = {.type = SOCKETIO_ACK,
				    .nsp = s->nsp,
				    .has_id = true,
				    .id = s->id};
	struct buf json;

	if (!s->has_id || (status == ERR_OK && body.n == 0))
		return;
	buf_init(&json, BUF_UNLIMITED);
	CHECK(buf_add_char(&json, '[') == ERR_OK);
	if (status == ERR_OK) {
		CHECK(buf_add_slice(&json, body) == ERR_OK);
	} else {
		CHECK(buf_add_str(&json, "{\"error\":") == ERR_OK);
		CHECK(json_add_string(&json, body) == ERR_OK);
		CHECK(buf_add_char(&json, '}') == ERR_OK);
	}
	CHECK(buf_add_char(&json, ']') == ERR_OK);
	p.data = buf_slice(&json);
	send_packet(s->engine, &p);
	buf_release(&json);
}

/* Cuts `["name",args...]` into the name's value and the arguments' text. */
static void cut_event(struct slice array, struct slice *name,
		      struct slice *args)
{
	struct json_iter it;
	struct slice inner;

	CHECK(json_array(array, &it) && json_next_element(&it, name));
	/* What follows the name's value, up to the closing bracket. */
	inner = slice_of(name->p + name->n,
			 (size_t)(array.p + array.n - 1 - name->p) - name->n);
	inner = json_trim(inner);
	*args = inner.n > 0 ? json_trim(slice_after(inner, 1)) : inner;
}

static void run_event(struct engine *e, struct session *s,
		      const struct socketio_packet *p,
		      const struct slice *attachments, unsigned count)
{
	struct hub *hub = e->transport.hub;
	struct socket_reply r = {.reply = {reply_ack},
				 .engine = e,
				 .nsp = s->nsp->name,
				 .has_id = p->has_id,
				 .id = p->id};
	struct app_event event = {.attachments = attachments,
				  .attachment_count = count};
	struct slice name;
	struct buf scratch;

	cut_event(json_trim(p->data), &name, &event.args);
	buf_init(&scratch, BUF_UNLIMITED);
	event.name = name; /* a number stands for itself */
	if (json_type(name) == JSON_STRING &&
	    json_string(name, &scratch, &event.name) != ERR_OK)
		protocol_error(e);
	else
		hub->app->on_event(hub, s, &event, &r.reply);
	buf_release(&scratch);
}

static void start_assembly(struct engine *e, struct slice text, unsigned wanted)
{
	struct socket_assembly *a = xcalloc(1, sizeof(*a));

	buf_init(&a->head, BUF_UNLIMITED);
	buf_init(&a->bytes, e->backend->base.env.options->max_payload);
	CHECK(buf_add_slice(&a->head, text) == ERR_OK);
	a->wanted = wanted;
	e->assembly = a;
}

static void handle(struct engine *e, const struct socketio_packet *p,
		   const struct slice *attachments, unsigned count)
{
	uint32_t i = find(e, p->nsp);
	bool known = i < e->socket_count;

	switch (p->type) {
	case SOCKETIO_CONNECT:
		if (known)
			protocol_error(e);
		else
			connect_socket(e, p);
		break;
	case SOCKETIO_DISCONNECT:
		if (known)
			remove_socket(e, i, "client namespace disconnect");
		else
			protocol_error(e);
		break;
	case SOCKETIO_EVENT:
	case SOCKETIO_BINARY_EVENT:
		if (known)
			run_event(e, e->sockets[i], p, attachments, count);
		else
			protocol_error(e);
		break;
	case SOCKETIO_ACK:
	case SOCKETIO_BINARY_ACK:
		/* The relay asks for none: an answer to nothing is ignored. */
		if (!known)
			protocol_error(e);
		break;
	default:
		protocol_error(e);
	}
}

void socket_receive(struct engine *e, struct slice text)
{
	struct socketio_packet p;

	if (e->assembly || socketio_decode(text, &p) != ERR_OK)
		protocol_error(e);
	else if (p.attachments > 0)
		start_assembly(e, text, p.attachments);
	else
		handle(e, &p, NULL, 0);
}

/* All attachments are there: the packet is handled, the assembly freed. */
static void finish_assembly(struct engine *e)
{
	struct socket_assembly *a = e->assembly;
	struct slice attachments[SOCKETIO_MAX_ATTACHMENTS];
	struct socketio_packet p;
	size_t start = 0;

	for (unsigned i = 0; i < a->count; i++) {
		attachments[i] =
			slice_of(a->bytes.data + start, a->ends[i] - start);
		start = a->ends[i];
	}
	e->assembly = NULL;
	CHECK(socketio_decode(buf_slice(&a->head), &p) == ERR_OK);
	handle(e, &p, attachments, a->count);
	buf_release(&a->head);
	buf_release(&a->bytes);
	free(a);
}

void socket_receive_binary(struct engine *e, struct slice bytes)
{
	struct socket_assembly *a = e->assembly;

	if (!a || buf_add_slice(&a->bytes, bytes) != ERR_OK) {
		protocol_error(e);
		return;
	}
	a->ends[a->count++] = a->bytes.len;
	if (a->count == a->wanted)
		finish_assembly(e);
}
