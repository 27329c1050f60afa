/* SPDX-License-Identifier: MIT */
/* Receiving a client's messages: wslay's event loop against our receiver. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/micro/receive.h"
#include "bench/micro/row.h"
#include "servers/base/check.h"

#define PASS_BYTES 262144 /* stays in the cache, as what a socket gave does */

static const size_t sizes[] = {125, 1024, 4096, 16384, 65536};

struct receiving {
	const struct receive_ops *ops;
	void *connection;
	struct frames frames;
	struct received received;
};

static void pass(void *state)
{
	struct receiving *s = state;

	s->ops->pass(s->connection, &s->frames);
}

static void release(void *state)
{
	struct receiving *s = state;

	s->ops->close(s->connection);
	frames_release(&s->frames);
	free(s);
}

static enum frames_kind kind_of(const struct row *r)
{
	return (enum frames_kind)(r->number / ARRAY_SIZE(sizes) % FRAMES_KINDS);
}

static enum frames_reads reads_of(const struct row *r)
{
	return (enum frames_reads)(r->number / ARRAY_SIZE(sizes) /
				   FRAMES_KINDS);
}

static void init_work(struct row_work *w, const struct receive_ops *ops,
		      const struct row *r)
{
	struct receiving *s = xcalloc(1, sizeof(*s));

	s->ops = ops;
	frames_init(&s->frames, kind_of(r), r->size, reads_of(r), PASS_BYTES);
	s->connection = ops->open(&s->received);
	*w = (struct row_work){
		.name = ops->name,
		.pass = pass,
		.release = release,
		.state = s,
		.units = s->frames.count,
	};
}

/* Nothing is timed that does not deliver the same. */
static void check_same(const struct row *r)
{
	struct received *sum[ROW_SIDES];

	for (int side = 0; side < ROW_SIDES; side++) {
		struct receiving *s = r->work[side].state;

		sum[side] = &s->received;
		sum[side]->digests = true;
		pass(s);
		sum[side]->digests = false;
	}
	CHECK(sum[0]->messages == r->work[0].units);
	CHECK(sum[0]->messages == sum[1]->messages);
	CHECK(sum[0]->bytes == sum[1]->bytes);
	CHECK(sum[0]->digest == sum[1]->digest);
}

size_t row_receive_count(void)
{
	return ARRAY_SIZE(sizes) * FRAMES_KINDS * FRAMES_READS;
}

void row_receive_init(struct row *r)
{
	r->size = sizes[r->number % ARRAY_SIZE(sizes)];
	(void)snprintf(r->name, sizeof(r->name), "receive/%s/%s/%zu",
		       frames_reads_name(reads_of(r)),
		       frames_kind_name(kind_of(r)), r->size);
}

void row_receive_prepare(struct row *r)
{
	init_work(&r->work[ROW_BASELINE], &receive_wslay, r);
	init_work(&r->work[ROW_OURS], &receive_ours, r);
	check_same(r);
}
