/* SPDX-License-Identifier: MIT */
#include "bench/load/wire.h"

#include <math.h>
#include <string.h>

#include "servers/base/check.h"

#define MTU_MAX 65535.0 /* of an IPv4 packet, whatever the interface takes */

static double digits(uint64_t n)
{
	double count = 1;

	for (; n >= 10; n /= 10)
		count++;
	return count;
}

static double length(const char *text)
{
	return (double)strlen(text);
}

/* --- Envelopes ------------------------------------------------------------ */

/* What the raw dialect's object needs around the data. */
static double raw_envelope(const struct wire_case *c, uint64_t number)
{
	(void)number;
	return length("{\"type\":\"message\",\"room\":\"\",\"data\":}") +
	       length(c->room);
}

/* What a Socket.IO event of the relay needs around it. */
static double socketio_envelope(const struct wire_case *c, uint64_t number)
{
	return length("42[\"message\",,{\"room\":\"\",\"seq\":}]") +
	       length(c->room) + digits(number);
}

static double no_envelope(const struct wire_case *c, uint64_t number)
{
	(void)c;
	(void)number;
	return 0;
}

/* --- Carriers ------------------------------------------------------------- */

static double bare_head(double length)
{
	(void)length;
	return 8;
}

/* RFC 6455 section 5.2; the server does not mask. */
static double frame_head(double length)
{
	return length < 126 ? 2 : length < 65536 ? 4 : 10;
}

static double event_fields(double size)
{
	(void)size;
	return length("data:\n\n");
}

/* --- Dialects ------------------------------------------------------------- */

static const struct dialect {
	const char *name;
	double (*envelope)(const struct wire_case *c, uint64_t number);
	double (*carrier)(double length); /* NULL: an answer's body */
	/* What polls. */
	const char *path, *query;
	bool names_room; /* in its query, behind it */
	bool single;	 /* an answer is one message */
} dialects[] = {
	{.name = "bare", .envelope = no_envelope, .carrier = bare_head},
	{.name = "ws", .envelope = raw_envelope, .carrier = frame_head},
	{.name = "sse", .envelope = raw_envelope, .carrier = event_fields},
	{.name = "longpoll",
	 .envelope = socketio_envelope,
	 .path = "/socket.io/",
	 .query = "EIO=4&transport=polling&sid=x"},
	{.name = "longpoll+upgrade",
	 .envelope = socketio_envelope,
	 .carrier = frame_head},
	{.name = "ws-plain", .envelope = no_envelope, .carrier = frame_head},
	{.name = "sse-plain", .envelope = no_envelope, .carrier = event_fields},
	{.name = "longpoll-plain",
	 .envelope = no_envelope,
	 .path = "/poll",
	 .query = "room=",
	 .names_room = true,
	 .single = true},
};

static const struct dialect *dialect_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(dialects); i++) {
		if (strcmp(dialects[i].name, name) == 0)
			return &dialects[i];
	}
	return NULL;
}

/* --- The least ------------------------------------------------------------ */

/* What one subscriber's messages take in a slice. */
struct course {
	const struct wire_case *c;
	const struct dialect *dialect;
	double segment;		/* bytes of data that fit into one */
	double waiting;		/* bytes of the messages that leave next */
	uint64_t waiting_count; /* of them */
	double framing, http_in, http_out, segments_in, segments_out;
};

static double request_length(const struct course *t)
{
	const char *path =
		t->c->path && t->c->path[0] ? t->c->path : t->dialect->path;
	double n = length("GET ? HTTP/1.1\r\nHost:127.0.0.1\r\n\r\n") +
		   length(path) + length(t->dialect->query);

	return t->dialect->names_room ? n + length(t->c->room) : n;
}

static double segments(const struct course *t, double bytes)
{
	return ceil(bytes / t->segment);
}

/* A poll's answer with all that wait, and the request that it answers. */
static void answer(struct course *t)
{
	double request = request_length(t), head;

	/* The separators between packets. */
	t->framing += (double)(t->waiting_count - 1);
	t->waiting += (double)(t->waiting_count - 1);
	head = length("HTTP/1.1 200 \r\nContent-Length:\r\n\r\n") +
	       digits((uint64_t)t->waiting);
	t->http_in += head;
	t->http_out += request;
	t->segments_in += segments(t, head + t->waiting);
	t->segments_out += segments(t, request);
}

