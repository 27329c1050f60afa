/* SPDX-License-Identifier: MIT */
#include "bench/load/sample.h"

#include "bench/load/field.h"

/* Queries */

/* Two counters that only grow: what does not is no cost. */
static uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

/* Counters differ, levels (memory, threads) are those afterwards. */
struct sample sample_difference(const struct sample *before,
				const struct sample *after)
{
	struct sample d = *after;

	d.at_ns = grown(before->at_ns, after->at_ns);
	d.cpu_ns = grown(before->cpu_ns, after->cpu_ns);
	d.user_ticks = grown(before->user_ticks, after->user_ticks);
	d.system_ticks = grown(before->system_ticks, after->system_ticks);
	d.switches_voluntary =
		grown(before->switches_voluntary, after->switches_voluntary);
	d.switches_involuntary = grown(before->switches_involuntary,
				       after->switches_involuntary);
	d.waited_ns = grown(before->waited_ns, after->waited_ns);
	d.lost = (uint32_t)grown(before->lost, after->lost);
	d.ended = (uint32_t)grown(before->ended, after->ended);
	return d;
}

void sample_split(const struct sample *d, uint64_t *user_ns,
		  uint64_t *system_ns)
{
	uint64_t ticks = d->user_ticks + d->system_ticks;
	double share = ticks ? (double)d->user_ticks / (double)ticks : 0;

	*user_ns = (uint64_t)((double)d->cpu_ns * share);
	*system_ns = d->cpu_ns - *user_ns;
}

void sample_add(struct sample *into, const struct sample *difference)
{
	into->at_ns += difference->at_ns;
	into->cpu_ns += difference->cpu_ns;
	into->user_ticks += difference->user_ticks;
	into->system_ticks += difference->system_ticks;
	into->switches_voluntary += difference->switches_voluntary;
	into->switches_involuntary += difference->switches_involuntary;
	into->waited_ns += difference->waited_ns;
	into->lost += difference->lost;
	into->ended += difference->ended;
	into->rss_anon = difference->rss_anon;
	into->rss = difference->rss;
	into->threads = difference->threads;
}

/* JSON */

static const struct field fields[] = {
	FIELD_U64("at_ns", struct sample, at_ns),
	FIELD_U64("cpu_ns", struct sample, cpu_ns),
	FIELD_U64("user_ticks", struct sample, user_ticks),
	FIELD_U64("system_ticks", struct sample, system_ticks),
	FIELD_U64("rss_anon", struct sample, rss_anon),
	FIELD_U64("rss", struct sample, rss),
	FIELD_U64("switches_voluntary", struct sample, switches_voluntary),
	FIELD_U64("switches_involuntary", struct sample, switches_involuntary),
	FIELD_U32("threads", struct sample, threads),
	FIELD_END,
};

struct cJSON *sample_to_json(const struct sample *s)
{
	return field_to_json(fields, s);
}
