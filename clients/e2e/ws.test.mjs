// SPDX-License-Identifier: MIT
// The raw dialect over WebSocket, and the options of both. What is wrong with
// handshakes and frames is handshake.test.mjs and rfc6455.test.mjs.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { freshRoom, withClients } from "./lib/clients.mjs";
import { frame, Frames, OP } from "./lib/frames.mjs";
import { once, until } from "./lib/inbox.mjs";
import { Server, withServer } from "./lib/server.mjs";
import { Ws } from "./lib/ws.mjs";

const join = (room, id = 1) => JSON.stringify({ type: "join", id, room });
const acked = (room, id = 1) => ({ type: "ack", id, data: { room } });

describe("ws", () => {
  let server;

  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  async function withFrames(body, target, ahead) {
    const f = await Frames.open(server, target, ahead);
    try {
      return await body(f);
    } finally {
      f.close();
    }
  }

  test("rooms in the URL are joined", async () => {
    const [a, b] = [freshRoom(), freshRoom()];
    await withFrames(async (f) => {
      await server.publish(a, "1");
      await server.publish(b, "2");
      assert.deepEqual([(await f.nextObject()).room, (await f.nextObject()).room], [a, b]);
    }, `/ws?room=${a}&room=${b}&room=${a}`);
  });

  test("a message may come in fragments, with a ping in between", async () => {
    const room = freshRoom();
    const text = join(room);
    await withFrames(async (f) => {
      f.send(OP.TEXT, text.slice(0, 5), { fin: false });
      f.send(OP.CONTINUE, "", { fin: false });
      f.send(OP.PING, "in between");
      f.send(OP.CONTINUE, text.slice(5, 9), { fin: false });
      f.send(OP.CONTINUE, text.slice(9));
      assert.equal((await f.next(OP.PONG)).payload.toString(), "in between");
      assert.deepEqual(await f.nextObject(), acked(room));
    });
  });

  test("a character may be cut by a fragment", async () => {
    const room = `${freshRoom()}-😀`;
    const bytes = Buffer.from(join(room));
    const cut = bytes.indexOf(0xf0) + 2;
    await withFrames(async (f) => {
      f.send(OP.TEXT, bytes.subarray(0, cut), { fin: false });
      f.send(OP.CONTINUE, bytes.subarray(cut));
      assert.deepEqual(await f.nextObject(), acked(room));
    });
  });

  test("many messages in one segment are handled in order", async () => {
    await withFrames(async (f) => {
      const room = freshRoom();
      f.raw.send(Buffer.concat(Array.from({ length: 100 }, (_, i) =>
        frame(OP.TEXT, JSON.stringify({ type: "publish", id: i, room, event: "e", data: i })))));
      for (let i = 0; i < 100; i++)
        assert.deepEqual(await f.nextObject(), { type: "ack", id: i, data: { seq: i + 1 } });
    });
  });

  for (const size of [100, 125, 126, 127, 65535, 65536, 100000])
    test(`a message of ${size} bytes passes both ways`, async () => {
      const room = freshRoom();
      await withFrames(async (f) => {
        const bytes = Buffer.alloc(size, 7);
        f.send(OP.BINARY, bytes);
        assert.deepEqual(await f.nextMessage(OP.BINARY), bytes);
      }, `/ws?room=${room}`);
    });

  test("a lone surrogate in JSON passes as it was written", async () => {
    const room = freshRoom();
    await withClients([Ws.open(server, { rooms: [room] })], async (c) => {
      await c.publishText(room, "e", '"\\ud800"');
      assert.equal((await c.next()).dataText, '"\\ud800"');
    });
  });

  test("the session ends when the connection is cut", async () => {
    const nsp = "/cut";
    const f = await Frames.open(server, `/ws?nsp=${nsp}`);
    f.raw.socket.resetAndDestroy();
    await until("the session's end", async () => {
      const c = await Ws.open(server, { nsp });
      await c.close();
      return c.total === 1;
    });
  });
});

// The text of an object, cut into `total` chunks of the id `id`.
function chunks(text, total, id = "big") {
  const size = Math.ceil(text.length / total);
  return Array.from({ length: total }, (_, chunk) => ({
    type: "chunk", id, chunk, total, data: text.slice(chunk * size, (chunk + 1) * size),
  }));
}

