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
#include "bench/link/plan.h"
#include "bench/link/relay.h"
#include "bench/link/units.h"
#include "servers/base/check.h"
#include "servers/base/opt.h"
#include "servers/base/random.h"

#define SEED_MAX (((int64_t)1 << 53) - 1) /* survives as a JSON number */
#define WINDOW_MIN 16384
#define WINDOW_MAX 16777216
#define HOLD_MAX 16777216
#define QUEUE_MIN 2048
#define REQUESTS_MAX 1000000

struct options {
	const char *listen, *to, *rtt, *jitter, *rate, *queue, *window;
	const char *cut_after, *cut_every, *black_hole, *idle, *hold;
	const char *loss, *reorder;
	int64_t mtu, seed, requests;
	bool half_open, no_upgrade, netns, json, help;
};

static const struct opt table[] = {
	OPT_STRING("listen", "ADDRESS", "relay connections made to [HOST]:PORT",
		   struct options, listen),
	OPT_STRING("to", "ADDRESS", "... to the server at [HOST]:PORT",
		   struct options, to),
	OPT_FLAG("netns",
		 "run COMMAND in a network namespace behind a link of packets",
		 struct options, netns),
	OPT_STRING("rtt", "TIME", "delay of a round trip, half of it each way",
		   struct options, rtt),
	OPT_STRING("jitter", "TIME", "a round trip differs by up to this",
		   struct options, jitter),
	OPT_STRING("rate", "RATE", "limit of all traffic each way, as in 1mbit",
		   struct options, rate),
	OPT_STRING("queue", "SIZE", "bytes that may wait for the rate each way",
		   struct options, queue),
	OPT_STRING("black-hole", "TIME",
		   "pass nothing after this time, and tell nobody",
		   struct options, black_hole),
	OPT_INT("seed", "N", "seed of all that is random; 0: a new one", 0,
		SEED_MAX, struct options, seed),
	OPT_FLAG("json", "print statistics at the end", struct options, json),
	OPT_STRING("window", "SIZE",
		   "relay: bytes of a connection under way each way",
		   struct options, window),
	OPT_STRING("cut-after", "TIME", "relay: reset each connection so old",
		   struct options, cut_after),
	OPT_STRING("cut-every", "TIME", "relay: reset all connections so often",
		   struct options, cut_every),
	OPT_FLAG("half-open",
		 "relay: tell no end that the other has closed; cuts hit the "
		 "client only",
		 struct options, half_open),
	OPT_STRING("idle-timeout", "TIME",
		   "relay: close connections idle for so long", struct options,
		   idle),
	OPT_STRING("buffer", "SIZE",
		   "relay: hold HTTP answers until so many bytes or their end",
		   struct options, hold),
	OPT_FLAG("no-upgrade",
		 "relay: leave Upgrade out of HTTP requests, as old proxies do",
		 struct options, no_upgrade),
	OPT_INT("requests", "N",
		"relay: HTTP requests under way at once, as a browser has six; "
		"0: any number",
		0, REQUESTS_MAX, struct options, requests),
	OPT_STRING("loss", "SHARE", "netns: packets lost each way, as in 1%",
		   struct options, loss),
	OPT_STRING("reorder", "SHARE",
		   "netns: packets that fall behind each way", struct options,
		   reorder),
	OPT_INT("mtu", "N", "netns: largest packet", 576, 65535, struct options,
		mtu),
	OPT_FLAG("help", "print this and exit", struct options, help),
	OPT_END,
};

static const struct options defaults = {
	.rtt = "0",
	.jitter = "0",
	.queue = "64k",
	.mtu = 1500,
};

static void help(void)
{
	puts("usage: pushmark link --listen :9000 --to :8080 [OPTION]...\n"
	     "       pushmark link --netns [OPTION]... -- COMMAND [ARG]...\n\n"
	     "A bad network on this machine. The first form relays TCP "
	     "connections and needs\nno privileges; the second carries IP "
	     "packets between this machine and a\ncommand, which finds it at "
	     "{host} or $PUSHMARK_LINK_HOST, and needs CAP_NET_ADMIN.\n");
	opt_help(table, &defaults, stdout);
	puts("\nTIME: 250us, 100ms, 1.5s, 2m. RATE: 64kbit, 1mbit, 1gbit. "
	     "SIZE: 1500, 64k, 1m.\n\nIt stops on SIGTERM and SIGINT. Exit "
	     "status: 0 all is well, 1 something failed,\n2 wrong usage, or "
	     "that of COMMAND.");
}

/* The plan */

