// SPDX-License-Identifier: MIT
// npm socket.io with the relay's events, over polling and WebSocket. Its room
// broadcast encodes a packet once. As its documentation advises for speed, the
// native bufferutil is installed (ws finds it by itself) and the first request
// is not kept in memory; utf-8-validate is part of Node.js by now.

import { createServer } from "node:http";
import { Rooms, host, listening, need, port, tellVersion } from "./peer.mjs";

const { Server } = await need("socket.io");
tellVersion("socket.io", "engine.io", "ws");

const rooms = new Rooms();
const server = createServer();
const io = new Server(server);

io.engine.on("connection", (connection) => {
  connection.request = null;
});

io.on("connection", (socket) => {
  socket.on("join", (room, done) => {
    socket.join(room);
    done?.({ room });
  });
  socket.on("publish", (room, event, data, ...more) => {
    const done = typeof more.at(-1) === "function" ? more.pop() : null;
    const seq = rooms.next(room);
    io.to(room).emit(event, data, { room, from: socket.id, seq });
    done?.({ seq });
  });
});
server.listen(port, host, 4096, () => listening(server.address().port));
