// SPDX-License-Identifier: MIT
// The relay's events over `socket.io-client` with polling only.

import { io } from "socket.io-client";
import { within } from "./inbox.mjs";
import { Peer, Refused } from "./peer.mjs";
import { elementText } from "./text.mjs";

export class Longpoll extends Peer {
  static protocol = "longpoll";
  static label = "longpoll";

  #texts = []; // of the events that socket.io-client has not emitted yet

  static async open(server, { nsp = "/", rooms = [], auth } = {}) {
    const peer = new Longpoll("longpoll");
    peer.nsp = nsp;
    peer.socket = io(server.url + nsp, {
      transports: ["polling"], forceNew: true, reconnection: false, auth,
    });
    peer.socket.io.engine.on("packet", (packet) => peer.#keepText(packet));
    peer.socket.onAny((event, ...args) => peer.#receive(event, args));
    peer.socket.on("disconnect", (reason) => peer.ended(reason));
    await within("the connection", new Promise((resolve, reject) => {
      peer.socket.once("connect", resolve);
      peer.socket.once("connect_error", reject);
    }));
    peer.id = peer.socket.id;
    for (const room of rooms)
      await peer.join(room);
    return peer;
  }

  // EVENT and BINARY_EVENT, as they came.
  #keepText({ type, data }) {
    if (type === "message" && typeof data === "string" && /^[25]/.test(data))
      this.#texts.push(data.slice(data.indexOf("[")));
  }

  #receive(event, [data, info, ...more]) {
    const text = this.#texts.shift();
    if (Buffer.isBuffer(data))
      this.messages.push({ event, bytes: data, ...info });
    else
      this.messages.push({
        event, data, ...info, dataText: elementText(text, 1), text, more,
      });
  }

  // Resolves with the acknowledgement's one argument.
  async emit(...args) {
    const answer = await within(`the ack of ${args[0]}`, new Promise((resolve) =>
      this.socket.emit(...args, (...values) => resolve(values))));
    if (answer.length !== 1)
      throw new Error(`an ack of ${answer.length} arguments`);
    if (answer[0]?.error !== undefined)
      throw new Refused({ text: answer[0].error, object: answer[0] });
    return answer[0];
  }

  join(room) {
    return this.emit("join", room);
  }

  leave(room) {
    return this.emit("leave", room);
  }

  publish(room, event, data, options) {
    return options ? this.emit("publish", room, event, data, options)
      : this.emit("publish", room, event, data);
  }

  // Below the encoder, so that the text is not written anew. No ack.
  publishText(room, event, dataText) {
    const head = this.nsp === "/" ? "2" : `2${this.nsp},`;
    const names = JSON.stringify(["publish", room, event]).slice(0, -1);
    this.socket.io.engine.write(`${head}${names},${dataText}]`);
  }

  publishBytes(room, event, bytes) {
    return this.emit("publish", room, event, bytes);
  }

  async close() {
    this.socket.disconnect();
  }
}
