/* SPDX-License-Identifier: MIT */
#include "bench/link/units.h"

#include <criterion/criterion.h>

#include "servers/base/check.h"

Test(units, durations)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{"0", 0},
		{"0ms", 0},
		{"250us", 250000},
		{"100ms", 100000000},
		{"1.5s", 1500000000},
		{"2m", 120000000000},
		{"24h", 86400000000000},
	};
	static const char *const bad[] = {
		"",	"1",	  "ms",	  "-1ms",
		"+1ms", "1 ms",	  "0x1s", "1e3s",
		"infs", "1.ms",	  ".5s",  "1mss",
		"25h",	"1.2.3s", " 1s",  "100000000000000000000000s"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t ns = 7;

		cr_assert_eq(units_duration(good[i].text, &ns), ERR_OK);
		cr_assert_eq(ns, good[i].ns, "%s", good[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t ns = 7;

		cr_assert_eq(units_duration(bad[i], &ns), ERR_USAGE, "%s",
			     bad[i]);
		cr_assert_eq(ns, 7);
	}
}

Test(units, rates_sizes_and_shares)
{
	uint64_t bits = 0;
	size_t bytes = 0;
	double share = 0;

	cr_assert_eq(units_rate("1mbit", &bits), ERR_OK);
	cr_assert_eq(bits, 1000000);
	cr_assert_eq(units_rate("1.5kbit", &bits), ERR_OK);
	cr_assert_eq(bits, 1500);
	cr_assert_eq(units_rate("999bit", &bits), ERR_USAGE);
	cr_assert_eq(units_rate("1MB", &bits), ERR_USAGE);
	cr_assert_eq(units_size("64k", &bytes), ERR_OK);
	cr_assert_eq(bytes, 65536);
	cr_assert_eq(units_size("1500", &bytes), ERR_OK);
	cr_assert_eq(bytes, 1500);
	cr_assert_eq(units_size("1025m", &bytes), ERR_USAGE);
	cr_assert_eq(units_share("0.5%", &share), ERR_OK);
	cr_assert_float_eq(share, 0.005, 1e-12);
	cr_assert_eq(units_share("101%", &share), ERR_USAGE);
	cr_assert_eq(units_share("0.5", &share), ERR_USAGE);
}

Test(units, endpoints)
{
	struct endpoint e;

	cr_assert_eq(units_endpoint(":8080", &e), ERR_OK);
	cr_assert_str_eq(e.host, "127.0.0.1");
	cr_assert_eq(e.port, 8080);
	cr_assert_eq(units_endpoint("example:0", &e), ERR_OK);
	cr_assert_str_eq(e.host, "example");
	cr_assert_eq(units_endpoint("[::1]:65535", &e), ERR_OK);
	cr_assert_str_eq(e.host, "::1");
	cr_assert_eq(e.port, 65535);
	cr_assert_eq(units_endpoint("::1:80", &e), ERR_USAGE);
	cr_assert_eq(units_endpoint("8080", &e), ERR_USAGE);
	cr_assert_eq(units_endpoint("h:", &e), ERR_USAGE);
	cr_assert_eq(units_endpoint("h:65536", &e), ERR_USAGE);
	cr_assert_eq(units_endpoint("h:-1", &e), ERR_USAGE);
}
