/* SPDX-License-Identifier: MIT */
#include "bench/load/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/bare_client.h"
#include "bench/load/descriptors.h"
#include "bench/load/plain.h"
#include "bench/load/usage.h"
#include "clients/env.h"
#include "servers/base/check.h"

#define DEFAULT_PENDING 64
#define DEFAULT_TIMEOUT_NS ((uint64_t)30 * 1000000000)
#define SECOND_NS 1e9
#define STEP_MS 10 /* longest sleep while connecting at a rate */

/* A group that is being connected. */
struct connecting {
	struct group *group;
	struct load_connected *told;
	uint32_t pending_max;
	uint64_t deadline_ns;
};

static uint64_t now_of(const struct group *g)
{
	return clock_ns(loop_clock(g->env->loop));
}

/* The clients' events */

static void on_open(struct client *c)
{
	struct group_member *m = c->owner;
	struct group *g = m->group;

	if (m == &g->publisher)
		return;
	if (m->lost_ns > 0) {
		g->reopened++;
		hist_record(&g->away, now_of(g) - m->lost_ns);
		m->lost_ns = 0;
		return;
	}
	/* Lost and made again before it had ever opened is not two. */
	if (m->was_open)
		return;
	m->was_open = true;
	g->open++;
	hist_record(&g->setup, now_of(g) - m->started_ns);
}

static void on_lost(struct client *c, enum err err, const char *why,
		    uint64_t wait_ms)
{
	struct group_member *m = c->owner;
	struct group *g = m->group;

	(void)err;
	(void)why;
	(void)wait_ms;
	if (m == &g->publisher || !m->was_open)
		return;
	/* An attempt that fails too is part of the same absence. */
	if (m->lost_ns == 0) {
		g->lost++;
		m->lost_ns = now_of(g);
	}
}

static void on_message(struct client *c, const struct client_message *msg)
{
	struct group_member *m = c->owner;
	struct group_listener *l = m->group->listener;

	if (m == &m->group->publisher)
		return;
	if (l)
		l->on_message(l, m->index, msg);
	else
		late_note(&m->group->late, msg->data);
}

static bool begins_with(struct slice s, struct slice what)
{
	return s.n >= what.n && memcmp(s.p, what.p, what.n) == 0;
}

/* Nobody asked for an answer, and yet there is one. */
static void on_refusal(struct group *g, struct slice object)
{
	(void)snprintf(g->error, sizeof(g->error), "%.*s", SLICE_ARG(object));
	if (g->listener)
		g->listener->on_answer(g->listener, 0, false);
}

/*
 * A server tells of what it cannot make good by a gap, and Socket.IO by not
 * recovering the session that was asked for.
 */
static void on_object(struct client *c, struct slice object)
{
	struct group_member *m = c->owner;
	struct group *g = m->group;

	if (m == &g->publisher) {
		if (begins_with(object, SLICE("{\"type\":\"error\"")))
			on_refusal(g, object);
		return;
	}
	if (begins_with(object, SLICE("{\"type\":\"gap\"")) ||
	    (m->lost_ns > 0 && !g->target.forget &&
	     begins_with(object, SLICE("{\"type\":\"welcome\","
				       "\"recovered\":false,"))))
		g->gaps++;
}

static void on_answer(struct client *c, uint64_t id, bool ok, struct slice body)
{
	struct group_member *m = c->owner;
	struct group *g = m->group;

	if (!ok)
		(void)snprintf(g->error, sizeof(g->error), "%.*s",
			       SLICE_ARG(body));
	if (g->listener)
		g->listener->on_answer(g->listener, id, ok);
}

static void on_closed(struct client *c, enum err err, const char *why)
{
	struct group_member *m = c->owner;
	struct group *g = m->group;

	(void)err;
	g->closed++;
	(void)snprintf(g->error, sizeof(g->error), "%s: %s",
		       m == &g->publisher ? "publisher" : "subscriber", why);
}

static const struct client_events events = {
	.on_open = on_open,
	.on_lost = on_lost,
	.on_message = on_message,
	.on_object = on_object,
	.on_answer = on_answer,
	.on_closed = on_closed,
};

/* Connecting */

