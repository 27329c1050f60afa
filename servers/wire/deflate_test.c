/* SPDX-License-Identifier: MIT */
#include "servers/wire/deflate.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "servers/base/check.h"

#define PMD "permessage-deflate"
#define SNC "; server_no_context_takeover"
#define CNC "; client_no_context_takeover"
#define SMB "; server_max_window_bits"
#define CMB "; client_max_window_bits"
#define BOTH PMD SNC CNC

/* --- Negotiation ---------------------------------------------------------- */

/* `answer` is NULL where the offer is declined. */
static const struct {
	const char *offer;
	const char *answer;
	unsigned bits;
} offers[] = {
	{PMD, BOTH, 15},
	{PMD SNC, BOTH, 15},
	{PMD CNC, BOTH, 15},
	{PMD SNC CNC, BOTH, 15},
	{PMD CMB, BOTH, 15},
	{PMD CMB "; server_max_window_bits=10", BOTH SMB "=10", 10},
	{PMD SMB "=9", BOTH SMB "=9", 9},
	{PMD SMB "=10", BOTH SMB "=10", 10},
	{PMD SMB "=11", BOTH SMB "=11", 11},
	{PMD SMB "=12", BOTH SMB "=12", 12},
	{PMD SMB "=13", BOTH SMB "=13", 13},
	{PMD SMB "=14", BOTH SMB "=14", 14},
	{PMD SMB "=15", BOTH SMB "=15", 15},
	{PMD CMB "=9", BOTH CMB "=9", 15},
	{PMD CMB "=15", BOTH CMB "=15", 15},
	{PMD SMB "=12" CMB "=11", BOTH SMB "=12" CMB "=11", 12},
	/* the grammar's liberties */
	{PMD SMB "=\"10\"", BOTH SMB "=10", 10},
	{PMD SMB "=\"1\\0\"", BOTH SMB "=10", 10},
	{PMD " ;\tclient_max_window_bits = 9 ", BOTH CMB "=9", 15},
	{PMD ";server_max_window_bits=9;client_no_context_takeover",
	 BOTH SMB "=9", 9},
	{"  " PMD "  ", BOTH, 15},
	{", ," PMD ",,", BOTH, 15},
	/* several offers: the first that will do */
	{PMD SMB "=8, " PMD SMB "=9", BOTH SMB "=9", 9},
	{PMD SMB "=8," PMD, BOTH, 15},
	{PMD "; nothing, " PMD SMB "=14, " PMD, BOTH SMB "=14", 14},
	{"x-webkit-deflate-frame, " PMD, BOTH, 15},
	{"mux; max-channels=4; flow-control, " PMD, BOTH, 15},
	{"x; y=\"10\", " PMD CMB, BOTH, 15},
	{PMD CMB "=8, " PMD SMB "=08," PMD CNC, BOTH, 15},
	/* asks for what zlib has not */
	{PMD SMB "=8", NULL, 0},
	{PMD CMB "=8", NULL, 0},
	{PMD CMB SMB "=8", NULL, 0},
	/* illegal parameters */
	{PMD "; unknown", NULL, 0},
	{PMD "; unknown=1", NULL, 0},
	{PMD "; Server_No_Context_Takeover", NULL, 0},
	{PMD SNC SNC, NULL, 0},
	{PMD CNC SNC CNC, NULL, 0},
	{PMD SMB "=10" SMB "=10", NULL, 0},
	{PMD CMB CMB "=10", NULL, 0},
	{PMD CMB "=7" CMB "=10", NULL, 0},
	{PMD SNC "=1", NULL, 0},
	{PMD SNC "=true", NULL, 0},
	{PMD CNC "=\"15\"", NULL, 0},
	{PMD SMB, NULL, 0},
	{PMD SMB "=7", NULL, 0},
	{PMD SMB "=0", NULL, 0},
	{PMD SMB "=1", NULL, 0},
	{PMD SMB "=16", NULL, 0},
	{PMD SMB "=09", NULL, 0},
	{PMD SMB "=010", NULL, 0},
	{PMD SMB "=+9", NULL, 0},
	{PMD SMB "=-9", NULL, 0},
	{PMD SMB "=1e", NULL, 0},
	{PMD SMB "=9.", NULL, 0},
	{PMD SMB "=10x", NULL, 0},
	{PMD SMB "=0x9", NULL, 0},
	{PMD SMB "=265", NULL, 0},
	{PMD SMB "=4294967305", NULL, 0},
	{PMD CMB "=16", NULL, 0},
	{PMD CMB "=08", NULL, 0},
	{PMD CMB "=\"007\"", NULL, 0},
	/* other extensions */
	{"", NULL, 0},
	{" , ", NULL, 0},
	{"permessage-deflat", NULL, 0},
	{"permessage-deflate2", NULL, 0},
	{"x-webkit-deflate-frame", NULL, 0},
	{"x; permessage-deflate", NULL, 0},
	{"x; y=\"permessage-deflate\"", NULL, 0},
	/* not a list of extensions at all */
	{";", NULL, 0},
	{"=", NULL, 0},
	{PMD ";", NULL, 0},
	{PMD "; ;", NULL, 0},
	{PMD "=1", NULL, 0},
	{PMD " client_no_context_takeover", NULL, 0},
	{PMD " " PMD, NULL, 0},
	{PMD SMB "=", NULL, 0},
	{PMD SMB "=\"10", NULL, 0},
	{PMD SMB "=\"\"", NULL, 0},
	{PMD SMB "=\"10\\", NULL, 0},
	{PMD SMB "=\"10 \"", NULL, 0},
	{PMD SMB "=\"10\"1", NULL, 0},
	{PMD SMB "=\"10, " PMD ", 11\"", NULL, 0},
	{PMD SMB "=10=10", NULL, 0},
	{PMD ", \"x\"", NULL, 0},
	{PMD "/", NULL, 0},
	{PMD "\x80", NULL, 0},
	{"x y, " PMD, NULL, 0},
};

