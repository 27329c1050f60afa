/* SPDX-License-Identifier: MIT */
/*
 * Heads of responses, for http1.c alone; its public half (http1_header(),
 * http1_has_token()) is declared in http1.h.
 */
#ifndef SERVERS_WIRE_HTTP1_HEAD_H
#define SERVERS_WIRE_HTTP1_HEAD_H

#include "servers/wire/http1.h"

/*
 * Parses a whole head, which ends in an empty line, into p->response and sets
 * how the body is framed: `chunked`, `has_length`, `remaining`. False when it
 * is malformed. p->response.headers points into `head`.
 */
bool http1_head_parse(struct http1_parser *p, struct slice head);

#endif
