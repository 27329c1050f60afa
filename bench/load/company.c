/* SPDX-License-Identifier: MIT */
#include "bench/load/company.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench/load/sink.h"
#include "bench/load/sockets.h"
#include "servers/base/check.h"

#define OPEN_NS ((uint64_t)30 * 1000000000)
#define STEP_MS 10
#define WAKING_TICKS 50 /* of a millisecond at most */
#define SECOND_NS 1e9
#define TURN_NS 20000000 /* between looks at a slow crowd */

struct visitor {
	struct company *company;
	struct client *client;
	uint64_t until_ns; /* 0: not a member yet */
};

/* Whole clients in a loop of their own, which runs as it is told to. */
struct crowd {
	struct loop *loop; /* NULL: there is none */
	struct client_env *env;
	struct client **clients;
	uint32_t count, open;
};

struct company {
	struct group *group;
	char source[16]; /* of those that get stuck; "": whichever */
	struct crowd frozen;
	/*
	 * Those that read slowly: sockets that are read by the byte, or whole
	 * clients where reading takes more than a socket.
	 */
	struct sinks *sinks;
	struct client_options sink_options;
	struct crowd slow;
	double slow_rate;	   /* bytes a second */
	uint64_t slow_ns;	   /* since then */
	struct loop_fd turns;	   /* of `slow` */
	struct loop_fd door;	   /* when the next visitor comes */
	struct visitor **visitors; /* in the order in which they came */
	size_t visitor_count;
	uint64_t came, visits;
	char error[LOAD_TEXT]; /* of the newest that failed */
};

static uint64_t now_of(const struct company *c)
{
	return clock_ns(loop_clock(c->group->env->loop));
}

static struct client_options options_of(const struct company *c, uint64_t index)
{
	const struct group *g = c->group;
	struct client_options o = g->options;

	o.rooms = &g->rooms[index % g->room_count];
	return o;
}

/* Of those that get stuck: what is theirs can be told by the address. */
static struct client_options stuck_options(const struct company *c,
					   uint64_t index)
{
	struct client_options o = options_of(c, index);

	if (c->source[0])
		o.local = c->source;
	return o;
}

static void ignore_message(struct client *c, const struct client_message *m)
{
	(void)c;
	(void)m;
}

static void ignore_object(struct client *c, struct slice object)
{
	(void)c;
	(void)object;
}

static void ignore_answer(struct client *c, uint64_t id, bool ok,
			  struct slice body)
{
	(void)c;
	(void)id;
	(void)ok;
	(void)body;
}

/* Crowds */

static void on_crowd_open(struct client *c)
{
	struct company *all = c->owner;
	struct crowd *w = c->env == all->slow.env ? &all->slow : &all->frozen;

	w->open++;
}

static void on_crowd_closed(struct client *c, enum err err, const char *why)
{
	struct company *all = c->owner;

	(void)err;
	/* That a slow one is given up is the server's choice, and no failure.
	 */
	if (!c->open)
		(void)snprintf(all->error, sizeof(all->error),
			       "a subscriber that gets stuck: %s", why);
}

static const struct client_events crowd_events = {
	.on_open = on_crowd_open,
	.on_message = ignore_message,
	.on_object = ignore_object,
	.on_answer = ignore_answer,
	.on_closed = on_crowd_closed,
};

/* Until `count` are open. */
static enum err gather(struct company *c, struct crowd *w, uint32_t count)
{
	uint64_t deadline_ns = now_of(c) + OPEN_NS;
	enum err e = loop_new(loop_clock(c->group->env->loop), &w->loop);

	if (e)
		return e;
	w->env = client_env_new(w->loop);
	w->clients = xcalloc(count, sizeof(struct client *));
	while (!e && w->count < count) {
		struct client_options o = stuck_options(c, w->count);

		e = client_new(w->env, c->group->ops, &o, &crowd_events, c,
			       &w->clients[w->count]);
		w->count += !e;
	}
	while (!e && w->open < count) {
		if (c->group->env->cut || c->error[0] ||
		    now_of(c) >= deadline_ns)
			e = ERR_IO;
		else
			e = loop_tick(w->loop, STEP_MS);
	}
	return e;
}

