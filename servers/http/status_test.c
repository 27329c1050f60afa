/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "servers/core/fake_backend.h"
#include "servers/core/hub.h"
#include "servers/http/status.h"
#include "servers/http/test_rig.h"

static struct rig rig;
static struct hub *hub;
static struct client c;
static struct backend one, *backends[] = {&one};
static struct status status;

static void setup(void)
{
	rig_init(&rig, NULL);
	hub = hub_new(rig.loop, &hub_defaults, &fake_app);
	one = (struct backend){.ops = &fake_backend,
			       .stats = {.sessions = 2,
					 .connections = 3,
					 .received = 4,
					 .delivered = 5,
					 .dropped = 6,
					 .bytes_out = 7}};
	status = (struct status){.hub = hub,
				 .http = rig.http,
				 .backends = backends,
				 .backend_count = 1,
				 .started_ms = loop_now_ms(rig.loop) - 2500};
	status_routes(&status);
	rig_start(&rig);
	client_open(&c, &rig);
}

static void teardown(void)
{
	client_close(&c);
	http_free(rig.http);
	hub_free(hub);
	loop_free(rig.loop);
}

TestSuite(status, .init = setup, .fini = teardown, .timeout = 20);

Test(status, health)
{
	client_say(&c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert(client_hear(&c, "\r\n\r\n{\"status\":\"ok\"}"));
	cr_assert(strstr(client_text(&c), "HTTP/1.1 200 "));
}

Test(status, readiness)
{
	client_say(&c, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert(client_hear(&c, "HTTP/1.1 200 "));
	status.draining = true;
	client_say(&c, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert(client_hear(&c, "HTTP/1.1 503 "));
}

static double number(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	cr_assert(cJSON_IsNumber(item), "%s", name);
	return item->valuedouble;
}

Test(status, stats)
{
	const cJSON *of_one, *epoch;
	cJSON *all;

	client_say(&c, "GET /stats HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert(client_hear(&c, "\"truncated\":false}"));
	all = cJSON_Parse(strstr(client_text(&c), "\r\n\r\n"));
	cr_assert_not_null(all);
	epoch = cJSON_GetObjectItemCaseSensitive(all, "epoch");
	cr_assert(cJSON_IsString(epoch));
	cr_assert_str_eq(epoch->valuestring, hub->epoch);
	cr_assert_eq(number(all, "uptime"), 2);
	cr_assert_eq(number(all, "sessions"), 0);
	cr_assert_eq(number(all, "connections"), 1);
	cr_assert_eq(number(all, "rooms"), 0);
	cr_assert_eq(number(all, "published"), 0);
	cr_assert_eq(number(all, "delivered"), 5);
	cr_assert_eq(number(all, "dropped"), 6);
	of_one = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(all, "backends"), "fake");
	cr_assert_not_null(of_one);
	cr_assert_eq(number(of_one, "sessions"), 2);
	cr_assert_eq(number(of_one, "connections"), 3);
	cr_assert_eq(number(of_one, "received"), 4);
	cr_assert_eq(number(of_one, "delivered"), 5);
	cr_assert_eq(number(of_one, "dropped"), 6);
	cr_assert_eq(number(of_one, "bytes_out"), 7);
	cJSON_Delete(all);
}

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	cr_assert_not_null(item, "%s", name);
	return item;
}

static cJSON *ask_stats(const char *end)
{
	cJSON *all;

	client_say(&c, "GET /stats HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert(client_hear(&c, end));
	all = cJSON_Parse(strstr(client_text(&c), "\r\n\r\n"));
	cr_assert_not_null(all);
	return all;
}

Test(status, lists)
{
	struct fake peer;
	struct session *s;
	const cJSON *row;
	cJSON *all;

	fake_init(&peer, hub, FORMAT_WS);
	s = fake_connect(&peer, "/chat");
	hub_join_lobby(s);
	cr_assert_eq(hub_join(s, SLICE("one")), ERR_OK);
	one.ops = &(struct backend_ops){.name = "longpoll"};
	one.stats.websockets = 1;
	all = ask_stats("\"truncated\":false}");
	row = cJSON_GetArrayItem(member(all, "namespaces"), 0);
	cr_assert_str_eq(member(row, "name")->valuestring, "/chat");
	cr_assert_eq(number(row, "sessions"), 1);
	cr_assert_eq(number(row, "rooms"), 2);
	cr_assert_eq(cJSON_GetArraySize(member(all, "room_list")), 1);
	row = cJSON_GetArrayItem(member(all, "room_list"), 0);
	cr_assert_str_eq(member(row, "nsp")->valuestring, "/chat");
	cr_assert_str_eq(member(row, "name")->valuestring, "one");
	cr_assert_eq(number(row, "members"), 1);
	cr_assert_eq(number(row, "seq"), 0);
	cr_assert_eq(number(member(all, "transports"), "polling"), 2);
	cr_assert_eq(number(member(all, "transports"), "websocket"), 1);
	cJSON_Delete(all);
	hub_disconnect(s, "end");
	fake_release(&peer);
}

Test(status, lists_are_cut_and_say_so)
{
	struct fake peers[2];
	struct session *s[2];
	const cJSON *rooms;
	cJSON *all;

	for (int i = 0; i < 2; i++) {
		fake_init(&peers[i], hub, FORMAT_WS);
		s[i] = fake_connect(&peers[i], "/");
	}
	for (int i = 0; i < 150; i++) {
		char name[16];
		int n = snprintf(name, sizeof(name), "room-%d", i);

		cr_assert_eq(hub_join(s[0], slice_of(name, (size_t)n)), ERR_OK);
	}
	cr_assert_eq(hub_join(s[1], SLICE("room-77")), ERR_OK);
	all = ask_stats("\"truncated\":true}");
	rooms = member(all, "room_list");
	cr_assert_eq(cJSON_GetArraySize(rooms), 100);
	cr_assert_str_eq(
		member(cJSON_GetArrayItem(rooms, 0), "name")->valuestring,
		"room-77");
	cr_assert_eq(number(all, "rooms"), 150);
	cJSON_Delete(all);
	for (int i = 0; i < 2; i++) {
		hub_disconnect(s[i], "end");
		fake_release(&peers[i]);
	}
}
