/* SPDX-License-Identifier: MIT */
/*
 * The negotiation of permessage-deflate: Sec-WebSocket-Extensions as RFC 6455
 * section 9.1 writes it, and the four parameters of RFC 7692 section 7.1.
 */
#include <stdio.h>
#include <string.h>

#include "servers/base/check.h"
#include "servers/wire/deflate.h"

static const char extension[] = "permessage-deflate";

enum param {
	SERVER_NO_CONTEXT,
	CLIENT_NO_CONTEXT,
	SERVER_BITS,
	CLIENT_BITS,
	PARAMS,
};

static const char *const param_names[PARAMS] = {
	[SERVER_NO_CONTEXT] = "server_no_context_takeover",
	[CLIENT_NO_CONTEXT] = "client_no_context_takeover",
	[SERVER_BITS] = "server_max_window_bits",
	[CLIENT_BITS] = "client_max_window_bits",
};

/* One element of the header's list. */
struct element {
	bool ours;  /* it names permessage-deflate */
	bool legal; /* its parameters are */
	/* 0: not given; 8 to 15: a window; else given without a value. */
	uint8_t params[PARAMS];
};

/* A parameter's value; what is longer than any legal one is not kept. */
struct value {
	bool given;
	size_t n;
	char text[4];
};

/* --- The grammar ---------------------------------------------------------- */

/* RFC 9110 section 5.6.2. */
static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_space(struct slice *in)
{
	while (in->n > 0 && (*in->p == ' ' || *in->p == '\t'))
		*in = slice_after(*in, 1);
}

/* Takes `c` and the space around it, if it is what comes next. */
static bool take_char(struct slice *in, char c)
{
	skip_space(in);
	if (in->n == 0 || *in->p != c)
		return false;
	*in = slice_after(*in, 1);
	skip_space(in);
	return true;
}

static struct slice take_token(struct slice *in)
{
	struct slice token = {in->p, 0};

	while (token.n < in->n && is_token(in->p[token.n]))
		token.n++;
	*in = slice_after(*in, token.n);
	return token;
}

static void value_add(struct value *v, char c)
{
	if (v->n < sizeof(v->text))
		v->text[v->n] = c;
	v->n++;
}

/* Behind the opening quote. What is quoted MUST be a token all the same. */
static bool take_quoted(struct slice *in, struct value *v)
{
	while (in->n > 0 && *in->p != '"') {
		if (*in->p == '\\')
			*in = slice_after(*in, 1);
		if (in->n == 0 || !is_token(*in->p))
			return false;
		value_add(v, *in->p);
		*in = slice_after(*in, 1);
	}
	if (in->n == 0)
		return false;
	*in = slice_after(*in, 1);
	return v->n > 0;
}

static bool take_value(struct slice *in, struct value *v)
{
	struct slice token;

	*v = (struct value){0};
	if (!take_char(in, '='))
		return true;
	v->given = true;
	if (in->n > 0 && *in->p == '"') {
		*in = slice_after(*in, 1);
		return take_quoted(in, v);
	}
	token = take_token(in);
	for (size_t i = 0; i < token.n; i++)
		value_add(v, token.p[i]);
	return token.n > 0;
}

/* --- The parameters ------------------------------------------------------- */

/* 8 to 15 in decimal without leading zeros, or 0. */
static uint8_t window_of(const struct value *v)
{
	const char *t = v->text;

	if (v->n == 1 && (t[0] == '8' || t[0] == '9'))
		return (uint8_t)(t[0] - '0');
	if (v->n == 2 && t[0] == '1' && t[1] >= '0' && t[1] <= '5')
		return (uint8_t)(10 + t[1] - '0');
	return 0;
}

/* What to note for the parameter, or 0 when it is not legal. */
static uint8_t judge_value(enum param param, const struct value *v)
{
	const bool is_window = param == SERVER_BITS || param == CLIENT_BITS;

	if (v->given)
		return is_window ? window_of(v) : 0;
	return param == SERVER_BITS ? 0 : DEFLATE_BITS_ANY;
}

static void add_param(struct element *el, struct slice name,
		      const struct value *v)
{
	for (int i = 0; i < PARAMS; i++) {
		if (!slice_is(name, param_names[i]))
			continue;
		if (el->params[i] != 0)
			el->legal = false;
		el->params[i] = judge_value((enum param)i, v);
		if (el->params[i] == 0)
			el->legal = false;
		return;
	}
	el->legal = false;
}

/*
 * Takes the next element and the comma behind it. ERR_AGAIN when there is none
 * left, ERR_PROTO when the header does not follow the grammar. Empty elements
 * are skipped, as every list in HTTP may have some.
 */
static enum err take_element(struct slice *in, struct element *el)
{
	struct slice name;
	struct value v;

	*el = (struct element){.legal = true};
	skip_space(in);
	while (take_char(in, ','))
		continue;
	if (in->n == 0)
		return ERR_AGAIN;
	name = take_token(in);
	if (name.n == 0)
		return ERR_PROTO;
	el->ours = slice_is(name, extension);
	while (take_char(in, ';')) {
		name = take_token(in);
		if (name.n == 0 || !take_value(in, &v))
			return ERR_PROTO;
		add_param(el, name, &v);
	}
	return in->n == 0 || take_char(in, ',') ? ERR_OK : ERR_PROTO;
}

