// SPDX-License-Identifier: MIT
// RFC 7692 by hand, with Node's zlib as the other side's opinion.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import zlib from "node:zlib";
import { freshRoom } from "./lib/clients.mjs";
import { closeFrame, frame, Frames, handshake, OP } from "./lib/frames.mjs";
import { once } from "./lib/inbox.mjs";
import { ask } from "./lib/raw.mjs";
import { Server, withServer } from "./lib/server.mjs";

const { CONTINUE, TEXT, BINARY, PING, PONG, CLOSE } = OP;
const RSV1 = 4;
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const { Z_SYNC_FLUSH, Z_FULL_FLUSH } = zlib.constants;

function deflate(data, options = {}) {
  const whole = zlib.deflateRawSync(data, { finishFlush: Z_SYNC_FLUSH, ...options });
  assert.deepEqual(whole.subarray(-4), TAIL);
  return whole.subarray(0, -4);
}

// Fails when the data refer to more than the window has.
function inflate(data, windowBits = 15) {
  return zlib.inflateRawSync(Buffer.concat([data, TAIL]),
    { finishFlush: Z_SYNC_FLUSH, windowBits });
}

const packed = (opcode, data, options = {}) =>
  frame(opcode, deflate(data, options.zlib), { rsv: RSV1, ...options });

// "a; b; c=9" as {a: null, b: null, c: "9"}, behind the extension's name.
function parameters(answer) {
  const [name, ...rest] = answer.split(";").map((s) => s.trim());
  assert.equal(name, "permessage-deflate");
  const found = rest.map((one) => [...one.split("="), null].slice(0, 2));
  assert.equal(new Set(found.map(([key]) => key)).size, found.length, answer);
  return Object.fromEntries(found);
}

// Text that refers as far back as 30,000 bytes, and differs each time.
function farText() {
  const far = randomBytes(7500).toString("hex");
  return far + far.split("").reverse().join("") + far;
}

