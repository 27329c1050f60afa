/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

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
	cr_assert(client_hear(&c, "}}}"));
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
