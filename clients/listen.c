/* SPDX-License-Identifier: MIT */
#include "clients/terminal.h"
#include "servers/base/buf.h"

struct listener {
	const struct terminal *terminal;
	struct buf line;
	uint64_t left; /* messages to come; 0: no end */
	int status;
};

static void stop(struct listener *l, int status)
{
	l->status = status;
	loop_stop(l->terminal->loop);
}

static void print(struct listener *l, struct slice json)
{
	if (terminal_print(l->terminal->out, json))
		return;
	terminal_error(l->terminal->err, "cannot write to standard output");
	stop(l, TERMINAL_FAILED);
}

/* One more of what `--count` counts was printed. */
static void count(struct listener *l)
{
	if (l->left > 0 && --l->left == 0 && l->status < 0)
		stop(l, TERMINAL_OK);
}

static void on_open(struct client *c)
{
	(void)c;
}

static void on_message(struct client *c, const struct client_message *m)
{
	struct listener *l = c->owner;

	/* Several may come in one tick, and stopping takes until its end. */
	if (l->status >= 0)
		return;
	buf_clear(&l->line);
	if (client_message_object(&l->line, m) == ERR_OK)
		print(l, buf_slice(&l->line));
	count(l);
}

static void on_object(struct client *c, struct slice object)
{
	struct listener *l = c->owner;

	if (l->status >= 0)
		return;
	print(l, object);
	/* What is raw is not told apart: each event counts. */
	if (c->options.raw)
		count(l);
}

static void on_answer(struct client *c, uint64_t id, bool ok, struct slice body)
{
	(void)c;
	(void)id;
	(void)ok;
	(void)body;
}

static void on_lost(struct client *c, enum err err, const char *why,
		    uint64_t wait_ms)
{
	struct listener *l = c->owner;

	if (l->status < 0)
		terminal_error(l->terminal->err,
			       "%s (%s); trying again in %.1f s", why,
			       terminal_reason(c, err), (double)wait_ms / 1000);
}

static void on_closed(struct client *c, enum err err, const char *why)
{
	struct listener *l = c->owner;

	if (l->status >= 0)
		return;
	terminal_error(l->terminal->err, "%s (%s)", why,
		       terminal_reason(c, err));
	stop(l, TERMINAL_FAILED);
}

static const struct client_events callbacks = {
	.on_open = on_open,
	.on_lost = on_lost,
	.on_message = on_message,
	.on_object = on_object,
	.on_answer = on_answer,
	.on_closed = on_closed,
};

int terminal_listen(const struct terminal *t, uint64_t count)
{
	struct listener l = {.terminal = t, .left = count, .status = -1};
	struct client_env *env = client_env_new(t->loop);
	struct client *c = NULL;
	enum err e;

	buf_init(&l.line, BUF_UNLIMITED);
	e = client_new(env, t->ops, &t->options, &callbacks, &l, &c);
	if (e) {
		terminal_error(t->err, "cannot connect to %s port %d: %s",
			       t->options.host, t->options.port, err_text(e));
		l.status = TERMINAL_FAILED;
	} else if (loop_run(t->loop) != ERR_OK) {
		terminal_error(t->err, "cannot wait for events");
		l.status = TERMINAL_FAILED;
	}
	client_free(c);
	client_env_free(env);
	buf_release(&l.line);
	/* Stopped from outside, by a signal: that is how listening ends. */
	return l.status < 0 ? TERMINAL_OK : l.status;
}