Test(deflate, a_server_answers_the_first_offer_it_can_keep)
{
	char answer[DEFLATE_TEXT_MAX];
	struct deflate_terms t;

	for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
		const char *want = offers[i].answer ? offers[i].answer : "";
		bool on =
			deflate_accept(slice_str(offers[i].offer), &t, answer);

		cr_assert_eq(on, offers[i].answer != NULL, "%s",
			     offers[i].offer);
		cr_assert_eq(t.on, on);
		cr_assert_not(t.keeps_context);
		cr_assert_str_eq(answer, want, "%s: %s", offers[i].offer,
				 answer);
		cr_assert_eq(t.window_bits, offers[i].bits);
	}
	cr_assert_not(deflate_accept((struct slice){0}, &t, answer));
	cr_assert_not(
		deflate_accept(slice_of(PMD "\0", sizeof(PMD)), &t, answer));
}

Test(deflate, what_a_client_offers)
{
	static const struct {
		struct deflate_offer offer;
		const char *text;
	} cases[] = {
		{{0}, PMD},
		{{.server_no_context = true}, PMD SNC},
		{{.client_no_context = true}, PMD CNC},
		{{.server_bits = 9}, PMD SMB "=9"},
		{{.client_bits = 10}, PMD CMB "=10"},
		{{.client_bits = DEFLATE_BITS_ANY}, PMD CMB},
		{{true, true, 15, 15}, PMD SNC CNC SMB "=15" CMB "=15"},
	};
	char text[DEFLATE_TEXT_MAX], answer[DEFLATE_TEXT_MAX];
	struct deflate_terms t, server;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		deflate_offer_text(&cases[i].offer, text);
		cr_assert_str_eq(text, cases[i].text);
		cr_assert(deflate_accept(slice_str(text), &server, answer));
		cr_assert_eq(deflate_answer_read(&cases[i].offer,
						 slice_str(answer), &t),
			     ERR_OK, "%s", answer);
		cr_assert(t.on);
		cr_assert_not(t.keeps_context);
	}
}

/* `bits` 99: an answer that the client must not take. */
static const struct {
	struct deflate_offer offer;
	const char *answer;
	unsigned bits;
	bool keeps;
} answers[] = {
	{{0}, PMD, 15, true},
	{{0}, PMD SNC, 15, false},
	{{0}, PMD CNC, 15, true},
	{{0}, BOTH, 15, false},
	{{0}, PMD SMB "=8", 15, true},
	{{0}, PMD SMB "=\"12\"", 15, true},
	{{0}, PMD ",", 15, true},
	{{0}, PMD CMB "=15", 99, false},
	{{0}, PMD CMB, 99, false},
	{{0}, PMD SMB, 99, false},
	{{0}, PMD SMB "=16", 99, false},
	{{0}, PMD SMB "=010", 99, false},
	{{0}, PMD SNC "=1", 99, false},
	{{0}, PMD SNC SNC, 99, false},
	{{0}, PMD "; unknown", 99, false},
	{{0}, PMD "; ", 99, false},
	{{0}, PMD ", " PMD, 99, false},
	{{0}, PMD ", x", 99, false},
	{{0}, "x", 99, false},
	{{0}, "x, " PMD, 99, false},
	{{0}, ";", 99, false},
	{{.client_bits = DEFLATE_BITS_ANY}, PMD, 15, true},
	{{.client_bits = DEFLATE_BITS_ANY}, PMD CMB "=15", 15, true},
	{{.client_bits = DEFLATE_BITS_ANY}, PMD CMB "=9", 9, true},
	{{.client_bits = DEFLATE_BITS_ANY}, PMD CMB "=8", 0, true},
	{{.client_bits = DEFLATE_BITS_ANY}, PMD CMB, 99, false},
	{{.client_bits = DEFLATE_BITS_ANY}, PMD CMB "=7", 99, false},
	{{.client_bits = 12}, PMD, 12, true},
	{{.client_bits = 12}, PMD CMB "=12", 12, true},
	{{.client_bits = 12}, PMD CMB "=10", 10, true},
	{{.client_bits = 12}, PMD CMB "=13", 99, false},
	{{.server_bits = 12}, PMD SMB "=12", 15, true},
	{{.server_bits = 12}, PMD SMB "=9", 15, true},
	{{.server_bits = 12}, PMD SMB "=13", 99, false},
	{{.server_bits = 12}, PMD, 99, false},
	{{.server_no_context = true}, PMD SNC, 15, false},
	{{.server_no_context = true}, PMD, 99, false},
	{{.server_no_context = true}, PMD CNC, 99, false},
	{{.client_no_context = true}, PMD, 15, true},
};

