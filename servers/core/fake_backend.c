/* SPDX-License-Identifier: MIT */
#include "servers/core/fake_backend.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/hub.h"

static void must(enum err e)
{
	CHECK(e == ERR_OK);
}

/* A polling body holds separators, which only joining puts in. */
static void fake_flush_joined(struct fake *f)
{
	struct transport *t = &f->transport;
	struct joined j;

	transport_join(t, 1000000, &j);
	must(buf_add_slice(&f->written, j.bytes));
	f->frames += j.count;
	f->stats.bytes_out += j.bytes.n;
	f->stats.delivered += outq_drop(&t->q, j.count);
}

static void fake_flush(struct transport *t)
{
	struct fake *f = container_of(t, struct fake, transport);

	f->flushes++;
	while (f->writable && t->q.count) {
		struct slice frame;

		if (t->format == FORMAT_EIO_POLLING) {
			fake_flush_joined(f);
			continue;
		}
		frame = msg_frame(outq_at(&t->q, 0), t->format);
		must(buf_add_slice(&f->written, frame));
		f->frames++;
		f->stats.bytes_out += frame.n;
		f->stats.delivered += outq_drop(&t->q, 1);
	}
	f->finished = transport_finished(t);
}

static void fake_kick(struct transport *t, enum kick_reason why)
{
	struct fake *f = container_of(t, struct fake, transport);

	if (!f->kicks++)
		f->why = why;
}

static const struct transport_ops fake_transport_ops = {
	.flush = fake_flush,
	.kick = fake_kick,
};

void fake_init(struct fake *f, struct hub *hub, enum wire_format format)
{
	*f = (struct fake){.writable = true};
	buf_init(&f->written, BUF_UNLIMITED);
	transport_init(&f->transport, &fake_transport_ops, hub, &f->stats,
		       format);
}

void fake_release(struct fake *f)
{
	transport_release(&f->transport);
	buf_release(&f->written);
}

struct session *fake_connect(struct fake *f, const char *nsp)
{
	struct connect_info info = {.nsp = slice_str(nsp)};
	struct refusal why = {NULL, NULL};
	struct session *s = NULL;

	must(hub_connect(f->transport.hub, &info, &f->transport, &why, &s));
	return s;
}

void fake_set_writable(struct fake *f, bool writable)
{
	f->writable = writable;
	if (writable)
		transport_mark_dirty(&f->transport);
}

void fake_clear(struct fake *f)
{
	buf_clear(&f->written);
	f->frames = 0;
	f->flushes = 0;
}

bool fake_wrote(const struct fake *f, const char *text)
{
	return f->written.len && memmem(f->written.data, f->written.len, text,
					strlen(text)) != NULL;
}

static void fake_on_event(struct hub *hub, struct session *s,
			  const struct app_event *e, struct reply *reply)
{
	(void)hub;
	(void)s;
	(void)e;
	reply_send(reply, ERR_OK, SLICE("null"));
}

const struct app_ops fake_app = {
	.name = "fake",
	.commands = true,
	.admit = app_admit,
	.on_connect = app_ignore_connect,
	.on_event = fake_on_event,
	.on_message = app_ignore_message,
	.on_disconnect = app_ignore_disconnect,
};

void fake_node_init(struct fake_node *n, const struct hub_options *options,
		    const struct app_ops *app)
{
	clock_fake_init(&n->clock, 1000000000);
	must(loop_new(&n->clock, &n->loop));
	n->hub = hub_new(n->loop, options ? options : &hub_defaults,
			 app ? app : &fake_app);
}

void fake_node_release(struct fake_node *n)
{
	hub_free(n->hub);
	loop_free(n->loop);
}

void fake_node_tick(struct fake_node *n, uint64_t advance_ms)
{
	clock_fake_advance_ms(&n->clock, advance_ms);
	must(loop_tick(n->loop, 0));
}

uint64_t fake_node_publish(struct fake_node *n, const char *room,
			   const char *data)
{
	struct publication p = {
		.nsp = SLICE("/"),
		.room = slice_str(room),
		.event = SLICE("e"),
		.data = slice_str(data),
	};
	uint64_t seq = 0;

	must(hub_publish(n->hub, &p, &seq));
	return seq;
}

static void fake_reply_send(struct reply *reply, enum err status,
			    struct slice body)
{
	struct fake_reply *r = container_of(reply, struct fake_reply, reply);
	size_t n = body.n < sizeof(r->body) - 1 ? body.n : sizeof(r->body) - 1;

	r->answers++;
	r->status = status;
	if (n)
		memcpy(r->body, body.p, n);
	r->body[n] = '\0';
}

static struct reply *fake_reply_defer(struct reply *reply)
{
	container_of(reply, struct fake_reply, reply)->deferred++;
	return reply;
}

void fake_reply_init(struct fake_reply *r)
{
	*r = (struct fake_reply){
		.reply = {.send = fake_reply_send, .defer = fake_reply_defer}};
}

static struct backend *fake_start(const struct backend_env *env)
{
	struct backend *b = xcalloc(1, sizeof(*b));

	b->ops = &fake_backend;
	b->env = *env;
	return b;
}

static void fake_drain(struct backend *b)
{
	b->stats.connections = 0;
}

static void fake_stop(struct backend *b)
{
	free(b);
}

const struct backend_ops fake_backend = {
	.name = "fake",
	.start = fake_start,
	.drain = fake_drain,
	.stop = fake_stop,
};
