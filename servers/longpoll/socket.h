/* SPDX-License-Identifier: MIT */
/*
 * Socket.IO 5 on an Engine.IO session, internal to longpoll/: namespaces
 * (socket.c), events and acknowledgements (socket_event.c), and binary packets
 * in the making (socket_assembly.c).
 */
#ifndef SERVERS_LONGPOLL_SOCKET_H
#define SERVERS_LONGPOLL_SOCKET_H

#include "servers/longpoll/engine.h"
#include "servers/wire/socketio.h"

/* A whole packet, with what its placeholders stand for. */
struct socket_packet {
	struct socketio_packet head;
	const struct slice *attachments;
	unsigned attachment_count;
};

/* Sends a packet, its attachments behind it. */
void socket_send(struct engine *e, const struct socket_packet *p);
/*
 * What the other side must never send ends the connection, as its author
 * would see with the reference server.
 */
void socket_protocol_error(struct engine *e);
/* Handles one packet that is whole and valid. */
void socket_handle(struct engine *e, const struct socket_packet *p);

/* The server ends s: DISCONNECT, and the connection stays. */
void socket_expel(struct transport *t, struct session *s);

/* An EVENT or ACK, binary or not, for s. */
void socket_event(struct engine *e, struct session *s,
		  const struct socket_packet *p);
void socket_ack(struct session *s, const struct socket_packet *p);

/* The text of a binary packet, whose attachments are still to come. */
void socket_assembly_start(struct engine *e, struct slice text,
			   unsigned attachments);
void socket_assembly_add(struct engine *e, struct slice bytes);
void socket_assembly_free(struct engine *e); /* legal when there is none */

#endif
