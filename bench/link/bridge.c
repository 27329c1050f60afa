/* SPDX-License-Identifier: MIT */
#include "bench/link/bridge.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "servers/base/check.h"

#define READ_MAX 16384
#define READS_MAX                                                              \
	4 /* a turn, so that one busy stream does not keep the rest            \
	   */
#define ROOM_MIN 4096
#define KERNEL_MIN ((size_t)256 * 1024)
#define WRITES_MAX 16 /* runs a system call */

static void receive(struct bridge_end *e);
static void pass_requests(struct bridge *b);
static void deliver(struct bridge_end *e);

static uint64_t now_ns(const struct bridge *b)
{
	return clock_ns(loop_clock(b->shared->loop));
}

static bool open_end(const struct bridge_end *e)
{
	return conn_open(&e->conn);
}

/* Whether it can take bytes: the server may not be connected yet. */
static bool ready(const struct bridge_end *e)
{
	return open_end(e) && !e->conn.connecting;
}

static bool left(const struct bridge_end *e)
{
	return e->over || !open_end(e) || e->conn.ended;
}

/* Ending */

/* The client has left: it has no request under way and wants none. */
static void leave_turns(struct bridge *b)
{
	strain_forget(&b->strain);
	turns_give(&b->shared->turns, &b->turn);
}

/* Nothing of it happens any more; the reaper frees it behind this tick. */
static void finish(struct bridge *b)
{
	b->holed = true;
	leave_turns(b);
	alarm_cancel(&b->connect);
	alarm_cancel(&b->cut);
	alarm_cancel(&b->hole);
	alarm_cancel(&b->idle);
	conn_close(&b->client.conn);
	conn_close(&b->server.conn);
	gate_leave(&b->client.waiter);
	gate_leave(&b->server.waiter);
	lane_release(&b->client.lane);
	lane_release(&b->server.lane);
	reaper_add(&b->shared->reaper, &b->link);
}

void bridge_close(struct bridge *b)
{
	finish(b);
}

void bridge_free(struct list *link)
{
	struct bridge *b = list_entry(link, struct bridge, link);

	b->shared->count--;
	strain_release(&b->strain);
	free(b);
}

/* From here on nothing passes, and neither end is told. */
static void dig_hole(struct bridge *b)
{
	b->holed = true;
	alarm_cancel(&b->connect);
	alarm_cancel(&b->idle);
	gate_leave(&b->client.waiter);
	gate_leave(&b->server.waiter);
	lane_release(&b->client.lane);
	lane_release(&b->server.lane);
}

void bridge_cut(struct bridge *b)
{
	b->shared->stats.cut++;
	conn_abort(&b->client.conn);
	b->client.over = true;
	leave_turns(b);
	if (b->shared->plan->half_open && open_end(&b->server)) {
		dig_hole(b);
		return;
	}
	conn_abort(&b->server.conn);
	finish(b);
}

/* An end that is told nothing is kept until it goes by itself. */
static void finish_if_both_left(struct bridge *b)
{
	if (left(&b->client))
		leave_turns(b);
	if (left(&b->client) && left(&b->server))
		finish(b);
}

/* The end `e` sends no more; `how` it ended travels to the other. */
static void end_stream(struct bridge_end *e, enum lane_end how)
{
	struct bridge *b = e->bridge;
	struct slice rest = strain_end(&b->strain, e->way);

	e->over = true;
	if (e == &b->client)
		leave_turns(b);
	if (!b->wanted) {
		finish(b); /* there is no server to be told */
		return;
	}
	if (how == LANE_RESET) {
		conn_close(&e->conn);
		lane_release(&e->lane);
	}
	if (b->holed || b->shared->plan->half_open) {
		if (how == LANE_RESET)
			dig_hole(b);
		finish_if_both_left(b);
		return;
	}
	if (how == LANE_FIN)
		lane_push(&e->other->lane, now_ns(b), rest);
	strain_gone(&b->strain, e->way, rest.n);
	lane_push_end(&e->other->lane, now_ns(b), how);
	lane_arm(&e->other->lane, 0);
}

/* Coming out */

/* The bytes of its lane are out, and what is behind them is due. */
static void tell_end(struct bridge_end *e, enum lane_end how)
{
	struct bridge *b = e->bridge;

	if (how == LANE_RESET) {
		conn_abort(&e->conn);
		finish(b);
		return;
	}
	e->told = true;
	/* No answer comes any more. */
	if (e == &b->client)
		leave_turns(b);
	conn_shutdown(&e->conn);
	if (e->other->told)
		finish(b);
}