/*
 * They wake up before they go: who polls can only take leave of the server
 * once it has read the answer that waits.
 */
static void disperse(struct crowd *w)
{
	for (int i = 0; i < WAKING_TICKS && w->loop; i++) {
		if (loop_tick(w->loop, 1) != ERR_OK)
			break;
	}
	for (uint32_t i = 0; i < w->count; i++)
		client_free(w->clients[i]);
	free(w->clients);
	client_env_free(w->env);
	loop_free(w->loop);
}

/* Timers of the group's loop */

static enum err set_timer(struct company *c, struct loop_fd *f,
			  uint64_t each_ns, loop_fd_fn *on_time)
{
	struct timespec each = {.tv_sec = (time_t)(each_ns / 1000000000),
				.tv_nsec = (long)(each_ns % 1000000000)};
	struct itimerspec at = {.it_value = each, .it_interval = each};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return ERR_IO;
	if (timerfd_settime(fd, 0, &at, NULL) == 0 &&
	    loop_add(c->group->env->loop, f, fd, EPOLLIN, on_time) == ERR_OK)
		return ERR_OK;
	(void)close(fd);
	return ERR_IO;
}

static void stop_timer(struct company *c, struct loop_fd *f)
{
	int fd = f->fd;

	if (fd < 0)
		return;
	loop_remove(c->group->env->loop, f);
	(void)close(fd);
}

/* Those that read slowly */

static uint64_t bytes_of(const struct crowd *w)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w->count; i++)
		sum += w->clients[i]->counts.bytes_in;
	return sum;
}

/* A crowd has its turn when it has read less than it may. */
static void on_turn(struct loop_fd *f, uint32_t events)
{
	struct company *c = container_of(f, struct company, turns);
	double may =
		c->slow_rate * (double)(now_of(c) - c->slow_ns) / SECOND_NS;
	uint64_t times;

	(void)events;
	(void)!read(f->fd, &times, sizeof(times));
	if ((double)bytes_of(&c->slow) < may * c->slow.count &&
	    loop_tick(c->slow.loop, 0) != ERR_OK)
		(void)snprintf(c->error, sizeof(c->error),
			       "the loop of those that read slowly failed");
}

static enum err slow_crowd(struct company *c, const struct load_plan *p)
{
	enum err e = gather(c, &c->slow, p->slow);

	c->slow_rate = p->slow_rate;
	c->slow_ns = now_of(c);
	return e ? e : set_timer(c, &c->turns, TURN_NS, on_turn);
}

static enum err slow_sinks(struct company *c, const struct load_plan *p)
{
	uint64_t deadline_ns = now_of(c) + OPEN_NS;
	enum err e = sinks_slow(c->sinks, p->slow_rate);

	for (uint32_t i = 0; i < p->slow && !e; i++)
		sinks_connect(c->sinks);
	while (!e && sinks_open(c->sinks) < p->slow) {
		if (c->group->env->cut || sinks_closed(c->sinks) > 0 ||
		    now_of(c) >= deadline_ns)
			e = ERR_IO;
		else
			e = loop_tick(c->group->env->loop, STEP_MS);
	}
	return e;
}

static enum err slow_down(struct company *c, const struct load_plan *p)
{
	enum err e;

	c->sink_options = stuck_options(c, 0);
	e = sinks_new(c->group->env->loop, c->group->target.dialect,
		      &c->sink_options, p->slow, &c->sinks);
	if (e == ERR_USAGE)
		return slow_crowd(c, p);
	return e ? e : slow_sinks(c, p);
}

/* Visitors */

static void on_visitor_open(struct client *c)
{
	struct visitor *v = c->owner;

	v->until_ns = now_of(v->company) + COMPANY_STAY_NS;
	v->company->visits++;
}

static void on_visitor_closed(struct client *c, enum err err, const char *why)
{
	struct visitor *v = c->owner;

	(void)err;
	(void)snprintf(v->company->error, sizeof(v->company->error),
		       "a visitor: %s", why);
}

