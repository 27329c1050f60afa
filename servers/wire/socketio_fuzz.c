/* SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "servers/base/check.h"
#include "servers/wire/json.h"
#include "servers/wire/socketio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct slice part, struct slice whole)
{
	return part.n == 0 ||
	       (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct socketio_packet p, back;
	struct buf b;

	if (socketio_decode(text, &p) != ERR_OK)
		return 0;
	CHECK(p.attachments <= SOCKETIO_MAX_ATTACHMENTS);
	CHECK(p.nsp.n > 0 && p.nsp.p[0] == '/');
	CHECK(lies_in(p.data, text));
	CHECK(p.data.n == 0 || json_validate(p.data));
	buf_init(&b, size + 32);
	CHECK(socketio_encode(&b, &p) == ERR_OK);
	CHECK(socketio_decode(buf_slice(&b), &back) == ERR_OK);
	CHECK(back.type == p.type && back.attachments == p.attachments);
	CHECK(back.has_id == p.has_id && back.id == p.id);
	CHECK(slice_eq(back.nsp, p.nsp) && slice_eq(back.data, p.data));
	buf_release(&b);
	return 0;
}
