// SPDX-License-Identifier: MIT
// A server whose every byte the test chooses, for what reads streams.
//
//   const origin = await Origin.start((request, socket) => socket.end(...));
//   request: {method, target, version, headers, line}; one per connection.

import net from "node:net";

export class Origin {
  #sockets = new Set();

  static async start(answer) {
    const o = new Origin();
    o.listener = net.createServer((socket) => {
      let head = "";
      o.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => o.#sockets.delete(socket));
      socket.setEncoding("latin1").on("data", (text) => {
        const whole = head.includes("\r\n\r\n");
        head += text;
        if (!whole && head.includes("\r\n\r\n"))
          answer(request(head), socket);
      });
    });
    await new Promise((resolve) => o.listener.listen(0, "127.0.0.1", resolve).unref());
    o.port = o.listener.address().port;
    o.url = `http://127.0.0.1:${o.port}`;
    return o;
  }

  close() {
    this.listener.close();
    for (const socket of this.#sockets)
      socket.destroy();
  }
}

function request(text) {
  const [line, ...rest] = text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n");
  const [method, target, version] = line.split(" ");
  const headers = Object.fromEntries(rest.map((field) => {
    const colon = field.indexOf(":");
    const value = Buffer.from(field.slice(colon + 1).trim(), "latin1");
    return [field.slice(0, colon).toLowerCase(), value.toString()];
  }));
  return { method, target, version, headers, line };
}

// Sends each byte by itself, as far as one side can see to that.
export async function drip(socket, bytes) {
  for (let i = 0; i < bytes.length && !socket.destroyed; i++) {
    socket.write(bytes.subarray(i, i + 1));
    await new Promise((resolve) => setImmediate(resolve));
  }
}
