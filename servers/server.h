/* SPDX-License-Identifier: MIT */
/*
 * A whole server: loop, HTTP front, hub and backends, wired from its options.
 * main.c parses those; this makes, runs and ends the rest.
 */
#ifndef SERVERS_SERVER_H
#define SERVERS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/base/err.h"

/* As the command line gives them: times in ms, sizes in bytes. */
struct server_options {
	const char *backends; /* comma-separated names */
	const char *transports;
	const char *namespaces; /* comma-separated; NULL: the app's */
	const char *app;
	const char *host;
	const char *ws_path;
	const char *origins; /* comma-separated; NULL: any */
	const char *cookie;  /* of Engine.IO, a name; NULL: none */
	bool deflate;
	int64_t fragment;
	int64_t port;
	int64_t max_connections; /* 0: from the descriptor limit */
	int64_t send_buffer;	 /* 0: the kernel's own */
	int64_t ping_interval, ping_timeout, max_payload, max_chunked;
	int64_t upgrade_timeout, connect_timeout, close_timeout, retry;
	int64_t head_timeout, body_timeout, idle_timeout;
	const char *slow; /* the policy's name */
	int64_t queue_bytes, queue_messages;
	int64_t history_messages, history_bytes, room_retention;
	int64_t recovery_window; /* 0: off */
	int64_t max_rooms, max_rooms_per_session;
	int64_t drain_timeout;
};

/* What they are when nothing is given. */
void server_defaults(struct server_options *o);

struct server;

/*
 * Binds and starts everything. ERR_USAGE: `message` names the option that is
 * wrong; ERR_IO: it could not listen (logged). Returns owned.
 */
MUST_USE enum err server_new(const struct server_options *o, char *message,
			     unsigned message_size, struct server **out);
int server_port(const struct server *s);
/* Runs until SIGTERM or SIGINT, then drains. */
MUST_USE enum err server_run(struct server *s);
void server_free(struct server *s);

#endif