static void leave(struct course *t)
{
	if (t->dialect->carrier)
		t->segments_in += segments(t, t->waiting);
	else
		answer(t);
	t->waiting = 0;
	t->waiting_count = 0;
}

static void take(struct course *t, uint64_t number)
{
	double framing = t->dialect->envelope(t->c, number);

	if (t->dialect->carrier)
		framing += t->dialect->carrier(t->c->payload + framing);
	t->framing += framing;
	t->waiting += t->c->payload + framing;
	t->waiting_count++;
}

/* A subscriber of `count` messages, `times` over: so many rooms are alike. */
static void add_subscriber(const struct wire_case *c, const struct dialect *d,
			   uint64_t count, double times, struct wire_bytes *in,
			   struct wire_bytes *out)
{
	double mtu = c->mtu > 0 ? fmin(c->mtu, MTU_MAX) : MTU_MAX;
	uint64_t together = d->single ? 1 : c->rooms > 1 ? 0 : c->together;
	struct course t = {
		.c = c, .dialect = d, .segment = fmax(mtu - WIRE_SEGMENT, 1)};

	for (uint64_t number = 1; number <= count; number++) {
		take(&t, number);
		if (t.waiting_count == together || number == count)
			leave(&t);
	}
	in->framing += times * t.framing;
	in->http += times * t.http_in;
	in->tcp_ip += times * t.segments_in * WIRE_SEGMENT;
	out->http += times * t.http_out;
	out->tcp_ip += times * t.segments_out * WIRE_SEGMENT;
}

static void divide(struct wire_bytes *b, double by)
{
	b->framing /= by;
	b->http /= by;
	b->tcp_ip /= by;
}

bool wire_model(const struct wire_case *c, struct wire_bytes *to_client,
		struct wire_bytes *to_server)
{
	const struct dialect *d = c->deflate ? NULL : dialect_of(c->dialect);
	uint64_t rooms = c->rooms > 1 ? c->rooms : 1;
	uint64_t more = c->messages % rooms;

	*to_client = (struct wire_bytes){.payload = c->payload};
	*to_server = (struct wire_bytes){0};
	if (!d)
		return false;
	CHECK(c->messages > 0);
	add_subscriber(c, d, c->messages / rooms, (double)(rooms - more),
		       to_client, to_server);
	add_subscriber(c, d, c->messages / rooms + 1, (double)more, to_client,
		       to_server);
	divide(to_client, (double)c->messages);
	divide(to_server, (double)c->messages);
	return true;
}

/* --- Measured ------------------------------------------------------------- */

static struct wire_bytes split(uint64_t bytes, uint64_t http, double payload,
			       uint64_t segments, double units)
{
	return (struct wire_bytes){
		.payload = payload / units,
		.framing = ((double)bytes - (double)http - payload) / units,
		.http = (double)http / units,
		.tcp_ip = (double)segments * WIRE_SEGMENT / units,
	};
}

/* What frames of `each` bytes carry, whose heads tell their length. */
static double carried(double each)
{
	if (each - frame_head(0) < 126)
		return each - frame_head(0);
	if (each - frame_head(126) < 65536)
		return each - frame_head(126);
	return each - frame_head(65536);
}

void wire_measured(const struct wire_case *c, const struct load_result *r,
		   double units, struct wire_bytes *to_client,
		   struct wire_bytes *to_server)
{
	double deliveries = (double)r->deliveries;
	double received = deliveries * c->payload;
	double sent = (double)r->messages * c->payload;

	if (c->deflate && r->deliveries > 0)
		received = deliveries *
			   carried(((double)r->bytes_in - (double)r->http_in) /
				   deliveries);
	*to_client =
		split(r->bytes_in, r->http_in, received, r->segments_in, units);
	*to_server =
		split(r->bytes_out, r->http_out, sent, r->segments_out, units);
}