describe("permessage-deflate: negotiation", () => {
  let server;

  before(async () => {
    server = await Server.start(["--deflate"]);
  });
  after(() => server.stop());

  async function negotiate(offer) {
    const response = await ask(server, "GET /ws HTTP/1.1",
      handshake({ "Sec-WebSocket-Extensions": offer }));
    assert.equal(response.status, 101, response.head);
    return response.headers["sec-websocket-extensions"];
  }

  const none = { server_no_context_takeover: null, client_no_context_takeover: null };
  const flags = ["", "; server_no_context_takeover", "; client_no_context_takeover",
    "; client_no_context_takeover; server_no_context_takeover"];
  const windows = [9, 10, 11, 12, 13, 14, 15];

  // Every legal combination of the four, in one order each.
  for (const flag of flags)
    test(`every window with "${flag}"`, async () => {
      for (const s of [undefined, ...windows])
        for (const c of [undefined, "any", ...windows]) {
          const offer = `permessage-deflate${flag}`
            + (s ? `; server_max_window_bits=${s}` : "")
            + (c ? `; client_max_window_bits${c === "any" ? "" : `=${c}`}` : "");
          const answer = await negotiate(offer);
          assert.ok(answer, offer);
          const got = parameters(answer);
          assert.equal(got.server_no_context_takeover, null, offer);
          assert.equal(got.client_no_context_takeover, null, offer);
          if (s)
            assert.ok(Number(got.server_max_window_bits) <= s, `${offer}: ${answer}`);
          if (c === undefined)
            assert.ok(!("client_max_window_bits" in got), `${offer}: ${answer}`);
          else if (got.client_max_window_bits !== undefined)
            assert.ok(c === "any" || Number(got.client_max_window_bits) <= c,
              `${offer}: ${answer}`);
        }
    });

  for (const [what, offer, expected] of [
    ["nothing but the name", "permessage-deflate", none],
    ["parameters in another order",
      "permessage-deflate; client_max_window_bits=12; server_max_window_bits=10; "
      + "server_no_context_takeover",
      { ...none, server_max_window_bits: "10", client_max_window_bits: "12" }],
    ["a quoted value", 'permessage-deflate; server_max_window_bits="10"',
      { ...none, server_max_window_bits: "10" }],
    ["a quoted value with an escape", 'permessage-deflate; server_max_window_bits="1\\0"',
      { ...none, server_max_window_bits: "10" }],
    ["no spaces", "permessage-deflate;server_max_window_bits=9;client_max_window_bits",
      { ...none, server_max_window_bits: "9" }],
    ["many spaces", " \tpermessage-deflate \t;  server_max_window_bits = 9 ",
      { ...none, server_max_window_bits: "9" }],
    ["another extension before", "x-webkit-deflate-frame, permessage-deflate", none],
    ["another extension behind", "permessage-deflate, permessage-bzip2; level=9", none],
    ["another extension with our parameters",
      "foo; server_max_window_bits=9, permessage-deflate; server_max_window_bits=11",
      { ...none, server_max_window_bits: "11" }],
    ["two offers, of which the first is preferred",
      "permessage-deflate; server_max_window_bits=11, permessage-deflate",
      { ...none, server_max_window_bits: "11" }],
    ["an offer for 8 and a fallback",
      "permessage-deflate; server_max_window_bits=8, permessage-deflate", none],
    ["an illegal offer and a fallback",
      "permessage-deflate; server_max_window_bits=16, "
      + "permessage-deflate; server_max_window_bits=9",
      { ...none, server_max_window_bits: "9" }],
    ["an unknown parameter and a fallback",
      "permessage-deflate; nonsense=1, permessage-deflate; client_no_context_takeover", none],
    ["empty elements", ", ,permessage-deflate,, ", none],
    ["several headers", ["foo; bar", "permessage-deflate; server_max_window_bits=9"],
      { ...none, server_max_window_bits: "9" }],
  ])
    test(`accepted: ${what}`, async () => {
      const answer = await negotiate(offer);
      assert.ok(answer, "it was declined");
      assert.ok(!answer.includes(","), "one offer is accepted");
      assert.deepEqual(parameters(answer), expected);
    });

  const one = (parameter) => [parameter, `permessage-deflate; ${parameter}`];
  for (const [what, offer] of [
    ["an empty header", ""],
    ["another extension", "permessage-bzip2"],
    ["a longer name", "permessage-deflate2"],
    ["a shorter name", "permessage-defl"],
    one("server_max_window_bits=8"), one("client_max_window_bits=8"),
    one("server_max_window_bits=8; client_max_window_bits=15"),
    one("server_max_window_bits"), one("server_max_window_bits="),
    one('server_max_window_bits=""'), one("server_max_window_bits=0"),
    one("server_max_window_bits=7"), one("server_max_window_bits=16"),
    one("server_max_window_bits=010"), one("server_max_window_bits=09"),
    one("server_max_window_bits=+9"), one("server_max_window_bits=-9"),
    one("server_max_window_bits=9.0"), one("server_max_window_bits=x"),
    one("server_max_window_bits=10x"), one("server_max_window_bits=99999999999999999999"),
    one("server_max_window_bits=265"), one("client_max_window_bits="),
    one("client_max_window_bits=7"), one("client_max_window_bits=16"),
    one("client_max_window_bits=0"), one("client_max_window_bits=012"),
    one("client_max_window_bits=a"), one("server_no_context_takeover=1"),
    one("server_no_context_takeover=true"), one("server_no_context_takeover="),
    one('client_no_context_takeover="x"'), one("client_no_context_takeover=0"),
    one("nonsense"), one("nonsense=1"), one("server_max_windowbits=9"),
    one("server_no_context_takeover; server_no_context_takeover"),
    one("client_no_context_takeover; client_no_context_takeover"),
    one("server_max_window_bits=10; server_max_window_bits=10"),
    one("client_max_window_bits; client_max_window_bits=10"),
    ["a broken list", "permessage-deflate; server_max_window_bits=10; ;"],
    ["an open quote", 'permessage-deflate; server_max_window_bits="10'],
    ["a separator too few", "permessage-deflate server_no_context_takeover"],
    ["a long list", `${"x, ".repeat(2000)}permessage-deflate`],
  ])
    test(`declined, and connected all the same: ${what}`, async () => {
      assert.equal(await negotiate(offer), undefined);
    });

  test("what is declined may not be used", async () => {
    const f = await Frames.open(server, "/ws", "",
      { headers: { "Sec-WebSocket-Extensions": "permessage-deflate; nonsense" } });
    f.raw.send(packed(TEXT, "{}"));
    assert.equal(await f.closed(), 1002);
    f.close();
  });
});

