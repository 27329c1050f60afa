/* SPDX-License-Identifier: MIT */
#include "bench/link/options.h"

#include <criterion/criterion.h>

#include "servers/base/check.h"

Test(link_options, a_scenario_gives_what_the_command_takes)
{
	static const struct {
		const char *args[5];
		bool packets;
		const char *message;
	} rows[] = {
		{{"--rtt", "20ms"}, false, ""},
		{{"--rtt=20ms", "--jitter=1ms"}, false, ""},
		{{"--requests", "6"}, false, ""},
		{{"--netns", "--loss", "1%"}, false, ""},
		{{"--loss", "1%"}, true, ""},
		{{NULL}, true, ""},
		{{"--bogus", "5ms"}, false, "unknown option --bogus"},
		{{"--rtt"}, false, "--rtt: needs a value"},
		{{"--rtt", "5"},
		 false,
		 "--rtt: expected a time as in 100ms, got \"5\""},
		{{"--queue", "1"},
		 false,
		 "--queue: expected a size from 2048 to 1073741824 bytes as in "
		 "64k, got \"1\""},
		{{"--rate", "fast"},
		 false,
		 "--rate: expected a rate as in 1mbit, got \"fast\""},
		{{"--netns", "--loss", "2"},
		 false,
		 "--loss: expected a share as in 1%, got \"2\""},
		{{"--loss", "1%"},
		 false,
		 "--loss, --reorder and --mtu need --netns: a relay has no "
		 "packets"},
		{{"--half-open"},
		 true,
		 "--netns carries packets: it takes no option of the relay"},
		{{"--jitter", "1ms"},
		 false,
		 "--jitter is above --rtt: bytes would come before they are "
		 "sent"},
		{{"--cut-every", "0"},
		 false,
		 "--cut-every and --idle-timeout need a time above 0"},
		{{"--listen", ":1"},
		 false,
		 "--listen, --to and --help are not for a scenario"},
		{{"--help"},
		 false,
		 "--listen, --to and --help are not for a scenario"},
		{{"--netns", "--", "sh"},
		 false,
		 "what the link runs is not to be said"},
		{{"20ms"}, false, "unexpected operand '20ms'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char message[256] = "";
		enum err e = link_options_check((char *const *)rows[i].args,
						rows[i].packets, message,
						sizeof(message));

		cr_expect_eq(e, rows[i].message[0] ? ERR_USAGE : ERR_OK);
		cr_expect_str_eq(message, rows[i].message, "row %zu", i);
	}
}

Test(link_options, a_plan_has_what_is_given_and_a_seed)
{
	struct link_options o = link_options_defaults;
	char message[256];
	struct plan p;

	o.listen = o.to = ":1";
	o.rtt = "20ms";
	cr_assert_eq(link_options_plan(&o, 0, &p, message, sizeof(message)),
		     ERR_OK);
	cr_assert_eq(p.rtt_ns, 20000000);
	cr_assert_eq(p.queue, 65536);
	cr_assert_eq(p.black_hole_ns, PLAN_NEVER);
	cr_assert_neq(p.seed, 0);
	cr_assert_eq(link_options_plan(&o, 1, &p, message, sizeof(message)),
		     ERR_USAGE);
	cr_assert_str_eq(message, "a COMMAND needs --netns");
}
