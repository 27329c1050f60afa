/* SPDX-License-Identifier: MIT */
/*
 * The first byte of the input picks a role. The server gets header values, one
 * a line, whose first letter names the header; what it accepts, a client must
 * take, however the values are written. The client gets a whole answer as
 * bytes.
 */
#include <ctype.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/wire/http1.h"
#include "servers/wire/ws_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SUBPROTOCOL "pushmark.v1"
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

enum { ROLE_CLIENT = 1, POLICY_DEFLATE = 2, POLICY_SUBPROTOCOL = 4 };
enum { UPGRADE, CONNECTION, KEY_FIELD, VERSION, PROTOCOL, EXTENSIONS, ORIGIN };

static const char letters[] = "uckvpeo";
#define FIELDS (sizeof(letters) - 1)

static const struct deflate_offer any_deflate = {.client_bits =
							 DEFLATE_BITS_ANY};

/* The server's side */

static struct slice take_line(struct slice *rest)
{
	const char *lf = memchr(rest->p, '\n', rest->n);
	struct slice line = *rest;

	if (lf)
		line.n = (size_t)(lf - line.p);
	*rest = slice_after(*rest, line.n + 1);
	return line;
}

static void read_fields(struct slice text, struct buf fields[FIELDS])
{
	while (text.n > 0) {
		struct slice line = take_line(&text);
		const char *at = line.n ? strchr(letters, line.p[0]) : NULL;
		struct buf *b;

		if (!at || line.p[0] == '\0')
			continue;
		b = &fields[at - letters];
		if (b->len > 0)
			CHECK(buf_add_str(b, ", ") == ERR_OK);
		CHECK(buf_add_slice(b, slice_after(line, 1)) == ERR_OK);
	}
}

static void decide(struct buf fields[FIELDS], const struct ws_policy *p,
		   struct ws_verdict *v)
{
	struct ws_offer o = {
		.get = true,
		.minor = 1,
		.upgrade = buf_slice(&fields[UPGRADE]),
		.connection = buf_slice(&fields[CONNECTION]),
		.key = buf_slice(&fields[KEY_FIELD]),
		.version = buf_slice(&fields[VERSION]),
		.protocols = buf_slice(&fields[PROTOCOL]),
		.extensions = buf_slice(&fields[EXTENSIONS]),
	};

	ws_handshake_decide(&o, p, v);
	o.minor = 0;
	if (v->status == 101) {
		struct ws_verdict old;

		ws_handshake_decide(&o, p, &old);
		CHECK(old.status == 400);
	}
}

/* Whatever we answer, a client that wanted all of it takes it. */
static void check_answer(struct slice key, const struct ws_verdict *v)
{
	struct ws_answer a = {
		.status = v->status,
		.upgrade = SLICE("websocket"),
		.connection = SLICE("Upgrade"),
		.accept = slice_str(v->accept),
		.protocol = slice_str(v->subprotocol),
		.extensions = slice_str(v->extensions),
	};
	struct ws_wish w = {.subprotocol = v->subprotocol[0] ? v->subprotocol
							     : SUBPROTOCOL,
			    .deflate = &any_deflate};
	char text[WS_KEY_CHARS + 1] = {0};
	struct deflate_terms terms;
	size_t from = 0;

	while (from < key.n && (key.p[from] == ' ' || key.p[from] == '\t'))
		from++;
	CHECK(key.n >= from + WS_KEY_CHARS);
	memcpy(text, key.p + from, WS_KEY_CHARS);
	w.key = text;
	CHECK(ws_answer_fault(&a, &w, &terms) == NULL);
	CHECK(terms.on == v->deflate.on);
	w.deflate = NULL;
	CHECK((ws_answer_fault(&a, &w, &terms) != NULL) == v->deflate.on);
}

static void check_verdict(struct buf fields[FIELDS], const struct ws_policy *p,
			  const struct ws_verdict *v)
{
	CHECK(v->status == 101 || v->status == 400 || v->status == 426);
	CHECK((v->why == NULL) == (v->status == 101));
	CHECK(v->deflate.on == (v->extensions[0] != '\0'));
	CHECK(p->deflate || !v->deflate.on);
	CHECK(v->status == 101 || (!v->deflate.on && !v->subprotocol[0]));
	if (v->subprotocol[0]) {
		CHECK(!p->subprotocol ||
		      strcmp(p->subprotocol, v->subprotocol) == 0);
		CHECK(http1_has_token(buf_slice(&fields[PROTOCOL]),
				      v->subprotocol));
	}
	if (v->status == 101)
		check_answer(buf_slice(&fields[KEY_FIELD]), v);
}

