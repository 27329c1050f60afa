/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "clients/env.h"
#include "clients/memo.h"

static unsigned decoded;   /* calls of the decoders */
static unsigned delivered; /* messages */
static uint64_t memos[8];
static char data[8];
static bool close_at_once;

/* One message per character, `x` being something else. */
static size_t decode_letters(struct client_env *env, struct slice chunk,
			     struct client_message *out, size_t max)
{
	(void)env;
	decoded++;
	if (chunk.n > max)
		return 0;
	for (size_t i = 0; i < chunk.n; i++) {
		if (chunk.p[i] == 'x')
			return 0;
		out[i] = (struct client_message){
			.event = SLICE("static"),
			.data = slice_of(chunk.p + i, 1)};
	}
	return chunk.n;
}

static size_t decode_other(struct client_env *env, struct slice chunk,
			   struct client_message *out, size_t max)
{
	return decode_letters(env, chunk, out, max);
}

static void on_message(struct client *c, const struct client_message *m)
{
	memos[delivered % 8] = m->memo;
	data[delivered % 8] = m->data.p[0];
	delivered++;
	cr_assert(slice_is(m->event, "static"));
	c->closed = close_at_once;
}

static const struct client_events events = {.on_message = on_message};

static struct memo memo;
static struct client client = {.events = &events};

static void set_up(void)
{
	memo_init(&memo);
	decoded = 0;
	delivered = 0;
	close_at_once = false;
	client.closed = false;
	client.counts.messages = 0;
}

static void tear_down(void)
{
	memo_release(&memo);
}

TestSuite(client_memo, .init = set_up, .fini = tear_down);

static bool deliver(const char *text)
{
	/* Copies, so that slices into what was read would be found out. */
	char bytes[256];
	size_t n = strlen(text);
	bool known;

	memcpy(bytes, text, n);
	known = memo_deliver(&memo, &client, slice_of(bytes, n),
			     decode_letters) != MEMO_REFUSED;
	memset(bytes, '?', sizeof(bytes));
	return known;
}

Test(client_memo, equal_chunks_are_decoded_once)
{
	cr_assert(deliver("ab"));
	cr_assert_eq(decoded, 1);
	cr_assert(deliver("ab"));
	cr_assert_eq(decoded, 1);
	cr_assert_eq(delivered, 4);
	cr_assert_eq(client.counts.messages, 4);
	cr_assert_eq(memcmp(data, "abab", 4), 0);
	cr_assert_neq(memos[0], 0);
	cr_assert_neq(memos[0], memos[1]);
	cr_assert_eq(memos[0], memos[2]);
	cr_assert_eq(memos[1], memos[3]);
}

Test(client_memo, another_chunk_has_other_numbers)
{
	cr_assert(deliver("a"));
	cr_assert(deliver("b"));
	cr_assert(deliver("a"));
	cr_assert_eq(decoded, 3);
	cr_assert_neq(memos[0], memos[1]);
	cr_assert_neq(memos[0], memos[2]);
	cr_assert_eq(memcmp(data, "aba", 3), 0);
}

Test(client_memo, what_is_not_all_messages_leaves_it_alone)
{
	cr_assert(deliver("ab"));
	cr_assert_not(deliver("ax"));
	cr_assert_not(deliver(""));
	cr_assert_eq(delivered, 2);
	cr_assert(deliver("ab"));
	cr_assert_eq(decoded, 2, "the first chunk is still known");
}

Test(client_memo, a_chunk_belongs_to_its_decoder)
{
	cr_assert(deliver("ab"));
	cr_assert_eq(memo_deliver(&memo, &client, SLICE("ab"), decode_other),
		     MEMO_LEARNED);
	cr_assert_eq(memo_deliver(&memo, &client, SLICE("ab"), decode_other),
		     MEMO_KNOWN);
	cr_assert_eq(decoded, 2);
}

Test(client_memo, too_many_messages_are_not_remembered)
{
	char many[MEMO_MESSAGES + 2];

	memset(many, 'a', sizeof(many));
	many[MEMO_MESSAGES + 1] = '\0';
	cr_assert_not(deliver(many));
	many[MEMO_MESSAGES] = '\0';
	cr_assert(deliver(many));
}

Test(client_memo, stops_when_the_client_is_closed)
{
	close_at_once = true;
	cr_assert(deliver("abc"));
	cr_assert_eq(delivered, 1);
}
