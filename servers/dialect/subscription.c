/* SPDX-License-Identifier: MIT */
#include "servers/dialect/subscription.h"

#include "servers/base/check.h"
#include "servers/dialect/dialect.h"
#include "servers/wire/envelope.h"

/* Collects the room parameters of one request. */
struct reader {
	struct subscription *out;
	bool bad;
};

static void add_name(struct subscription *s, struct slice name)
{
	CHECK(buf_add_slice(&s->names, name) == ERR_OK);
	CHECK(buf_add_char(&s->names, '\0') == ERR_OK);
}

/* The i-th NUL-terminated name. */
static struct slice name_at(const struct subscription *s, size_t i)
{
	const char *p = s->names.data;

	while (i-- > 0)
		p += strlen(p) + 1;
	return slice_str(p);
}

struct slice subscription_room(const struct subscription *s, size_t i)
{
	return name_at(s, i + 2);
}

static void read_room(void *arg, struct slice value)
{
	struct reader *reader = arg;

	if (!envelope_name_valid(value)) {
		reader->bad = true;
		return;
	}
	add_name(reader->out, value);
	reader->out->rooms++;
}

static const char *read_rooms(struct subscription *out, struct hub *hub,
			      struct http_request *r)
{
	struct reader reader = {.out = out};

	http_request_query_each(r, "room", read_room, &reader);
	if (reader.bad)
		return "a room's name must be 1 to 255 bytes of UTF-8 without "
		       "control characters";
	if (out->rooms > hub->options.max_rooms_per_session)
		return "too many rooms for one session";
	return NULL;
}

static struct connect_info info_of(const struct subscription *s)
{
	return (struct connect_info){.nsp = name_at(s, 0),
				     .address = name_at(s, 1),
				     .objects = true};
}

/* Answers with the status that fits; false. */
static bool refuse(struct http_request *r, enum err e,
		   const struct refusal *why)
{
	switch (e) {
	case ERR_NOTFOUND:
		http_respond_error(r, 404, "no such namespace");
		break;
	case ERR_REFUSED:
		http_respond_error(r, 403,
				   why->message ? why->message : "refused");
		break;
	default:
		http_respond_error(r, 400,
				   "a namespace starts with \"/\" and has at "
				   "most 255 bytes without control characters");
	}
	return false;
}

bool subscription_admit(struct http_request *r, struct hub *hub)
{
	struct refusal why = {0};
	struct connect_info info = {.nsp = dialect_nsp(r),
				    .address = http_request_address(r),
				    .objects = true};
	enum err e = hub_admit(hub, &info, &why);

	return e == ERR_OK || refuse(r, e, &why);
}

bool subscription_read(struct subscription *out, struct hub *hub,
		       struct http_request *r)
{
	const char *wrong;

	if (!subscription_admit(r, hub))
		return false;
	*out = (struct subscription){0};
	buf_init(&out->names, BUF_UNLIMITED);
	add_name(out, dialect_nsp(r));
	add_name(out, http_request_address(r));
	wrong = read_rooms(out, hub, r);
	if (!wrong)
		return true;
	subscription_release(out);
	http_respond_error(r, 400, wrong);
	return false;
}

void subscription_release(struct subscription *s)
{
	buf_release(&s->names);
}

enum err subscription_connect(const struct subscription *s, struct hub *hub,
			      struct transport *t, struct session **out)
{
	struct connect_info info = info_of(s);
	struct refusal why;

	return hub_connect(hub, &info, t, &why, out);
}

void subscription_join(const struct subscription *s, struct session *session,
		       struct buf *answer)
{
	for (size_t i = 0; i < s->rooms; i++) {
		enum err e = hub_join(session, subscription_room(s, i));

		if (e == ERR_OK)
			continue;
		CHECK(envelope_add_error(answer, (struct slice){0},
					 SLICE("the limit of rooms is "
					       "reached")) == ERR_OK);
		return;
	}
}
