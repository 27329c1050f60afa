/* SPDX-License-Identifier: MIT */
#include "bench/link/relay.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/link/bridge.h"
#include "servers/base/check.h"
#include "servers/base/log.h"

#define ACCEPT_MAX 64 /* a tick */
#define BACKLOG 4096
#define PAUSE_NS 100000000   /* without descriptors */
#define SPARE_DESCRIPTORS 16 /* that are no connection's */

struct relay {
	struct bridge_shared shared;
	struct loop_fd listener;
	struct alarm cut_every, resume;
	struct log_limit log;
	size_t most; /* bridges that there are descriptors for */
	int port;
};

/* Accepting */

static void pause_accepting(struct relay *r, int error)
{
	struct loop *l = r->shared.loop;
	uint64_t now_ns = clock_ns(loop_clock(l));
	unsigned suppressed;

	if (log_limit_pass(&r->log, now_ns / 1000000, &suppressed))
		log_warn("link", "cannot accept: %s", strerror(error));
	if (loop_modify(l, &r->listener, 0) == ERR_OK)
		alarm_set(&r->resume, now_ns + PAUSE_NS);
}

static void resume_accepting(struct alarm *a)
{
	struct relay *r = container_of(a, struct relay, resume);

	if (loop_modify(r->shared.loop, &r->listener, EPOLLIN) != ERR_OK)
		log_error("link", "cannot accept any more");
}

static void accept_event(struct loop_fd *f, uint32_t events)
{
	struct relay *r = container_of(f, struct relay, listener);

	(void)events;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd;

		/* The server's end is opened later and must find one, too. */
		if (r->shared.count >= r->most) {
			pause_accepting(r, EMFILE);
			break;
		}
		fd = accept4(f->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			bridge_open(&r->shared, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			pause_accepting(r, errno);
		if (errno != ECONNABORTED && errno != EINTR)
			break;
	}
}

static void cut_all(struct alarm *a)
{
	struct relay *r = container_of(a, struct relay, cut_every);

	LIST_FOREACH (it, &r->shared.bridges)
		bridge_cut(list_entry(it, struct bridge, link));
	alarm_set(a, a->due_ns + r->shared.plan->cut_every_ns);
}

/* Addresses */

/* Returns the addresses, to be given to freeaddrinfo(), IPv4 first; or NULL. */
static struct addrinfo *resolve(const struct endpoint *e, int flags,
				const struct addrinfo **best, char *message,
				size_t message_size)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICSERV | flags};
	struct addrinfo *list = NULL;
	char service[16];
	int error;

	(void)snprintf(service, sizeof(service), "%d", e->port);
	error = getaddrinfo(e->host, service, &hints, &list);
	if (error) {
		(void)snprintf(message, message_size, "%.100s: %s", e->host,
			       gai_strerror(error));
		return NULL;
	}
	*best = list;
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		if (a->ai_family == AF_INET) {
			*best = a;
			break;
		}
	}
	return list;
}

/* A name is looked up once, and not again for each connection. */
static enum err fix_target(struct endpoint *to, char *message, size_t size)
{
	const struct addrinfo *best;
	struct addrinfo *list = resolve(to, 0, &best, message, size);
	int error;

