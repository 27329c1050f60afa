/* SPDX-License-Identifier: MIT */
#include "servers/wire/engineio.h"

#include <limits.h>
#include <stdint.h>

#include "servers/wire/json.h"

/* The type character is the enum's value as a digit. */
static const char type_chars[] = "0123456";

enum err engineio_decode(struct slice text, struct engineio_packet *out)
{
	unsigned char c;

	if (text.n == 0)
		return ERR_PROTO;
	c = (unsigned char)text.p[0];
	out->data = slice_after(text, 1);
	out->binary = c == 'b';
	if (out->binary) {
		out->type = ENGINEIO_MESSAGE;
		return ERR_OK;
	}
	if (c < '0' || c > '0' + ENGINEIO_NOOP)
		return ERR_PROTO;
	out->type = (enum engineio_type)(c - '0');
	return ERR_OK;
}

/*
 * The end is marked by a NULL pointer, because an empty rest after a final
 * separator is one more packet, as it is for the reference parser.
 */
bool engineio_split(struct slice *payload, struct slice *packet)
{
	const char *end;

	if (!payload->p)
		return false;
	end = payload->n ? memchr(payload->p, ENGINEIO_SEPARATOR, payload->n)
			 : NULL;
	if (!end) {
		*packet = *payload;
		*payload = slice_of(NULL, 0);
		return true;
	}
	*packet = slice_of(payload->p, (size_t)(end - payload->p));
	*payload = slice_after(*payload, packet->n + 1);
	return true;
}

enum err engineio_encode(struct buf *b, enum engineio_type type,
			 struct slice data)
{
	enum err e = buf_reserve(b, data.n + 1);

	if (e)
		return e;
	b->data[b->len++] = type_chars[type];
	if (data.n)
		memcpy(b->data + b->len, data.p, data.n);
	b->len += data.n;
	return ERR_OK;
}

/* Base64 (RFC 4648 section 4) */
static const char base64_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz0123456789+/";

/* Six bits of one character; 0xff for one that is not of the alphabet. */
static uint8_t base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0' + 52);
	if (c == '+')
		return 62;
	return c == '/' ? 63 : 0xff;
}

/* Reads `n` characters (at most 4) as one group. False on a foreign one. */
static bool base64_group(const char *p, size_t n, uint32_t *out)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t v = base64_value((unsigned char)p[i]);

		if (v == 0xff)
			return false;
		bits = bits << 6 | v;
	}
	*out = bits;
	return true;
}

/*
 * The last 2 or 3 characters, which stand for 1 or 2 bytes. Bits beyond those
 * bytes must be 0, so that one text is the only spelling of its bytes.
 */
static bool base64_tail(const char *p, size_t n, struct buf *out)
{
	uint32_t bits;

	if (n == 0)
		return true;
	if (n == 1 || !base64_group(p, n, &bits))
		return false;
	if (n == 2) {
		out->data[out->len++] = (char)(bits >> 4);
		return (bits & 0xf) == 0;
	}
	out->data[out->len++] = (char)(bits >> 10);
	out->data[out->len++] = (char)(bits >> 2);
	return (bits & 0x3) == 0;
}

enum err engineio_decode_base64(struct slice base64, struct buf *out)
{
	size_t start = out->len;
	size_t n = base64.n;
	size_t i = 0;
	enum err e;

	if (n && n % 4 == 0 && base64.p[n - 1] == '=')
		n -= base64.p[n - 2] == '=' ? 2 : 1;
	if (n == 0)
		return ERR_OK;
	e = buf_reserve(out, n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0));
	if (e)
		return e;
	for (; i + 4 <= n; i += 4) {
		uint32_t bits;

		if (!base64_group(base64.p + i, 4, &bits))
			goto bad;
		out->data[out->len++] = (char)(bits >> 16);
		out->data[out->len++] = (char)(bits >> 8);
		out->data[out->len++] = (char)bits;
	}
	if (base64_tail(base64.p + i, n - i, out))
		return ERR_OK;