describe("permessage-deflate: messages in", () => {
  const MAX = 100000;
  let server;

  before(async () => {
    server = await Server.start(["--app", "echo", "--deflate", "--max-payload", String(MAX)]);
  });
  after(() => server.stop());

  async function withFrames(body, offer = "permessage-deflate") {
    const f = await Frames.open(server, "/ws", "",
      { greeted: false, headers: { "Sec-WebSocket-Extensions": offer } });
    try {
      assert.ok(f.response.headers["sec-websocket-extensions"]);
      return await body(f);
    } finally {
      f.close();
    }
  }

  // An echo may be compressed or not.
  async function nextMessage(f, opcode) {
    const first = await f.next(opcode);
    const parts = [first.payload];
    for (let more = first; !more.fin;) {
      more = await f.next(CONTINUE);
      parts.push(more.payload);
    }
    const payload = Buffer.concat(parts);
    return first.rsv === RSV1 ? inflate(payload) : payload;
  }

  async function echoes(frames, answers, offer) {
    for (const send of [(f) => f.raw.send(Buffer.concat(frames)),
      (f) => f.raw.sendPieces([...Buffer.concat(frames)].map((b) => Buffer.from([b])))])
      await withFrames(async (f) => {
        const sent = send(f);
        for (const [opcode, payload] of answers)
          assert.deepEqual(opcode > 7 ? (await f.next(opcode)).payload
            : await nextMessage(f, opcode), Buffer.from(payload));
        await sent;
        f.raw.send(closeFrame(1000));
        assert.equal(await f.closed(), 1000);
      }, offer);
  }

  async function fails(code, ...frames) {
    await withFrames(async (f) => {
      f.raw.send(Buffer.concat(frames));
      assert.equal(await f.closed(), code);
    });
  }

  const samples = [
    ["a word", "Hello"], ["repetition", "ab".repeat(4000)], ["json", '{"a":[1,2,3]}'.repeat(100)],
    ["many scripts", "κόσμε 日本 😀 ".repeat(200)],
  ];

  for (const [what, text] of samples) {
    test(`${what}, at every level and strategy`, async () => {
      await withFrames(async (f) => {
        for (let level = 0; level <= 9; level++)
          for (let strategy = 0; strategy <= 4; strategy++) {
            f.raw.send(packed(TEXT, text, { zlib: { level, strategy } }));
            assert.equal((await nextMessage(f, TEXT)).toString(), text);
          }
      });
    });

    for (const bits of [9, 10, 11, 12, 13, 14, 15])
      test(`${what}, from a window of ${bits} bits`, async () => {
        await withFrames(async (f) => {
          for (let i = 0; i < 3; i++) {
            f.raw.send(packed(TEXT, text, { zlib: { windowBits: bits } }));
            assert.equal((await nextMessage(f, TEXT)).toString(), text);
          }
        }, `permessage-deflate; client_max_window_bits=${bits}`);
      });
  }

  test("references over the whole window", async () => {
    const text = farText();
    await withFrames(async (f) => {
      f.raw.send(packed(BINARY, text, { zlib: { level: 9 } }));
      assert.equal((await nextMessage(f, BINARY)).toString(), text);
    });
  });

  test("bytes that do not compress, stored", async () => {
    const bytes = randomBytes(MAX - 1000);
    await withFrames(async (f) => {
      for (const level of [0, 9]) {
        f.raw.send(packed(BINARY, bytes, { zlib: { level } }));
        assert.deepEqual(await nextMessage(f, BINARY), bytes);
      }
    });
  });

  test("the examples of RFC 7692 section 7.2.3", async () => {
    const hello = [[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
      [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00], // stored
      [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], // the last block says so
      [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]]; // in two
    for (const bytes of hello)
      await echoes([frame(TEXT, Buffer.from(bytes), { rsv: RSV1 })], [[TEXT, "Hello"]]);
  });

  test("a message in fragments, also of no bytes, with control frames between", async () => {
    const bytes = deflate("fragmented ".repeat(50));
    const third = Math.floor(bytes.length / 3);
    await echoes([
      frame(TEXT, bytes.subarray(0, third), { rsv: RSV1, fin: false }),
      frame(PING, "p"), frame(CONTINUE, "", { fin: false }),
      frame(CONTINUE, bytes.subarray(third, 2 * third), { fin: false }), frame(PONG, "q"),
      frame(CONTINUE, bytes.subarray(2 * third)),
    ], [[PONG, "p"], [TEXT, "fragmented ".repeat(50)]]);
  });

  test("a first fragment of no bytes", async () => {
    await echoes([frame(TEXT, "", { rsv: RSV1, fin: false }), frame(CONTINUE, deflate("x"))],
      [[TEXT, "x"]]);
  });

  test("a fragment for each byte", async () => {
    const bytes = deflate("a byte each, a byte each");
    await echoes([...bytes].map((byte, i) => frame(i === 0 ? TEXT : CONTINUE, Buffer.from([byte]),
      { rsv: i === 0 ? RSV1 : 0, fin: i === bytes.length - 1 })),
    [[TEXT, "a byte each, a byte each"]]);
  });

  test("empty messages, compressed in each way and plain", async () => {
    await echoes([packed(TEXT, ""), frame(TEXT, Buffer.from([0]), { rsv: RSV1 }),
      frame(BINARY, Buffer.from([3, 0]), { rsv: RSV1 }), frame(TEXT, ""), packed(BINARY, "")],
    [[TEXT, ""], [TEXT, ""], [BINARY, ""], [TEXT, ""], [BINARY, ""]]);
  });

  test("plain and compressed messages by turns", async () => {
    await echoes([frame(TEXT, "plain"), packed(TEXT, "packed"), frame(BINARY, "plain"),
      frame(TEXT, "pl", { fin: false }), frame(CONTINUE, "ain"), packed(BINARY, "packed")],
    [[TEXT, "plain"], [TEXT, "packed"], [BINARY, "plain"], [TEXT, "plain"], [BINARY, "packed"]]);
  });

  test("flushes within a message", async () => {
    const z = zlib.createDeflateRaw();
    const parts = [];
    z.on("data", (part) => parts.push(part));
    for (const flush of [Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_SYNC_FLUSH]) {
      z.write("flushed ");
      await new Promise((resolve) => z.flush(flush, resolve));
    }
    await echoes([frame(TEXT, Buffer.concat(parts).subarray(0, -4), { rsv: RSV1 })],
      [[TEXT, "flushed flushed flushed "]]);
  });

  test("RSV1 on a continuation closes with 1002", async () => {
    await fails(1002, frame(TEXT, deflate("x"), { rsv: RSV1, fin: false }),
      frame(CONTINUE, "", { rsv: RSV1 }));
    await fails(1002, frame(TEXT, "x", { fin: false }), frame(CONTINUE, "", { rsv: RSV1 }));
  });
  for (const opcode of [CLOSE, PING, PONG])
    test(`RSV1 on the control frame ${opcode} closes with 1002`, async () => {
      await fails(1002, frame(opcode, opcode === CLOSE ? Buffer.from([3, 232]) : "",
        { rsv: RSV1 }));
    });
  for (const rsv of [1, 2, 3, 5, 6, 7])
    test(`the reserved bits ${rsv} close with 1002`, async () => {
      await fails(1002, frame(TEXT, deflate("x"), { rsv }));
    });

  for (const [what, bytes] of [
    ["a block of the reserved type", [0x06]],
    ["a stored block whose length is wrong", [0x00, 0x05, 0x00, 0x00, 0x00, 0x61]],
    ["a reference to before the beginning", [0x4a, 0x04, 0x11, 0x00]],
    ["nothing but 0xff", [0xff, 0xff, 0xff, 0xff]],
    ["text that was never compressed", [...Buffer.from("never compressed")]],
    ["a block that is cut", [...deflate("a block that is cut short").subarray(0, 9)]],
    ["no bytes at all", []],
  ])
    test(`corrupt: ${what} closes with 1007`, async () => {
      await fails(1007, frame(TEXT, Buffer.from(bytes), { rsv: RSV1 }));
    });

  test("corrupt data fail before the message ends", async () => {
    await fails(1007, frame(BINARY, Buffer.from([0x06, 0, 0]), { rsv: RSV1, fin: false }));
  });

  test("every cut and every flipped bit ends well or with 1007", async () => {
    const bytes = deflate("every bit of this may flip".repeat(3));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] ^= 1 << (bit & 7);
      await withFrames(async (f) => {
        f.raw.send(Buffer.concat([frame(TEXT, damaged, { rsv: RSV1 }), closeFrame(1000)]));
        let answer = await f.next();
        if (answer.opcode === TEXT)
          answer = await f.next(CLOSE);
        assert.ok([1000, 1007].includes(answer.payload.readUInt16BE()), `bit ${bit}`);
      });
    }
  });

  test("text that is not UTF-8 inside closes with 1007", async () => {
    const bad = Buffer.concat([Buffer.from("good ".repeat(50)), Buffer.from([0xc0, 0xaf])]);
    await fails(1007, packed(TEXT, bad));
    await fails(1007, packed(TEXT, Buffer.from([0xc3])));
    await fails(1007, packed(TEXT, bad, { fin: false })); // and at once
    await echoes([packed(BINARY, bad)], [[BINARY, bad]]);
  });

  test("a character may be cut by compressed fragments", async () => {
    const bytes = deflate("😀é".repeat(30), { level: 0 });
    await echoes([...bytes].map((byte, i) => frame(i === 0 ? TEXT : CONTINUE, Buffer.from([byte]),
      { rsv: i === 0 ? RSV1 : 0, fin: i === bytes.length - 1 })), [[TEXT, "😀é".repeat(30)]]);
  });

  test("--max-payload counts what comes out", async () => {
    await echoes([packed(TEXT, "x".repeat(MAX))], [[TEXT, "x".repeat(MAX)]]);
    await fails(1009, packed(TEXT, "x".repeat(MAX + 1)));
    const stored = deflate(randomBytes(MAX + 1), { level: 0 });
    await fails(1009, frame(BINARY, stored.subarray(0, 60000), { rsv: RSV1, fin: false }),
      frame(CONTINUE, stored.subarray(60000)));
  });

  test("a bomb is defused", async () => {
    const before = server.memory();
    const bomb = packed(BINARY, Buffer.alloc(90 * MAX)); // some 9 KB on the wire
    assert.ok(bomb.length < 20000, `${bomb.length}`);
    for (let i = 0; i < 50; i++)
      await fails(1009, bomb);
    assert.ok(server.memory() - before < 8192, `${before} KiB, ${server.memory()} KiB`);
  });

  test("a frame that is longer than anything legal closes with 1009 at its head", async () => {
    await fails(1009, frame(BINARY, "", { rsv: RSV1, length: 2 * MAX }));
  });

  test("empty blocks without end are one empty message", async () => {
    const blocks = Buffer.concat(Array.from({ length: 1000 }, () =>
      Buffer.concat([Buffer.from([0]), TAIL])));
    await withFrames(async (f) => {
      f.raw.send(frame(TEXT, blocks, { rsv: RSV1, fin: false }));
      for (let i = 0; i < 50; i++)
        f.raw.send(frame(CONTINUE, blocks, { fin: false }));
      f.send(PING, "alive");
      await f.next(PONG);
      f.raw.send(frame(CONTINUE, Buffer.from([0])));
      assert.equal((await nextMessage(f, TEXT)).length, 0);
    });
  });
});

