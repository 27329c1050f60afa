/* SPDX-License-Identifier: MIT */
#include "servers/longpoll/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/wire/json.h"

/* Namespaces of one connection. */
#define SOCKETS_MAX 64

static void must(enum err e)
{
	CHECK(e == ERR_OK);
}

void socket_send(struct engine *e, const struct socket_packet *p)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	must(buf_add_char(&b, '4'));
	must(socketio_encode(&b, &p->head));
	engine_send(e, buf_slice(&b));
	buf_release(&b);
	for (unsigned i = 0; i < p->attachment_count; i++)
		engine_send_binary(e, p->attachments[i]);
}

static void send_packet(struct engine *e, const struct socketio_packet *p)
{
	struct socket_packet packet = {.head = *p};

	socket_send(e, &packet);
}

void socket_protocol_error(struct engine *e)
{
	engine_close(e, ENGINE_SAY_CLOSE_LATER, "forced close");
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

	e->socket_count--;
	memmove(&e->sockets[i], &e->sockets[i + 1],
		(e->socket_count - i) * sizeof(struct session *));
	hub_disconnect(s, why);
}

void socket_expel(struct transport *t, struct session *s)
{
	struct engine *e = container_of(t, struct engine, transport);
	struct socketio_packet p = {.type = SOCKETIO_DISCONNECT,
				    .nsp = s->nsp->name};

	send_packet(e, &p);
	remove_socket(e, find(e, s->nsp->name), "server namespace disconnect");
}

static void closed(struct engine *e, const char *why)
{
	timer_cancel(&e->connect);
	while (e->socket_count > 0)
		remove_socket(e, 0, why);
	free(e->sockets);
	e->sockets = NULL;
	socket_assembly_free(e);
}

static void connect_overdue(struct timer *timer)
{
	struct engine *e = container_of(timer, struct engine, connect);

	if (e->socket_count == 0)
		engine_close(e, ENGINE_SAY_CLOSE_LATER, "connect timeout");
}

static void opened(struct engine *e)
{
	const struct backend_env *env = &e->backend->base.env;

	timer_init(&e->connect, connect_overdue);
	timer_arm(loop_wheel(env->loop), &e->connect,
		  env->options->connect_timeout_ms);
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

/* The session is there: the client is told before the app acts on it. */
static void greet(struct session *s)
{
	struct engine *e = container_of(s->transport, struct engine, transport);
	struct socketio_packet p = {.type = SOCKETIO_CONNECT,
				    .nsp = s->nsp->name};
	char json[SESSION_ID_CHARS + SESSION_SID_CHARS + 32];
	int n = snprintf(json, sizeof(json), "{\"sid\":\"%s\"", s->id);

	if (s->pid)
		n += snprintf(json + n, sizeof(json) - (size_t)n,
			      ",\"pid\":\"%s\"", s->pid);
	json[n] = '}';
	e->sockets = xrealloc(e->sockets,
			      (e->socket_count + 1) * sizeof(struct session *));
	e->sockets[e->socket_count++] = s;
	timer_cancel(&e->connect);
	p.data = slice_of(json, (size_t)n + 1);
	send_packet(e, &p);
}

/* A string member of the auth payload; empty when it has none. */
static struct slice auth_text(struct slice auth, const char *name,
			      struct buf *scratch)
{
	struct slice value, text = {NULL, 0};

	buf_init(scratch, BUF_UNLIMITED);
	if (!json_member(auth, name, &value) ||
	    json_type(value) != JSON_STRING ||
	    json_string(value, scratch, &text) != ERR_OK)
		text = (struct slice){NULL, 0};
	return text;
}

static void connect_socket(struct engine *e, const struct socketio_packet *p)
{
	struct hub *hub = e->transport.hub;
	struct connect_info info = {.nsp = p->nsp,
				    .auth = p->data,
				    .address = e->address,
				    .recovers = true,
				    .greet = greet};
	struct refusal why = {"Invalid namespace", NULL};
	struct buf pid = {0}, offset = {0};
	struct session *s;
	enum err err = ERR_LIMIT;

	if (p->data.n && hub->options.recovery_window_ms) {
		info.pid = auth_text(p->data, "pid", &pid);
		info.offset = auth_text(p->data, "offset", &offset);
	}
	if (e->socket_count < SOCKETS_MAX)
		err = hub_connect(hub, &info, &e->transport, &why, &s);
	else
		why.message = "Too many namespaces";
	if (err != ERR_OK)
		send_connect_error(e, p->nsp, &why);
	buf_release(&pid);
	buf_release(&offset);
}

void socket_handle(struct engine *e, const struct socket_packet *p)
{
	uint32_t i = find(e, p->head.nsp);
	struct session *s = i < e->socket_count ? e->sockets[i] : NULL;

	if ((p->head.type == SOCKETIO_CONNECT) == (s != NULL)) {
		socket_protocol_error(e);
		return;
	}
	switch (p->head.type) {
	case SOCKETIO_CONNECT:
		connect_socket(e, &p->head);
		break;
	case SOCKETIO_DISCONNECT:
		remove_socket(e, i, "client namespace disconnect");
		break;
	case SOCKETIO_EVENT:
	case SOCKETIO_BINARY_EVENT:
		socket_event(e, s, p);
		break;
	case SOCKETIO_ACK:
	case SOCKETIO_BINARY_ACK:
		socket_ack(s, p);
		break;
	default:
		socket_protocol_error(e);
	}
}

static void receive_text(struct engine *e, struct slice text)
{
	struct socket_packet p = {0};

	if (e->assembly || socketio_decode(text, &p.head) != ERR_OK)
		socket_protocol_error(e);
	else if (p.head.attachments > 0)
		socket_assembly_start(e, text, p.head.attachments);
	else
		socket_handle(e, &p);
}

const struct engine_user_ops engine_socketio = {
	.opened = opened,
	.text = receive_text,
	.binary = socket_assembly_add,
	.closed = closed,
};
