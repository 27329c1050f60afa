// SPDX-License-Identifier: MIT
// Connection state recovery, asked of the reference server and of ours.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { io } from "socket.io-client";
import { Inbox, once, until } from "./lib/inbox.mjs";
import { targets } from "./lib/targets.mjs";

class Client {
  constructor(target, { nsp = "/", transports = ["polling"] } = {}) {
    this.events = new Inbox("events");
    this.socket = io(target.url + nsp, {
      transports, forceNew: true, reconnectionDelay: 20,
      reconnectionDelayMax: 20, randomizationFactor: 0,
    });
    this.socket.onAny((event, data) => this.events.push([event, data]));
    // In the order of things, so that a replay shows before or after it.
    this.socket.on("connect", () => this.events.push(["connect"]));
    this.socket.on("disconnect", (reason) => (this.reason = reason));
  }

  static async open(target, options) {
    const client = new Client(target, options);
    await client.connected();
    return client;
  }

  async connected() {
    for (;;)
      if ((await this.events.next())[0] === "connect")
        return;
  }

  emit(...args) {
    return this.socket.timeout(15000).emitWithAck(...args);
  }

  // Cuts the connection and stays away until back().
  async cut() {
    this.socket.io.reconnection(false);
    const gone = once(this.socket, "disconnect");
    this.socket.io.engine.close();
    await gone;
  }

  back() {
    this.socket.io.reconnection(true);
    this.socket.connect();
  }

  // All namespaces of the connection.
  close() {
    this.socket.io.reconnection(false);
    this.socket.disconnect();
    this.socket.io.engine.close();
  }
}

async function withTarget(start, options, body) {
  const target = await start({ recovery: 60000, ...options });
  const clients = [];
  try {
    await body(target, async (o) => {
      const client = await Client.open(target, o);
      clients.push(client);
      return client;
    });
  } finally {
    clients.forEach((c) => c.close());
    await target.stop();
  }
}

// How many sessions the server has; it learns of a cut a moment later.
async function sessions(target, count) {
  await until(`${count} sessions`, async () => (target.server
    ? (await target.server.stats()).sessions
    : target.io.of("/").sockets.size) === count);
}

