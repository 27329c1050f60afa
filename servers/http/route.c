/* SPDX-License-Identifier: MIT */
/*
 * Which handler a request goes to: the exact path wins, then the longest
 * prefix. Several routes may share a path and split its methods.
 */
#include <stdio.h>
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"

static const struct {
	const char *name;
	unsigned bit;
} known[] = {
	{"GET", HTTP_GET}, {"HEAD", HTTP_HEAD},	    {"POST", HTTP_POST},
	{"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS},
};

void http_route(struct http *h, const struct http_route *r)
{
	struct http_route *copy = xmalloc(sizeof(*copy));

	*copy = *r;
	copy->path = xstrdup(r->path);
	h->routes = xrealloc(h->routes, (h->route_count + 1) *
						sizeof(struct http_route *));
	h->routes[h->route_count++] = copy;
}

unsigned route_method(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(name, known[i].name) == 0)
			return known[i].bit;
	return HTTP_OTHER;
}

void route_methods_text(unsigned methods, char *into, size_t size)
{
	size_t n = 0;

	into[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!(methods & known[i].bit))
			continue;
		n += (size_t)snprintf(into + n, size - n, "%s%s", n ? ", " : "",
				      known[i].name);
		CHECK(n < size);
	}
}

/* How well a route fits the path: 0 not at all, SIZE_MAX exactly. */
static size_t route_fit(const struct http_route *r, struct slice path)
{
	size_t n = 0;

	/* Most differ within a few bytes. */
	while (n < path.n && r->path[n] == path.p[n])
		n++;
	if (r->path[n] != '\0')
		return 0;
	if (n == path.n)
		return SIZE_MAX;
	return r->prefix ? n : 0;
}

/* A route that has GET answers HEAD as well. */
static unsigned route_answers(const struct http_route *r)
{
	return r->methods & HTTP_GET ? r->methods | HTTP_HEAD : r->methods;
}

const struct http_route *route_find(const struct http *h, struct slice path,
				    unsigned method, unsigned *allow)
{
	const struct http_route *found = NULL;
	size_t best = 0;

	*allow = 0;
	for (size_t i = 0; i < h->route_count; i++) {
		size_t fit = route_fit(h->routes[i], path);

		if (fit == 0 || fit < best)
			continue;
		if (fit > best) {
			best = fit;
			found = NULL;
			*allow = 0;
		}
		*allow |= route_answers(h->routes[i]);
		if (!found && (route_answers(h->routes[i]) & method))
			found = h->routes[i];
	}
	return found;
}
