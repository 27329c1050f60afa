// SPDX-License-Identifier: MIT
// The relay's events over `socket.io-client`, with polling only or upgraded.

import { io } from "socket.io-client";
import { within } from "./inbox.mjs";
import { Peer, Refused } from "./peer.mjs";
import { elementText } from "./text.mjs";

export class Longpoll extends Peer {
  static protocol = "longpoll";
  static label = "longpoll";
  static transports = ["polling"];

  #texts = []; // of the events that socket.io-client has not emitted yet

  static async open(server, { nsp = "/", rooms = [], auth } = {}) {
    const peer = new this(this.label);
    peer.nsp = nsp;
    peer.socket = io(server.url + nsp, {
      transports: this.transports, forceNew: true, reconnection: false, auth,
    });
    const { engine } = peer.socket.io;
    engine.on("packet", (packet) => peer.#keepText(packet));
    const upgraded = new Promise((resolve) => engine.once("upgrade", resolve));
    peer.socket.onAny((event, ...args) => peer.#receive(event, args));
    peer.socket.on("disconnect", (reason) => peer.ended(reason));
    await within("the connection", new Promise((resolve, reject) => {
      peer.socket.once("connect", resolve);
      peer.socket.once("connect_error", reject);
    }));
    if (this.transports.length > 1)
      await within("the upgrade", upgraded);
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
    const answer = await within(`the ack of ${args[0]}`, new Promise((resolve, reject) => {
      this.socket.once("disconnect", (reason) => reject(new Error(reason)));
      this.socket.emit(...args, (...values) => resolve(values));
    }));
    if (answer.length !== 1)
      throw new Error(`an ack of ${answer.length} arguments`);
    if (answer[0]?.error !== undefined)
      throw new Refused({ text: answer[0].error, object: answer[0] });
    return answer[0];
  }

  answers(event, answer) {
    this.socket.off(event);
    this.socket.on(event, (data, info, callback) => callback?.(answer(data)));
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

export class LongpollUpgrade extends Longpoll {
  static label = "longpoll+upgrade";
  static transports = ["polling", "websocket"];
}
