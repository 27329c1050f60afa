/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/wire/placeholder.h"

static const struct slice bytes[] = {{"\x01\x02", 2}, {NULL, 0}, {"\xff", 1}};

static void expect(const char *json, const char *inlined)
{
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(placeholders_inline(&b, slice_str(json), bytes, 3), ERR_OK,
		     "%s", json);
	cr_assert_eq(buf_add_char(&b, '\0'), ERR_OK);
	cr_assert_str_eq(b.data, inlined, "%s", json);
	buf_release(&b);
}

static void refuse(const char *json)
{
	struct placeholders found;

	cr_assert_eq(placeholders_find(slice_str(json), 3, &found), ERR_PROTO,
		     "%s", json);
}

Test(placeholder, stand_for_bytes_anywhere)
{
	expect("{\"_placeholder\":true,\"num\":0}", "{\"base64\":\"AQI=\"}");
	expect("[1,{\"a\":{\"num\":1,\"_placeholder\":true}},\"x\"]",
	       "[1,{\"a\":{\"base64\":\"\"}},\"x\"]");
	expect("{\"_placeholder\" : true , \"num\" : 2 }, "
	       "{\"_placeholder\":true,\"num\":0}",
	       "{\"base64\":\"/w==\"}, {\"base64\":\"AQI=\"}");
	expect("{\"\\u005fplaceholder\":true,\"num\":0,\"x\":[{}]}",
	       "{\"base64\":\"AQI=\"}");
}

Test(placeholder, what_only_looks_like_one)
{
	static const char *const texts[] = {
		"",
		"1",
		"\"{\\\"_placeholder\\\":true,\\\"num\\\":0}\"",
		"{\"_placeholder\":false,\"num\":0}",
		"{\"_placeholder\":\"true\",\"num\":0}",
		"{\"_placeholder\":true,\"_placeholder\":null,\"num\":9}",
		"{\"num\":0}",
		"[\"_placeholder\",true,\"num\",0]",
		"{\"_placeholder\":[true],\"num\":0}",
		"{\"_placeholder\":{\"x\":true},\"num\":0}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect(texts[i], texts[i]);
}

Test(placeholder, of_no_attachment)
{
	refuse("{\"_placeholder\":true}");
	refuse("{\"_placeholder\":true,\"num\":3}");
	refuse("{\"_placeholder\":true,\"num\":-1}");
	refuse("{\"_placeholder\":true,\"num\":0.5}");
	refuse("{\"_placeholder\":true,\"num\":\"0\"}");
	refuse("{\"_placeholder\":true,\"num\":0,\"num\":null}");
	refuse("{\"_placeholder\":true,\"num\":[0]}");
}

/* What could be made to grow, or has no one reading. */
Test(placeholder, twice_or_nested)
{
	refuse("[{\"_placeholder\":true,\"num\":0},"
	       "{\"_placeholder\":true,\"num\":0}]");
	refuse("{\"x\":{\"_placeholder\":true,\"num\":0},"
	       "\"_placeholder\":true,\"num\":1}");
}
