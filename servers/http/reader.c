/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd inside our loop: two daemons that differ in the memory that a
 * request's head may take.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "servers/base/log.h"
#include "servers/http/internal.h"
#include "servers/wire/http1_request.h"

#define ROUNDS_PER_TICK 64 /* two a pipelined request */
/* libmicrohttpd takes larger pools from mmap(), which doubles a request's
 * cost. */
#define USUAL_MEMORY ((size_t)32 * 1024)
/* Each argument of a target and each line takes some 72 bytes besides itself:
 * this holds 8 KiB of the shortest ones. */
#define LARGE_MEMORY ((size_t)512 * 1024)
/* What surely fits the usual reader. */
#define USUAL_HEAD 4096
#define USUAL_PARTS 96 /* lines and arguments */

static const size_t memory[READER_COUNT] = {USUAL_MEMORY, LARGE_MEMORY};

/* Running */

/* Whether it could go on without waiting for anything. */
static bool reader_eager(struct reader *r)
{
	MHD_UNSIGNED_LONG_LONG ms = 1;

	return r->again ||
	       (MHD_get_timeout(r->daemon, &ms) == MHD_YES && ms == 0);
}

static void reader_run(struct reader *r)
{
	for (unsigned i = 0; i < ROUNDS_PER_TICK; i++) {
		r->again = false;
		(void)MHD_run(r->daemon);
		if (!reader_eager(r))
			break;
	}
	r->ready = reader_eager(r);
}

bool reader_run_all(struct http *h)
{
	h->lent = 0;
	for (int i = 0; i < READER_COUNT; i++)
		if (h->readers[i].ready)
			reader_run(&h->readers[i]);
	reserve_restore(h);
	return reader_any_ready(h);
}

bool reader_any_ready(const struct http *h)
{
	for (int i = 0; i < READER_COUNT; i++)
		if (h->readers[i].ready)
			return true;
	return false;
}

static void epoll_ready(struct loop_fd *f, uint32_t events)
{
	(void)events;
	/* Run at the end of the tick. */
	container_of(f, struct reader, epoll)->ready = true;
}

/* Choosing */

struct reader *reader_choose(struct http *h, const struct http1_look *look)
{
	bool usual = look->size <= USUAL_HEAD && look->parts <= USUAL_PARTS;

	return &h->readers[usual ? READER_USUAL : READER_LARGE];
}

/* Life cycle */

/*
 * It is about to refuse a request that nobody could look at before: a body of
 * bad chunks, or a head behind another one. Its page of HTML is not what our
 * clients expect, so ours goes first and nothing can follow. Who asked is not
 * said; when several might have, the page goes out.
 */
static void daemon_refuses(struct reader *reader, unsigned status)
{
	struct http_request *found = NULL;

	LIST_FOREACH (it, &reader->http->requests) {
		struct http_request *r =
			list_entry(it, struct http_request, link);

		if (!r->mhd || r->reader != reader || !r->unseen)
			continue;
		if (found)
			return;
		found = r;
	}
	if (!found || found->phase == PHASE_ANSWERED)
		return;
	raw_error(found->io.fd, status, status_text(status));
	(void)shutdown(found->io.fd, SHUT_WR);
	found->phase = PHASE_BODY; /* what is still sent is read for a while */
}

/* What it says is caused by peers, or by us when a socket is adopted. */
static void daemon_log(void *cls, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/*
 * What it says of each connection that is taken back on purpose; told apart
 * before it is put together, since that happens for every request.
 */
static bool is_taking_back(const char *format, va_list args)
{
	static const char word[] = "Application reported internal error";
	const char *text;
	va_list copy;

	if (strcmp(format, "%s\n") != 0)
		return false;
	va_copy(copy, args);
	text = va_arg(copy, const char *);
	va_end(copy);
	return strncmp(text, word, sizeof(word) - 1) == 0;
}

static void daemon_log(void *cls, const char *format, va_list args)
{
	static const char refusal[] =
		"Error processing request (HTTP response code is ";
	char line[256];

	if (is_taking_back(format, args))
		return;
	(void)vsnprintf(line, sizeof(line), format, args);
	if (strncmp(line, refusal, sizeof(refusal) - 1) == 0)
		daemon_refuses(cls,
			       (unsigned)strtoul(line + sizeof(refusal) - 1,
						 NULL, 10));
	if (!strstr(line, "Application reported internal error"))
		log_debug("http", "%.*s", (int)strcspn(line, "\n"), line);
}

static struct MHD_Daemon *daemon_start(struct reader *r, size_t pool)
{
	struct http *h = r->http;
	unsigned flags = MHD_USE_EPOLL | MHD_USE_TURBO |
			 MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_UPGRADE |
			 MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	/* The logger comes first: options may have something to say. */
	return MHD_start_daemon(
		flags, 0, NULL, NULL, request_handle, h,
		MHD_OPTION_EXTERNAL_LOGGER, daemon_log, r,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)INT32_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, pool,
		MHD_OPTION_NOTIFY_CONNECTION, peer_notify, h,
		MHD_OPTION_NOTIFY_COMPLETED, request_completed, h,
		MHD_OPTION_URI_LOG_CALLBACK, request_target, h,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

static enum err reader_start(struct reader *r, struct http *h, size_t pool)
{
	const union MHD_DaemonInfo *info;

	r->http = h;
	r->daemon = daemon_start(r, pool);
	if (!r->daemon) {
		log_error("http", "libmicrohttpd does not start");
		return ERR_IO;
	}
	info = MHD_get_daemon_info(r->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return loop_add(h->loop, &r->epoll, info->epoll_fd, EPOLLIN,
			epoll_ready);
}

enum err reader_start_all(struct http *h)
{
	enum err e = ERR_OK;

	for (int i = 0; i < READER_COUNT && e == ERR_OK; i++)
		e = reader_start(&h->readers[i], h, memory[i]);
	return e;
}

void reader_stop_all(struct http *h)
{
	for (int i = 0; i < READER_COUNT; i++) {
		struct reader *r = &h->readers[i];

		loop_remove(h->loop, &r->epoll);
		if (r->daemon)
			MHD_stop_daemon(r->daemon);
		r->daemon = NULL;
	}
}
