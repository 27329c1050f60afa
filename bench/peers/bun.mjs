// SPDX-License-Identifier: MIT
// Bun's WebSocket server, raw dialect, by its publish and subscribe: a room is
// a topic, and one call sends a text to all its subscribers, as Bun's
// documentation has it. No compression (the default).

import { randomUUID } from "node:crypto";
import {
  Rooms, ack, host, listening, message, parse, port, refusal, tellVersion, welcome,
} from "./peer.mjs";

tellVersion();

const rooms = new Rooms();

function publish(command, from) {
  const seq = rooms.next(command.room);
  server.publish(command.room, message(command, from, seq));
  return { seq };
}

function upgrade(request) {
  const url = new URL(request.url);
  const data = { id: randomUUID(), rooms: url.searchParams.getAll("room") };
  if (url.pathname === "/ws" && server.upgrade(request, { data }))
    return undefined;
  return new Response("{}", { status: 404 });
}

const server = Bun.serve({
  hostname: host,
  port,
  fetch: upgrade,
  websocket: {
    idleTimeout: 0,
    open(client) {
      for (const room of client.data.rooms)
        client.subscribe(room);
      client.send(welcome(client.data.id));
    },
    message(client, text) {
      const command = parse(text);
      if (command?.type !== "publish") {
        client.send(refusal(command?.id, "publish is all there is"));
        return;
      }
      const done = publish(command, client.data.id);
      if (command.id !== undefined)
        client.send(ack(command.id, done));
    },
  },
});
listening(server.port);
