/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bench/cmd.h"
#include "bench/link/netns.h"
#include "bench/link/options.h"
#include "bench/link/plan.h"
#include "bench/link/relay.h"
#include "bench/link/units.h"
#include "servers/base/check.h"
#include "servers/base/opt.h"

static void help(void)
{
	puts("usage: pushmark link --listen :9000 --to :8080 [OPTION]...\n"
	     "       pushmark link --netns [OPTION]... -- COMMAND [ARG]...\n\n"
	     "A bad network on this machine. The first form relays TCP "
	     "connections and needs\nno privileges; the second carries IP "
	     "packets between this machine and a\ncommand, which finds it at "
	     "{host} or $PUSHMARK_LINK_HOST, and needs CAP_NET_ADMIN.\n");
	opt_help(link_options_table, &link_options_defaults, stdout);
	puts("\nTIME: 250us, 100ms, 1.5s, 2m. RATE: 64kbit, 1mbit, 1gbit. "
	     "SIZE: 1500, 64k, 1m.\n\nIt stops on SIGTERM and SIGINT. Exit "
	     "status: 0 all is well, 1 something failed,\n2 wrong usage, or "
	     "that of COMMAND.");
}

/* Stopping */

struct stop {
	struct loop_fd io;
	struct loop *loop;
	struct netns *netns; /* or NULL */
};

static void stop_event(struct loop_fd *f, uint32_t events)
{
	struct stop *s = container_of(f, struct stop, io);
	struct signalfd_siginfo info;

	(void)events;
	if (read(f->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (s->netns)
		netns_stop(s->netns); /* its end stops the loop */
	else
		loop_stop(s->loop);
}

static enum err stop_on_signals(struct stop *s)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return ERR_IO;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	return loop_add(s->loop, &s->io, fd, EPOLLIN, stop_event);
}

/* Two descriptors a connection. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Running */

static int failed(const char *message)
{
	(void)fprintf(stderr, "pushmark link: %s\n", message);
	return CMD_FAILED;
}

static int run_relay(struct loop *loop, const struct plan *p,
		     const struct link_options *o)
{
	struct endpoint listen, to;
	struct relay *relay;
	char message[256];
	enum err e;

	if (units_endpoint(o->listen, &listen) || units_endpoint(o->to, &to) ||
	    to.port == 0)
		return cmd_usage("link", "--listen and --to: expected "
					 "HOST:PORT, :PORT or [ADDRESS]:PORT");
	raise_limit();
	e = relay_new(loop, p, &listen, &to, &relay, message, sizeof(message));
	if (e == ERR_USAGE)
		return cmd_usage("link", "%s", message);
	if (e)
		return failed(message);
	printf(strchr(listen.host, ':') ? "listening on http://[%s]:%d\n"
					: "listening on http://%s:%d\n",
	       listen.host, relay_port(relay));
	(void)fflush(stdout);
	e = loop_run(loop);
	if (o->json)
		relay_json(relay, stdout);
	relay_free(relay);
	return e ? failed(err_text(e)) : CMD_OK;
}

static int run_netns(struct loop *loop, struct stop *stop, const struct plan *p,
		     const struct link_options *o,
		     const struct opt_list *operands)
{
	const char **argv = xcalloc(operands->count + 1, sizeof(char *));
	char message[256];
	int status;

	memcpy(argv, operands->items, operands->count * sizeof(char *));
	if (netns_new(loop, p, &stop->netns, message, sizeof(message))) {
		status = failed(message);
		(void)fputs("pushmark link: --netns needs CAP_NET_ADMIN, "
			    "CAP_SYS_ADMIN and /dev/net/tun; the relay "
			    "(--listen, --to) needs nothing\n",
			    stderr);
	} else if (netns_start(stop->netns, argv, message, sizeof(message)) ||
		   loop_run(loop)) {
		status = failed("the command could not be run");
	} else {
		status = netns_status(stop->netns);
		if (o->json)
			netns_json(stop->netns, stdout);
	}
	netns_free(stop->netns);
	free(argv);
	return status;
}

static int run(const struct link_options *o, const struct plan *p,
	       const struct opt_list *operands)
{
	struct stop stop = {.io = {.fd = -1}};
	int status;

	if (loop_new(&clock_monotonic, &stop.loop))
		return failed("no event loop");
	if (stop_on_signals(&stop))
		status = failed("signals cannot be waited for");
	else if (o->netns)
		status = run_netns(stop.loop, &stop, p, o, operands);
	else
		status = run_relay(stop.loop, p, o);
	if (stop.io.fd >= 0)
		(void)close(stop.io.fd);
	loop_free(stop.loop);
	return status;
}

int cmd_link(int argc, char **argv)
{
	struct link_options o = link_options_defaults;
	struct opt_list operands = {0};
	struct plan plan;
	char message[256];
	int status;

	if (opt_parse(link_options_table, &o, argc, argv, &operands, message,
		      sizeof(message)) != ERR_OK) {
		status = cmd_usage("link", "%s", message);
	} else if (o.help) {
		help();
		status = CMD_OK;
	} else if (link_options_plan(&o, operands.count, &plan, message,
				     sizeof(message)) != ERR_OK) {
		status = cmd_usage("link", "%s", message);
	} else {
		status = run(&o, &plan, &operands);
	}
	opt_list_release(&operands);
	return status;
}
