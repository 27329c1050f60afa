/* SPDX-License-Identifier: MIT */
#include "servers/lab.h"

#include "servers/lab_assets.h"

/* The page loads nothing from elsewhere, so that it works offline. */
#define POLICY                                                                 \
	"default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' "     \
	"data:"

static void on_asset(struct http_request *r, void *arg)
{
	const struct lab_asset *a = arg;
	struct http_response *p = http_response_new(
		200, a->type, slice_of(a->begin, (size_t)(a->end - a->begin)));

	/* A server that was built again has other files. */
	http_response_header(p, "Cache-Control", "no-cache");
	http_response_header(p, "Content-Security-Policy", POLICY);
	http_response_header(p, "X-Content-Type-Options", "nosniff");
	http_respond_with(r, p);
	http_response_unref(p);
}

/* What a request of this browser looks like, for the page to count. */
static void on_request_shown(struct http_request *r, void *arg)
{
	struct buf head;

	(void)arg;
	buf_init(&head, BUF_UNLIMITED);
	http_request_head(r, &head);
	http_respond(r, 200, "text/plain; charset=utf-8", buf_slice(&head));
	buf_release(&head);
}

void lab_routes(struct http *http)
{
	for (size_t i = 0; i < lab_asset_count; i++) {
		union {
			const struct lab_asset *asset;
			void *arg;
		} borrowed = {.asset = &lab_assets[i]};

		http_route(http,
			   &(struct http_route){.path = lab_assets[i].path,
						.methods = HTTP_GET,
						.handle = on_asset,
						.arg = borrowed.arg});
	}
	http_route(http, &(struct http_route){.path = "/lab/request",
					      .methods = HTTP_GET,
					      .handle = on_request_shown});
}
