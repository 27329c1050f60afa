/* SPDX-License-Identifier: MIT */
#include "servers/app/args.h"

#include "servers/wire/json.h"

size_t args_split(struct slice args, struct slice *out, size_t max)
{
	size_t count = 0;

	while (args.n > 0) {
		size_t n;

		args = json_trim(args);
		n = json_value_length(args);
		if (n == 0)
			break;
		if (count < max)
			out[count] = slice_of(args.p, n);
		count++;
		args = json_trim(slice_after(args, n));
		if (args.n > 0 && args.p[0] == ',')
			args = slice_after(args, 1);
	}
	return count;
}

bool args_string(struct slice value, struct buf *scratch, struct slice *out)
{
	buf_init(scratch, BUF_UNLIMITED);
	return json_type(value) == JSON_STRING &&
	       json_string(value, scratch, out) == ERR_OK;
}

bool args_bool(struct slice object, const char *name, bool absent)
{
	struct slice value;

	if (!json_member(object, name, &value))
		return absent;
	return json_type(value) == JSON_TRUE;
}
