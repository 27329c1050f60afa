/* SPDX-License-Identifier: MIT */
/*
 * Decoding any text: what is refused says why, what is taken lies in the text
 * or the scratch, keeps its promises, and reads back when it is written.
 */
#include "servers/base/check.h"
#include "servers/base/utf8.h"
#include "servers/wire/envelope.h"
#include "servers/wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct slice s, const char *p, size_t n)
{
	uintptr_t from = (uintptr_t)p;
	uintptr_t at = (uintptr_t)s.p;

	return at >= from && at - from <= n && s.n <= n - (at - from);
}

static void check_text(struct slice s, struct slice text,
		       const struct buf *scratch)
{
	if (s.n == 0)
		return;
	CHECK(lies_in(s, text.p, text.n) ||
	      lies_in(s, scratch->data, scratch->len));
	CHECK(utf8_valid(s.p, s.n));
}

static void check_raw(struct slice s, struct slice text)
{
	if (s.n == 0)
		return;
	CHECK(lies_in(s, text.p, text.n));
	CHECK(json_value_length(s) == s.n);
}

static void check_slices(const struct envelope *e, struct slice text,
			 const struct buf *scratch)
{
	check_text(e->type_name, text, scratch);
	check_text(e->room, text, scratch);
	check_text(e->event, text, scratch);
	check_text(e->epoch, text, scratch);
	check_text(e->from, text, scratch);
	check_raw(e->id, text);
	check_raw(e->data, text);
	check_raw(e->rooms, text);
	check_raw(e->payload, text);
	CHECK(e->has_id == (e->id.n > 0));
}

static void check_promises(const struct envelope *e)
{
	switch (e->type) {
	case ENVELOPE_PUBLISH:
	case ENVELOPE_MESSAGE:
		CHECK(e->data.n > 0);
		CHECK(e->event.n == 0 || envelope_name_valid(e->event));
		CHECK(envelope_name_valid(e->room));
		break;
	case ENVELOPE_JOIN:
	case ENVELOPE_LEAVE:
	case ENVELOPE_GAP:
		CHECK(envelope_name_valid(e->room));
		CHECK(e->gap_from <= e->gap_to);
		break;
	case ENVELOPE_RESUME:
		CHECK(e->has_position && json_type(e->rooms) == JSON_ARRAY);
		break;
	case ENVELOPE_CHUNK:
		CHECK(e->has_id && e->chunk < e->total);
		CHECK(json_type(e->data) == JSON_STRING);
		break;
	default:
		break;
	}
}

static void check_again(const struct envelope *e)
{
	struct envelope back;
	struct buf b, scratch;
	const char *why;

	if (e->type != ENVELOPE_MESSAGE)
		return;
	buf_init(&b, BUF_UNLIMITED);
	buf_init(&scratch, BUF_UNLIMITED);
	CHECK(envelope_add_message(&b, e->room, e->event, e->data, e->from,
				   e->seq, e->position) == ERR_OK);
	CHECK(envelope_decode(buf_slice(&b), &scratch, &back, &why) == ERR_OK);
	/* The writer always names an event, and an empty one is no event. */
	if (e->event.n > 0) {
		CHECK(back.type == ENVELOPE_MESSAGE);
		CHECK(slice_eq(back.room, e->room));
		CHECK(slice_eq(back.event, e->event));
		CHECK(slice_eq(back.data, e->data));
		CHECK(slice_eq(back.from, e->from));
		CHECK(back.seq == e->seq && back.position == e->position);
	}
	buf_release(&b);
	buf_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(size ? (const char *)data : "", size);
	const char *why = NULL;
	struct envelope e;
	struct buf scratch;
	bool object;
	enum err error;

	buf_init(&scratch, BUF_UNLIMITED);
	object = json_validate(text) && json_type(text) == JSON_OBJECT;
	error = envelope_decode(text, &scratch, &e, &why);
	CHECK((why == NULL) == (error == ERR_OK));
	CHECK(e.is_object == object);
	CHECK(json_validate(text) || slice_is(slice_str(why), "Invalid JSON"));
	if (error == ERR_OK) {
		check_slices(&e, text, &scratch);
		check_promises(&e);
		check_again(&e);
	}
	check_raw(e.id, text);
	buf_release(&scratch);
	return 0;
}