Test(deflate, a_client_checks_the_answer)
{
	const struct deflate_offer bare = {0};
	struct deflate_terms t;

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		bool good = answers[i].bits != 99;

		cr_assert_eq(deflate_answer_read(&answers[i].offer,
						 slice_str(answers[i].answer),
						 &t),
			     good ? ERR_OK : ERR_PROTO, "%zu: %s", i,
			     answers[i].answer);
		cr_assert_eq(t.on, good);
		cr_assert_eq(t.window_bits, good ? answers[i].bits : 0);
		cr_assert_eq(t.keeps_context, answers[i].keeps, "%zu", i);
	}
	cr_assert_eq(deflate_answer_read(&bare, SLICE(""), &t), ERR_OK);
	cr_assert_not(t.on);
	cr_assert_eq(deflate_answer_read(&bare, SLICE(" ,"), &t), ERR_OK);
	cr_assert_not(t.on);
}

/* --- Texts to compress ---------------------------------------------------- */

/* Repeats itself after `period` bytes; each period is noise. */
static char *noise(size_t n, size_t period)
{
	char *bytes = xmalloc(n + 1);
	uint32_t x = 2463534242;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		bytes[i] = i < period ? (char)x : bytes[i - period];
	}
	return bytes;
}

static char *prose(size_t n)
{
	static const char words[] = "{\"type\":\"message\",\"room\":\"a\"} ";
	char *bytes = xmalloc(n + 1);

	for (size_t i = 0; i < n; i++)
		bytes[i] = words[i * (1 + i / 977) % (sizeof(words) - 1)];
	return bytes;
}

/* What zlib itself makes of it with a window of just so many bits. */
static void zlib_inflate(unsigned bits, struct slice deflated,
			 struct slice want)
{
	static const char end[] = "\x00\x00\xff\xff";
	char *in = xmalloc(deflated.n + 4), *out = xmalloc(want.n + 1);
	z_stream s = {0};

	memcpy(in, deflated.p, deflated.n);
	memcpy(in + deflated.n, end, 4);
	cr_assert_eq(inflateInit2(&s, -(int)bits), Z_OK);
	s.next_in = (Bytef *)in;
	s.avail_in = (uInt)deflated.n + 4;
	/* A short output space makes zlib use its window. */
	while (s.avail_in > 0 && s.total_out <= want.n) {
		size_t room = want.n + 1 - s.total_out;

		s.next_out = (Bytef *)out + s.total_out;
		s.avail_out = (uInt)(room < 100 ? room : 100);
		cr_assert_geq(inflate(&s, Z_SYNC_FLUSH), Z_BUF_ERROR);
		cr_assert_neq(s.avail_out, 100 + s.avail_in);
	}
	cr_assert_eq(s.total_out, want.n);
	cr_assert_eq(memcmp(out, want.p, want.n), 0);
	(void)inflateEnd(&s);
	free(in);
	free(out);
}

/* Inflates in pieces of memory of their own size. */
static enum err inflate_pieces(struct inflater *z, struct slice in,
			       size_t piece, struct buf *out)
{
	enum err e = ERR_OK;

	while (in.n > 0 && e == ERR_OK) {
		size_t n = in.n < piece ? in.n : piece;
		char *copy = xmalloc(n);

		memcpy(copy, in.p, n);
		e = inflater_add(z, slice_of(copy, n), out);
		free(copy);
		in = slice_after(in, n);
	}
	return e == ERR_OK ? inflater_end(z) : e;
}

static void round_trip(struct deflater *d, struct inflater *z, unsigned bits,
		       struct slice text)
{
	static const size_t pieces[] = {SIZE_MAX, 1, 7, 1000};
	struct buf deflated, out;

