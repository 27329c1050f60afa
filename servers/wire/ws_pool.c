/* SPDX-License-Identifier: MIT */
#include "servers/wire/ws_pool.h"

#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

#define SPARE_PARSERS 8

static ssize_t give_bytes(uint8_t *into, size_t n, int flags, void *arg)
{
	struct ws_parser *parser = arg;

	(void)flags;
	if (parser->in_n == 0)
		return -1; /* wslay takes it as: nothing to read yet */
	if (n > parser->in_n)
		n = parser->in_n;
	memcpy(into, parser->in, n);
	if (parser->masked) {
		ws_mask(into, n, parser->head.mask, parser->given);
		parser->given += n;
	}
	parser->in += n;
	parser->in_n -= n;
	return (ssize_t)n;
}

static struct ws_parser *parser_new(void)
{
	const struct wslay_frame_callbacks calls = {.recv_callback =
							    give_bytes};
	struct ws_parser *parser = xcalloc(1, sizeof(*parser));

	CHECK(wslay_frame_context_init(&parser->wslay, &calls, parser) == 0);
	return parser;
}

static void parser_free(struct ws_parser *parser)
{
	if (!parser)
		return;
	wslay_frame_context_free(parser->wslay);
	free(parser);
}

struct ws_parser *ws_pool_take_parser(struct ws_pool *pool)
{
	struct ws_parser *parser = pool->spare;

	pool->lent++;
	if (!parser)
		return parser_new();
	pool->spare = parser->next;
	pool->spares--;
	parser->next = NULL;
	return parser;
}

/*
 * wslay cannot be told to forget half a frame, so only a parser that has seen
 * the last byte of one, or no byte of the next, is worth keeping.
 */
void ws_pool_give_parser(struct ws_pool *pool, struct ws_parser *parser)
{
	bool clean = parser->left == 0 && parser->in_n == 0 && !parser->broken;

	pool->lent--;
	if (!clean || pool->spares == SPARE_PARSERS) {
		parser_free(parser);
		return;
	}
	parser->bytes_n = 0;
	parser->has_head = false;
	parser->masked = false;
	parser->given = 0;
	parser->control_n = 0;
	parser->next = pool->spare;
	pool->spare = parser;
	pool->spares++;
}

struct inflater *ws_pool_take_inflater(struct ws_pool *pool)
{
	pool->lent++;
	if (pool->inflaters == 0)
		return inflater_new();
	return pool->inflater[--pool->inflaters];
}

void ws_pool_give_inflater(struct ws_pool *pool, struct inflater *z)
{
	if (!z)
		return;
	pool->lent--;
	if (pool->inflaters == WS_SPARE_INFLATERS) {
		inflater_free(z);
		return;
	}
	inflater_reset(z);
	pool->inflater[pool->inflaters++] = z;
}

struct ws_pool *ws_pool_new(void)
{
	return xcalloc(1, sizeof(struct ws_pool));
}

void ws_pool_free(struct ws_pool *p)
{
	if (!p)
		return;
	while (p->spare) {
		struct ws_parser *next = p->spare->next;

		parser_free(p->spare);
		p->spare = next;
	}
	while (p->inflaters > 0)
		inflater_free(p->inflater[--p->inflaters]);
	free(p);
}
