/* SPDX-License-Identifier: MIT */
#include "servers/http/status_lists.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/core/hub.h"
#include "servers/wire/envelope.h"

#define LIST_MAX 100
/* So many are looked at for the largest: the answer must not hold the loop. */
#define LOOK_MAX 10000

/* The largest ones of those that were offered, in no order until sorted. */
struct largest {
	struct entry {
		uint64_t size;
		const void *what;
	} at[LIST_MAX];
	size_t count, smallest;
	size_t left_out;
};

static void largest_offer(struct largest *l, const void *what, uint64_t size)
{
	struct entry entry = {size, what};

	if (l->count < LIST_MAX) {
		l->at[l->count++] = entry;
	} else {
		l->left_out++;
		if (size <= l->at[l->smallest].size)
			return;
		l->at[l->smallest] = entry;
	}
	l->smallest = 0;
	for (size_t i = 1; l->count == LIST_MAX && i < LIST_MAX; i++)
		if (l->at[i].size < l->at[l->smallest].size)
			l->smallest = i;
}

static int by_size(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	return (a->size < b->size) - (a->size > b->size);
}

static void largest_sort(struct largest *l)
{
	if (l->count)
		qsort(l->at, l->count, sizeof(l->at[0]), by_size);
}

static void add(cJSON *to, const char *name, uint64_t value)
{
	CHECK(cJSON_AddNumberToObject(to, name, (double)value) != NULL);
}

/* Names are no C strings: they have a length. */
static void add_name(cJSON *to, const char *name, struct slice value)
{
	char text[ENVELOPE_NAME_MAX + 1];

	CHECK(value.n < sizeof(text));
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	CHECK(cJSON_AddStringToObject(to, name, text) != NULL);
}

static cJSON *add_row(cJSON *list)
{
	cJSON *row = cJSON_CreateObject();

	CHECK(row != NULL && cJSON_AddItemToArray(list, row));
	return row;
}

static cJSON *add_list(cJSON *to, const char *name)
{
	cJSON *list = cJSON_AddArrayToObject(to, name);

	CHECK(list != NULL);
	return list;
}

/* What apps and recovery have for themselves has a name that none can write. */
static bool room_listed(const struct room *r)
{
	return envelope_name_valid(r->name);
}

static void add_namespaces(cJSON *to, const struct largest *l)
{
	cJSON *list = add_list(to, "namespaces");

	for (size_t i = 0; i < l->count; i++) {
		const struct nsp *n = l->at[i].what;
		cJSON *row = add_row(list);

		add_name(row, "name", n->name);
		add(row, "sessions", n->session_count);
		add(row, "rooms", n->rooms.count);
	}
}

static void add_rooms(cJSON *to, const struct largest *l)
{
	cJSON *list = add_list(to, "room_list");

	for (size_t i = 0; i < l->count; i++) {
		const struct room *r = l->at[i].what;
		cJSON *row = add_row(list);

		add_name(row, "nsp", r->nsp->name);
		add_name(row, "name", r->name);
		add(row, "members", r->count);
		add(row, "seq", r->seq);
	}
}

/* Engine.IO's connections are told apart by what they speak now. */
static void add_transports(cJSON *to, const struct status *s)
{
	cJSON *all = cJSON_AddObjectToObject(to, "transports");

	CHECK(all != NULL);
	for (size_t i = 0; i < s->backend_count; i++) {
		const struct backend *b = s->backends[i];
		uint64_t upgraded = b->stats.websockets;

		if (strcmp(b->ops->name, "longpoll") != 0) {
			add(all, b->ops->name, b->stats.connections);
			continue;
		}
		add(all, "polling", b->stats.connections - upgraded);
		add(all, "websocket", upgraded);
	}
}

void status_add_lists(cJSON *to, const struct status *s)
{
	struct largest namespaces = {0}, rooms = {0};
	size_t at = 0, looked = 0;
	bool all = true;
	struct nsp *n;

	while ((n = map_next(&s->hub->nsps, &at))) {
		size_t in_nsp = 0;
		struct room *r;

		if (looked++ >= LOOK_MAX) {
			all = false;
			break;
		}
		largest_offer(&namespaces, n, n->session_count);
		while ((r = map_next(&n->rooms, &in_nsp))) {
			if (looked++ >= LOOK_MAX) {
				all = false;
				break;
			}
			if (room_listed(r))
				largest_offer(&rooms, r, r->count);
		}
	}
	largest_sort(&namespaces);
	largest_sort(&rooms);
	add_namespaces(to, &namespaces);
	add_rooms(to, &rooms);
	add_transports(to, s);
	CHECK(cJSON_AddBoolToObject(to, "truncated",
				    !all || namespaces.left_out ||
					    rooms.left_out) != NULL);
}