/* A text that is not given leaves what is there. */
static bool duration(const char *name, const char *text, uint64_t *out)
{
	if (!text || units_duration(text, out) == ERR_OK)
		return true;
	(void)cmd_usage("link", "--%s: expected a time as in 100ms, got \"%s\"",
			name, text);
	return false;
}

static bool size(const char *name, const char *text, size_t min, size_t max,
		 size_t *out)
{
	if (!text ||
	    (units_size(text, out) == ERR_OK && *out >= min && *out <= max))
		return true;
	(void)cmd_usage("link",
			"--%s: expected a size from %zu to %zu bytes as in "
			"64k, got \"%s\"",
			name, min, max, text);
	return false;
}

static bool share(const char *name, const char *text, double *out)
{
	if (!text || units_share(text, out) == ERR_OK)
		return true;
	(void)cmd_usage("link", "--%s: expected a share as in 1%%, got \"%s\"",
			name, text);
	return false;
}

static bool rate(const char *text, uint64_t *out)
{
	if (!text || units_rate(text, out) == ERR_OK)
		return true;
	(void)cmd_usage("link",
			"--rate: expected a rate as in 1mbit, got \"%s\"",
			text);
	return false;
}

static bool make_plan(const struct options *o, struct plan *p)
{
	*p = (struct plan){
		.black_hole_ns = PLAN_NEVER,
		.window = (size_t)256 * 1024,
		.cut_after_ns = PLAN_NEVER,
		.cut_every_ns = PLAN_NEVER,
		.idle_ns = PLAN_NEVER,
		.half_open = o->half_open,
		.no_upgrade = o->no_upgrade,
		.mtu = (int)o->mtu,
		.seed = (uint64_t)o->seed,
		.requests = (size_t)o->requests,
	};
	if (p->seed == 0) {
		random_bytes(&p->seed, sizeof(p->seed));
		p->seed = p->seed % SEED_MAX + 1;
	}
	return duration("rtt", o->rtt, &p->rtt_ns) &&
	       duration("jitter", o->jitter, &p->jitter_ns) &&
	       rate(o->rate, &p->rate_bits) &&
	       size("queue", o->queue, QUEUE_MIN, (size_t)1 << 30, &p->queue) &&
	       size("window", o->window, WINDOW_MIN, WINDOW_MAX, &p->window) &&
	       duration("cut-after", o->cut_after, &p->cut_after_ns) &&
	       duration("cut-every", o->cut_every, &p->cut_every_ns) &&
	       duration("black-hole", o->black_hole, &p->black_hole_ns) &&
	       duration("idle-timeout", o->idle, &p->idle_ns) &&
	       size("buffer", o->hold, 1, HOLD_MAX, &p->hold) &&
	       share("loss", o->loss, &p->loss) &&
	       share("reorder", o->reorder, &p->reorder);
}

/* What contradicts itself; NULL when nothing does. */
static const char *contradiction(const struct options *o, const struct plan *p,
				 size_t operands)
{
	if (p->jitter_ns > p->rtt_ns)
		return "--jitter is above --rtt: bytes would come before they "
		       "are sent";
	if (p->cut_every_ns == 0 || p->idle_ns == 0)
		return "--cut-every and --idle-timeout need a time above 0";
	if (o->netns) {
		if (o->listen || o->to || o->window || o->cut_after ||
		    o->cut_every || o->half_open || o->idle || o->hold ||
		    o->no_upgrade || o->requests)
			return "--netns carries packets: it takes no option of "
			       "the relay";
		if (operands == 0)
			return "--netns needs a COMMAND behind --";
		return NULL;
	}
	if (operands > 0)
		return "a COMMAND needs --netns";
	if (o->loss || o->reorder || o->mtu != defaults.mtu)
		return "--loss, --reorder and --mtu need --netns: a relay has "
		       "no packets";
	if (!o->listen || !o->to)
		return "--listen and --to, or --netns, must be given";
	return NULL;
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
		     const struct options *o)
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
		     const struct options *o, const struct opt_list *operands)
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

static int run(const struct options *o, const struct plan *p,
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
	struct options o = defaults;
	struct opt_list operands = {0};
	struct plan plan;
	const char *wrong;
	char message[256];
	int status;

	if (opt_parse(table, &o, argc, argv, &operands, message,
		      sizeof(message)) != ERR_OK) {
		status = cmd_usage("link", "%s", message);
	} else if (o.help) {
		help();
		status = CMD_OK;
	} else if (!make_plan(&o, &plan)) {
		status = CMD_USAGE; /* and it has said why */
	} else {
		wrong = contradiction(&o, &plan, operands.count);
		status = wrong ? cmd_usage("link", "%s", wrong)
			       : run(&o, &plan, &operands);
	}
	opt_list_release(&operands);
	return status;
}
