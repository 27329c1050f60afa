/* SPDX-License-Identifier: MIT */
#include "clients/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/env.h"
#include "servers/base/check.h"
#include "servers/wire/json.h"

#define REASON_MAX 512 /* bytes of a failure's text */

/* Environment */

/* The owner may queue more from inside: that waits for the next tick. */
static bool flush_dirty(struct loop_hook *h)
{
	struct client_env *env = container_of(h, struct client_env, hook);
	struct list due;

	list_init(&due);
	list_splice(&due, &env->dirty);
	env->flushed_ns = loop_now_ns(env->loop);
	while (!list_empty(&due)) {
		struct client *c = list_entry(due.next, struct client, dirty);

		list_remove(&c->dirty);
		client_enter(c);
		c->ops->flush(c);
		client_exit(c);
	}
	return !list_empty(&env->dirty);
}

struct client_env *client_env_new(struct loop *loop)
{
	struct client_env *env = xcalloc(1, sizeof(*env));

	env->loop = loop;
	list_init(&env->dirty);
	random_bytes(env->rng.s, sizeof(env->rng.s));
	env->pool = ws_pool_new();
	memo_init(&env->memo);
	sse_parser_init(&env->sse, CLIENT_MESSAGE_MAX);
	http1_parser_init(&env->http);
	buf_init(&env->strings, CLIENT_MESSAGE_MAX);
	buf_init(&env->text, BUF_UNLIMITED);
	buf_init(&env->command, CLIENT_OUT_MAX);
	buf_init(&env->bytes, CLIENT_MESSAGE_MAX);
	env->input = xmalloc(CLIENT_INPUT_SIZE);
	env->hook.run = flush_dirty;
	loop_add_hook(loop, &env->hook);
	return env;
}

void client_env_free(struct client_env *env)
{
	if (!env)
		return;
	loop_remove_hook(&env->hook);
	ws_pool_free(env->pool);
	memo_release(&env->memo);
	sse_parser_release(&env->sse);
	http1_parser_release(&env->http);
	buf_release(&env->strings);
	buf_release(&env->text);
	buf_release(&env->command);
	buf_release(&env->bytes);
	free(env->input);
	free(env);
}

/* Life of a client */