for (const [name, start] of Object.entries(targets)) {
  for (const transports of [["polling"], ["websocket"],
    ["polling", "websocket"]]) {
    describe(`recovery: ${name}, ${transports}`, () => {
      const withClient = (options, body) => withTarget(start, options,
        (target, open) => body(target, () => open({ transports })));

      test("id, rooms and what was missed, once and in order", () =>
        withClient({}, async (target, open) => {
          const c = await open();
          const { id } = c.socket;
          assert.equal(c.socket.recovered, false);
          await c.emit("join", "a");
          await c.emit("join", "b");
          await target.publish("a", "e", 0);
          assert.deepEqual(await c.events.next(), ["e", 0]);
          await c.cut();
          await sessions(target, 0);
          await target.publish("a", "e", 1);
          await target.publish("b", "e", 2);
          await target.publish("other", "e", "not for it");
          await target.publish("a", "e", { n: 3 });
          c.back();
          assert.deepEqual(await c.events.take(4),
            [["e", 1], ["e", 2], ["e", { n: 3 }], ["connect"]]);
          assert.equal(c.socket.recovered, true);
          assert.equal(c.socket.id, id);
          await target.publish("b", "e", 4);
          assert.deepEqual(await c.events.next(), ["e", 4]);
        }));

      test("again and again", () =>
        withClient({}, async (target, open) => {
          const c = await open();
          await c.emit("join", "a");
          await target.publish("a", "e", 0);
          await c.events.next();
          for (let i = 1; i < 5; i++) {
            await c.cut();
            await sessions(target, 0);
            await target.publish("a", "e", i);
            c.back();
            assert.deepEqual(await c.events.take(2), [["e", i], ["connect"]]);
            assert.equal(c.socket.recovered, true);
          }
        }));

      test("nothing missed is recovered, too", () =>
        withClient({}, async (target, open) => {
          const c = await open();
          await c.emit("join", "a");
          await target.publish("a", "e", 0);
          await c.events.next();
          await c.cut();
          await sessions(target, 0);
          c.back();
          await c.connected();
          assert.equal(c.socket.recovered, true);
        }));

      test("its own event that was not for itself is not replayed", () =>
        withClient({}, async (target, open) => {
          const c = await open();
          const other = await open();
          await c.emit("join", "a");
          await other.emit("join", "a");
          await c.emit("publish", "a", "e", 0, {});
          await c.events.next();
          await c.emit("publish", "a", "mine", 1, { self: false });
          await c.emit("publish", "a", "e", 2, {});
          assert.deepEqual(await c.events.next(), ["e", 2]);
          await c.emit("publish", "a", "mine", 3, { self: false });
          await c.cut();
          await sessions(target, 1);
          await other.emit("publish", "a", "e", 4, { self: false });
          c.back();
          assert.deepEqual(await c.events.take(2), [["e", 4], ["connect"]]);
        }));

      test("volatile events are not replayed", () =>
        withClient({}, async (target, open) => {
          const c = await open();
          const other = await open();
          await c.emit("join", "a");
          await other.emit("publish", "a", "e", 0, {});
          await c.events.next();
          await c.cut();
          await sessions(target, 1);
          await other.emit("publish", "a", "v", 1, { volatile: true });
          await other.emit("publish", "a", "e", 2, {});
          c.back();
          assert.deepEqual(await c.events.take(2), [["e", 2], ["connect"]]);
        }));

      test("who has seen no event has nothing to recover from", () =>
        withClient({}, async (target, open) => {
          const c = await open();
          const { id } = c.socket;
          await c.emit("join", "a");
          await c.cut();
          await sessions(target, 0);
          await target.publish("a", "e", 1);
          c.back();
          assert.deepEqual(await c.events.next(), ["connect"]);
          assert.equal(c.socket.recovered, false);
          assert.notEqual(c.socket.id, id);
        }));

      test("a clean disconnect leaves nothing to recover", () =>
        withClient({}, async (target, open) => {
          const c = await open();
          await c.emit("join", "a");
          await target.publish("a", "e", 0);
          await c.events.next();
          c.socket.disconnect();
          await sessions(target, 0);
          await target.publish("a", "e", 1);
          c.socket.connect();
          assert.deepEqual(await c.events.next(), ["connect"]);
          assert.equal(c.socket.recovered, false);
        }));

      test("after the window nothing is recovered", () =>
        withClient({ recovery: 50 }, async (target, open) => {
          const c = await open();
          await c.emit("join", "a");
          await target.publish("a", "e", 0);
          await c.events.next();
          await c.cut();
          await sessions(target, 0);
          await target.publish("a", "e", 1);
          await new Promise((resolve) => setTimeout(resolve, 200));
          c.back();
          assert.deepEqual(await c.events.next(), ["connect"]);
          assert.equal(c.socket.recovered, false);
        }));

      test("without the option there is no pid and no offset", () =>
        withClient({ recovery: 0 }, async (target, open) => {
          const c = await open();
          let count;
          c.socket.on("e", (...args) => (count = args.length));
          await c.emit("join", "a");
          await target.publish("a", "e", 0);
          await c.events.next();
          assert.equal(count, 2);
          assert.equal(c.socket._pid, undefined);
        }));
    });
  }
}

