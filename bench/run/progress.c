/* SPDX-License-Identifier: MIT */
#include "bench/run/progress.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "bench/run/put.h"
#include "servers/base/check.h"
#include "servers/base/clock.h"

#define SHOW_EVERY_NS 200000000
#define TELL_EVERY_NS 1000000000
#define TRUST_S 5.0 /* of work that the plan is right about */

void progress_init(struct progress *p, bool quiet, double planned_s)
{
	*p = (struct progress){.out = quiet ? NULL : stderr};
	p->terminal = !quiet && isatty(STDERR_FILENO) == 1;
	p->planned = planned_s;
	p->start_ns = clock_ns(&clock_monotonic);
}

double progress_left(const struct progress *p, uint64_t now_ns)
{
	double elapsed = (double)(now_ns - p->start_ns) / 1e9;
	double left = p->planned > p->done ? p->planned - p->done : 0;
	double extra = fmin(p->extra, left);
	double slow = 1;

	/*
	 * A second of work is too little to learn from, and seconds weigh less
	 * than what is planned: what starts slowly does not stay so slow.
	 */
	if (p->done > 1)
		slow = (elapsed + TRUST_S) / (p->done + TRUST_S);
	return (left - extra) * slow + fmin(extra * slow, p->extra_most);
}

static void clear_line(const struct progress *p)
{
	if (p->terminal)
		(void)fputs("\r\033[K", p->out);
}

void progress_event(FILE *out, struct cJSON *takes)
{
	char *text = cJSON_PrintUnformatted(takes);

	CHECK(text);
	/* Its error indicator stays, and so it is told once. */
	if (!ferror(out) &&
	    (fprintf(out, "%s\n", text) < 0 || fflush(out) != 0))
		(void)fprintf(stderr,
			      "pushmark: nobody takes the events any more "
			      "(%s); the run goes on\n",
			      strerror(errno));
	cJSON_free(text);
	cJSON_Delete(takes);
}

static double tenths(double seconds)
{
	return round(seconds * 10) / 10;
}

/* The event of a script. */
static void tell(struct progress *p, bool now)
{
	uint64_t at = clock_ns(&clock_monotonic);
	cJSON *json;

	if (!p->events || (!now && at - p->told_ns < TELL_EVERY_NS))
		return;
	p->told_ns = at;
	json = cJSON_CreateObject();
	CHECK(json);
	put_text(json, "event", "progress");
	put_number(json, "done_s", tenths((double)(at - p->start_ns) / 1e9));
	put_number(json, "left_s", tenths(progress_left(p, at)));
	put_text(json, "step", p->step);
	progress_event(p->events, json);
}

static void show(struct progress *p, bool now)
{
	uint64_t at = clock_ns(&clock_monotonic);
	double share;

	if (!p->terminal || (!now && at - p->shown_ns < SHOW_EVERY_NS))
		return;
	p->shown_ns = at;
	share = p->planned > 0 ? 100 * p->done / p->planned : 0;
	clear_line(p);
	(void)fprintf(p->out, "%3.0f %%, about %.0f s left: %s",
		      share > 99 ? 99 : share, progress_left(p, at), p->step);
	(void)fflush(p->out);
}

void progress_step(struct progress *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(p->step, sizeof(p->step), format, args);
	va_end(args);
	if (p->out && !p->terminal)
		(void)fprintf(p->out, "  RUN     %s (about %.0f s left)\n",
			      p->step,
			      progress_left(p, clock_ns(&clock_monotonic)));
	show(p, true);
	tell(p, true);
}

void progress_more(struct progress *p, double seconds, double most)
{
	p->planned += seconds;
	p->extra = seconds;
	p->extra_most = most;
}

void progress_done(struct progress *p, double seconds)
{
	p->done += seconds;
	show(p, false);
	tell(p, false);
}

void progress_say(struct progress *p, const char *format, ...)
{
	va_list args;

	if (!p->out)
		return;
	clear_line(p);
	va_start(args, format);
	(void)vfprintf(p->out, format, args);
	va_end(args);
	(void)fputc('\n', p->out);
	show(p, true);
}

void progress_end(struct progress *p)
{
	if (p->out)
		clear_line(p);
}
