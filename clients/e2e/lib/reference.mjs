// SPDX-License-Identifier: MIT
// npm socket.io as the server, with the relay's events: what our own client
// says must be understood there, too.

import { once } from "node:events";
import { createServer } from "node:http";
import { Server as SocketIo } from "socket.io";

// Any name but that of the main namespace, which is always there.
const ANY = /^\/.*$/;

export class Reference {
  #seqs = new Map();

  // `port` 0 picks one; the other options are socket.io's.
  static async start({ port = 0, ...options } = {}) {
    const s = new Reference();
    s.sockets = []; // in the order of their connections
    s.http = createServer();
    s.bodies = []; // bytes of each POST
    s.io = new SocketIo(s.http, options);
    s.io.engine.on("headers", (_, req) => {
      if (req.method === "POST")
        s.bodies.push(Number(req.headers["content-length"]));
    });
    for (const namespace of [s.io.of("/"), s.io.of(ANY)]) {
      namespace.use((socket, next) => s.#admit(socket, next));
      namespace.on("connection", (socket) => s.#connected(socket));
    }
    s.http.listen(port, "127.0.0.1");
    await once(s.http, "listening");
    s.url = `http://127.0.0.1:${s.http.address().port}`;
    return s;
  }

  #admit(socket, next) {
    if (socket.nsp.name !== "/private" || socket.handshake.auth.token)
      return next();
    const error = new Error("unauthorized");
    error.data = { code: 401 };
    return next(error);
  }

  #connected(socket) {
    this.sockets.push(socket);
    socket.on("join", (room, ack) => {
      socket.join(room);
      ack?.({ room });
    });
    socket.on("publish", (room, event, data, ...more) => {
      const ack = typeof more.at(-1) === "function" ? more.pop() : null;
      if (event === "mute")
        return null;
      if (event === "refused")
        return ack?.({ error: "no" });
      const seq = this.publish(socket.nsp, room, event, data, socket.id);
      return ack?.({ seq });
    });
    this.onsocket?.(socket);
  }

  publish(nsp, room, event, data, from) {
    const seq = (this.#seqs.get(room) ?? 0) + 1;
    this.#seqs.set(room, seq);
    nsp.to(room).emit(event, data, { room, from, seq });
    return seq;
  }

  async stop() {
    await this.io.close();
  }
}
