/* SPDX-License-Identifier: MIT */
#include "servers/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "servers/app/echo.h"
#include "servers/app/relay.h"
#include "servers/app/workshop.h"
#include "servers/base/check.h"
#include "servers/base/log.h"
#include "servers/core/backend.h"
#include "servers/core/hub.h"
#include "servers/dialect/dialect.h"
#include "servers/http/http.h"
#include "servers/http/status.h"
#include "servers/lab.h"
#include "servers/longpoll/longpoll.h"
#include "servers/sse/sse.h"
#include "servers/wire/http1.h"
#include "servers/ws/ws.h"

/* The registry. */
static const struct backend_ops *const all_backends[] = {
	&backend_ws,
	&backend_longpoll,
	&backend_sse,
};
static const struct app_ops *const all_apps[] = {&app_relay, &app_workshop,
						 &app_echo};

#define BACKEND_COUNT ARRAY_SIZE(all_backends)
#define NAMES_MAX 64
/* While draining, how often to look whether everyone has gone. */
#define DRAIN_POLL_MS 10

struct server {
	struct loop *loop;
	struct http *http;
	struct hub *hub;
	struct backend_options backend_options;
	struct backend *backends[BACKEND_COUNT];
	size_t backend_count;
	struct status status;
	struct loop_fd signals;
	unsigned signals_seen;
	uint64_t drain_timeout_ms;
	char *origin_list;		       /* storage of `origins` */
	const char *origins[NAMES_MAX + 1];    /* NULL-terminated */
	char *names;			       /* storage of `namespaces` */
	const char *namespaces[NAMES_MAX + 1]; /* NULL-terminated */
};

/* Cuts a comma-separated list in place. False: too many, or an empty name. */
static bool split(char *list, const char **out, size_t max)
{
	size_t count = 0;
	char *rest = list;
	char *name;

	while ((name = strsep(&rest, ",")) != NULL) {
		if (*name == '\0' || count == max)
			return false;
		out[count++] = name;
	}
	out[count] = NULL;
	return true;
}

static enum err choose_backends(const char *list, bool chosen[BACKEND_COUNT],
				char *message, size_t size)
{
	const char *names[NAMES_MAX + 1];
	char *copy = xstrdup(list);
	enum err e = ERR_USAGE;

	snprintf(message, size,
		 "--backend: expected a list of ws, longpoll, sse, got \"%s\"",
		 list);
	if (!split(copy, names, NAMES_MAX))
		goto out;
	for (size_t n = 0; names[n]; n++) {
		size_t i = 0;

		while (i < BACKEND_COUNT &&
		       strcmp(all_backends[i]->name, names[n]) != 0)
			i++;
		if (i == BACKEND_COUNT)
			goto out;
		chosen[i] = true;
	}
	e = ERR_OK;
out:
	free(copy);
	return e;
}

static enum err choose_transports(const char *list, struct backend_options *o,
				  char *message, size_t size)
{
	const char *names[NAMES_MAX + 1];
	char *copy = xstrdup(list);
	enum err e = ERR_USAGE;

	snprintf(message, size,
		 "--transports: expected a list of polling, websocket, got "
		 "\"%s\"",
		 list);
	if (!split(copy, names, NAMES_MAX))
		goto out;
	for (size_t n = 0; names[n]; n++) {
		if (strcmp(names[n], "polling") == 0)
			o->transport_polling = true;
		else if (strcmp(names[n], "websocket") == 0)
			o->transport_websocket = true;
		else
			goto out;
	}
	e = ERR_OK;
out:
	free(copy);
	return e;
}

static enum err choose_app(const char *name, const struct app_ops **out,
			   char *message, size_t size)
{
	size_t used = (size_t)snprintf(message, size, "--app: expected one of");

	for (size_t i = 0; i < ARRAY_SIZE(all_apps); i++) {
		if (strcmp(all_apps[i]->name, name) == 0) {
			*out = all_apps[i];
			return ERR_OK;
		}
		used += (size_t)snprintf(message + used, size - used, " %s",
					 all_apps[i]->name);
	}
	snprintf(message + used, size - used, ", got \"%s\"", name);
	return ERR_USAGE;
}

static enum err choose_namespaces(struct server *s, const char *list,
				  char *message, size_t size)
{
	if (!list)
		return ERR_OK;
	s->names = xstrdup(list);
	if (split(s->names, s->namespaces, NAMES_MAX)) {
		size_t i = 0;

		while (s->namespaces[i] && s->namespaces[i][0] == '/')
			i++;
		if (!s->namespaces[i])
			return ERR_OK;
	}
	snprintf(message, size,
		 "--namespaces: expected a list as /a,/b, got \"%s\"", list);
	return ERR_USAGE;
}