	buf_init(&deflated, BUF_UNLIMITED);
	buf_init(&out, text.n);
	cr_assert_eq(deflater_add(d, bits, text, &deflated), ERR_OK);
	zlib_inflate(bits, buf_slice(&deflated), text);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		buf_clear(&out);
		inflater_reset(z);
		cr_assert_eq(inflate_pieces(z, buf_slice(&deflated), pieces[i],
					    &out),
			     ERR_OK);
		cr_assert(slice_eq(buf_slice(&out), text));
	}
	buf_release(&deflated);
	buf_release(&out);
}

Test(deflate, every_window_size_agrees_with_zlib)
{
	static const size_t sizes[] = {0,     1,     2,	    31,	  63,	64,
				       65,    500,   511,   513,  4096, 9000,
				       32768, 65535, 65536, 70000};
	struct inflater *z = inflater_new();

	for (int level = 1; level <= 9; level += 4) {
		struct deflater *d = deflater_new(level);

		for (unsigned bits = 9; bits <= 15; bits++) {
			for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
				size_t n = sizes[i];
				char *text = prose(n), *hard = noise(n, n),
				     *far = noise(n, 1U << (bits - 1));

				round_trip(d, z, bits, slice_of(text, n));
				round_trip(d, z, bits, slice_of(hard, n));
				round_trip(d, z, bits, slice_of(far, n));
				free(text);
				free(hard);
				free(far);
			}
		}
		deflater_free(d);
	}
	inflater_free(z);
	deflater_free(NULL);
	inflater_free(NULL);
}

Test(deflate, a_mebibyte)
{
	const size_t n = 1 << 20;
	struct deflater *d = deflater_new(1);
	struct inflater *z = inflater_new();
	char *text = prose(n), *hard = noise(n, n), *zeros = xcalloc(1, n);

	round_trip(d, z, 9, slice_of(text, n));
	round_trip(d, z, 15, slice_of(text, n));
	round_trip(d, z, 15, slice_of(hard, n));
	round_trip(d, z, 15, slice_of(zeros, n));
	free(text);
	free(hard);
	free(zeros);
	inflater_free(z);
	deflater_free(d);
}

/* Section 7.2.3.6, and no message reaches into another. */
Test(deflate, messages_are_compressed_each_for_itself)
{
	struct deflater *d = deflater_new(6);
	struct buf one, two;

	buf_init(&one, 1000);
	buf_init(&two, 1000);
	cr_assert_eq(deflater_add(d, 15, SLICE(""), &one), ERR_OK);
	cr_assert(slice_eq(buf_slice(&one), slice_of("", 1)));
	buf_clear(&one);
	cr_assert_eq(deflater_add(d, 15, SLICE("Hello"), &one), ERR_OK);
	cr_assert(slice_eq(buf_slice(&one),
			   slice_of("\xf2\x48\xcd\xc9\xc9\x07\x00", 7)));
	cr_assert_eq(deflater_add(d, 15, SLICE("Hello"), &two), ERR_OK);
	cr_assert(slice_eq(buf_slice(&one), buf_slice(&two)));
	buf_release(&one);
	buf_release(&two);
	deflater_free(d);
}

Test(deflate, output_over_the_limit_adds_nothing)
{
	struct deflater *d = deflater_new(6);
	char *hard = noise(5000, 5000);
	struct buf out;

	for (size_t limit = 4; limit < 5000; limit += 83) {
		buf_init(&out, limit);
		cr_assert_eq(buf_add_str(&out, "abc"), ERR_OK);
		cr_assert_eq(deflater_add(d, 15, slice_of(hard, 5000), &out),
			     ERR_LIMIT);
		cr_assert(slice_is(buf_slice(&out), "abc"));
		cr_assert_leq(out.cap, limit);
		buf_release(&out);
	}
	/* Besides the seven bytes there is room for what is taken away. */
	buf_init(&out, 12);
	cr_assert_eq(deflater_add(d, 15, SLICE("Hello"), &out), ERR_OK);
	cr_assert_eq(out.len, 7);
	buf_release(&out);
	free(hard);
	deflater_free(d);
}

/* --- Inflating ------------------------------------------------------------ */

/* The last byte of `deflated` is a NUL that belongs to the literal. */
#define INFLATES(z, deflated, want)                                            \
	inflates(z, slice_of(deflated, sizeof(deflated) - 1), want)

static void inflates(struct inflater *z, struct slice deflated,
		     const char *want)
{
	struct buf out;

	buf_init(&out, 100);
	cr_assert_eq(inflate_pieces(z, deflated, SIZE_MAX, &out), ERR_OK);
	cr_assert(slice_is(buf_slice(&out), want));
	buf_release(&out);
}

