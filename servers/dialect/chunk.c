/* SPDX-License-Identifier: MIT */
#include "servers/dialect/chunk.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/wire/json.h"

void chunks_init(struct chunks *c, size_t limit)
{
	*c = (struct chunks){0};
	buf_init(&c->text, limit);
}

void chunks_release(struct chunks *c)
{
	size_t limit = c->text.limit;

	buf_release(&c->text);
	free(c->id);
	chunks_init(c, limit);
}

static bool is_next(const struct chunks *c, const struct envelope *e)
{
	return c->id && slice_is(e->id, c->id) && e->chunk == c->next &&
	       e->total == c->total;
}

/* Adds a piece's content; the first one with its opening quote. */
static enum err add_piece(struct chunks *c, struct slice data)
{
	if (c->text.len > 0)
		data = slice_after(data, 1);
	return buf_add(&c->text, data.p, data.n - 1);
}

/* All pieces are there: what they say together is the object. */
static enum err finish(struct chunks *c)
{
	struct buf object;
	enum err e = buf_add_char(&c->text, '"');

	buf_init(&object, c->text.limit);
	if (e == ERR_OK)
		e = json_unescape(buf_slice(&c->text), &object);
	if (e != ERR_OK) {
		buf_release(&object);
		return e;
	}
	buf_release(&c->text);
	c->text = object;
	return ERR_OK;
}

enum err chunks_add(struct chunks *c, const struct envelope *e,
		    const char **why)
{
	enum err err;

	if (e->chunk == 0 && !c->id) {
		c->id = xmemdupz(e->id.p, e->id.n);
		c->total = e->total;
	} else if (!is_next(c, e)) {
		chunks_release(c);
		*why = "not the next chunk of one object: they are numbered "
		       "from 0, share id and total, and come in order";
		return ERR_PROTO;
	}
	err = add_piece(c, e->data);
	if (err == ERR_OK && ++c->next < c->total)
		return ERR_AGAIN;
	if (err == ERR_OK)
		err = finish(c);
	if (err != ERR_OK) {
		chunks_release(c);
		*why = "the chunked object is too large";
	}
	return err;
}