static const struct client_events visitor_events = {
	.on_open = on_visitor_open,
	.on_message = ignore_message,
	.on_object = ignore_object,
	.on_answer = ignore_answer,
	.on_closed = on_visitor_closed,
};

static void say_goodbye(struct visitor *v)
{
	client_free(v->client);
	free(v);
}

/* Those who have been here for long enough: who came first may open last. */
static void send_home(struct company *c)
{
	uint64_t now = now_of(c);
	size_t kept = 0;

	for (size_t i = 0; i < c->visitor_count; i++) {
		struct visitor *v = c->visitors[i];

		if (v->until_ns > 0 && now >= v->until_ns)
			say_goodbye(v);
		else
			c->visitors[kept++] = v;
	}
	c->visitor_count = kept;
}

static void welcome(struct company *c)
{
	struct client_options o = options_of(c, c->came++);
	struct visitor *v = xcalloc(1, sizeof(*v));
	enum err e;

	v->company = c;
	e = client_new(c->group->env->clients, c->group->ops, &o,
		       &visitor_events, v, &v->client);
	if (e) {
		(void)snprintf(c->error, sizeof(c->error), "a visitor: %s",
			       err_text(e));
		free(v);
		return;
	}
	c->visitors = xrealloc(c->visitors, (c->visitor_count + 1) *
						    sizeof(struct visitor *));
	c->visitors[c->visitor_count++] = v;
}

static void on_door(struct loop_fd *f, uint32_t events)
{
	struct company *c = container_of(f, struct company, door);
	uint64_t times = 0;

	(void)events;
	(void)!read(f->fd, &times, sizeof(times));
	send_home(c);
	while (times-- > 0 && !c->error[0])
		welcome(c);
}

static void dismiss_visitors(struct company *c)
{
	for (size_t i = 0; i < c->visitor_count; i++)
		say_goodbye(c->visitors[i]);
	free(c->visitors);
}

/* Life cycle */

static enum err gather_all(struct company *c, const struct load_plan *plan)
{
	enum err e = ERR_OK;

	if (plan->frozen > 0)
		e = gather(c, &c->frozen, plan->frozen);
	if (!e && plan->slow > 0)
		e = slow_down(c, plan);
	if (!e && plan->churn > 0)
		e = set_timer(c, &c->door, (uint64_t)(SECOND_NS / plan->churn),
			      on_door);
	return e;
}

enum err company_join(struct group *g, const struct load_plan *plan,
		      struct company **out, char *why)
{
	struct company *c;

	*out = NULL;
	if (plan->frozen == 0 && plan->slow == 0 && !(plan->churn > 0))
		return ERR_OK;
	c = xcalloc(1, sizeof(*c));
	c->group = g;
	c->door.fd = -1;
	c->turns.fd = -1;
	(void)group_pick_source(g, c->source);
	if (gather_all(c, plan) == ERR_OK) {
		*out = c;
		return ERR_OK;
	}
	(void)snprintf(why, LOAD_TEXT, "%s",
		       c->error[0] ? c->error
		       : c->sinks && sinks_closed(c->sinks) > 0
			       ? sinks_error(c->sinks)
			       : "not all who keep company opened");
	company_leave(c);
	return ERR_IO;
}

void company_leave(struct company *c)
{
	if (!c)
		return;
	stop_timer(c, &c->door);
	stop_timer(c, &c->turns);
	dismiss_visitors(c);
	sinks_free(c->sinks);
	disperse(&c->slow);
	disperse(&c->frozen);
	free(c);
}

/* Queries */

void company_tell(const struct company *c, struct load_result *into)
{
	struct socket_peers stuck;

	into->visits = c->visits;
	if (c->error[0] && !into->error[0])
		(void)snprintf(into->error, sizeof(into->error), "%s",
			       c->error);
	if (!c->source[0] ||
	    (c->frozen.count == 0 && c->slow.count == 0 && !c->sinks))
		return;
	sockets_peers(c->source, &stuck);
	into->stuck_open = stuck.open;
	into->stuck_bytes = stuck.bytes;
}