/* Sections 7.2.3.1 to 7.2.3.6; the last of a row leaves the row's state. */
Test(deflate, the_examples_in_rfc_7692)
{
	struct inflater *z = inflater_new();

	INFLATES(z, "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");
	INFLATES(z, "\xf2\x00\x11\x00\x00", "Hello");
	inflater_reset(z);
	INFLATES(z, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello");
	INFLATES(z, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello");
	INFLATES(z, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
		 "Hello");
	INFLATES(z, "\x00", "");
	inflater_free(z);
}

/*
 * A block marked as the last neither ends the message nor forgets the window,
 * and may come without the byte that section 7.2.3.4 puts behind it.
 */
Test(deflate, last_blocks_within_a_connection)
{
	struct inflater *z = inflater_new();

	INFLATES(z, "\xf3\x48\xcd\xc9\xc9\x07\x00", "Hello");
	INFLATES(z, "\xf2\x00\x11\x00\x00", "Hello");
	INFLATES(z, "\x03\x00\x03\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x03\x00",
		 "Hello");
	INFLATES(z,
		 "\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00"
		 "\x00",
		 "HelloHello");
	inflater_free(z);
}

Test(deflate, what_does_not_inflate)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{"", 0},			     /* not even a block */
		{"\x06", 1},			     /* reserved block type */
		{"\xf2\x48\xcd\xc9\xc9\x07", 6},     /* no empty block */
		{"\xf2\x48\xcd", 3},		     /* cut */
		{"\x00\x05\x00\xfb\xff", 5},	     /* lengths disagree */
		{"\x00\x05\x00\xfa\xff\x48", 6},     /* stored, cut */
		{"\x00\x05\x00\xfa\xff\x48\x65", 7}, /* the tail is data */
		{"\xf2\x00\x11\x00\x00", 5},	     /* refers to nothing */
		{"\xf3\x48\xcd\xc9\xc9\x07\x00\x01", 8},
		{"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\xff", 12},
	};
	struct inflater *z = inflater_new();

	for (size_t i = 0; i < ARRAY_SIZE(cases) * 2; i++) {
		struct slice in = slice_of(cases[i / 2].bytes, cases[i / 2].n);
		struct buf out;
		enum err e;

		buf_init(&out, 100);
		inflater_reset(z);
		e = inflate_pieces(z, in, i % 2 ? 1 : SIZE_MAX, &out);
		/* A last stored block that the tail completes is complete. */
		cr_assert_eq(e, i / 2 == 8 ? ERR_OK : ERR_PROTO, "%zu", i / 2);
		buf_release(&out);
	}
	inflater_free(z);
}

Test(deflate, a_bomb_never_takes_more_than_the_limit)
{
	static const size_t limits[] = {0, 1, 63, 64, 1000, 65536, 100000};
	const size_t n = 64 << 20;
	struct deflater *d = deflater_new(9);
	struct inflater *z = inflater_new();
	char *zeros = xcalloc(1, n);
	struct buf bomb, out;

	buf_init(&bomb, BUF_UNLIMITED);
	cr_assert_eq(deflater_add(d, 15, slice_of(zeros, n), &bomb), ERR_OK);
	cr_assert_lt(bomb.len, 70000);
	for (size_t i = 0; i < ARRAY_SIZE(limits) * 2; i++) {
		buf_init(&out, limits[i / 2]);
		inflater_reset(z);
		cr_assert_eq(inflate_pieces(z, buf_slice(&bomb),
					    i % 2 ? 1 : SIZE_MAX, &out),
			     ERR_LIMIT);
		cr_assert_eq(out.len, limits[i / 2]);
		cr_assert_leq(out.cap, limits[i / 2]);
		buf_release(&out);
	}
	free(zeros);
	buf_release(&bomb);
	inflater_free(z);
	deflater_free(d);
}

/* --- Through the receiver ------------------------------------------------- */

struct peer {
	struct ws_pool *pool;
	struct ws_receiver r;
	struct buf log;
	const char *why;
};

/* `T[..]` for text, `B` for binary, `P` for ping; a failure's code last. */
static bool log_frame(void *arg, enum ws_opcode opcode, struct slice payload)
{
	struct peer *p = arg;
	char name = opcode == WS_TEXT	? 'T'
		    : opcode == WS_PING ? 'P'
		    : opcode == WS_PONG ? 'O'
					: 'B';

	cr_assert_eq(buf_add_char(&p->log, name), ERR_OK);
	cr_assert_eq(buf_add_char(&p->log, '['), ERR_OK);
	cr_assert_eq(buf_add_slice(&p->log, payload), ERR_OK);
	cr_assert_eq(buf_add_char(&p->log, ']'), ERR_OK);
	return true;
}