describe("permessage-deflate: messages out", () => {
  let server;

  before(async () => {
    server = await Server.start(["--deflate"]);
  });
  after(() => server.stop());

  const subscribe = (room, offer = "permessage-deflate") =>
    Frames.open(server, `/ws?room=${room}`, "",
      { headers: { "Sec-WebSocket-Extensions": offer } });

  async function nextData(f, opcode, bits) {
    const { payload, rsv, fin } = await f.next(opcode);
    assert.deepEqual([rsv, fin], [RSV1, true], "it is compressed, in one frame");
    return inflate(payload, bits);
  }

  for (const bits of [9, 10, 11, 12, 13, 14, 15])
    test(`a window of ${bits} bits is enough for what comes`, async () => {
      const room = freshRoom();
      const f = await subscribe(room, `permessage-deflate; server_max_window_bits=${bits}`);
      for (let i = 0; i < 3; i++) {
        const text = farText();
        await server.publish(room, JSON.stringify(text));
        assert.equal(JSON.parse(await nextData(f, TEXT, bits)).data, text);
      }
      f.close();
    });

  test("who has the same window gets the same bytes; who has none, plain ones", async () => {
    const room = freshRoom();
    const fs = await Promise.all([15, 15, 9, 9].map((bits) =>
      subscribe(room, `permessage-deflate; server_max_window_bits=${bits}`)));
    const plain = await Frames.open(server, `/ws?room=${room}`);
    const text = farText();
    await server.publish(room, JSON.stringify(text));
    const frames = await Promise.all(fs.map((f) => f.next(TEXT)));
    const direct = await plain.next(TEXT);
    assert.equal(direct.rsv, 0);
    assert.deepEqual(frames[0], frames[1]);
    assert.deepEqual(frames[2], frames[3]);
    assert.notDeepEqual(frames[0].payload, frames[2].payload);
    assert.deepEqual(inflate(frames[0].payload, 15), direct.payload);
    assert.deepEqual(inflate(frames[2].payload, 9), direct.payload);
    for (const f of [...fs, plain])
      f.close();
  });

  test("each message can be inflated without the others", async () => {
    const room = freshRoom();
    const f = await subscribe(room);
    for (let i = 0; i < 5; i++) {
      const text = `the same text ${i} `.repeat(30);
      await server.publish(room, JSON.stringify(text));
      assert.equal(JSON.parse(await nextData(f, TEXT)).data, text);
    }
    f.close();
  });

  test("short messages and such as would grow go plain", async () => {
    const room = freshRoom();
    const [f, sender] = [await subscribe(room), await subscribe(room)];
    await server.publish(room, "1");
    for (const one of [f, sender])
      assert.equal((await one.next(TEXT)).rsv, 0);
    const noise = randomBytes(1000);
    sender.send(BINARY, noise);
    const { payload, rsv } = await f.next(BINARY);
    assert.equal(rsv, 0);
    assert.deepEqual(payload, noise);
    f.close();
    sender.close();
  });

  test("binary messages are compressed, too", async () => {
    const room = freshRoom();
    const [f, sender] = [await subscribe(room), await subscribe(room)];
    sender.raw.send(packed(BINARY, Buffer.alloc(5000, "binary")));
    assert.deepEqual(await nextData(f, BINARY), Buffer.alloc(5000, "binary"));
    f.close();
    sender.close();
  });

  test("large compressed messages come in fragments, marked once", async () => {
    await withServer(["--deflate", "--fragment", "1000"], async (own) => {
      const f = await Frames.open(own, "/ws?room=a", "",
        { headers: { "Sec-WebSocket-Extensions": "permessage-deflate" } });
      const text = randomBytes(20000).toString("hex");
      await own.publish("a", JSON.stringify(text));
      const frames = [await f.next(TEXT)];
      while (!frames.at(-1).fin)
        frames.push(await f.next(CONTINUE));
      assert.ok(frames.length > 10);
      assert.ok(frames.every(({ payload }) => payload.length <= 1000));
      assert.deepEqual(frames.map(({ rsv }) => rsv), [RSV1, ...frames.slice(1).map(() => 0)]);
      const whole = inflate(Buffer.concat(frames.map(({ payload }) => payload)));
      assert.equal(JSON.parse(whole).data, text);
      f.close();
    });
  });
});