static void fail(struct group *g, const char *why)
{
	(void)snprintf(g->error, sizeof(g->error), "%s", why);
	g->closed++;
}

static void start_member(struct group *g, struct group_member *m,
			 const struct client_ops *ops,
			 const struct client_options *options)
{
	enum err e;

	m->group = g;
	m->started_ns = now_of(g);
	e = client_new(g->env->clients, ops, options, &events, m, &m->client);
	if (e)
		fail(g, err_text(e));
}

static uint32_t started(const struct group *g)
{
	return g->started + (g->sinks ? sinks_started(g->sinks) : 0);
}

static void start_next(struct group *g)
{
	struct client_options options = g->options;
	struct group_member *m;

	if (g->started == g->member_count) {
		sinks_connect(g->sinks);
		return;
	}
	m = &g->members[g->started];
	m->index = g->started++;
	options.rooms = &g->rooms[(g->target.first + m->index) % g->room_count];
	if (options.local)
		options.local = g->sources[m->index / GROUP_PER_SOURCE];
	start_member(g, m, g->ops, &options);
}

/* Starts as many as the limits allow now. */
static void start_some(struct connecting *c)
{
	struct group *g = c->group;
	double seconds = (double)(now_of(g) - c->told->start_ns) / SECOND_NS;
	uint32_t allowed = g->target.subscribers;

	if (g->target.connect_rate > 0 &&
	    seconds * g->target.connect_rate + 1 < allowed)
		allowed = (uint32_t)(seconds * g->target.connect_rate) + 1;
	while (started(g) < allowed && group_closed(g) == 0 &&
	       started(g) - group_open(g) < c->pending_max)
		start_next(g);
}

static bool publisher_open(const struct group *g)
{
	return g->target.mute ||
	       (g->publisher.client && g->publisher.client->open);
}

static bool all_open(const struct group *g)
{
	return publisher_open(g) && group_open(g) == g->target.subscribers;
}

/* What is not open in time is missing, or else the reason to fail. */
static void time_is_over(struct group *g)
{
	if (!g->target.partial)
		fail(g, "not all connections opened in time");
	else if (!publisher_open(g))
		fail(g, "the publisher did not open in time");
	else if (group_open(g) == 0)
		fail(g, "no subscriber opened in time");
}

static void run_until_open(struct connecting *c)
{
	struct group *g = c->group;

	while (group_closed(g) == 0 && !all_open(g)) {
		if (g->env->cut) {
			fail(g, "interrupted");
			return;
		}
		if (now_of(g) >= c->deadline_ns) {
			time_is_over(g);
			return;
		}
		start_some(c);
		if (loop_tick(g->env->loop, STEP_MS) != ERR_OK) {
			fail(g, "the event loop failed");
			return;
		}
	}
}

/* How a group's clients speak a dialect. "longpoll" is polling only. */
struct dialect {
	const char *name;
	const struct client_ops *ops;
	const struct client_ops *publisher; /* NULL: the same */
	bool upgrade, plain;
	unsigned poll_ms; /* asks so often, if the target does not say */
};

static const struct dialect dialects[] = {
	{"bare", &client_bare, NULL, false, false, 0},
	{"ws", &client_ws, NULL, false, false, 0},
	{"sse", &client_sse, NULL, false, false, 0},
	{"longpoll", &client_longpoll, NULL, false, false, 0},
	{"longpoll+upgrade", &client_longpoll, NULL, true, false, 0},
	{DIALECT_WS_PLAIN, &client_ws, &client_post, false, true, 0},
	{DIALECT_SSE_PLAIN, &client_sse, &client_post, false, true, 0},
	{DIALECT_LONGPOLL_PLAIN, &client_poll, &client_post, false, true, 0},
	{DIALECT_POLL_PLAIN, &client_poll, &client_post, false, true,
	 PLAIN_POLL_MS},
};

static const struct dialect *find_dialect(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(dialects); i++) {
		if (strcmp(dialects[i].name, name) == 0)
			return &dialects[i];
	}
	return NULL;
}

static void pick_sources(struct group *g)
{
	for (size_t i = 0; i < GROUP_SOURCES; i++) {
		if (!group_pick_source(g, g->sources[i]))
			return;
	}
	g->options.local = g->sources[0];
}

