// SPDX-License-Identifier: MIT
// The opening handshake of RFC 6455 by hand.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { freshRoom } from "./lib/clients.mjs";
import { closeFrame, frame, Frames, handshake, OP } from "./lib/frames.mjs";
import { ask, Raw, withRaw } from "./lib/raw.mjs";
import { Server, withServer } from "./lib/server.mjs";

const join = (room, id = 1) => JSON.stringify({ type: "join", id, room });
const acked = (room, id = 1) => ({ type: "ack", id, data: { room } });
const base64 = (n) => Buffer.alloc(n, 0xab).toString("base64");

// The reason is what a person reads who wonders why.
function assertRefused(response, status, reason) {
  assert.equal(response.status, status, response.head);
  assert.match(response.headers["content-type"], /^application\/json/);
  assert.match(JSON.parse(response.body).error, reason);
  assert.equal(response.headers["sec-websocket-accept"], undefined);
}

describe("handshake", () => {
  let server;

  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  const shake = (changes, line = "GET /ws HTTP/1.1") => ask(server, line, handshake(changes));

  const cases = [
    ["without Upgrade", { Upgrade: undefined }, /Upgrade/],
    ["with an empty Upgrade", { Upgrade: "" }, /Upgrade/],
    ["with another Upgrade", { Upgrade: "h2c" }, /Upgrade/],
    ["with half of the word", { Upgrade: "web" }, /Upgrade/],
    ["with more than the word", { Upgrade: "websockets" }, /Upgrade/],
    ["without Connection", { Connection: undefined }, /Connection/],
    ["with Connection: keep-alive", { Connection: "keep-alive" }, /Connection/],
    ["with Connection: upgraded", { Connection: "upgraded" }, /Connection/],
    ["without a key", { "Sec-WebSocket-Key": undefined }, /Sec-WebSocket-Key/],
    ["with an empty key", { "Sec-WebSocket-Key": "" }, /Sec-WebSocket-Key/],
    ["with a key that is not base64", { "Sec-WebSocket-Key": "!".repeat(22) + "==" },
      /Sec-WebSocket-Key/],
    ["with a key without padding", { "Sec-WebSocket-Key": "a".repeat(22) }, /Sec-WebSocket-Key/],
    ["with a key and more", { "Sec-WebSocket-Key": `${base64(16)}, x` }, /Sec-WebSocket-Key/],
    ...[0, 1, 12, 15, 17, 18, 20, 32, 256].map((n) =>
      [`with a key of ${n} bytes`, { "Sec-WebSocket-Key": base64(n) }, /Sec-WebSocket-Key/]),
  ];
  for (const [what, changes, reason] of cases)
    test(`${what} it is 400 with a reason`, async () => {
      assertRefused(await shake(changes), 400, reason);
    });

  for (const version of [undefined, "", "0", "7", "8", "12", "14", "1", "3", "130", "013", "x",
    "13x", "-13"])
    test(`version ${version} is 426, and 13 is asked for`, async () => {
      const response = await shake({ "Sec-WebSocket-Version": version });
      assertRefused(response, 426, /13/);
      assert.equal(response.headers["sec-websocket-version"], "13");
    });

  test("a plain GET is refused with a reason", async () => {
    assertRefused(await ask(server, "GET /ws HTTP/1.1"), 400, /Upgrade/);
  });

  test("HTTP/1.0 is 400", async () => {
    assertRefused(await shake({}, "GET /ws HTTP/1.0"), 400, /HTTP\/1\.1/);
  });

  for (const method of ["POST", "PUT", "DELETE", "PATCH"])
    test(`${method} is 405`, async () => {
      const response = await shake({}, `${method} /ws HTTP/1.1`);
      assert.equal(response.status, 405);
      assert.match(response.headers.allow, /\bGET\b/);
    });

  test("without Host it is 400", async () => {
    await withRaw(server, async (raw) => {
      const lines = Object.entries(handshake()).map(([k, v]) => `${k}: ${v}\r\n`);
      raw.send(`GET /ws HTTP/1.1\r\n${lines.join("")}\r\n`);
      assert.equal((await raw.readHead()).status, 400);
    });
  });

  for (const [what, query] of [
    ["a room that is too long", `room=${"x".repeat(256)}`],
    ["an empty room", "room="],
    ["a control character", "room=a%07"],
    ["a room that is not UTF-8", "room=%ff"],
    ["a namespace without its slash", "nsp=chat"],
  ])
    test(`${what} is 400`, async () => {
      assertRefused(await shake({}, `GET /ws?${query} HTTP/1.1`), 400, /./);
    });

  test("the namespace /private is 403", async () => {
    const response = await shake({}, "GET /ws?nsp=/private HTTP/1.1");
    assertRefused(response, 403, /^unauthorized$/);
  });

  test("another path is 404", async () => {
    for (const path of ["/wss", "/ws/", "/ws/x", "/WS"])
      assert.equal((await shake({}, `GET ${path} HTTP/1.1`)).status, 404, path);
  });

  for (const [what, headers] of [
    ["in lower case", (h) => Object.fromEntries(Object.entries(h).map(([k, v]) =>
      [k.toLowerCase(), v]))],
    ["in upper case", (h) => Object.fromEntries(Object.entries(h).map(([k, v]) =>
      [k.toUpperCase(), v]))],
    ["in reverse order", (h) => Object.fromEntries(Object.entries(h).reverse())],
    ["with tokens in any case", (h) => ({ ...h, Upgrade: "WebSocket", Connection: "UPGRADE" })],
    ["with a list in Connection", (h) => ({ ...h, Connection: "keep-alive, Upgrade" })],
    ["with a list without spaces", (h) => ({ ...h, Connection: "keep-alive,upgrade,x" })],
    ["with Connection twice", (h) => ({ ...h, Connection: ["keep-alive", "Upgrade"] })],
    ["with spaces around values", (h) => Object.fromEntries(Object.entries(h).map(([k, v]) =>
      [k, ` \t${v} \t`]))],
    ["with a list in Upgrade", (h) => ({ ...h, Upgrade: "foo, websocket" })],
    ["with a cookie, a user agent and more", (h) => ({ ...h, "User-Agent": "x".repeat(200),
      Cookie: `a=${"b".repeat(4000)}`, Pragma: "no-cache", "Cache-Control": "no-cache",
      "Accept-Encoding": "gzip, deflate, br", Origin: "http://anywhere.example" })],
  ])
    test(`headers ${what} are understood`, async () => {
      const sent = handshake();
      const response = await ask(server, "GET /ws HTTP/1.1", headers(sent));
      assert.equal(response.status, 101, response.head);
      assert.equal(response.headers["sec-websocket-accept"], createHash("sha1")
        .update(`${sent["Sec-WebSocket-Key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64"));
    });

  test("the answer is what RFC 6455 shows, and nothing unasked", async () => {
    const response = await shake({ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" });
    assert.deepEqual([response.status, response.reason], [101, "Switching Protocols"]);
    assert.equal(response.headers.upgrade, "websocket");
    assert.equal(response.headers.connection.toLowerCase(), "upgrade");
    assert.equal(response.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for (const name of ["sec-websocket-protocol", "sec-websocket-extensions",
      "sec-websocket-version", "content-length", "transfer-encoding"])
      assert.equal(response.headers[name], undefined, name);
  });

  for (const [offered, chosen] of [
    [undefined, undefined], ["pushmark.v1", "pushmark.v1"],
    ["other, pushmark.v1", "pushmark.v1"], ["other,pushmark.v1,more", "pushmark.v1"],
    [["other", "pushmark.v1"], "pushmark.v1"], ["other", undefined], ["pushmark.v2", undefined],
    ["pushmark", undefined], ["pushmark.v10", undefined],
  ])
    test(`subprotocol offered: ${offered}, chosen: ${chosen}`, async () => {
      const response = await shake({ "Sec-WebSocket-Protocol": offered });
      assert.equal(response.status, 101);
      assert.equal(response.headers["sec-websocket-protocol"], chosen);
    });

  test("permessage-deflate is off by default", async () => {
    const response = await shake({ "Sec-WebSocket-Extensions": "permessage-deflate" });
    assert.equal(response.status, 101);
    assert.equal(response.headers["sec-websocket-extensions"], undefined);
  });

  function head(target = "/ws") {
    const lines = Object.entries({ Host: "test", ...handshake() }).map(([k, v]) =>
      `${k}: ${v}\r\n`);
    return Buffer.from(`GET ${target} HTTP/1.1\r\n${lines.join("")}\r\n`);
  }

  test("it may come one byte at a time", async () => {
    await withRaw(server, async (raw) => {
      raw.socket.setNoDelay(true);
      await raw.sendPieces([...head()].map((byte) => Buffer.from([byte])));
      assert.equal((await raw.readHead()).status, 101);
    });
  });

  test("frames that come with it are heard", async () => {
    const room = freshRoom();
    const f = await Frames.open(server, "/ws", frame(OP.TEXT, join(room)));
    assert.deepEqual(await f.nextObject(), acked(room));
    f.close();
  });

  for (const cut of [1, 2, 6, 7, 20])
    test(`a frame of which ${cut} bytes come with it is heard`, async () => {
      const room = freshRoom();
      const bytes = frame(OP.TEXT, join(room));
      const f = await Frames.open(server, "/ws", bytes.subarray(0, cut));
      f.raw.send(bytes.subarray(cut));
      assert.deepEqual(await f.nextObject(), acked(room));
      f.close();
    });

  test("it may come in one segment with many frames and a close", async () => {
    const pings = Array.from({ length: 200 }, (_, i) => frame(OP.PING, String(i)));
    const f = await Frames.open(server, "/ws", Buffer.concat([...pings, closeFrame(1000)]),
      { greeted: false });
    const seen = [];
    for (;;) {
      const { opcode, payload } = await f.next();
      if (opcode === OP.CLOSE)
        break;
      if (opcode === OP.PONG) // the welcome may come before, or not
        seen.push(Number(payload));
    }
    assert.deepEqual(seen, pings.map((_, i) => i));
    assert.equal((await f.raw.readAll()).length, 0);
    f.close();
  });

  test("a broken frame that comes with it closes with 1002", async () => {
    const f = await Frames.open(server, "/ws", frame(OP.TEXT, "{}", { masked: false }));
    assert.equal(await f.closed(), 1002);
    f.close();
  });

  test("it may follow another request on its connection", async () => {
    await withRaw(server, async (raw) => {
      raw.request("GET /healthz HTTP/1.1");
      assert.equal((await raw.readResponse()).status, 200);
      raw.send(Buffer.concat([head(), frame(OP.PING, "p")]));
      assert.equal((await raw.readHead()).status, 101);
    });
  });

  test("a client that leaves during it does no harm", async () => {
    const bytes = head();
    for (let cut = 0; cut < bytes.length; cut += 17) {
      const raw = await Raw.connect(server);
      await raw.sendPieces([bytes.subarray(0, cut)]);
      raw.socket.resetAndDestroy();
    }
    for (let i = 0; i < 20; i++) {
      const raw = await Raw.connect(server);
      await raw.sendPieces([bytes]);
      raw.socket.resetAndDestroy();
    }
    const f = await Frames.open(server);
    f.close();
  });

  test("keys of each handshake are answered, not those of others", async () => {
    const keys = Array.from({ length: 50 }, () => randomBytes(16).toString("base64"));
    await Promise.all(keys.map(async (key) => {
      const response = await shake({ "Sec-WebSocket-Key": key });
      assert.equal(response.headers["sec-websocket-accept"], createHash("sha1")
        .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64"));
    }));
  });
});

describe("handshake options", () => {
  const origins = "https://a.example,http://localhost:3000";

  for (const [origin, status] of [
    ["https://a.example", 101], ["http://localhost:3000", 101], ["HTTPS://A.example", 101],
    [undefined, 101], ["http://a.example", 403], ["https://a.example.evil.test", 403],
    ["https://evil.test", 403], ["https://a.example:444", 403], ["null", 403],
    ["http://localhost", 403], ["", 403], [["https://a.example", "https://evil.test"], 403],
  ])
    test(`--origin: ${origin ?? "none"} is ${status}`, async () => {
      await withServer(["--origin", origins], async (server) => {
        const response = await ask(server, "GET /ws HTTP/1.1", handshake({ Origin: origin }));
        if (status === 101)
          assert.equal(response.status, 101, response.head);
        else
          assertRefused(response, 403, /origin/i);
      });
    });

  test("without --origin every origin may", async () => {
    await withServer([], async (server) => {
      for (const origin of ["https://a.example", "null"])
        assert.equal((await ask(server, "GET /ws HTTP/1.1",
          handshake({ Origin: origin }))).status, 101);
    });
  });

  test("--ws-path puts it elsewhere", async () => {
    await withServer(["--ws-path", "/a/socket"], async (server) => {
      assert.equal((await ask(server, "GET /ws HTTP/1.1", handshake())).status, 404);
      const f = await Frames.open(server, "/a/socket?room=a");
      f.send(OP.TEXT, join("b"));
      assert.deepEqual(await f.nextObject(), acked("b"));
      f.close();
    });
  });

  test("--max-connections refuses with 503", async () => {
    await withServer(["--max-connections", "1"], async (server) => {
      const f = await Frames.open(server);
      assert.equal((await ask(server, "GET /ws HTTP/1.1", handshake())).status, 503);
      f.close();
    }, { warns: /limit of connections/ });
  });
});
