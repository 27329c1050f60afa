/* SPDX-License-Identifier: MIT */
/*
 * The connections that libmicrohttpd serves: watched for peers that leave
 * while their request is held (it does not look then), and timed by our wheel
 * (its own time-outs walk lists).
 *
 * A timer is moved as rarely as possible: it fires, looks at the phase, and is
 * armed again for what is left. Between requests it looks a few times within
 * the time that a head may take, because libmicrohttpd does not tell when the
 * first byte of the next one comes; the kernel knows when the last byte came.
 */
#include <fcntl.h>
#include <linux/tcp.h> /* glibc's tcp_info is an old one */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"

#define IDLE_LOOKS 8	 /* within the head's time-out */
#define IDLE_SLACK_MS 20 /* the kernel's clock is that coarse */

int peer_fd(const struct http_request *r)
{
	return MHD_get_connection_info(r->mhd,
				       MHD_CONNECTION_INFO_CONNECTION_FD)
		->connect_fd;
}

/* Both ends: libmicrohttpd reads the end of the stream and lets go. */
static void peer_give_up(struct http_request *r)
{
	r->given_up = true;
	(void)shutdown(peer_fd(r), SHUT_RDWR);
}

static void peer_refuse(struct http_request *r, unsigned status)
{
	raw_error(peer_fd(r), status, status_text(status));
	peer_give_up(r);
}

/* Time-outs */

static bool peer_info(const struct http_request *r, struct tcp_info *info)
{
	socklen_t size = sizeof(*info);

	*info = (struct tcp_info){0};
	return getsockopt(peer_fd(r), IPPROTO_TCP, TCP_INFO, info, &size) == 0;
}

/* Whether the peer ever sent anything on this connection. */
static bool peer_has_spoken(const struct http_request *r)
{
	struct tcp_info info;

	return peer_info(r, &info) && info.tcpi_bytes_received > 0;
}

/* Whether bytes came since the phase began. */
static bool peer_spoke_again(const struct http_request *r, uint64_t now_ms)
{
	struct tcp_info info;

	return peer_info(r, &info) &&
	       info.tcpi_last_data_recv + IDLE_SLACK_MS < now_ms - r->since_ms;
}

static uint64_t peer_look_every(const struct http_request *r)
{
	return r->http->options.head_timeout_ms / IDLE_LOOKS + 1;
}

/* How long the phase may take; 0 when it has no bound. */
static uint64_t peer_bound(const struct http_request *r)
{
	const struct http_options *o = &r->http->options;

	switch (r->phase) {
	case PHASE_HEAD:
		return o->head_timeout_ms;
	case PHASE_BODY:
	case PHASE_ANSWERED:
		return o->body_timeout_ms;
	case PHASE_IDLE:
		return o->idle_timeout_ms;
	default:
		return 0;
	}
}

static void peer_overdue(struct http_request *r)
{
	switch (r->phase) {
	case PHASE_HEAD:
		if (peer_has_spoken(r))
			peer_refuse(r, MHD_HTTP_REQUEST_TIMEOUT);
		else
			peer_give_up(r);
		return;
	case PHASE_BODY: /* an error found early may still be untold */
		peer_refuse(r,
			    r->refusal ? r->refusal : MHD_HTTP_REQUEST_TIMEOUT);
		return;
	default:
		peer_give_up(r);
		return;
	}
}

static void peer_timeout(struct timer *t)
{
	struct http_request *r = container_of(t, struct http_request, timer);
	uint64_t bound = peer_bound(r), left, now;

	if (bound == 0 || r->given_up)
		return;
	now = clock_ms(loop_clock(r->http->loop));
	if (now >= r->since_ms + bound) {
		peer_overdue(r);
		return;
	}
	left = r->since_ms + bound - now;
	if (r->phase == PHASE_IDLE) {
		if (peer_spoke_again(r, now)) {
			peer_enter(r, PHASE_HEAD);
			return;
		}
		if (left > peer_look_every(r))
			left = peer_look_every(r);
	}
	timer_arm(loop_wheel(r->http->loop), t, left);
}

void peer_enter(struct http_request *r, enum request_phase phase)
{
	struct wheel *wheel = loop_wheel(r->http->loop);
	uint64_t within;

	r->phase = (uint8_t)phase;
	r->since_ms = clock_ms(loop_clock(r->http->loop));
	within = phase == PHASE_IDLE ? peer_look_every(r) : peer_bound(r);
	if (within == 0 || r->given_up)
		return;
	if (!timer_armed(&r->timer) ||
	    r->timer.deadline_ms > wheel_now(wheel) + within)
		timer_arm(wheel, &r->timer, within);
}

void peer_drain(struct http *h)
{
	LIST_FOREACH (it, &h->requests) {
		struct http_request *r =
			list_entry(it, struct http_request, link);

		if (r->phase == PHASE_IDLE ||
		    (r->phase == PHASE_HEAD && !peer_has_spoken(r)))
			peer_give_up(r);
	}
}

/* Connections */

static void peer_event(struct loop_fd *f, uint32_t events)
{
	struct http_request *r = container_of(f, struct http_request, watch);

	if (!(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		return;
	r->peer_closed = true;
	if (r->phase != PHASE_HELD)
		return;
	r->phase = PHASE_DEAD;
	r->on.gone(r, r->arg);
	request_resume_later(r);
}

void peer_forget(struct http_request *r)
{
	loop_remove(r->http->loop, &r->watch);
	timer_cancel(&r->timer);
}

static void peer_start(struct http *h, struct MHD_Connection *mhd,
		       void **context)
{
	struct http_request *r = xcalloc(1, sizeof(*r));

	*context = r;
	r->http = h;
	r->mhd = mhd;
	r->watch.fd = -1;
	list_init(&r->due);
	list_init(&r->link);
	list_append(&h->requests, &r->link);
	timer_init(&r->timer, peer_timeout);
	h->open++;
	/* Without the watch only a peer that leaves early goes unnoticed. */
	if (loop_add(h->loop, &r->watch, peer_fd(r), EPOLLRDHUP | EPOLLET,
		     peer_event) != ERR_OK)
		log_error("http", "cannot watch a connection");
	peer_enter(r, PHASE_HEAD);
}

/*
 * Whether the peer may still be sending: libmicrohttpd answers a head that is
 * too large or wrong while the rest of it is on its way.
 */
static bool peer_is_sending(const struct http_request *r)
{
	int unread = 0;

	if (r->peer_closed || r->given_up)
		return false;
	if (r->phase == PHASE_HEAD || r->phase == PHASE_DEAD)
		return true;
	return ioctl(peer_fd(r), FIONREAD, &unread) == 0 && unread > 0;
}

static void peer_end(struct http_request *r)
{
	struct http *h = r->http;
	bool left = r->phase == PHASE_LEAVING;
	int fd;

	peer_forget(r);
	list_remove(&r->due);
	list_remove(&r->link);
	if (!left)
		h->open--;
	if (!left && !h->stopping && peer_is_sending(r)) {
		fd = fcntl(peer_fd(r), F_DUPFD_CLOEXEC, 0);
		if (fd >= 0)
			raw_linger(h, fd);
	}
	buf_release(&r->body);
	free(r->address);
	free(r);
}

void peer_notify(void *cls, struct MHD_Connection *mhd, void **context,
		 enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		peer_start(cls, mhd, context);
	else if (*context)
		peer_end(*context);
}
