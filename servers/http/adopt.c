/* SPDX-License-Identifier: MIT */
/*
 * Handing a socket over. The descriptor is duplicated and libmicrohttpd closes
 * its own: after an upgrade because it is told to, otherwise because the
 * handler fails. It does so without a shutdown() only under MHD_USE_TURBO,
 * which its manual does not promise: http_test.c proves it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"

/* A second descriptor for the socket; -1 when there is none to be had. */
static int adopt_duplicate(struct http *h, int fd)
{
	int on = 1;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	/* libmicrohttpd closes its own in this tick: borrow until then. */
	if (own < 0 && errno == EMFILE) {
		reserve_release(h);
		own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	if (own >= 0)
		(void)setsockopt(own, IPPROTO_TCP, TCP_NODELAY, &on,
				 sizeof(on));
	return own;
}

/* The connection is the new owner's to count from now on. */
static int adopt_take(struct http_request *r, int fd)
{
	struct http *h = r->http;
	int own = r->peer_closed || h->stopping ? -1 : adopt_duplicate(h, fd);

	peer_forget(r);
	h->open--;
	if (own >= 0)
		h->adopted++;
	return own;
}

void adopt_fail(struct http_request *r)
{
	void (*adopted)(void *, int, struct slice) = r->on.adopted;

	if (!adopted)
		return;
	r->on.adopted = NULL;
	r->http->open--;
	peer_forget(r);
	adopted(r->arg, -1, (struct slice){0});
}

static void adopt_upgraded(void *cls, struct MHD_Connection *mhd, void *con_cls,
			   const char *extra, size_t extra_size, MHD_socket fd,
			   struct MHD_UpgradeResponseHandle *urh)
{
	struct http_request *r = con_cls;
	void (*adopted)(void *, int, struct slice) = r->on.adopted;
	int own = adopt_take(r, fd);

	(void)cls;
	(void)mhd;
	r->on.adopted = NULL;
	r->http->again = true;
	r->http->handled++;
	adopted(r->arg, own, slice_of(extra, own >= 0 ? extra_size : 0));
	(void)MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CLOSE);
}

static enum MHD_Result adopt_queue(struct http_request *r,
				   const struct http_header *headers,
				   size_t count)
{
	struct MHD_Response *m =
		MHD_create_response_for_upgrade(adopt_upgraded, NULL);
	enum MHD_Result result;

	CHECK(m != NULL);
	for (size_t i = 0; i < count; i++)
		(void)MHD_add_response_header(m, headers[i].name,
					      headers[i].value);
	result = MHD_queue_response(r->mhd, MHD_HTTP_SWITCHING_PROTOCOLS, m);
	MHD_destroy_response(m);
	return result;
}

void http_adopt(struct http_request *r, bool upgrade,
		const struct http_header *headers, size_t count,
		void (*adopted)(void *arg, int fd, struct slice ahead),
		void *arg)
{
	CHECK(r->phase == PHASE_BODY);
	r->phase = PHASE_LEAVING;
	r->arg = arg;
	r->on.adopted = adopted;
	if (upgrade) {
		if (adopt_queue(r, headers, count) != MHD_YES)
			adopt_fail(r);
		return;
	}
	r->on.adopted = NULL;
	adopted(arg, adopt_take(r, peer_fd(r)), (struct slice){0});
}
