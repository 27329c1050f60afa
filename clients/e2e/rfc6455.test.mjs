// SPDX-License-Identifier: MIT
// RFC 6455 by hand, frame by frame, against the echo app: each conversation is
// held three times, since a server must not care how TCP cuts it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeFrame, frame, Frames, OP } from "./lib/frames.mjs";
import { until } from "./lib/inbox.mjs";
import { Server, withServer } from "./lib/server.mjs";

const { CONTINUE, TEXT, BINARY, CLOSE, PING, PONG } = OP;
const MAX = 1000000; // --max-payload's default

// What a conversation sends. `more`: without FIN.
const text = (s) => frame(TEXT, s);
const binary = (s) => frame(BINARY, s);
const ping = (s = "") => frame(PING, s);
const pong = (s = "") => frame(PONG, s);
const more = (opcode, s = "") => frame(opcode, s, { fin: false });
const last = (s = "") => frame(CONTINUE, s);
const bytes = (...list) => Buffer.from(list.flat(Infinity));

const manners = {
  "at once": (f, frames) => f.raw.send(Buffer.concat(frames)),
  "frame by frame": (f, frames) => f.raw.sendPieces(frames),
  "byte by byte": (f, frames) => f.raw.sendPieces(
    [...Buffer.concat(frames)].map((byte) => Buffer.from([byte]))),
};

