/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "servers/base/check.h"
#include "servers/wire/http1.h"

static const struct {
	const char *url, *scheme, *host, *path, *query;
	int port;
	bool tls, ipv6;
} good[] = {
	{"ws://h", "ws", "h", "/", "", 80, false, false},
	{"WSS://Ex-ample.org:8443/a/b?c=d&e", "wss", "Ex-ample.org", "/a/b",
	 "c=d&e", 8443, true, false},
	{"http://127.0.0.1:1", "http", "127.0.0.1", "/", "", 1, false, false},
	{"https://h/", "https", "h", "/", "", 443, true, false},
	{"https://h:/x", "https", "h", "/x", "", 443, true, false},
	{"http://h?q", "http", "h", "/", "q", 80, false, false},
	{"http://h/?", "http", "h", "/", "", 80, false, false},
	{"http://h/p?a?b/#f?g", "http", "h", "/p", "a?b/", 80, false, false},
	{"http://h#f", "http", "h", "/", "", 80, false, false},
	{"http://h/#f?x", "http", "h", "/", "", 80, false, false},
	{"ws://[::1]:9/x", "ws", "::1", "/x", "", 9, false, true},
	{"ws://[fe80::1.2.3.4]", "ws", "fe80::1.2.3.4", "/", "", 80, false,
	 true},
	{"http://h:65535/@", "http", "h", "/@", "", 65535, false, false},
};

Test(http1_url, parse_good)
{
	struct http1_url u;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const char *url = good[i].url;

		cr_assert_eq(http1_url_parse(slice_str(url), &u), ERR_OK, "%s",
			     url);
		cr_assert(slice_is(u.scheme, good[i].scheme), "%s", url);
		cr_assert(slice_is(u.host, good[i].host), "%s", url);
		cr_assert(slice_is(u.path, good[i].path), "%s", url);
		cr_assert(slice_is(u.query, good[i].query), "%s", url);
		cr_assert_eq(u.port, good[i].port, "%s", url);
		cr_assert_eq(u.tls, good[i].tls, "%s", url);
		cr_assert_eq(u.ipv6, good[i].ipv6, "%s", url);
	}
}

Test(http1_url, parse_wrong)
{
	static const char *const wrong[] = {
		"",
		"h",
		"ws:",
		"ws:/h",
		"ws//h",
		"ws://",
		"ws:///x",
		"ws://:80",
		"ws://?q",
		"ftp://h",
		"wsss://h",
		"://h",
		" ws://h",
		"ws://h ",
		"ws://h/a b",
		"ws://h/\r\nX: y",
		"ws://h/\x7f",
		"ws://h/\xc3\xa9",
		"ws://u@h",
		"ws://u:p@h",
		"ws://h:0",
		"ws://h:65536",
		"ws://h:99999999999999999999",
		"ws://h:-1",
		"ws://h:8x",
		"ws://h:80:80",
		"ws://::1",
		"ws://[]",
		"ws://[::1",
		"ws://[::1]x",
		"ws://[::1%25lo]",
		"ws://[h-]",
		"ws://h]",
		"ws://h%2e",
	};
	struct http1_url u;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert_eq(http1_url_parse(slice_str(wrong[i]), &u),
			     ERR_USAGE, "%s", wrong[i]);
	cr_assert_eq(http1_url_parse(SLICE("ws://h/\0"), &u), ERR_USAGE);
}

Test(http1_url, query_encoding)
{
	struct buf b;

	buf_init(&b, 64);
	cr_assert_eq(http1_add_query(&b, SLICE("aZ09-._~ /?&=+%\0\xc3\xa9")),
		     ERR_OK);
	cr_assert(slice_is(buf_slice(&b),
			   "aZ09-._~%20%2F%3F%26%3D%2B%25%00%C3%A9"));
	buf_release(&b);
	buf_init(&b, 4);
	cr_assert_eq(buf_add_char(&b, 'x'), ERR_OK);
	cr_assert_eq(http1_add_query(&b, SLICE("a&")), ERR_LIMIT);
	cr_assert(slice_is(buf_slice(&b), "x"));
	buf_release(&b);
}
