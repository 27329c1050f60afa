/* SPDX-License-Identifier: MIT */
#include "servers/http/status.h"

#include <cjson/cJSON.h>

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/http/status_lists.h"

#define JSON_TYPE "application/json"

/* Nobody may show an old state as the present one. */
static void answer(struct http_request *r, unsigned status, struct slice body)
{
	struct http_response *p = http_response_new(status, JSON_TYPE, body);

	http_response_header(p, "Cache-Control", "no-store");
	http_respond_with(r, p);
	http_response_unref(p);
}

static void on_health(struct http_request *r, void *arg)
{
	(void)arg;
	answer(r, 200, SLICE("{\"status\":\"ok\"}"));
}

static void on_ready(struct http_request *r, void *arg)
{
	const struct status *s = arg;

	if (s->draining)
		answer(r, 503, SLICE("{\"status\":\"draining\"}"));
	else
		answer(r, 200, SLICE("{\"status\":\"ready\"}"));
}

/* Counters stay far below 2^53, up to which a double is exact. */
static void add(cJSON *to, const char *name, uint64_t value)
{
	CHECK(cJSON_AddNumberToObject(to, name, (double)value) != NULL);
}

static void add_backend(cJSON *to, const struct backend *b)
{
	cJSON *one = cJSON_AddObjectToObject(to, b->ops->name);

	CHECK(one != NULL);
	add(one, "sessions", b->stats.sessions);
	add(one, "connections", b->stats.connections);
	add(one, "received", b->stats.received);
	add(one, "delivered", b->stats.delivered);
	add(one, "dropped", b->stats.dropped);
	add(one, "bytes_out", b->stats.bytes_out);
}

static cJSON *stats_object(const struct status *s)
{
	uint64_t now = loop_now_ms(s->hub->loop);
	uint64_t delivered = 0, dropped = 0;
	cJSON *all = cJSON_CreateObject();

	CHECK(all != NULL);
	for (size_t i = 0; i < s->backend_count; i++) {
		delivered += s->backends[i]->stats.delivered;
		dropped += s->backends[i]->stats.dropped;
	}
	CHECK(cJSON_AddStringToObject(all, "epoch", s->hub->epoch) != NULL);
	add(all, "uptime", (now - s->started_ms) / 1000);
	add(all, "sessions", s->hub->session_count);
	add(all, "connections", http_connections(s->http));
	add(all, "rooms", s->hub->room_count);
	add(all, "published", s->hub->published);
	add(all, "delivered", delivered);
	add(all, "dropped", dropped);
	return all;
}

static void on_stats(struct http_request *r, void *arg)
{
	const struct status *s = arg;
	cJSON *all = stats_object(s);
	cJSON *backends = cJSON_AddObjectToObject(all, "backends");
	char *text;

	CHECK(backends != NULL);
	for (size_t i = 0; i < s->backend_count; i++)
		add_backend(backends, s->backends[i]);
	status_add_lists(all, s);
	text = cJSON_PrintUnformatted(all);
	CHECK(text != NULL);
	answer(r, 200, slice_str(text));
	cJSON_free(text);
	cJSON_Delete(all);
}

void status_routes(struct status *s)
{
	static const struct {
		const char *path;
		http_handler *handle;
	} routes[] = {
		{"/healthz", on_health},
		{"/readyz", on_ready},
		{"/stats", on_stats},
	};

	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		http_route(s->http,
			   &(struct http_route){.path = routes[i].path,
						.methods = HTTP_GET,
						.while_draining = true,
						.handle = routes[i].handle,
						.arg = s});
}