describe("rfc 6455", () => {
  let server;

  before(async () => {
    server = await Server.start(["--app", "echo"]);
  });
  after(() => server.stop());

  async function withFrames(body) {
    const f = await Frames.open(server, "/ws", "", { greeted: false });
    try {
      return await body(f);
    } finally {
      f.close();
    }
  }

  // `answers` are [opcode, payload]; then the close frame has `code`, or the
  // connection still works.
  async function converse(send, frames, answers, code) {
    await withFrames(async (f) => {
      const sent = send(f, frames);
      for (const [opcode, payload] of answers) {
        const answer = opcode > 7 ? (await f.next(opcode)).payload : await f.nextMessage(opcode);
        assert.deepEqual(answer, Buffer.from(payload));
      }
      await sent;
      if (code === undefined) {
        f.send(PING, "still here");
        assert.equal((await f.next(PONG)).payload.toString(), "still here");
        f.raw.send(closeFrame(1000));
      }
      const end = await f.closedWith();
      assert.equal(end.code, code ?? 1000, end.reason);
      if ([1002, 1007, 1009].includes(end.code))
        assert.notEqual(end.reason, "", "a failure says why");
    });
  }

  // [what, frames, answers, close code]
  function conversations(cases, chosen = Object.keys(manners)) {
    for (const [what, frames, answers, code] of cases)
      for (const manner of chosen)
        test(`${what}, ${manner}`, () => converse(manners[manner], frames, answers, code));
  }

  describe("messages", () => {
    const kinds = [["text", TEXT, "*"], ["binary", BINARY, "\xfe"]];
    for (const [name, opcode, fill] of kinds) {
      const payload = (n) => Buffer.alloc(n, fill, "latin1");
      conversations([0, 1, 125, 126, 127, 128].map((n) =>
        [`${name} of ${n} bytes`, [frame(opcode, payload(n))], [[opcode, payload(n)]]]));
      conversations([65535, 65536, 65537, MAX].map((n) =>
        [`${name} of ${n} bytes`, [frame(opcode, payload(n))], [[opcode, payload(n)]]]),
      ["at once"]);
      test(`${name} of 65536 bytes in pieces of 997`, async () => {
        const whole = frame(opcode, payload(65536));
        const pieces = Array.from({ length: Math.ceil(whole.length / 997) }, (_, i) =>
          whole.subarray(i * 997, (i + 1) * 997));
        await converse((f) => f.raw.sendPieces(pieces), [], [[opcode, payload(65536)]]);
      });
    }

    test("many in one segment are answered in order", async () => {
      const sent = Array.from({ length: 500 }, (_, i) => `message ${i}`);
      await converse(manners["at once"], sent.map(text), sent.map((s) => [TEXT, s]));
    });

    test("every masking key, 0 too", async () => {
      for (const key of [[0, 0, 0, 0], [255, 255, 255, 255], [1, 2, 3, 4]]) {
        const masked = [...Buffer.from("hello, world")].map((b, i) => b ^ key[i & 3]);
        await converse(manners["at once"],
          [bytes(0x81, 0x80 | masked.length, key, masked)], [[TEXT, "hello, world"]]);
      }
    });
  });

  describe("pings and pongs", () => {
    const ten = Array.from({ length: 10 }, (_, i) => `ping ${i}`);
    conversations([
      ["an empty ping", [ping()], [[PONG, ""]]],
      ["a ping of text", [ping("Hello")], [[PONG, "Hello"]]],
      ["a ping of bytes that are not UTF-8", [ping(bytes(0, 255, 254, 0xc0))],
        [[PONG, bytes(0, 255, 254, 0xc0)]]],
      ["a ping of 125 bytes", [ping(Buffer.alloc(125, 0xfe))], [[PONG, Buffer.alloc(125, 0xfe)]]],
      ["ten pings", ten.map((s) => ping(s)), ten.map((s) => [PONG, s])],
      ["an empty pong unasked", [pong()], []],
      ["a pong unasked", [pong("nobody asked")], []],
      ["a pong unasked before a ping", [pong("nobody asked"), ping("a")], [[PONG, "a"]]],
      ["a ping of 126 bytes", [ping(Buffer.alloc(126))], [], 1002],
      ["a ping of 65536 bytes", [ping(Buffer.alloc(65536))], [], 1002],
      ["a pong of 126 bytes", [pong(Buffer.alloc(126))], [], 1002],
    ].filter(([what]) => !what.includes("65536")));
    conversations([["a ping of 65536 bytes", [ping(Buffer.alloc(65536))], [], 1002]],
      ["at once"]);

    test("a flood of pings is answered whole and in order", async () => {
      const count = 5000;
      await withFrames(async (f) => {
        for (let i = 0; i < count; i += 1000)
          f.raw.send(Buffer.concat(Array.from({ length: 1000 }, (_, k) => ping(String(i + k)))));
        for (let i = 0; i < count; i++)
          assert.equal((await f.next(PONG)).payload.toString(), String(i));
      });
    });
  });

  describe("reserved bits", () => {
    const rsv = (opcode, bits, payload = "x") => frame(opcode, payload, { rsv: bits });
    for (const bits of [1, 2, 3, 4, 5, 6, 7])
      conversations([
        [`${bits} on text`, [rsv(TEXT, bits)], [], 1002],
        [`${bits} on binary`, [rsv(BINARY, bits)], [], 1002],
        [`${bits} on empty text`, [rsv(TEXT, bits, "")], [], 1002],
        [`${bits} on a ping`, [rsv(PING, bits)], [], 1002],
        [`${bits} on a pong`, [rsv(PONG, bits)], [], 1002],
        [`${bits} on a close frame`, [rsv(CLOSE, bits, bytes(3, 232))], [], 1002],
        [`${bits} on a continuation`, [more(TEXT, "a"), rsv(CONTINUE, bits)], [], 1002],
        [`${bits} behind a good message and before a ping`,
          [text("good"), rsv(TEXT, bits), ping()], [[TEXT, "good"]], 1002],
      ]);
  });

  describe("opcodes", () => {
    for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
      conversations([
        [`the reserved opcode ${opcode}, empty`, [frame(opcode)], [], 1002],
        [`the reserved opcode ${opcode}`, [frame(opcode, "payload")], [], 1002],
        [`the reserved opcode ${opcode} between a message and a ping`,
          [text("good"), frame(opcode, "payload"), ping()], [[TEXT, "good"]], 1002],
        [`the reserved opcode ${opcode} within a message`,
          [more(TEXT, "a"), frame(opcode)], [], 1002],
      ]);
  });

  describe("fragments", () => {
    conversations([
      ["a ping in two", [more(PING, "a"), last("b")], [], 1002],
      ["a pong in two", [more(PONG, "a"), last("b")], [], 1002],
      ["a close frame in two", [more(CLOSE, bytes(3)), last(bytes(232))], [], 1002],
      ["text in two", [more(TEXT, "frag"), last("ment")], [[TEXT, "fragment"]]],
      ["text in two, a ping between", [more(TEXT, "frag"), ping("p"), last("ment")],
        [[PONG, "p"], [TEXT, "fragment"]]],
      ["text in two, a pong between", [more(TEXT, "frag"), pong("p"), last("ment")],
        [[TEXT, "fragment"]]],
      ["binary in five, pings between",
        [more(BINARY, "f1"), more(CONTINUE, "f2"), ping("p1"), more(CONTINUE, "f3"),
          more(CONTINUE, "f4"), ping("p2"), last("f5")],
        [[PONG, "p1"], [PONG, "p2"], [BINARY, "f1f2f3f4f5"]]],
      ["empty fragments", [more(TEXT), more(CONTINUE), last()], [[TEXT, ""]]],
      ["empty fragments around text", [more(TEXT), more(CONTINUE, "middle"), last()],
        [[TEXT, "middle"]]],
      ["a thousand fragments of a byte",
        [more(TEXT, "x"), ...Array.from({ length: 998 }, () => more(CONTINUE, "x")), last("x")],
        [[TEXT, "x".repeat(1000)]]],
      ["two messages one after the other",
        [more(TEXT, "a"), last("b"), more(BINARY, "c"), last("d")],
        [[TEXT, "ab"], [BINARY, "cd"]]],
      ["a continuation of nothing", [last("x")], [], 1002],
      ["a continuation of nothing, without an end", [more(CONTINUE, "x")], [], 1002],
      ["a continuation of nothing before a message", [last("x"), text("y")], [], 1002],
      ["a continuation behind a whole message", [text("a"), last("b")], [[TEXT, "a"]], 1002],
      ["a continuation behind a fragmented message",
        [more(TEXT, "a"), last("b"), last("c")], [[TEXT, "ab"]], 1002],
      ["text within text", [more(TEXT, "a"), text("b")], [], 1002],
      ["binary within text", [more(TEXT, "a"), binary("b"), last("c")], [], 1002],
      ["an unfinished message within another", [more(BINARY, "a"), more(TEXT, "b")], [], 1002],
      ["a close frame within a message", [more(TEXT, "a"), closeFrame(1000, "enough")], [], 1000],
    ]);
  });

  describe("heads", () => {
    const head = (...list) => bytes(list, 0, 0, 0, 0);
    conversations([
      ["text without a mask", [frame(TEXT, "x", { masked: false })], [], 1002],
      ["empty binary without a mask", [frame(BINARY, "", { masked: false })], [], 1002],
      ["a ping without a mask", [frame(PING, "", { masked: false })], [], 1002],
      ["a close frame without a mask", [frame(CLOSE, bytes(3, 232), { masked: false })], [], 1002],
      ["a continuation without a mask",
        [more(TEXT, "a"), frame(CONTINUE, "b", { masked: false })], [], 1002],
      ["0 in 16 bits", [head(0x82, 0xfe, 0, 0)], [], 1002],
      ["125 in 16 bits", [head(0x82, 0xfe, 0, 125)], [], 1002],
      ["125 in 64 bits", [head(0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 125)], [], 1002],
      ["65535 in 64 bits", [head(0x82, 0xff, 0, 0, 0, 0, 0, 0, 255, 255)], [], 1002],
      ["64 bits, all of them", [head(0x82, 0xff, Array(8).fill(255))], [], 1002],
      ["64 bits, the top one only", [head(0x82, 0xff, 128, 0, 0, 0, 0, 0, 0, 0)], [], 1002],
      ["63 bits", [head(0x82, 0xff, 127, Array(7).fill(255))], [], 1009],
      ["a ping whose length is in 16 bits", [head(0x89, 0xfe, 0, 5)], [], 1002],
      ["a close frame whose length is in 64 bits",
        [head(0x88, 0xff, 0, 0, 0, 0, 0, 0, 0, 5)], [], 1002],
    ]);

    // What is wrong is answered at the byte that makes it so.
    for (const [what, code, sent] of [
      ["a reserved bit", 1002, [0xc1]],
      ["a reserved opcode", 1002, [0x83]],
      ["a fragmented ping", 1002, [0x09]],
      ["a continuation of nothing", 1002, [0x80]],
      ["a missing mask", 1002, [0x81, 0x05]],
      ["a long ping", 1002, [0x89, 0xfe]],
      ["a length that is too long", 1009, [0x82, 0xff, 0, 0, 0, 0, 0, 0xff, 0, 0]],
    ])
      test(`${what} closes with ${code} before the head is whole`, async () => {
        await converse(manners["at once"], [Buffer.from(sent)], [], code);
      });
  });

  describe("sizes", () => {
    const big = (opcode, n, options) => frame(opcode, Buffer.alloc(n, "x"), options);
    conversations([
      ["one byte more than --max-payload", [big(TEXT, MAX + 1)], [], 1009],
      ["an announced length beyond it", [frame(BINARY, "", { length: 2 ** 40 })], [], 1009],
      ["fragments beyond it together",
        [big(BINARY, MAX - 1, { fin: false }), big(CONTINUE, 2)], [], 1009],
      ["an empty fragment at the limit",
        [big(BINARY, MAX, { fin: false }), last()], [[BINARY, Buffer.alloc(MAX, "x")]]],
      ["fragments up to it",
        [big(TEXT, MAX - 1, { fin: false }), big(CONTINUE, 1)], [[TEXT, Buffer.alloc(MAX, "x")]]],
    ], ["at once", "frame by frame"]);

    test("the second fragment's head is enough", async () => {
      await converse(manners["frame by frame"],
        [big(BINARY, MAX - 10, { fin: false }), frame(CONTINUE, "", { length: 11 }).subarray(0, 2)],
        [], 1009);
    });

    test("many fragments that never end are cut at the limit", async () => {
      await withFrames(async (f) => {
        f.raw.send(big(BINARY, 1, { fin: false }));
        for (let i = 0; i < 200; i++)
          f.raw.send(big(CONTINUE, 10000, { fin: false }));
        const { payload } = await f.next(CLOSE);
        assert.equal(payload.readUInt16BE(), 1009);
      });
    });
  });

  describe("utf-8", () => {
    const good = {
      "two bytes": "é߿", "three bytes": "κόσμε\u0800\uffff", "four bytes": "𐀀😀\u{10ffff}",
      "a byte order mark": "\ufeffx", "noncharacters": "\ufdd0\ufdef\ufffe\uffff\u{1fffe}",
      "a NUL": "a\0b", "around the surrogates": "\ud7ff\ue000",
    };
    for (const [what, s] of Object.entries(good)) {
      const whole = Buffer.from(s);
      conversations([[what, [text(whole)], [[TEXT, whole]]],
        [`${what}, cut everywhere`, [...[...whole].map((byte, i) =>
          more(i === 0 ? TEXT : CONTINUE, bytes(byte))), last()], [[TEXT, whole]]]]);
    }

    const bad = {
      "a lone continuation": [0x80], "0xff": [0xff], "0xfe": [0xfe],
      "0xc0": [0xc0, 0x80], "0xc1": [0xc1, 0xbf], "overlong in three": [0xe0, 0x9f, 0xbf],
      "overlong in four": [0xf0, 0x8f, 0xbf, 0xbf], "five bytes": [0xf8, 0x88, 0x80, 0x80, 0x80],
      "six bytes": [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80],
      "a high surrogate": [0xed, 0xa0, 0x80], "a low surrogate": [0xed, 0xbf, 0xbf],
      "a pair of surrogates": [0xed, 0xa1, 0x80, 0xed, 0xb0, 0x80],
      "behind U+10FFFF": [0xf4, 0x90, 0x80, 0x80], "0xf5": [0xf5, 0x80, 0x80, 0x80],
      "a character cut short by another": [0xce, 0x41],
    };
    for (const [what, list] of Object.entries(bad)) {
      const broken = Buffer.concat([Buffer.from("κόσμε"), bytes(list), Buffer.from("edited")]);
      conversations([
        [what, [text(broken)], [], 1007],
        [`${what}, in fragments of a byte`, [...broken].map((byte, i) =>
          more(i === 0 ? TEXT : CONTINUE, bytes(byte))), [], 1007],
        [`${what} in binary is fine`, [binary(broken)], [[BINARY, broken]]],
        [`${what} in a close reason`,
          [frame(CLOSE, Buffer.concat([bytes(3, 232), broken]))], [], 1007],
      ]);
    }

    for (const cut of [[0xce], [0xe1, 0x80], [0xf0, 0x90, 0x80]])
      conversations([
        [`an end after ${cut.length} bytes of a character`, [text(bytes(cut))], [], 1007],
        [`the same in the last fragment`, [more(TEXT, "a"), last(bytes(cut))], [], 1007],
        [`the same, then an empty fragment`, [more(TEXT, bytes(cut)), last()], [], 1007],
        [`the same in a close reason`, [frame(CLOSE, bytes(3, 232, cut))], [], 1007],
      ]);

    test("binary between does not disturb what text has checked", async () => {
      await converse(manners["at once"], [binary(bytes(0xce)), text(bytes(0xce, 0xba)),
        binary(bytes(0xba)), text("κ")],
      [[BINARY, bytes(0xce)], [TEXT, "κ"], [BINARY, bytes(0xba)], [TEXT, "κ"]]);
    });

    // The message never ends, and yet the verdict comes.
    test("it fails at once in a first fragment", async () => {
      await converse(manners["at once"], [more(TEXT, bytes(0x61, 0xff))], [], 1007);
    });
    test("it fails at once in a frame that is not whole", async () => {
      await converse(manners["at once"],
        [frame(TEXT, bytes(0x61, 0xff), { length: 1000 })], [], 1007);
    });
    test("it fails at the byte that cannot follow", async () => {
      await withFrames(async (f) => {
        f.raw.send(more(TEXT, bytes(0xce, 0xba, 0xf4)));
        f.send(PING, "so far it is fine");
        await f.next(PONG);
        f.raw.send(more(CONTINUE, bytes(0x90)));
        assert.equal(await f.closed(), 1007);
      });
    });
    test("a close reason that is not whole yet is not judged early", async () => {
      const close = frame(CLOSE, Buffer.concat([bytes(3, 232), Buffer.from("é".repeat(50))]));
      await withFrames(async (f) => {
        await f.raw.sendPieces([close.subarray(0, 9), close.subarray(9)]);
        assert.equal(await f.closed(), 1000);
      });
    });
  });

  describe("closing", () => {
    const close = (payload) => frame(CLOSE, payload);
    const code = (n) => bytes(n >> 8, n & 255);

    conversations([
      ["a message before", [text("before"), closeFrame(1000)], [[TEXT, "before"]], 1000],
      ["a second close frame", [closeFrame(1000), closeFrame(1001)], [], 1000],
      ["a ping behind", [closeFrame(1000), ping("late")], [], 1000],
      ["text behind", [closeFrame(1000), text("late")], [], 1000],
      ["a fragment before, its end behind",
        [more(TEXT, "a"), closeFrame(1000), last("b")], [], 1000],
      ["garbage behind", [closeFrame(1000), bytes(0xff, 0xff, 0xff, 0xff)], [], 1000],
      ["one byte", [close(bytes(3))], [], 1002],
      ["a reason", [closeFrame(1000, "hello, κόσμε")], [], 1000],
      ["a reason of 123 bytes", [closeFrame(1000, "x".repeat(123))], [], 1000],
      ["a reason of 124 bytes", [closeFrame(1000, "x".repeat(124))], [], 1002],
    ]);

    for (const manner of Object.keys(manners))
      test(`without a code, ${manner}`, async () => {
        await withFrames(async (f) => {
          await manners[manner](f, [close("")]);
          assert.ok([null, 1000].includes(await f.closed()));
        });
      });

    for (const n of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
      3000, 3001, 3999, 4000, 4001, 4999])
      test(`code ${n} is echoed`, async () => {
        await converse(manners["at once"], [close(code(n))], [], n).catch((error) => {
          if (!/says why/.test(error.message)) // an echo has nothing to explain
            throw error;
        });
      });

    for (const n of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1099, 1100, 1999, 2000, 2999,
      5000, 32768, 65535])
      conversations([
        [`code ${n}`, [close(code(n))], [], 1002],
        [`code ${n} and a reason`, [close(Buffer.concat([code(n), Buffer.from("why")]))], [], 1002],
      ]);

    test("256 KiB are echoed before the answer", async () => {
      const payload = Buffer.alloc(262144, "BAsd7&jh23", "latin1");
      await converse(manners["at once"], [text(payload), closeFrame(1000), ping()],
        [[TEXT, payload]], 1000);
    });

    test("an end of the stream without a close frame ends it", async () => {
      await withFrames(async (f) => {
        f.raw.socket.end();
        assert.equal((await f.raw.readAll()).length, 0);
        await until("the session's end", async () => (await server.stats()).sessions === 0);
      });
    });

    test("a client that sends on after its failure does no harm", async () => {
      await withFrames(async (f) => {
        f.raw.send(frame(3, "x"));
        for (let i = 0; i < 100; i++)
          f.raw.send(binary(Buffer.alloc(10000)));
        const { payload } = await f.next(CLOSE);
        assert.equal(payload.readUInt16BE(), 1002);
      });
    });
  });
});

