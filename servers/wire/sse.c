/* SPDX-License-Identifier: MIT */
#include "servers/wire/sse.h"

#include "servers/base/utf8.h"

/* Texts */

static void text_init(struct sse_text *t, size_t limit)
{
	t->text = slice_of(NULL, 0);
	buf_init(&t->store, limit);
}

static void text_clear(struct sse_text *t)
{
	t->text.n = 0;
	buf_clear(&t->store);
}

static bool text_is_stored(const struct sse_text *t)
{
	return t->text.n == 0 || t->text.p == t->store.data;
}

/* Copies a text that still points into the chunk. */
static enum err text_keep(struct sse_text *t)
{
	enum err e;

	if (text_is_stored(t))
		return ERR_OK;
	buf_clear(&t->store);
	e = buf_add_slice(&t->store, t->text);
	if (!e)
		t->text = buf_slice(&t->store);
	return e;
}

/* Joins one more line to a text, with an LF between. */
static enum err text_join(struct sse_text *t, struct slice line)
{
	enum err e = text_keep(t);

	/* An empty first line leaves nothing in the store to build on. */
	if (!e && t->text.n == 0)
		buf_clear(&t->store);
	if (!e)
		e = buf_add_char(&t->store, '\n');
	if (!e)
		e = buf_add_slice(&t->store, line);
	if (!e)
		t->text = buf_slice(&t->store);
	return e;
}

/*
 * Length of the UTF-8 sequence at p, or 0 when it is wrong; then *bad is the
 * length of the part that one U+FFFD stands for (the longest start of a valid
 * sequence, WHATWG Encoding section 4.1).
 */
static size_t sequence_length(const unsigned char *p, size_t n, size_t *bad)
{
	unsigned char lower = 0x80;
	unsigned char upper = 0xbf;
	size_t need;

	*bad = 1;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		lower = 0xa0;
	else if (p[0] == 0xf0)
		lower = 0x90;
	else if (p[0] == 0xed)
		upper = 0x9f;
	else if (p[0] == 0xf4)
		upper = 0x8f;
	for (size_t i = 1; i < need; i++) {
		if (i == n || p[i] < lower || p[i] > upper) {
			*bad = i;
			return 0;
		}
		lower = 0x80;
		upper = 0xbf;
	}
	return need;
}

static enum err add_decoded(struct buf *out, struct slice text)
{
	const unsigned char *p = (const unsigned char *)text.p;
	enum err e = ERR_OK;
	size_t i = 0;

	while (i < text.n && !e) {
		size_t bad;
		size_t n = sequence_length(p + i, text.n - i, &bad);

		e = n ? buf_add(out, p + i, n)
		      : buf_add(out, "\xef\xbf\xbd", 3);
		i += n ? n : bad;
	}
	return e;
}

/*
 * Fields. `value` lies in the chunk or, when `keep` is set, in a
 * buffer that the next line overwrites.
 */

static enum err set_text(struct sse_text *t, struct slice value, bool keep)
{
	t->text = value;
	return keep ? text_keep(t) : ERR_OK;
}

static enum err add_data(struct sse_parser *p, struct slice value, bool keep)
{
	if (p->has_data)
		return text_join(&p->data, value);
	p->has_data = true;
	return set_text(&p->data, value, keep);
}

/* Beyond 64 bits a reconnection time is as good as for ever. */
static void set_retry(struct sse_parser *p, struct slice value)
{
	uint64_t ms = 0;

	if (value.n == 0)
		return;
	for (size_t i = 0; i < value.n; i++) {
		uint64_t digit = (uint64_t)(value.p[i] - '0');

		if (value.p[i] < '0' || value.p[i] > '9')
			return;
		ms = ms > (UINT64_MAX - digit) / 10 ? UINT64_MAX
						    : ms * 10 + digit;
	}
	p->retry_ms = ms;
	p->has_retry = true;
}

static enum err set_field(struct sse_parser *p, struct slice name,
			  struct slice value, bool keep)
{
	if (slice_is(name, "data"))
		return add_data(p, value, keep);
	if (slice_is(name, "event"))
		return set_text(&p->type, value, keep);
	if (slice_is(name, "id")) {
		if (value.n && memchr(value.p, '\0', value.n))
			return ERR_OK;
		p->has_id_next = true;
		return set_text(&p->id_next, value, keep);
	}
	if (slice_is(name, "retry"))
		set_retry(p, value);
	return ERR_OK;
}

/* An empty line: the block's id counts even when there is no data. */
static void dispatch(struct sse_parser *p, sse_event_fn *on_event, void *arg)
{
	struct sse_event event;

	if (p->has_id_next) {
		struct sse_text old = p->id;

		p->id = p->id_next;
		p->id_next = old;
		text_clear(&p->id_next);
		p->has_id_next = false;
	}
	if (p->has_data) {
		event.type = p->type.text.n ? p->type.text : SLICE("message");
		event.data = p->data.text;
		event.last_event_id = p->id.text;
		on_event(arg, &event);
	}
	p->has_data = false;
	text_clear(&p->data);
	text_clear(&p->type);
}

