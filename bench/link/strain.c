/* SPDX-License-Identifier: MIT */
#include "bench/link/strain.h"

/* A line that was incomplete, and the read that completes it. */
#define SLACK ((size_t)64 * 1024)

void strain_init(struct strain *s, bool no_upgrade, size_t hold)
{
	*s = (struct strain){.hold = hold, .on = no_upgrade || hold > 0};
	http1_init(&s->requests, &s->exchange, false, no_upgrade);
	http1_init(&s->answers, &s->exchange, true, false);
	buf_init(&s->kept[STRAIN_REQUESTS], SLACK);
	buf_init(&s->kept[STRAIN_ANSWERS], hold + SLACK);
}

void strain_release(struct strain *s)
{
	http1_release(&s->requests);
	http1_release(&s->answers);
	buf_release(&s->kept[STRAIN_REQUESTS]);
	buf_release(&s->kept[STRAIN_ANSWERS]);
}

enum err strain_feed(struct strain *s, enum strain_way way, struct slice in,
		     struct slice *go)
{
	struct http1 *h = way == STRAIN_ANSWERS ? &s->answers : &s->requests;
	struct buf *kept = &s->kept[way];
	size_t whole;
	enum err e;

	*go = in;
	if (!s->on)
		return ERR_OK;
	e = http1_feed(h, in, kept, &whole);
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

struct slice strain_rest(const struct strain *s, enum strain_way way)
{
	return buf_slice(&s->kept[way]);
}
