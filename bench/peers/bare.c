/* SPDX-License-Identifier: MIT */
/*
 * pushmark-bare: the floor that every target is compared with. See
 * bench/load/bare_server.h.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bench/load/bare_server.h"
#include "servers/base/opt.h"

#define MS 1000000

struct options {
	const char *host;
	int64_t port;
	int64_t delay_ms, stall_every_ms, stall_ms;
	bool help;
};

static const struct opt table[] = {
	OPT_STRING("host", "ADDRESS", "numeric IPv4 address to listen on",
		   struct options, host),
	OPT_INT("port", "N", "port to listen on; 0 picks one", 0, 65535,
		struct options, port),
	OPT_INT("delay-ms", "N", "hold each message back for N ms", 0, 60000,
		struct options, delay_ms),
	OPT_INT("stall-every-ms", "N", "stand still every N ms; 0: never", 0,
		3600000, struct options, stall_every_ms),
	OPT_INT("stall-ms", "N", "stand still for N ms", 0, 60000,
		struct options, stall_ms),
	OPT_FLAG("help", "print this and exit", struct options, help),
	OPT_END,
};

/* Readable once SIGTERM or SIGINT came; -1 when that cannot be had. */
static int stop_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static enum err disturb_and_run(struct bare_server *s, const struct options *o,
				int stop_fd)
{
	struct bare_disturbance d = {
		.delay_ns = (uint64_t)o->delay_ms * MS,
		.stall_every_ns = (uint64_t)o->stall_every_ms * MS,
		.stall_ns = (uint64_t)o->stall_ms * MS,
	};
	enum err e = bare_server_disturb(s, &d);

	return e ? e : bare_server_run(s, stop_fd);
}

static int serve(const struct options *o)
{
	struct bare_server *s = NULL;
	int stop_fd = stop_signals();
	enum err e = ERR_IO;

	if (stop_fd >= 0)
		e = bare_server_new(o->host, (int)o->port, &s);
	if (!e) {
		printf("listening on http://%s:%d\n", o->host,
		       bare_server_port(s));
		(void)fflush(stdout);
		e = disturb_and_run(s, o, stop_fd);
	}
	if (e)
		(void)fprintf(stderr, "pushmark-bare: %s:%d: %s\n", o->host,
			      (int)o->port, err_text(e));
	bare_server_free(s);
	if (stop_fd >= 0)
		(void)close(stop_fd);
	return e ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options o = {.host = "127.0.0.1", .port = 8090, .stall_ms = 100};
	const struct options defaults = o;
	char message[256];
	enum err e = opt_parse_alone(table, &o, argc, argv, message,
				     sizeof(message));

	if (e) {
		(void)fprintf(stderr, "pushmark-bare: %s\n", message);
		return 2;
	}
	if (o.help) {
		puts("usage: pushmark-bare [OPTION]...\n\n"
		     "Sends each published message to every subscriber by one "
		     "send().\n");
		opt_help(table, &defaults, stdout);
		return 0;
	}
	return serve(&o);
}
