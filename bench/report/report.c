/* SPDX-License-Identifier: MIT */
#include "bench/report/report.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "bench/report/format.h"
#include "bench/report/hiccups.h"
#include "bench/report/section.h"
#include "bench/report/table.h"
#include "bench/report/view.h"
#include "servers/base/check.h"

/* Parts of both forms */

/* Text after "what", wrapped for a terminal, with a hanging indent. */
static void print_wrapped(FILE *out, const char *text, size_t indent)
{
	size_t column = indent;

	while (*text) {
		size_t n = strcspn(text, " ");
		char word[128];
		size_t width;

		(void)snprintf(word, sizeof(word), "%.*s", (int)n, text);
		width = table_width(word);
		if (column > indent && column + 1 + width > 100) {
			(void)fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			(void)fputc(' ', out);
			column++;
		}
		(void)fwrite(text, 1, n, out);
		column += width;
		text += n + (text[n] == ' ');
	}
	(void)fputc('\n', out);
}

static void print_legend(FILE *out, bool markdown)
{
	/* Each in parentheses, as clang asks of texts in parts. */
	static const char *const lines[] = {
		("median, last: until the median or the last subscriber has a "
		 "message; p50: half of the messages take longer; tail: p99, or "
		 "the percentile named."),
		("CPU: the server's per delivery (user + system); calls: system "
		 "calls per delivery; bytes: on its sockets per delivery, both "
		 "ways."),
		("/ bare: the ratio of server CPU to that of a bare loop of "
		 "send(), from neighbouring slices, with its 95 % interval; "
		 "(in parentheses): not ranked."),
		("invalid: not all was delivered once, in order and as it was "
		 "sent, in every slice; its figures are no result."),
		("noise band: bare against itself; a difference within it is "
		 "no difference."),
		("machine: how late a process woke that only sleeps on that "
		 "core, the worst of the rows; on a busy core, waiting for its "
		 "turn is part of it."),
		("process CPU, loopback: CPU as above; softirq re-attributed: "
		 "with the receiving half of TCP, which runs inside the "
		 "sender's send(), given to the receiver, by stacks that perf "
		 "sampled in an untimed slice; the ratios likewise."),
		("bytes per delivery: both ways, publisher included, in the "
		 "untimed slice that checks deliveries; framing is the "
		 "dialect's envelope and its carrier's, TCP/IP 52 bytes for "
		 "each segment; least: what the protocols need for it by "
		 "arithmetic; segments: of TCP, both ways; writes: the server's "
		 "system calls that write; switches: its context switches; all "
		 "per delivery."),
	};
	/* The last is about tables that a terminal does not get. */
	size_t n = ARRAY_SIZE(lines) - (markdown ? 0 : 1);

	for (size_t i = 0; i < n; i++) {
		(void)fputs(markdown ? "- " : "  ", out);
		if (markdown)
			(void)fprintf(out, "%s\n", lines[i]);
		else
			print_wrapped(out, lines[i], 2);
	}
}

static void print_log(const cJSON *log, FILE *out, bool markdown)
{
	const char *around = markdown ? "\n" : "";

	if (!log || !log->child)
		return;
	(void)fputs(around, out);
	for (const cJSON *l = log->child; l; l = l->next)
		(void)fprintf(out, "      %s\n",
			      cJSON_IsString(l) ? l->valuestring : "");
	(void)fputs(around, out);
}

static void print_failures(const cJSON *run, FILE *out, bool markdown)
{
	const cJSON *list = view_get(run, "measurements");
	const char *bold = markdown ? "**" : "";
	const char *previous = "";

	for (const cJSON *m = list ? list->child : NULL; m; m = m->next) {
		const cJSON *log = view_get(m, "failure.log");
		const char *what = view_text(m, "failure.what");

		/* The variants of one target share a failure. */
		if (!view_get(m, "failure") || strcmp(what, previous) == 0)
			continue;
		previous = what;
		(void)fprintf(out, "%s%s%s, %s: %s.%s%s\n",
			      markdown ? "- " : "  ", bold,
			      view_text(m, "scenario"), view_text(m, "target"),
			      what, bold,
			      log && log->child ? " The end of its log:" : "");
		print_log(log, out, markdown);
	}
}

static bool any_failure(const cJSON *run)
{
	const cJSON *list = view_get(run, "measurements");

	for (const cJSON *m = list ? list->child : NULL; m; m = m->next) {
		if (view_get(m, "failure"))
			return true;
	}
	return false;
}

