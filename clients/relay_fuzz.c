/* SPDX-License-Identifier: MIT */
#include "clients/relay.h"

#include "clients/env.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"
#include "servers/wire/json.h"

#define MESSAGES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char mixed[] = "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n"
			    "42[\"e\",1,{\"room\":\"r\",\"seq\":1}]"
			    "\x1e"
			    "42[1]";
static const char plain[] = "HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n"
			    "42[\"e\",1,{\"room\":\"r\",\"seq\":12}]";

static void check_inside(struct slice part, struct slice whole)
{
	CHECK(part.n == 0 ||
	      (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void check_message(const struct client_message *m, struct slice chunk)
{
	check_inside(m->room, chunk);
	check_inside(m->event, chunk);
	check_inside(m->from, chunk);
	check_inside(m->data, chunk);
	check_inside(m->object, chunk);
	check_inside(m->offset, chunk);
	CHECK(json_validate(m->data));
	CHECK(json_type(m->object) == JSON_ARRAY);
}

static void check_frames(struct client_env *env, struct slice chunk)
{
	struct client_message out[MESSAGES];
	size_t count = relay_decode_frames(env, chunk, out, MESSAGES);

	CHECK(count <= MESSAGES);
	for (size_t i = 0; i < count; i++)
		check_message(&out[i], chunk);
}

/* What is decoded lies in the chunk, and leaves nothing for the next one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice chunk = slice_of(data, size);
	struct client_message out[MESSAGES];
	struct client_env *env;
	struct loop *loop;
	size_t count;

	CHECK(loop_new(&clock_monotonic, &loop) == ERR_OK);
	env = client_env_new(loop);
	count = relay_decode_answer(env, chunk, out, MESSAGES);
	CHECK(count <= MESSAGES);
	for (size_t i = 0; i < count; i++)
		check_message(&out[i], chunk);
	check_frames(env, chunk);
	CHECK(relay_decode_answer(env, SLICE(mixed), out, MESSAGES) == 0);
	CHECK(relay_decode_answer(env, SLICE(plain), out, MESSAGES) == 1);
	CHECK(out[0].seq == 12);
	client_env_free(env);
	loop_free(loop);
	return 0;
}