const struct client_ops *client_ops_find(const char *name)
{
	static const struct client_ops *const all[] = {
		&client_ws, &client_longpoll, &client_sse};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

static void on_deadline(struct timer *t)
{
	struct client *c = container_of(t, struct client, deadline);

	client_enter(c);
	client_fail(c, ERR_TIMEOUT, "the server did not answer in time");
	client_exit(c);
}

static void destroy(struct client *c)
{
	c->ops->release(c);
	recovery_free(c->recovery);
	free(c);
}

static void on_reconnect(struct timer *t)
{
	struct client *c = container_of(t, struct recovery, timer)->client;
	enum err e;

	client_enter(c);
	c->closed = false;
	c->reason = NULL;
	e = c->ops->restart(c);
	if (e)
		client_fail(c, e == ERR_NOTFOUND ? ERR_REFUSED : e,
			    "cannot connect");
	else
		timer_arm(loop_wheel(c->env->loop), &c->deadline,
			  CLIENT_DEADLINE_MS);
	client_exit(c);
}

enum err client_new(struct client_env *env, const struct client_ops *ops,
		    const struct client_options *options,
		    const struct client_events *events, void *owner,
		    struct client **out)
{
	struct client *c = xcalloc(1, ops->size);
	enum err e;

	c->ops = ops;
	c->events = events;
	c->env = env;
	c->owner = owner;
	c->options = *options;
	list_init(&c->dirty);
	timer_init(&c->deadline, on_deadline);
	if (options->reconnect && ops->restart) {
		c->recovery = recovery_new(c);
		timer_init(&c->recovery->timer, on_reconnect);
	}
	e = ops->start(c);
	if (e) {
		c->closed = true;
		c->ops->close(c);
		destroy(c);
		return e;
	}
	timer_arm(loop_wheel(env->loop), &c->deadline, CLIENT_DEADLINE_MS);
	*out = c;
	return ERR_OK;
}

static void shut(struct client *c)
{
	if (c->recovery)
		timer_cancel(&c->recovery->timer);
	if (c->closed)
		return;
	c->closed = true;
	list_remove(&c->dirty);
	timer_cancel(&c->deadline);
	c->ops->close(c);
}

void client_free(struct client *c)
{
	if (!c)
		return;
	c->leaving = true;
	shut(c);
	if (c->busy)
		c->freed = true;
	else
		destroy(c);
}

void client_enter(struct client *c)
{
	c->busy++;
}

void client_exit(struct client *c)
{
	if (--c->busy == 0 && c->freed)
		destroy(c);
}

/*
 * Who queues something after this tick's hook has run must not wait for the
 * next event.
 */
void client_mark_dirty(struct client *c)
{
	struct client_env *env = c->env;

	if (c->closed || list_linked(&c->dirty))
		return;
	list_append(&env->dirty, &c->dirty);
	if (env->flushed_ns == loop_now_ns(env->loop))
		loop_wake_within(env->loop, 0);
}

void client_mask(struct client *c, unsigned char key[4])
{
	struct client_env *env = c->env;

	/* One system call serves 64 frames. */
	if (env->keys_left == 0) {
		random_bytes(env->keys, sizeof(env->keys));
		env->keys_left = sizeof(env->keys);
	}
	env->keys_left -= 4;
	memcpy(key, env->keys + env->keys_left, 4);
}

void client_opened(struct client *c)
{
	if (c->open || c->closed)
		return;
	c->open = true;
	timer_cancel(&c->deadline);
	if (c->recovery) {
		c->recovery->attempts = 0;
		c->recovery->opened = true;
	}
	c->events->on_open(c);
}

void client_welcomed(struct client *c, struct slice payload)
{
	if (c->closed)
		return;
	if (c->recovery && recovery_welcome(c->recovery, payload) &&
	    c->ops->resume)
		c->ops->resume(c);
	else
		client_opened(c);
}

void client_resumed(struct client *c, bool ok)
{
	bool failed;

	if (!c->recovery || !c->recovery->resuming)
		return;
	if (recovery_answer(c->recovery, ok, &failed))
		client_opened(c);
	else if (failed)
		client_end(c, ERR_REFUSED, "the server refuses to resume");
	else
		c->ops->resume(c);
}

void client_end(struct client *c, enum err err, const char *why)
{
	if (c->closed)
		return;
	shut(c);
	c->events->on_closed(c, err, why);
}

/* Errors of the link; others would come again. */
static bool may_heal(enum err err)
{
	return err == ERR_CLOSED || err == ERR_IO || err == ERR_TIMEOUT ||
	       err == ERR_REFUSED;
}

void client_fail(struct client *c, enum err err, const char *why)
{
	uint64_t wait;

	if (c->closed)
		return;
	if (!c->recovery || c->freed || !may_heal(err)) {
		client_end(c, err, why);
		return;
	}
	shut(c);
	c->open = false;
	recovery_lost(c->recovery);
	wait = recovery_wait(c->recovery, &c->env->rng);
	timer_arm(loop_wheel(c->env->loop), &c->recovery->timer, wait);
	if (c->events->on_lost)
		c->events->on_lost(c, err, why, wait);
}

bool client_status_heals(unsigned status)
{
	return status >= 500 || status == 408 || status == 429;
}

void client_fail_status(struct client *c, unsigned status)
{
	char why[64];

	(void)snprintf(why, sizeof(why),
		       "the server answered with HTTP status %u", status);
	if (client_status_heals(status))
		client_fail(c, ERR_REFUSED, why);
	else
		client_end(c, ERR_REFUSED, why);
}

void client_failf(struct client *c, enum err err, const char *format, ...)
{
	char why[REASON_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	client_fail(c, err, why);
}

/* Bytes */

enum err client_read(struct client *c, struct conn *conn, struct slice *bytes,
		     bool *drained)
{
	size_t got;
	enum err e;

	if (c->env->stamps != conn->stamped)
		conn_stamp(conn, c->env->stamps);
	e = conn_read(conn, c->env->input, CLIENT_INPUT_SIZE, &got);
	c->env->stamp_ns = conn->stamp_ns;
	*bytes = slice_of(c->env->input, got);
	*drained = got < CLIENT_INPUT_SIZE;
	c->counts.bytes_in += got;
	return e;
}

enum err client_write(struct client *c, struct conn *conn, struct buf *out)
{
	size_t wrote;
	enum err e;

	if (out->len == 0)
		return ERR_OK;
	e = conn_write(conn, out->data, out->len, &wrote);
	if (e)
		return e;
	c->counts.bytes_out += wrote;
	buf_consume(out, wrote);
	if (out->len == 0 && out->cap > CLIENT_OUT_KEEP)
		buf_release(out);
	return ERR_OK;
}

/* Requests */

static enum err add_parameter(struct buf *b, char *before, const char *name,
			      const char *value)
{
	enum err e = buf_add_char(b, *before);

	*before = '&';
	if (!e)
		e = buf_add_str(b, name);
	if (!e)
		e = buf_add_char(b, '=');
	if (!e)
		e = http1_add_query(b, slice_str(value));
	return e;
}

enum err client_add_target(struct buf *b, const struct client_options *o,
			   const char *fallback, const char *first, bool rooms)
{
	const char *path = o->path ? o->path : fallback;
	char before = strchr(path, '?') ? '&' : '?';
	enum err e = buf_add_str(b, path);

	if (!e && first[0]) {
		e = buf_add_char(b, before);
		before = '&';
		if (!e)
			e = buf_add_str(b, first);
	}
	if (e || !rooms)
		return e;
	if (o->nsp && strcmp(o->nsp, "/") != 0)
		e = add_parameter(b, &before, "nsp", o->nsp);
	for (size_t i = 0; i < o->room_count && !e; i++)
		e = add_parameter(b, &before, "room", o->rooms[i]);
	return e;
}

enum err client_add_host(struct buf *b, const struct client_options *o)
{
	bool ipv6 = strchr(o->host, ':') != NULL;

	return buf_printf(b, "Host: %s%s%s:%d\r\n", ipv6 ? "[" : "", o->host,
			  ipv6 ? "]" : "", o->port);
}

/* Operations */

void client_command(struct client *c, const struct client_command *cmd)
{
	CHECK(cmd->id < CLIENT_ID_END);
	if (!c->open || c->closed)
		return;
	client_enter(c);
	c->ops->command(c, cmd);
	if (c->recovery && cmd->type != CLIENT_PUBLISH)
		recovery_room(c->recovery, cmd->room,
			      cmd->type == CLIENT_LEAVE);
	client_mark_dirty(c);
	client_exit(c);
}

void client_join(struct client *c, struct slice room, uint64_t id)
{
	client_command(c, &(struct client_command){
				  .type = CLIENT_JOIN, .id = id, .room = room});
}

void client_leave(struct client *c, struct slice room, uint64_t id)
{
	client_command(c, &(struct client_command){.type = CLIENT_LEAVE,
						   .id = id,
						   .room = room});
}

void client_publish(struct client *c, struct slice room, struct slice event,
		    struct slice data, bool exclude_self, uint64_t id)
{
	client_command(c,
		       &(struct client_command){.type = CLIENT_PUBLISH,
						.id = id,
						.room = room,
						.event = event,
						.data = data,
						.exclude_self = exclude_self});
}

void client_answer(struct client *c, uint64_t ask, struct slice args)
{
	if (c->closed || !c->ops->answer)
		return;
	client_enter(c);
	c->ops->answer(c, ask, args);
	client_exit(c);
}

/* Queries */

static enum err add_text(struct buf *b, const char *name, struct slice text)
{
	enum err e = buf_printf(b, ",\"%s\":", name);

	return e ? e : json_add_string(b, text);
}

enum err client_message_object(struct buf *b, const struct client_message *m)
{
	size_t start = b->len;
	enum err e;

	if (m->object.n > 0 && m->object.p[0] == '{')
		return buf_add_slice(b, m->object);
	e = buf_add_str(b, "{\"type\":\"message\"");
	if (!e)
		e = add_text(b, "room", m->room);
	if (!e)
		e = add_text(b, "event", m->event);
	if (!e)
		e = buf_add_str(b, ",\"data\":");
	if (!e)
		e = buf_add_slice(b, m->data);
	if (!e && m->from.n > 0)
		e = add_text(b, "from", m->from);
	if (!e)
		e = buf_printf(b, ",\"seq\":%llu}", (unsigned long long)m->seq);
	if (e)
		b->len = start;
	return e;
}