	if (!list)
		return ERR_USAGE;
	error = getnameinfo(best->ai_addr, best->ai_addrlen, to->host,
			    sizeof(to->host), NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(list);
	if (error) {
		(void)snprintf(message, size, "%s", gai_strerror(error));
		return ERR_USAGE;
	}
	return ERR_OK;
}

static int bound_port(int fd)
{
	struct sockaddr_storage a = {0};
	socklen_t size = sizeof(a);
	uint16_t port = 0;

	if (getsockname(fd, (struct sockaddr *)&a, &size) != 0)
		return 0;
	if (a.ss_family == AF_INET)
		port = ((struct sockaddr_in *)(void *)&a)->sin_port;
	else if (a.ss_family == AF_INET6)
		port = ((struct sockaddr_in6 *)(void *)&a)->sin6_port;
	return ntohs(port);
}

static int open_listener(const struct addrinfo *a)
{
	int on = 1;
	int error;
	int fd = socket(a->ai_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

static enum err start_listening(struct relay *r, const struct endpoint *at,
				char *message, size_t size)
{
	const struct addrinfo *best;
	struct addrinfo *list = resolve(at, AI_PASSIVE, &best, message, size);
	enum err e = ERR_IO;
	int fd;

	if (!list)
		return ERR_USAGE;
	fd = open_listener(best);
	if (fd >= 0)
		e = loop_add(r->shared.loop, &r->listener, fd, EPOLLIN,
			     accept_event);
	if (e)
		(void)snprintf(message, size, "cannot listen on %.100s:%d: %s",
			       at->host, at->port, strerror(errno));
	else
		r->port = bound_port(fd);
	if (e && fd >= 0)
		(void)close(fd);
	freeaddrinfo(list);
	return e;
}

/* Life cycle */

static size_t bridges_most(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return limit.rlim_cur > SPARE_DESCRIPTORS + 2
		       ? (limit.rlim_cur - SPARE_DESCRIPTORS) / 2
		       : 1;
}

static void start_alarms(struct relay *r)
{
	struct bridge_shared *s = &r->shared;
	const struct plan *p = s->plan;
	struct clock *clock = loop_clock(s->loop);

	/* The directions differ, and each is the same with the same seed. */
	shaper_init(&s->to_server.shaper, p->rtt_ns / 2, p->jitter_ns / 2,
		    p->rate_bits, p->seed);
	shaper_init(&s->to_client.shaper, p->rtt_ns - p->rtt_ns / 2,
		    p->jitter_ns / 2, p->rate_bits, ~p->seed);
	gate_init(&s->to_server, s->alarms, clock, p->queue);
	gate_init(&s->to_client, s->alarms, clock, p->queue);
	turns_init(&s->turns, s->alarms, clock, p->requests);
	alarm_init(&r->resume, s->alarms, resume_accepting);
	alarm_init(&r->cut_every, s->alarms, cut_all);
	if (p->cut_every_ns != PLAN_NEVER)
		alarm_set(&r->cut_every, clock_ns(clock) + p->cut_every_ns);
	/* Behind the alarms' hook, since alarms end connections. */
	reaper_init(&s->reaper, s->loop, bridge_free);
}

enum err relay_new(struct loop *loop, const struct plan *plan,
		   const struct endpoint *listen, const struct endpoint *to,
		   struct relay **out, char *message, size_t message_size)
{
	struct relay *r = xcalloc(1, sizeof(*r));
	struct bridge_shared *s = &r->shared;
	enum err e;

	r->listener.fd = -1;
	r->most = bridges_most();
	s->plan = plan;
	s->to = *to;
	s->loop = loop;
	list_init(&s->bridges);
	e = fix_target(&s->to, message, message_size);
	if (!e) {
		e = alarms_new(loop, &s->alarms);
		if (e)
			(void)snprintf(message, message_size, "no timer: %s",
				       err_text(e));
	}
	if (!e)
		e = start_listening(r, listen, message, message_size);
	if (e) {
		alarms_free(s->alarms);
		free(r);
		return e;
	}
	start_alarms(r);
	*out = r;
	return ERR_OK;
}

void relay_free(struct relay *r)
{
	int fd;

	if (!r)
		return;
	fd = r->listener.fd;
	loop_remove(r->shared.loop, &r->listener);
	(void)close(fd);
	LIST_FOREACH (it, &r->shared.bridges)
		bridge_close(list_entry(it, struct bridge, link));
	reaper_release(&r->shared.reaper);
	gate_release(&r->shared.to_server);
	gate_release(&r->shared.to_client);
	turns_release(&r->shared.turns);
	alarms_free(r->shared.alarms);
	free(r);
}

/* Queries */

int relay_port(const struct relay *r)
{
	return r->port;
}

void relay_json(const struct relay *r, FILE *out)
{
	const struct bridge_shared *s = &r->shared;

	(void)fprintf(
		out,
		"{\"connections\":%" PRIu64 ",\"open\":%zu"
		",\"refused\":%" PRIu64 ",\"cut\":%" PRIu64 ",\"idle\":%" PRIu64
		",\"malformed\":%" PRIu64 ",\"waited\":%" PRIu64
		",\"waiting\":%zu,\"bytes_to_server\":%" PRIu64
		",\"bytes_to_client\":%" PRIu64 ",\"seed\":%" PRIu64 "}\n",
		s->stats.connections, s->count, s->stats.refused, s->stats.cut,
		s->stats.idle, s->stats.malformed, s->turns.waited,
		s->turns.waiting, s->stats.bytes_to_server,
		s->stats.bytes_to_client, s->plan->seed);
}
