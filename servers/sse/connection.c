/* SPDX-License-Identifier: MIT */
#include "servers/sse/connection.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/random.h"
#include "servers/core/hub.h"

struct slice sse_connection_sid(const struct sse_connection *c)
{
	return slice_of(c->sid, SESSION_SID_CHARS);
}

/* The link is closed; the reaper frees the rest. */
static void ended(struct sse_connection *c, const char *why)
{
	http_adopted_closed(c->backend->base.env.http);
	timer_cancel(&c->timer);
	c->transport.kicked = true;
	c->why = why;
	reaper_add(&c->backend->reaper, &c->link);
}

void sse_connection_end(struct sse_connection *c, const char *why)
{
	if (!conn_open(&c->conn))
		return;
	conn_close(&c->conn);
	ended(c, why);
}

static void end_abruptly(struct sse_connection *c, const char *why)
{
	if (!conn_open(&c->conn))
		return;
	conn_abort(&c->conn);
	ended(c, why);
}

void sse_connection_free(struct list *link)
{
	struct sse_connection *c =
		list_entry(link, struct sse_connection, link);
	struct sse_backend *b = c->backend;

	if (c->session) {
		map_remove(&b->by_sid, sse_connection_sid(c));
		dialect_release(&c->dialect);
		hub_disconnect(c->session, c->why);
	}
	b->base.stats.connections--;
	transport_release(&c->transport);
	free(c);
}

/* Transport */

static void flush(struct transport *t)
{
	struct sse_connection *c =
		container_of(t, struct sse_connection, transport);
	bool closes = false;

	if (!conn_open(&c->conn))
		return;
	if (transport_write(t, &c->conn, &closes) != ERR_OK)
		sse_connection_end(c, "transport error");
	else if (closes)
		sse_connection_end(c, "server shutting down");
}

static void kick(struct transport *t, enum kick_reason why)
{
	struct sse_connection *c =
		container_of(t, struct sse_connection, transport);

	sse_connection_end(c, why == KICK_SLOW ? "too slow"
					       : "server namespace disconnect");
}

static const struct transport_ops transport_ops = {
	.flush = flush,
	.kick = kick,
};

/* Connection */

void sse_connection_send(struct sse_connection *c, struct buf *bytes)
{
	transport_send_private(&c->transport, MSG_BYTES, buf_slice(bytes), 0);
	buf_clear(bytes);
}

/* A client has nothing to say on this connection: read and forget. */
static void on_readable(struct conn *conn)
{
	struct sse_connection *c =
		container_of(conn, struct sse_connection, conn);
	char scratch[2048];
	size_t got;
	enum err e = conn_read(conn, scratch, sizeof(scratch), &got);

	if (e == ERR_OK && got == sizeof(scratch))
		conn_read_later(conn);
	else if (e != ERR_OK && e != ERR_AGAIN)
		sse_connection_end(c, "transport close");
}

static void on_writable(struct conn *conn)
{
	flush(&container_of(conn, struct sse_connection, conn)->transport);
}

static void on_gone(struct conn *conn, enum err why)
{
	(void)why;
	sse_connection_end(container_of(conn, struct sse_connection, conn),
			   "transport close");
}

static const struct conn_ops conn_ops = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_gone = on_gone,
};

/* A queue that is not empty is a heartbeat of its own. */
static void beat(struct sse_connection *c, uint64_t now)
{
	c->beat_ms = now + c->backend->base.env.options->ping_interval_ms;
	if (c->transport.q.count == 0)
		transport_send_private(&c->transport, MSG_BYTES, SLICE(":\n\n"),
				       0);
}

static void on_timer(struct timer *timer)
{
	struct sse_connection *c =
		container_of(timer, struct sse_connection, timer);
	const struct backend_env *env = &c->backend->base.env;
	const struct backend_options *o = env->options;
	uint64_t now = loop_now_ms(env->loop), next;
	enum stall_state stall =
		stall_look(&c->stall, &c->transport, &c->conn, o, now);

	if (stall == STALL_GONE) {
		/* The kernel need not go on sending what nobody takes. */
		end_abruptly(c, "ping timeout");
		return;
	}
	if (now >= c->beat_ms) {
		beat(c, now);
		stall = STALL_WAITING;
	}
	next = c->beat_ms - now;
	if (stall == STALL_WAITING && stall_next(&c->stall, o, now) < next)
		next = stall_next(&c->stall, o, now);
	timer_arm(loop_wheel(env->loop), timer, next);
}

/* Life cycle */

struct sse_connection *sse_connection_new(struct sse_backend *b, int fd)
{
	struct backend_env *env = &b->base.env;
	const struct backend_options *o = env->options;
	struct sse_connection *c = xcalloc(1, sizeof(*c));

	if (conn_adopt(&c->conn, env->loop, fd, &conn_ops) != ERR_OK) {
		http_adopted_closed(env->http);
		free(c);
		return NULL;
	}
	c->backend = b;
	transport_init(&c->transport, &transport_ops, env->hub, &b->base.stats,
		       FORMAT_SSE);
	conn_user_timeout(&c->conn, o->ping_interval_ms + o->ping_timeout_ms);
	c->stall.moved_ms = loop_now_ms(env->loop);
	c->beat_ms = c->stall.moved_ms + o->ping_interval_ms;
	timer_init(&c->timer, on_timer);
	timer_arm(loop_wheel(env->loop), &c->timer, o->ping_interval_ms);
	list_init(&c->link);
	list_append(&b->connections, &c->link);
	b->base.stats.connections++;
	return c;
}

void sse_connection_begin(struct sse_connection *c, struct session *s)
{
	c->session = s;
	dialect_init(&c->dialect, s, c->backend->base.env.options->max_chunked);
	random_id(c->sid, SESSION_SID_CHARS);
	map_put(&c->backend->by_sid, sse_connection_sid(c), c);
}