describe("rfc 6455: time and bounds", () => {
  const open = (server, target = "/ws") => Frames.open(server, target, "", { greeted: false });

  test("a client that does not end after its failure is cut", async () => {
    await withServer(["--app", "echo", "--close-timeout", "200"], async (server) => {
      const f = await open(server);
      f.raw.send(frame(3, "x"));
      assert.equal(await f.closed(), 1002);
      await until("the end", async () => (await server.stats()).sessions === 0);
      f.close();
    });
  });

  test("a client that sends frames for ever instead of closing is cut", async () => {
    const server = await Server.start(["--close-timeout", "300"]);
    const f = await Frames.open(server);
    const stopped = server.stop();
    assert.equal((await f.next(CLOSE)).payload.readUInt16BE(), 1001);
    const sending = setInterval(() => f.send(PING, "still here"), 20);
    await stopped;
    clearInterval(sending);
    f.close();
  });

  // The end of the stream comes as one edge with what is read in two ticks.
  test("clients that send and are gone at once leave nothing", async () => {
    await withServer(["--app", "echo"], async (server) => {
      const size = 24000;
      for (let round = 0; round < 5; round++) {
        const all = await Promise.all(Array.from({ length: 20 }, () => open(server)));
        for (const f of all) {
          f.send(BINARY, Buffer.alloc(size).subarray(0, size - round), { length: size });
          f.close();
        }
      }
      await until("the sessions' end", async () => (await server.stats()).sessions === 0);
    });
  });

  test("pings of a client that reads nothing cost a bounded amount", async () => {
    await withServer(["--app", "echo", "--queue-bytes", "65536", "--queue-messages", "64",
      "--close-timeout", "300"], async (server) => {
      const f = await open(server);
      const flood = Buffer.concat(Array.from({ length: 1000 }, () => ping("x".repeat(125))));
      const before = server.memory();
      f.raw.socket.pause();
      // Its answers are stuck some day; then it is cut, or heard no more.
      const ended = new Promise((resolve) => f.raw.socket.once("close", resolve));
      for (let i = 0; i < 150 && !f.raw.ended; i++)
        await Promise.race([f.raw.sendPieces([flood]), ended,
          new Promise((resolve) => setTimeout(resolve, 20))]);
      assert.ok(server.memory() - before < 8192, `${before} KiB, ${server.memory()} KiB`);
      const other = await open(server);
      other.send(PING, "and I?");
      assert.equal((await other.next(PONG)).payload.toString(), "and I?");
      other.close();
      f.close();
    });
  });
});
