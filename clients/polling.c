/* SPDX-License-Identifier: MIT */
#include "clients/polling.h"

#include <stdio.h>
#include <stdlib.h>

#include "clients/env.h"
#include "servers/base/check.h"
#include "servers/wire/engineio.h"

#define HEAD_MAX 4096	  /* bytes of a request's head */
#define POST_IDLE_MS 5000 /* idle connections cost the server memory */
#define SHOWN_MAX 200	  /* bytes of an error's body that a person sees */

static struct client *client_of(const struct polling *p)
{
	return p->poll.client;
}

/* Requests */

static const char get_method[] = "GET ";

/* The target of all requests of this session, from the path on. */
static struct slice target_of(const struct polling *p)
{
	return slice_of(p->get.data + sizeof(get_method) - 1, p->target_len);
}

static enum err set_get(struct polling *p, const char *sid)
{
	const struct client_options *o = &client_of(p)->options;
	struct buf *b = &p->get;
	enum err e;

	buf_clear(b);
	e = buf_add_str(b, get_method);
	if (!e)
		e = client_add_target(b, o, client_longpoll.path,
				      "EIO=4&transport=polling", false);
	if (!e && sid[0])
		e = buf_add_str(b, "&sid=");
	if (!e)
		e = http1_add_query(b, slice_str(sid));
	p->target_len = (uint32_t)(b->len - (sizeof(get_method) - 1));
	if (!e)
		e = buf_add_str(b, " HTTP/1.1\r\n");
	if (!e)
		e = client_add_host(b, o);
	if (!e)
		e = buf_add_str(b, "\r\n");
	return e;
}

static void send_get(struct polling *p)
{
	p->waiting = POLLING_PACKETS;
	if (keepalive_add(&p->poll, buf_slice(&p->get), slice_of(NULL, 0)))
		p->ops->on_lost(p, 0, ERR_LIMIT, "the server does not read");
	else
		keepalive_flush(&p->poll);
}

/* How many bytes of the packets one body may hold: whole packets, one at least.
 */
static size_t body_length(const struct polling *p)
{
	const char *end;
	size_t n = p->packets.len;

	if (p->max_payload == 0 || n <= p->max_payload)
		return n;
	end = memrchr(p->packets.data, ENGINEIO_SEPARATOR, p->max_payload + 1);
	if (!end)
		end = memchr(p->packets.data, ENGINEIO_SEPARATOR, n);
	return end ? (size_t)(end - p->packets.data) : n;
}

static enum err add_post(struct polling *p, struct keepalive *link,
			 struct slice body)
{
	struct client *c = client_of(p);
	struct buf *b = &c->env->command;
	enum err e;

	buf_clear(b);
	e = buf_printf(b, "POST %.*s HTTP/1.1\r\n", SLICE_ARG(target_of(p)));
	if (!e)
		e = client_add_host(b, &c->options);
	if (!e)
		e = buf_printf(b,
			       "Content-Type: text/plain;charset=UTF-8\r\n"
			       "Content-Length: %zu\r\n\r\n",
			       body.n);
	return e ? e : keepalive_add(link, buf_slice(b), body);
}

static void send_post(struct polling *p, struct keepalive *link)
{
	struct slice body = slice_of(p->packets.data, body_length(p));
	enum err e = add_post(p, link, body);

	if (e) {
		p->ops->on_lost(p, 0, e, "the server does not read");
		return;
	}
	/* The separator goes with what it followed. */
	if (body.n < p->packets.len)
		body.n++;
	buf_consume(&p->packets, body.n);
	if (p->packets.len == 0 && p->packets.cap > CLIENT_OUT_KEEP)
		buf_release(&p->packets);
	p->posting = true;
	p->urgent = p->urgent && p->packets.len > 0;
	keepalive_flush(link);
}

/* Answers */

static void on_status(struct polling *p, unsigned status, struct slice body)
{
	char why[SHOWN_MAX + 64];

	if (body.n > SHOWN_MAX)
		body.n = SHOWN_MAX;
	(void)snprintf(why, sizeof(why),
		       "the server answered with HTTP status %u: %.*s", status,
		       SLICE_ARG(body));
	p->ops->on_lost(p, status, ERR_REFUSED, why);
}

static bool on_poll_chunk(struct keepalive *k, struct slice chunk)
{
	struct polling *p = container_of(k, struct polling, poll);
	struct client *c = k->client;

	if (p->waiting != POLLING_PACKETS || !p->decode ||
	    memo_deliver(&c->env->memo, c, chunk, p->decode) == MEMO_REFUSED)
		return false;
	polling_flush(p);
	return true;
}

static void on_poll_answer(struct keepalive *k, unsigned status,
			   struct slice body)
{
	struct polling *p = container_of(k, struct polling, poll);
	struct slice packet;