static void peer_init(struct peer *p, bool server, size_t limit, bool keeps)
{
	*p = (struct peer){.pool = ws_pool_new()};
	ws_receiver_init(&p->r, server, limit);
	ws_receiver_deflate(&p->r, keeps);
	buf_init(&p->log, BUF_UNLIMITED);
}

static void peer_release(struct peer *p)
{
	ws_receiver_release(&p->r, p->pool);
	ws_pool_free(p->pool);
	buf_release(&p->log);
}

static enum err peer_feed(struct peer *p, struct slice bytes, size_t piece)
{
	static const struct ws_events events = {.on_frame = log_frame};
	unsigned code = 0;
	enum err e = ERR_OK;

	while (bytes.n > 0 && e == ERR_OK) {
		size_t n = bytes.n < piece ? bytes.n : piece;
		char *copy = xmalloc(n);

		memcpy(copy, bytes.p, n);
		e = ws_receiver_feed(&p->r, p->pool, slice_of(copy, n), &events,
				     p, &code, &p->why);
		free(copy);
		bytes = slice_after(bytes, n);
	}
	if (e != ERR_OK)
		cr_assert_eq(buf_printf(&p->log, "!%u", code), ERR_OK);
	return e;
}

/* Masks frames whose payloads are shorter than 126 bytes. */
static void mask_frames(struct slice bytes, struct buf *out)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

	while (bytes.n >= 2) {
		size_t n = (uint8_t)bytes.p[1], from = out->len;

		if (n > bytes.n - 2)
			n = bytes.n - 2;
		cr_assert_eq(buf_add(out, bytes.p, 2), ERR_OK);
		out->data[from + 1] |= (char)0x80;
		cr_assert_eq(buf_add(out, mask, 4), ERR_OK);
		cr_assert_eq(buf_add(out, bytes.p + 2, n), ERR_OK);
		ws_mask((uint8_t *)out->data + from + 6, n, mask, 0);
		bytes = slice_after(bytes, n + 2);
	}
	cr_assert_eq(buf_add_slice(out, bytes), ERR_OK);
}

static void assert_log(bool server, bool keeps, size_t limit,
		       struct slice bytes, size_t piece, const char *want)
{
	struct peer p;
	bool failed;

	peer_init(&p, server, limit, keeps);
	failed = peer_feed(&p, bytes, piece) != ERR_OK;
	cr_assert(slice_is(buf_slice(&p.log), want),
		  "%s, pieces of %zu: %.*s for %s",
		  server ? "server" : "client", piece,
		  SLICE_ARG(buf_slice(&p.log)), want);
	cr_assert_eq(failed, p.why != NULL);
	if (!keeps && (failed || ws_receiver_idle(&p.r)))
		cr_assert_eq(p.r.inflater, NULL);
	peer_release(&p);
}

static void assert_all(bool keeps, size_t limit, struct slice bytes,
		       const char *want)
{
	static const size_t pieces[] = {SIZE_MAX, 1, 2, 3, 5, 7};
	struct buf masked;

	buf_init(&masked, BUF_UNLIMITED);
	mask_frames(bytes, &masked);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		assert_log(false, keeps, limit, bytes, pieces[i], want);
		assert_log(true, keeps, limit, buf_slice(&masked), pieces[i],
			   want);
	}
	buf_release(&masked);
}

#define ALL(literal, want) assert_all(false, 1000, SLICE(literal), want)
#define KEEPING(literal, want) assert_all(true, 1000, SLICE(literal), want)

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"
#define HELLO_AGAIN "\xf2\x00\x11\x00\x00"

Test(ws_deflate, messages)
{
	ALL("\xc1\x07" HELLO, "T[Hello]");
	ALL("\xc2\x07" HELLO, "B[Hello]");
	ALL("\xc1\x01\x00", "T[]");
	ALL("\xc1\x07" HELLO "\x81\x02hi\xc1\x07" HELLO "\xc2\x01\x00",
	    "T[Hello]T[hi]T[Hello]B[]");
	ALL("\xc1\x07\xf2\x48\xcd\xc9\xc9", "");
	/* RFC 7692 section 7.2.3.1: in two fragments */
	ALL("\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00", "T[Hello]");
	ALL("\x41\x00\x00\x07" HELLO "\x80\x00\x81\x01z", "T[Hello]T[z]");
	ALL("\x41\x03\xf2\x48\xcd\x89\x01p\x00\x00\x8a\x00\x80\x04\xc9\xc9\x07"
	    "\x00\x89\x01q",
	    "P[p]O[]T[Hello]P[q]");
	/* a fragment that was flushed with its tail left in */
	ALL("\x41\x0b" HELLO "\x00\x00\xff\xff\x80\x01\x00", "T[Hello]");
	/* the next fragmented message is a plain one */
	ALL("\xc1\x07" HELLO "\x01\x01h\x80\x01i", "T[Hello]T[hi]");
}