/* Writes what is due; false when the end turned out to be gone. */
static bool write_due(struct bridge_end *e, uint64_t now)
{
	struct iovec iov[WRITES_MAX];
	size_t wrote = 1;
	int count;

	while (!e->conn.blocked && wrote > 0) {
		count = lane_due(&e->lane, now, iov, WRITES_MAX);
		if (count == 0)
			break;
		if (conn_writev(&e->conn, iov, count, &wrote) != ERR_OK)
			return false;
		lane_consume(&e->lane, wrote);
		*e->bytes += wrote;
		e->bridge->active_ns = now;
	}
	return true;
}

/* Once the answer is out, the next request of this connection may ask. */
static void end_turn(struct bridge *b)
{
	if (!b->turn.had || b->strain.admitted || b->client.lane.held > 0)
		return;
	turns_give(&b->shared->turns, &b->turn);
	pass_requests(b);
}

static void deliver(struct bridge_end *e)
{
	struct bridge *b = e->bridge;
	uint64_t now = now_ns(b);
	enum lane_end how;

	if (b->holed)
		return;
	if (ready(e) && !write_due(e, now)) {
		end_stream(e, LANE_RESET);
		return;
	}
	how = lane_ended(&e->lane, now);
	/* A reset finds a server that is not connected yet, too. */
	if (how == LANE_RESET || (how == LANE_FIN && ready(e) && !e->told)) {
		tell_end(e, how);
		return;
	}
	lane_arm(&e->lane, now);
	if (e == &b->client)
		end_turn(b);
	if (e->other->paused)
		receive(e->other);
}

static void lane_event(struct lane *l)
{
	deliver(container_of(l, struct bridge_end, lane));
}

/* Going in */

/* What `e` sent goes into the lane; false when it had to be HTTP and is not. */
static bool pass_on(struct bridge_end *e, struct slice bytes, uint64_t now)
{
	struct bridge *b = e->bridge;
	struct slice go;

	if (strain_feed(&b->strain, e->way, bytes, &go)) {
		b->shared->stats.malformed++;
		conn_abort(&b->client.conn);
		conn_abort(&b->server.conn);
		finish(b);
		return false;
	}
	lane_push(&e->other->lane, now, go);
	strain_gone(&b->strain, e->way, go.n);
	return true;
}

/* Else the end takes what is due once it is connected or writable. */
static void arm_ready(struct bridge_end *e)
{
	if (e->lane.held > 0 && ready(e) && !e->conn.blocked)
		lane_arm(&e->lane, 0);
}

static void admit(struct bridge *b)
{
	strain_admit(&b->strain);
	if (!b->wanted && !alarm_is_set(&b->connect))
		alarm_set(&b->connect, now_ns(b));
	b->wanted = true;
}

/* What the client has sent goes on as far as it may by now. */
static void pass_admitted(struct bridge *b)
{
	if (pass_on(&b->client, slice_of("", 0), now_ns(b)))
		arm_ready(&b->server);
}

/* What waits of the client's goes on, if it has its turn or needs none. */
static void pass_requests(struct bridge *b)
{
	if (strain_waits(&b->strain)) {
		/* The turn that it still has is that of the one before. */
		if (b->turn.had || !turns_take(&b->shared->turns, &b->turn))
			return;
		admit(b);
	}
	pass_admitted(b);
}

static void turn_came(struct turn *t)
{
	struct bridge *b = container_of(t, struct bridge, turn);

	/* A request that a black hole swallows is under way for ever. */
	if (b->holed)
		return;
	admit(b);
	/* Once that is out, the client is read on if it was too much. */
	pass_admitted(b);
}

/* One read's worth; false when there is no more to read now. */
static bool receive_some(struct bridge_end *e, uint64_t now)
{
	struct bridge *b = e->bridge;
	char bytes[READ_MAX];
	size_t n;
	enum err error = conn_read(&e->conn, bytes, sizeof(bytes), &n);

	if (error == ERR_AGAIN)
		return false;
	if (error) {
		end_stream(e, error == ERR_CLOSED ? LANE_FIN : LANE_RESET);
		return false;
	}
	b->active_ns = now;
	if (!pass_on(e, slice_of(bytes, n), now))
		return false;
	if (e == &b->client && strain_waits(&b->strain))
		pass_requests(b);
	return n == sizeof(bytes);
}

/* Reads what there is, or remembers that it stopped before. */
static void receive(struct bridge_end *e)
{
	struct bridge *b = e->bridge;
	struct lane *lane = &e->other->lane;

	e->paused = false;
	for (int i = 0; open_end(e) && !e->over && !b->holed; i++) {
		uint64_t now = now_ns(b);

		if (lane_room(lane) < ROOM_MIN ||
		    strain_full(&b->strain, e->way) ||
		    !gate_pass(e->gate, &e->waiter, now)) {
			e->paused = true;
			break;
		}
		if (i == READS_MAX) {
			conn_read_later(&e->conn);
			break;
		}
		if (!receive_some(e, now))
			break;
	}
	arm_ready(e->other);
}