/* Blanks around values and the case of tokens say nothing. */
static void rewrite(struct buf fields[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++) {
		struct buf *b = &fields[i];

		CHECK(buf_add_str(b, " \t") == ERR_OK);
		for (size_t k = 0; i <= CONNECTION && k < b->len; k++)
			if (isascii((unsigned char)b->data[k]))
				b->data[k] = (char)toupper(
					(unsigned char)b->data[k]);
	}
}

static void serve(unsigned flags, struct slice text)
{
	static const char *const origins[] = {"https://a.example", "null",
					      NULL};
	struct ws_policy p = {
		.subprotocol = flags & POLICY_SUBPROTOCOL ? SUBPROTOCOL : NULL,
		.deflate = (flags & POLICY_DEFLATE) != 0,
	};
	struct buf fields[FIELDS];
	struct ws_verdict v, again;
	struct slice origin;

	for (size_t i = 0; i < FIELDS; i++)
		buf_init(&fields[i], BUF_UNLIMITED);
	read_fields(text, fields);
	decide(fields, &p, &v);
	check_verdict(fields, &p, &v);
	origin = buf_slice(&fields[ORIGIN]);
	if (http1_origin_listed(origins, origin))
		CHECK(origin.n == 4 || origin.n == strlen(origins[0]));
	rewrite(fields);
	decide(fields, &p, &again);
	CHECK(again.status == v.status && again.why == v.why);
	CHECK(strcmp(again.accept, v.accept) == 0);
	/* A list of extensions may have become too long. */
	if (fields[EXTENSIONS].len <= WS_EXTENSIONS_MAX)
		CHECK(strcmp(again.extensions, v.extensions) == 0);
	for (size_t i = 0; i < FIELDS; i++)
		buf_release(&fields[i]);
}

/* The client's side */

struct outcome {
	unsigned flags;
	unsigned heads;
	const char *fault;
	struct deflate_terms terms;
};

static struct slice header(const struct http1_response *r, const char *name)
{
	struct slice value = {0};

	(void)http1_header(r->headers, name, &value);
	return value;
}

static void on_head(void *arg, const struct http1_response *r)
{
	struct outcome *out = arg;
	struct ws_answer a = {
		.status = r->status,
		.upgrade = header(r, "Upgrade"),
		.connection = header(r, "Connection"),
		.accept = header(r, "Sec-WebSocket-Accept"),
		.protocol = header(r, "Sec-WebSocket-Protocol"),
		.extensions = header(r, "Sec-WebSocket-Extensions"),
	};
	struct ws_wish w = {
		.key = KEY,
		.subprotocol =
			out->flags & POLICY_SUBPROTOCOL ? SUBPROTOCOL : NULL,
		.deflate = out->flags & POLICY_DEFLATE ? &any_deflate : NULL,
	};

	out->heads++;
	out->fault = ws_answer_fault(&a, &w, &out->terms);
	CHECK(!out->fault || !out->terms.on);
	CHECK(out->fault || r->status == 101);
	CHECK(w.deflate || !out->terms.on);
	if (!out->fault)
		CHECK(http1_has_token(a.upgrade, "websocket"));
}

static void on_body(void *arg, struct slice bytes)
{
	(void)arg;
	(void)bytes;
}

static void on_end(void *arg)
{
	(void)arg;
}

/* Feeds pieces of `step` bytes up to the first whole answer. */
static struct outcome ask(unsigned flags, struct slice bytes, size_t step)
{
	static const struct http1_handler handler = {on_head, on_body, on_end};
	struct outcome out = {.flags = flags};
	struct http1_parser p;
	enum err e = ERR_OK;

	http1_parser_init(&p);
	while (e == ERR_OK && out.heads == 0 && bytes.n > 0) {
		struct slice piece = bytes;
		size_t used = 0;

		if (piece.n > step)
			piece.n = step;
		e = http1_parser_feed(&p, piece, &handler, &out, &used);
		if (e == ERR_OK && used == 0)
			break;
		bytes = slice_after(bytes, used);
	}
	http1_parser_release(&p);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, single;
	struct slice rest;

	if (size < 1)
		return 0;
	rest = slice_of(data + 1, size - 1);
	if (!(data[0] & ROLE_CLIENT)) {
		serve(data[0], rest);
		return 0;
	}
	whole = ask(data[0], rest, rest.n);
	single = ask(data[0], rest, 1);
	CHECK(whole.heads == single.heads && whole.fault == single.fault);
	CHECK(whole.terms.on == single.terms.on);
	return 0;
}
