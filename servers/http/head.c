/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/http/internal.h"

static enum MHD_Result add_line(void *arg, enum MHD_ValueKind kind,
				const char *key, size_t key_size,
				const char *value, size_t value_size)
{
	struct buf *out = arg;

	(void)kind;
	(void)key_size;
	(void)value_size;
	CHECK(buf_printf(out, "%s: %s\r\n", key, value ? value : "") == ERR_OK);
	return MHD_YES;
}

void http_request_head(const struct http_request *r, struct buf *out)
{
	CHECK(buf_printf(out, "GET %s HTTP/1.%u\r\n", r->path, r->minor) ==
	      ERR_OK);
	request_each(r, MHD_HEADER_KIND, add_line, out);
	CHECK(buf_add_str(out, "\r\n") == ERR_OK);
}
