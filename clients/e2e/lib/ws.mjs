// SPDX-License-Identifier: MIT
// The raw dialect over the `ws` package.

import WebSocket from "ws";
import { once } from "./inbox.mjs";
import { query, RawPeer } from "./peer.mjs";

export class Ws extends RawPeer {
  static protocol = "ws";
  static label = "ws";

  static async open(server, { nsp = "/", rooms = [] } = {}) {
    const peer = new Ws("ws");
    const address = server.url.replace("http:", "ws:");
    peer.socket = new WebSocket(`${address}/ws?${query(nsp, rooms)}`);
    peer.socket.on("error", (error) => peer.failed(error));
    peer.socket.on("close", (code) => peer.ended(`closed with ${code}`));
    peer.socket.on("message", (data, isBinary) => {
      if (isBinary)
        peer.messages.push({ bytes: data });
      else
        peer.receive(data.toString());
    });
    await peer.welcome;
    return peer;
  }

  send(text) {
    this.socket.send(text);
  }

  // A binary message goes to the one joined room and has no answer.
  publishBytes(room, event, bytes) {
    this.socket.send(bytes);
  }

  async close() {
    if (this.socket.readyState === WebSocket.CLOSED)
      return;
    const closed = once(this.socket, "close");
    this.socket.close(1000);
    await closed;
  }
}
