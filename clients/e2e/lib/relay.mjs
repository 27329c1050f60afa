// SPDX-License-Identifier: MIT
// Passes connections on to a server, and can cut them all.

import net from "node:net";

export class Relay {
  #sockets = new Set();
  connections = 0; // made so far

  static async open(server) {
    const relay = new Relay();
    relay.listener = net.createServer((inner) => {
      const outer = net.connect(server.port, server.host);
      relay.connections++;
      for (const [from, to] of [[inner, outer], [outer, inner]]) {
        relay.#sockets.add(from);
        from.on("error", () => {});
        from.on("close", () => {
          relay.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    await new Promise((resolve) => relay.listener.listen(0, "127.0.0.1", resolve).unref());
    relay.port = relay.listener.address().port;
    relay.url = `http://127.0.0.1:${relay.port}`;
    return relay;
  }

  cut() {
    for (const socket of this.#sockets)
      socket.resetAndDestroy();
  }

  close() {
    this.cut();
    this.listener.close();
  }
}
