/* SPDX-License-Identifier: MIT */
#include "servers/longpoll/polling.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/base/utf8.h"
#include "servers/core/hub.h"
#include "servers/longpoll/carrier.h"
#include "servers/longpoll/socket.h"
#include "servers/longpoll/upgrade.h"
#include "servers/wire/engineio.h"

#define TEXT_TYPE "text/plain; charset=UTF-8"
#define SLICE_NS 2000000 /* of one tick, for the packets of POSTs */
#define LOOK_EVERY 16	 /* packets between two looks at clock and queue */

/*
 * What POSTs have brought and is not handled yet. It waits for its turn, or
 * until somebody takes the answers.
 */
struct polling_post {
	struct list link; /* in the backend's posts */
	struct engine *engine;
	struct http_request *request; /* NULL: it is answered already */
	char *address;		      /* of the peer */
	struct buf body;
	struct slice rest; /* of it, still to be handled */
	bool stalled;	   /* in no list: its answers have to leave first */
};

/* Answering */

static struct http_response *make_response(const char *type, struct slice body)
{
	struct http_response *p = http_response_new(200, type, body);

	http_response_header(p, "Cache-Control", "no-store");
	return p;
}

static void respond(struct http_request *r, const char *type, struct slice body)
{
	struct http_response *p = make_response(type, body);

	http_respond_with(r, p);
	http_response_unref(p);
}

static void respond_nothing(struct http_request *r, unsigned status)
{
	http_respond(r, status, NULL, (struct slice){0});
}

/* The pending GET, taken: it is about to be answered. */
static struct http_request *take_poll(struct engine *e)
{
	struct http_request *r = e->poll;

	e->poll = NULL;
	e->transport.unpolled = true;
	return r;
}

/* Sessions whose queues hold the same messages get one response object. */
static struct http_response *shared_response(struct longpoll *b,
					     const struct joined *joined)
{
	if (b->shared && b->shared_id == joined->id)
		return b->shared;
	if (b->shared)
		http_response_unref(b->shared);
	b->shared = make_response(TEXT_TYPE, joined->bytes);
	b->shared_id = joined->id;
	return b->shared;
}

void polling_resume(struct engine *e)
{
	struct polling_post *p = e->post;

	if (!p || !p->stalled)
		return;
	p->stalled = false;
	list_append(&e->backend->posts, &p->link);
	loop_wake_within(e->backend->base.env.loop, 0);
}

/* With as much of the queue as one response takes. */
static void respond_queue(struct engine *e, struct http_request *r)
{
	struct longpoll *b = e->backend;
	struct transport *t = &e->transport;
	struct joined joined;

	transport_join(t, b->base.env.options->max_payload, &joined);
	http_respond_with(r, shared_response(b, &joined));
	t->stats->bytes_out += joined.bytes.n;
	t->stats->delivered += outq_drop(&t->q, joined.count);
}

static void flush(struct transport *t)
{
	struct engine *e = container_of(t, struct engine, transport);

	if (!e->poll || t->q.count == 0)
		return;
	respond_queue(e, take_poll(e));
	polling_resume(e);
	if (transport_finished(t))
		engine_close(e, ENGINE_SAY_CLOSE, "server shutting down");
}

static void kick(struct transport *t, enum kick_reason why)
{
	engine_close(container_of(t, struct engine, transport),
		     ENGINE_SAY_CLOSE,
		     why == KICK_SHUTDOWN ? "server shutting down"
					  : "transport error");
}

static const struct transport_ops transport_ops = {
	.flush = flush,
	.kick = kick,
	.expel = socket_expel,
};

/* The handshake */

static void add_cookie(struct http_response *p, const struct engine *e)
{
	const char *name = engine_options(e)->cookie;
	struct buf value;

	if (!name)
		return;
	buf_init(&value, BUF_UNLIMITED);
	CHECK(buf_printf(&value, "%s=%s; Path=/; HttpOnly; SameSite=Lax", name,
			 e->sid) == ERR_OK);
	CHECK(buf_add_char(&value, '\0') == ERR_OK);
	http_response_header(p, "Set-Cookie", value.data);
	buf_release(&value);
}

void polling_open(const struct endpoint *at, struct http_request *r)
{
	struct engine *e = engine_new(at->backend, at->user, &transport_ops,
				      FORMAT_EIO_POLLING);
	struct http_response *p;
	struct buf body;

	http_request_own(r, &e->owner);
	e->transport.unpolled = true;
	buf_init(&body, BUF_UNLIMITED);
	engine_add_open(e, &body, true);
	p = make_response(TEXT_TYPE, buf_slice(&body));
	add_cookie(p, e);
	http_respond_with(r, p);
	http_response_unref(p);
	buf_release(&body);
	e->user->opened(e);
}

/* GET */

