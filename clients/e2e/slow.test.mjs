// SPDX-License-Identifier: MIT
// Clients that read too slowly: what they cost, what they are told, and that
// nobody else notices.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { withClients } from "./lib/clients.mjs";
import { frame, Frames, OP } from "./lib/frames.mjs";
import { until } from "./lib/inbox.mjs";
import { memory, sanitized } from "./lib/process.mjs";
import { withServer } from "./lib/server.mjs";
import { Stream } from "./lib/stream.mjs";
import { Ws } from "./lib/ws.mjs";

const MESSAGES = 10000;
const DATA = "x".repeat(1500); // in all more than the kernel takes
const QUEUE_BYTES = 1 << 20;
// Of an allocator that does not give back every page at once.
const MEMORY_SLACK = 1 << 20;

// What the slow client reads, in the same terms for both protocols.
class SlowWs {
  static protocol = "ws";

  static async open(server) {
    const slow = new SlowWs();
    slow.frames = await Frames.open(server, "/ws?room=a");
    slow.socket = slow.frames.raw.socket;
    return slow;
  }

  // The next object; the close code at the end.
  async next() {
    for (;;) {
      const { opcode, payload } = await this.frames.next();
      if (opcode === OP.CLOSE)
        return { end: payload.readUInt16BE() };
      if (opcode === OP.TEXT)
        return JSON.parse(payload);
    }
  }

  close() {
    this.frames.close();
  }
}

class SlowSse {
  static protocol = "sse";

  static async open(server) {
    const slow = new SlowSse();
    slow.stream = await Stream.open(server, "?room=a");
    slow.socket = slow.stream.raw.socket;
    return slow;
  }

  async next() {
    try {
      return await this.stream.nextObject();
    } catch (error) {
      if (!this.stream.raw.ended || this.stream.raw.reset)
        throw error;
      return { end: "end of stream" };
    }
  }

  close() {
    this.stream.close();
  }
}

// Publishes so many to the room, with few answers outstanding.
async function publish(publisher, first, count) {
  for (let i = first; i < first + count; i += 100)
    await Promise.all(Array.from({ length: 100 }, (_, k) =>
      publisher.publish("a", k % 2 ? "odd" : "even", { n: i + k, DATA })));
}

// Everyone else gets all, in order.
async function heardAll(client, first, count) {
  for (let i = first; i < first + count; i++) {
    const message = await client.next();
    assert.deepEqual([message.seq, message.data.n], [i, i]);
  }
}

// Reads until `last` or the end: each number comes once, as a message or
// within a gap, in order.
async function account(slow, last) {
  let expected = 1;
  let told = 0;
  while (expected <= last) {
    const object = await slow.next();
    if (object.end !== undefined)
      return { expected, told, end: object.end };
    if (object.type === "gap") {
      assert.equal(object.from, expected);
      assert.ok(object.to >= object.from);
      told += object.to - object.from + 1;
      expected = object.to + 1;
    } else {
      assert.deepEqual([object.type, object.seq], ["message", expected++]);
    }
  }
  return { expected, told };
}

