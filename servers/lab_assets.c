/* SPDX-License-Identifier: MIT */
/*
 * C17 cannot include a file as bytes; the assembler can. Paths are from the
 * project's root, where the compiler runs; the Makefile knows of them.
 */
#include "servers/lab_assets.h"

#include "servers/base/check.h"

#define EMBED(name, file)                                                      \
	__asm__(".section .rodata\n"                                           \
		".global lab_" #name "_begin\n"                                \
		".global lab_" #name "_end\n"                                  \
		"lab_" #name "_begin:\n"                                       \
		".incbin \"" file "\"\n"                                       \
		"lab_" #name "_end:\n"                                         \
		".byte 0\n"                                                    \
		".previous\n");                                                \
	extern const char lab_##name##_begin[], lab_##name##_end[]

EMBED(page, "clients/web/index.html");
EMBED(style, "clients/web/lab.css");
EMBED(main, "clients/web/main.js");
EMBED(panel, "clients/web/panel.js");
EMBED(http, "clients/web/http.js");
EMBED(websocket, "clients/web/websocket.js");
EMBED(socketio, "clients/web/socketio.js");
EMBED(sse, "clients/web/sse.js");
EMBED(bundle, LAB_BUNDLE);

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"
#define ASSET(path, type, name)                                                \
	{                                                                      \
		path, type, lab_##name##_begin, lab_##name##_end               \
	}

const struct lab_asset lab_assets[] = {
	ASSET("/", HTML, page),
	ASSET("/lab/lab.css", CSS, style),
	ASSET("/lab/main.js", SCRIPT, main),
	ASSET("/lab/panel.js", SCRIPT, panel),
	ASSET("/lab/http.js", SCRIPT, http),
	ASSET("/lab/websocket.js", SCRIPT, websocket),
	ASSET("/lab/socketio.js", SCRIPT, socketio),
	ASSET("/lab/sse.js", SCRIPT, sse),
	ASSET("/socket.io/socket.io.js", SCRIPT, bundle),
};

const size_t lab_asset_count = ARRAY_SIZE(lab_assets);
