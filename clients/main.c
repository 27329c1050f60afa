/* SPDX-License-Identifier: MIT */
/* pushmark-client: subscribes and publishes from a terminal. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clients/client.h"
#include "clients/terminal.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"
#include "servers/base/loop.h"
#include "servers/base/opt.h"
#include "servers/base/version.h"
#include "servers/wire/envelope.h"
#include "servers/wire/http1.h"
#include "servers/wire/json.h"

#define MESSAGE_SIZE 256

static const char usage[] =
	"usage: pushmark-client listen URL [options]\n"
	"       pushmark-client publish URL --room R [--event E]\n"
	"                               [--data JSON | -]\n"
	"\n"
	"listen prints each object from the server as one line of JSON. publish\n"
	"prints each answer; with - it publishes one JSON value per line of\n"
	"standard input, without --data it publishes null. URL is\n"
	"ws://HOST:PORT[/PATH] or http://HOST:PORT[/PATH]. The exit status is\n"
	"0, 1 after a failure, 2 for wrong usage.\n"
	"\n";

static const char *const protocols[] = {"auto", "ws", "longpoll", "sse", NULL};

/* Those of the enum, after the default. */
static const char *const transports[] = {"auto", "polling", "websocket",
					 "upgrade", NULL};

struct arguments {
	int protocol;
	int transport;
	const char *auth;
	int64_t timeout, ack_timeout, chunk;
	struct opt_list rooms;
	const char *nsp;
	int64_t count;
	bool raw, deflate, reconnect;
	int64_t ping_interval;
	const char *event;
	const char *data;
	bool help;
};

static const struct opt table[] = {
	OPT_CHOICE("protocol", protocols,
		   "how to speak; auto goes by the URL: ws:// is ws, http:// "
		   "is sse, or longpoll below /socket.io/",
		   struct arguments, protocol),
	OPT_CHOICE("transport", transports,
		   "what carries longpoll; auto is upgrade: polling first, "
		   "then websocket if that works",
		   struct arguments, transport),
	OPT_STRING("auth", "JSON", "longpoll: the auth payload, an object",
		   struct arguments, auth),
	OPT_LIST("room", "R", "join R, or publish to it", struct arguments,
		 rooms),
	OPT_STRING("nsp", "N", "the namespace", struct arguments, nsp),
	OPT_INT("count", "N", "listen: end after N messages; 0 never ends", 0,
		INT64_MAX, struct arguments, count),
	OPT_FLAG("raw", "listen over sse: every event as type, data and id",
		 struct arguments, raw),
	OPT_FLAG("reconnect",
		 "listen: come back when the connection is lost, and resume",
		 struct arguments, reconnect),
	OPT_FLAG("deflate", "listen over ws: offer permessage-deflate",
		 struct arguments, deflate),
	OPT_INT("ping-interval", "MS",
		"listen over ws: find a dead server within thrice that; 0 never",
		0, 86400000, struct arguments, ping_interval),
	OPT_STRING("event", "E", "publish: the event's name", struct arguments,
		   event),
	OPT_STRING("data", "JSON",
		   "publish: the value, or - to read one per line of standard "
		   "input",
		   struct arguments, data),
	OPT_INT("timeout", "MS",
		"publish: give up when an answer takes so long", 1, 86400000,
		struct arguments, timeout),
	OPT_INT("ack-timeout", "MS",
		"publish over longpoll: ask the room's members for answers, "
		"and wait so long for them",
		0, 86400000, struct arguments, ack_timeout),
	OPT_INT("chunk", "BYTES",
		"publish over ws: send what is larger in pieces of as much", 4,
		INT64_MAX, struct arguments, chunk),
	OPT_FLAG("help", "print this text and exit", struct arguments, help),
	OPT_END,
};

static const struct arguments defaults = {
	.nsp = "/",
	.event = "message",
	.ping_interval = 30000,
	.timeout = 30000,
};

/* What the arguments come to. */
struct task {
	struct terminal terminal;
	struct terminal_publish publish;
	bool publishes;
	char *host, *path; /* owned */
};

static bool refuse(const char *why, const char *what)
{
	terminal_error(stderr, "%s%s (see --help)", why, what);
	return false;
}

/* URL */

