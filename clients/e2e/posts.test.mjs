// SPDX-License-Identifier: MIT
// POSTs whose answers do not fit the queue, of clients that do not poll
// meanwhile: as engine.io-client does once its probe is answered.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Eio } from "./lib/eio.mjs";
import { Polling } from "./lib/polling.mjs";
import { Server, withServer } from "./lib/server.mjs";

const ECHO = "/engine.io/";
const MANY = 20000;

const packets = (count, first = 0) =>
  Array.from({ length: count }, (_, i) => `4${first + i}`);

// Reads polls until there are as many packets as expected: the same ones.
async function assertPolled(p, expected) {
  const got = [];
  while (got.length < expected.length)
    got.push(...await p.poll());
  assert.deepEqual(got, expected);
}

describe("POSTs of clients that do not poll meanwhile", () => {
  let server;

  before(async () => {
    server = await Server.start(["--app", "echo"]);
  });
  after(() => server.stop());

  const open = () => Polling.open(server, "", ECHO);

  test("are answered, and handled in order when the client polls", async () => {
    const p = await open();
    const sent = packets(3 * MANY);
    for (let i = 0; i < 3; i++)
      await p.send(...sent.slice(i * MANY, (i + 1) * MANY));
    await assertPolled(p, sent);
    await p.send("4again");
    await assertPolled(p, ["4again"]);
  });

  test("come before what the WebSocket says after the upgrade", async () => {
    const p = await open();
    const sent = packets(MANY);
    const eio = await Eio.probing(p);
    await p.send(...sent);
    eio.send("5", ...packets(MANY, MANY), Buffer.from("bytes"));
    const got = await eio.messages.take(2 * MANY + 1);
    assert.deepEqual(got.pop(), Buffer.from("bytes"));
    assert.deepEqual(got, packets(2 * MANY));
    await eio.close();
  });

  test("wait for a WebSocket that reads slowly", async () => {
    const p = await open();
    const size = 20000;
    const sent = Array.from({ length: 40 }, (_, i) => `4${i}${"x".repeat(size)}`);
    const all = [];
    // Four times what the queue takes, and more than the kernel's buffers.
    const eio = await Eio.probing(p);
    await p.send(...sent);
    all.push(...sent);
    eio.socket.pause();
    eio.send("5");
    for (let i = 0; i < 20; i++) {
      eio.send(...sent);
      all.push(...sent);
    }
    eio.send("4end");
    await p.get(); // the server is there
    eio.socket.resume();
    assert.deepEqual(await eio.messages.take(all.length + 1), [...all, "4end"]);
    await eio.close();
  });

  test("are dropped with the session", async () => {
    const p = await open();
    const eio = await Eio.probing(p);
    await p.send(...packets(MANY));
    eio.socket.terminate();
    const wrong = await p.post("4", { "Content-Type": "application/octet-stream" });
    assert.equal(wrong.status, 400);
    assert.match((await p.get()).body, /Session ID unknown/);
  });

  test("are no longer answered when too much is left", async () => {
    await withServer(["--app", "echo", "--max-payload", "20000",
      "--queue-messages", "64"], async (small) => {
      const p = await Polling.open(small, "", ECHO);
      const body = packets(3000, 1000); // 18,000 bytes
      const sent = [];
      let held;
      for (let i = 0; !held; i++) {
        assert.ok(i < 4, "the server takes any number of POSTs");
        const answer = p.post(body.join("\x1e"));
        const first = await Promise.race([answer,
          new Promise((resolve) => setTimeout(resolve, 300))]);
        sent.push(...body);
        if (!first)
          held = answer;
      }
      await assertPolled(p, sent);
      assert.equal((await held).body, "ok");
    });
  });
});