describe("recovery: ours", () => {
  const withOurs = (options, body) =>
    withTarget(targets.pushmark, options, body);

  test("a history that is too short is told", () =>
    withOurs({ args: ["--history-messages", "2"] }, async (target, open) => {
      const c = await open();
      const { id } = c.socket;
      await c.emit("join", "a");
      await target.publish("a", "e", 0);
      await c.events.next();
      await c.cut();
      await sessions(target, 0);
      for (let i = 1; i < 4; i++)
        await target.publish("a", "e", i);
      c.back();
      assert.deepEqual(await c.events.next(), ["connect"]);
      assert.equal(c.socket.recovered, false);
      assert.notEqual(c.socket.id, id);
      await target.publish("a", "e", 4);
      await c.emit("join", "a"); // it is in no room
      await target.publish("a", "e", 5);
      assert.deepEqual(await c.events.next(), ["e", 5]);
    }));

  test("more than the queue takes is told", () =>
    withOurs({ args: ["--queue-messages", "4"] }, async (target, open) => {
      const c = await open();
      await c.emit("join", "a");
      await target.publish("a", "e", 0);
      await c.events.next();
      await c.cut();
      await sessions(target, 0);
      for (let i = 1; i < 6; i++)
        await target.publish("a", "e", i);
      c.back();
      assert.deepEqual(await c.events.next(), ["connect"]);
      assert.equal(c.socket.recovered, false);
    }));

  test("offsets and pids that it has not given", () =>
    withOurs({}, async (target, open) => {
      const c = await open();
      await c.emit("join", "a");
      let last;
      c.socket.on("e", (...args) => (last = args.at(-1)));
      await target.publish("a", "e", 0);
      await c.events.next();
      const [epoch, position] = last.split("-");
      const pid = c.socket._pid;
      for (const auth of [{ pid, offset: `x${epoch.slice(1)}-${position}` },
        { pid, offset: `${epoch}-${Number(position) + 1}` },
        { pid, offset: epoch }, { pid, offset: `${epoch}-` },
        { pid, offset: `${epoch}-1x` }, { pid, offset: 7 }, { pid },
        { pid: "unknown", offset: last }, { pid: 5, offset: last },
        { pid: "", offset: "" }]) {
        const socket = io(target.url,
          { transports: ["polling"], forceNew: true, auth });
        await once(socket, "connect");
        assert.equal(socket.recovered, false, JSON.stringify(auth));
        assert.notEqual(socket.id, c.socket.id);
        socket.disconnect();
      }
      await target.publish("a", "e", 1);
      assert.deepEqual(await c.events.next(), ["e", 1]);
    }));

  test("who is back before the cut was noticed takes its place", () =>
    withOurs({}, async (target, open) => {
      const c = await open();
      await c.emit("join", "a");
      let last;
      c.socket.on("e", (...args) => (last = args.at(-1)));
      await target.publish("a", "e", 0);
      await c.events.next();
      const gone = once(c.socket, "disconnect");
      c.socket.io.reconnection(false);
      const second = io(target.url, { transports: ["polling"], forceNew: true,
        auth: { pid: c.socket._pid, offset: last } });
      second._pid = c.socket._pid;
      await once(second, "connect");
      assert.equal(second.recovered, true);
      assert.equal(await gone, "transport close");
      await sessions(target, 1);
      const event = once(second, "e");
      await target.publish("a", "e", 1);
      assert.equal(await event, 1);
      second.disconnect();
    }));

  test("from polling to websocket and back", () =>
    withOurs({}, async (target, open) => {
      const c = await open({ transports: ["websocket"] });
      await c.emit("join", "a");
      await target.publish("a", "e", 0);
      await c.events.next();
      for (const [i, transport] of [[1, "polling"], [2, "websocket"]]) {
        await c.cut();
        await sessions(target, 0);
        await target.publish("a", "e", i);
        c.socket.io.opts.transports = [transport];
        c.back();
        assert.deepEqual(await c.events.take(2), [["e", i], ["connect"]]);
        assert.equal(c.socket.recovered, true);
      }
    }));

  test("several namespaces of one connection", () =>
    withOurs({}, async (target, open) => {
      const c = await open();
      const other = c.socket.io.socket("/other");
      const seen = new Inbox("events of /other");
      other.onAny((event, data) => seen.push([event, data]));
      await once(other, "connect");
      await other.emitWithAck("join", "a");
      await c.emit("join", "a");
      await target.publish("a", "e", 0);
      await target.server.publish("a", "1", "&event=e&nsp=/other");
      await c.events.next();
      await seen.next();
      const back = once(other, "disconnect");
      await c.cut();
      await back;
      await sessions(target, 0);
      await target.server.publish("a", "2", "&event=e&nsp=/other");
      await target.publish("a", "e", 3);
      c.back();
      assert.deepEqual(await c.events.take(2), [["e", 3], ["connect"]]);
      assert.deepEqual(await seen.next(), ["e", 2]);
      await until("/other", () => other.connected);
      assert.equal(other.recovered, true);
    }));

  test("what was said to it alone is replayed, too", () =>
    withOurs({ app: "workshop" }, async (target, open) => {
      const c = await open();
      c.socket.emit("joinRoom", "a");
      assert.equal((await c.events.next())[0], "notification");
      const { id } = c.socket;
      const other = await open();
      await c.cut();
      await sessions(target, 1);
      other.socket.emit("createOrder", { total: 1.5 }, () => {});
      other.socket.emit("sendMessage", { room: "a", text: "hi" });
      await until("two events", async () =>
        (await target.server.stats()).published >= 3);
      c.back();
      const [order, message, connect] = await c.events.take(3);
      assert.equal(order[0], "newOrder");
      assert.equal(order[1].total, 1.5);
      assert.deepEqual(message,
        ["message", { text: "hi", from: other.socket.id, room: "a" }]);
      assert.deepEqual(connect, ["connect"]);
      assert.equal(c.socket.id, id);
    }));
});
