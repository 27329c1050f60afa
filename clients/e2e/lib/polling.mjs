// SPDX-License-Identifier: MIT
// Engine.IO polling by hand, for what a well-behaved client never does.

import assert from "node:assert/strict";
import { ask, Raw } from "./raw.mjs";

const SEPARATOR = "\x1e";

export class Polling {
  #packets = [];

  static async open(server, query = "", path = "/socket.io/") {
    const p = new Polling();
    p.server = server;
    p.path = path;
    p.handshake = await ask(server,
      `GET ${path}?EIO=4&transport=polling${query} HTTP/1.1`);
    assert.equal(p.handshake.status, 200, p.handshake.body);
    assert.equal(p.handshake.body[0], "0");
    Object.assign(p, JSON.parse(p.handshake.body.slice(1)));
    p.target = `${path}?EIO=4&transport=polling&sid=${p.sid}`;
    return p;
  }

  // Connected to a namespace, and with the answer read.
  static async connected(server, nsp = "/") {
    const p = await Polling.open(server);
    await p.send(nsp === "/" ? "40" : `40${nsp},`);
    const [answer] = await p.poll();
    const match = /^40(?:\/[^,]*,)?(\{.*\})$/.exec(answer);
    assert.ok(match, answer);
    p.id = JSON.parse(match[1]).sid;
    return p;
  }

  get() {
    return ask(this.server, `GET ${this.target} HTTP/1.1`);
  }

  post(body, headers) {
    return ask(this.server, `POST ${this.target} HTTP/1.1`, headers, body);
  }

  // A GET that is under way, on a connection that the caller closes. The
  // server has it when it has answered a request sent later.
  async pend() {
    const raw = await Raw.connect(this.server);
    raw.request(`GET ${this.target} HTTP/1.1`);
    await ask(this.server, "GET /healthz HTTP/1.1");
    return raw;
  }

  async send(...packets) {
    const response = await this.post(packets.join(SEPARATOR));
    assert.equal(response.status, 200, response.body);
    assert.equal(response.body, "ok");
  }

  // The packets of one response.
  async poll() {
    const response = await this.get();
    assert.equal(response.status, 200, response.body);
    return response.body.split(SEPARATOR);
  }

  async next() {
    while (this.#packets.length === 0)
      this.#packets = await this.poll();
    return this.#packets.shift();
  }
}
