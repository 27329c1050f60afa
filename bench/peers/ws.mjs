// SPDX-License-Identifier: MIT
// npm ws, raw dialect. As its README broadcasts: to each open client of the
// room, without compression (the default). The text is made, and encoded to
// bytes, once for all of them.

import { randomUUID } from "node:crypto";
import {
  Rooms, ack, host, listening, message, need, parse, port, refusal, tellVersion, welcome,
} from "./peer.mjs";

const { WebSocket, WebSocketServer } = await need("ws");
tellVersion("ws");

const rooms = new Rooms();
const server = new WebSocketServer({ host, port, path: "/ws", backlog: 4096 });

function publish(command, from) {
  const seq = rooms.next(command.room);
  const bytes = Buffer.from(message(command, from, seq));
  for (const client of rooms.members(command.room)) {
    if (client.readyState === WebSocket.OPEN)
      client.send(bytes, { binary: false });
  }
  return { seq };
}

function execute(client, id, text) {
  const command = parse(text);
  if (command?.type !== "publish") {
    client.send(refusal(command?.id, "publish is all there is"));
    return;
  }
  const done = publish(command, id);
  if (command.id !== undefined)
    client.send(ack(command.id, done));
}

server.on("connection", (client, request) => {
  const names = new URL(request.url, "http://peer").searchParams.getAll("room");
  const id = randomUUID();
  rooms.join(names, client);
  client.on("error", console.error);
  client.on("close", () => rooms.leave(names, client));
  client.on("message", (text) => execute(client, id, text));
  client.send(welcome(id));
});
server.on("listening", () => listening(server.address().port));