/* As a browser writes one: scheme, host, perhaps port, and nothing more. */
static bool is_origin(const char *text)
{
	const char *host = strstr(text, "://");

	if (strcmp(text, "null") == 0)
		return true;
	return host && host != text && host[3] != '\0' &&
	       !strpbrk(host + 3, "/?#@ *");
}

static enum err choose_origins(struct server *s, const char *list,
			       char *message, size_t size)
{
	if (!list)
		return ERR_OK;
	s->origin_list = xstrdup(list);
	if (split(s->origin_list, s->origins, NAMES_MAX)) {
		size_t i = 0;

		while (s->origins[i] && is_origin(s->origins[i]))
			i++;
		if (!s->origins[i])
			return ERR_OK;
	}
	snprintf(message, size,
		 "--origin: expected a list as https://a.example,"
		 "http://localhost:3000, got \"%s\"",
		 list);
	return ERR_USAGE;
}

/* It may not hide, or be hidden by, another endpoint. */
static enum err check_ws_path(const char *path, char *message, size_t size)
{
	static const char *const taken[] = {
		"/sse",	       "/sse/",	 "/publish", "/socket.io/",
		"/engine.io/", "/stats", "/healthz", "/readyz",
	};
	bool ok = path[0] == '/' && !strpbrk(path, "?#% ");

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		ok = ok && strncmp(path, taken[i], strlen(taken[i])) != 0;
	if (ok)
		return ERR_OK;
	snprintf(message, size,
		 "--ws-path: expected a path of its own as /ws, got \"%s\"",
		 path);
	return ERR_USAGE;
}

/* A cookie's name is a token (RFC 6265 section 4.1.1). */
static enum err check_cookie(const char *name, char *message, size_t size)
{
	if (!name || http1_is_token(slice_str(name)))
		return ERR_OK;
	snprintf(message, size, "--cookie: expected a name as io, got \"%s\"",
		 name);
	return ERR_USAGE;
}

/* As many connections as the system permits; the front counts them. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("server", "cannot raise the limit of descriptors");
}

static void fill_backend_options(const struct server_options *o,
				 struct backend_options *b)
{
	b->ping_interval_ms = (uint64_t)o->ping_interval;
	b->ping_timeout_ms = (uint64_t)o->ping_timeout;
	b->max_payload = (uint64_t)o->max_payload;
	b->max_chunked = (uint64_t)o->max_chunked;
	b->upgrade_timeout_ms = (uint64_t)o->upgrade_timeout;
	b->connect_timeout_ms = (uint64_t)o->connect_timeout;
	b->close_timeout_ms = (uint64_t)o->close_timeout;
	b->retry_ms = (uint64_t)o->retry;
	b->ws_path = o->ws_path;
	b->cookie = o->cookie;
	b->deflate = o->deflate;
}

static enum err start_http(struct server *s, const struct server_options *o)
{
	struct http_options h = {
		.host = o->host,
		.port = (int)o->port,
		.max_connections = (uint64_t)o->max_connections,
		.send_buffer = (uint64_t)o->send_buffer,
		.head_timeout_ms = (uint64_t)o->head_timeout,
		.body_timeout_ms = (uint64_t)o->body_timeout,
		.idle_timeout_ms = (uint64_t)o->idle_timeout,
		.gone_timeout_ms = http_defaults.gone_timeout_ms,
		.origins = s->origin_list ? s->origins : NULL,
	};

	raise_descriptor_limit();
	return http_new(s->loop, &h, &s->http);
}

static enum err choose_slow(const char *name, enum slow_policy *out,
			    char *message, size_t size)
{
	size_t used;

	if (slow_parse(name, out))
		return ERR_OK;
	used = (size_t)snprintf(message, size, "--slow: expected one of");
	for (int i = 0; i < SLOW_COUNT; i++)
		used += (size_t)snprintf(message + used, size - used, " %s",
					 slow_name((enum slow_policy)i));
	snprintf(message + used, size - used, ", got \"%.64s\"", name);
	return ERR_USAGE;
}

static void start_hub(struct server *s, const struct server_options *o,
		      enum slow_policy slow, const struct app_ops *app)
{
	struct hub_options h = {
		.queue = {.messages = (uint32_t)o->queue_messages,
			  .bytes = (uint64_t)o->queue_bytes},
		.slow = slow,
		.history = {.history_messages = (uint32_t)o->history_messages,
			    .history_bytes = (uint64_t)o->history_bytes},
		.room_retention_ms = (uint64_t)o->room_retention,
		.recovery_window_ms = (uint64_t)o->recovery_window,
		.max_rooms = (uint32_t)o->max_rooms,
		.max_rooms_per_session = (uint32_t)o->max_rooms_per_session,
		.fragment = (size_t)o->fragment,
		.namespaces = s->names ? s->namespaces : NULL,
	};

	s->hub = hub_new(s->loop, &h, app);
}

static void start_backends(struct server *s, const bool chosen[BACKEND_COUNT])
{
	struct backend_env env = {.hub = s->hub,
				  .http = s->http,
				  .loop = s->loop,
				  .options = &s->backend_options};

	for (size_t i = 0; i < BACKEND_COUNT; i++)
		if (chosen[i])
			s->backends[s->backend_count++] =
				all_backends[i]->start(&env);
	if (s->hub->app->commands)
		dialect_publish_route(s->http, s->hub,
				      s->backend_options.max_payload);
	s->status = (struct status){.hub = s->hub,
				    .http = s->http,
				    .backends = s->backends,
				    .backend_count = s->backend_count,
				    .started_ms = loop_now_ms(s->loop)};
	status_routes(&s->status);
	lab_routes(s->http);
}

static void on_signal(struct loop_fd *f, uint32_t events)
{
	struct server *s = container_of(f, struct server, signals);
	struct signalfd_siginfo info;

	(void)events;
	while (read(f->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->signals_seen++;
	loop_stop(s->loop);
}

/* SIGTERM and SIGINT arrive as events; SIGPIPE never. */
static enum err start_signals(struct server *s)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return ERR_IO;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return ERR_IO;
	return loop_add(s->loop, &s->signals, fd, EPOLLIN, on_signal);
}