// The `ws` package with each of its options, over messages of many sizes.
describe("permessage-deflate: the ws package", () => {
  let server, relay;

  before(async () => {
    [server, relay] = await Promise.all([
      Server.start(["--app", "echo", "--deflate", "--max-payload", "2000000"]),
      Server.start(["--deflate"])]);
  });
  after(() => Promise.all([server.stop(), relay.stop()]));

  const address = (one, path = "/ws") => one.url.replace("http", "ws") + path;

  for (const options of [true, { threshold: 0 }, { serverNoContextTakeover: true },
    { clientNoContextTakeover: true }, { serverMaxWindowBits: 9, threshold: 0 },
    { clientMaxWindowBits: 9, threshold: 0 },
    { clientMaxWindowBits: 12, serverMaxWindowBits: 12, threshold: 0,
      serverNoContextTakeover: true, clientNoContextTakeover: true }])
    test(`echo with ${JSON.stringify(options)}`, async () => {
      const socket = new WebSocket(address(server), { perMessageDeflate: options });
      await once(socket, "open");
      assert.match(socket.extensions, /permessage-deflate/);
      for (const size of [0, 1, 125, 126, 1000, 65535, 65536, 1000000])
        for (const data of [Buffer.alloc(size, "json "), randomBytes(size)]) {
          socket.send(data);
          const [got, isBinary] = await new Promise((resolve) =>
            socket.once("message", (...args) => resolve(args)));
          assert.ok(isBinary);
          assert.ok(got.equals(data), `${size} bytes`);
        }
      socket.send("κόσμε".repeat(1000));
      assert.equal(String(await once(socket, "message")), "κόσμε".repeat(1000));
      socket.close(1000);
      assert.equal(await once(socket, "close"), 1000);
    });

  test("fragments of its own, compressed", async () => {
    const socket = new WebSocket(address(server), { perMessageDeflate: { threshold: 0 } });
    await once(socket, "open");
    for (let i = 0; i < 100; i++)
      socket.send(`part ${i};`.repeat(20), { fin: i === 99, compress: true });
    assert.match(String(await once(socket, "message")), /^(part 0;){20}.*(part 99;){20}$/s);
    socket.terminate();
  });

  test("publishing and receiving through the relay", async () => {
    const sockets = [9, 12, 15].map((bits) => new WebSocket(address(relay, "/ws?room=a"),
      { perMessageDeflate: { serverMaxWindowBits: bits, threshold: 0 } }));
    const inboxes = sockets.map((socket) => {
      const all = [];
      socket.on("message", (text) => all.push(JSON.parse(text)));
      return all;
    });
    await Promise.all(sockets.map((socket) => once(socket, "open")));
    const texts = Array.from({ length: 20 }, farText);
    for (const data of texts)
      sockets[0].send(JSON.stringify({ type: "publish", room: "a", event: "e", data }));
    for (const all of inboxes) {
      while (all.filter((o) => o.type === "message").length < texts.length)
        await new Promise((resolve) => setTimeout(resolve, 5));
      assert.deepEqual(all.filter((o) => o.type === "message").map((o) => o.data), texts);
    }
    for (const socket of sockets)
      socket.terminate();
  });
});
