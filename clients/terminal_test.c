/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients/fake_world.h"
#include "clients/terminal.h"
#include "servers/wire/websocket.h"

#define WELCOME                                                                \
	"{\"type\":\"welcome\",\"payload\":{\"total\":1,\"sid\":\"s\","        \
	"\"id\":\"i\",\"epoch\":\"e\",\"position\":0}}"
#define MESSAGE(seq)                                                            \
	"{\"type\":\"message\",\"room\":\"r\",\"event\":\"e\",\"data\":[1,\n2]" \
	",\"seq\":" #seq "}"

/* terminal_listen() and _publish() run a loop: theirs is in a thread. */
struct run {
	pthread_t thread;
	struct terminal terminal;
	struct terminal_publish publish;
	bool publishes;
	uint64_t count;
	int status;
	char *out, *err;
	size_t out_size, err_size;
};

static struct fake_world world;
static struct fake_link peer;
static struct run run;

static void set_up(void)
{
	fake_world_init(&world);
	run = (struct run){0};
	cr_assert_eq(loop_new(&clock_monotonic, &run.terminal.loop), ERR_OK);
	run.terminal.ops = &client_ws;
	run.terminal.options.host = "127.0.0.1";
	run.terminal.options.port = world.port;
	run.terminal.out = open_memstream(&run.out, &run.out_size);
	run.terminal.err = open_memstream(&run.err, &run.err_size);
	run.publish = (struct terminal_publish){.room = SLICE("r"),
						.event = SLICE("e"),
						.input = -1,
						.timeout_ms = 30000};
}

static void tear_down(void)
{
	(void)fclose(run.terminal.out);
	(void)fclose(run.terminal.err);
	free(run.out);
	free(run.err);
	loop_free(run.terminal.loop);
	fake_world_release(&world);
}

TestSuite(client_terminal, .init = set_up, .fini = tear_down);

static void *run_main(void *arg)
{
	(void)arg;
	if (run.publishes)
		run.status = terminal_publish(&run.terminal, &run.publish);
	else
		run.status = terminal_listen(&run.terminal, run.count);
	return NULL;
}

static void start(bool publishes)
{
	char accept[WS_ACCEPT_CHARS + 1];
	char head[256];
	const char *key;

	run.publishes = publishes;
	cr_assert_eq(pthread_create(&run.thread, NULL, run_main, NULL), 0);
	fake_link_accept(&peer, &world);
	key = strstr(fake_link_request(&peer), "Sec-WebSocket-Key: ");
	ws_accept(slice_of(key + 19, WS_KEY_CHARS), accept);
	(void)snprintf(head, sizeof(head),
		       "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n"
		       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
		       "\r\n",
		       accept);
	fake_link_say(&peer, head);
	fake_link_frame(&peer, WS_TEXT, WELCOME);
}

static void finish(int status, const char *out, const char *err)
{
	cr_assert_eq(pthread_join(run.thread, NULL), 0);
	(void)fflush(run.terminal.out);
	(void)fflush(run.terminal.err);
	cr_assert_str_eq(run.out, out);
	cr_assert_str_eq(run.err, err);
	cr_assert_eq(run.status, status);
	fake_link_close(&peer);
}

/* Takes one publish command and checks its data and id. */
static void expect_publish(const char *data, int id)
{
	unsigned char mask[4];
	char expected[256];
	int opcode;

	(void)snprintf(expected, sizeof(expected),
		       "{\"type\":\"publish\",\"room\":\"r\",\"event\":\"e\","
		       "\"data\":%s,\"id\":%d}",
		       data, id);
	cr_assert_str_eq(fake_link_take_frame(&peer, &opcode, mask), expected);
}

static void acknowledge(int id)
{
	char text[64];

	(void)snprintf(text, sizeof(text),
		       "{\"type\":\"ack\",\"id\":%d,\"data\":{\"seq\":%d}}", id,
		       id);
	fake_link_frame(&peer, WS_TEXT, text);
}

