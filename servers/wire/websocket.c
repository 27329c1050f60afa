/* SPDX-License-Identifier: MIT */
/* Opening handshake, frames out, and the closing payload. */
#include "servers/wire/websocket.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include "servers/base/check.h"
#include "servers/base/random.h"

#define KEY_BYTES 16
#define SHA1_BYTES 20
#define LENGTH_16 126 /* the length follows in two bytes */
#define LENGTH_64 127 /* ... in eight */
#define CONTROL_MAX 125
#define RSV_DEFLATED 4 /* the first of the three bits */
#define REASON_MAX (CONTROL_MAX - 2)

static const char accept_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/*
 * The bits of the last character beyond the 16th byte may be anything: the
 * example in RFC 6455 section 4.1 itself has some of them set.
 */
bool ws_key_valid(struct slice key)
{
	if (key.n != WS_KEY_CHARS || memcmp(key.p + 22, "==", 2) != 0)
		return false;
	for (size_t i = 0; i < 22; i++)
		if (!is_base64(key.p[i]))
			return false;
	return true;
}

/* `chars` is what base64 makes of `n` bytes; fixed by each caller. */
static void base64_fixed(const uint8_t *bytes, unsigned n, char *out,
			 size_t chars)
{
	gnutls_datum_t in = {.data = (unsigned char *)(uintptr_t)bytes,
			     .size = n};
	gnutls_datum_t text;

	CHECK(gnutls_base64_encode2(&in, &text) == 0 && text.size == chars);
	memcpy(out, text.data, chars);
	out[chars] = 0;
	gnutls_free(text.data);
}

void ws_accept(struct slice key, char out[WS_ACCEPT_CHARS + 1])
{
	char joined[WS_KEY_CHARS + sizeof(accept_guid) - 1];
	uint8_t digest[SHA1_BYTES];

	CHECK(key.n == WS_KEY_CHARS);
	memcpy(joined, key.p, WS_KEY_CHARS);
	memcpy(joined + WS_KEY_CHARS, accept_guid, sizeof(accept_guid) - 1);
	CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA1, joined, sizeof(joined),
			       digest) == 0);
	base64_fixed(digest, sizeof(digest), out, WS_ACCEPT_CHARS);
}

void ws_key_new(char out[WS_KEY_CHARS + 1])
{
	uint8_t bytes[KEY_BYTES];

	random_bytes(bytes, sizeof(bytes));
	base64_fixed(bytes, sizeof(bytes), out, WS_KEY_CHARS);
}

