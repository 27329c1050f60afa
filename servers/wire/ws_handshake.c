/* SPDX-License-Identifier: MIT */
#include "servers/wire/ws_handshake.h"

#include "servers/wire/http1.h"

/* Lists */

/* Trims blanks, which some parsers leave behind a value. */
static struct slice trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_after(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Takes the next element off `list`, which may be empty. False at the end. */
static bool next_element(struct slice *list, struct slice *element)
{
	const char *comma;

	if (list->n == 0)
		return false;
	comma = memchr(list->p, ',', list->n);
	*element = *list;
	if (comma)
		element->n = (size_t)(comma - list->p);
	*list = slice_after(*list, element->n + 1);
	*element = trim(*element);
	return true;
}

/* The server's side */

/*
 * Subprotocols are tokens, and their case counts: a browser fails the
 * connection when the answer differs from what it asked for. *chosen is empty
 * when none is right. False when the list is malformed.
 */
static bool choose_subprotocol(struct slice list, const char *ours,
			       struct slice *chosen)
{
	struct slice element;

	*chosen = (struct slice){0};
	while (next_element(&list, &element)) {
		if (element.n == 0)
			continue; /* RFC 9110 section 5.6.1.2 */
		if (!http1_is_token(element))
			return false;
		if (ours ? slice_is(element, ours) : chosen->n == 0)
			*chosen = element;
	}
	return true;
}

/* What is wrong with the handshake but for its version, or NULL. */
static const char *find_fault(const struct ws_offer *o)
{
	if (!o->get)
		return "a WebSocket handshake is a GET";
	if (o->minor < 1)
		return "a WebSocket handshake needs HTTP/1.1";
	if (!http1_has_token(o->upgrade, "websocket"))
		return "the Upgrade header must list websocket";
	if (!http1_has_token(o->connection, "upgrade"))
		return "the Connection header must list Upgrade";
	if (!ws_key_valid(trim(o->key)))
		return "Sec-WebSocket-Key must be base64 of 16 bytes";
	return NULL;
}

void ws_handshake_decide(const struct ws_offer *o, const struct ws_policy *p,
			 struct ws_verdict *out)
{
	struct slice subprotocol;

	*out = (struct ws_verdict){.status = 400, .why = find_fault(o)};
	if (out->why)
		return;
	if (!slice_is(trim(o->version), WS_VERSION)) {
		out->status = 426;
		out->why = "WebSocket version " WS_VERSION " is needed";
		return;
	}
	if (!choose_subprotocol(o->protocols, p->subprotocol, &subprotocol)) {
		out->why = "Sec-WebSocket-Protocol must be a list of tokens";
		return;
	}
	out->status = 101;
	if (subprotocol.n > 0 && subprotocol.n <= WS_SUBPROTOCOL_MAX)
		memcpy(out->subprotocol, subprotocol.p, subprotocol.n);
	ws_accept(trim(o->key), out->accept);
	if (p->deflate && o->extensions.n <= WS_EXTENSIONS_MAX)
		(void)deflate_accept(o->extensions, &out->deflate,
				     out->extensions);
}

/* The client's side */

static bool right_subprotocol(struct slice answer, const char *wish)
{
	answer = trim(answer);
	return answer.n == 0 || (wish && slice_is(answer, wish));
}

const char *ws_answer_fault(const struct ws_answer *a, const struct ws_wish *w,
			    struct deflate_terms *terms)
{
	char expected[WS_ACCEPT_CHARS + 1];

	*terms = (struct deflate_terms){0};
	if (a->status != 101)
		return "the server does not switch protocols";
	if (!http1_has_token(a->upgrade, "websocket"))
		return "the answer's Upgrade header does not list websocket";
	if (!http1_has_token(a->connection, "upgrade"))
		return "the answer's Connection header does not list Upgrade";
	ws_accept(slice_str(w->key), expected);
	if (!slice_is(trim(a->accept), expected))
		return "Sec-WebSocket-Accept does not fit the key";
	if (!right_subprotocol(a->protocol, w->subprotocol))
		return "the server chose a subprotocol that nobody asked for";
	if (trim(a->extensions).n == 0)
		return NULL;
	if (!w->deflate ||
	    deflate_answer_read(w->deflate, a->extensions, terms) != ERR_OK)
		return "the server agreed to extensions that nobody offered";
	return NULL;
}
