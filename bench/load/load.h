/* SPDX-License-Identifier: MIT */
/*
 * What the orchestrator asks of a load worker and what it gets back: plain
 * structs, and their JSON, which is the same between the processes and in
 * the results file.
 *
 * All times are CLOCK_MONOTONIC nanoseconds of the one host that runs sender
 * and receivers. Anything measured is measured between start_ns and end_ns
 * of the result; connecting, warm-up and waiting for stray receipts are not.
 */
#ifndef BENCH_LOAD_LOAD_H
#define BENCH_LOAD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/hist.h"
#include "bench/load/ledger.h"
#include "bench/load/receipts.h"
#include "servers/base/err.h"

struct cJSON;

#define LOAD_GROUPS 8	       /* groups of connections in one worker */
#define LOAD_SUBSCRIBERS 19000 /* of one group in one worker */
#define LOAD_TEXT 256
#define LOAD_WHY 192 /* why a slice is not valid */

/*
 * One group: N subscribers and one publisher (not a member). With several
 * rooms, subscriber i is a member of room i % rooms, and message n goes to room
 * n % rooms; see load_rooms.h for what follows from that.
 */
struct load_target {
	int group;	  /* 0..LOAD_GROUPS-1, chosen by the caller */
	char dialect[24]; /* "ws", "longpoll", "longpoll+upgrade", "sse",
			     "bare", or one of plain.h */
	char host[64];
	int port;
	char path[64]; /* "": the dialect's default */
	char nsp[64];  /* "": "/" */
	char room[64];
	/* 0 and 1: one room, called `room`; else room k is "<room>.<k>". At
	 * most one per subscriber, and not for raw groups. */
	uint32_t rooms;
	uint32_t subscribers; /* of all rooms; 0 is legal for rtt */
	/*
	 * A worker's part of a group that a team shares (team.h): the number
	 * of its first subscriber, and how many all have (0: these are all).
	 * One without a publisher is `mute`.
	 */
	uint32_t first, whole;
	bool mute;
	uint32_t connect_rate;	  /* connections per second; 0: no limit */
	uint32_t connect_pending; /* at most so many at once; 0: 64 */
	uint64_t timeout_ns;	  /* for all to be open; 0: 30 s */
	/*
	 * It is enough that one subscriber is open when that time has passed.
	 * The others go on waiting, and what they miss is lost in the ledger.
	 * Not for raw groups nor for those of a team.
	 */
	bool partial;
	/*
	 * Subscribers do not decode: a plain recv() loop that counts bytes,
	 * but for the first, which tells how many bytes a message has. For
	 * "ws", "sse" and "bare" only. The server's heartbeats are
	 * not answered, so a raw group lives for tens of seconds only.
	 */
	bool raw;
	uint64_t chunk; /* "ws": the publisher sends what is larger in chunk
			   objects of as many bytes; 0: whole */
	bool deflate;	/* "ws": subscribers offer permessage-deflate */
	/*
	 * Connections that are lost are made again, and what was missed is
	 * asked for, unless `forget`. The result then tells how often and how
	 * long; without it a lost connection ends the slice.
	 */
	bool reconnect, forget;
	bool fallback; /* "longpoll+upgrade": may stay with polling */
	/* How long a request can be under way behind a relay, which the kernel
	 * knows nothing of: see plain.h. */
	uint64_t way_ns;
	uint64_t poll_ns; /* "poll-plain": between polls; 0: PLAIN_POLL_MS */
	/* Where the publisher connects to, past what is in between; "": as
	 * the others. */
	char publisher_host[64];
	int publisher_port;
};

struct load_connected {
	uint32_t open; /* subscribers: all, unless the group is partial */
	uint64_t start_ns, end_ns;
	uint64_t bytes_in, bytes_out;
	uint64_t cpu_ns;       /* the worker\'s own */
	struct hist setup;     /* from connect() to a member of the room */
	char error[LOAD_TEXT]; /* "" or why it failed, for a person */
};

enum load_kind {
	LOAD_CLOSED, /* bursts of `window`; the next when all have all of it */
	LOAD_OPEN,   /* leaves on schedule; latency from the intended time */
	LOAD_RTT,    /* one publish with an answer at a time */
	LOAD_IDLE,   /* nothing for `duration_ns` */
};