static void gate_turn(struct gate_waiter *w)
{
	struct bridge_end *e = container_of(w, struct bridge_end, waiter);

	if (e->paused)
		receive(e);
}

/* Connections */

static void readable(struct conn *c)
{
	struct bridge_end *e = container_of(c, struct bridge_end, conn);

	if (e->bridge->holed) {
		/* Its end is looked at, its bytes are not. */
		finish_if_both_left(e->bridge);
		return;
	}
	receive(e);
	/* Nothing that is due waits for the rest of a long tick. */
	alarms_run(e->bridge->shared->alarms, now_ns(e->bridge));
}

static void writable(struct conn *c)
{
	deliver(container_of(c, struct bridge_end, conn));
}

static void gone(struct conn *c, enum err why)
{
	struct bridge_end *e = container_of(c, struct bridge_end, conn);
	struct bridge *b = e->bridge;

	if (c->connecting)
		b->shared->stats.refused++;
	/* Ended both ways: what it had sent is read and passed on in time. */
	if (why == ERR_CLOSED && e->told && !b->holed)
		return;
	end_stream(e, LANE_RESET);
}

static const struct conn_ops ops = {readable, writable, gone};

/*
 * What the kernel takes beyond the window hides the link. Yet with less than
 * some of loopback's packets of 64 KiB, its TCP stalls at every other one.
 */
static void limit_buffers(int fd, size_t window)
{
	int bytes = (int)(window < KERNEL_MIN ? KERNEL_MIN : window);

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* Alarms */

static void connect_due(struct alarm *a)
{
	struct bridge *b = container_of(a, struct bridge, connect);
	struct bridge_shared *s = b->shared;

	if (!b->wanted)
		return;
	if (b->client.over &&
	    lane_ended(&b->server.lane, PLAN_NEVER) == LANE_RESET) {
		finish(b);
		return;
	}
	if (conn_connect(&b->server.conn, s->loop, s->to.host, s->to.port, NULL,
			 &ops) != ERR_OK) {
		s->stats.refused++;
		end_stream(&b->server, LANE_RESET);
		return;
	}
	limit_buffers(b->server.conn.io.fd, s->plan->window);
}

static void cut_due(struct alarm *a)
{
	bridge_cut(container_of(a, struct bridge, cut));
}

static void hole_due(struct alarm *a)
{
	dig_hole(container_of(a, struct bridge, hole));
}

static void idle_due(struct alarm *a)
{
	struct bridge *b = container_of(a, struct bridge, idle);
	uint64_t until = b->active_ns + b->shared->plan->idle_ns;

	if (now_ns(b) < until) {
		alarm_set(a, until);
		return;
	}
	b->shared->stats.idle++;
	finish(b);
}

/* Sets `a` to fire `delay_ns` from now, or not at all. */
static void set_alarm(struct bridge *b, struct alarm *a, alarm_fn *fire,
		      uint64_t delay_ns)
{
	alarm_init(a, b->shared->alarms, fire);
	if (delay_ns != PLAN_NEVER)
		alarm_set(a, b->active_ns + delay_ns);
}

/* Opening */

static void init_end(struct bridge *b, struct bridge_end *e,
		     struct bridge_end *other, struct gate *from)
{
	struct bridge_shared *s = b->shared;
	struct gate *to = from == &s->to_server ? &s->to_client : &s->to_server;

	e->bridge = b;
	e->other = other;
	e->gate = from;
	gate_waiter_init(&e->waiter, gate_turn);
	lane_init(&e->lane, s->alarms, &to->shaper, s->plan->window,
		  lane_event);
}

void bridge_open(struct bridge_shared *s, int fd)
{
	struct bridge *b = xcalloc(1, sizeof(*b));
	const struct plan *p = s->plan;

	b->shared = s;
	b->active_ns = now_ns(b);
	init_end(b, &b->client, &b->server, &s->to_server);
	init_end(b, &b->server, &b->client, &s->to_client);
	b->client.way = STRAIN_REQUESTS;
	b->client.bytes = &s->stats.bytes_to_client;
	b->server.way = STRAIN_ANSWERS;
	b->server.bytes = &s->stats.bytes_to_server;
	strain_init(&b->strain, p->no_upgrade, p->hold, p->requests > 0);
	turn_init(&b->turn, turn_came);
	b->wanted = p->requests == 0;
	s->count++;
	s->stats.connections++;
	list_append(&s->bridges, &b->link);
	set_alarm(b, &b->connect, connect_due, p->rtt_ns + p->rtt_ns / 2);
	set_alarm(b, &b->cut, cut_due, p->cut_after_ns);
	set_alarm(b, &b->hole, hole_due, p->black_hole_ns);
	set_alarm(b, &b->idle, idle_due, p->idle_ns);
	limit_buffers(fd, p->window);
	if (conn_adopt(&b->client.conn, s->loop, fd, &ops) != ERR_OK)
		finish(b);
}
