// SPDX-License-Identifier: MIT
// --app echo with large messages, however they are cut.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { frame, Frames, OP } from "./lib/frames.mjs";
import { once, until } from "./lib/inbox.mjs";
import { Server, withServer } from "./lib/server.mjs";

const { CONTINUE, TEXT, BINARY, PING, PONG } = OP;
const MIB = 1048576;
const SIZE = 16 * MIB;
const PATH = "/some/where";

const noise = randomBytes(SIZE);
const text = Buffer.alloc(SIZE, "κόσμε 😀 and more "); // ends within a character

describe("echo of 16 MiB", () => {
  let server;

  before(async () => {
    server = await Server.start(["--app", "echo", "--max-payload", String(SIZE),
      "--ws-path", PATH]);
  });
  after(() => server.stop());

  const open = (target = PATH) => Frames.open(server, target, "", { greeted: false });

  // Without backtracking over megabytes when they differ.
  function assertSame(got, sent) {
    assert.equal(got.length, sent.length);
    assert.ok(got.equals(sent), "other bytes");
  }

  // What a peer's tests look at first: the opcode, FIN, and each byte.
  async function echoes(opcode, payload, send) {
    const f = await open();
    const sent = send(f);
    assertSame(await f.nextMessage(opcode), payload);
    await sent;
    f.send(PING, "and on");
    assert.equal((await f.next(PONG)).payload.toString(), "and on");
    f.close();
  }

  function fragments(opcode, payload, size) {
    const count = Math.ceil(payload.length / size);
    return Array.from({ length: count }, (_, i) =>
      frame(i === 0 ? opcode : CONTINUE, payload.subarray(i * size, (i + 1) * size),
        { fin: i === count - 1 }));
  }

  // Text must end with a whole character.
  const wholeText = text.subarray(0, Buffer.from(text.toString()).lastIndexOf("κ"));

  for (const [name, opcode, payload] of [["binary", BINARY, noise], ["text", TEXT, wholeText]]) {
    test(`${name}, whole`, () => echoes(opcode, payload, (f) =>
      f.raw.send(frame(opcode, payload))));

    test(`${name}, in 65,536 fragments`, () => echoes(opcode, payload, (f) => {
      const frames = fragments(opcode, payload, 256);
      assert.ok(frames.length <= 65536);
      f.raw.send(Buffer.concat(frames));
    }));

    test(`${name}, in fragments of 64 KiB, a write each`, () => echoes(opcode, payload, (f) =>
      f.raw.sendPieces(fragments(opcode, payload, 65536))));

    test(`${name}, in writes of 997 bytes`, () => {
      const whole = frame(opcode, payload.subarray(0, 4 * MIB).subarray(0,
        opcode === TEXT ? payload.lastIndexOf("κ", 4 * MIB - 2) : 4 * MIB));
      const pieces = [];
      for (let at = 0; at < whole.length; at += 997)
        pieces.push(whole.subarray(at, at + 997));
      const n = whole.length - 14;
      return echoes(opcode, payload.subarray(0, n), (f) => f.raw.sendPieces(pieces));
    });

    test(`${name} of 64 KiB, one byte per write`, () => {
      const part = payload.subarray(0, opcode === TEXT ? payload.lastIndexOf("κ", 65535) : 65536);
      return echoes(opcode, part, (f) => f.raw.sendPieces(
        [...frame(opcode, part)].map((byte) => Buffer.from([byte]))));
    });

    test(`${name} of 64 KiB in fragments of a byte, pings between`, async () => {
      const part = payload.subarray(0, opcode === TEXT ? payload.lastIndexOf("κ", 65535) : 65536);
      const f = await open();
      const frames = fragments(opcode, part, 1).flatMap((one, i) =>
        i % 1000 === 999 ? [frame(PING, String(i)), one] : [one]);
      f.raw.send(Buffer.concat(frames));
      for (let i = 999; i < part.length; i += 1000)
        assert.equal((await f.next(PONG)).payload.toString(), String(i));
      assertSame(await f.nextMessage(opcode), part);
      f.close();
    });
  }

  test("several one after the other on one connection", async () => {
    const f = await open();
    for (let i = 0; i < 3; i++) {
      f.raw.send(frame(BINARY, noise));
      assertSame(await f.nextMessage(BINARY), noise);
    }
    f.close();
  });

  test("one byte more than --max-payload closes with 1009", async () => {
    const f = await open();
    f.raw.send(frame(BINARY, "", { length: SIZE + 1 }));
    assert.equal(await f.closed(), 1009);
    f.close();
  });

  test("short messages, 500 at a time", async () => {
    const f = await open();
    const count = 20000;
    for (let i = 0; i < count; i += 500) {
      f.raw.send(Buffer.concat(Array.from({ length: 500 }, (_, k) =>
        frame(TEXT, String(i + k)))));
      for (let k = 0; k < 500; k++)
        assert.equal((await f.next(TEXT)).payload.toString(), String(i + k));
    }
    f.close();
  });

  test("the ws package: 16 MiB, there and back", async () => {
    const socket = new WebSocket(server.url.replace("http", "ws") + PATH,
      { maxPayload: SIZE });
    await once(socket, "open");
    socket.send(noise);
    assertSame(await once(socket, "message"), noise);
    socket.close(1000);
    await once(socket, "close");
  });

  test("an idle connection keeps nothing of a large message", async () => {
    await withServer(["--app", "echo", "--max-payload", String(SIZE)], async (own) => {
      const f = await Frames.open(own, "/ws", "", { greeted: false });
      const before = own.memory();
      f.raw.send(Buffer.concat(fragments(BINARY, noise, 65536)));
      assertSame(await f.nextMessage(BINARY), noise);
      f.send(PING);
      await f.next(PONG);
      await until("the memory is given back", () => own.memory() - before < SIZE / 1024 / 4);
      f.close();
    });
  });
});