describe("chunks over ws", () => {
  let server;

  before(async () => {
    server = await Server.start(["--max-chunked", "3000000"]);
  });
  after(() => server.stop());

  const large = (room, id, size) => JSON.stringify({
    type: "publish", id, room, event: "e", data: "κόσμε 😀\n\"x\" ".repeat(size / 20) });

  // Sends objects; what is answered comes as objects.
  async function withDialect(body) {
    const room = freshRoom();
    const f = await Frames.open(server, `/ws?room=${room}`);
    f.object = (object) => f.send(OP.TEXT, JSON.stringify(object));
    f.answer = async () => {
      for (;;) {
        const object = JSON.parse(await f.nextMessage(OP.TEXT));
        if (object.type !== "message")
          return object;
        f.message = object;
      }
    };
    try {
      return await body(f, room);
    } finally {
      f.close();
    }
  }

  for (const [size, total] of [[100, 1], [100, 7], [100, 150], [2000000, 20], [2000000, 3]])
    test(`an object of ${size} characters in ${total}`, async () => {
      await withDialect(async (f, room) => {
        const text = large(room, 7, size);
        for (const one of chunks(text, total))
          f.object(one);
        assert.deepEqual(await f.answer(), { type: "ack", id: 7, data: { seq: 1 } });
        f.object({ type: "leave", id: 8, room });
        assert.equal((await f.answer()).id, 8); // the message came before
        assert.equal(f.message.data, JSON.parse(text).data);
      });
    });

  test("other objects and pings come between", async () => {
    await withDialect(async (f, room) => {
      for (const [i, one] of chunks(large(room, "whole", 5000), 5).entries()) {
        f.object(one);
        f.object({ type: "join", id: i, room: `${room}-${i}` });
        f.send(OP.PING, String(i));
      }
      const seen = [];
      while (seen.length < 11) {
        const { opcode, payload } = await f.next();
        const object = opcode === OP.TEXT ? JSON.parse(payload) : {};
        if (object.type !== "message")
          seen.push(opcode === OP.PONG ? "pong" : object.id);
      }
      assert.deepEqual(seen.filter((s) => s !== "pong"), [0, 1, 2, 3, "whole", 4]);
    });
  });

  test("an object without an id is carried out and not acked", async () => {
    await withDialect(async (f, room) => {
      const text = JSON.stringify({ type: "publish", room, event: "e", data: 1 });
      for (const one of chunks(text, 3))
        f.object(one);
      assert.equal((await f.nextObject()).data, 1);
    });
  });

  test("several objects one after the other", async () => {
    await withDialect(async (f, room) => {
      for (let i = 0; i < 5; i++)
        for (const one of chunks(large(room, i, 1000), 4, i))
          f.object(one);
      for (let i = 0; i < 5; i++)
        assert.deepEqual(await f.answer(), { type: "ack", id: i, data: { seq: i + 1 } });
    });
  });

  const piece = (changes) => ({ type: "chunk", id: 1, chunk: 0, total: 2, data: "{", ...changes });
  for (const [what, ...objects] of [
    ["a first one that is not 0", piece({ chunk: 1 })],
    ["a gap", piece({ total: 3 }), piece({ total: 3, chunk: 2 })],
    ["one twice", piece({ total: 3 }), piece({ total: 3 })],
    ["another total", piece({ total: 3 }), piece({ total: 4, chunk: 1 })],
    ["another id", piece(), piece({ id: 2, chunk: 1 })],
    ["an index beyond the total", piece({ chunk: 2 })],
    ["a total of 0", piece({ total: 0 })],
    ["a negative index", piece({ chunk: -1 })],
    ["a fractional index", piece({ chunk: 0.5 })],
    ["an index that is text", piece({ chunk: "0" })],
    ["no total", piece({ total: undefined })],
    ["no data", piece({ data: undefined })],
    ["data that are no string", piece({ data: {} })],
    ["no id", piece({ id: undefined })],
    ["no object together", piece({ total: 1, data: "[1]" })],
    ["no JSON together", piece({ total: 1, data: "{nonsense" })],
    ["a chunk together", piece({ total: 1, data: JSON.stringify(piece()) })],
  ])
    test(`${what} is told, and the next object passes`, async () => {
      await withDialect(async (f, room) => {
        for (const one of objects)
          f.object(one);
        const answer = await f.answer();
        assert.equal(answer.type, "error", JSON.stringify(answer));
        assert.equal(typeof answer.payload, "string");
        for (const one of chunks(large(room, 9, 500), 2, "next"))
          f.object(one);
        assert.deepEqual(await f.answer(), { type: "ack", id: 9, data: { seq: 1 } });
      });
    });

  test("an object beyond --max-chunked is given up", async () => {
    await withDialect(async (f, room) => {
      const all = chunks(large(room, 1, 4000000), 40);
      for (const one of all)
        f.object(one);
      const answer = await f.answer();
      assert.equal(answer.type, "error");
      assert.match(answer.payload, /too large/);
      f.object({ type: "join", id: "last", room });
      while ((await f.answer()).id !== "last")
        continue;
    });
  });

  test("a connection that ends within an object leaves nothing", async () => {
    await withDialect(async (f, room) => {
      f.object(chunks(large(room, 1, 100000), 4)[0]);
      f.close();
      await until("the session's end", async () => (await server.stats()).sessions === 0);
    });
  });
});

