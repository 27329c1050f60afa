// SPDX-License-Identifier: MIT
// A server that knows nothing of our dialects: what is posted to /publish comes
// out of /ws, /sse and /poll as it is. With a fault as its argument it
// drops, doubles or swaps one in EVERY messages of one subscriber; with `slow
// MS` messages wait MS for each subscriber that there is.

import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const KEPT = 1000; // messages for those that poll

const fault = process.argv[2] ?? "";
const EVERY = Number(process.argv[3] ?? 4); // messages between two faults
const rooms = new Map();

function roomOf(url) {
  const name = url.searchParams.get("room");
  if (!rooms.has(name))
    rooms.set(name, { log: [], first: 0, senders: new Set(), held: null });
  return rooms.get(name);
}

// What goes to the one who is treated badly, in place of `text`.
function distort(room, text) {
  if ((room.first + room.log.length) % EVERY !== 2) {
    const both = room.held === null ? [text] : [text, room.held];
    room.held = null;
    return both;
  }
  if (fault === "double")
    return [text, text];
  if (fault === "reorder")
    room.held = text;
  return fault === "" ? [text] : [];
}

function publish(room, text) {
  room.log.push(text);
  if (room.log.length > KEPT) {
    room.log.shift();
    room.first++;
  }
  if (fault === "slow") {
    setTimeout(() => room.senders.forEach((send) => send(text)),
      EVERY * room.senders.size);
    return;
  }
  let bad = true;
  for (const send of [...room.senders]) {
    for (const one of bad ? distort(room, text) : [text])
      send(one);
    bad = false;
  }
}

function subscribe(room, emitter, send) {
  room.senders.add(send);
  emitter.on("close", () => room.senders.delete(send));
}

function stream(room, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write(": here\n\n");
  subscribe(room, response, (text) => response.write(`data: ${text}\n\n`));
}

function poll(room, request, response) {
  const tag = request.headers["if-none-match"];
  const next = tag === undefined ? room.first + room.log.length : Number(tag) + 1;
  const tell = () => {
    response.writeHead(200, { "ETag": String(next) });
    response.end(room.log[next - room.first]);
    room.senders.delete(tell);
  };
  if (next < room.first + room.log.length)
    tell();
  else
    subscribe(room, response, tell);
}

async function take(room, request, response) {
  let text = "";
  for await (const piece of request)
    text += piece;
  publish(room, text);
  response.writeHead(202);
  response.end();
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://plain");
  const room = roomOf(url);
  if (url.pathname === "/publish")
    take(room, request, response);
  else if (url.pathname === "/sse")
    stream(room, response);
  else
    poll(room, request, response);
});
new WebSocketServer({ server, path: "/ws" }).on("connection", (client, request) =>
  subscribe(roomOf(new URL(request.url, "http://plain")), client,
    (text) => client.send(text)));
server.listen(0, "127.0.0.1", () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`));
