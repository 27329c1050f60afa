/* SPDX-License-Identifier: MIT */
#include "servers/core/backend.h"

const struct backend_options backend_defaults = {
	.ping_interval_ms = 25000,
	.ping_timeout_ms = 20000,
	.max_payload = 1000000,
	.max_chunked = 16 * 1024 * 1024,
	.upgrade_timeout_ms = 10000,
	.connect_timeout_ms = 45000,
	.close_timeout_ms = 5000,
	.retry_ms = 2000,
	.ws_path = "/ws",
	.transport_polling = true,
	.transport_websocket = true,
};
