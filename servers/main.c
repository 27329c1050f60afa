/* SPDX-License-Identifier: MIT */
/* pushmark-server: its options, and nothing else. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/log.h"
#include "servers/base/opt.h"
#include "servers/base/version.h"
#include "servers/server.h"

#define MS_MAX 86400000	       /* a day */
#define BYTES_MAX 1073741824LL /* 1 GiB */

struct command_line {
	struct server_options server;
	const char *log_level;
	bool help, version;
};

/* Members of the embedded server_options, for the table. */
#define S(member) server.member
#define MS(name, help, member)                                                 \
	OPT_INT(name, "MS", help, 1, MS_MAX, struct command_line, S(member))
#define COUNT(name, help, min, member)                                         \
	OPT_INT(name, "N", help, min, INT32_MAX, struct command_line, S(member))
#define BYTES(name, help, member)                                              \
	OPT_INT(name, "BYTES", help, 1, BYTES_MAX, struct command_line,        \
		S(member))
#define TEXT(name, value, help, member)                                        \
	OPT_STRING(name, value, help, struct command_line, S(member))

static const struct opt table[] = {
	TEXT("backend", "LIST", "which of ws,longpoll,sse to serve", backends),
	TEXT("app", "NAME", "what events mean: relay, workshop or echo", app),
	TEXT("host", "ADDRESS", "address to listen on", host),
	OPT_INT("port", "N", "port to listen on; 0 picks a free one", 0, 65535,
		struct command_line, S(port)),
	TEXT("namespaces", "LIST", "namespaces that exist, as /a,/b (any)",
	     namespaces),
	TEXT("transports", "LIST", "what Engine.IO offers: polling,websocket",
	     transports),
	TEXT("cookie", "NAME", "tell Engine.IO's session id in a cookie (none)",
	     cookie),
	TEXT("ws-path", "PATH", "where raw WebSocket lives", ws_path),
	OPT_FLAG("deflate", "compress WebSocket messages (permessage-deflate)",
		 struct command_line, S(deflate)),
	OPT_INT("fragment", "BYTES",
		"largest payload of a WebSocket frame; 0 never fragments", 0,
		BYTES_MAX, struct command_line, S(fragment)),
	TEXT("origin", "LIST",
	     "origins whose pages may connect, as https://a.example (any)",
	     origins),
	COUNT("max-connections",
	      "refuse more with 503; 0 takes the descriptor limit", 0,
	      max_connections),
	MS("ping-interval", "time between heartbeats", ping_interval),
	MS("ping-timeout", "how long an answer to one may take", ping_timeout),
	BYTES("max-payload", "largest message from a client", max_payload),
	BYTES("max-chunked", "largest object sent in chunks", max_chunked),
	MS("upgrade-timeout", "how long an Engine.IO upgrade may take",
	   upgrade_timeout),
	MS("connect-timeout", "time for a Socket.IO CONNECT to come",
	   connect_timeout),
	MS("close-timeout", "wait for the peer's WebSocket close frame",
	   close_timeout),
	MS("retry", "reconnection time told to EventSource", retry),
	MS("head-timeout", "time for a request's head to be whole",
	   head_timeout),
	MS("body-timeout", "time for a request's body to be whole",
	   body_timeout),
	MS("idle-timeout", "how long a connection may rest between requests",
	   idle_timeout),
	BYTES("queue-bytes", "bound of a connection's queue", queue_bytes),
	COUNT("queue-messages", "bound of a connection's queue", 1,
	      queue_messages),
	OPT_INT("send-buffer", "BYTES",
		"bound of what the kernel keeps unread; 0: its own", 0,
		BYTES_MAX, struct command_line, S(send_buffer)),
	TEXT("slow", "POLICY",
	     "when that is full: disconnect, drop-oldest, drop-newest, latest",
	     slow),
	COUNT("history-messages", "kept per room for resume", 0,
	      history_messages),
	BYTES("history-bytes", "kept per room for resume", history_bytes),
	MS("room-retention",
	   "how long a room without members keeps its history", room_retention),
	OPT_INT("recovery-window", "MS",
		"how long a Socket.IO session can be recovered; 0: not", 0,
		MS_MAX, struct command_line, S(recovery_window)),
	COUNT("max-rooms", "rooms in all namespaces", 1, max_rooms),
	COUNT("max-rooms-per-session", "rooms one session may be in", 1,
	      max_rooms_per_session),
	MS("drain-timeout", "time to flush queues after SIGTERM",
	   drain_timeout),
	OPT_STRING("log-level", "LEVEL", "error, warn, info or debug",
		   struct command_line, log_level),
	OPT_FLAG("version", "print the version and exit", struct command_line,
		 version),
	OPT_FLAG("help", "print this text and exit", struct command_line, help),
	OPT_END,
};

static struct command_line defaults(void)
{
	struct command_line line = {.log_level = "warn"};

	server_defaults(&line.server);
	return line;
}

static int usage(const char *message)
{
	fprintf(stderr, "pushmark-server: %s\n", message);
	return 2;
}

static int help(void)
{
	const struct command_line line = defaults();

	puts("Usage: pushmark-server [OPTION]...\n"
	     "Serves WebSocket, Socket.IO with long polling, and Server-Sent "
	     "Events on one port.\n");
	opt_help(table, &line, stdout);
	return 0;
}

static int serve(const struct server_options *o)
{
	char message[256] = "";
	struct server *server;
	enum err e = server_new(o, message, sizeof(message), &server);

	if (e == ERR_USAGE)
		return usage(message);
	if (e != ERR_OK)
		return 1;
	printf(strchr(o->host, ':') ? "listening on http://[%s]:%d\n"
				    : "listening on http://%s:%d\n",
	       o->host, server_port(server));
	fflush(stdout);
	e = server_run(server);
	server_free(server);
	return e == ERR_OK ? 0 : 1;
}

static int run(int argc, char **argv)
{
	struct command_line line = defaults();
	struct opt_list operands = {0};
	enum log_level level;
	char message[256];
	enum err e = opt_parse(table, &line, argc, argv, &operands, message,
			       sizeof(message));
	size_t extra = operands.count;

	opt_list_release(&operands);
	if (e != ERR_OK)
		return usage(message);
	if (line.help)
		return help();
	if (line.version) {
		puts("pushmark-server " PUSHMARK_VERSION);
		return 0;
	}
	if (extra > 0)
		return usage("takes options only; see --help");
	if (!log_parse_level(line.log_level, &level))
		return usage("--log-level: expected error, warn, info or "
			     "debug");
	log_set_level(level);
	return serve(&line.server);
}

int main(int argc, char **argv)
{
	return opt_finish("pushmark-server", stdout, run(argc, argv));
}
