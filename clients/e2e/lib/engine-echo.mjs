// SPDX-License-Identifier: MIT
// A program: npm engine.io as an echo server on a free port, which it prints.
// Its argument is engine.io's options as JSON.

import { createServer } from "node:http";
import { Server } from "engine.io";

const http = createServer((request, response) => response.writeHead(404).end());
const engine = new Server(JSON.parse(process.argv[2]));

engine.attach(http, { path: "/engine.io" });
engine.on("connection", (socket) =>
  socket.on("message", (data) => socket.send(data)));
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
