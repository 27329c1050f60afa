/* SPDX-License-Identifier: MIT */
#include "servers/wire/ws_head.h"

#include <string.h>

#define RSV_ALL 0x70
#define RSV_DEFLATED 0x40
#define DEFLATED_SLACK 4096

static enum err refuse(const char **why, const char *text)
{
	*why = text;
	return ERR_PROTO;
}

/*
 * permessage-deflate permits the first reserved bit, on the first frame of a
 * message only (RFC 7692 section 6).
 */
static bool reserved_bits_fit(uint8_t byte, bool deflate)
{
	const uint8_t opcode = byte & 0xf;

	if (!(byte & RSV_ALL))
		return true;
	return deflate && (byte & RSV_ALL) == RSV_DEFLATED &&
	       (opcode == WS_TEXT || opcode == WS_BINARY);
}

static enum err judge_first(uint8_t byte, const struct ws_head_rules *rules,
			    const char **why)
{
	const bool in_message = rules->in_message;

	if (!reserved_bits_fit(byte, rules->deflate))
		return refuse(why, "reserved bits are set");
	switch (byte & 0xf) {
	case WS_CONTINUATION:
		if (!in_message)
			return refuse(why, "continuation without a message");
		return ERR_OK;
	case WS_TEXT:
	case WS_BINARY:
		if (in_message)
			return refuse(why,
				      "new message inside a fragmented one");
		return ERR_OK;
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		if (!(byte & 0x80))
			return refuse(why, "fragmented control frame");
		return ERR_OK;
	default:
		return refuse(why, "reserved opcode");
	}
}

static enum err judge_second(uint8_t opcode, uint8_t byte, bool masked,
			     const char **why)
{
	const bool is_masked = byte & 0x80;

	if (is_masked && !masked)
		return refuse(why, "frame of a server is masked");
	if (!is_masked && masked)
		return refuse(why, "frame of a client is not masked");
	if (ws_opcode_is_control(opcode) && (byte & 0x7f) > WS_CONTROL_MAX)
		return refuse(why, "control frame over 125 bytes");
	return ERR_OK;
}

static uint64_t big_endian(const uint8_t *p, size_t n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | *p++;
	return value;
}

/* The length in its three forms; ERR_AGAIN while it is cut. */
static enum err judge_length(const uint8_t *p, size_t n, uint64_t max,
			     struct ws_head *h, const char **why)
{
	static const uint64_t shortest[] = {[2] = 126, [8] = 65536};
	const uint8_t first = p[1] & 0x7f;
	size_t more = 0;

	if (first > 125)
		more = first == 126 ? 2 : 8;
	if (n < 2 + more)
		return ERR_AGAIN;
	h->size = (uint8_t)(2 + more);
	h->payload = more > 0 ? big_endian(p + 2, more) : first;
	if (more > 0 && h->payload < shortest[more])
		return refuse(why, "length is not in its shortest form");
	if (h->payload >> 63)
		return refuse(why, "length has its top bit set");
	if (!ws_opcode_is_control(h->opcode) && h->payload > max) {
		*why = "message is too big";
		return ERR_LIMIT;
	}
	return ERR_OK;
}

/*
 * A compressor at its worst makes 9 bits of a byte, and may flush now and
 * then: what is longer by more than this can only be meant badly.
 */
static uint64_t deflated_max(uint64_t inflated_max)
{
	return inflated_max + inflated_max / 8 + DEFLATED_SLACK;
}

enum err ws_head_read(const uint8_t *p, size_t n,
		      const struct ws_head_rules *rules, struct ws_head *h,
		      const char **why)
{
	enum err e;

	if (n < 1)
		return ERR_AGAIN;
	e = judge_first(p[0], rules, why);
	if (e != ERR_OK)
		return e;
	h->opcode = p[0] & 0xf;
	h->fin = p[0] & 0x80;
	h->compressed = p[0] & RSV_DEFLATED ||
			(rules->compressed && h->opcode == WS_CONTINUATION);
	if (n < 2)
		return ERR_AGAIN;
	e = judge_second(h->opcode, p[1], rules->masked, why);
	if (e == ERR_OK)
		e = judge_length(p, n,
				 h->compressed
					 ? deflated_max(rules->payload_max)
					 : rules->payload_max,
				 h, why);
	if (e != ERR_OK || !rules->masked)
		return e;
	if (n - h->size < sizeof(h->mask))
		return ERR_AGAIN;
	memcpy(h->mask, p + h->size, sizeof(h->mask));
	h->size += (uint8_t)sizeof(h->mask);
	return ERR_OK;
}