enum err server_new(const struct server_options *o, char *message,
		    unsigned message_size, struct server **out)
{
	bool chosen[BACKEND_COUNT] = {false};
	enum slow_policy slow = SLOW_DISCONNECT;
	const struct app_ops *app = NULL;
	struct server *s = xcalloc(1, sizeof(*s));
	enum err e = ERR_USAGE;

	s->signals.fd = -1;
	s->drain_timeout_ms = (uint64_t)o->drain_timeout;
	s->backend_options = backend_defaults;
	s->backend_options.transport_polling = false;
	s->backend_options.transport_websocket = false;
	fill_backend_options(o, &s->backend_options);
	if (choose_backends(o->backends, chosen, message, message_size) ||
	    choose_transports(o->transports, &s->backend_options, message,
			      message_size) ||
	    choose_app(o->app, &app, message, message_size) ||
	    check_ws_path(o->ws_path, message, message_size) ||
	    check_cookie(o->cookie, message, message_size) ||
	    choose_slow(o->slow, &slow, message, message_size) ||
	    choose_namespaces(s, o->namespaces, message, message_size) ||
	    choose_origins(s, o->origins, message, message_size))
		goto fail;
	e = loop_new(&clock_monotonic, &s->loop);
	if (e != ERR_OK)
		goto fail;
	e = start_signals(s);
	if (e != ERR_OK)
		goto fail;
	e = start_http(s, o);
	if (e != ERR_OK)
		goto fail;
	/* The order of the three makes the order of the tick: see http.h. */
	start_hub(s, o, slow, app);
	start_backends(s, chosen);
	e = http_start(s->http);
	if (e != ERR_OK)
		goto fail;
	*out = s;
	return ERR_OK;
fail:
	server_free(s);
	return e;
}

int server_port(const struct server *s)
{
	return http_port(s->http);
}

static bool all_gone(const struct server *s)
{
	for (size_t i = 0; i < s->backend_count; i++)
		if (s->backends[i]->stats.connections > 0)
			return false;
	return true;
}

/*
 * Tells the clients, then gives the queues, and the requests that have begun,
 * until the deadline to leave; a second signal cuts that short.
 */
static enum err drain(struct server *s)
{
	struct clock *clock = loop_clock(s->loop);
	uint64_t deadline = clock_ms(clock) + s->drain_timeout_ms;
	enum err e = ERR_OK;

	s->status.draining = true;
	http_drain(s->http);
	for (size_t i = 0; i < s->backend_count; i++)
		s->backends[i]->ops->drain(s->backends[i]);
	/* At least one tick for what had come when the signal did. */
	do {
		e = loop_tick(s->loop, DRAIN_POLL_MS);
	} while (e == ERR_OK && (!all_gone(s) || http_busy(s->http)) &&
		 s->signals_seen < 2 && clock_ms(clock) < deadline);
	return e;
}

enum err server_run(struct server *s)
{
	enum err e = loop_run(s->loop);

	return e == ERR_OK ? drain(s) : e;
}

void server_free(struct server *s)
{
	for (size_t i = 0; i < s->backend_count; i++)
		s->backends[i]->ops->stop(s->backends[i]);
	http_free(s->http);
	if (s->hub)
		hub_free(s->hub);
	if (s->signals.fd >= 0) {
		int fd = s->signals.fd;

		loop_remove(s->loop, &s->signals);
		close(fd);
	}
	if (s->loop)
		loop_free(s->loop);
	free(s->names);
	free(s->origin_list);
	free(s);
}
