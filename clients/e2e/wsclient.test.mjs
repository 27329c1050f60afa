// SPDX-License-Identifier: MIT
// pushmark-client as a WebSocket client (RFC 6455 section 4.1 and on), against
// a server whose every byte is chosen here.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import zlib from "node:zlib";
import { closeFrame, frame, Frames, OP } from "./lib/frames.mjs";
import { Inbox, within } from "./lib/inbox.mjs";
import { drip, Origin } from "./lib/origin.mjs";
import { program, Server, start } from "./lib/server.mjs";

const { TEXT, BINARY, CONTINUE, PING, PONG, CLOSE } = OP;

const accept = (key) => createHash("sha1")
  .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");

// Headers that are undefined are left out.
function switching(request, changes = {}) {
  const headers = {
    Upgrade: "websocket", Connection: "Upgrade",
    "Sec-WebSocket-Accept": accept(request.headers["sec-websocket-key"]), ...changes,
  };
  const lines = Object.entries(headers).filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [value].flat().map((v) => `${name}: ${v}\r\n`));
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`;
}

// What a server sends is not masked.
const served = (opcode, payload, options) => frame(opcode, payload, { masked: false, ...options });
const object = (o) => served(TEXT, JSON.stringify(o));
const welcome = (changes) => object({ type: "welcome",
  payload: { total: 1, sid: "s".repeat(22), id: "i", epoch: "life-1", position: 0, ...changes } });
const message = (position, changes) => object({ type: "message", room: "a", event: "e",
  data: position, seq: position, position, ...changes });

function listen(url, ...args) {
  const one = start(program("pushmark-client"),
    ["listen", url, "--protocol", "ws", "--room", "a", ...args]);
  one.lines = new Inbox("pushmark-client's lines");
  createInterface({ input: one.child.stdout }).on("line", (l) => one.lines.push(l));
  one.end = () => within("pushmark-client's end", one.closed);
  one.next = async () => JSON.parse(await one.lines.next());
  return one;
}

// The client's frames, which are masked, each with a key of its own.
function frames(socket) {
  const inbox = new Inbox("the client's frames");
  let bytes = Buffer.alloc(0);
  socket.on("data", (text) => {
    bytes = Buffer.concat([bytes, Buffer.from(text, "latin1")]);
    for (;;) {
      if (bytes.length < 2)
        return;
      const short = bytes[1] & 0x7f;
      const at = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (bytes.length < at + 4)
        return;
      const size = short === 126 ? bytes.readUInt16BE(2)
        : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
      if (bytes.length < at + 4 + size)
        return;
      const key = bytes.subarray(at, at + 4);
      inbox.push({
        fin: bytes[0] >> 7, rsv: (bytes[0] >> 4) & 7, opcode: bytes[0] & 15,
        masked: (bytes[1] & 0x80) !== 0, key: key.toString("hex"),
        payload: Buffer.from(bytes.subarray(at + 4, at + 4 + size).map((b, i) => b ^ key[i & 3])),
      });
      bytes = bytes.subarray(at + 4 + size);
    }
  });
  socket.on("close", () => inbox.end("the client ended"));
  return inbox;
}

async function withOrigin(answer, body) {
  const origin = await Origin.start(answer);
  const clients = [];
  try {
    await body(origin, (...args) => {
      const one = listen(origin.url, ...args);
      clients.push(one);
      return one;
    });
  } finally {
    origin.close();
    for (const one of clients)
      if (one.child.exitCode === null)
        one.child.kill("SIGKILL");
  }
}

async function assertFails(answer, reason, ...args) {
  await withOrigin(answer, async (origin, run) => {
    const end = await run(...args).end();
    assert.equal(end.code, 1, end.stderr);
    assert.match(end.stderr, /^pushmark-client: [^\n]+\n$/);
    assert.match(end.stderr, reason);
  });
}

describe("pushmark-client's handshake", () => {
  test("asks as RFC 6455 wants it, with a fresh key each time", async () => {
    const keys = new Set();
    const requests = new Inbox("requests");
    await withOrigin((request, socket) => {
      requests.push(request);
      socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }, async (origin, run) => {
      for (let i = 0; i < 5; i++) {
        run("--room", "b c/é");
        const { method, version, headers, target } = await requests.next();
        assert.deepEqual([method, version], ["GET", "HTTP/1.1"]);
        assert.equal(headers.host, `127.0.0.1:${origin.port}`);
        assert.equal(headers.upgrade.toLowerCase(), "websocket");
        assert.match(headers.connection, /\bupgrade\b/i);
        assert.equal(headers["sec-websocket-version"], "13");
        assert.equal(headers["sec-websocket-extensions"], undefined);
        const key = headers["sec-websocket-key"];
        assert.equal(Buffer.from(key, "base64").toString("base64"), key);
        assert.equal(Buffer.from(key, "base64").length, 16);
        keys.add(key);
        const url = new URL(target, origin.url);
        assert.equal(url.pathname, "/ws");
        assert.deepEqual(url.searchParams.getAll("room"), ["a", "b c/é"]);
      }
      assert.equal(keys.size, 5);
    });
  });

  for (const [what, changes, reason, ...args] of [
    ["a wrong Accept", { "Sec-WebSocket-Accept": accept("x") }, /Sec-WebSocket-Accept/],
    ["the key as Accept", { "Sec-WebSocket-Accept": "dGhlIHNhbXBsZSBub25jZQ==" },
      /Sec-WebSocket-Accept/],
    ["no Accept", { "Sec-WebSocket-Accept": undefined }, /Sec-WebSocket-Accept/],
    ["no Upgrade", { Upgrade: undefined }, /Upgrade/],
    ["another Upgrade", { Upgrade: "h2c" }, /Upgrade/],
    ["no Connection", { Connection: undefined }, /Connection/],
    ["another Connection", { Connection: "close" }, /Connection/],
    ["an unasked subprotocol", { "Sec-WebSocket-Protocol": "chat" }, /subprotocol/],
    ["an unasked extension", { "Sec-WebSocket-Extensions": "permessage-deflate" }, /extension/],
    ["another extension than the offered", { "Sec-WebSocket-Extensions": "foo" }, /extension/,
      "--deflate"],
    ["two extensions", { "Sec-WebSocket-Extensions": "permessage-deflate, foo" }, /extension/,
      "--deflate"],
    ["the same extension twice", { "Sec-WebSocket-Extensions":
      ["permessage-deflate", "permessage-deflate"] }, /extension/, "--deflate"],
    ["an unknown parameter", { "Sec-WebSocket-Extensions": "permessage-deflate; x=1" },
      /extension/, "--deflate"],
    ["a window that was not offered", { "Sec-WebSocket-Extensions":
      "permessage-deflate; client_max_window_bits=10" }, /extension/, "--deflate"],
    ["a window out of range", { "Sec-WebSocket-Extensions":
      "permessage-deflate; server_max_window_bits=16" }, /extension/, "--deflate"],
  ])
    test(`${what} fails with a reason`, async () => {
      await assertFails((request, socket) => {
        socket.write(switching(request, changes));
      }, reason, ...args);
    });

  for (const [what, changes] of [
    ["any case", { Upgrade: "WebSocket", Connection: "upgrade" }],
    ["a list", { Connection: "keep-alive, Upgrade" }],
    ["other headers", { Server: "x", "X-Long": "y".repeat(3000), Date: "today" }],
    ["space around values", { Upgrade: "  websocket \t" }],
  ])
    test(`${what} is fine`, async () => {
      await withOrigin((request, socket) => {
        socket.write(Buffer.concat([Buffer.from(switching(request, changes)), welcome(),
          message(1)]));
      }, async (_, run) => {
        const end = await run("--count", "1").end();
        assert.equal(end.code, 0, end.stderr);
        assert.equal(end.stdout.split("\n").length, 3);
      });
    });

  test("a byte at a time, head and frames", async () => {
    await withOrigin((request, socket) => {
      void drip(socket, Buffer.concat([Buffer.from(switching(request)), welcome(), message(1)]));
    }, async (_, run) => {
      const end = await run("--count", "1").end();
      assert.deepEqual([end.code, end.stderr], [0, ""]);
    });
  });

  for (const [status, text] of [[200, "OK"], [301, "Moved"], [400, "Bad Request"],
    [403, "Forbidden"], [404, "Not Found"], [426, "Upgrade Required"], [503, "Busy"]])
    test(`${status} is told`, async () => {
      await assertFails((_, socket) => {
        socket.end(`HTTP/1.1 ${status} ${text}\r\nContent-Length: 2\r\n\r\nno`);
      }, new RegExp(String(status)));
    });

  for (const [what, bytes] of [
    ["another protocol", "220 mail.example ESMTP\r\n"],
    ["garbage", "\x00\x01\x02\xff".repeat(100)],
    ["an end without a word", ""],
    ["half a head", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso"],
  ])
    test(`${what} is a failure`, async () => {
      await assertFails((_, socket) => socket.end(bytes, "latin1"), /./);
    });

  test("a head without an end is given up", async () => {
    await assertFails((_, socket) => {
      const pour = () => {
        while (!socket.destroyed && socket.write(`X-More: ${"x".repeat(1000)}\r\n`))
          continue;
      };
      socket.write("HTTP/1.1 101 Switching Protocols\r\n");
      socket.on("drain", pour);
      pour();
    }, /./);
  });
});

describe("pushmark-client's frames", () => {
  // A connection that is open: `body` has its ends.
  async function connected(body, args = [], changes = {}) {
    const sockets = new Inbox("connections");
    await withOrigin((request, socket) => {
      socket.write(Buffer.concat([Buffer.from(switching(request, changes)), welcome()]));
      sockets.push({ socket, frames: frames(socket) });
    }, async (_, run) => {
      const one = run(...args);
      assert.equal((await one.next()).type, "welcome");
      await body({ one, ...await sockets.next() });
    });
  }

  test("pings are answered in order, masked, each with a key of its own", async () => {
    await connected(async ({ socket, frames: inbox }) => {
      const payloads = Array.from({ length: 100 }, (_, i) => `ping ${i}`);
      socket.write(Buffer.concat(payloads.map((s) => served(PING, s))));
      const pongs = await inbox.take(payloads.length);
      assert.deepEqual(pongs.map((f) => f.payload.toString()), payloads);
      for (const { opcode, masked, fin, rsv } of pongs)
        assert.deepEqual([opcode, masked, fin, rsv], [PONG, true, 1, 0]);
      assert.equal(new Set(pongs.map((f) => f.key)).size, payloads.length);
    });
  });

  test("fragments with a ping between are one object", async () => {
    await connected(async ({ one, socket, frames: inbox }) => {
      const text = '{"type":"message","room":"a","event":"é","data":1,"seq":1,"position":1}';
      const bytes = Buffer.from(text);
      const cut = bytes.indexOf(0xc3) + 1;
      socket.write(Buffer.concat([served(TEXT, bytes.subarray(0, cut), { fin: false }),
        served(PING, "p"), served(CONTINUE, "", { fin: false }),
        served(CONTINUE, bytes.subarray(cut))]));
      assert.equal((await inbox.next()).opcode, PONG);
      assert.equal(await one.lines.next(), text);
    });
  });

  test("a pong unasked is ignored", async () => {
    await connected(async ({ one, socket }) => {
      socket.write(Buffer.concat([served(PONG, "unasked"), message(1)]));
      assert.equal((await one.next()).seq, 1);
    });
  });

  test("compressed messages are read", async () => {
    const text = JSON.stringify({ type: "message", room: "a", event: "e",
      data: "again ".repeat(500), seq: 1, position: 1 });
    const bytes = zlib.deflateRawSync(text, { finishFlush: zlib.constants.Z_SYNC_FLUSH })
      .subarray(0, -4);
    await connected(async ({ one, socket }) => {
      socket.write(Buffer.concat([served(TEXT, bytes.subarray(0, 20), { rsv: 4, fin: false }),
        served(CONTINUE, bytes.subarray(20)), served(TEXT, bytes, { rsv: 4 })]));
      assert.equal(await one.lines.next(), text);
      assert.equal(await one.lines.next(), text);
    }, ["--deflate"], { "Sec-WebSocket-Extensions":
      "permessage-deflate; server_no_context_takeover; server_max_window_bits=15" });
  });

  for (const code of [1000, 1001, 1011, 3000, 4999])
    test(`close ${code} is echoed, masked, and told`, async () => {
      await connected(async ({ one, socket, frames: inbox }) => {
        socket.write(served(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 255]),
          Buffer.from("the reason")])));
        const { opcode, payload, masked } = await inbox.next();
        assert.deepEqual([opcode, masked, payload.readUInt16BE()], [CLOSE, true, code]);
        const end = await one.end();
        assert.equal(end.code, 1);
        assert.match(end.stderr, new RegExp(`${code} the reason`));
      });
    });

  for (const [what, code, ...bytes] of [
    ["a masked frame", 1002, frame(TEXT, "{}")],
    ["a reserved bit", 1002, served(TEXT, "{}", { rsv: 4 })],
    ["a reserved opcode", 1002, served(3, "{}")],
    ["a fragmented ping", 1002, served(PING, "", { fin: false })],
    ["a ping of 126 bytes", 1002, served(PING, "x".repeat(126))],
    ["a continuation of nothing", 1002, served(CONTINUE, "x")],
    ["a message within a message", 1002, served(TEXT, "a", { fin: false }), served(TEXT, "b")],
    ["a length in more bytes than needed", 1002, Buffer.from([0x82, 126, 0, 5])],
    ["text that is not UTF-8", 1007, served(TEXT, Buffer.from([0x22, 0xff, 0x22]))],
    ["text that ends within a character", 1007, served(TEXT, Buffer.from([0xc3]))],
    ["close code 1005", 1002, served(CLOSE, Buffer.from([3, 237]))],
    ["a close frame of one byte", 1002, served(CLOSE, Buffer.from([3]))],
    ["a length beyond all reason", 1009, served(BINARY, "", { length: 2 ** 50 })],
  ])
    test(`${what} ends it with ${code}`, async () => {
      await connected(async ({ one, socket, frames: inbox }) => {
        socket.write(Buffer.concat(bytes));
        const { opcode, payload, masked } = await inbox.next();
        assert.deepEqual([opcode, masked, payload.readUInt16BE()], [CLOSE, true, code]);
        assert.equal((await one.end()).code, 1);
      });
    });

  test("SIGTERM says goodbye with 1000", async () => {
    await connected(async ({ one, frames: inbox }) => {
      one.child.kill("SIGTERM");
      const { opcode, payload } = await inbox.next();
      assert.deepEqual([opcode, payload.readUInt16BE()], [CLOSE, 1000]);
      assert.equal((await one.end()).code, 0);
    });
  });

  test("a server that says nothing is pinged, and given up", async () => {
    await connected(async ({ one, frames: inbox }) => {
      const { opcode, masked } = await inbox.next();
      assert.deepEqual([opcode, masked], [PING, true]);
      const end = await one.end();
      assert.equal(end.code, 1);
      assert.match(end.stderr, /does not answer/);
    }, ["--ping-interval", "100"]);
  });

  test("a server that answers pings is kept", async () => {
    await connected(async ({ one, socket, frames: inbox }) => {
      for (let i = 0; i < 5; i++) {
        const ping = await inbox.next();
        assert.equal(ping.opcode, PING);
        socket.write(served(PONG, ping.payload));
      }
      assert.equal(one.child.exitCode, null);
    }, ["--ping-interval", "100"]);
  });
});

describe("pushmark-client's reconnecting", () => {
  // Connections as they come, with when they did.
  function visits() {
    const inbox = new Inbox("connections");
    return { inbox, answer: (request, socket) =>
      inbox.push({ request, socket, at: performance.now(), frames: frames(socket) }) };
  }

  const open = ({ request, socket }, changes) =>
    socket.write(Buffer.concat([Buffer.from(switching(request)), welcome(changes)]));

  test("waits grow, and it resumes where it stood", async () => {
    const { inbox, answer } = visits();
    await withOrigin(answer, async (_, run) => {
      const one = run("--reconnect", "--count", "4");
      const first = await inbox.next();
      open(first, { position: 3 });
      first.socket.write(Buffer.concat([message(4), message(5)]));
      assert.equal((await one.next()).type, "welcome");
      await one.next();
      await one.next();
      let lost = performance.now();
      first.socket.resetAndDestroy();

      // Half a second and up to half as much again, then twice that.
      for (const least of [500, 1000]) {
        const visit = await inbox.next();
        assert.ok(visit.at - lost >= least - 20, `${visit.at - lost} ms`);
        lost = performance.now();
        visit.socket.resetAndDestroy();
      }

      const back = await inbox.next();
      assert.ok(back.at - lost >= 1980, `${back.at - lost} ms`);
      open(back, { position: 9 });
      const { opcode, payload, masked } = await back.frames.next();
      assert.deepEqual([opcode, masked], [TEXT, true]);
      const resume = JSON.parse(payload);
      assert.deepEqual({ ...resume, id: 0 },
        { type: "resume", id: 0, epoch: "life-1", position: 5, rooms: ["a"] });
      back.socket.write(Buffer.concat([message(6), object({ type: "ack", id: resume.id,
        data: { resumed: true } }), message(10)]));
      const end = await one.end();
      assert.equal(end.code, 0, end.stderr);
      const positions = end.stdout.trim().split("\n").map((s) => JSON.parse(s))
        .filter((o) => o.type === "message").map((o) => o.position);
      assert.deepEqual(positions, [4, 5, 6, 10]);
    });
  });

  test("clients that were lost together do not come back together", async () => {
    const count = 8;
    const { inbox, answer } = visits();
    await withOrigin(answer, async (_, run) => {
      const clients = Array.from({ length: count }, () => run("--reconnect"));
      const all = await inbox.take(count);
      all.forEach((visit) => open(visit));
      for (const one of clients)
        await one.next();
      for (const { socket } of all)
        socket.resetAndDestroy();
      const times = (await inbox.take(count)).map(({ at }) => at).sort((a, b) => a - b);
      assert.ok(times.at(-1) - times[0] > 10, times.join());
    });
  });

  for (const [what, answerBack] of [
    ["403", (visit) => visit.socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")],
    ["a close with 1000", (visit) => {
      open(visit);
      visit.socket.write(served(CLOSE, Buffer.from([3, 232])));
    }],
    ["a close with 1002", (visit) => {
      open(visit);
      visit.socket.write(served(CLOSE, Buffer.from([3, 234])));
    }],
  ])
    test(`${what} ends it for good`, async () => {
      const { inbox, answer } = visits();
      await withOrigin(answer, async (_, run) => {
        const one = run("--reconnect");
        const first = await inbox.next();
        open(first);
        await one.next();
        first.socket.resetAndDestroy();
        answerBack(await inbox.next());
        assert.equal((await one.end()).code, 1);
      });
    });

  for (const code of [1001, 1006, 1012, 1013])
    test(`${code === 1006 ? "a cut" : `a close with ${code}`} does not`, async () => {
      const { inbox, answer } = visits();
      await withOrigin(answer, async (_, run) => {
        const one = run("--reconnect");
        const first = await inbox.next();
        open(first);
        await one.next();
        if (code === 1006)
          first.socket.destroy();
        else
          first.socket.write(served(CLOSE, Buffer.from([code >> 8, code & 255])));
        await inbox.next();
        assert.equal(one.child.exitCode, null);
      });
    });

  test("without --reconnect it stays away", async () => {
    const { inbox, answer } = visits();
    await withOrigin(answer, async (_, run) => {
      const one = run();
      const first = await inbox.next();
      open(first);
      await one.next();
      first.socket.resetAndDestroy();
      assert.equal((await one.end()).code, 1);
      assert.equal(inbox.size, 0);
    });
  });
});

// As frames.mjs sees it, so that both readers of frames agree.
test("pushmark-client and the server together", async () => {
  const server = await Server.start(["--deflate"]);
  const f = await Frames.open(server, "/ws?room=a");
  const one = listen(server.url, "--deflate", "--count", "1");
  await one.next();
  f.send(TEXT, JSON.stringify({ type: "publish", id: 1, room: "a", event: "e",
    data: "x".repeat(5000) }));
  const end = await one.end();
  assert.equal(end.code, 0, end.stderr);
  f.raw.send(closeFrame(1000));
  f.close();
  await server.stop();
});
