// SPDX-License-Identifier: MIT
// A server behind a cable that can be pulled: connections through it are reset
// and no new ones are let in until it is plugged in again.

import net from "node:net";

export class Cable {
  #sockets = new Set();
  #plugged = true;

  static async lay(server) {
    const cable = new Cable();
    cable.listener = net.createServer((near) => {
      if (!cable.#plugged) {
        near.resetAndDestroy();
        return;
      }
      const far = net.connect(server.port, server.host);
      near.pipe(far).pipe(near);
      for (const [one, other] of [[near, far], [far, near]]) {
        cable.#sockets.add(one);
        one.setNoDelay(true);
        one.on("error", () => {});
        one.on("close", () => {
          cable.#sockets.delete(one);
          other.destroy();
        });
      }
    });
    await new Promise((resolve) => cable.listener.listen(0, "127.0.0.1", resolve).unref());
    cable.url = `http://127.0.0.1:${cable.listener.address().port}`;
    return cable;
  }

  pull() {
    this.#plugged = false;
    for (const socket of this.#sockets)
      socket.resetAndDestroy();
  }

  plug() {
    this.#plugged = true;
  }

  close() {
    this.listener.close();
    this.pull();
  }
}