static void on_poll_gone(struct http_request *r, void *arg)
{
	struct engine *e = arg;

	(void)r;
	e->poll = NULL;
	engine_close(e, ENGINE_SAY_CLOSE, "transport error");
}

/* As the reference server does: a noop frees the GET, and a close follows. */
static void say_goodbye(struct engine *e, struct http_request *r)
{
	if (e->transport.q.count > 0) {
		respond_queue(e, r);
		return;
	}
	respond(r, TEXT_TYPE,
		SLICE("6\x1e"
		      "1"));
	engine_vanish(e);
}

void polling_get(struct engine *e, struct http_request *r)
{
	if (e->closed) {
		say_goodbye(e, r);
		return;
	}
	if (e->poll) {
		engine_close(e, ENGINE_SAY_CLOSE, "transport error");
		respond_nothing(r, 400);
		return;
	}
	e->poll = r;
	e->transport.unpolled = false;
	http_request_hold(r, on_poll_gone, e);
	if (e->transport.q.count > 0)
		transport_mark_dirty(&e->transport);
	else
		upgrade_polled(e);
}

void polling_free_get(struct engine *e)
{
	if (e->poll)
		respond(take_poll(e), TEXT_TYPE, SLICE("6"));
}

/* POST */

/*
 * Whether so many answers wait for the client to poll that more would soon
 * make it a slow reader.
 */
static bool is_crowded(const struct engine *e)
{
	const struct outq *q = &e->transport.q;
	const struct outq_limits *l = &e->transport.hub->options.queue;

	return 2 * (uint64_t)q->count > 3 * (uint64_t)l->messages ||
	       2 * q->bytes > 3 * l->bytes;
}

/*
 * Handles packets until the end, the session's end, a crowd of answers, or the
 * clock's word; what is left has a pointer that is not NULL.
 */
static void receive_some(struct engine *e, struct slice address,
			 struct slice *payload)
{
	struct slice before = e->address;
	struct clock *clock = loop_clock(e->backend->base.env.loop);
	uint64_t until_ns = clock_ns(clock) + SLICE_NS;
	struct slice packet;
	unsigned count = 0;

	e->address = address;
	while (!e->closed && engineio_split(payload, &packet)) {
		engine_receive(e, packet);
		if (++count % LOOK_EVERY == 0 &&
		    (is_crowded(e) || hub_busy(e->transport.hub) ||
		     clock_ns(clock) >= until_ns))
			break;
	}
	e->address = before;
}

/*
 * Also to one whose packets have closed the session, as the reference server
 * does: the client learns that by its poll.
 */
static void respond_ok(struct http_request *r)
{
	respond(r, "text/html", SLICE("ok"));
}

static void free_post(struct polling_post *p)
{
	list_remove(&p->link);
	buf_release(&p->body);
	free(p->address);
	free(p);
}

static void on_post_gone(struct http_request *r, void *arg)
{
	struct polling_post *p = arg;
	struct engine *e = p->engine;

	(void)r;
	e->post = NULL;
	free_post(p);
	engine_close(e, ENGINE_SAY_CLOSE, "transport error");
}

static void answer_post(struct polling_post *p)
{
	if (p->request)
		respond_ok(p->request);
	p->request = NULL;
}

/*
 * A client that upgrades waits for the answer to its POST and polls no more:
 * the POST is answered before its packets are handled, when not too much is
 * left of those before it. Its WebSocket is heard behind them all.
 */
static bool may_answer_early(const struct polling_post *p)
{
	const struct engine *e = p->engine;
	size_t max = engine_options(e)->max_payload;

	return p->rest.n <= (e->probe ? 2 * max : max);
}

/* Whether the session's answers find nobody who takes them. */
static bool is_stuck(struct engine *e)
{
	if (!is_crowded(e))
		return false;
	return e->carrier ? websocket_pause(&e->carrier->socket) : !e->poll;
}

/* Behind those of other sessions; nowhere, while it is stuck. */
static void queue_post(struct polling_post *p)
{
	struct longpoll *b = p->engine->backend;

	list_remove(&p->link);
	p->stalled = is_stuck(p->engine);
	if (!p->stalled) {
		list_append(&b->posts, &p->link);
		loop_wake_within(b->base.env.loop, 0);
	} else if (may_answer_early(p)) {
		answer_post(p);
	}
}

void polling_probed(struct engine *e)
{
	if (e->post && e->post->stalled)
		queue_post(e->post);
}

bool polling_posts(const struct engine *e)
{
	return e->post && e->post->request;
}

static struct polling_post *new_post(struct engine *e, struct http_request *r)
{
	struct polling_post *p = xcalloc(1, sizeof(*p));
	struct slice address = http_request_address(r);

	p->engine = e;
	p->address = xmemdupz(address.p, address.n);
	list_init(&p->link);
	buf_init(&p->body, BUF_UNLIMITED);
	return p;
}

