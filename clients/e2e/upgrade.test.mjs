// SPDX-License-Identifier: MIT
// Engine.IO over WebSocket, and the upgrade from polling to it, by hand.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { freshRoom } from "./lib/clients.mjs";
import { Eio } from "./lib/eio.mjs";
import { handshake } from "./lib/frames.mjs";
import { until } from "./lib/inbox.mjs";
import { Polling } from "./lib/polling.mjs";
import { ask } from "./lib/raw.mjs";
import { Server, withServer } from "./lib/server.mjs";

const PATH = "/socket.io/";
const BAD_REQUEST = '{"code":3,"message":"Bad request"}';

// Events as they come over WebSocket; those of others are left out.
const event = (room, value, seq) =>
  `42["message",${value},{"room":"${room}","seq":${seq}}]`;

async function assertPollingRefused(p) {
  for (const response of [await p.get(), await p.post("4x")])
    assert.deepEqual([response.status, response.body], [400, BAD_REQUEST]);
}

// The session still polls.
async function assertPolls(p, room = freshRoom()) {
  await p.send(`4277["join","${room}"]`);
  assert.equal(await p.next(), `4377[{"room":"${room}"}]`);
}

describe("Engine.IO over WebSocket", () => {
  let server;

  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  test("the open packet comes first and offers no upgrade", async () => {
    const eio = await Eio.open(server);
    const packet = await eio.next();
    assert.match(packet, new RegExp('^0{"sid":"[\\w-]{20}","upgrades":\\[\\],' +
      '"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}$'));
    await eio.close();
  });

  test("Socket.IO inside", async () => {
    const room = freshRoom();
    const eio = await Eio.session(server);
    eio.send("40");
    assert.match(await eio.next(), /^40\{"sid":"[\w-]{20}"\}$/);
    eio.send(`420["join","${room}"]`);
    assert.equal(await eio.next(), `430[{"room":"${room}"}]`);
    await server.publish(room, '"é😀"');
    assert.equal(await eio.next(), event(room, '"é😀"', 1));
    await eio.close();
  });

  test("binary in binary frames, and as base64 in a text frame", async () => {
    const room = freshRoom();
    const eio = await Eio.session(server);
    const head = `451-["publish","${room}","e",{"_placeholder":true,"num":0}]`;
    eio.send("40", `42["join","${room}"]`, head, Buffer.from([1, 2, 3, 4]),
      head, "bAQIDBA==");
    const { sid } = JSON.parse((await eio.next()).slice(2));
    for (const seq of [1, 2]) {
      assert.equal(await eio.next(),
        `451-["e",{"_placeholder":true,"num":0},{"room":"${room}","from":"${sid}","seq":${seq}}]`);
      assert.deepEqual(await eio.next(), Buffer.from([1, 2, 3, 4]));
    }
    await eio.close();
  });

  for (const packet of ["7", "abc", "", "2", "b!", "1", "42[]", Buffer.from("x")])
    test(`${JSON.stringify(packet)} ends the session`, async () => {
      const eio = await Eio.session(server);
      eio.send("40");
      await eio.next();
      eio.send(packet);
      assert.equal(await eio.end(), 1005);
      const response = await ask(server,
        `GET ${PATH}?EIO=4&transport=polling&sid=${eio.sid} HTTP/1.1`);
      assert.equal(response.body, '{"code":1,"message":"Session ID unknown"}');
    });

  test("open, upgrade and noop packets say nothing", async () => {
    const eio = await Eio.session(server);
    eio.send("0", "5", "6", "3", "40");
    assert.match(await eio.next(), /^40/);
    await eio.close();
  });

  test("a ping of WebSocket's own is answered", async () => {
    const eio = await Eio.session(server);
    const pong = new Promise((resolve) => eio.socket.once("pong", resolve));
    eio.socket.ping("hello");
    assert.equal((await pong).toString(), "hello");
    await eio.close();
  });

  test("a closed WebSocket ends the session", async () => {
    const eio = await Eio.session(server);
    eio.send("40");
    await eio.next();
    const { sessions } = await server.stats();
    eio.socket.terminate();
    await until("the session's end", async () =>
      (await server.stats()).sessions === sessions - 1);
  });

  // As the reference server does: the status and the bare words.
  for (const [query, words] of [
    ["", "Transport unknown"],
    ["EIO=4&transport=abc", "Transport unknown"],
    ["EIO=3&transport=websocket", "Unsupported protocol version"],
    ["transport=websocket", "Unsupported protocol version"],
    ["EIO=4&transport=websocket&sid=nonsense", "Session ID unknown"],
  ])
    test(`a refused handshake: ${query || "no query"}`, async () => {
      const response = await ask(server, `GET ${PATH}?${query} HTTP/1.1`, handshake());
      assert.deepEqual([response.status, response.body], [400, words]);
      assert.equal(response.headers["content-type"], "text/html");
      assert.equal(response.headers.connection, "close");
    });

  test("the websocket transport needs an upgrade", async () => {
    const p = await Polling.open(server);
    for (const sid of ["", `&sid=${p.sid}`]) {
      const response = await ask(server,
        `GET ${PATH}?EIO=4&transport=websocket${sid} HTTP/1.1`);
      assert.deepEqual([response.status, response.body], [400, BAD_REQUEST]);
    }
  });

  test("a bad handshake of WebSocket's is refused", async () => {
    const target = `${PATH}?EIO=4&transport=websocket`;
    const version = await ask(server, `GET ${target} HTTP/1.1`,
      handshake({ "Sec-WebSocket-Version": "8" }));
    assert.equal(version.status, 426);
    const key = await ask(server, `GET ${target} HTTP/1.1`,
      handshake({ "Sec-WebSocket-Key": "short" }));
    assert.equal(key.status, 400);
  });
});

