/* SPDX-License-Identifier: MIT */
/* The client's side of an event stream, which is one way: a POST for each. */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/sse/connection.h"

#define JSON_TYPE "application/json"

/* A command whose answer takes time: its request is held until then. */
struct sse_late {
	struct http_request *request; /* NULL: the client did not wait */
};

static void on_late_gone(struct http_request *r, void *arg)
{
	struct sse_late *late = arg;

	(void)r;
	late->request = NULL;
}

static void respond_late(void *arg, enum err status, struct slice answer)
{
	struct sse_late *late = arg;

	if (late->request && status == ERR_CLOSED)
		http_respond_error(late->request, 404, "the stream has ended");
	else if (late->request)
		http_respond(late->request, status == ERR_OK ? 200 : 400,
			     JSON_TYPE, answer);
	free(late);
}

/* POST /sse/<sid>: one object of the raw dialect, its answer in the body. */
void sse_command(struct http_request *r, void *arg)
{
	struct sse_backend *b = arg;
	struct slice sid =
		slice_after(http_request_path(r), sizeof(SSE_SID_PREFIX) - 1);
	struct sse_connection *c = map_get(&b->by_sid, sid);
	struct sse_late *late;
	struct buf answer;
	enum dialect_result result;
	unsigned status = 200;

	if (!c) {
		http_respond_error(r, 404, "unknown sid");
		return;
	}
	b->base.stats.received++;
	buf_init(&answer, BUF_UNLIMITED);
	late = xcalloc(1, sizeof(*late));
	result = dialect_handle(&c->dialect, http_request_body(r),
				&(struct dialect_late){respond_late, late},
				&answer);
	if (result == DIALECT_LATER) {
		late->request = r;
		http_request_hold(r, on_late_gone, late);
		return;
	}
	free(late);
	if (result == DIALECT_FAILED)
		status = 400;
	else if (answer.len == 0)
		status = 204;
	http_respond(r, status, status == 204 ? NULL : JSON_TYPE,
		     buf_slice(&answer));
	buf_release(&answer);
}