Test(ws_deflate, the_reserved_bit_is_for_first_frames_of_messages)
{
	ALL("\x41\x03\xf2\x48\xcd\xc0\x04\xc9\xc9\x07\x00", "!1002");
	ALL("\x01\x01h\xc0\x01i", "!1002");
	ALL("\xc0\x01i", "!1002");
	ALL("\xc9\x00", "!1002");
	ALL("\xca\x00", "!1002");
	ALL("\xc8\x00", "!1002");
	ALL("\xc3\x00", "!1002");
	ALL("\xe1\x07" HELLO, "!1002");
	ALL("\xd1\x07" HELLO, "!1002");
	ALL("\xa1\x07" HELLO, "!1002");
	ALL("\x41\x03\xf2\x48\xcd\x41\x04\xc9\xc9\x07\x00", "!1002");
	ALL("\x41\x03\xf2\x48\xcd\x81\x01z", "!1002");
}

Test(ws_deflate, the_bit_is_refused_until_it_was_agreed)
{
	struct peer p;

	peer_init(&p, false, 100, false);
	ws_receiver_init(&p.r, false, 100);
	cr_assert_eq(peer_feed(&p, SLICE("\xc1"), 1), ERR_PROTO);
	cr_assert(slice_is(buf_slice(&p.log), "!1002"));
	peer_release(&p);
}

Test(ws_deflate, an_earlier_message_is_remembered_only_if_agreed)
{
	KEEPING("\xc1\x07" HELLO "\xc1\x05" HELLO_AGAIN "\xc2\x05" HELLO_AGAIN,
		"T[Hello]T[Hello]B[Hello]");
	KEEPING("\xc1\x07" HELLO "\x81\x01z\x41\x02\xf2\x00\x89\x00\x80\x03\x11"
		"\x00\x00",
		"T[Hello]T[z]P[]T[Hello]");
	ALL("\xc1\x07" HELLO "\xc1\x05" HELLO_AGAIN, "T[Hello]!1007");
}

Test(ws_deflate, what_does_not_inflate_is_1007)
{
	ALL("\xc1\x00", "!1007");
	ALL("\xc2\x01\x06", "!1007");
	ALL("\xc2\x06\xf2\x48\xcd\xc9\xc9\x07", "!1007");
	ALL("\x42\x06\xf2\x48\xcd\xc9\xc9\x07\x89\x00\x80\x00", "P[]!1007");
	ALL("\xc2\x05" HELLO_AGAIN, "!1007");
}

/* Stored blocks, so that the text can be read here. */
Test(ws_deflate, text_is_checked_when_inflated)
{
	ALL("\xc1\x08\x00\x02\x00\xfd\xff\xc3\xa9\x00", "T[\xc3\xa9]");
	ALL("\xc1\x08\x00\x02\x00\xfd\xff\xc3\x28\x00", "!1007");
	ALL("\xc2\x08\x00\x02\x00\xfd\xff\xc3\x28\x00", "B[\xc3\x28]");
	/* cut off at the end, in a character over two blocks and fragments */
	ALL("\xc1\x07\x00\x01\x00\xfe\xff\xc3\x00", "!1007");
	ALL("\x41\x06\x00\x01\x00\xfe\xff\xc3\x80\x07\x00\x01\x00\xfe\xff\xa9"
	    "\x00",
	    "T[\xc3\xa9]");
	/* the text is wrong before the block is */
	ALL("\xc1\x07\x00\x01\x00\xfe\xff\xff\x06", "!1007");
	/* at once, the rest of the frame unseen */
	ALL("\xc1\x7d\x00\x02\x00\xfd\xff\xc3\x28", "!1007");
}

Test(ws_deflate, the_limit_is_for_the_inflated_bytes)
{
	struct slice hello = SLICE("\xc2\x07" HELLO);
	struct slice two =
		SLICE("\x42\x0b" HELLO "\x00\x00\xff\xff\x80\x07" HELLO);

	assert_all(false, 5, hello, "B[Hello]");
	assert_all(false, 4, hello, "!1009");
	assert_all(false, 0, hello, "!1009");
	assert_all(false, 0, SLICE("\xc2\x01\x00"), "B[]");
	assert_all(false, 10, two, "B[HelloHello]");
	assert_all(false, 9, two, "!1009");
	/* no compressor makes 2^30 bytes of a thousand */
	ALL("\xc2\x7f\x00\x00\x00\x00\x40\x00\x00\x00", "!1009");
}

