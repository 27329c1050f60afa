/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clients/terminal.h"
#include "servers/base/buf.h"
#include "servers/base/check.h"
#include "servers/wire/json.h"

#define WINDOW 256 /* values sent and not answered */
#define LINE_MAX_BYTES (16 << 20)
#define READ_BYTES 65536

struct publisher {
	const struct terminal *terminal;
	const struct terminal_publish *what;
	struct client *client;
	struct loop_fd input; /* registered while waiting for a pipe */
	struct buf lines;     /* read and not published yet */
	struct timer patience;
	uint64_t line; /* of the next one, from 1 */
	uint64_t sent, answered;
	bool end;    /* of the input */
	bool failed; /* a line was wrong: wait for the answers, then fail */
	int status;
};

static void stop(struct publisher *p, int status)
{
	if (p->status >= 0)
		return;
	p->status = status;
	loop_stop(p->terminal->loop);
}

static void fail(struct publisher *p, const char *why)
{
	terminal_error(p->terminal->err, "%s", why);
	stop(p, TERMINAL_FAILED);
}

static void on_patience(struct timer *t)
{
	struct publisher *p = container_of(t, struct publisher, patience);

	fail(p, "the server does not answer");
}

static void be_patient(struct publisher *p)
{
	timer_arm(loop_wheel(p->terminal->loop), &p->patience,
		  (uint64_t)p->what->timeout_ms + p->what->ack_timeout_ms);
}

static void send(struct publisher *p, struct slice data)
{
	client_command(p->client,
		       &(struct client_command){
			       .type = CLIENT_PUBLISH,
			       .id = ++p->sent,
			       .room = p->what->room,
			       .event = p->what->event,
			       .data = data,
			       .ack_timeout_ms = p->what->ack_timeout_ms,
		       });
	be_patient(p);
}

/* Input */

static void take_line(struct publisher *p, struct slice line)
{
	const char *expected;
	size_t offset;
	uint64_t number = ++p->line;

	if (json_trim(line).n == 0)
		return;
	if (json_validate_at(line, &offset, &expected)) {
		send(p, line);
		return;
	}
	terminal_error(p->terminal->err,
		       "standard input, line %llu, byte %zu: not JSON: "
		       "expected %s",
		       (unsigned long long)number, offset + 1, expected);
	p->failed = true;
	p->end = true;
}

/* Publishes the lines that are complete, as far as the window lets. */
static void take_lines(struct publisher *p)
{
	size_t used = 0;

	while (p->sent - p->answered < WINDOW && !p->failed) {
		struct slice rest = slice_after(buf_slice(&p->lines), used);
		const char *lf = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
		size_t n = lf ? (size_t)(lf - rest.p) : rest.n;

		if (rest.n == 0 || (!lf && !p->end))
			break;
		take_line(p, slice_of(rest.p, n));
		used += lf ? n + 1 : n;
	}
	buf_consume(&p->lines, used);
}

static void read_input(struct publisher *p)
{
	ssize_t n;

	if (buf_reserve(&p->lines, READ_BYTES) != ERR_OK) {
		terminal_error(p->terminal->err,
			       "standard input, line %llu: too long",
			       (unsigned long long)p->line + 1);
		p->failed = true;
		p->end = true;
		return;
	}
	n = read(p->what->input, p->lines.data + p->lines.len, READ_BYTES);
	if (n > 0) {
		p->lines.len += (size_t)n;
		return;
	}
	if (n < 0 && errno == EINTR)
		return;
	if (n < 0) {
		terminal_error(p->terminal->err, "cannot read standard input");
		p->failed = true;
	}
	p->end = true;
}

static void pump(struct publisher *p);

static void on_input(struct loop_fd *f, uint32_t events)
{
	struct publisher *p = container_of(f, struct publisher, input);

	(void)events;
	read_input(p);
	pump(p);
}

/* False for a file, which cannot be waited for and never blocks. */
static bool wait_for_input(struct publisher *p)
{
	return p->input.fd >= 0 ||
	       loop_add(p->terminal->loop, &p->input, p->what->input, EPOLLIN,
			on_input) == ERR_OK;
}

/* Reads and publishes until the window is full or there is nothing now. */
static void pump(struct publisher *p)
{
	for (;;) {
		take_lines(p);
		if (p->sent - p->answered >= WINDOW || p->end)
			break;
		if (wait_for_input(p))
			return;
		read_input(p);
	}
	loop_remove(p->terminal->loop, &p->input);
	if (p->end && p->sent == p->answered)
		stop(p, p->failed ? TERMINAL_FAILED : TERMINAL_OK);
}

/* Client */

static void on_open(struct client *c)
{
	struct publisher *p = c->owner;

	if (p->what->input < 0) {
		p->end = true;
		send(p, p->what->data);
		return;
	}
	pump(p);
}

static void on_message(struct client *c, const struct client_message *m)
{
	(void)c;
	(void)m;
}

static void on_object(struct client *c, struct slice object)
{
	(void)c;
	(void)object;
}

static void on_answer(struct client *c, uint64_t id, bool ok, struct slice body)
{
	struct publisher *p = c->owner;

	if (p->status >= 0)
		return;
	if (!ok) {
		terminal_error(p->terminal->err,
			       "the server refused value %llu: %.*s",
			       (unsigned long long)id, SLICE_ARG(body));
		stop(p, TERMINAL_FAILED);
		return;
	}
	if (!terminal_print(p->terminal->out, body)) {
		fail(p, "cannot write to standard output");
		return;
	}
	p->answered++;
	timer_cancel(&p->patience);
	if (p->sent > p->answered)
		be_patient(p);
	pump(p);
}

static void on_closed(struct client *c, enum err err, const char *why)
{
	struct publisher *p = c->owner;

	if (p->status >= 0)
		return;
	terminal_error(p->terminal->err, "%s (%s)", why,
		       terminal_reason(c, err));
	stop(p, TERMINAL_FAILED);
}

static const struct client_events callbacks = {
	.on_open = on_open,
	.on_message = on_message,
	.on_object = on_object,
	.on_answer = on_answer,
	.on_closed = on_closed,
};

int terminal_publish(const struct terminal *t,
		     const struct terminal_publish *what)
{
	struct publisher p = {.terminal = t, .what = what, .status = -1};
	struct client_env *env = client_env_new(t->loop);
	enum err e;

	p.input.fd = -1;
	buf_init(&p.lines, LINE_MAX_BYTES);
	timer_init(&p.patience, on_patience);
	e = client_new(env, t->ops, &t->options, &callbacks, &p, &p.client);
	if (e) {
		terminal_error(t->err, "cannot connect to %s port %d: %s",
			       t->options.host, t->options.port, err_text(e));
		p.status = TERMINAL_FAILED;
	} else if (loop_run(t->loop) != ERR_OK) {
		fail(&p, "cannot wait for events");
	}
	timer_cancel(&p.patience);
	loop_remove(t->loop, &p.input);
	client_free(p.client);
	client_env_free(env);
	buf_release(&p.lines);
	/* Stopped from outside, by a signal. */
	return p.status < 0 ? TERMINAL_OK : p.status;
}
