// SPDX-License-Identifier: MIT
// Engine.IO 4 polling and Socket.IO 5 by hand: exact statuses and bodies.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { freshRoom, withClients } from "./lib/clients.mjs";
import { until } from "./lib/inbox.mjs";
import { Longpoll } from "./lib/longpoll.mjs";
import { Polling } from "./lib/polling.mjs";
import { ask, Raw } from "./lib/raw.mjs";
import { Server, withServer } from "./lib/server.mjs";
import { Ws } from "./lib/ws.mjs";

const PATH = "/socket.io/";

function assertRefused(response, status, code, message) {
  assert.equal(response.status, status, response.body);
  assert.equal(response.body, `{"code":${code},"message":"${message}"}`);
  assert.equal(response.headers["content-type"], "application/json");
}

const assertUnknown = (response) =>
  assertRefused(response, 400, 1, "Session ID unknown");

// The session is gone: whoever polls is told so.
async function assertGone(p) {
  // One GET more may tell of it.
  await until("the session's end", async () => {
    const response = await p.get();
    return response.status === 400 && response.body.includes("Session ID unknown");
  });
  assertUnknown(await p.post("3"));
}

describe("engineio", () => {
  let server;

  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  const request = (line, body) => ask(server, `${line} HTTP/1.1`, {}, body);

  test("the handshake: 200, text, no-store, and the open packet", async () => {
    const p = await Polling.open(server);
    const { headers, body } = p.handshake;
    assert.equal(headers["content-type"], "text/plain; charset=UTF-8");
    assert.equal(headers["cache-control"], "no-store");
    const open = JSON.parse(body.slice(1));
    assert.deepEqual(Object.keys(open),
      ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
    assert.match(open.sid, /^[\w-]{20}$/);
    assert.deepEqual(open.upgrades, ["websocket"]);
    assert.deepEqual([open.pingInterval, open.pingTimeout, open.maxPayload],
      [25000, 20000, 1000000]);
    assert.notEqual((await Polling.open(server)).sid, p.sid);
  });

  for (const query of ["?EIO=4", "?EIO=4&transport=", "?EIO=4&transport=abc",
    "?EIO=4&transport=POLLING", "", "?transport=abc&sid=nonsense"])
    test(`transport missing or unknown: ${query || "no query"}`, async () => {
      assertRefused(await request(`GET ${PATH}${query}`), 400, 0, "Transport unknown");
    });

  for (const line of [`GET ${PATH}?EIO=4&transport=polling&sid=nonsense`,
    `POST ${PATH}?EIO=4&transport=polling&sid=nonsense`,
    `GET ${PATH}?EIO=4&transport=polling&sid=${"x".repeat(1000)}`])
    test(`unknown sid: ${line.slice(0, 60)}`, async () => {
      assertUnknown(await request(line, line.startsWith("POST") ? "3" : undefined));
    });

  for (const method of ["POST", "PUT", "DELETE"])
    test(`${method} without sid is no handshake`, async () => {
      assertRefused(await request(`${method} ${PATH}?EIO=4&transport=polling`, "x"),
        400, 2, "Bad handshake method");
    });

  for (const query of ["?transport=polling", "?EIO=3&transport=polling",
    "?EIO=5&transport=polling", "?EIO=&transport=polling", "?EIO=44&transport=polling"])
    test(`EIO missing or not 4: ${query}`, async () => {
      assertRefused(await request(`GET ${PATH}${query}`),
        400, 5, "Unsupported protocol version");
    });

  test("POST answers 200 ok as text/html", async () => {
    const p = await Polling.open(server);
    const response = await p.post("40");
    assert.equal(response.status, 200);
    assert.equal(response.body, "ok");
    assert.equal(response.headers["content-type"], "text/html");
  });

  test("a poll's answer is text and not to be stored", async () => {
    const p = await Polling.open(server);
    await p.send("40");
    const response = await p.get();
    assert.equal(response.headers["content-type"], "text/plain; charset=UTF-8");
    assert.equal(response.headers["cache-control"], "no-store");
    assert.match(response.body, /^40\{"sid":"[\w-]{20}"\}$/);
  });

  test("several packets in one body, both ways", async () => {
    const room = freshRoom();
    const p = await Polling.open(server);
    await p.send("40", `420["join","${room}"]`,
      `421["publish","${room}","e",1]`, `42["publish","${room}","e",2]`);
    const [connect, ...packets] = await p.poll();
    const from = JSON.parse(connect.slice(2)).sid;
    // Whether the ack or the message comes first is not promised.
    assert.deepEqual(packets.sort(), [
      `42["e",1,{"room":"${room}","from":"${from}","seq":1}]`,
      `42["e",2,{"room":"${room}","from":"${from}","seq":2}]`,
      `430[{"room":"${room}"}]`,
      '431[{"seq":1}]',
    ]);
  });

  test("a pending poll is answered when something comes", async () => {
    const room = freshRoom();
    const p = await Polling.connected(server);
    await p.send(`420["join","${room}"]`);
    assert.deepEqual(await p.poll(), [`430[{"room":"${room}"}]`]);
    const pending = await p.pend();
    await server.publish(room, '"é😀"');
    assert.equal((await pending.readResponse()).body,
      `42["message","é😀",{"room":"${room}","seq":1}]`);
    pending.close();
  });

  test("the second GET while one is pending: 1, 400, and the session is gone", async () => {
    const p = await Polling.connected(server);
    const first = await p.pend();
    assert.equal((await p.get()).status, 400);
    const answer = await first.readResponse();
    assert.deepEqual([answer.status, answer.body], [200, "1"]);
    first.close();
    await assertGone(p);
  });

  test("POST 1: the pending GET gets 6, later requests 400", async () => {
    const p = await Polling.connected(server);
    const pending = await p.pend();
    await p.send("1");
    const response = await pending.readResponse();
    assert.deepEqual([response.status, response.body], [200, "6"]);
    pending.close();
    assertUnknown(await p.get());
    assertUnknown(await p.post("3"));
  });

  test("a poll aborted by the client closes the session", async () => {
    const room = freshRoom();
    const p = await Polling.connected(server);
    await p.send(`42["join","${room}"]`);
    const pending = await p.pend();
    pending.close();
    await assertGone(p);
  });

  for (const packet of ["7", "x", "9abc", "2", "", "4\x1ex", "\x1e", "b!", "é"])
    test(`the packet ${JSON.stringify(packet)} closes the session`, async () => {
      const p = await Polling.connected(server);
      await p.post(packet);
      await assertGone(p);
    });

  for (const packet of ["4", "4abc", "42", "42{}", "42[]", '42"e"', "42[1,]", "42abc[1]",
    "42[{}]", "42[null]", '42["e"', "49", '42["connect"]', '42["disconnecting",1]',
    "40[]", "41{}", "43", "43{}", "431{}", '451-["e"]', "45[]", '4599-["e"]',
    '451-["publish","r","e",{"_placeholder":true,"num":0}]\x1e3\x1e42["e"]',
    '42/nowhere,["e"]', "bAAAA", "4\ufeff2[]"])
    test(`the Socket.IO packet ${JSON.stringify(packet)} closes the connection`, async () => {
      const p = await Polling.connected(server);
      await p.post(packet);
      // Some of these wait for an attachment: text is no attachment.
      if (packet === '451-["e"]')
        await p.post('42["join","a"]');
      await assertGone(p);
    });

  test("an event before CONNECT closes the connection", async () => {
    const p = await Polling.open(server);
    await p.post('42["join","a"]');
    await assertGone(p);
  });

  test("CONNECT twice to one namespace closes the connection", async () => {
    const p = await Polling.connected(server);
    await p.post("40");
    await assertGone(p);
  });

  test("41 leaves the namespace and keeps the connection", async () => {
    const p = await Polling.connected(server);
    await p.send("41");
    await p.send("40");
    assert.match(await p.next(), /^40\{"sid":"/);
  });

  test("several namespaces over one connection", async () => {
    const room = freshRoom();
    const p = await Polling.connected(server);
    await p.send("40/chat,", "40/private,", '40/private,{"token":"x"}',
      `42/chat,5["join","${room}"]`);
    assert.match(await p.next(), /^40\/chat,\{"sid":"[\w-]{20}"\}$/);
    assert.equal(await p.next(),
      '44/private,{"message":"unauthorized","data":{"code":401}}');
    assert.match(await p.next(), /^40\/private,\{"sid":"/);
    assert.equal(await p.next(), `43/chat,5[{"room":"${room}"}]`);
    const response = await ask(server, `POST /publish?nsp=/chat&room=${room} HTTP/1.1`, {}, "1");
    assert.equal(response.status, 200);
    assert.equal(await p.next(), `42/chat,["message",1,{"room":"${room}","seq":1}]`);
    await p.send("41/chat,", `42["join","${room}"]`, "42[\"nonsense\"]");
  });

  test("an unknown event is acknowledged with an error", async () => {
    const p = await Polling.connected(server);
    await p.send('4212["nonsense",1]');
    assert.match(await p.next(), /^4312\[\{"error":"[^"]+"\}\]$/);
  });

  test("binary: base64 packets in, base64 packets out", async () => {
    const room = freshRoom();
    const p = await Polling.connected(server);
    await p.send(`42["join","${room}"]`,
      `451-["publish","${room}","e",{"_placeholder":true,"num":0}]`, "bAQIDBA==");
    const packets = [await p.next(), await p.next()];
    assert.equal(packets[0],
      `451-["e",{"_placeholder":true,"num":0},{"room":"${room}","from":"${p.id}","seq":1}]`);
    assert.equal(packets[1], "bAQIDBA==");
  });

  test("what is published without a pending poll waits for the next", async () => {
    const room = freshRoom();
    const p = await Polling.connected(server);
    await p.send(`42["join","${room}"]`);
    for (let i = 1; i <= 3; i++)
      await server.publish(room, String(i));
    assert.deepEqual(await p.poll(),
      [1, 2, 3].map((i) => `42["message",${i},{"room":"${room}","seq":${i}}]`));
  });

  test("a preflight from a browser is answered", async () => {
    const response = await ask(server, `OPTIONS ${PATH}?EIO=4&transport=polling HTTP/1.1`, {
      Origin: "http://elsewhere.example", "Access-Control-Request-Method": "POST",
    });
    assert.ok([200, 204].includes(response.status));
    assert.equal(response.headers["access-control-allow-origin"], "http://elsewhere.example");
  });

  test("an answer to another origin may be read", async () => {
    const response = await ask(server, `GET ${PATH}?EIO=4&transport=polling HTTP/1.1`,
      { Origin: "http://elsewhere.example" });
    assert.equal(response.headers["access-control-allow-origin"], "http://elsewhere.example");
  });

  test("socket.io-client reconnects by itself after the session's end", async () => {
    const c = await Longpoll.open(server);
    const first = c.socket.id;
    const reconnected = new Promise((resolve) => {
      c.socket.io.reconnection(true);
      c.socket.io.reconnectionDelay(10);
      c.socket.on("connect", () => resolve(c.socket.id));
    });
    await ask(server, `POST ${PATH}?EIO=4&transport=polling&sid=${
      c.socket.io.engine.id} HTTP/1.1`, {}, "x");
    assert.notEqual(await reconnected, first);
    await c.close();
  });
});

describe("engineio options", () => {
  const fast = ["--ping-interval", "300", "--ping-timeout", "200"];

  test("the options are told in the handshake", async () => {
    await withServer([...fast, "--max-payload", "5000"], async (server) => {
      const p = await Polling.open(server);
      assert.deepEqual([p.pingInterval, p.pingTimeout, p.maxPayload], [300, 200, 5000]);
    });
  });

  test("a POST over maxPayload is 413", async () => {
    await withServer(["--max-payload", "5000"], async (server) => {
      const p = await Polling.connected(server);
      const { status, body } = await p.post("4".padEnd(5001, "x"));
      assert.deepEqual([status, body], [413, ""]);
      await p.send(`42["join","${"x".repeat(5000)}"]`.slice(0, 4990).concat('"]'));
    });
  });

  test("one response is no larger than maxPayload", async () => {
    await withServer(["--max-payload", "10000"], async (server) => {
      const p = await Polling.connected(server);
      await p.send('42["join","a"]');
      for (let i = 0; i < 8; i++)
        await server.publish("a", JSON.stringify("x".repeat(3000)));
      for (let got = 0; got < 8;) {
        const response = await p.get();
        assert.equal(response.status, 200);
        assert.ok(response.body.length <= p.maxPayload, `${response.body.length}`);
        got += response.body.split("\x1e").length;
      }
    });
  });

  test("the server pings and goes on for who answers", async () => {
    await withServer(fast, async (server) => {
      const p = await Polling.connected(server);
      for (let i = 0; i < 4; i++) {
        assert.deepEqual(await p.poll(), ["2"]);
        await p.send("3");
      }
      await withClients([Longpoll.open(server, { rooms: ["a"] })], async (c) => {
        assert.deepEqual(await p.poll(), ["2"]);
        await p.send("3");
        await c.publish("a", "e", 1);
        assert.equal((await c.next()).data, 1);
      });
    });
  });

  test("without a pong the session closes", async () => {
    await withServer(fast, async (server) => {
      const p = await Polling.connected(server);
      assert.deepEqual(await p.poll(), ["2"]);
      assert.deepEqual(await p.poll(), ["1"]);
      await assertGone(p);
      assert.equal((await server.stats()).sessions, 0);
    });
  });

  test("a client that never polls is closed, too", async () => {
    await withServer(fast, async (server) => {
      await Polling.connected(server);
      assert.equal((await server.stats()).sessions, 1);
      await until("the session's end", async () => (await server.stats()).sessions === 0);
    });
  });

  test("without CONNECT in time the session closes", async () => {
    await withServer(["--connect-timeout", "300"], async (server) => {
      const p = await Polling.open(server);
      assert.deepEqual(await p.poll(), ["1"]);
      await assertGone(p);
      const other = await Polling.connected(server);
      await until("the time-out", async () => (await server.stats()).uptime >= 1);
      await other.send('42["join","a"]');
    });
  });

  // While the server is stopped, what is sent waits for one and the same tick.
  for (const [what, body, answer] of [
    ["closed", "1", /^6$/], ["answered", '420["join","a"]', /^430\[\{"room":"a"\}\]$/],
  ])
    test(`a poll may be ${what} in the tick in which it comes`, async () => {
      await withServer([], async (server) => {
        for (let i = 0; i < 20; i++) {
          const p = await Polling.connected(server);
          const [get, post] = [await Raw.connect(server), await Raw.connect(server)];
          for (const raw of [get, post]) {
            raw.request("GET /healthz HTTP/1.1");
            await raw.readResponse();
          }
          process.kill(server.pid, "SIGSTOP");
          get.request(`GET ${p.target} HTTP/1.1`);
          post.request(`POST ${p.target} HTTP/1.1`, {}, body);
          process.kill(server.pid, "SIGCONT");
          assert.equal((await post.readResponse()).status, 200);
          const response = await get.readResponse();
          // The POST may have been read first.
          if (response.status === 200)
            assert.match(response.body, answer);
          else
            assertUnknown(response);
          get.close();
          post.close();
        }
      });
    });

  test("SIGTERM answers pending polls with 1", async () => {
    const server = await Server.start();
    const p = await Polling.connected(server);
    const pending = await p.pend();
    const stopped = server.stop();
    const response = await pending.readResponse();
    assert.deepEqual([response.status, response.body], [200, "1"]);
    pending.close();
    await stopped;
  });

  test("members of both kinds leave when their session does", async () => {
    await withServer([], async (server) => {
      await withClients([Ws.open(server, { rooms: ["a"] })], async () => {
        const p = await Polling.connected(server);
        await p.send('42["join","a"]');
        assert.equal((await server.stats()).sessions, 2);
        await p.send("1");
        await until("one session", async () => (await server.stats()).sessions === 1);
      });
    });
  });
});
