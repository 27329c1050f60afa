/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/join.h"
#include "servers/core/transport.h"
#include "servers/wire/engineio.h"

#define JOIN_ENTRIES 4

struct join_entry {
	struct msg *msgs[JOIN_MESSAGES]; /* those looked at, a reference each */
	unsigned queued;		 /* how many; 0: the entry is free */
	unsigned count;			 /* those that are in `bytes` */
	enum wire_format format;
	size_t max_bytes;
	struct slice bytes;
	char *owned; /* bytes.p, unless that is one message's frame */
	uint64_t id;
	uint64_t used; /* when last, for finding the least recently used */
};

struct join_cache {
	struct join_entry entries[JOIN_ENTRIES];
	struct join_entry single; /* of a queue that nobody shares */
	uint64_t last_id;
	uint64_t uses;
	bool empty;
};

struct join_cache *join_cache_new(void)
{
	struct join_cache *c = xcalloc(1, sizeof(*c));

	c->empty = true;
	return c;
}

static void join_entry_clear(struct join_entry *e)
{
	for (unsigned i = 0; i < e->queued; i++)
		msg_unref(e->msgs[i]);
	free(e->owned);
	e->owned = NULL;
	e->bytes = (struct slice){NULL, 0};
	e->queued = 0;
	e->count = 0;
}

void join_cache_clear(struct join_cache *c)
{
	if (c->empty)
		return;
	for (int i = 0; i < JOIN_ENTRIES; i++)
		join_entry_clear(&c->entries[i]);
	join_entry_clear(&c->single);
	c->empty = true;
}

void join_cache_free(struct join_cache *c)
{
	if (!c)
		return;
	join_cache_clear(c);
	free(c);
}

static unsigned join_queued(const struct outq *q)
{
	return q->count < JOIN_MESSAGES ? q->count : JOIN_MESSAGES;
}

/* Whether the first messages of q are the entry's; a ring has two parts. */
static bool join_same(const struct join_entry *e, const struct outq *q)
{
	struct msg *const *at = q->ring ? q->ring : q->few;
	unsigned first = q->cap - q->head;

	if (first > e->queued)
		first = e->queued;
	return memcmp(e->msgs, at + q->head, first * sizeof(struct msg *)) ==
		       0 &&
	       memcmp(e->msgs + first, at,
		      (e->queued - first) * sizeof(struct msg *)) == 0;
}

static struct join_entry *join_find(struct join_cache *c, const struct outq *q,
				    enum wire_format format, size_t max_bytes)
{
	unsigned queued = join_queued(q);

	for (int i = 0; i < JOIN_ENTRIES; i++) {
		struct join_entry *e = &c->entries[i];

		if (e->queued == queued && e->format == format &&
		    e->max_bytes == max_bytes && join_same(e, q))
			return e;
	}
	return NULL;
}

static struct join_entry *join_oldest(struct join_cache *c)
{
	struct join_entry *oldest = &c->entries[0];

	for (int i = 1; i < JOIN_ENTRIES; i++)
		if (c->entries[i].used < oldest->used)
			oldest = &c->entries[i];
	return oldest;
}

/* Takes references and finds out how much fits: at least one message. */
static size_t join_measure(struct join_entry *e, const struct outq *q)
{
	size_t gap = e->format == FORMAT_EIO_POLLING ? 1 : 0;
	size_t total = 0;

	e->queued = join_queued(q);
	for (unsigned i = 0; i < e->queued; i++)
		e->msgs[i] = msg_ref(outq_at(q, i));
	for (e->count = 0; e->count < e->queued; e->count++) {
		size_t n = msg_frame(e->msgs[e->count], e->format).n;

		if (e->count && total + gap + n > e->max_bytes)
			break;
		total += n + (e->count ? gap : 0);
	}
	return total;
}

static void join_fill(struct join_entry *e, const struct outq *q,
		      enum wire_format format, size_t max_bytes)
{
	char *at;

	e->format = format;
	e->max_bytes = max_bytes;
	e->bytes.n = join_measure(e, q);
	if (e->count == 1) {
		e->bytes = msg_frame(e->msgs[0], format);
		return;
	}
	e->owned = xmalloc(e->bytes.n);
	e->bytes.p = e->owned;
	at = e->owned;
	for (unsigned i = 0; i < e->count; i++) {
		struct slice frame = msg_frame(e->msgs[i], format);

		if (i && format == FORMAT_EIO_POLLING)
			*at++ = ENGINEIO_SEPARATOR;
		memcpy(at, frame.p, frame.n);
		at += frame.n;
	}
}

static void join_hand_out(struct join_cache *c, struct join_entry *e,
			  struct joined *out)
{
	e->used = ++c->uses;
	out->bytes = e->bytes;
	out->count = e->count;
	out->id = e->id;
}

/*
 * Whether another queue may hold the same: this queue has one reference, a
 * history has perhaps another, so that three tell of a second receiver.
 */
static bool join_worthwhile(const struct outq *q)
{
	unsigned queued = join_queued(q);

	for (unsigned i = 0; i < queued; i++)
		if (outq_at(q, i)->refs < 3)
			return false;
	return true;
}

static void join_make(struct join_cache *c, struct join_entry *e,
		      const struct outq *q, enum wire_format format,
		      size_t max_bytes, struct joined *out)
{
	join_entry_clear(e);
	join_fill(e, q, format, max_bytes);
	e->id = ++c->last_id;
	c->empty = false;
	join_hand_out(c, e, out);
}

bool join_shared(struct join_cache *c, const struct outq *q,
		 enum wire_format format, size_t max_bytes, struct joined *out)
{
	struct join_entry *e = join_find(c, q, format, max_bytes);

	if (e) {
		join_hand_out(c, e, out);
		return true;
	}
	if (!join_worthwhile(q))
		return false;
	join_make(c, join_oldest(c), q, format, max_bytes, out);
	return true;
}

void join_any(struct join_cache *c, const struct outq *q,
	      enum wire_format format, size_t max_bytes, struct joined *out)
{
	if (!join_shared(c, q, format, max_bytes, out))
		join_make(c, &c->single, q, format, max_bytes, out);
}
