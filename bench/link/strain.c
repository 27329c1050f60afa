/* SPDX-License-Identifier: MIT */
#include "bench/link/strain.h"

#include <string.h>

#include "servers/base/check.h"

/* A line that was incomplete, and the read that completes it. */
#define SLACK ((size_t)64 * 1024)
/* Reading goes on so far, so that the end of who waits is noticed. */
#define WAITING_MAX ((size_t)16 * 1024)

void strain_init(struct strain *s, bool no_upgrade, size_t hold, bool turns)
{
	*s = (struct strain){.hold = hold,
			     .turns = turns,
			     .on = no_upgrade || hold > 0 || turns};
	http1_init(&s->requests, &s->exchange, false, no_upgrade);
	http1_init(&s->answers, &s->exchange, true, false);
	buf_init(&s->kept[STRAIN_REQUESTS], SLACK);
	buf_init(&s->kept[STRAIN_ANSWERS], hold + SLACK);
	buf_init(&s->waiting, WAITING_MAX + SLACK);
}

void strain_release(struct strain *s)
{
	http1_release(&s->requests);
	http1_release(&s->answers);
	buf_release(&s->kept[STRAIN_REQUESTS]);
	buf_release(&s->kept[STRAIN_ANSWERS]);
	buf_release(&s->waiting);
}

/* Whether the next byte of the requests begins one. */
static bool between_requests(const struct strain *s)
{
	return !s->exchange.tunnel && http1_between(&s->requests);
}

/* Empty lines before a request (RFC 9112 section 2.2) need no turn. */
static void skip_empty_lines(struct strain *s)
{
	size_t n = 0;

	if (!between_requests(s))
		return;
	while (n < s->waiting.len && strchr("\r\n", s->waiting.data[n]))
		n++;
	buf_consume(&s->waiting, n);
}

/* Of what waits, as much as may go on. */
static enum err feed_admitted(struct strain *s)
{
	enum err e = ERR_OK;

	skip_empty_lines(s);
	while (!e && s->waiting.len > 0 && !strain_waits(s)) {
		struct slice rest = buf_slice(&s->waiting);

		e = http1_feed_one(&s->requests, &rest,
				   &s->kept[STRAIN_REQUESTS]);
		buf_consume(&s->waiting, s->waiting.len - rest.n);
		skip_empty_lines(s);
	}
	return e;
}

static enum err feed_requests(struct strain *s, struct slice in)
{
	size_t whole;
	enum err e;

	if (!s->turns)
		return http1_feed(&s->requests, in, &s->kept[STRAIN_REQUESTS],
				  &whole);
	e = buf_add_slice(&s->waiting, in);
	return e ? e : feed_admitted(s);
}

static enum err feed_answers(struct strain *s, struct slice in, size_t *whole)
{
	bool under_way = s->exchange.pending > 0;
	enum err e =
		http1_feed(&s->answers, in, &s->kept[STRAIN_ANSWERS], whole);

	if (s->exchange.tunnel || (under_way && s->exchange.pending == 0))
		s->admitted = false;
	return e;
}

enum err strain_feed(struct strain *s, enum strain_way way, struct slice in,
		     struct slice *go)
{
	struct buf *kept = &s->kept[way];
	size_t whole = 0;
	enum err e;

	*go = in;
	if (!s->on)
		return ERR_OK;
	e = way == STRAIN_ANSWERS ? feed_answers(s, in, &whole)
				  : feed_requests(s, in);
	if (e)
		return e;
	*go = buf_slice(kept);
	if (way == STRAIN_ANSWERS && kept->len < s->hold)
		go->n = whole;
	return ERR_OK;
}

void strain_gone(struct strain *s, enum strain_way way, size_t n)
{
	if (s->on)
		buf_consume(&s->kept[way], n);
}

struct slice strain_end(struct strain *s, enum strain_way way)
{
	struct http1 *h = way == STRAIN_ANSWERS ? &s->answers : &s->requests;

	/* A line fits: SLACK is more than that and a read. */
	CHECK(http1_end(h, &s->kept[way]) == ERR_OK);
	return buf_slice(&s->kept[way]);
}

void strain_admit(struct strain *s)
{
	s->admitted = true;
}

void strain_forget(struct strain *s)
{
	buf_clear(&s->waiting);
}

bool strain_waits(const struct strain *s)
{
	return s->waiting.len > 0 && between_requests(s) &&
	       (!s->admitted || s->exchange.pending > 0);
}

bool strain_full(const struct strain *s, enum strain_way way)
{
	return way == STRAIN_REQUESTS && s->waiting.len >= WAITING_MAX;
}
