/* SPDX-License-Identifier: MIT */
/*
 * Every phase of a connection is bounded in time, but that of a held request,
 * which is its handler's business. A timer is moved as rarely as possible: it
 * fires, looks at the phase, and is armed again for what is left of it.
 */
#include <sys/socket.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"

/* How long the phase may take; 0 when it has no bound. */
static uint64_t deadline_bound(const struct http_request *r)
{
	const struct http_options *o = &r->http->options;

	switch (r->phase) {
	case PHASE_NEW:
	case PHASE_HEAD:
		return o->head_timeout_ms;
	case PHASE_BODY:
	case PHASE_ANSWERED:
	case PHASE_LEAVING:
		return o->body_timeout_ms;
	case PHASE_IDLE:
		return r->hurried && o->gone_timeout_ms < o->idle_timeout_ms
			       ? o->gone_timeout_ms
			       : o->idle_timeout_ms;
	default:
		return 0;
	}
}

void peer_enter(struct http_request *r, enum request_phase phase)
{
	struct wheel *wheel = loop_wheel(r->http->loop);
	uint64_t within;

	r->phase = (uint8_t)phase;
	r->hurried = false;
	r->since_ms = loop_now_ms(r->http->loop);
	within = deadline_bound(r);
	if (within == 0)
		return;
	if (!timer_armed(&r->timer) ||
	    r->timer.deadline_ms > wheel_now(wheel) + within)
		timer_arm(wheel, &r->timer, within);
}

void peer_hurry(struct http_request *r)
{
	r->hurried = true;
	r->since_ms = loop_now_ms(r->http->loop);
	timer_arm(loop_wheel(r->http->loop), &r->timer, deadline_bound(r));
}

/* Says why to whoever is in the middle of a request. */
static void deadline_missed(struct http_request *r)
{
	unsigned status = MHD_HTTP_REQUEST_TIMEOUT;

	/* An error found early may still be untold. */
	if (r->phase == PHASE_BODY && r->refusal)
		status = r->refusal;
	if (r->phase == PHASE_HEAD || r->phase == PHASE_BODY)
		raw_error(r->io.fd, status, status_text(status));
	if (!r->mhd) {
		peer_end(r);
		return;
	}
	/* libmicrohttpd reads the end of the stream and lets go. */
	r->given_up = true;
	(void)shutdown(r->io.fd, SHUT_RDWR);
}

void peer_timeout(struct timer *t)
{
	struct http_request *r = container_of(t, struct http_request, timer);
	uint64_t bound = deadline_bound(r);
	uint64_t now = loop_now_ms(r->http->loop);

	if (bound == 0 || r->given_up)
		return;
	if (now >= r->since_ms + bound)
		deadline_missed(r);
	else
		timer_arm(loop_wheel(r->http->loop), t,
			  r->since_ms + bound - now);
}
