/* SPDX-License-Identifier: MIT */
#include "bench/link/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/link/units.h"
#include "servers/base/check.h"
#include "servers/base/random.h"

#define SEED_MAX (((int64_t)1 << 53) - 1) /* survives as a JSON number */
#define WINDOW_MIN 16384
#define WINDOW_MAX 16777216
#define HOLD_MAX 16777216
#define QUEUE_MIN 2048
#define REQUESTS_MAX 1000000

const struct opt link_options_table[] = {
	OPT_STRING("listen", "ADDRESS", "relay connections made to [HOST]:PORT",
		   struct link_options, listen),
	OPT_STRING("to", "ADDRESS", "... to the server at [HOST]:PORT",
		   struct link_options, to),
	OPT_FLAG("netns",
		 "run COMMAND in a network namespace behind a link of packets",
		 struct link_options, netns),
	OPT_STRING("rtt", "TIME", "delay of a round trip, half of it each way",
		   struct link_options, rtt),
	OPT_STRING("jitter", "TIME", "a round trip differs by up to this",
		   struct link_options, jitter),
	OPT_STRING("rate", "RATE", "limit of all traffic each way, as in 1mbit",
		   struct link_options, rate),
	OPT_STRING("queue", "SIZE", "bytes that may wait for the rate each way",
		   struct link_options, queue),
	OPT_STRING("black-hole", "TIME",
		   "pass nothing after this time, and tell nobody",
		   struct link_options, black_hole),
	OPT_INT("seed", "N", "seed of all that is random; 0: a new one", 0,
		SEED_MAX, struct link_options, seed),
	OPT_FLAG("json", "print statistics at the end", struct link_options,
		 json),
	OPT_STRING("window", "SIZE",
		   "relay: bytes of a connection under way each way",
		   struct link_options, window),
	OPT_STRING("cut-after", "TIME", "relay: reset each connection so old",
		   struct link_options, cut_after),
	OPT_STRING("cut-every", "TIME", "relay: reset all connections so often",
		   struct link_options, cut_every),
	OPT_FLAG("half-open",
		 "relay: tell no end that the other has closed; cuts hit the "
		 "client only",
		 struct link_options, half_open),
	OPT_STRING("idle-timeout", "TIME",
		   "relay: close connections idle for so long",
		   struct link_options, idle),
	OPT_STRING("buffer", "SIZE",
		   "relay: hold HTTP answers until so many bytes or their end",
		   struct link_options, hold),
	OPT_FLAG("no-upgrade",
		 "relay: leave Upgrade out of HTTP requests, as old proxies do",
		 struct link_options, no_upgrade),
	OPT_INT("requests", "N",
		"relay: HTTP requests under way at once, as a browser has six; "
		"0: any number",
		0, REQUESTS_MAX, struct link_options, requests),
	OPT_STRING("loss", "SHARE", "netns: packets lost each way, as in 1%",
		   struct link_options, loss),
	OPT_STRING("reorder", "SHARE",
		   "netns: packets that fall behind each way",
		   struct link_options, reorder),
	OPT_INT("mtu", "N", "netns: largest packet", 576, 65535,
		struct link_options, mtu),
	OPT_FLAG("help", "print this and exit", struct link_options, help),
	OPT_END,
};

const struct link_options link_options_defaults = {
	.rtt = "0",
	.jitter = "0",
	.queue = "64k",
	.mtu = 1500,
};

/* The plan */

struct complaint {
	char *message;
	size_t size;
};

/* Writes the message and answers false. */
__attribute__((format(printf, 2, 3))) static bool
wrong(const struct complaint *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(c->message, c->size, format, args);
	va_end(args);
	return false;
}

/* A text that is not given leaves what is there. */
static bool duration(const struct complaint *c, const char *name,
		     const char *text, uint64_t *out)
{
	if (!text || units_duration(text, out) == ERR_OK)
		return true;
	return wrong(c, "--%s: expected a time as in 100ms, got \"%.60s\"",
		     name, text);
}

