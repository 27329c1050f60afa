/* SPDX-License-Identifier: MIT */
/*
 * GET /healthz, /readyz and /stats: what the server is doing, as JSON.
 */
#ifndef SERVERS_HTTP_STATUS_H
#define SERVERS_HTTP_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "servers/core/backend.h"
#include "servers/http/http.h"

struct status {
	struct hub *hub;
	struct http *http;
	struct backend *const *backends;
	size_t backend_count;
	uint64_t started_ms;
	bool draining; /* /readyz answers 503 */
};

void status_routes(struct status *s); /* s outlives the front */

#endif
