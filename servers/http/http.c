/* SPDX-License-Identifier: MIT */
/*
 * The front's life: the listening socket, and the two end-of-tick hooks that
 * run the readers.
 */
#include "servers/http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"

#define BACKLOG 4096
#define RESUMES_PER_TICK 128 /* held requests answered */
#define SPARE_DESCRIPTORS 64 /* for files, pipes, refused connections */
#define FEW_DESCRIPTORS 1024 /* when the limit cannot be asked */

const struct http_options http_defaults = {
	.host = "127.0.0.1",
	.port = 8080,
	.max_connections = 0,
	.head_timeout_ms = 10000,
	.body_timeout_ms = 30000,
	.idle_timeout_ms = 75000,
	.gone_timeout_ms = 1000,
};

/* The reserve */

void reserve_release(struct http *h)
{
	if (h->reserve >= 0)
		(void)close(h->reserve);
	h->reserve = -1;
}

void reserve_restore(struct http *h)
{
	if (h->reserve < 0)
		h->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* The end of the tick */

static bool run_ready(struct loop_hook *hook)
{
	struct http *h = container_of(hook, struct http, run_hook);

	return reader_any_ready(h) ? reader_run_all(h) : false;
}

/*
 * Each round walks all connections that libmicrohttpd has suspended, so they
 * go in batches; and batches are bounded, so that the loop goes on.
 */
static void resume_batch(struct http *h)
{
	for (unsigned i = 0; i < RESUMES_PER_TICK && !list_empty(&h->due);
	     i++) {
		struct http_request *r =
			list_entry(h->due.next, struct http_request, due);

		if (r->mhd)
			r->reader->ready = true;
		peer_resume(r);
	}
}

static bool run_resumes(struct loop_hook *hook)
{
	struct http *h = container_of(hook, struct http, resume_hook);
	unsigned handled = h->handled;

	if (list_empty(&h->due))
		return false;
	resume_batch(h);
	/* Handlers may have published: the flush hook has run already. */
	return reader_run_all(h) || !list_empty(&h->due) ||
	       h->handled != handled;
}

/* Listening */

/* The connections inherit it. 0 leaves it to the kernel. */
static int bound_sending(int fd, uint64_t bytes)
{
	int size = (int)bytes;

	if (bytes == 0)
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static int listen_at(const struct addrinfo *a, uint64_t send_buffer)
{
	int on = 1;
	int fd = socket(a->ai_family,
			a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bound_sending(fd, send_buffer) == 0 &&
	    bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static enum err listen_on(const struct http_options *o, int *out)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list;
	char port[16];
	int code;

	*out = -1;
	(void)snprintf(port, sizeof(port), "%d", o->port);
	code = getaddrinfo(o->host, port, &hints, &list);
	if (code != 0) {
		log_error("http", "cannot resolve %s: %s", o->host,
			  gai_strerror(code));
		return ERR_IO;
	}
	for (struct addrinfo *a = list; a && *out < 0; a = a->ai_next)
		*out = listen_at(a, o->send_buffer);
	if (*out < 0)
		log_error("http", "cannot listen on %s port %d: %s", o->host,
			  o->port, strerror(errno));
	freeaddrinfo(list);
	return *out < 0 ? ERR_IO : ERR_OK;
}

static uint64_t default_connections(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return FEW_DESCRIPTORS;
	return limit.rlim_cur > 2 * SPARE_DESCRIPTORS
		       ? limit.rlim_cur - SPARE_DESCRIPTORS
		       : SPARE_DESCRIPTORS;
}

/* Life cycle */

static void http_init(struct http *h, struct loop *loop,
		      const struct http_options *o)
{
	h->loop = loop;
	h->options = *o;
	h->options.host = NULL; /* borrowed only for the call */
	if (o->max_connections == 0)
		h->options.max_connections = default_connections();
	list_init(&h->requests);
	list_init(&h->due);
	list_init(&h->lingering);
	list_init(&h->run_hook.link);
	list_init(&h->resume_hook.link);
	h->run_hook.run = run_ready;
	h->resume_hook.run = run_resumes;
	h->listener.fd = -1;
	for (int i = 0; i < READER_COUNT; i++)
		h->readers[i].epoll.fd = -1;
	h->reserve = -1;
	timer_init(&h->rearm, accept_rearm);
}

enum err http_new(struct loop *loop, const struct http_options *o,
		  struct http **out)
{
	struct http *h = xcalloc(1, sizeof(*h));
	int fd;
	enum err e;

	http_init(h, loop, o);
	e = listen_on(o, &fd);
	if (e != ERR_OK)
		goto out;
	/* Registered without interest until http_start(). */
	e = loop_add(loop, &h->listener, fd, 0, accept_ready);
	if (e != ERR_OK) {
		(void)close(fd);
		goto out;
	}
	reserve_restore(h);
	e = reader_start_all(h);
	if (e == ERR_OK)
		loop_add_hook(loop, &h->run_hook);
out:
	if (e != ERR_OK) {
		http_free(h);
		h = NULL;
	}
	*out = h;
	return e;
}

enum err http_start(struct http *h)
{
	loop_add_hook(h->loop, &h->resume_hook);
	return loop_modify(h->loop, &h->listener, EPOLLIN);
}

static void stop_listening(struct http *h)
{
	int fd = h->listener.fd;

	timer_cancel(&h->rearm);
	if (fd < 0)
		return;
	loop_remove(h->loop, &h->listener);
	(void)close(fd);
}

void http_drain(struct http *h)
{
	h->draining = true;
}

/*
 * Suspended connections must be given back, or a daemon panics. What is in
 * the middle of a request is closed by it, the rest by us.
 */
static void stop_readers(struct http *h)
{
	LIST_FOREACH (it, &h->requests) {
		struct http_request *r =
			list_entry(it, struct http_request, link);

		if (r->phase == PHASE_HELD)
			http_respond_error(
				r, MHD_HTTP_SERVICE_UNAVAILABLE,
				status_text(MHD_HTTP_SERVICE_UNAVAILABLE));
		else
			peer_dismiss(r);
	}
	while (!list_empty(&h->due)) {
		resume_batch(h);
		(void)reader_run_all(h);
	}
	reader_stop_all(h);
	LIST_FOREACH (it, &h->requests)
		peer_end(list_entry(it, struct http_request, link));
}

void http_free(struct http *h)
{
	if (!h)
		return;
	h->stopping = true;
	h->draining = true;
	stop_listening(h);
	stop_readers(h);
	raw_linger_end_all(h);
	loop_remove_hook(&h->run_hook);
	loop_remove_hook(&h->resume_hook);
	reserve_release(h);
	for (size_t i = 0; i < h->route_count; i++) {
		free((char *)(uintptr_t)h->routes[i]->path);
		free(h->routes[i]);
	}
	free(h->routes);
	free(h);
}

/* Queries */

int http_port(const struct http *h)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at = {0};
	socklen_t size = sizeof(at);

	if (getsockname(h->listener.fd, &at.any, &size) != 0)
		return -1;
	return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port
						  : at.v4.sin_port);
}

bool http_busy(const struct http *h)
{
	LIST_FOREACH (it, &h->requests)
		if (peer_is_busy(list_entry(it, struct http_request, link)))
			return true;
	/* A peer that still sends has not read its answer yet. */
	return h->linger_count > 0;
}

uint64_t http_connections(const struct http *h)
{
	return h->open + h->adopted;
}

void http_adopted_closed(struct http *h)
{
	CHECK(h->adopted > 0);
	h->adopted--;
}
