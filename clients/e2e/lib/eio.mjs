// SPDX-License-Identifier: MIT
// Engine.IO over WebSocket by hand, and the upgrade of a session that polls.

import WebSocket from "ws";
import { Inbox, once, within } from "./inbox.mjs";

export class Eio {
  messages = new Inbox("the WebSocket");

  // Behind the WebSocket's handshake; `query` follows EIO and transport.
  static async open(server, { query = "", path = "/socket.io/", headers } = {}) {
    const eio = new Eio();
    const address = server.url.replace("http:", "ws:");
    eio.socket = new WebSocket(`${address}${path}?EIO=4&transport=websocket${query}`,
      { headers });
    eio.closed = new Promise((resolve) => eio.socket.on("close", (code) => {
      eio.messages.end(`closed with ${code}`);
      resolve(code);
    }));
    eio.socket.on("message", (data, isBinary) =>
      eio.messages.push(isBinary ? data : data.toString()));
    await within("the WebSocket", new Promise((resolve, reject) => {
      eio.socket.once("open", resolve);
      eio.socket.once("error", reject);
    }));
    eio.socket.on("error", () => {}); // its close tells of it
    return eio;
  }

  // A session of its own, its open packet read.
  static async session(server, options) {
    const eio = await Eio.open(server, options);
    Object.assign(eio, JSON.parse((await eio.next()).slice(1)));
    return eio;
  }

  // Knocks at the session of `p` and has its probe answered.
  static async probing(p) {
    const eio = await Eio.open(p.server, { query: `&sid=${p.sid}`, path: p.path });
    eio.send("2probe");
    const answer = await eio.next();
    if (answer !== "3probe")
      throw new Error(`the probe is answered by ${answer}`);
    return eio;
  }

  static async upgraded(p) {
    const eio = await Eio.probing(p);
    eio.send("5");
    return eio;
  }

  send(...packets) {
    for (const packet of packets)
      this.socket.send(packet);
  }

  next() {
    return this.messages.next();
  }

  // The code of the server's close frame, when it has ended.
  end() {
    return within("the WebSocket's end", this.closed);
  }

  async close() {
    if (this.socket.readyState === WebSocket.CLOSED)
      return;
    const closed = once(this.socket, "close");
    this.socket.close();
    await closed;
  }
}