struct load_plan {
	int group;
	enum load_kind kind;
	uint64_t duration_ns; /* 0: until `messages` */
	uint64_t messages;    /* 0: until `duration_ns`; both: what is first */
	uint32_t window;      /* closed: messages per burst; 0 means 1 */
	double rate;	      /* open: messages per second */
	uint32_t burst;	      /* open: messages due together; 0 means 1 */
	bool poisson;	      /* open */
	uint64_t seed;	      /* open, Poisson */
	uint32_t payload;     /* bytes; 0: PAYLOAD_DEFAULT */
	uint64_t run;	      /* names the slice in its payloads; unique */
	uint64_t drain_ns;    /* wait at most so long for what is missing;
				 0: 5 s */
	bool spin;	      /* poll without sleeping, instead of blocking */
	bool stamps;	      /* `kernel` and `client_lag` of the result */
	bool split;	      /* `http_*` and `segments_*` of the result */
	/*
	 * Others in the rooms, connected before the slice and closed behind
	 * it, see company.h: `frozen` never read; `slow` read `slow_rate`
	 * bytes a second each; and `churn` visitors a second come and go.
	 */
	uint32_t frozen, slow, slow_rate;
	double churn;
};

struct load_result {
	int group;
	enum load_kind kind;
	uint64_t start_ns, end_ns; /* first send .. last receipt or answer */
	uint64_t first_ns;   /* what is sent first is made, and goes out now */
	uint64_t messages;   /* sent */
	uint64_t completed;  /* received by all (rtt: answered) */
	uint64_t deliveries; /* receipts, without duplicates */
	uint64_t bytes_in, bytes_out; /* subscribers and publisher */
	uint64_t publisher_bytes_in, publisher_bytes_out; /* of those */
	uint64_t http_in, http_out; /* of all: HTTP's heads and framing */
	uint64_t segments_in, segments_out;  /* of TCP, also without data */
	uint64_t cpu_ns, user_ns, system_ns; /* the worker's own */
	uint64_t switches_voluntary, switches_involuntary;
	double busy; /* share of the wall time not waiting (spin: not idling) */
	uint32_t open;	      /* subscribers that ever were, at its end */
	uint32_t closed;      /* connections that ended on their own */
	uint32_t failed_acks; /* answers that were errors */
	/* Of groups that reconnect: */
	uint64_t lost;	   /* connections */
	uint64_t reopened; /* of those */
	uint64_t gaps;	   /* told to subscribers */
	uint64_t unsent;   /* messages due while the publisher was away */
	struct hist away;  /* from being lost to being a member again */
	/*
	 * Of the company: visitors that became members; of those that are
	 * frozen or slow, what waits for them in the kernel at the end, at
	 * both ends if both are on this host, and how many the server keeps.
	 */
	uint64_t visits;
	uint64_t stuck_bytes;
	uint32_t stuck_open;
	bool timed_out; /* drain_ns passed with something missing */
	struct ledger_totals ledger; /* raw: of the one that decodes */
	/* Latency over messages, and over all receipts; see receipts.h.
	 * `from_sent` differs from `from_intended` for LOAD_OPEN only, and
	 * is empty otherwise. Empty for raw groups. */
	struct hist from_intended[RECEIPTS_KINDS];
	struct hist from_sent[RECEIPTS_KINDS];
	struct hist ack; /* rtt: publish to answer */
	struct hist lag; /* open: intended to sent */
	/*
	 * By the kernel's stamps of receipt (SO_TIMESTAMPNS): from the
	 * intended time to the kernel's socket, over all receipts (rtt:
	 * answers); and from there until the worker took note. What came in
	 * one read has one stamp, that of its newest bytes. Empty without
	 * `stamps` and for raw groups.
	 */
	struct hist kernel, client_lag;
	char error[LOAD_TEXT]; /* "" or why the slice is not usable */
};

/* Life cycle */
void load_connected_init(struct load_connected *c);
void load_connected_release(struct load_connected *c);
void load_result_init(struct load_result *r);
void load_result_release(struct load_result *r);

/* Queries */
/*
 * Whether a ranking may use it: no error, not timed out, nothing closed and a
 * balanced ledger. `why` (may be NULL) gets the first reason against it, of a
 * ledger all kinds with their counts; or "".
 */
bool load_result_valid(const struct load_result *r, char why[LOAD_WHY]);
double load_result_seconds(const struct load_result *r);
const char *load_kind_name(enum load_kind k); /* "closed", "open", ... */
const char *receipts_kind_name(enum receipts_kind k); /* "first", ... */

/* JSON: members named as the fields; returns owned. */
struct cJSON *load_target_to_json(const struct load_target *t);
struct cJSON *load_connected_to_json(const struct load_connected *c);
struct cJSON *load_plan_to_json(const struct load_plan *p);
struct cJSON *load_result_to_json(const struct load_result *r);
/* ERR_PROTO when a member is missing or out of range. The struct must be
 * initialised (those that have an init). */
MUST_USE enum err load_target_from_json(struct load_target *t,
					const struct cJSON *json);
MUST_USE enum err load_connected_from_json(struct load_connected *c,
					   const struct cJSON *json);
MUST_USE enum err load_plan_from_json(struct load_plan *p,
				      const struct cJSON *json);
MUST_USE enum err load_result_from_json(struct load_result *r,
					const struct cJSON *json);

#endif
