/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <sys/socket.h>

#include "clients/fake_world.h"

Test(client_ops, are_found_by_name)
{
	cr_assert_eq(client_ops_find("ws"), &client_ws);
	cr_assert_eq(client_ops_find("sse"), &client_sse);
	cr_assert_eq(client_ops_find("longpoll"), &client_longpoll);
	cr_assert_null(client_ops_find("http"));
}

Test(client_life, a_port_where_nobody_listens_is_told)
{
	static const struct client_ops *const all[] = {&client_ws, &client_sse,
						       &client_longpoll};
	struct fake_world w;

	for (size_t i = 0; i < 3; i++) {
		struct client *c;

		fake_world_init(&w);
		(void)shutdown(w.listen_fd, SHUT_RDWR);
		c = fake_world_client(&w, all[i], NULL);
		fake_world_expect(&w, "closed refused: cannot "
				      "connect\n");
		cr_assert(c->closed);
		client_free(c);
		fake_world_release(&w);
	}
}

Test(client_life, commands_before_it_is_open_are_ignored)
{
	struct fake_world w;
	struct client *c;

	fake_world_init(&w);
	c = fake_world_client(&w, &client_ws, NULL);
	client_join(c, SLICE("r"), 1);
	cr_assert_not(list_linked(&c->dirty));
	client_free(c);
	client_free(NULL);
	client_env_free(NULL);
	fake_world_release(&w);
}

Test(client_life, an_unknown_host_fails_at_once)
{
	struct client_options o = {.host = "no.such.host.invalid", .port = 1};
	struct fake_world w;
	struct client *c = NULL;

	fake_world_init(&w);
	cr_assert_eq(client_new(w.env, &client_ws, &o, NULL, NULL, &c),
		     ERR_NOTFOUND);
	cr_assert_null(c);
	fake_world_release(&w);
}

Test(client_message, keeps_an_object_and_builds_one_from_an_array)
{
	struct client_message m = {
		.room = SLICE("a\"b"),
		.event = SLICE("e"),
		.from = SLICE("f"),
		.data = SLICE("1.0"),
		.object = SLICE("[\"e\",1.0]"),
		.seq = 7,
	};
	struct buf b;

	buf_init(&b, BUF_UNLIMITED);
	cr_assert_eq(client_message_object(&b, &m), ERR_OK);
	cr_assert(slice_is(buf_slice(&b),
			   "{\"type\":\"message\",\"room\":\"a\\\"b\","
			   "\"event\":\"e\",\"data\":1.0,\"from\":\"f\","
			   "\"seq\":7}"),
		  "%.*s", SLICE_ARG(buf_slice(&b)));
	m.object = SLICE("{\"type\":\"message\"}");
	buf_clear(&b);
	cr_assert_eq(client_message_object(&b, &m), ERR_OK);
	cr_assert(slice_eq(buf_slice(&b), m.object));
	buf_release(&b);
}
