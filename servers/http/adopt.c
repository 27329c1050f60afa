/* SPDX-License-Identifier: MIT */
/*
 * Handing a socket over: our descriptor goes to the new owner, and
 * libmicrohttpd closes its duplicate, after an upgrade because it is told to,
 * otherwise because the handler fails. It does so without a shutdown() only
 * under MHD_USE_TURBO, which its manual does not promise: http_test.c proves
 * it.
 */
#include "servers/base/check.h"
#include "servers/http/internal.h"

/* The descriptor, which is the new owner's to count from now on; or -1. */
static int adopt_take(struct http_request *r)
{
	struct http *h = r->http;
	int fd = r->io.fd;

	if (r->peer_closed || h->stopping)
		return -1;
	peer_take_spent(r);
	loop_remove(h->loop, &r->io);
	h->open--;
	h->adopted++;
	return fd;
}

void adopt_fail(struct http_request *r)
{
	void (*adopted)(void *, int, struct slice) = r->on.adopted;

	if (!adopted)
		return;
	r->on.adopted = NULL;
	adopted(r->arg, -1, (struct slice){0});
}

static void adopt_upgraded(void *cls, struct MHD_Connection *mhd, void *con_cls,
			   const char *extra, size_t extra_size, MHD_socket fd,
			   struct MHD_UpgradeResponseHandle *urh)
{
	struct http_request *r = con_cls;
	void (*adopted)(void *, int, struct slice) = r->on.adopted;
	int own = adopt_take(r);

	(void)cls;
	(void)mhd;
	(void)fd;
	r->on.adopted = NULL;
	r->reader->again = true;
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
	peer_enter(r, PHASE_LEAVING);
	r->arg = arg;
	r->on.adopted = adopted;
	if (upgrade) {
		/* One that does not ask for an upgrade may be plain. */
		if (!r->mhd || adopt_queue(r, headers, count) != MHD_YES)
			adopt_fail(r);
		return;
	}
	r->on.adopted = NULL;
	adopted(arg, adopt_take(r), (struct slice){0});
}