describe("echo", () => {
  test("a client that sends all before it reads gets all", async () => {
    await withServer(["--app", "echo"], async (server) => {
      const f = await Frames.open(server, "/ws", "", { greeted: false });
      const sizes = [16384, 16, 0, 100000];
      const count = 2000;
      f.raw.socket.pause();
      const sent = f.raw.sendPieces(Array.from({ length: count }, (_, i) =>
        frame(BINARY, noise.subarray(i, i + sizes[i % sizes.length]))));
      await new Promise((resolve) => setTimeout(resolve, 500));
      f.raw.socket.resume();
      for (let i = 0; i < count; i++) {
        const got = await f.nextMessage(BINARY);
        assert.ok(got.equals(noise.subarray(i, i + sizes[i % sizes.length])), `message ${i}`);
      }
      await sent;
      f.close();
    });
  });

  test("--fragment cuts what goes out, and pongs go between", async () => {
    await withServer(["--app", "echo", "--fragment", "1000", "--max-payload", String(4 * MIB),
    ], async (server) => {
      const f = await Frames.open(server, "/ws", "", { greeted: false });
      const payload = noise.subarray(0, 4 * MIB);
      f.raw.socket.pause();
      f.raw.send(frame(BINARY, payload));
      f.send(PING, "between");
      await new Promise((resolve) => setTimeout(resolve, 200));
      f.raw.socket.resume();
      const parts = [];
      let pongs = 0;
      for (let fin = false; !fin || pongs === 0;) {
        const one = await f.next();
        if (one.opcode === PONG) {
          assert.equal(one.payload.toString(), "between");
          pongs++;
          continue;
        }
        assert.equal(one.opcode, parts.length === 0 ? BINARY : CONTINUE);
        assert.ok(one.payload.length <= 1000);
        parts.push(one.payload);
        fin = one.fin;
      }
      assert.equal(pongs, 1);
      assert.ok(Buffer.concat(parts).equals(payload));
      f.close();
    });
  });

  test("--fragment 0 never cuts", async () => {
    await withServer(["--app", "echo", "--fragment", "0"], async (server) => {
      const f = await Frames.open(server, "/ws", "", { greeted: false });
      f.raw.send(frame(TEXT, "x".repeat(900000)));
      const one = await f.next(TEXT);
      assert.deepEqual([one.fin, one.payload.length], [true, 900000]);
      f.close();
    });
  });

  test("there is no welcome, no JSON and no stream", async () => {
    await withServer(["--app", "echo"], async (server) => {
      const f = await Frames.open(server, "/ws?room=a", "", { greeted: false });
      f.send(TEXT, "no JSON {");
      assert.equal((await f.next(TEXT)).payload.toString(), "no JSON {");
      assert.equal((await fetch(`${server.url}/sse`)).status, 404);
      f.close();
    });
  });
});
