// SPDX-License-Identifier: MIT
// Server-Sent Events by Node's own http, raw dialect: a response per stream,
// written to with response.write(), and commands by POST. An event is
// made, and encoded to bytes, once for all who get it.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import {
  Rooms, ack, host, listening, message, parse, port, refusal, tellVersion, welcome,
} from "./peer.mjs";

tellVersion();

const BODY_MAX = 1 << 20;
const rooms = new Rooms();
const sessions = new Set();

function publish(command, from) {
  const seq = rooms.next(command.room);
  const bytes = Buffer.from(`data: ${message(command, from, seq)}\n\n`);
  for (const response of rooms.members(command.room))
    response.write(bytes);
  return { seq };
}

function stream(request, response, url) {
  const names = url.searchParams.getAll("room");
  const sid = randomUUID();
  sessions.add(sid);
  rooms.join(names, response);
  response.on("close", () => {
    rooms.leave(names, response);
    sessions.delete(sid);
  });
  response.writeHead(200, {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "Connection": "keep-alive",
  });
  response.write(`event: welcome\ndata: ${welcome(sid)}\n\n`);
}

function answer(response, status, text) {
  response.writeHead(status, text ? { "Content-Type": "application/json" } : {});
  response.end(text);
}

function execute(response, sid, body) {
  const command = parse(body);
  if (command?.type !== "publish") {
    answer(response, 400, refusal(command?.id, "publish is all there is"));
    return;
  }
  const done = publish(command, sid);
  if (command.id === undefined)
    answer(response, 204);
  else
    answer(response, 200, ack(command.id, done));
}

function collect(request, response, sid) {
  const pieces = [];
  let size = 0;
  request.on("data", (piece) => {
    size += piece.length;
    if (size > BODY_MAX)
      request.destroy();
    else
      pieces.push(piece);
  });
  request.on("end", () => execute(response, sid, Buffer.concat(pieces)));
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://peer");
  const sid = url.pathname.slice("/sse/".length);
  if (request.method === "GET" && url.pathname === "/sse")
    stream(request, response, url);
  else if (request.method === "POST" && sessions.has(sid))
    collect(request, response, sid);
  else
    answer(response, 404, "{}");
});
server.listen(port, host, 4096, () => listening(server.address().port));
