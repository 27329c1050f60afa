// SPDX-License-Identifier: MIT
// RFC 6455 by hand: handshake, frames, close codes.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { freshRoom, withClients } from "./lib/clients.mjs";
import { closeFrame, frame, Frames, handshake, OP } from "./lib/frames.mjs";
import { once, until } from "./lib/inbox.mjs";
import { ask } from "./lib/raw.mjs";
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

  for (const [what, changes, status] of [
    ["without Upgrade", { Upgrade: undefined }, 400],
    ["with another Upgrade", { Upgrade: "h2c" }, 400],
    ["without Connection", { Connection: undefined }, 400],
    ["with Connection: keep-alive", { Connection: "keep-alive" }, 400],
    ["without a key", { "Sec-WebSocket-Key": undefined }, 400],
    ["with an empty key", { "Sec-WebSocket-Key": "" }, 400],
    ["with a key of 15 bytes", { "Sec-WebSocket-Key": Buffer.alloc(15).toString("base64") }, 400],
    ["with a key of 17 bytes", { "Sec-WebSocket-Key": Buffer.alloc(17).toString("base64") }, 400],
    ["with a key that is not base64", { "Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!==" }, 400],
    ["without a version", { "Sec-WebSocket-Version": undefined }, 426],
    ["with version 8", { "Sec-WebSocket-Version": "8" }, 426],
  ])
    test(`a handshake ${what} is ${status}`, async () => {
      const response = await ask(server, "GET /ws HTTP/1.1", handshake(changes));
      assert.equal(response.status, status, response.body);
      assert.ok(JSON.parse(response.body).error);
      if (status === 426)
        assert.equal(response.headers["sec-websocket-version"], "13");
    });

  test("a handshake over HTTP/1.0 is 400", async () => {
    assert.equal((await ask(server, "GET /ws HTTP/1.0", handshake())).status, 400);
  });

  for (const method of ["POST", "PUT"])
    test(`a handshake by ${method} is 405`, async () => {
      const response = await ask(server, `${method} /ws HTTP/1.1`, handshake());
      assert.equal(response.status, 405);
      assert.match(response.headers.allow, /GET/);
    });

  for (const [what, query] of [
    ["a room that is too long", `room=${"x".repeat(256)}`],
    ["an empty room", "room="],
    ["a control character", "room=a%07"],
    ["a namespace without its slash", "nsp=chat"],
  ])
    test(`a handshake with ${what} is 400`, async () => {
      const response = await ask(server, `GET /ws?${query} HTTP/1.1`, handshake());
      assert.equal(response.status, 400);
      assert.ok(JSON.parse(response.body).error);
    });

  test("the namespace /private is 403", async () => {
    const response = await ask(server, "GET /ws?nsp=/private HTTP/1.1", handshake());
    assert.equal(response.status, 403);
    assert.equal(response.body, '{"error":"unauthorized"}');
  });

  test("names of headers and tokens have no case", async () => {
    const response = await ask(server, "GET /ws HTTP/1.1", {
      upgrade: "WebSocket", connection: "keep-alive, UPGRADE",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "SEC-WEBSOCKET-VERSION": "13",
    });
    assert.equal(response.status, 101);
    assert.equal(response.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  });

  for (const [offered, chosen] of [
    [undefined, undefined], ["pushmark.v1", "pushmark.v1"],
    ["other, pushmark.v1", "pushmark.v1"], ["other", undefined],
  ])
    test(`subprotocol offered: ${offered}, chosen: ${chosen}`, async () => {
      const response = await ask(server, "GET /ws HTTP/1.1",
        handshake({ "Sec-WebSocket-Protocol": offered }));
      assert.equal(response.status, 101);
      assert.equal(response.headers["sec-websocket-protocol"], chosen);
    });

  test("permessage-deflate is off by default", async () => {
    const response = await ask(server, "GET /ws HTTP/1.1",
      handshake({ "Sec-WebSocket-Extensions": "permessage-deflate" }));
    assert.equal(response.status, 101);
    assert.equal(response.headers["sec-websocket-extensions"], undefined);
  });

  test("frames that come with the handshake are heard", async () => {
    const room = freshRoom();
    await withFrames(async (f) => assert.deepEqual(await f.nextObject(), acked(room)),
      "/ws", frame(OP.TEXT, join(room)));
  });

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

  test("a frame may come one byte at a time", async () => {
    const room = freshRoom();
    await withFrames(async (f) => {
      for (const byte of frame(OP.TEXT, join(room))) {
        f.raw.send(Buffer.from([byte]));
        await new Promise(setImmediate);
      }
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

  for (const size of [0, 1, 125])
    test(`a ping of ${size} bytes gets its pong`, async () => {
      await withFrames(async (f) => {
        const payload = Buffer.alloc(size, 0xff);
        f.send(OP.PING, payload);
        const pong = await f.next(OP.PONG);
        assert.deepEqual(pong.payload, payload);
        assert.deepEqual([pong.fin, pong.rsv], [true, 0]);
      });
    });

  test("an unasked pong is ignored", async () => {
    const room = freshRoom();
    await withFrames(async (f) => {
      f.send(OP.PONG, "unasked");
      f.send(OP.TEXT, join(room));
      assert.deepEqual(await f.nextObject(), acked(room));
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

  for (const [code, reason] of [[1000, ""], [1000, "bye"], [1001, "é"], [1011, ""], [1012, ""],
    [1013, ""], [1014, ""], [3000, "x".repeat(123)], [4999, ""]])
    test(`close ${code} ${reason.slice(0, 5)} is echoed`, async () => {
      await withFrames(async (f) => {
        f.raw.send(closeFrame(code, reason));
        assert.equal(await f.closed(), code);
      });
    });

  test("close without a code is answered", async () => {
    await withFrames(async (f) => {
      f.send(OP.CLOSE);
      assert.ok([null, 1000].includes(await f.closed()));
    });
  });

  test("nothing behind a close frame is heard", async () => {
    const room = freshRoom();
    await withFrames(async (f) => {
      f.raw.send(Buffer.concat([closeFrame(1000), frame(OP.TEXT, join(room))]));
      assert.equal(await f.closed(), 1000);
    });
  });

  const invalid = Buffer.from([0x61, 0xff]);
  const surrogate = Buffer.from([0xed, 0xa0, 0x80]);
  for (const [what, code, ...frames] of [
    ["an unmasked frame", 1002, [OP.TEXT, "{}", { masked: false }]],
    ["an unmasked ping", 1002, [OP.PING, "", { masked: false }]],
    ["RSV1", 1002, [OP.TEXT, "{}", { rsv: 4 }]],
    ["RSV2", 1002, [OP.TEXT, "{}", { rsv: 2 }]],
    ["RSV3", 1002, [OP.BINARY, "{}", { rsv: 1 }]],
    ["RSV1 on a ping", 1002, [OP.PING, "", { rsv: 4 }]],
    ["the reserved opcode 3", 1002, [3, "x"]],
    ["the reserved opcode 11", 1002, [11, "x"]],
    ["a fragmented ping", 1002, [OP.PING, "x", { fin: false }]],
    ["a ping of 126 bytes", 1002, [OP.PING, "x".repeat(126)]],
    ["a close frame of 126 bytes", 1002, [OP.CLOSE, "x".repeat(126)]],
    ["a continuation of nothing", 1002, [OP.CONTINUE, "x"]],
    ["a message within a message", 1002, [OP.TEXT, "a", { fin: false }], [OP.TEXT, "b"]],
    ["a close frame of one byte", 1002, [OP.CLOSE, Buffer.from([3])]],
    ["close code 0", 1002, [OP.CLOSE, Buffer.from([0, 0])]],
    ["close code 999", 1002, [OP.CLOSE, Buffer.from([3, 231])]],
    ["close code 1004", 1002, [OP.CLOSE, Buffer.from([3, 236])]],
    ["close code 1005", 1002, [OP.CLOSE, Buffer.from([3, 237])]],
    ["close code 1006", 1002, [OP.CLOSE, Buffer.from([3, 238])]],
    ["close code 1016", 1002, [OP.CLOSE, Buffer.from([3, 248])]],
    ["close code 2999", 1002, [OP.CLOSE, Buffer.from([11, 183])]],
    ["close code 5000", 1002, [OP.CLOSE, Buffer.from([19, 136])]],
    ["a close reason that is not UTF-8", 1007, [OP.CLOSE, Buffer.from([3, 232, 0xff])]],
    ["text that is not UTF-8", 1007, [OP.TEXT, invalid]],
    ["a surrogate in text", 1007, [OP.TEXT, surrogate]],
    ["an overlong character", 1007, [OP.TEXT, Buffer.from([0xc0, 0xaf])]],
    ["a character that is cut by the end", 1007, [OP.TEXT, Buffer.from([0xc3])]],
    ["bad UTF-8 in a second fragment", 1007, [OP.TEXT, "a", { fin: false }],
      [OP.CONTINUE, invalid]],
    ["bad UTF-8 before the last fragment", 1007, [OP.TEXT, invalid, { fin: false }]],
    ["a message that is too big", 1009, [OP.TEXT, "x".repeat(1000001)]],
    ["a header that claims a huge message", 1009, [OP.BINARY, "x", { length: 2 ** 31 }]],
    ["fragments that are too big together", 1009,
      [OP.BINARY, Buffer.alloc(600000), { fin: false }], [OP.CONTINUE, Buffer.alloc(600000)]],
  ])
    test(`${what} closes with ${code}`, async () => {
      await withFrames(async (f) => {
        for (const one of frames)
          f.send(...one);
        assert.equal(await f.closed(), code);
      });
    });

  test("a length of 64 bits whose first is set closes with 1002", async () => {
    await withFrames(async (f) => {
      f.raw.send(Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]));
      assert.equal(await f.closed(), 1002);
    });
  });

  test("a length in more bytes than it needs closes with 1002", async () => {
    await withFrames(async (f) => {
      f.raw.send(Buffer.from([0x82, 0xfe, 0, 1, 0, 0, 0, 0, 0x61]));
      assert.equal(await f.closed(), 1002);
    });
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
