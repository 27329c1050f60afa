// SPDX-License-Identifier: MIT
// The raw dialect over the `eventsource` package, commands over fetch.

import assert from "node:assert/strict";
import { EventSource } from "eventsource";
import { query, RawPeer } from "./peer.mjs";

// A browser names the events it listens to; the suite wants them all.
class EverySource extends EventSource {
  dispatchEvent(event) {
    if (event instanceof MessageEvent || event.data !== undefined)
      this.onevery?.(event);
    return super.dispatchEvent(event);
  }
}

export class Sse extends RawPeer {
  static protocol = "sse";
  static label = "sse";

  #commands = Promise.resolve();

  static async open(server, { nsp = "/", rooms = [] } = {}) {
    const peer = new Sse("sse");
    peer.url = server.url;
    peer.source = new EverySource(`${server.url}/sse?${query(nsp, rooms)}`);
    peer.source.onevery = (event) => {
      peer.lastEventId = event.lastEventId;
      peer.receive(event.data);
    };
    peer.source.onerror = (event) => {
      peer.source.close();
      peer.failed(new Error(event.message ?? "the stream ended"));
      peer.ended(event.message ?? "the stream ended");
    };
    await peer.welcome;
    return peer;
  }

  // One after the other, since two connections have no order between them.
  send(text) {
    this.#commands = this.#commands.then(() => this.sendNow(text));
  }

  async sendNow(text) {
    try {
      const { status, body } = await this.post(text);
      if (status === 204) {
        assert.equal(body, "");
        return;
      }
      const object = JSON.parse(body);
      if (status === 404 && this.source.readyState === EventSource.CLOSED)
        return; // closed by the test, with a question pending
      assert.equal(status, object.type === "error" ? 400 : 200, body);
      this.receive(body);
    } catch (error) {
      this.ended(`POST failed: ${error.message}`);
    }
  }

  async post(text) {
    const response = await fetch(`${this.url}/sse/${this.sid}`,
      { method: "POST", body: text });
    return { status: response.status, body: await response.text() };
  }

  async close() {
    this.ended("closed");
    this.source.close();
  }
}
