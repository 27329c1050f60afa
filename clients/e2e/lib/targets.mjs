// SPDX-License-Identifier: MIT
// Our server and npm socket.io with our apps' behaviour, so that one script
// can be run against both. Each has {url, publish(room, event, data), stop()}.

import { createServer } from "node:http";
import { Server as SocketServer } from "socket.io";
import { Server } from "./server.mjs";

const apps = {
  // Returns what POST /publish does.
  relay(io) {
    const seqs = new Map();
    const next = (room) => {
      seqs.set(room, (seqs.get(room) ?? 0) + 1);
      return seqs.get(room);
    };
    io.of("/private").use((socket, pass) => {
      if (Object.keys(socket.handshake.auth).length > 0)
        return pass();
      const error = new Error("unauthorized");
      error.data = { code: 401 };
      return pass(error);
    });
    for (const nsp of ["/", "/other", "/private"]) {
      io.of(nsp).on("connection", (socket) => {
        socket.on("join", (room, ack) => {
          socket.join(room);
          ack?.({ room });
        });
        socket.on("leave", (room, ack) => {
          socket.leave(room);
          ack?.({ room });
        });
        socket.on("bye", () => socket.disconnect());
        socket.on("publish", (room, event, data, ...more) => {
          const ack = typeof more.at(-1) === "function" ? more.pop() : null;
          const [options = {}] = more;
          const seq = next(nsp + room);
          const members = io.of(nsp).adapter.rooms.get(room) ?? new Set();
          const asked = members.size -
            (options.self === false && members.has(socket.id));
          let to = options.self === false ? socket.to(room)
            : io.of(nsp).to(room);
          if (options.volatile)
            to = to.volatile;
          const info = { room, from: socket.id, seq };
          if (options.ackTimeout === undefined) {
            to.emit(event, data, info);
            return ack?.({ seq });
          }
          // Its answers are in the error when some are missing.
          return to.timeout(options.ackTimeout).emit(event, data, info,
            (error, acks) => ack?.({ seq, acks, missing: asked - acks.length }));
        });
      });
    }
    return (room, event, data) =>
      io.to(room).emit(event, data, { room, seq: next(`/${room}`) });
  },

  echo(io) {
    for (const nsp of ["/", "/custom"])
      io.of(nsp).on("connection", (socket) => {
        socket.emit("auth", socket.handshake.auth);
        socket.on("message", (...args) => socket.emit("message-back", ...args));
        socket.on("message-with-ack", (...args) => args.pop()(...args));
      });
  },

  // The seed's snippets 3, 4 and 5.
  workshop(io) {
    io.on("connection", (socket) => {
      const userId = socket.handshake.auth.userId ?? socket.id;
      socket.on("joinRoom", (room) => {
        socket.join(room);
        socket.to(room).emit("userJoined", { userId, room });
        socket.emit("notification", { text: `You joined room: ${room}` });
      });
      socket.on("leaveRoom", (room) => {
        socket.leave(room);
        socket.to(room).emit("userLeft", { userId, room });
      });
      socket.on("sendMessage", ({ room, text }) =>
        io.to(room).emit("message", { text, from: userId, room }));
      socket.on("createOrder", (payload, callback) => {
        const orderId = `order_${Date.now()}`;
        callback({ orderId, status: "created" });
        socket.broadcast.emit("newOrder", { id: orderId, ...payload });
      });
      socket.on("broadcast", ({ room, message }) =>
        io.to(room).emit("message", message));
    });
  },
};

export const targets = {
  // `reasons` asks for the log that tells why sessions have ended.
  async pushmark({ app = "relay", recovery = 0, args = [], reasons } = {}) {
    const server = await Server.start(["--app", app,
      "--recovery-window", String(recovery), ...args,
      ...(reasons ? ["--log-level", "debug"] : [])], { warns: reasons && / debug / });
    return {
      url: server.url,
      host: server.host,
      port: server.port,
      server,
      publish: (room, event, data) => server.publish(room,
        JSON.stringify(data), `&event=${encodeURIComponent(event)}`),
      reasons: () => [...server.stderr.matchAll(/ session: \S+ left (\S+): (.*)/g)]
        .map(([, nsp, reason]) => `${nsp} ${reason}`),
      stop: () => server.stop(),
    };
  },

  async reference({ app = "relay", recovery = 0, options = {} } = {}) {
    const http = createServer((request, response) => response.end());
    const io = new SocketServer(http, {
      ...(recovery ? {
        connectionStateRecovery: { maxDisconnectionDuration: recovery },
      } : {}),
      ...options,
    });
    const publish = apps[app](io);
    const ended = [];
    for (const nsp of ["/", "/custom"])
      io.of(nsp).on("connection", (socket) =>
        socket.on("disconnect", (reason) => ended.push(`${nsp} ${reason}`)));
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve).unref());
    return {
      url: `http://127.0.0.1:${http.address().port}`,
      host: "127.0.0.1",
      port: http.address().port,
      io,
      publish: async (...args) => publish(...args),
      reasons: () => ended,
      stop: () => io.close(),
    };
  },
};
