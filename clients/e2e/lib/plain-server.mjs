// SPDX-License-Identifier: MIT
// A server that knows nothing of our dialects: what is posted to /publish comes
// out of /ws, /sse and /poll as it is. With a fault as its argument it
// drops, doubles, spoils or swaps one in EVERY messages of one subscriber, or
// doubles it LATE ms later (not for those that poll); with `slow MS` messages
// wait MS for each subscriber that there is.

import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const KEPT = 1000; // messages for those that poll

const fault = process.argv[2] ?? "";
const EVERY = Number(process.argv[3] ?? 4); // messages between two faults
const LATE = Number(process.argv[4] ?? 650); // of the second copy, in ms
const rooms = new Map();

function roomOf(url) {
  const name = url.searchParams.get("room");
  if (!rooms.has(name))
    rooms.set(name, { log: [], first: 0, senders: new Set(), held: null });
  return rooms.get(name);
}

// What goes to the one who is treated badly, in place of `text`.
function distort(room, text, send) {
  if ((room.first + room.log.length) % EVERY !== EVERY / 2) {
    const both = room.held === null ? [text] : [text, room.held];
    room.held = null;
    return both;
  }
  if (fault === "double")
    return [text, text];
  if (fault === "corrupt")
    return [text.replace(/.(?="})/, "!")];
  if (fault === "late") {
    setTimeout(() => send(text), LATE);
    return [text];
  }
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
    for (const one of bad && !send.polls ? distort(room, text, send) : [text])
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

// What a poll for `next` gets: the number of a message and the tag that it is
// answered with, or null as long as there is none. The tag between two
// messages is that of whoever got them in the wrong order.
function answerTo(room, next, isBad) {
  const end = room.first + room.log.length;
  if (!Number.isInteger(next))
    return { number: Math.floor(next), tag: Math.ceil(next) };
  if (isBad && next % EVERY === EVERY / 2) {
    if (fault === "double" && next < end && room.doubled !== next) {
      room.doubled = next;
      return { number: next, tag: next - 1 };
    }
    if (fault === "drop" || fault === "reorder")
      return next + 1 >= end ? null
        : { number: next + 1, tag: fault === "drop" ? next + 1 : next - 0.5 };
  }
  return next < end ? { number: next, tag: next } : null;
}

function poll(room, request, response) {
  const tag = request.headers["if-none-match"];
  const next = tag === undefined ? room.first + room.log.length : Number(tag) + 1;
  room.victim ??= request.socket;
  const tell = () => {
    const answer = answerTo(room, next, room.victim === request.socket);
    if (!answer)
      return false;
    response.writeHead(200, { "ETag": String(answer.tag) });
    response.end(room.log[answer.number - room.first]);
    room.senders.delete(tell);
    return true;
  };
  tell.polls = true;
  if (!tell())
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