static void print_budget(const cJSON *run, FILE *out, enum table_output how)
{
	const cJSON *list = view_get(run, "budget");
	struct table t;

	table_init(&t);
	table_column(&t, "figure", TABLE_LEFT);
	table_column(&t, "target", TABLE_LEFT);
	table_column(&t, "bound", TABLE_RIGHT);
	table_column(&t, "measured", TABLE_RIGHT);
	table_column(&t, "[95 %]", TABLE_LEFT);
	table_column(&t, "state", TABLE_LEFT);
	for (const cJSON *b = list->child; b; b = b->next) {
		const char *state = view_text(b, "state");
		struct format f = {0}, g = {0};
		char text[128];

		(void)snprintf(text, sizeof(text), "[%s, %s]",
			       format_ratio(&f, view_number(b, "low")),
			       format_ratio(&g, view_number(b, "high")));
		table_cell(&t, view_text(b, "figure"));
		table_cell(&t, view_text(b, "target"));
		table_cell(&t, format_ratio(&f, view_number(b, "bound")));
		table_cell(&t, format_ratio(&f, view_number(b, "value")));
		table_cell(&t, text);
		table_cell_styled(&t, state,
				  strcmp(state, "met") == 0	 ? TABLE_GOOD
				  : strcmp(state, "missed") == 0 ? TABLE_BAD
								 : TABLE_PLAIN);
	}
	table_print(&t, out, how);
	table_release(&t);
}

static void print_published(const cJSON *run, FILE *out, enum table_output how)
{
	const cJSON *list = view_get(run, "published");
	struct table t;

	table_init(&t);
	table_column(&t, "figure", TABLE_LEFT);
	table_column(&t, "target", TABLE_LEFT);
	table_column(&t, "published", TABLE_RIGHT);
	table_column(&t, "here", TABLE_RIGHT);
	table_column(&t, "ratio", TABLE_RIGHT);
	table_column(&t, "outcome", TABLE_LEFT);
	for (const cJSON *p = list->child; p; p = p->next) {
		double ours = view_number(p, "measured");
		double ratio = view_number(p, "ratio");
		struct format f = {0};

		table_cell(&t, view_text(p, "what"));
		table_cell(&t, view_text(p, "target"));
		table_cell(&t, format_number(&f, view_number(p, "published")));
		table_cell(&t,
			   isnan(ours) ? "not had" : format_number(&f, ours));
		table_cell(&t, isnan(ratio) ? "" : format_ratio(&f, ratio));
		table_cell(&t, view_text(p, "outcome"));
	}
	table_print(&t, out, how);
	table_release(&t);
}

/* Sources and reasons, each once. */
static bool was_given(const cJSON *list, const cJSON *p)
{
	for (const cJSON *q = list->child; q != p; q = q->next) {
		if (strcmp(view_text(q, "why"), view_text(p, "why")) == 0)
			return true;
	}
	return false;
}

static void print_reasons(const cJSON *run, FILE *out, bool markdown)
{
	const cJSON *list = view_get(run, "published");

	(void)fputc('\n', out);
	for (const cJSON *p = list->child; p; p = p->next) {
		char text[2048];

		if (was_given(list, p))
			continue;
		(void)snprintf(text, sizeof(text), "%s: %s. %s",
			       view_text(p, "scenario"), view_text(p, "source"),
			       view_text(p, "why"));
		if (markdown)
			(void)fprintf(out, "- %s\n", text);
		else {
			(void)fputs("  ", out);
			print_wrapped(out, text, 2);
		}
	}
}

static bool has_items(const cJSON *run, const char *key)
{
	const cJSON *list = view_get(run, key);

	return list && list->child;
}

/* Caveats of all come after those that a table refers to. */
static void print_caveats(const cJSON *run, struct view_caveats *c, FILE *out,
			  bool markdown)
{
	const cJSON *all = view_get(run, "caveats");

	for (const cJSON *item = all ? all->child : NULL; item;
	     item = item->next) {
		if (cJSON_IsString(item))
			(void)view_caveat(c, item->valuestring);
	}
	for (size_t i = 0; i < c->count; i++) {
		if (markdown) {
			(void)fprintf(out, "%zu. %s\n", i + 1, c->texts[i]);
		} else {
			(void)fprintf(out, " %2zu ", i + 1);
			print_wrapped(out, c->texts[i], 4);
		}
	}
}

/* Terminal */