describe("fragments of the server", () => {
  test("pings and pongs go between the frames of a large message", async () => {
    await withServer(["--fragment", "4096", "--ping-interval", "200", "--ping-timeout", "10000",
      "--max-payload", "8000000", "--queue-bytes", "33554432"], async (server) => {
      const f = await Frames.open(server, "/ws?room=a");
      f.raw.socket.pause();
      const data = "x".repeat(7000000);
      await server.publish("a", JSON.stringify(data));
      f.send(OP.PING, "mine");
      await new Promise((resolve) => setTimeout(resolve, 600));
      f.raw.socket.resume();
      const parts = [];
      const controls = [];
      for (let fin = false; !fin;) {
        const one = await f.next();
        if (one.opcode > 7) {
          controls.push(one.opcode);
          assert.ok(one.opcode === OP.PING || parts.length > 0, "it was under way");
          continue;
        }
        assert.ok(one.payload.length <= 4096);
        assert.equal(one.opcode, parts.length === 0 ? OP.TEXT : OP.CONTINUE);
        parts.push(one.payload);
        fin = one.fin;
      }
      assert.equal(JSON.parse(Buffer.concat(parts)).data, data);
      assert.equal(controls.filter((opcode) => opcode === OP.PONG).length, 1);
      assert.ok(controls.includes(OP.PING), "the server asked, too");
      f.close();
    });
  });
});

describe("ws options", () => {
  test("the server pings and goes on for who answers", async () => {
    await withServer(["--ping-interval", "300", "--ping-timeout", "200"], async (server) => {
      const f = await Frames.open(server);
      for (let i = 0; i < 3; i++) {
        const ping = await f.next(OP.PING);
        f.send(OP.PONG, ping.payload);
      }
      f.send(OP.TEXT, join("a"));
      assert.deepEqual(await f.nextObject(), acked("a"));
      f.close();
    });
  });

  test("without a pong the connection is closed", async () => {
    await withServer(["--ping-interval", "300", "--ping-timeout", "200"], async (server) => {
      const f = await Frames.open(server);
      await f.next(OP.PING);
      await f.raw.readAll();
      assert.equal((await server.stats()).sessions, 0);
      f.close();
    });
  });

  test("--max-payload bounds a message", async () => {
    await withServer(["--max-payload", "100"], async (server) => {
      for (const [size, closes] of [[100, false], [101, true]]) {
        const f = await Frames.open(server, "/ws?room=a");
        f.send(OP.BINARY, Buffer.alloc(size));
        if (closes)
          assert.equal(await f.closed(), 1009);
        else
          assert.equal((await f.next(OP.BINARY)).payload.length, size);
        f.close();
      }
    });
  });

  test("SIGTERM closes with 1001", async () => {
    const server = await Server.start();
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws`);
    await once(socket, "open");
    const closed = once(socket, "close");
    await Promise.all([server.stop(), closed.then((code) => assert.equal(code, 1001))]);
  });

  test("a peer that does not answer the close frame holds nothing up", async () => {
    const server = await Server.start(["--close-timeout", "200"]);
    const f = await Frames.open(server);
    const stopped = server.stop();
    assert.equal((await f.next(OP.CLOSE)).payload.readUInt16BE(), 1001);
    await stopped;
    f.close();
  });

  test("who does not read is told so, or cut, and delays nobody", async () => {
    await withServer(["--queue-bytes", "100000", "--close-timeout", "500"], async (server) => {
      const slow = await Frames.open(server, "/ws?room=a");
      slow.raw.socket.pause();
      await withClients([Ws.open(server, { rooms: ["a"] })], async (c) => {
        const data = "x".repeat(50000);
        for (let i = 0; i < 300; i++) {
          await c.publish("a", "e", data);
          assert.equal((await c.next()).seq, i + 1);
        }
        const { ws } = (await server.stats()).backends;
        assert.ok(ws.sessions === 1 || ws.dropped > 0, JSON.stringify(ws));
      });
      slow.close();
    });
  });
});
