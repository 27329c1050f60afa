/* SPDX-License-Identifier: MIT */
#include "clients/whole.h"

struct reading {
	whole_head_fn on_head;
	void *arg;
	struct slice body;
	unsigned pieces;
	bool good, ended;
};

static void read_head(void *arg, const struct http1_response *r)
{
	struct reading *w = arg;

	w->good = r->status == 200 && r->keep_alive && !r->until_close;
	if (w->on_head)
		w->on_head(w->arg, r);
}

static void read_body(void *arg, struct slice bytes)
{
	struct reading *w = arg;

	w->body = bytes;
	w->pieces++;
}

static void read_end(void *arg)
{
	struct reading *w = arg;

	w->ended = true;
}

bool whole_read(struct client_env *env, struct slice chunk,
		whole_head_fn on_head, void *arg, struct slice *body)
{
	static const struct http1_handler handler = {read_head, read_body,
						     read_end};
	struct reading w = {.on_head = on_head, .arg = arg};
	size_t used;
	enum err e = http1_parser_feed(&env->http, chunk, &handler, &w, &used);

	*body = w.body;
	if (!e && w.ended && w.good && w.pieces == 1 && used == chunk.n)
		return true;
	http1_parser_release(&env->http);
	http1_parser_init(&env->http);
	return false;
}