static const struct client_ops *pick_protocol(const struct arguments *a,
					      const struct http1_url *url)
{
	size_t n = strlen(client_longpoll.path);

	if (a->protocol > 0)
		return client_ops_find(protocols[a->protocol]);
	if (slice_is(url->scheme, "ws"))
		return &client_ws;
	if (url->path.n >= n &&
	    memcmp(url->path.p, client_longpoll.path, n) == 0)
		return &client_longpoll;
	return &client_sse;
}

static bool read_url(struct task *t, const struct arguments *a,
		     const char *text)
{
	struct http1_url url;
	struct slice path;
	struct buf b;

	if (http1_url_parse(slice_str(text), &url) != ERR_OK)
		return refuse("not a ws:// or http:// URL: ", text);
	if (url.tls)
		return refuse("wss:// and https:// are not supported: ", text);
	t->terminal.ops = pick_protocol(a, &url);
	path = slice_is(url.path, "/") ? slice_str(t->terminal.ops->path)
				       : url.path;
	buf_init(&b, BUF_UNLIMITED);
	CHECK(buf_add_slice(&b, path) == ERR_OK);
	if (url.query.n > 0)
		CHECK(buf_printf(&b, "?%.*s", SLICE_ARG(url.query)) == ERR_OK);
	t->path = buf_detach(&b, &path.n);
	t->host = xmemdupz(url.host.p, url.host.n);
	t->terminal.options.host = t->host;
	t->terminal.options.port = url.port;
	t->terminal.options.path = t->path;
	return true;
}

/* Commands */

static bool check_listen(struct task *t, const struct arguments *a,
			 const struct opt_list *operands)
{
	if (operands->count > 1)
		return refuse("unexpected argument: ", operands->items[1]);
	if (a->raw && t->terminal.ops != &client_sse)
		return refuse("--raw is for sse, and this is ",
			      t->terminal.ops->name);
	if (a->deflate && t->terminal.ops != &client_ws)
		return refuse("--deflate is for ws, and this is ",
			      t->terminal.ops->name);
	t->terminal.options.deflate = a->deflate;
	t->terminal.options.reconnect = a->reconnect;
	t->terminal.options.ping_interval_ms = (unsigned)a->ping_interval;
	t->terminal.options.rooms = a->rooms.items;
	t->terminal.options.room_count = a->rooms.count;
	t->terminal.options.raw = a->raw;
	return true;
}

static bool check_publish(struct task *t, const struct arguments *a,
			  const struct opt_list *operands)
{
	const char *data = a->data;

	if (operands->count == 2 && !data &&
	    strcmp(operands->items[1], "-") == 0)
		data = "-";
	else if (operands->count > 1)
		return refuse("unexpected argument: ", operands->items[1]);
	if (a->rooms.count != 1)
		return refuse("publish needs one --room", "");
	if (a->chunk > 0 && t->terminal.ops != &client_ws)
		return refuse("--chunk is for ws, and this is ",
			      t->terminal.ops->name);
	t->terminal.options.chunk = (size_t)a->chunk;
	t->publishes = true;
	t->publish.room = slice_str(a->rooms.items[0]);
	t->publish.event = slice_str(a->event);
	t->publish.data = data ? slice_str(data) : SLICE("null");
	t->publish.input = data && strcmp(data, "-") == 0 ? STDIN_FILENO : -1;
	t->publish.timeout_ms = (unsigned)a->timeout;
	t->publish.ack_timeout_ms = (unsigned)a->ack_timeout;
	return true;
}

static bool check_names(const struct arguments *a)
{
	for (size_t i = 0; i < a->rooms.count; i++)
		if (!envelope_name_valid(slice_str(a->rooms.items[i])))
			return refuse("not a room's name: ", a->rooms.items[i]);
	if (!envelope_name_valid(slice_str(a->event)))
		return refuse("not an event's name: ", a->event);
	return true;
}

/* A namespace stands in packets up to a comma, and in URLs. */
static bool namespace_valid(const char *nsp)
{
	return nsp[0] == '/' && !strchr(nsp, ',') &&
	       envelope_name_valid(slice_str(nsp));
}

