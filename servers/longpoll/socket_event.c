/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/longpoll/socket.h"
#include "servers/wire/json.h"
#include "servers/wire/placeholder.h"

/* The acknowledgement of one event; on the heap when it is deferred. */
struct socket_reply {
	struct reply reply;
	struct engine *engine;
	struct slice nsp; /* lives as long as the session does */
	bool has_id;
	uint64_t id;
};

static void must(enum err e)
{
	CHECK(e == ERR_OK);
}

/* Appends `[args...]`: of an error, the object that tells of it. */
static void add_answer(struct buf *json, enum err status, struct slice body)
{
	must(buf_add_char(json, '['));
	if (status == ERR_OK) {
		must(buf_add_slice(json, body));
	} else {
		must(buf_add_str(json, "{\"error\":"));
		must(json_add_string(json, body));
		must(buf_add_char(json, '}'));
	}
	must(buf_add_char(json, ']'));
}

static void reply_ack(struct reply *r, enum err status, struct slice body)
{
	struct socket_reply *s = container_of(r, struct socket_reply, reply);
	struct socket_packet p = {
		.head = {.type = SOCKETIO_ACK,
			 .nsp = s->nsp,
			 .has_id = true,
			 .id = s->id},
	};
	struct buf json;

	if (!s->has_id || (status == ERR_OK && body.n == 0 && !r->args))
		return;
	if (status == ERR_OK && r->attachment_count) {
		p.head.type = SOCKETIO_BINARY_ACK;
		p.head.attachments = r->attachment_count;
		p.attachments = r->attachments;
		p.attachment_count = r->attachment_count;
	}
	buf_init(&json, BUF_UNLIMITED);
	add_answer(&json, status, body);
	p.head.data = buf_slice(&json);
	socket_send(s->engine, &p);
	buf_release(&json);
}

static void reply_late(struct reply *r, enum err status, struct slice body)
{
	/* Who has left the namespace is told nothing about it. */
	if (status != ERR_CLOSED)
		reply_ack(r, status, body);
	free(container_of(r, struct socket_reply, reply));
}

static struct reply *reply_to_later(struct reply *r)
{
	struct socket_reply *s = container_of(r, struct socket_reply, reply);
	struct socket_reply *late;

	if (!s->has_id)
		return NULL;
	late = xmalloc(sizeof(*late));
	*late = *s;
	late->reply = (struct reply){.send = reply_late};
	return &late->reply;
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

void socket_event(struct engine *e, struct session *s,
		  const struct socket_packet *p)
{
	struct hub *hub = e->transport.hub;
	struct socket_reply r = {
		.reply = {.send = reply_ack, .defer = reply_to_later},
		.engine = e,
		.nsp = s->nsp->name,
		.has_id = p->head.has_id,
		.id = p->head.id};
	struct app_event event = {.attachments = p->attachments,
				  .attachment_count = p->attachment_count};
	struct slice name;
	struct buf scratch;

	cut_event(json_trim(p->head.data), &name, &event.args);
	buf_init(&scratch, BUF_UNLIMITED);
	event.name = name; /* a number stands for itself */
	if (json_type(name) == JSON_STRING &&
	    json_string(name, &scratch, &event.name) != ERR_OK)
		socket_protocol_error(e);
	else
		hub->app->on_event(hub, s, &event, &r.reply);
	buf_release(&scratch);
}

/* As in the reference server, the first argument is the answer. */
void socket_ack(struct session *s, const struct socket_packet *p)
{
	struct slice value = SLICE("null");
	struct json_iter it;
	struct buf json;

	if (!p->head.has_id)
		return;
	if (json_array(p->head.data, &it))
		(void)json_next_element(&it, &value);
	if (!p->attachment_count) {
		(void)ask_answer(s, p->head.id, value);
		return;
	}
	buf_init(&json, BUF_UNLIMITED);
	must(placeholders_inline(&json, value, p->attachments,
				 p->attachment_count));
	(void)ask_answer(s, p->head.id, buf_slice(&json));
	buf_release(&json);
}