static bool size_of(const struct complaint *c, const char *name,
		    const char *text, size_t min, size_t max, size_t *out)
{
	if (!text ||
	    (units_size(text, out) == ERR_OK && *out >= min && *out <= max))
		return true;
	return wrong(c,
		     "--%s: expected a size from %zu to %zu bytes as in 64k, "
		     "got \"%.60s\"",
		     name, min, max, text);
}

static bool share(const struct complaint *c, const char *name, const char *text,
		  double *out)
{
	if (!text || units_share(text, out) == ERR_OK)
		return true;
	return wrong(c, "--%s: expected a share as in 1%%, got \"%.60s\"", name,
		     text);
}

static bool rate(const struct complaint *c, const char *text, uint64_t *out)
{
	if (!text || units_rate(text, out) == ERR_OK)
		return true;
	return wrong(c, "--rate: expected a rate as in 1mbit, got \"%.60s\"",
		     text);
}

static bool make_plan(const struct link_options *o, struct plan *p,
		      const struct complaint *c)
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
	return duration(c, "rtt", o->rtt, &p->rtt_ns) &&
	       duration(c, "jitter", o->jitter, &p->jitter_ns) &&
	       rate(c, o->rate, &p->rate_bits) &&
	       size_of(c, "queue", o->queue, QUEUE_MIN, (size_t)1 << 30,
		       &p->queue) &&
	       size_of(c, "window", o->window, WINDOW_MIN, WINDOW_MAX,
		       &p->window) &&
	       duration(c, "cut-after", o->cut_after, &p->cut_after_ns) &&
	       duration(c, "cut-every", o->cut_every, &p->cut_every_ns) &&
	       duration(c, "black-hole", o->black_hole, &p->black_hole_ns) &&
	       duration(c, "idle-timeout", o->idle, &p->idle_ns) &&
	       size_of(c, "buffer", o->hold, 1, HOLD_MAX, &p->hold) &&
	       share(c, "loss", o->loss, &p->loss) &&
	       share(c, "reorder", o->reorder, &p->reorder);
}

/* What contradicts itself; NULL when nothing does. */
static const char *contradiction(const struct link_options *o,
				 const struct plan *p, size_t operands)
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
	if (o->loss || o->reorder || o->mtu != link_options_defaults.mtu)
		return "--loss, --reorder and --mtu need --netns: a relay has "
		       "no packets";
	if (!o->listen || !o->to)
		return "--listen and --to, or --netns, must be given";
	return NULL;
}

enum err link_options_plan(const struct link_options *o, size_t operands,
			   struct plan *p, char *message, size_t size)
{
	const struct complaint c = {message, size};
	const char *why;

	if (!make_plan(o, p, &c))
		return ERR_USAGE;
	why = contradiction(o, p, operands);
	if (why)
		(void)wrong(&c, "%s", why);
	return why ? ERR_USAGE : ERR_OK;
}

/* Those that a scenario gives */

/* Options are read from behind a program's name. */
static enum err parse_all(struct link_options *o, int n, char *const *args,
			  char *message, size_t size)
{
	char **argv = xcalloc((size_t)n + 1, sizeof(*argv));
	enum err e;

	memcpy(argv + 1, args, (size_t)n * sizeof(*argv));
	e = opt_parse_alone(link_options_table, o, n + 1, argv, message, size);
	free(argv);
	return e;
}

enum err link_options_check(char *const *args, bool packets, char *message,
			    size_t size)
{
	const struct complaint c = {message, size};
	struct link_options o = link_options_defaults;
	struct plan p;
	int n = 0;
	enum err e;

	for (; args[n]; n++) {
		if (strcmp(args[n], "--") == 0) {
			(void)wrong(&c, "what the link runs is not to be said");
			return ERR_USAGE;
		}
	}
	e = parse_all(&o, n, args, message, size);
	if (e)
		return e;
	if (o.listen || o.to || o.help) {
		(void)wrong(&c,
			    "--listen, --to and --help are not for a scenario");
		return ERR_USAGE;
	}
	o.netns |= packets;
	if (!o.netns)
		o.listen = o.to = "127.0.0.1:1";
	return link_options_plan(&o, o.netns ? 1 : 0, &p, message, size);
}