bad:
	out->len = start;
	return ERR_PROTO;
}

static void base64_quad(char *to, uint32_t bits)
{
	to[0] = base64_chars[bits >> 18 & 63];
	to[1] = base64_chars[bits >> 12 & 63];
	to[2] = base64_chars[bits >> 6 & 63];
	to[3] = base64_chars[bits & 63];
}

enum err engineio_encode_binary(struct buf *b, struct slice bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	size_t groups = bytes.n / 3 + (bytes.n % 3 != 0);
	size_t i = 0;
	enum err e;
	char *to;

	/* Compared first, so that the size below cannot overflow. */
	if (bytes.n > b->limit)
		return ERR_LIMIT;
	e = buf_reserve(b, 1 + groups * 4);
	if (e)
		return e;
	to = b->data + b->len;
	b->len += 1 + groups * 4;
	*to++ = 'b';
	for (; i + 3 <= bytes.n; i += 3, to += 4)
		base64_quad(to, (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 |
					p[i + 2]);
	if (bytes.n - i == 2) {
		base64_quad(to, (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8);
		to[3] = '=';
	} else if (bytes.n - i == 1) {
		base64_quad(to, (uint32_t)p[i] << 16);
		memcpy(to + 2, "==", 2);
	}
	return ERR_OK;
}

/* The open packet */
enum err engineio_encode_open(struct buf *b, const struct engineio_open *open)
{
	size_t start = b->len;
	enum err e = buf_add_str(b, "{\"sid\":");

	if (!e)
		e = json_add_string(b, slice_str(open->sid));
	if (!e)
		e = buf_printf(b,
			       ",\"upgrades\":[%s],\"pingInterval\":%u,"
			       "\"pingTimeout\":%u,\"maxPayload\":%lu}",
			       open->upgrade ? "\"websocket\"" : "",
			       open->ping_interval_ms, open->ping_timeout_ms,
			       open->max_payload);
	if (e)
		b->len = start;
	return e;
}

/*
 * The id goes into URLs and log lines, so only what is printable without
 * escaping counts as one.
 */
static bool parse_sid(struct slice value, struct engineio_open *out)
{
	if (json_type(value) != JSON_STRING || value.n < 3 ||
	    value.n - 2 > ENGINEIO_SID_MAX)
		return false;
	for (size_t i = 1; i < value.n - 1; i++) {
		char c = value.p[i];

		if (c <= ' ' || c > '~' || c == '\\')
			return false;
	}
	memcpy(out->sid, value.p + 1, value.n - 2);
	out->sid[value.n - 2] = '\0';
	return true;
}

static bool parse_ms(struct slice json, const char *name, unsigned *out)
{
	struct slice value;
	uint64_t ms;

	if (!json_member(json, name, &value) || !json_u64(value, &ms) ||
	    ms == 0 || ms > INT_MAX)
		return false;
	*out = (unsigned)ms;
	return true;
}

static bool parse_upgrades(struct slice json, bool *websocket)
{
	struct json_iter it;
	struct slice value;

	*websocket = false;
	if (!json_member(json, "upgrades", &value))
		return true;
	if (!json_array(value, &it))
		return false;
	while (json_next_element(&it, &value))
		if (slice_is(value, "\"websocket\""))
			*websocket = true;
	return true;
}

enum err engineio_parse_open(struct slice json, struct engineio_open *out)
{
	struct slice value;
	uint64_t max = 0;

	if (!json_validate(json) || !json_member(json, "sid", &value) ||
	    !parse_sid(value, out))
		return ERR_PROTO;
	if (!parse_ms(json, "pingInterval", &out->ping_interval_ms) ||
	    !parse_ms(json, "pingTimeout", &out->ping_timeout_ms) ||
	    !parse_upgrades(json, &out->upgrade))
		return ERR_PROTO;
	if (json_member(json, "maxPayload", &value) && !json_u64(value, &max))
		return ERR_PROTO;
	out->max_payload = (unsigned long)max;
	return ERR_OK;
}