static void name_rooms(struct group *g)
{
	const struct load_target *t = &g->target;

	g->room_count = t->rooms > 1 ? t->rooms : 1;
	g->room_names = xcalloc(g->room_count, sizeof(*g->room_names));
	g->rooms = xcalloc(g->room_count, sizeof(*g->rooms));
	for (uint32_t i = 0; i < g->room_count; i++) {
		g->rooms[i] = g->room_names[i];
		(void)snprintf(g->room_names[i], GROUP_ROOM,
			       t->rooms > 1 ? "%s.%u" : "%s", t->room, i);
	}
}

/* Whether this process may have so many connections; says why not. */
static bool room_for(struct group *g)
{
	uint32_t more = g->target.subscribers;

	if (more > LOAD_SUBSCRIBERS) {
		(void)snprintf(g->error, sizeof(g->error),
			       "a load worker has %d subscribers of a group "
			       "at most: take more (--set workers=%u)",
			       LOAD_SUBSCRIBERS,
			       (more + LOAD_SUBSCRIBERS - 1) /
				       LOAD_SUBSCRIBERS);
		g->closed++;
		return false;
	}
	if (!descriptors_suffice(more, g->error, sizeof(g->error)))
		g->closed++;
	return g->closed == 0;
}

static enum err prepare(struct group *g)
{
	const struct load_target *t = &g->target;
	const struct dialect *d = find_dialect(t->dialect);

	if (!d || (t->raw && (t->subscribers == 0 || t->mute)) ||
	    t->whole < (uint64_t)t->first + t->subscribers ||
	    (t->rooms > 1 && (t->raw || t->rooms > t->whole)) ||
	    (t->partial && (t->raw || g->env->board)))
		return ERR_USAGE;
	g->ops = d->ops;
	g->publisher_ops = d->publisher ? d->publisher : d->ops;
	name_rooms(g);
	g->options = (struct client_options){
		.host = t->host,
		.port = t->port,
		.path = t->path[0] ? t->path : NULL,
		.nsp = t->nsp[0] ? t->nsp : NULL,
		.rooms = g->rooms,
		.room_count = 1,
		.deflate = t->deflate,
		.plain = d->plain,
		.reconnect = t->reconnect,
		.forget = t->forget,
		.way_ms = (unsigned)(t->way_ns / 1000000),
		.poll_ms = d->poll_ms > 0 && t->poll_ns > 0
				   ? (unsigned)(t->poll_ns / 1000000)
				   : d->poll_ms,
	};
	/* Polling that was not upgraded would be measured under its name. */
	if (d->upgrade) {
		g->options.transport = CLIENT_UPGRADE;
		g->options.must_upgrade = !t->fallback;
	}
	pick_sources(g);
	g->member_count = t->raw ? 1 : t->subscribers;
	g->members = xcalloc((size_t)g->member_count + 1, sizeof(*g->members));
	if (!t->raw)
		return ERR_OK;
	return sinks_new(g->env->loop, t->dialect, &g->options,
			 t->subscribers - 1, &g->sinks);
}

static void connect_all(struct group *g, struct load_connected *told)
{
	const struct load_target *t = &g->target;
	struct client_options publisher = g->options;
	struct connecting c = {
		.group = g,
		.told = told,
		.pending_max = t->connect_pending ? t->connect_pending
						  : DEFAULT_PENDING,
		.deadline_ns =
			told->start_ns +
			(t->timeout_ns ? t->timeout_ns : DEFAULT_TIMEOUT_NS),
	};

	publisher.chunk = (size_t)t->chunk;
	publisher.rooms = NULL;
	publisher.room_count = 0;
	if (t->publisher_host[0]) {
		publisher.host = t->publisher_host;
		publisher.port = t->publisher_port;
	}
	if (!t->mute)
		start_member(g, &g->publisher, g->publisher_ops, &publisher);
	run_until_open(&c);
}

/* Writes the outcome; returns g, or NULL when it is of no use. */
static struct group *conclude(struct group *g, struct load_connected *told)
{
	struct group_bytes bytes;

