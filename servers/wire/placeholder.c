/* SPDX-License-Identifier: MIT */
#include "servers/wire/placeholder.h"

#include "servers/base/check.h"
#include "servers/wire/engineio.h"
#include "servers/wire/json.h"

enum member {
	MEMBER_OTHER,
	MEMBER_PLACEHOLDER,
	MEMBER_NUM,
};

/* An object or array that is open. The last member of a name counts. */
struct level {
	size_t start;
	enum member member; /* whose value comes next */
	bool object, wants_key;
	bool marked; /* "_placeholder" is true */
	bool numbered;
	uint64_t num;
};

/* One pass over the text, however deep it is nested. */
struct walk {
	struct slice json;
	size_t at;
	unsigned attachments;
	struct placeholders *out;
	size_t depth;
	struct level levels[JSON_MAX_DEPTH];
};

static struct level *top(struct walk *w)
{
	return w->depth ? &w->levels[w->depth - 1] : NULL;
}

/* The string at w->at, with its quotes. */
static struct slice take_string(struct walk *w)
{
	size_t start = w->at++;

	while (w->at < w->json.n && w->json.p[w->at] != '"')
		w->at += w->json.p[w->at] == '\\' ? 2 : 1;
	w->at++;
	CHECK(w->at <= w->json.n);
	return slice_of(w->json.p + start, w->at - start);
}

/* A number or a word. */
static struct slice take_word(struct walk *w)
{
	size_t start = w->at;

	while (w->at < w->json.n && !strchr(",]} \t\r\n", w->json.p[w->at]))
		w->at++;
	return slice_of(w->json.p + start, w->at - start);
}

static void note_key(struct level *l, struct slice quoted)
{
	struct slice raw = slice_of(quoted.p + 1, quoted.n - 2);

	l->wants_key = false;
	l->member = MEMBER_OTHER;
	if (json_key_is(raw, "_placeholder"))
		l->member = MEMBER_PLACEHOLDER;
	else if (json_key_is(raw, "num"))
		l->member = MEMBER_NUM;
}

/* `word` is empty for what is no word: a string, an object, an array. */
static void note_value(struct level *l, struct slice word)
{
	if (!l || !l->object)
		return;
	if (l->member == MEMBER_PLACEHOLDER)
		l->marked = slice_is(word, "true");
	else if (l->member == MEMBER_NUM)
		l->numbered = word.n && json_u64(word, &l->num);
}

static void open_level(struct walk *w, bool object)
{
	note_value(top(w), (struct slice){NULL, 0});
	CHECK(w->depth < JSON_MAX_DEPTH);
	w->levels[w->depth++] = (struct level){
		.start = w->at++, .object = object, .wants_key = object};
}

static enum err close_level(struct walk *w)
{
	const struct level *l = top(w);
	struct placeholders *out = w->out;

	CHECK(l);
	w->depth--;
	w->at++;
	if (!l->marked)
		return ERR_OK;
	if (!l->numbered || l->num >= w->attachments ||
	    out->count == SOCKETIO_MAX_ATTACHMENTS)
		return ERR_PROTO;
	for (unsigned i = 0; i < out->count; i++)
		if (out->at[i].num == l->num || out->at[i].start > l->start)
			return ERR_PROTO;
	out->at[out->count++] = (struct placeholder){
		.start = l->start, .end = w->at, .num = (unsigned)l->num};
	return ERR_OK;
}

static enum err step(struct walk *w)
{
	struct level *l = top(w);

	switch (w->json.p[w->at]) {
	case '{':
		open_level(w, true);
		return ERR_OK;
	case '[':
		open_level(w, false);
		return ERR_OK;
	case '}':
	case ']':
		return close_level(w);
	case ',':
		if (l)
			l->wants_key = l->object;
		w->at++;
		return ERR_OK;
	case '"':
		if (l && l->wants_key)
			note_key(l, take_string(w));
		else
			note_value(l, slice_of(take_string(w).p, 0));
		return ERR_OK;
	case ':':
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		w->at++;
		return ERR_OK;
	default:
		note_value(l, take_word(w));
		return ERR_OK;
	}
}

enum err placeholders_find(struct slice json, unsigned attachments,
			   struct placeholders *out)
{
	struct walk w; /* its levels are written before they are read */
	enum err e = ERR_OK;

	CHECK(attachments <= SOCKETIO_MAX_ATTACHMENTS);
	w.json = json;
	w.at = 0;
	w.attachments = attachments;
	w.out = out;
	w.depth = 0;
	out->count = 0;
	while (e == ERR_OK && w.at < json.n)
		e = step(&w);
	return e;
}

enum err placeholder_add_base64(struct buf *b, struct slice bytes)
{
	size_t start = b->len;
	struct buf packet;
	enum err e;

	buf_init(&packet, BUF_UNLIMITED);
	e = engineio_encode_binary(&packet, bytes);
	if (e == ERR_OK)
		e = buf_add_str(b, "{\"base64\":\"");
	if (e == ERR_OK) /* without the `b` in front */
		e = buf_add(b, packet.data + 1, packet.len - 1);
	if (e == ERR_OK)
		e = buf_add_str(b, "\"}");
	if (e != ERR_OK)
		b->len = start;
	buf_release(&packet);
	return e;
}

enum err placeholders_inline(struct buf *b, struct slice json,
			     const struct slice *attachments, unsigned count)
{
	struct placeholders found;
	size_t start = b->len, done = 0;
	enum err e = placeholders_find(json, count, &found);

	for (unsigned i = 0; e == ERR_OK && i < found.count; i++) {
		const struct placeholder *p = &found.at[i];

		e = buf_add(b, json.p + done, p->start - done);
		if (e == ERR_OK)
			e = placeholder_add_base64(b, attachments[p->num]);
		done = p->end;
	}
	if (e == ERR_OK)
		e = buf_add_slice(b, slice_after(json, done));
	if (e != ERR_OK)
		b->len = start;
	return e;
}
