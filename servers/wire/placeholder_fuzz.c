/* SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "servers/base/check.h"
#include "servers/wire/json.h"
#include "servers/wire/placeholder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says how many attachments there are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct slice empty[SOCKETIO_MAX_ATTACHMENTS];
	struct placeholders found;
	struct slice json;
	struct buf b;
	unsigned count;

	if (size == 0)
		return 0;
	count = data[0] % (SOCKETIO_MAX_ATTACHMENTS + 1);
	json = slice_of(data + 1, size - 1);
	if (!json_validate(json) ||
	    placeholders_find(json, count, &found) != ERR_OK)
		return 0;
	CHECK(found.count <= count);
	for (unsigned i = 0; i < found.count; i++) {
		const struct placeholder *p = &found.at[i];

		CHECK(p->num < count && p->start < p->end && p->end <= json.n);
		CHECK(json.p[p->start] == '{' && json.p[p->end - 1] == '}');
		CHECK(i == 0 || p->start >= found.at[i - 1].end);
	}
	buf_init(&b, BUF_UNLIMITED);
	CHECK(placeholders_inline(&b, json, empty, count) == ERR_OK);
	CHECK(json_validate(buf_slice(&b)));
	CHECK(placeholders_find(buf_slice(&b), 0, &found) == ERR_OK);
	buf_release(&b);
	return 0;
}