	told->open = group_open(g);
	told->end_ns = now_of(g);
	if (g->members) {
		group_count_bytes(g, &bytes);
		told->bytes_in = bytes.in;
		told->bytes_out = bytes.out;
	}
	hist_copy(&told->setup, &g->setup);
	if (group_closed(g) == 0)
		return g;
	(void)snprintf(told->error, sizeof(told->error), "%s", group_error(g));
	group_free(g);
	return NULL;
}

struct group *group_connect(struct group_env *env,
			    const struct load_target *target,
			    struct load_connected *told)
{
	struct group *g = xcalloc(1, sizeof(*g));
	struct usage before, after;
	enum err e;

	g->env = env;
	g->target = *target;
	if (g->target.whole == 0)
		g->target.whole = target->subscribers;
	hist_init(&g->setup);
	told->start_ns = now_of(g);
	usage_read(&before);
	told->error[0] = '\0';
	e = room_for(g) ? prepare(g) : ERR_LIMIT;
	if (e == ERR_OK)
		connect_all(g, told);
	else if (g->closed == 0)
		fail(g, e == ERR_USAGE ? "such a group cannot be made"
				       : err_text(e));
	usage_read(&after);
	told->cpu_ns = after.cpu_ns - before.cpu_ns;
	return conclude(g, told);
}

void group_free(struct group *g)
{
	if (!g)
		return;
	client_free(g->publisher.client);
	for (uint32_t i = 0; g->members && i < g->started; i++)
		client_free(g->members[i].client);
	sinks_free(g->sinks);
	free(g->members);
	free(g->rooms);
	free(g->room_names);
	hist_release(&g->setup);
	hist_release(&g->away);
	free(g);
}

/* Operations */

void group_publish(struct group *g, uint32_t number, struct slice data,
		   uint64_t id)
{
	client_publish(g->publisher.client,
		       slice_str(g->rooms[number % g->room_count]),
		       SLICE("message"), data, false, id);
}

/* Another process soon after this one starts elsewhere. */
bool group_pick_source(struct group *g, char into[16])
{
	unsigned n = (unsigned)getpid() * LOAD_GROUPS * GROUP_SOURCES +
		     g->env->sources;

	if (strncmp(g->target.host, "127.", 4) != 0)
		return false;
	g->env->sources++;
	(void)snprintf(into, 16, "127.%u.%u.1", (n >> 8 & 127) + 1, n & 255);
	return true;
}

void group_flush(struct group *g)
{
	struct client *c = g->publisher.client;

	if (c->closed || !list_linked(&c->dirty))
		return;
	list_remove(&c->dirty);
	client_enter(c);
	c->ops->flush(c);
	client_exit(c);
}

/* Queries */

void group_count_bytes(const struct group *g, struct group_bytes *out)
{
	static const struct client_counts none;
	const struct client_counts *p =
		g->publisher.client ? &g->publisher.client->counts : &none;

	*out = (struct group_bytes){
		.in = p->bytes_in,
		.out = p->bytes_out,
		.publisher_in = p->bytes_in,
		.publisher_out = p->bytes_out,
		.http_in = p->http_in,
		.http_out = p->http_out,
	};
	for (uint32_t i = 0; i < g->started; i++) {
		const struct client *c = g->members[i].client;

		if (!c)
			continue;
		out->in += c->counts.bytes_in;
		out->out += c->counts.bytes_out;
		out->http_in += c->counts.http_in;
		out->http_out += c->counts.http_out;
		if (i == 0)
			out->reference_in = c->counts.bytes_in;
	}
	if (g->sinks) {
		out->in += sinks_bytes_in(g->sinks);
		out->out += sinks_bytes_out(g->sinks);
	}
}

bool group_can_publish(const struct group *g)
{
	return g->publisher.client->open && !g->publisher.client->closed;
}

uint32_t group_open(const struct group *g)
{
	return g->open + (g->sinks ? sinks_open(g->sinks) : 0);
}

uint32_t group_closed(const struct group *g)
{
	return g->closed + (g->sinks ? sinks_closed(g->sinks) : 0);
}

const char *group_error(const struct group *g)
{
	return g->error[0] || !g->sinks ? g->error : sinks_error(g->sinks);
}