/* Every frame out, of both roles, comes back as the message it was. */
Test(ws_deflate, frames_out_and_in)
{
	static const size_t sizes[] = {0, 1, 5, 200, 70000, 1 << 20};
	static const size_t pieces[] = {SIZE_MAX, 1, 1000, 65536};
	struct deflater *d = deflater_new(1);
	struct buf frames;
	struct peer p;

	buf_init(&frames, BUF_UNLIMITED);
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * 4; i++) {
		size_t n = sizes[i / 4];
		bool masked = i & 1, hard = i & 2;
		char *text = hard ? noise(n, n) : prose(n);

		buf_clear(&frames);
		cr_assert_eq(deflater_add_frame(d, 9 + i % 7, &frames,
						WS_BINARY, slice_of(text, n),
						masked),
			     ERR_OK);
		cr_assert_eq(frames.data[0], hard || n < 100 ? '\x82' : '\xc2');
		cr_assert_leq(frames.len, n + WS_HEADER_MAX);
		for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
			peer_init(&p, masked, n, false);
			cr_assert_eq(
				peer_feed(&p, buf_slice(&frames), pieces[k]),
				ERR_OK);
			cr_assert_eq(p.log.len, n + 3);
			cr_assert_eq(memcmp(p.log.data + 2, text, n), 0);
			cr_assert(ws_receiver_idle(&p.r));
			cr_assert_eq(p.r.inflater, NULL);
			cr_assert_eq(p.r.message.data, NULL);
			peer_release(&p);
		}
		free(text);
	}
	buf_release(&frames);
	deflater_free(d);
}

/* 16 MiB within a frame of 16 KiB, in pieces and at once. */
Test(ws_deflate, a_bomb)
{
	const size_t n = 16 << 20;
	struct deflater *d = deflater_new(9);
	char *zeros = xcalloc(1, n);
	struct buf frame;

	buf_init(&frame, BUF_UNLIMITED);
	cr_assert_eq(deflater_add_frame(d, 15, &frame, WS_TEXT,
					slice_of(zeros, n), false),
		     ERR_OK);
	assert_log(false, false, 1 << 20, buf_slice(&frame), SIZE_MAX, "!1009");
	assert_log(false, false, 1 << 20, buf_slice(&frame), 1, "!1009");
	assert_log(false, true, 1000, buf_slice(&frame), 100, "!1009");
	buf_release(&frame);
	free(zeros);
	deflater_free(d);
}

/* An idle receiver owns an inflater only where the peer looks back. */
Test(ws_deflate, the_inflater_is_borrowed)
{
	struct peer p;

	peer_init(&p, false, 100, false);
	cr_assert_eq(peer_feed(&p, SLICE("\x41\x03\xf2\x48\xcd"), SIZE_MAX),
		     ERR_OK);
	cr_assert_neq(p.r.inflater, NULL);
	cr_assert_not(ws_receiver_idle(&p.r));
	cr_assert_eq(peer_feed(&p, SLICE("\x80\x04\xc9\xc9\x07\x00"), SIZE_MAX),
		     ERR_OK);
	cr_assert_eq(p.r.inflater, NULL);
	cr_assert(ws_receiver_idle(&p.r));
	peer_release(&p);
	peer_init(&p, false, 100, true);
	cr_assert_eq(p.r.inflater, NULL);
	cr_assert_eq(peer_feed(&p, SLICE("\xc1\x07" HELLO), SIZE_MAX), ERR_OK);
	cr_assert_neq(p.r.inflater, NULL);
	cr_assert(ws_receiver_idle(&p.r));
	peer_release(&p);
}

/* More at once than the pool keeps, each in the middle of its message. */
Test(ws_deflate, a_pool_serves_many)
{
	enum { COUNT = 20 };
	static const struct ws_events events = {.on_frame = log_frame};
	struct ws_pool *pool = ws_pool_new();
	struct ws_receiver r[COUNT];
	struct peer log = {0};
	const char *why = NULL;
	unsigned code;

	buf_init(&log.log, BUF_UNLIMITED);
	for (int round = 0; round < 3; round++) {
		buf_clear(&log.log);
		for (int i = 0; i < COUNT; i++) {
			ws_receiver_init(&r[i], false, 100);
			ws_receiver_deflate(&r[i], i % 4 == 3);
			cr_assert_eq(
				ws_receiver_feed(&r[i], pool,
						 SLICE("\xc1\x07\xf2\x48\xcd"),
						 &events, &log, &code, &why),
				ERR_OK);
		}
		for (int i = 0; i < COUNT; i++) {
			if (i % 2)
				cr_assert_eq(ws_receiver_feed(
						     &r[i], pool,
						     SLICE("\xc9\xc9\x07\x00"),
						     &events, &log, &code,
						     &why),
					     ERR_OK);
			ws_receiver_release(&r[i], pool);
			cr_assert_eq(r[i].inflater, NULL);
		}
		cr_assert_eq(log.log.len, COUNT / 2 * strlen("T[Hello]"));
	}
	buf_release(&log.log);
	ws_pool_free(pool);
}