static enum err parse_line(struct sse_parser *p, struct slice line, bool keep)
{
	const char *colon = memchr(line.p, ':', line.n);
	struct slice name = line;
	struct slice value = slice_after(line, line.n);
	enum err e;

	if (colon == line.p)
		return ERR_OK;
	if (colon) {
		name.n = (size_t)(colon - line.p);
		value = slice_after(line, name.n + 1);
		if (value.n && value.p[0] == ' ')
			value = slice_after(value, 1);
	}
	if (utf8_valid(value.p, value.n))
		return set_field(p, name, value, keep);
	buf_clear(&p->decoded);
	e = add_decoded(&p->decoded, value);
	return e ? e : set_field(p, name, buf_slice(&p->decoded), true);
}

/* A line's last part has come; its start may wait in p->line. */
static enum err end_line(struct sse_parser *p, struct slice line,
			 sse_event_fn *on_event, void *arg)
{
	bool keep = p->line.len > 0;
	enum err e;

	if (keep) {
		e = buf_add_slice(&p->line, line);
		if (e)
			return e;
		line = buf_slice(&p->line);
	} else if (line.n > p->limit) {
		return ERR_LIMIT;
	}
	if (line.n == 0) {
		dispatch(p, on_event, arg);
		return ERR_OK;
	}
	e = parse_line(p, line, keep);
	buf_clear(&p->line);
	return e;
}

/*
 * Skips the byte order mark. One that breaks off belongs to the first line.
 */
static enum err skip_bom(struct sse_parser *p, struct slice *bytes)
{
	static const char mark[] = "\xef\xbb\xbf";

	while (bytes->n && !p->started) {
		if (bytes->p[0] != mark[p->bom]) {
			p->started = true;
			return buf_add(&p->line, mark, p->bom);
		}
		*bytes = slice_after(*bytes, 1);
		p->started = ++p->bom == 3;
	}
	return ERR_OK;
}

static enum err parse_lines(struct sse_parser *p, const char *at,
			    const char *end, sse_event_fn *on_event, void *arg)
{
	const char *lf = at;
	enum err e;

	while (at < end) {
		const char *stop;

		/* The LF found stays good while CRs end lines before it. */
		if (lf && lf <= at)
			lf = memchr(at, '\n', (size_t)(end - at));
		if (p->saw_cr && lf == at) {
			at++;
			p->saw_cr = false;
			continue;
		}
		p->saw_cr = false;
		stop = memchr(at, '\r', (size_t)((lf ? lf : end) - at));
		p->saw_cr = stop != NULL;
		if (!stop)
			stop = lf;
		if (!stop)
			return buf_add(&p->line, at, (size_t)(end - at));
		e = end_line(p, slice_of(at, (size_t)(stop - at)), on_event,
			     arg);
		if (e)
			return e;
		at = stop + 1;
	}
	return ERR_OK;
}

/* The chunk goes away: what points into it moves into our memory. */
static enum err keep_texts(struct sse_parser *p)
{
	enum err e = text_keep(&p->id);

	if (!e)
		e = text_keep(&p->id_next);
	if (!e)
		e = text_keep(&p->type);
	if (!e)
		e = text_keep(&p->data);
	return e;
}

enum err sse_parser_feed(struct sse_parser *p, struct slice bytes,
			 sse_event_fn *on_event, void *arg)
{
	enum err e;

	if (p->failed)
		return ERR_LIMIT;
	e = skip_bom(p, &bytes);
	if (!e && bytes.p)
		e = parse_lines(p, bytes.p, bytes.p + bytes.n, on_event, arg);
	if (!e)
		e = keep_texts(p);
	if (!e)
		return ERR_OK;
	/* The id stays readable, so it must not point into the chunk. */
	p->failed = true;
	if (text_keep(&p->id))
		text_clear(&p->id);
	return e;
}

enum err sse_parser_continue(struct sse_parser *p, struct slice last_id)
{
	p->id.text = last_id;
	return text_keep(&p->id);
}

struct slice sse_parser_last_id(const struct sse_parser *p)
{
	return p->id.text;
}

/* Life cycle */

void sse_parser_init(struct sse_parser *p, size_t limit)
{
	memset(p, 0, sizeof(*p));
	p->limit = limit;
	buf_init(&p->line, limit);
	buf_init(&p->decoded, limit);
	text_init(&p->data, limit);
	text_init(&p->type, limit);
	text_init(&p->id, limit);
	text_init(&p->id_next, limit);
}

void sse_parser_release(struct sse_parser *p)
{
	buf_release(&p->line);
	buf_release(&p->decoded);
	buf_release(&p->data.store);
	buf_release(&p->type.store);
	buf_release(&p->id.store);
	buf_release(&p->id_next.store);
	text_clear(&p->data);
	text_clear(&p->type);
	text_clear(&p->id);
	text_clear(&p->id_next);
}