	if (status != 200) {
		on_status(p, status, body);
		return;
	}
	if (p->waiting == POLLING_POSTED) {
		p->posting = false;
		polling_flush(p);
		return;
	}
	while (!k->client->closed && engineio_split(&body, &packet))
		p->ops->on_packet(p, packet);
	if (p->waiting == POLLING_OPEN && !k->client->closed)
		p->ops->on_lost(p, 0, ERR_PROTO, "the open packet is missing");
	polling_flush(p);
}

static void on_poll_lost(struct keepalive *k, unsigned lost, enum err err,
			 const char *why)
{
	struct polling *p = container_of(k, struct polling, poll);

	(void)lost;
	p->ops->on_lost(p, 0, err, why);
}

static const struct keepalive_ops poll_callbacks = {
	.on_answer = on_poll_answer,
	.on_lost = on_poll_lost,
	.on_chunk = on_poll_chunk,
};

/* The second connection, which knows whose it is. */
struct post_link {
	struct keepalive base;
	struct polling *owner;
};

static struct polling *owner_of(struct keepalive *k)
{
	return container_of(k, struct post_link, base)->owner;
}

static void on_post_answer(struct keepalive *k, unsigned status,
			   struct slice body)
{
	struct polling *p = owner_of(k);

	if (status != 200) {
		on_status(p, status, body);
		return;
	}
	p->posting = false;
	polling_flush(p);
}

static void on_post_lost(struct keepalive *k, unsigned lost, enum err err,
			 const char *why)
{
	(void)lost;
	owner_of(k)->ops->on_lost(owner_of(k), 0, err, why);
}

static const struct keepalive_ops post_callbacks = {
	.on_answer = on_post_answer,
	.on_lost = on_post_lost,
};

static struct keepalive *post_link(struct polling *p)
{
	struct post_link *l;

	if (p->post)
		return p->post;
	l = xcalloc(1, sizeof(*l));
	keepalive_init(&l->base, client_of(p), &post_callbacks, POST_IDLE_MS);
	l->owner = p;
	p->post = &l->base;
	return p->post;
}

/* Life cycle */

void polling_init(struct polling *p, struct client *client,
		  const struct polling_ops *ops)
{
	*p = (struct polling){.ops = ops};
	keepalive_init(&p->poll, client, &poll_callbacks, 0);
	buf_init(&p->get, HEAD_MAX);
	buf_init(&p->packets, CLIENT_OUT_MAX);
}

void polling_close(struct polling *p)
{
	keepalive_close(&p->poll);
	if (p->post)
		keepalive_close(p->post);
}

void polling_release(struct polling *p)
{
	keepalive_release(&p->poll);
	if (p->post) {
		keepalive_release(p->post);
		free(container_of(p->post, struct post_link, base));
		p->post = NULL;
	}
	buf_release(&p->get);
	buf_release(&p->packets);
}

enum err polling_start(struct polling *p)
{
	enum err e = set_get(p, "");

	p->waiting = POLLING_OPEN;
	if (!e)
		e = keepalive_add(&p->poll, buf_slice(&p->get),
				  slice_of(NULL, 0));
	if (!e)
		e = keepalive_connect(&p->poll);
	return e;
}

enum err polling_session(struct polling *p, const char *sid, size_t max_payload)
{
	p->max_payload = max_payload;
	p->waiting = POLLING_PACKETS;
	return set_get(p, sid);
}

/* Operations */

enum err polling_send(struct polling *p, struct slice packet)
{
	struct buf *b = &p->packets;
	enum err e = buf_reserve(b, packet.n + 1);

	if (!e && b->len > 0)
		e = buf_add_char(b, ENGINEIO_SEPARATOR);
	if (!e)
		e = buf_add_slice(b, packet);
	return e;
}

void polling_flush(struct polling *p)
{
	bool free_poll = p->poll.in_flight == 0;

	if (client_of(p)->closed)
		return;
	if (p->paused) {
		if (free_poll && !p->posting)
			p->ops->on_paused(p);
		return;
	}
	if (p->packets.len > 0 && !p->posting) {
		if (free_poll && p->urgent) {
			p->waiting = POLLING_POSTED;
			send_post(p, &p->poll);
			return;
		}
		send_post(p, post_link(p));
	}
	if (free_poll && !client_of(p)->closed)
		send_get(p);
}

void polling_leave(struct polling *p, struct slice packets)
{
	struct keepalive *k = &p->poll;

	if (p->waiting == POLLING_PACKETS && k->in_flight > 0)
		return;
	if (conn_open(&k->conn) && !k->conn.connecting &&
	    add_post(p, k, packets) == ERR_OK)
		keepalive_flush(k);
}

void polling_pause(struct polling *p)
{
	p->paused = true;
	polling_flush(p);
}

void polling_resume(struct polling *p)
{
	p->paused = false;
	polling_flush(p);
}