static bool check_socketio(struct task *t, const struct arguments *a)
{
	const char *name = t->terminal.ops->name;

	t->terminal.options.nsp = a->nsp;
	t->terminal.options.auth = a->auth;
	t->terminal.options.transport =
		a->transport == 0 ? CLIENT_UPGRADE
				  : (enum client_transport)(a->transport - 1);
	if (!namespace_valid(a->nsp))
		return refuse("not a namespace: ", a->nsp);
	if (a->auth &&
	    (!json_validate(slice_str(a->auth)) ||
	     json_type(json_trim(slice_str(a->auth))) != JSON_OBJECT))
		return refuse("--auth is not a JSON object: ", a->auth);
	if (t->terminal.ops == &client_longpoll)
		return true;
	if (a->transport > 0)
		return refuse("--transport is for longpoll, and this is ",
			      name);
	if (a->auth)
		return refuse("--auth is for longpoll, and this is ", name);
	if (a->ack_timeout > 0)
		return refuse("--ack-timeout is for longpoll, and this is ",
			      name);
	return true;
}

static bool plan(struct task *t, const char *command, const struct arguments *a,
		 const struct opt_list *operands)
{
	if (operands->count == 0)
		return refuse("the URL is missing", "");
	if (!check_names(a) || !read_url(t, a, operands->items[0]))
		return false;
	if (!check_socketio(t, a))
		return false;
	if (strcmp(command, "listen") == 0)
		return check_listen(t, a, operands);
	return check_publish(t, a, operands);
}

/* Running */

struct signals {
	struct loop_fd io;
	struct loop *loop;
};

static void on_signal(struct loop_fd *f, uint32_t events)
{
	(void)events;
	loop_stop(container_of(f, struct signals, io)->loop);
}

static enum err watch_signals(struct signals *s, struct loop *loop)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	s->loop = loop;
	return loop_add(loop, &s->io, fd, EPOLLIN, on_signal);
}

static int run(struct task *t, const struct arguments *a)
{
	struct signals signals;
	struct slice data = t->publish.data;
	const char *expected;
	size_t offset;
	int status;

	if (t->publishes && t->publish.input < 0 &&
	    !json_validate_at(data, &offset, &expected)) {
		terminal_error(stderr,
			       "--data, byte %zu: not JSON: expected %s",
			       offset + 1, expected);
		return TERMINAL_FAILED;
	}
	if (loop_new(&clock_monotonic, &t->terminal.loop) != ERR_OK) {
		terminal_error(stderr, "cannot wait for events");
		return TERMINAL_FAILED;
	}
	t->terminal.out = stdout;
	t->terminal.err = stderr;
	if (watch_signals(&signals, t->terminal.loop) != ERR_OK) {
		terminal_error(stderr, "cannot wait for signals");
		status = TERMINAL_FAILED;
	} else if (t->publishes) {
		status = terminal_publish(&t->terminal, &t->publish);
	} else {
		status = terminal_listen(&t->terminal, (uint64_t)a->count);
	}
	loop_free(t->terminal.loop);
	return status;
}

static int help(void)
{
	(void)fputs(usage, stdout);
	opt_help(table, &defaults, stdout);
	return TERMINAL_OK;
}

static int command(int argc, char **argv)
{
	struct arguments a = defaults;
	struct opt_list operands;
	struct task t = {0};
	char message[MESSAGE_SIZE];
	int status = TERMINAL_USAGE;

	if (opt_parse(table, &a, argc, argv, &operands, message,
		      sizeof(message)) != ERR_OK)
		(void)refuse(message, "");
	else if (a.help)
		status = help();
	else if (plan(&t, argv[0], &a, &operands))
		status = run(&t, &a);
	free(t.host);
	free(t.path);
	opt_list_release(&a.rooms);
	opt_list_release(&operands);
	return status;
}

static int dispatch(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--version") == 0) {
		(void)puts("pushmark-client " PUSHMARK_VERSION);
		return TERMINAL_OK;
	}
	if (strcmp(name, "--help") == 0)
		return help();
	if (strcmp(name, "listen") == 0 || strcmp(name, "publish") == 0)
		return command(argc - 1, argv + 1);
	(void)refuse(name[0] ? "not a command: " : "expected listen or publish",
		     name);
	return TERMINAL_USAGE;
}

int main(int argc, char **argv)
{
	return opt_finish("pushmark-client", stdout, dispatch(argc, argv));
}