static void put_big_endian(uint8_t *out, uint64_t value, size_t bytes)
{
	while (bytes-- > 0) {
		out[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

size_t ws_header(uint8_t out[WS_HEADER_MAX], bool fin, uint8_t rsv,
		 enum ws_opcode opcode, uint64_t payload, const uint8_t mask[4])
{
	size_t n = 2;

	out[0] = (uint8_t)((fin ? 0x80 : 0) | (rsv & 7) << 4 | opcode);
	if (payload < LENGTH_16) {
		out[1] = (uint8_t)payload;
	} else if (payload <= UINT16_MAX) {
		out[1] = LENGTH_16;
		put_big_endian(out + 2, payload, 2);
		n = 4;
	} else {
		out[1] = LENGTH_64;
		put_big_endian(out + 2, payload, 8);
		n = 10;
	}
	if (mask) {
		out[1] |= 0x80;
		memcpy(out + n, mask, 4);
		n += 4;
	}
	return n;
}

void ws_mask(uint8_t *bytes, size_t n, const uint8_t mask[4], uint64_t offset)
{
	uint8_t turned[8];
	uint64_t key, word;
	size_t i = 0;

	for (; i < sizeof(turned); i++)
		turned[i] = mask[(offset + i) % 4];
	memcpy(&key, turned, sizeof(key));
	for (i = 0; n - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		word ^= key;
		memcpy(bytes + i, &word, sizeof(word));
	}
	for (; i < n; i++)
		bytes[i] ^= turned[i % 4];
}

static enum err add_frame(struct buf *b, bool fin, uint8_t rsv,
			  enum ws_opcode opcode, struct slice payload,
			  bool masked)
{
	uint8_t header[WS_HEADER_MAX], mask[4];
	uint8_t *at;
	size_t n;
	enum err e;

	if (masked)
		random_bytes(mask, sizeof(mask));
	n = ws_header(header, fin, rsv, opcode, payload.n,
		      masked ? mask : NULL);
	if (payload.n > SIZE_MAX - n)
		return ERR_LIMIT;
	e = buf_reserve(b, n + payload.n);
	if (e != ERR_OK)
		return e;
	at = (uint8_t *)b->data + b->len;
	memcpy(at, header, n);
	if (payload.n > 0) {
		memcpy(at + n, payload.p, payload.n);
		if (masked)
			ws_mask(at + n, payload.n, mask, 0);
	}
	b->len += n + payload.n;
	return ERR_OK;
}

enum err ws_add_frame(struct buf *b, enum ws_opcode opcode,
		      struct slice payload, bool masked)
{
	return add_frame(b, true, 0, opcode, payload, masked);
}

enum err ws_add_deflated(struct buf *b, enum ws_opcode opcode,
			 struct slice payload, bool masked)
{
	return add_frame(b, true, RSV_DEFLATED, opcode, payload, masked);
}

enum err ws_add_message(struct buf *b, enum ws_opcode opcode,
			struct slice payload, bool deflated, size_t fragment)
{
	const size_t step = fragment ? fragment : SIZE_MAX;
	const size_t before = b->len;
	uint8_t rsv = deflated ? RSV_DEFLATED : 0;
	enum err e = buf_reserve(b, payload.n + WS_HEADER_MAX);

	while (e == ERR_OK && payload.n > step) {
		e = add_frame(b, false, rsv, opcode, slice_of(payload.p, step),
			      false);
		payload = slice_after(payload, step);
		opcode = WS_CONTINUATION;
		rsv = 0;
	}
	if (e == ERR_OK)
		e = add_frame(b, true, rsv, opcode, payload, false);
	if (e != ERR_OK)
		b->len = before;
	return e;
}

/* From the last frame to the first: each makes room for those before it. */
enum err ws_frame_from(struct buf *b, size_t start, enum ws_opcode opcode,
		       size_t fragment)
{
	const size_t step = fragment ? fragment : SIZE_MAX;
	const size_t whole = b->len - start;
	const size_t before = whole > step ? (whole - 1) / step : 0;
	const size_t last = whole - before * step;
	uint8_t header[WS_HEADER_MAX];
	size_t each = ws_header(header, false, 0, opcode, step, NULL);
	size_t n = ws_header(header, true, 0, before ? WS_CONTINUATION : opcode,
			     last, NULL);
	size_t payload = last;
	enum err e = buf_reserve(b, before * each + n);
	char *at;

	if (e != ERR_OK)
		return e;
	b->len += before * each + n;
	for (size_t i = before + 1; i-- > 0; payload = step) {
		at = b->data + start + i * (step + each);
		if (i < before)
			n = ws_header(header, false, 0,
				      i ? WS_CONTINUATION : opcode, step, NULL);
		memmove(at + n, b->data + start + i * step, payload);
		memcpy(at, header, n);
	}
	return ERR_OK;
}

uint64_t ws_frame_length(struct slice bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p;
	unsigned more = 0;
	uint64_t n;

	CHECK(bytes.n >= 2 && !(p[1] & 0x80));
	n = p[1];
	if (n == LENGTH_16)
		more = 2;
	else if (n == LENGTH_64)
		more = 8;
	CHECK(bytes.n >= 2 + more);
	for (unsigned i = 0; i < more; i++)
		n = (i ? n << 8 : 0) | p[2 + i];
	return 2 + more + n;
}

/* At most REASON_MAX bytes, without cutting a character in two. */
static size_t reason_length(struct slice reason)
{
	size_t n = reason.n;

	if (n <= REASON_MAX)
		return n;
	n = REASON_MAX;
	while (n > 0 && ((uint8_t)reason.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

enum err ws_add_close(struct buf *b, unsigned code, struct slice reason,
		      bool masked)
{
	uint8_t payload[CONTROL_MAX];
	size_t n = reason_length(reason);

	if (code == WS_CLOSE_NONE)
		return ws_add_frame(b, WS_CLOSE, slice_of("", 0), masked);
	put_big_endian(payload, code, 2);
	if (n > 0)
		memcpy(payload + 2, reason.p, n);
	return ws_add_frame(b, WS_CLOSE, slice_of(payload, n + 2), masked);
}

void ws_close_parse(struct slice payload, unsigned *code, struct slice *reason)
{
	*code = WS_CLOSE_NONE;
	*reason = slice_after(payload, 2);
	if (payload.n >= 2)
		*code = (unsigned)(uint8_t)payload.p[0] << 8 |
			(uint8_t)payload.p[1];
}

size_t ws_peek_plain(struct slice bytes, enum ws_opcode *opcode,
		     struct slice *payload)
{
	const uint8_t *p = (const uint8_t *)bytes.p;
	size_t head = 2, n;

	if (bytes.n < 2 || (p[0] != 0x81 && p[0] != 0x82) || p[1] > LENGTH_16)
		return 0;
	n = p[1];
	if (n == LENGTH_16) {
		if (bytes.n < 4)
			return 0;
		head = 4;
		n = (size_t)p[2] << 8 | p[3];
		if (n < LENGTH_16)
			return 0; /* not the shortest form: an error */
	}
	if (bytes.n - head < n)
		return 0;
	*opcode = (enum ws_opcode)(p[0] & 0xf);
	*payload = slice_of(p + head, n);
	return head + n;
}
