// SPDX-License-Identifier: MIT
// pushmark-client: `listen` receives, `publish` runs once for each message.
// It joins its rooms when it starts and cannot change them.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { until, within } from "./inbox.mjs";
import { messageOf, Peer, Refused } from "./peer.mjs";
import { program, run, start } from "./server.mjs";

const PROBE = "e2e-probe";

// Options of a command line: {room: "a", count: 1} as --room a --count 1.
export function options(object) {
  return Object.entries(object).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [`--${name}`, String(one)]));
}

class Terminal extends Peer {
  static fixedRooms = true;

  static async open(server, { nsp = "/", rooms = [] } = {}) {
    const peer = new this(this.label);
    peer.nsp = nsp;
    peer.server = server;
    if (rooms.length > 0)
      await peer.#listen(rooms);
    return peer;
  }

  async #listen(rooms) {
    const { protocol } = this.constructor;
    this.run = start(program("pushmark-client"), ["listen", this.server.url,
      ...options({ protocol, nsp: this.nsp, room: rooms })]);
    createInterface({ input: this.run.child.stdout })
      .on("line", (line) => this.#receive(line));
    this.run.closed.then((end) => this.ended(`exit ${end.code}: ${end.stderr}`));
    for (const room of rooms)
      await this.#probe(room);
  }

  #receive(line) {
    const object = JSON.parse(line);
    if (object.type === "message")
      this.messages.push(messageOf(object, line));
    else if (object.type === "gap")
      this.gaps.push(object);
    else if (object.type === "welcome")
      this.id = object.payload.id ?? object.payload.sid;
    else
      this.errors.push(object);
  }

  // Nothing tells when it is a member, so messages are sent until one comes;
  // one more, sent after that, tells that all of them came.
  async #probe(room) {
    const query = `&event=${PROBE}&nsp=${encodeURIComponent(this.nsp)}`;
    const isThere = async () => {
      await this.server.publish(room, "0", query);
      return this.messages.size > 0;
    };
    await until("the membership", isThere);
    const last = await this.server.publish(room, "0", query);
    for (;;) {
      const message = await this.next();
      assert.equal(message.event, PROBE);
      if (message.room === room && message.seq === last.seq)
        return;
    }
  }

  async publishText(room, event, data) {
    const { protocol } = this.constructor;
    const end = await run("pushmark-client", ["publish", this.server.url,
      ...options({ protocol, nsp: this.nsp, room, event, data })]);
    if (end.code !== 0)
      throw new Refused({ text: end.stderr });
    assert.match(end.stdout, /^[^\n]*\n$/);
    return JSON.parse(end.stdout);
  }

  publish(room, event, data) {
    return this.publishText(room, event, JSON.stringify(data));
  }

  // Publishes each value of a list over one connection.
  async publishAll(room, event, values) {
    const { protocol } = this.constructor;
    const end = await run("pushmark-client", ["publish", this.server.url,
      ...options({ protocol, nsp: this.nsp, room, event, data: "-" })],
    values.map((v) => `${JSON.stringify(v)}\n`).join(""));
    assert.equal(end.code, 0, end.stderr);
    return end.stdout.split("\n").filter(Boolean).map((s) => JSON.parse(s));
  }

  async close() {
    if (!this.run || this.run.child.exitCode !== null)
      return;
    this.run.child.kill("SIGTERM");
    const end = await within("pushmark-client's end", this.run.closed);
    assert.equal(end.code, 0, end.stderr);
    assert.equal(end.stderr, "");
  }
}

export class TerminalWs extends Terminal {
  static protocol = "ws";
  static label = "pushmark-client ws";
}

export class TerminalSse extends Terminal {
  static protocol = "sse";
  static label = "pushmark-client sse";
}

export class TerminalLongpoll extends Terminal {
  static protocol = "longpoll";
  static label = "pushmark-client longpoll";
}