Test(client_terminal, listen_prints_a_line_each_until_the_count)
{
	run.count = 2;
	start(false);
	fake_link_frame(&peer, WS_TEXT, MESSAGE(1));
	fake_link_frame(&peer, WS_TEXT,
			"{\"type\":\"gap\",\"room\":\"r\",\"from\":1,"
			"\"to\":2}");
	fake_link_frame(&peer, WS_TEXT, MESSAGE(2));
	finish(0,
	       WELCOME "\n{\"type\":\"message\",\"room\":\"r\",\"event\":\"e\","
		       "\"data\":[1, 2],\"seq\":1}\n"
		       "{\"type\":\"gap\",\"room\":\"r\",\"from\":1,\"to\":2}\n"
		       "{\"type\":\"message\",\"room\":\"r\",\"event\":\"e\","
		       "\"data\":[1, 2],\"seq\":2}\n",
	       "");
}

Test(client_terminal, listen_fails_when_the_server_closes)
{
	start(false);
	fake_link_frame(&peer, WS_CLOSE, "\x03\xe9");
	finish(1, WELCOME "\n",
	       "pushmark-client: closed by the server: 1001  (closed by the "
	       "peer)\n");
}

Test(client_terminal, publish_prints_the_ack)
{
	run.publish.data = SLICE("{\"a\":1.0}");
	start(true);
	expect_publish("{\"a\":1.0}", 1);
	acknowledge(1);
	finish(0, "{\"seq\":1}\n", "");
}

Test(client_terminal, publish_tells_a_refusal)
{
	run.publish.data = SLICE("1");
	start(true);
	expect_publish("1", 1);
	fake_link_frame(&peer, WS_TEXT,
			"{\"type\":\"error\",\"id\":1,\"payload\":\"no\"}");
	finish(1, "", "pushmark-client: the server refused value 1: \"no\"\n");
}

/* A pipe that stays open is waited for, line by line. */
Test(client_terminal, publish_reads_a_pipe)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	run.publish.input = ends[0];
	start(true);
	cr_assert_eq(write(ends[1], "1\n\n  \n[2,", 9), 9);
	expect_publish("1", 1);
	acknowledge(1);
	cr_assert_eq(write(ends[1], "3]\n\"last\"", 9), 9);
	expect_publish("[2,3]", 2);
	(void)close(ends[1]);
	expect_publish("\"last\"", 3);
	acknowledge(2);
	acknowledge(3);
	finish(0, "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n", "");
	(void)close(ends[0]);
}

/* A file cannot be waited for; more lines than the window are in it. */
Test(client_terminal, publish_reads_a_file)
{
	struct buf expected;
	FILE *f = tmpfile();

	cr_assert_not_null(f);
	buf_init(&expected, BUF_UNLIMITED);
	for (int i = 1; i <= 600; i++) {
		(void)fprintf(f, "%d\n", i * 10);
		cr_assert_eq(buf_printf(&expected, "{\"seq\":%d}\n", i),
			     ERR_OK);
	}
	rewind(f);
	run.publish.input = fileno(f);
	start(true);
	for (int i = 1; i <= 600; i++) {
		char data[16];

		(void)snprintf(data, sizeof(data), "%d", i * 10);
		expect_publish(data, i);
		if (i == 256)
			cr_assert_eq(peer.in.len, 0, "no more than a window");
		acknowledge(i);
	}
	cr_assert_eq(buf_add_char(&expected, '\0'), ERR_OK);
	finish(0, expected.data, "");
	buf_release(&expected);
	(void)fclose(f);
}

/* What was published before is waited for. */
Test(client_terminal, publish_tells_the_line_that_is_wrong)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	run.publish.input = ends[0];
	cr_assert_eq(write(ends[1], "1\n[2,]\n3\n", 9), 9);
	start(true);
	expect_publish("1", 1);
	acknowledge(1);
	cr_assert_eq(pthread_join(run.thread, NULL), 0);
	(void)fflush(run.terminal.out);
	(void)fflush(run.terminal.err);
	cr_assert_str_eq(run.out, "{\"seq\":1}\n");
	cr_assert_eq(strncmp(run.err,
			     "pushmark-client: standard input, line 2, byte 4: "
			     "not JSON: expected ",
			     68),
		     0, "%s", run.err);
	cr_assert_eq(run.status, 1);
	fake_link_close(&peer);
	(void)close(ends[0]);
	(void)close(ends[1]);
}