describe("slow", () => {
  for (const Slow of [SlowWs, SlowSse])
    for (const policy of ["disconnect", "drop-oldest", "drop-newest", "latest"])
      test(`${Slow.protocol}, ${policy}: costs its bound, delays nobody, is told`, async () => {
        const args = ["--slow", policy, "--queue-bytes", String(QUEUE_BYTES),
          "--queue-messages", "4000", "--close-timeout", "60000"];
        await withServer(args, (server) => withClients(
          [Ws.open(server), Ws.open(server, { rooms: ["a"] })], async (publisher, other) => {
            const run = async (first) => {
              await Promise.all([publish(publisher, first, MESSAGES),
                heardAll(other, first, MESSAGES)]);
              return memory(server.pid);
            };
            const slow = await Slow.open(server);
            slow.socket.pause();
            const after = await run(1);
            const { dropped, backends } = await server.stats();
            assert.ok(dropped > 0, "nothing was dropped");
            assert.equal(backends[Slow.protocol].dropped, dropped);
            slow.socket.resume();
            const { expected, told, end } = await account(slow, MESSAGES);
            if (policy === "disconnect") {
              assert.equal(end, Slow === SlowWs ? 1008 : "end of stream");
              assert.ok(expected > 1 && expected <= MESSAGES);
              assert.equal(told, 0);
            } else {
              assert.equal(end, undefined);
              assert.equal(told, dropped);
            }
            slow.close();
            await until("the slow one's end", async () =>
              (await server.stats()).sessions === 2);
            if (policy !== "drop-oldest" || sanitized(server.pid))
              return;
            // The same without it.
            const cost = after - await run(MESSAGES + 1);
            assert.ok(cost <= QUEUE_BYTES + MEMORY_SLACK, `${cost} bytes`);
          }));
      });

  // The next message; a test may last long enough to be pinged.
  async function answer(frames) {
    for (;;) {
      const { opcode, payload } = await frames.next();
      assert.notEqual(opcode, OP.CLOSE, payload.toString());
      if (opcode !== OP.PING)
        return payload;
      frames.send(OP.PONG, payload);
    }
  }

  // As many commands as the kernel takes and more, before it reads an answer.
  async function sendsFirst(frames, count, make, check) {
    const { socket } = frames.raw;
    socket.pause();
    for (let i = 0; i < count; i += 1000) {
      const some = Array.from({ length: 1000 }, (_, k) => make(i + k));
      socket.write(Buffer.concat(some));
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    socket.resume();
    for (let i = 0; i < count; i++)
      check(await answer(frames), i);
  }

  const MANY = 100000;
  const PATIENT = ["--queue-bytes", "100000", "--queue-messages", "64"];

  test("ws: who sends 100,000 echoes before it reads loses none", async () => {
    await withServer(["--app", "echo", ...PATIENT], async (server) => {
      const frames = await Frames.open(server, "/ws", "", { greeted: false });
      const before = memory(server.pid);
      const text = (i) => `${i} ${"e".repeat(100)}`;
      await sendsFirst(frames, MANY, (i) => frame(OP.TEXT, text(i)),
        (payload, i) => assert.equal(payload.toString(), text(i)));
      const cost = memory(server.pid) - before;
      if (!sanitized(server.pid))
        assert.ok(cost <= 100000 + MEMORY_SLACK, `${cost} bytes`);
      assert.equal((await server.stats()).dropped, 0);
      frames.close();
    });
  });

  test("ws: who sends 100,000 commands before it reads gets every answer", async () => {
    await withServer(PATIENT, async (server) => {
      const frames = await Frames.open(server);
      await sendsFirst(frames, MANY,
        (id) => frame(OP.TEXT, JSON.stringify({ type: "join", id, room: "a".repeat(99) })),
        (payload, id) => assert.equal(JSON.parse(payload).id, id));
      assert.equal((await server.stats()).dropped, 0);
      frames.close();
    });
  });

  test("ws: who publishes to itself before it reads gets all of it", async () => {
    await withServer(PATIENT, async (server) => {
      const frames = await Frames.open(server, "/ws?room=a");
      const count = 15000;
      const next = { message: 1, ack: 1 };
      const check = (payload) => {
        const object = JSON.parse(payload);
        assert.equal(object.type === "ack" ? object.id : object.seq, next[object.type]++);
      };
      await sendsFirst(frames, count, (k) => frame(OP.TEXT,
        JSON.stringify({ type: "publish", id: k + 1, room: "a", data: DATA })), check);
      for (let i = 0; i < count; i++)
        check(await answer(frames));
      assert.deepEqual(next, { message: count + 1, ack: count + 1 });
      frames.close();
    });
  });

  test("ws: messages larger than the queue leave room for answers", async () => {
    await withServer(["--queue-bytes", "10000"], async (server) => {
      const frames = await Frames.open(server, "/ws?room=a");
      const data = "x".repeat(900000);
      const heard = [];
      frames.raw.socket.pause();
      for (let id = 1; id <= 20; id++)
        frames.send(OP.TEXT, JSON.stringify({ type: "publish", id, room: "a", data }));
      await new Promise((resolve) => setTimeout(resolve, 500));
      frames.raw.socket.resume();
      while (heard.length < 40) {
        const object = JSON.parse(await frames.nextMessage());
        heard.push(`${object.type} ${object.seq ?? object.id}`);
      }
      assert.deepEqual(heard, Array.from({ length: 20 }, (_, i) =>
        [`message ${i + 1}`, `ack ${i + 1}`]).flat());
      frames.close();
    });
  });

  test("ws: a slow reader's commands are heard while others fill its queue", async () => {
    await withServer(["--slow", "drop-oldest", ...PATIENT], (server) => withClients(
      [Ws.open(server)], async (publisher) => {
        const slow = await SlowWs.open(server);
        const data = "x".repeat(20000);
        const fill = async () => {
          await Promise.all(Array.from({ length: 20 }, () => publisher.publish("a", "e", data)));
          return (await server.stats()).dropped > 0;
        };
        slow.socket.pause();
        await until("a full queue", fill);
        slow.frames.send(OP.TEXT, JSON.stringify({ type: "leave", id: 1, room: "a" }));
        let left = false;
        const read = (async () => {
          while (!left)
            left = (await slow.next()).type === "ack";
        })();
        slow.socket.resume();
        while (!left) {
          await fill();
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        await read;
        slow.close();
      }));
  });
});
