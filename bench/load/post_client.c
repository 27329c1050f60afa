/* SPDX-License-Identifier: MIT */
/* The publisher of plain.h. */
#include "bench/load/plain.h"
#include "clients/keepalive.h"
#include "servers/base/check.h"

#define HEAD_MAX 2048 /* bytes of a request's head */

struct post_client {
	struct client base;
	struct keepalive link;
	struct buf head; /* of the request at hand */
	struct buf ids;	 /* uint64_t each: in flight, oldest first */
};

static struct post_client *of_client(struct client *c)
{
	return container_of(c, struct post_client, base);
}

/* Answers */

static uint64_t pop_id(struct post_client *p)
{
	uint64_t id = 0;

	if (p->ids.len >= sizeof(id)) {
		memcpy(&id, p->ids.data, sizeof(id));
		buf_consume(&p->ids, sizeof(id));
	}
	return id;
}

static void on_answer(struct keepalive *k, unsigned status, struct slice body)
{
	struct post_client *p = container_of(k, struct post_client, link);
	struct client *c = &p->base;
	uint64_t id = pop_id(p);
	bool ok = status >= 200 && status < 300;

	if (c->closed)
		return;
	if (id != 0)
		c->events->on_answer(c, id, ok, body);
	else if (!ok)
		client_fail_status(c, status);
}

/* Whether they were published is not known: nothing can be counted on. */
static void on_lost(struct keepalive *k, unsigned lost, enum err err,
		    const char *why)
{
	struct post_client *p = container_of(k, struct post_client, link);

	(void)lost;
	client_fail(&p->base, err, why);
}

static const struct keepalive_ops link_callbacks = {
	.on_answer = on_answer,
	.on_lost = on_lost,
};

/* Operations */

static enum err start(struct client *c)
{
	struct post_client *p = of_client(c);

	keepalive_init(&p->link, c, &link_callbacks, 0);
	buf_init(&p->head, HEAD_MAX);
	buf_init(&p->ids, CLIENT_OUT_MAX);
	client_mark_dirty(c); /* opens in flush() */
	return ERR_OK;
}

static enum err build_head(struct buf *b, const struct client_options *o,
			   const struct client_command *cmd)
{
	enum err e;

	buf_clear(b);
	e = buf_add_str(b, "POST /publish?room=");
	if (!e)
		e = http1_add_query(b, cmd->room);
	if (!e)
		e = buf_add_str(b, " HTTP/1.1\r\n");
	if (!e)
		e = client_add_host(b, o);
	return e ? e
		 : buf_printf(b,
			      "Content-Type: application/json\r\n"
			      "Content-Length: %zu\r\n\r\n",
			      cmd->data.n);
}

static void command(struct client *c, const struct client_command *cmd)
{
	struct post_client *p = of_client(c);
	enum err e;

	if (cmd->type != CLIENT_PUBLISH) {
		if (cmd->id != 0)
			c->events->on_answer(c, cmd->id, false,
					     SLICE("not possible here"));
		return;
	}
	e = build_head(&p->head, &c->options, cmd);
	if (!e)
		e = buf_add(&p->ids, &cmd->id, sizeof(cmd->id));
	if (!e)
		e = keepalive_add(&p->link, buf_slice(&p->head), cmd->data);
	if (e)
		client_fail(c, e, "the server does not read what is sent");
	else
		client_mark_dirty(c);
}

static void flush(struct client *c)
{
	if (c->open)
		keepalive_flush(&of_client(c)->link);
	else
		client_opened(c);
}

static void close_link(struct client *c)
{
	keepalive_close(&of_client(c)->link);
}

static void release(struct client *c)
{
	struct post_client *p = of_client(c);

	keepalive_release(&p->link);
	buf_release(&p->head);
	buf_release(&p->ids);
}

const struct client_ops client_post = {
	.name = "post",
	.path = "/publish",
	.start = start,
	.command = command,
	.flush = flush,
	.close = close_link,
	.release = release,
	.size = sizeof(struct post_client),
};
