/* SPDX-License-Identifier: MIT */
#include "bench/load/worker_serve.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "bench/load/board.h"
#include "bench/load/company.h"
#include "bench/load/descriptors.h"
#include "bench/load/drive.h"
#include "bench/load/group.h"
#include "bench/load/lines.h"
#include "bench/load/load.h"
#include "servers/base/check.h"

struct serving {
	struct group_env env;
	struct group *groups[LOAD_GROUPS];
	struct loop_fd control;
	struct lines lines;
	struct cJSON *next; /* a command that waits for its turn, or NULL */
	bool over;
};

/* Commands */

static cJSON *reply(const char *name, cJSON *value)
{
	cJSON *json = cJSON_CreateObject();

	CHECK(cJSON_AddItemToObject(json, name, value));
	return json;
}

static void disconnect(struct serving *s, int group)
{
	group_free(s->groups[group]);
	s->groups[group] = NULL;
}

static bool known_group(int group)
{
	return group >= 0 && group < LOAD_GROUPS;
}

static enum err on_connect(struct serving *s, const cJSON *json)
{
	struct load_target target;
	struct load_connected told;
	enum err e = load_target_from_json(
		&target, cJSON_GetObjectItemCaseSensitive(json, "target"));

	if (e || !known_group(target.group))
		return ERR_PROTO;
	disconnect(s, target.group);
	load_connected_init(&told);
	s->groups[target.group] = group_connect(&s->env, &target, &told);
	e = lines_send(&s->lines,
		       reply("connected", load_connected_to_json(&told)));
	load_connected_release(&told);
	return e;
}

static void run_plan(struct group *g, const struct load_plan *plan,
		     struct load_result *result)
{
	struct company *company;

	if (!g) {
		(void)snprintf(result->error, sizeof(result->error),
			       "the group is not connected");
		return;
	}
	if (company_join(g, plan, &company, result->error) != ERR_OK)
		return;
	drive_run(g, plan, result);
	if (company)
		company_tell(company, result);
	company_leave(company);
}

static enum err on_run(struct serving *s, const cJSON *json)
{
	struct load_plan plan;
	struct load_result result;
	enum err e = load_plan_from_json(
		&plan, cJSON_GetObjectItemCaseSensitive(json, "plan"));

	if (e || !known_group(plan.group))
		return ERR_PROTO;
	load_result_init(&result);
	result.group = plan.group;
	result.kind = plan.kind;
	run_plan(s->groups[plan.group], &plan, &result);
	/* The others wait for what will not come. */
	if (s->env.board && result.error[0])
		board_abandon(s->env.board);
	e = lines_send(&s->lines,
		       reply("result", load_result_to_json(&result)));
	load_result_release(&result);
	return e;
}

static enum err on_disconnect(struct serving *s, const cJSON *json)
{
	const cJSON *group = cJSON_GetObjectItemCaseSensitive(json, "group");

	if (!cJSON_IsNumber(group) || !known_group(group->valueint))
		return ERR_PROTO;
	disconnect(s, group->valueint);
	return lines_send(
		&s->lines,
		reply("disconnected", cJSON_CreateNumber(group->valueint)));
}

static const char *name_of(const cJSON *json)
{
	const char *name = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(json, "command"));

	return name ? name : "";
}

static enum err execute(struct serving *s, const cJSON *json)
{
	const char *name = name_of(json);

	if (strcmp(name, "connect") == 0)
		return on_connect(s, json);
	if (strcmp(name, "run") == 0)
		return on_run(s, json);
	if (strcmp(name, "disconnect") == 0)
		return on_disconnect(s, json);
	return ERR_PROTO;
}

/* The control channel, also heard while a command is under way. */

static void finish(struct serving *s)
{
	s->over = true;
	s->env.cut = true;
	if (s->env.board)
		board_abandon(s->env.board);
	loop_remove(s->env.loop, &s->control);
}

static void take_commands(struct serving *s)
{
	cJSON *json;

	while (!s->over && lines_next(&s->lines, &json) == ERR_OK) {
		if (strcmp(name_of(json), "cut") == 0) {
			s->env.cut = true;
			cJSON_Delete(json);
		} else if (strcmp(name_of(json), "exit") == 0 || s->next) {
			/* Two at a time are not in the protocol. */
			cJSON_Delete(json);
			finish(s);
		} else {
			s->next = json;
		}
	}
}

static void on_control(struct loop_fd *f, uint32_t events)
{
	struct serving *s = container_of(f, struct serving, control);
	enum err e = lines_read(&s->lines);

	(void)events;
	take_commands(s);
	if (e && !s->over)
		finish(s);
}

static enum err serve(struct serving *s)
{
	enum err e = ERR_OK;

	while (!s->over && !e) {
		cJSON *json = s->next;

		if (!json) {
			e = loop_tick(s->env.loop, -1);
			continue;
		}
		s->next = NULL;
		s->env.cut = false;
		e = execute(s, json);
		cJSON_Delete(json);
	}
	return e;
}

/* Life cycle */

enum err worker_serve(int fd, struct board *board, uint32_t seat)
{
	struct serving s = {
		.control.fd = -1,
		.env = {.board = board, .seat = seat},
	};
	enum err e = loop_new(&clock_monotonic, &s.env.loop);

	if (e)
		return e;
	(void)descriptors_raise(0);
	s.env.clients = client_env_new(s.env.loop);
	lines_init(&s.lines, fd, WORKER_LINE_MAX);
	e = loop_add(s.env.loop, &s.control, fd, EPOLLIN, on_control);
	if (!e)
		e = serve(&s);
	for (int i = 0; i < LOAD_GROUPS; i++)
		disconnect(&s, i);
	loop_remove(s.env.loop, &s.control);
	cJSON_Delete(s.next);
	lines_release(&s.lines);
	client_env_free(s.env.clients);
	loop_free(s.env.loop);
	return e;
}