describe("the upgrade", () => {
  let server;

  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  test("probe and upgrade: the WebSocket carries on", async () => {
    const p = await Polling.connected(server);
    const room = freshRoom();
    await p.send(`420["join","${room}"]`);
    await p.poll();
    const eio = await Eio.upgraded(p);
    await server.publish(room, "1");
    assert.equal(await eio.next(), event(room, 1, 1));
    await assertPollingRefused(p);
    eio.send(`421["leave","${room}"]`);
    assert.equal(await eio.next(), `431[{"room":"${room}"}]`);
    await eio.close();
    await until("the session's end", async () => (await p.get()).body.includes("unknown"));
  });

  test("a noop frees the pending GET, and the next one", async () => {
    const p = await Polling.connected(server);
    const pending = await p.pend();
    const eio = await Eio.probing(p);
    const response = await pending.readResponse();
    assert.deepEqual([response.status, response.body], [200, "6"]);
    assert.equal(response.headers["content-type"], "text/plain; charset=UTF-8");
    assert.equal(response.headers["cache-control"], "no-store");
    pending.close();
    // However often it comes.
    for (let i = 0; i < 8; i++)
      assert.deepEqual(await p.poll(), ["6"]);
    eio.send("5");
    await eio.close();
  });

  test("what is queued comes by the GET before 5, by the WebSocket after it", async () => {
    const room = freshRoom();
    const p = await Polling.connected(server);
    await p.send(`420["join","${room}"]`);
    await p.poll();
    const eio = await Eio.probing(p);
    await server.publish(room, "1");
    assert.deepEqual(await p.poll(), [event(room, 1, 1)]);
    for (const n of [2, 3])
      await server.publish(room, String(n));
    await server.publish(room, "bytes", "&event=e");
    eio.send("5");
    for (const n of [2, 3])
      assert.equal(await eio.next(), event(room, n, n));
    assert.equal(await eio.next(), `42["e","bytes",{"room":"${room}","seq":4}]`);
    await eio.close();
  });

  test("binary that waits for the upgrade", async () => {
    const room = freshRoom();
    const p = await Polling.connected(server);
    await p.send(`420["join","${room}"]`);
    await p.poll();
    const eio = await Eio.probing(p);
    await p.send(`451-["publish","${room}","e",{"_placeholder":true,"num":0}]`, "bAQID");
    eio.send("5");
    assert.match(await eio.next(), /^451-\["e",\{"_placeholder":true,"num":0\},/);
    assert.deepEqual(await eio.next(), Buffer.from([1, 2, 3]));
    await eio.close();
  });

  test("a GET that waits when 5 comes gets a noop", async () => {
    const p = await Polling.connected(server);
    const eio = await Eio.open(server, { query: `&sid=${p.sid}` });
    const pending = await p.pend();
    eio.send("5"); // nobody has to probe
    const response = await pending.readResponse();
    assert.deepEqual([response.status, response.body], [200, "6"]);
    pending.close();
    await assertPollingRefused(p);
    await eio.close();
  });

  test("the probe, 5 and messages in one piece", async () => {
    const room = freshRoom();
    const p = await Polling.connected(server);
    const eio = await Eio.open(server, { query: `&sid=${p.sid}` });
    eio.socket._socket.cork();
    eio.send("2probe", "2probe", "5", `421["join","${room}"]`);
    eio.socket._socket.uncork();
    assert.deepEqual(await eio.messages.take(3),
      ["3probe", "3probe", `431[{"room":"${room}"}]`]);
    await eio.close();
  });

  test("a second WebSocket is closed, the first lives", async () => {
    const p = await Polling.connected(server);
    const first = await Eio.probing(p);
    const early = await Eio.open(server, { query: `&sid=${p.sid}` });
    assert.equal(await early.end(), 1005);
    first.send("5", `421["join","${freshRoom()}"]`);
    assert.match(await first.next(), /^431/);
    const late = await Eio.open(server, { query: `&sid=${p.sid}` });
    late.send("2probe", "5");
    assert.equal(await late.end(), 1005);
    first.send(`422["join","${freshRoom()}"]`);
    assert.match(await first.next(), /^432/);
    await first.close();
  });

  test("a session that began as a WebSocket takes no other", async () => {
    const first = await Eio.session(server);
    const second = await Eio.open(server, { query: `&sid=${first.sid}` });
    assert.equal(await second.end(), 1005);
    await assertPollingRefused({
      get: () => ask(server, `GET ${PATH}?EIO=4&transport=polling&sid=${first.sid} HTTP/1.1`),
      post: (body) => ask(server,
        `POST ${PATH}?EIO=4&transport=polling&sid=${first.sid} HTTP/1.1`, {}, body),
    });
    first.send("40");
    assert.match(await first.next(), /^40/);
    await first.close();
  });

  for (const packet of ["4hello", "1", "3probe", "2", "", "2probes", Buffer.from("5")])
    test(`${JSON.stringify(packet)} while probing closes the WebSocket only`, async () => {
      const p = await Polling.connected(server);
      const eio = await Eio.probing(p);
      eio.send(packet);
      assert.equal(await eio.end(), 1005);
      await assertPolls(p);
      // And another one may try.
      const next = await Eio.upgraded(p);
      next.send(`421["join","a"]`);
      assert.equal(await next.next(), '431[{"room":"a"}]');
      await next.close();
    });

  test("a WebSocket that goes away while probing leaves the session alone", async () => {
    const p = await Polling.connected(server);
    for (const leave of ["close", "terminate"]) {
      const eio = await Eio.probing(p);
      eio.socket[leave]();
      await eio.end();
      await assertPolls(p);
    }
    await until("another may try", async () => {
      const eio = await Eio.open(server, { query: `&sid=${p.sid}` });
      eio.send("2probe");
      return eio.next().then(() => eio.close()).then(() => true, () => false);
    });
  });

  test("the session's end closes the WebSocket that probes", async () => {
    const p = await Polling.connected(server);
    const eio = await Eio.probing(p);
    await p.send("1");
    assert.equal(await eio.end(), 1005);
  });

  test("another EIO is no part of the session", async () => {
    const p = await Polling.connected(server);
    for (const version of ["EIO=3", ""]) {
      const response = await ask(server,
        `GET ${PATH}?transport=polling&sid=${p.sid}&${version} HTTP/1.1`);
      assert.deepEqual([response.status, response.body], [400, BAD_REQUEST]);
    }
    await assertPolls(p);
  });
});

describe("upgrade options", () => {
  const fast = ["--ping-interval", "300", "--ping-timeout", "200"];

  test("a WebSocket that does not come to 5 is closed in time", async () => {
    await withServer(["--upgrade-timeout", "250"], async (server) => {
      const p = await Polling.connected(server);
      const silent = await Eio.open(server, { query: `&sid=${p.sid}` });
      assert.equal(await silent.end(), 1005);
      const probing = await Eio.probing(p);
      assert.equal(await probing.end(), 1005);
      await assertPolls(p);
      const eio = await Eio.upgraded(p);
      eio.send('421["join","a"]');
      assert.equal(await eio.next(), '431[{"room":"a"}]');
      await eio.close();
    });
  });

  test("heartbeats go on over the WebSocket", async () => {
    await withServer(fast, async (server) => {
      const p = await Polling.connected(server);
      const eio = await Eio.upgraded(p);
      for (let i = 0; i < 3; i++) {
        assert.equal(await eio.next(), "2");
        eio.send("3");
      }
      assert.equal(await eio.next(), "2");
      assert.equal(await eio.end(), 1005); // no pong
      await until("the session's end", async () => (await server.stats()).sessions === 0);
    });
  });

  test("a ping that is under way during the upgrade is answered over either", async () => {
    await withServer(fast, async (server) => {
      for (const answer of ["polling", "websocket"]) {
        const p = await Polling.connected(server);
        assert.deepEqual(await p.poll(), ["2"]);
        if (answer === "polling")
          await p.send("3");
        const eio = await Eio.upgraded(p);
        if (answer === "websocket")
          eio.send("3");
        assert.equal(await eio.next(), "2");
        eio.send("3");
        assert.equal(await eio.next(), "2");
        await eio.close();
      }
    });
  });

  test("a message over maxPayload ends with 1009", async () => {
    await withServer(["--max-payload", "5000"], async (server) => {
      const eio = await Eio.session(server);
      assert.equal(eio.maxPayload, 5000);
      eio.send("40", `421["join","${"x".repeat(200)}"]`);
      assert.match(await eio.next(), /^40/);
      assert.match(await eio.next(), /^431/);
      eio.send("4".padEnd(5001, "x"));
      assert.equal(await eio.end(), 1009);
      await until("the session's end", async () => (await server.stats()).sessions === 0);
    });
  });

  test("--transports polling offers no upgrade", async () => {
    await withServer(["--transports", "polling"], async (server) => {
      const p = await Polling.connected(server);
      assert.deepEqual(p.upgrades, []);
      const response = await ask(server,
        `GET ${PATH}?EIO=4&transport=websocket&sid=${p.sid} HTTP/1.1`, handshake());
      assert.deepEqual([response.status, response.body],
        [400, '{"code":0,"message":"Transport unknown"}']);
      await assertPolls(p);
    });
  });

  test("--transports websocket takes no polling, and --backend has no say", async () => {
    await withServer(["--backend", "longpoll", "--transports", "websocket"], async (server) => {
      const response = await ask(server, `GET ${PATH}?EIO=4&transport=polling HTTP/1.1`);
      assert.deepEqual([response.status, response.body],
        [400, '{"code":0,"message":"Transport unknown"}']);
      const eio = await Eio.session(server);
      eio.send("40");
      assert.match(await eio.next(), /^40/);
      await eio.close();
    });
  });

  test("SIGTERM: what is queued, then 1001; who probes is closed", async () => {
    const server = await Server.start();
    const room = freshRoom();
    const eio = await Eio.session(server);
    eio.send("40", `42["join","${room}"]`);
    await eio.next();
    const probing = await Eio.probing(await Polling.connected(server));
    await server.publish(room, "1");
    const stopped = server.stop();
    assert.equal(await eio.next(), event(room, 1, 1));
    assert.equal(await eio.end(), 1001);
    assert.equal(await probing.end(), 1005);
    await stopped;
  });

  test("upgraded sessions are counted once, and not for long", async () => {
    await withServer([], async (server) => {
      const polls = await Promise.all(Array.from({ length: 20 },
        () => Polling.connected(server)));
      const upgraded = await Promise.all(polls.map((p) => Eio.upgraded(p)));
      upgraded.forEach((eio, i) => eio.send(`421["join","${i}"]`));
      await Promise.all(upgraded.map((eio) => eio.next()));
      const { sessions, backends } = await server.stats();
      assert.deepEqual([sessions, backends.longpoll.connections], [20, 20]);
      await Promise.all(upgraded.map((eio) => eio.close()));
      await until("their end", async () => {
        const stats = await server.stats();
        return stats.sessions === 0 && stats.backends.longpoll.connections === 0;
      });
    });
  });
});