/*
 * Holds r, of whose packets `payload` is left; they come behind those that are
 * left of earlier POSTs. It is copied: the request keeps its body only for its
 * handler.
 */
static void hold_post(struct engine *e, struct http_request *r,
		      struct slice payload)
{
	struct polling_post *p = e->post;
	struct buf body;

	buf_init(&body, BUF_UNLIMITED);
	if (p) {
		CHECK(buf_add_slice(&body, p->rest) == ERR_OK);
		CHECK(buf_add_char(&body, ENGINEIO_SEPARATOR) == ERR_OK);
	} else {
		p = e->post = new_post(e, r);
	}
	CHECK(buf_add_slice(&body, payload) == ERR_OK);
	buf_release(&p->body);
	p->body = body;
	/* An empty rest is one more packet, and not the end. */
	p->rest = body.len > 0 ? buf_slice(&p->body) : SLICE("");
	p->request = r;
	http_request_hold(r, on_post_gone, p);
	queue_post(p);
}

void polling_upload(struct engine *e, enum http_upload what)
{
	bool overlaps = e->uploads > 0 || polling_posts(e);

	if (what == HTTP_UPLOAD_BEGINS)
		e->uploads++;
	else if (e->uploads > 0)
		e->uploads--;
	/* The session's end is also that of a POST under way. */
	if ((what == HTTP_UPLOAD_BEGINS && overlaps) ||
	    what == HTTP_UPLOAD_LOST)
		engine_close(e, ENGINE_SAY_CLOSE, "transport error");
}

static bool is_octets(const struct http_request *r)
{
	struct slice type;

	return http_request_header(r, "Content-Type", &type) &&
	       slice_is(type, "application/octet-stream");
}

void polling_post(struct engine *e, struct http_request *r)
{
	struct slice payload = http_request_body(r);

	if (e->closed) {
		respond_ok(r); /* nobody listens */
		return;
	}
	if (polling_posts(e) || is_octets(r)) {
		engine_close(e, ENGINE_SAY_CLOSE, "transport error");
		respond_nothing(r, 400);
		return;
	}
	if (payload.n == 0) {
		engine_close(e, ENGINE_SAY_CLOSE, "parse error");
	} else if (!utf8_valid(payload.p, payload.n)) {
		engine_close(e, ENGINE_SAY_CLOSE_LATER, "parse error");
	} else {
		if (!e->post)
			receive_some(e, http_request_address(r), &payload);
		if (!e->closed && payload.p) {
			hold_post(e, r, payload);
			return;
		}
	}
	respond_ok(r);
}

/* The oldest POST goes on; it is off the engine's hands meanwhile. */
static void go_on(struct longpoll *b)
{
	struct polling_post *p =
		list_entry(b->posts.next, struct polling_post, link);
	struct engine *e = p->engine;

	e->post = NULL;
	receive_some(e, slice_str(p->address), &p->rest);
	if (!e->closed && p->rest.p) {
		e->post = p;
		queue_post(p);
		return;
	}
	answer_post(p);
	free_post(p);
	if (!e->closed && e->carrier)
		websocket_listen(&e->carrier->socket);
}

/* One POST per tick, in turns. */
static bool run_posts(struct loop_hook *hook)
{
	struct longpoll *b = container_of(hook, struct longpoll, post_hook);

	if (list_empty(&b->posts))
		return false;
	go_on(b);
	return !list_empty(&b->posts);
}

/* Ending */

void polling_drain(struct engine *e)
{
	if (e->transport.q.count == 0 && !e->poll) {
		engine_close(e, ENGINE_SAY_CLOSE, "server shutting down");
		return;
	}
	transport_send_private(&e->transport, MSG_TEXT, SLICE("1"), MSG_CLOSES);
}

void polling_end(struct engine *e)
{
	struct polling_post *p = e->post;

	if (e->farewell == ENGINE_SAY_CLOSE_LATER && !e->carrier) {
		flush(&e->transport);
		e->lingers = !e->poll && !e->backend->draining;
	}
	if (e->poll)
		respond(take_poll(e), TEXT_TYPE,
			e->farewell == ENGINE_SAY_NOOP ? SLICE("6")
						       : SLICE("1"));
	if (!p)
		return;
	e->post = NULL;
	if (p->request)
		respond_nothing(p->request, 400);
	free_post(p);
}

void polling_init(struct longpoll *b)
{
	list_init(&b->posts);
	b->post_hook.run = run_posts;
	loop_add_hook(b->base.env.loop, &b->post_hook);
}

void polling_release(struct longpoll *b)
{
	CHECK(list_empty(&b->posts));
	loop_remove_hook(&b->post_hook);
	if (b->shared)
		http_response_unref(b->shared);
}
