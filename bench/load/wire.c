/* SPDX-License-Identifier: MIT */
#include "bench/load/wire.h"

#include <string.h>

#include "servers/base/check.h"

#define ID_CHARS 20  /* of a sender's public id */
#define SID_CHARS 22 /* of a session's */
#define EPOCH_CHARS 10

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

/* What the raw dialect's object has around the data. */
static double raw_envelope(const struct wire_case *c)
{
	return length("{\"type\":\"message\",\"room\":\"\",\"event\":\"message\","
		      "\"data\":,\"from\":\"\",\"seq\":,\"position\":}") +
	       length(c->room) + ID_CHARS + 2 * digits(c->position);
}

/* What a Socket.IO event of the relay has around it. */
static double socketio_envelope(const struct wire_case *c)
{
	return length("42[\"message\",,{\"room\":\"\",\"from\":\"\",\"seq\":}]") +
	       length(c->room) + ID_CHARS + digits(c->position);
}

/* --- Carriers ------------------------------------------------------------- */

/* RFC 6455 section 5.2; the server does not mask. */
static double frame_head(double length)
{
	return length < 126 ? 2 : length < 65536 ? 4 : 10;
}

static double event_fields(const struct wire_case *c, bool ours)
{
	double least = length("data: \n\n");

	return ours ? least + length("id: -\nevent: message\n") + EPOCH_CHARS +
			       digits(c->position)
		    : least;
}

static void add_poll(const struct wire_case *c, double body,
		     struct wire_bytes *to_client, struct wire_bytes *to_server)
{
	to_server->http =
		(length("GET /socket.io/?EIO=4&transport=polling&sid= HTTP/1.1"
			"\r\nHost: 127.0.0.1:65535\r\n\r\n") +
		 SID_CHARS) /
		c->together;
	to_client->http =
		(length("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
			"Content-Length: \r\n\r\n") +
		 digits((uint64_t)body)) /
		c->together;
}

/* --- Dialects ------------------------------------------------------------- */

static void model_bare(const struct wire_case *c, struct wire_bytes *in,
		       struct wire_bytes *out)
{
	(void)c;
	(void)out;
	in->framing = 8;
}

static void model_ws(const struct wire_case *c, struct wire_bytes *in,
		     struct wire_bytes *out)
{
	double envelope = raw_envelope(c);

	(void)out;
	in->framing = envelope + frame_head(c->payload + envelope);
}

static void model_upgrade(const struct wire_case *c, struct wire_bytes *in,
			  struct wire_bytes *out)
{
	double envelope = socketio_envelope(c);

	(void)out;
	in->framing = envelope + frame_head(c->payload + envelope);
}

static void model_sse(const struct wire_case *c, struct wire_bytes *in,
		      struct wire_bytes *out)
{
	(void)out;
	in->framing = raw_envelope(c) + event_fields(c, true);
}

static void model_longpoll(const struct wire_case *c, struct wire_bytes *in,
			   struct wire_bytes *out)
{
	double body;

	in->framing = socketio_envelope(c) + 1 - 1.0 / c->together;
	body = (c->payload + in->framing) * c->together;
	add_poll(c, body, in, out);
}

static void model_ws_plain(const struct wire_case *c, struct wire_bytes *in,
			   struct wire_bytes *out)
{
	(void)out;
	in->framing = frame_head(c->payload);
}

static void model_sse_plain(const struct wire_case *c, struct wire_bytes *in,
			    struct wire_bytes *out)
{
	(void)out;
	in->framing = event_fields(c, false);
}

static void model_longpoll_plain(const struct wire_case *c,
				 struct wire_bytes *in, struct wire_bytes *out)
{
	struct wire_case one = *c;

	one.together = 1;
	add_poll(&one, c->payload, in, out);
}

static const struct {
	const char *dialect;
	void (*model)(const struct wire_case *c, struct wire_bytes *in,
		      struct wire_bytes *out);
	bool alone; /* each message has segments of its own */
} models[] = {
	{"bare", model_bare, true},
	{"ws", model_ws, false},
	{"sse", model_sse, false},
	{"longpoll", model_longpoll, false},
	{"longpoll+upgrade", model_upgrade, false},
	{"ws-plain", model_ws_plain, false},
	{"sse-plain", model_sse_plain, false},
	{"longpoll-plain", model_longpoll_plain, true},
};

bool wire_model(const struct wire_case *c, struct wire_bytes *to_client,
		struct wire_bytes *to_server)
{
	*to_client = (struct wire_bytes){.payload = c->payload};
	*to_server = (struct wire_bytes){0};
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		double each = models[i].alone ? 1 : c->together;

		if (strcmp(models[i].dialect, c->dialect) != 0)
			continue;
		models[i].model(c, to_client, to_server);
		to_client->tcp_ip = WIRE_SEGMENT / each;
		to_server->tcp_ip = WIRE_SEGMENT / each;
		return true;
	}
	return false;
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

void wire_measured(const struct load_result *r, uint32_t payload, double units,
		   struct wire_bytes *to_client, struct wire_bytes *to_server)
{
	double received = (double)r->deliveries * payload;
	double sent = (double)r->messages * payload;

	*to_client =
		split(r->bytes_in, r->http_in, received, r->segments_in, units);
	*to_server =
		split(r->bytes_out, r->http_out, sent, r->segments_out, units);
}
