/* SPDX-License-Identifier: MIT */
/*
 * One group of connections of a load worker: the subscribers of one room and
 * one publisher, who is not a member. It outlives many slices; a slice
 * listens to it while it runs.
 */
#ifndef BENCH_LOAD_GROUP_H
#define BENCH_LOAD_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/load/late.h"
#include "bench/load/load.h"
#include "bench/load/sink.h"
#include "clients/client.h"
#include "servers/base/err.h"
#include "servers/base/loop.h"

struct board;
struct group;

/* What the groups of one worker share. */
struct group_env {
	struct loop *loop;
	struct client_env *clients;
	bool cut;	     /* set by the worker: end what is under way */
	unsigned sources;    /* source addresses handed out so far */
	struct board *board; /* of the team, borrowed; NULL: it works alone */
	uint32_t seat;	     /* there */
};

/* What a slice hears. `subscriber` counts from 0. */
struct group_listener {
	void (*on_message)(struct group_listener *l, uint32_t subscriber,
			   const struct client_message *m);
	/* `id` 0: an error that names no command, to the publisher. */
	void (*on_answer)(struct group_listener *l, uint64_t id, bool ok);
};

/*
 * The kernel finds a free port fast for the first 14,000 connections of one
 * pair of addresses to one port, those just closed included; beyond that each
 * takes milliseconds. So on the loopback network every group has source
 * addresses of its own, one per GROUP_PER_SOURCE members.
 */
#define GROUP_PER_SOURCE 8192
#define GROUP_SOURCES (LOAD_SUBSCRIBERS / GROUP_PER_SOURCE + 1)

#define GROUP_ROOM 80 /* bytes of a room's name */

struct group_member {
	struct group *group;
	struct client *client;
	uint32_t index;
	uint64_t started_ns;
	bool was_open;
	uint64_t lost_ns; /* when its connection was lost; 0: it was not */
};

struct group {
	struct group_env *env;
	struct load_target target;
	uint32_t room_count; /* 1 or more */
	char (*room_names)[GROUP_ROOM];
	const char **rooms;		 /* pointers to those */
	char sources[GROUP_SOURCES][16]; /* "": whichever */
	struct client_options options;	 /* of a sink or the publisher */
	const struct client_ops *ops;	 /* of the subscribers */
	const struct client_ops *publisher_ops;
	struct group_member publisher;
	struct group_member *members;  /* decoding subscribers */
	uint32_t member_count;	       /* raw: 1, the reference */
	struct sinks *sinks;	       /* raw: the others; else NULL */
	uint32_t started, open;	       /* of the members */
	uint32_t closed;	       /* connections that ended on their own */
	uint64_t lost, reopened, gaps; /* of a group that reconnects, ever */
	struct hist away;
	struct hist setup;
	struct group_listener *listener; /* NULL between slices */
	struct late late;		 /* what comes then */
	char error[LOAD_TEXT];		 /* why the newest one ended */
};

struct group_bytes {
	uint64_t in, out; /* of all connections */
	uint64_t publisher_in, publisher_out;
	uint64_t http_in, http_out; /* of `in` and `out`, HTTP's own */
	uint64_t reference_in;	    /* of member 0 */
};

/* Life cycle */
/*
 * Connects all, running the loop until they are open, one fails, or time is
 * over, which fails unless the group is partial; the outcome is in `told`. NULL
 * when it failed. Returns owned.
 */
struct group *group_connect(struct group_env *env,
			    const struct load_target *target,
			    struct load_connected *told);
void group_free(struct group *g); /* disconnects; NULL is legal */

/* Operations */
/* Queues message `number` of the publisher to its room; see group_flush(). */
void group_publish(struct group *g, uint32_t number, struct slice data,
		   uint64_t id);
/* Sends what was queued now, instead of at the tick's end. */
void group_flush(struct group *g);

/*
 * A source address of its own for some connections more; false when the target
 * is not on the loopback network, where any will do.
 */
bool group_pick_source(struct group *g, char into[16]);

/* Queries */
void group_count_bytes(const struct group *g, struct group_bytes *out);
/* Whether the publisher has its connection. */
bool group_can_publish(const struct group *g);
uint32_t group_open(const struct group *g); /* subscribers that ever were */
uint32_t group_closed(const struct group *g);
/* Why the newest connection ended; "" while none did. */
const char *group_error(const struct group *g);

#endif
