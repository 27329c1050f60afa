/* SPDX-License-Identifier: MIT */
/* The URLs' part of http1.h. */
#include <strings.h>

#include "servers/base/check.h"
#include "servers/wire/http1.h"

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

enum err http1_add_query(struct buf *b, struct slice text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t start = b->len;
	enum err e = ERR_OK;

	for (size_t i = 0; i < text.n && !e; i++) {
		unsigned char c = (unsigned char)text.p[i];
		char quoted[3] = {'%', hex[c >> 4], hex[c & 15]};

		if (is_alnum(text.p[i]) || (c && strchr("-._~", c)))
			e = buf_add_char(b, text.p[i]);
		else
			e = buf_add(b, quoted, sizeof(quoted));
	}
	if (e)
		b->len = start;
	return e;
}

static bool take_scheme(struct slice *rest, struct http1_url *out)
{
	static const struct {
		const char *name;
		int port;
		bool tls;
	} schemes[] = {
		{"ws", 80, false},
		{"wss", 443, true},
		{"http", 80, false},
		{"https", 443, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t n = strlen(schemes[i].name);

		if (rest->n < n + 3 || memcmp(rest->p + n, "://", 3) != 0 ||
		    strncasecmp(rest->p, schemes[i].name, n) != 0)
			continue;
		out->scheme = slice_str(schemes[i].name);
		out->port = schemes[i].port;
		out->tls = schemes[i].tls;
		*rest = slice_after(*rest, n + 3);
		return true;
	}
	return false;
}

/* `host`, `host:port` or `[address]:port`; leaves `:port`. */
static bool take_host(struct slice *authority, struct http1_url *out)
{
	const char *allowed = "-._";
	size_t n = 0;

	out->ipv6 = authority->n && authority->p[0] == '[';
	if (out->ipv6) {
		allowed = ":.";
		*authority = slice_after(*authority, 1);
	}
	while (n < authority->n &&
	       (is_alnum(authority->p[n]) || strchr(allowed, authority->p[n])))
		n++;
	out->host = slice_of(authority->p, n);
	*authority = slice_after(*authority, n);
	if (!out->ipv6)
		return n > 0;
	if (authority->n == 0 || authority->p[0] != ']')
		return false;
	*authority = slice_after(*authority, 1);
	return n > 0;
}

/* Nothing, `:` or `:port`. */
static bool parse_port(struct slice text, int *port)
{
	int value = 0;

	if (text.n == 0)
		return true;
	if (text.p[0] != ':')
		return false;
	if (text.n == 1)
		return true;
	for (size_t i = 1; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		value = value * 10 + (text.p[i] - '0');
		if (value > 65535)
			return false;
	}
	*port = value;
	return value > 0;
}

/* Takes everything up to the first of the characters in `stops`. */
static struct slice take_until(struct slice *rest, const char *stops)
{
	struct slice taken = *rest;
	size_t n = 0;

	while (n < rest->n && !strchr(stops, rest->p[n]))
		n++;
	taken.n = n;
	*rest = slice_after(*rest, n);
	return taken;
}

enum err http1_url_parse(struct slice url, struct http1_url *out)
{
	struct slice authority;

	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~')
			return ERR_USAGE;
	if (!take_scheme(&url, out))
		return ERR_USAGE;
	authority = take_until(&url, "/?#");
	if (!take_host(&authority, out) || !parse_port(authority, &out->port))
		return ERR_USAGE;
	out->path = take_until(&url, "?#");
	if (out->path.n == 0)
		out->path = SLICE("/");
	if (url.n && url.p[0] == '?')
		url = slice_after(url, 1);
	out->query = take_until(&url, "#");
	return ERR_OK;
}
