// SPDX-License-Identifier: MIT
// A client in a process of its own, which can be stopped, and moved to where
// its link can be cut. It is run as `node idler.mjs ws|sse|longpoll HOST PORT PATH`,
// answers pings, reads and forgets, prints "open" at the welcome and at the
// end why. `Idler` starts one and waits for the first.

import net from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import WebSocket from "ws";
import { within } from "./inbox.mjs";
import { start } from "./server.mjs";

export class Idler {
  // `enter` is what goes before the command, to run it elsewhere.
  static async open(server, protocol, path, enter = []) {
    const idler = new Idler();
    const [command, ...args] = [...enter, process.execPath,
      fileURLToPath(import.meta.url), protocol, server.host, server.port, path];
    idler.run = start(command, args.map(String));
    idler.child = idler.run.child;
    const lines = createInterface({ input: idler.child.stdout });
    await within("the idler's stream", new Promise((resolve, reject) => {
      lines.once("line", resolve);
      idler.run.closed.then((end) =>
        reject(new Error(`the idler ended: ${end.stdout}${end.stderr}`)));
    }));
    return idler;
  }

  stop() {
    this.child.kill("SIGSTOP");
  }

  goOn() {
    this.child.kill("SIGCONT");
  }

  async close() {
    this.child.kill("SIGKILL");
    await this.run.closed;
  }
}

function serveWs(host, port, path) {
  const socket = new WebSocket(`ws://${host}:${port}${path}`);
  socket.once("message", () => console.log("open"));
  socket.on("error", (error) => console.log(error.message));
  socket.on("close", (code) => console.log(`closed with ${code}`));
}

function serveSse(host, port, path) {
  const socket = net.connect(port, host, () =>
    socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`));
  socket.once("data", () => console.log("open"));
  socket.on("data", () => {});
  socket.on("error", (error) => console.log(error.message));
  socket.on("close", () => console.log("closed"));
}

// Socket.IO's path says nothing of rooms.
function serveLongpoll(host, port) {
  const socket = io(`http://${host}:${port}`, {
    transports: ["polling"], reconnection: false,
  });
  socket.on("connect", () => console.log("open"));
  socket.on("connect_error", (error) => console.log(error.message));
  socket.on("disconnect", (reason) => console.log(`closed: ${reason}`));
}

const serve = { ws: serveWs, sse: serveSse, longpoll: serveLongpoll };

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , protocol, host, port, path] = process.argv;
  serve[protocol](host, port, path);
}