/* --- Texts ---------------------------------------------------------------- */

static void write_params(const uint8_t params[PARAMS],
			 char text[DEFLATE_TEXT_MAX])
{
	size_t n = sizeof(extension) - 1;

	memcpy(text, extension, sizeof(extension));
	for (int i = 0; i < PARAMS; i++) {
		if (params[i] == 0)
			continue;
		n += (size_t)snprintf(text + n, DEFLATE_TEXT_MAX - n, "; %s",
				      param_names[i]);
		if (params[i] != DEFLATE_BITS_ANY)
			n += (size_t)snprintf(text + n, DEFLATE_TEXT_MAX - n,
					      "=%u", (unsigned)params[i]);
		CHECK(n < DEFLATE_TEXT_MAX);
	}
}

/* --- The server ----------------------------------------------------------- */

static bool acceptable(const struct element *el)
{
	return el->ours && el->legal && el->params[SERVER_BITS] != 8 &&
	       el->params[CLIENT_BITS] != 8;
}

/*
 * Both no_context_takeover are answered whether offered or not (sections
 * 7.1.1.1 and 7.1.1.2 permit it), so that nothing is kept for a connection.
 * A hint of the client's window is answered by the same window; without one
 * there is nothing to answer, since the inflater reads every window.
 */
static void accept_element(const struct element *el,
			   struct deflate_terms *terms,
			   char answer[DEFLATE_TEXT_MAX])
{
	uint8_t params[PARAMS];

	memcpy(params, el->params, sizeof(params));
	params[SERVER_NO_CONTEXT] = DEFLATE_BITS_ANY;
	params[CLIENT_NO_CONTEXT] = DEFLATE_BITS_ANY;
	if (params[CLIENT_BITS] == DEFLATE_BITS_ANY)
		params[CLIENT_BITS] = 0;
	write_params(params, answer);
	*terms = (struct deflate_terms){
		.on = true,
		.window_bits = params[SERVER_BITS] != 0 ? params[SERVER_BITS]
							: DEFLATE_BITS_MAX,
	};
}

bool deflate_accept(struct slice header, struct deflate_terms *terms,
		    char answer[DEFLATE_TEXT_MAX])
{
	struct element el, chosen = {0};
	enum err e;

	*terms = (struct deflate_terms){0};
	answer[0] = '\0';
	for (;;) {
		e = take_element(&header, &el);
		if (e != ERR_OK)
			break;
		if (!chosen.ours && acceptable(&el))
			chosen = el;
	}
	if (e != ERR_AGAIN || !chosen.ours)
		return false;
	accept_element(&chosen, terms, answer);
	return true;
}

/* --- The client ----------------------------------------------------------- */

void deflate_offer_text(const struct deflate_offer *offer,
			char text[DEFLATE_TEXT_MAX])
{
	const uint8_t params[PARAMS] = {
		[SERVER_NO_CONTEXT] =
			offer->server_no_context ? DEFLATE_BITS_ANY : 0,
		[CLIENT_NO_CONTEXT] =
			offer->client_no_context ? DEFLATE_BITS_ANY : 0,
		[SERVER_BITS] = offer->server_bits,
		[CLIENT_BITS] = offer->client_bits,
	};

	CHECK(offer->server_bits != DEFLATE_BITS_ANY);
	write_params(params, text);
}

/* Sections 7.1.1 and 7.1.2, from the client's side. */
static bool answer_fits(const struct deflate_offer *offer,
			const struct element *el)
{
	const uint8_t server = el->params[SERVER_BITS];
	const uint8_t client = el->params[CLIENT_BITS];

	if (!el->ours || !el->legal)
		return false;
	if (offer->server_no_context && el->params[SERVER_NO_CONTEXT] == 0)
		return false;
	if (offer->server_bits != 0 &&
	    (server == 0 || server > offer->server_bits))
		return false;
	if (client == 0)
		return true;
	if (offer->client_bits == 0 || client == DEFLATE_BITS_ANY)
		return false;
	return offer->client_bits == DEFLATE_BITS_ANY ||
	       client <= offer->client_bits;
}

/* Never more than was hinted at; none where zlib has no window so small. */
static uint8_t client_window(const struct deflate_offer *offer,
			     const struct element *el)
{
	uint8_t bits = el->params[CLIENT_BITS];

	if (bits == 0 && offer->client_bits > DEFLATE_BITS_ANY)
		bits = offer->client_bits;
	if (bits == 0)
		return DEFLATE_BITS_MAX;
	return bits < DEFLATE_BITS_MIN ? 0 : bits;
}

enum err deflate_answer_read(const struct deflate_offer *offer,
			     struct slice header, struct deflate_terms *terms)
{
	struct element el, more;
	enum err e;

	*terms = (struct deflate_terms){0};
	e = take_element(&header, &el);
	if (e == ERR_AGAIN)
		return ERR_OK;
	if (e != ERR_OK || !answer_fits(offer, &el) ||
	    take_element(&header, &more) != ERR_AGAIN)
		return ERR_PROTO;
	*terms = (struct deflate_terms){
		.on = true,
		.keeps_context = el.params[SERVER_NO_CONTEXT] == 0,
		.window_bits = client_window(offer, &el),
	};
	return ERR_OK;
}
