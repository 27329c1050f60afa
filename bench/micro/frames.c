/* SPDX-License-Identifier: MIT */
#include "bench/micro/frames.h"

#include <stdlib.h>

#include "servers/base/check.h"
#include "servers/wire/websocket.h"

/* The payload repeats a sample that no power of two divides. */
static const char ascii[] =
	"{\"type\":\"publish\",\"room\":\"harbour\",\"data\":{\"speed\":12.5}} ";
static const char mixed[] = "Olá, preço €5, São João, Ελλάδα, Привет, "
			    "日本語, naïve, 🌊⚓, zażółć. ";

static void fill_text(const char *sample, size_t length, char *into, size_t n)
{
	size_t at = 0;

	while (n - at >= length) {
		memcpy(into + at, sample, length);
		at += length;
	}
	/* A part of the sample might end within a character. */
	memset(into + at, '.', n - at);
}

void frames_fill(enum frames_kind kind, char *into, size_t n)
{
	if (kind == FRAMES_TEXT)
		fill_text(ascii, sizeof(ascii) - 1, into, n);
	else if (kind == FRAMES_UTF8)
		fill_text(mixed, sizeof(mixed) - 1, into, n);
	else
		for (size_t i = 0; i < n; i++)
			into[i] = (char)(i * 167 >> 3);
}

void frames_init(struct frames *f, enum frames_kind kind, size_t size,
		 enum frames_reads reads, size_t total)
{
	enum ws_opcode opcode = kind == FRAMES_BINARY ? WS_BINARY : WS_TEXT;
	char *payload = xmalloc(size ? size : 1);

	*f = (struct frames){.reads = reads, .size = size};
	buf_init(&f->bytes, BUF_UNLIMITED);
	frames_fill(kind, payload, size);
	do {
		CHECK(ws_add_frame(&f->bytes, opcode, slice_of(payload, size),
				   true) == ERR_OK);
		f->count++;
		f->frame = f->bytes.len / f->count;
	} while (f->bytes.len + f->frame <= total);
	free(payload);
}

void frames_release(struct frames *f)
{
	buf_release(&f->bytes);
	*f = (struct frames){0};
}

struct slice frames_next(struct frames_cursor *c)
{
	const struct frames *f = c->frames;
	size_t left = f->bytes.len - c->at, n = FRAMES_READ;
	struct slice s;

	if (f->reads == FRAMES_ALONE)
		left = left > 0 ? f->frame - c->at % f->frame : 0;
	s = slice_of(f->bytes.data + c->at, n < left ? n : left);
	c->at += s.n;
	return s;
}

const char *frames_kind_name(enum frames_kind kind)
{
	static const char *const names[] = {"text", "utf8", "binary"};

	return names[kind];
}

const char *frames_reads_name(enum frames_reads reads)
{
	static const char *const names[] = {"stream", "alone"};

	return names[reads];
}