void report_print(const struct cJSON *run, FILE *out, bool colour)
{
	enum table_output how = colour ? TABLE_COLOUR : TABLE_TEXT;
	struct view_caveats caveats = {0};
	size_t position[2] = {0, 0};
	struct section s;

	if (view_true(run, "interrupted"))
		(void)fputs("\nInterrupted: only what was finished is here.\n",
			    out);
	while (section_next(run, position, &s)) {
		(void)fputs(colour ? "\n\033[1m" : "\n", out);
		section_title(&s, out);
		(void)fputs(colour ? "\033[0m\n  " : "\n  ", out);
		section_setting(&s, out);
		(void)fputs("\n\n", out);
		section_table(&s, &caveats, out, how);
		hiccups_line(&s, "  ", out);
		section_softirq(&s, out, how);
	}
	(void)fputs("\n", out);
	print_legend(out, false);
	if (any_failure(run)) {
		(void)fputs("\nFailures\n", out);
		print_failures(run, out, false);
	}
	if (has_items(run, "budget")) {
		(void)fputs("\nBudget\n", out);
		print_budget(run, out, how);
	}
	if (has_items(run, "published")) {
		(void)fputs("\nPublished results\n", out);
		print_published(run, out, how);
		print_reasons(run, out, false);
	}
	(void)fputs("\nNotes\n", out);
	print_caveats(run, &caveats, out, false);
}

/* Markdown */

static void markdown_sentences(const cJSON *run, FILE *out)
{
	size_t position[2] = {0, 0};
	struct section s;

	while (section_next(run, position, &s)) {
		(void)fputs("- ", out);
		section_sentence(&s, out);
		(void)fputc('\n', out);
	}
}

static void markdown_value(FILE *out, const cJSON *item)
{
	struct format f = {0};

	if (cJSON_IsString(item))
		(void)fputs(item->valuestring, out);
	else if (cJSON_IsBool(item))
		(void)fputs(cJSON_IsTrue(item) ? "yes" : "no", out);
	else if (cJSON_IsNumber(item))
		(void)fputs(format_whole(&f, item->valuedouble), out);
	else
		(void)fputs("unknown", out);
}

/* What the members of one of the provenance's objects are. */
static const char *member_of(const char *object)
{
	return strcmp(object, "sysctls") == 0	? "sysctl "
	       : strcmp(object, "targets") == 0 ? "target "
						: "";
}

static void markdown_members(FILE *out, const cJSON *object, const char *before)
{
	for (const cJSON *c = object ? object->child : NULL; c; c = c->next) {
		if (cJSON_IsObject(c)) {
			markdown_members(out, c, member_of(c->string));
			continue;
		}
		(void)fprintf(out, "- %s%s: ", before, c->string);
		markdown_value(out, c);
		(void)fputc('\n', out);
	}
}

static void markdown_provenance(const cJSON *run, FILE *out)
{
	const cJSON *command = view_get(run, "options.command");
	struct format f = {0};

	(void)fprintf(out, "- started: %s, took %s s\n- command: `",
		      view_text(run, "started"),
		      format_whole(&f, view_number(run, "seconds")));
	for (const cJSON *c = command ? command->child : NULL; c; c = c->next)
		(void)fprintf(out, "%s%s", c == command->child ? "" : " ",
			      cJSON_IsString(c) ? c->valuestring : "");
	(void)fprintf(out, "`\n- size: %s\n- seed: %.0f\n",
		      view_text(run, "options.size"), view_number(run, "seed"));
	markdown_members(out, view_get(run, "provenance"), "");
}

static void markdown_tables(const cJSON *run, struct view_caveats *caveats,
			    FILE *out)
{
	size_t position[2] = {0, 0};
	struct section s;

	while (section_next(run, position, &s)) {
		(void)fputs("\n### ", out);
		section_title(&s, out);
		(void)fputs("\n\n", out);
		section_setting(&s, out);
		(void)fputs("\n\n", out);
		section_table(&s, caveats, out, TABLE_MARKDOWN);
		hiccups_line(&s, "\n", out);
		section_softirq(&s, out, TABLE_MARKDOWN);
		section_costs(&s, out, TABLE_MARKDOWN);
	}
}

void report_markdown(const struct cJSON *run, FILE *out)
{
	struct view_caveats caveats = {0};

	(void)fprintf(out, "# Pushmark, %s\n\n", view_text(run, "started"));
	if (view_true(run, "interrupted"))
		(void)fputs("**Interrupted: only what was finished is "
			    "here.**\n\n",
			    out);
	markdown_sentences(run, out);
	if (any_failure(run)) {
		(void)fputs("\n## Failures\n\n", out);
		print_failures(run, out, true);
	}
	(void)fputs("\n## Figures\n", out);
	markdown_tables(run, &caveats, out);
	(void)fputc('\n', out);
	print_legend(out, true);
	if (has_items(run, "budget")) {
		(void)fputs("\n## Budget\n\n", out);
		print_budget(run, out, TABLE_MARKDOWN);
	}
	if (has_items(run, "published")) {
		(void)fputs("\n## Published results\n\n", out);
		print_published(run, out, TABLE_MARKDOWN);
		print_reasons(run, out, true);
	}
	(void)fputs("\n## Notes\n\n", out);
	print_caveats(run, &caveats, out, true);
	(void)fputs("\n## Provenance\n\n", out);
	markdown_provenance(run, out);
}
