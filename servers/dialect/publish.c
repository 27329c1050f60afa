/* SPDX-License-Identifier: MIT */
/*
 * POST /publish?nsp=…&room=…&event=…: the body is the data, as JSON when it is
 * JSON and as a string when it is any other text.
 */
#include <stdio.h>

#include "servers/base/check.h"
#include "servers/base/utf8.h"
#include "servers/core/hub.h"
#include "servers/dialect/dialect.h"
#include "servers/dialect/subscription.h"
#include "servers/wire/json.h"

#define JSON_TYPE "application/json"

static void publish(struct http_request *r, struct hub *hub,
		    const struct publication *p)
{
	char body[48];
	uint64_t seq = 0;
	int n;

	switch (hub_publish(hub, p, &seq)) {
	case ERR_OK:
		n = snprintf(body, sizeof(body), "{\"seq\":%llu}",
			     (unsigned long long)seq);
		http_respond(r, 200, JSON_TYPE, slice_of(body, (size_t)n));
		break;
	case ERR_LIMIT:
		http_respond_error(r, 503, "the limit of rooms is reached");
		break;
	default:
		http_respond_error(r, 400,
				   "room and event must be 1 to 255 bytes "
				   "without control characters, and the event "
				   "not a reserved name");
	}
}

static void handle_publish(struct http_request *r, void *arg)
{
	struct hub *hub = arg;
	struct publication p = {.nsp = dialect_nsp(r),
				.event = SLICE("message"),
				.data = http_request_body(r)};
	struct buf quoted;

	if (!subscription_admit(r, hub))
		return;
	if (!http_request_query(r, "room", &p.room)) {
		http_respond_error(r, 400, "the query needs room=NAME");
		return;
	}
	http_request_query(r, "event", &p.event);
	if (json_validate(p.data)) {
		p.data = json_trim(p.data);
		publish(r, hub, &p);
		return;
	}
	if (!utf8_valid(p.data.p, p.data.n)) {
		http_respond_error(r, 400, "the body must be UTF-8");
		return;
	}
	buf_init(&quoted, BUF_UNLIMITED);
	CHECK(json_add_string(&quoted, p.data) == ERR_OK);
	p.data = buf_slice(&quoted);
	publish(r, hub, &p);
	buf_release(&quoted);
}

void dialect_publish_route(struct http *http, struct hub *hub,
			   uint64_t max_body)
{
	http_route(http, &(struct http_route){.path = "/publish",
					      .methods = HTTP_POST,
					      .max_body = max_body,
					      .handle = handle_publish,
					      .arg = hub});
}
