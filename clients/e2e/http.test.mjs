// SPDX-License-Identifier: MIT
// What is outside the protocols: statuses, limits, time-outs, counters.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { freshRoom, withClients } from "./lib/clients.mjs";
import { until } from "./lib/inbox.mjs";
import { Longpoll } from "./lib/longpoll.mjs";
import { ask, Raw, withRaw } from "./lib/raw.mjs";
import { Server, withServer } from "./lib/server.mjs";
import { Sse } from "./lib/sse.mjs";
import { Ws } from "./lib/ws.mjs";

const JSON_TYPE = "application/json";

// {"error":"..."} with the status.
function assertError(response, status) {
  assert.equal(response.status, status, response.head + response.body);
  assert.equal(response.headers["content-type"], JSON_TYPE);
  const error = JSON.parse(response.body);
  assert.deepEqual(Object.keys(error), ["error"]);
  assert.ok(error.error.length > 3, response.body);
}

// One refusal, then the end of the connection.
async function assertRefusedAndClosed(raw, status) {
  assertError(await raw.readResponse(), status);
  assert.equal((await raw.readAll()).length, 0);
}

describe("http", () => {
  let server;

  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  test("POST /publish publishes JSON as it is", async () => {
    const room = freshRoom();
    await withClients([Ws.open(server, { rooms: [room] })], async (c) => {
      const text = ' {"b":1.0,"a":12345678901234567890}\n';
      const response = await ask(server, `POST /publish?room=${room}&event=e HTTP/1.1`, {}, text);
      assert.equal(response.status, 200);
      assert.equal(response.headers["content-type"], JSON_TYPE);
      assert.equal(response.body, '{"seq":1}');
      const message = await c.next();
      assert.equal(message.dataText, text.trim());
      assert.equal(message.event, "e");
    });
  });

  test("POST /publish publishes any other text as a string", async () => {
    const room = freshRoom();
    const texts = ["hello", "", "{", 'say "é" \\ \u0001 😀\n', "1.", "[1,]", "01"];
    await withClients([Ws.open(server, { rooms: [room] })], async (c) => {
      for (const text of texts)
        await server.publish(room, text);
      assert.deepEqual((await c.take(texts.length)).map((m) => m.data), texts);
    });
  });

  test("POST /publish has event message and namespace / by default", async () => {
    const room = freshRoom();
    await withClients([Longpoll.open(server, { rooms: [room] })], async (c) => {
      await server.publish(room, "1");
      assert.equal((await c.next()).event, "message");
    });
  });

  test("POST /publish takes a chunked body", async () => {
    await withRaw(server, async (raw) => {
      raw.request(`POST /publish?room=${freshRoom()} HTTP/1.1`,
        { "Transfer-Encoding": "chunked" });
      for (const piece of ["3\r\n[1,\r\n", "2;x=y\r\n2]\r\n", "0\r\n", "\r\n"])
        raw.send(piece);
      assert.equal((await raw.readResponse()).body, '{"seq":1}');
    });
  });

  test("POST /publish decodes the query", async () => {
    const room = `${freshRoom()} é&=+%`;
    await withClients([Ws.open(server, { rooms: [room] })], async (c) => {
      await server.publish(room, "1", "&event=a%2Bb%20c");
      const message = await c.next();
      assert.deepEqual([message.room, message.event], [room, "a+b c"]);
    });
  });

  for (const [what, target, body] of [
    ["without a room", "/publish", "1"],
    ["with an empty room", "/publish?room=", "1"],
    ["with a long room", `/publish?room=${"x".repeat(256)}`, "1"],
    ["with a control character in the room", "/publish?room=a%0Ab", "1"],
    ["with a room that is not UTF-8", "/publish?room=%ff", "1"],
    ["with an empty event", "/publish?room=a&event=", "1"],
    ["with a reserved event", "/publish?room=a&event=disconnect", "1"],
    ["with a namespace without its slash", "/publish?room=a&nsp=chat", "1"],
    ["with a body that is not UTF-8", "/publish?room=a", Buffer.from([0x61, 0xff])],
    ["with an encoded NUL in the path", "/pub%00lish?room=a", "1"],
  ])
    test(`POST /publish ${what} is 400`, async () => {
      assertError(await ask(server, `POST ${target} HTTP/1.1`, {}, body), 400);
    });

  for (const target of ["/nothing", "/publish/", "/publishx", "/ws/x", "/healthz/x",
    "/%2e%2e/etc/passwd", "//publish", "/sses", "*"])
    test(`${target} is 404`, async () => {
      assertError(await ask(server, `GET ${target} HTTP/1.1`), 404);
      assertError(await ask(server, `POST ${target} HTTP/1.1`, {}, "x"), 404);
    });

  for (const [method, target, allow] of [
    ["GET", "/publish", ["POST"]],
    ["DELETE", "/publish?room=a", ["POST"]],
    ["POST", "/sse", ["GET", "HEAD"]],
    ["GET", "/sse/some-sid", ["POST"]],
    ["POST", "/ws", ["GET"]],
    ["PUT", "/healthz", ["GET", "HEAD"]],
    ["POST", "/stats", ["GET", "HEAD"]],
    ["BREW", "/readyz", ["GET", "HEAD"]],
  ])
    test(`${method} ${target} is 405 with Allow`, async () => {
      const response = await ask(server, `${method} ${target} HTTP/1.1`, {}, "some body");
      assertError(response, 405);
      const allowed = response.headers.allow.split(/, */);
      for (const one of allow)
        assert.ok(allowed.includes(one), response.headers.allow);
      assert.ok(!allowed.includes(method));
    });

  test("a request refused by its head ends the connection", async () => {
    await withRaw(server, async (raw) => {
      raw.request("POST /nothing HTTP/1.1", {}, "x".repeat(10000));
      assertError(await raw.readResponse(), 404);
      assert.equal((await raw.readAll()).length, 0);
    });
  });

  test("pipelined requests are answered in order", async () => {
    await withRaw(server, async (raw) => {
      const room = freshRoom();
      for (let i = 0; i < 20; i++)
        raw.request(`POST /publish?room=${room} HTTP/1.1`, {}, "1");
      for (let i = 1; i <= 20; i++)
        assert.equal((await raw.readResponse()).body, `{"seq":${i}}`);
    });
  });

  test("a request may come one byte at a time", async () => {
    await withRaw(server, async (raw) => {
      raw.socket.setNoDelay(true);
      const text = `POST /publish?room=${freshRoom()} HTTP/1.1\r\nHost: x\r\n`
        + "Content-Length: 2\r\n\r\n[]";
      for (const byte of text) {
        raw.send(byte);
        await new Promise(setImmediate);
      }
      assert.equal((await raw.readResponse()).body, '{"seq":1}');
    });
  });

  for (const [what, head, status] of [
    ["is no HTTP", "hello\r\n\r\n", 400],
    ["is binary", Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), 400],
    ["is of HTTP/2", "GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", 505],
    ["has no version", "GET /healthz\r\n\r\n", 400],
    ["is cut off", "GET /healthz HTTP/1.1\r\nHost: x\r\n", 400],
    ["has a bad chunk",
      "POST /publish?room=a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400],
    ["has a length without end",
      "POST /publish?room=a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n1",
      413],
    ["has two Hosts", "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400],
    ["has a folded header",
      "GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400],
    ["has a bad Content-Length",
      "POST /publish?room=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n1", 400],
    ["has two lengths that differ",
      "POST /publish?room=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
      + "Content-Length: 2\r\n\r\n11", 400],
    ["has a length and is chunked",
      "POST /publish?room=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
      + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
    ["has an unknown transfer encoding",
      "POST /publish?room=a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400],
    ["has no Host", "GET /healthz HTTP/1.1\r\n\r\n", 400],
  ])
    test(`a request that ${what} is refused and the connection closed`, async () => {
      await withRaw(server, async (raw) => {
        raw.send(head);
        raw.socket.end();
        await assertRefusedAndClosed(raw, status);
      });
      assert.equal((await ask(server, "GET /healthz HTTP/1.1")).status, 200);
    });

  test("a refusal does not wait for the client's end, or for a whole head", async () => {
    for (const [head, status] of [["GARBAGE\r\n", 400], ["GET / HTTP/3.0\r\n", 505],
      ["GET / HTTP/1.1\r\nno colon\r\n", 400]])
      await withRaw(server, async (raw) => {
        raw.send(head);
        await assertRefusedAndClosed(raw, status);
      });
  });

  test("a target may be in absolute form", async () => {
    for (const target of [`${server.url}/healthz`, "http://any.example/healthz?x=y"])
      assert.equal((await ask(server, `GET ${target} HTTP/1.1`)).status, 200, target);
    const room = freshRoom();
    const published = await ask(server, `POST http://x/publish?room=${room} HTTP/1.1`, {}, "1");
    assert.equal(published.body, '{"seq":1}');
    assert.equal((await ask(server, "GET http://x HTTP/1.1")).status,
      (await ask(server, "GET / HTTP/1.1")).status);
  });

  test("HTTP/1.0 is answered and closed", async () => {
    await withRaw(server, async (raw) => {
      raw.send("GET /healthz HTTP/1.0\r\n\r\n");
      assert.equal((await raw.readResponse()).status, 200);
      assert.equal((await raw.readAll()).length, 0);
    });
  });

  const filler = (n) => "x".repeat(n);
  const manyHeaders = (count, size) => Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`X-Field-${i}`, filler(size)]));
  const KIB = 1024;

  for (const [shape, line, headers] of [
    ["one long header", "GET /healthz HTTP/1.1", { "X-Long": filler(8 * KIB - 100) }],
    ["a long cookie", "GET /healthz HTTP/1.1",
      { Cookie: Array.from({ length: 70 }, (_, i) => `c${i}=${filler(100)}`).join("; ") }],
    ["headers of medium size", "GET /healthz HTTP/1.1", manyHeaders(70, 100)],
    ["many small headers", "GET /healthz HTTP/1.1", manyHeaders(430, 3)],
    ["empty header values", "GET /healthz HTTP/1.1", manyHeaders(500, 0)],
    ["a long query", `GET /healthz?q=${filler(8 * KIB - 100)} HTTP/1.1`, {}],
    ["many query arguments",
      `GET /healthz?${"a=b&".repeat(2000)} HTTP/1.1`, {}],
    ["query arguments without values",
      `GET /healthz?${"a&".repeat(4000)} HTTP/1.1`, {}],
    ["many query arguments and many headers",
      `GET /healthz?${"a=b&".repeat(1000)} HTTP/1.1`, manyHeaders(220, 3)],
    ["an escaped query", `GET /healthz?q=${"%41".repeat(2600)} HTTP/1.1`, {}],
  ])
    test(`a head of 8 KiB is served: ${shape}`, async () => {
      const size = line.length + Object.entries(headers)
        .reduce((n, [name, value]) => n + name.length + value.length + 4, 20);
      assert.ok(size > 7 * KIB && size <= 8 * KIB, `the head has ${size} bytes`);
      assert.equal((await ask(server, line, headers)).status, 200);
    });

  for (const [shape, headers] of [
    ["one long header", { "X-Long": filler(48 * KIB) }],
    ["many small headers", manyHeaders(3000, 1)],
    ["headers of medium size", manyHeaders(440, 100)],
  ])
    test(`a head of 48 KiB is 431: ${shape}`, async () => {
      await withRaw(server, async (raw) => {
        raw.request("GET /healthz HTTP/1.1", headers);
        const response = await raw.readHead();
        assert.equal(response.status, 431);
        await raw.readAll();
      });
    });

  test("a request line of 48 KiB is 414", async () => {
    await withRaw(server, async (raw) => {
      raw.request(`GET /healthz?q=${filler(48 * KIB)} HTTP/1.1`);
      assert.equal((await raw.readHead()).status, 414);
      await raw.readAll();
    });
  });

  for (const [target, body] of [["/healthz", { status: "ok" }], ["/readyz", { status: "ready" }]])
    test(`GET and HEAD ${target}`, async () => {
      const response = await ask(server, `GET ${target} HTTP/1.1`);
      assert.equal(response.status, 200);
      assert.equal(response.headers["content-type"], JSON_TYPE);
      assert.deepEqual(JSON.parse(response.body), body);
      const head = await ask(server, `HEAD ${target} HTTP/1.1`);
      assert.equal(head.status, 200);
      assert.equal(head.headers["content-length"], String(response.body.length));
    });

  test("POST /sse/<sid> answers with the ack, nothing or the error", async () => {
    const room = freshRoom();
    await withClients([Sse.open(server)], async (c) => {
      const post = (body) => ask(server, `POST /sse/${c.sid} HTTP/1.1`, {}, body);
      const ack = await post(`{"type":"join","id":7,"room":"${room}"}`);
      assert.equal(ack.status, 200);
      assert.equal(ack.headers["content-type"], JSON_TYPE);
      assert.equal(ack.body, `{"type":"ack","id":7,"data":{"room":"${room}"}}`);

      const silent = await post(`{"type":"publish","room":"${room}","event":"e","data":1}`);
      assert.equal(silent.status, 204);
      assert.equal(silent.body, "");
      assert.equal((await c.next()).data, 1);

      const error = await post("nonsense");
      assert.equal(error.status, 400);
      assert.equal(error.headers["content-type"], JSON_TYPE);
      assert.equal(error.body, '{"type":"error","payload":"Invalid JSON"}');

      const named = JSON.parse((await post('{"type":"nonsense","id":"x"}')).body);
      assert.equal(named.type, "error");
      assert.equal(named.id, "x");
    });
  });

  test("POST /sse/<sid> is 404 for an unknown sid and after the stream's end", async () => {
    const body = '{"type":"join","room":"a"}';
    for (const sid of ["nonsense", "x".repeat(2000)])
      assertError(await ask(server, `POST /sse/${sid} HTTP/1.1`, {}, body), 404);
    const c = await Sse.open(server);
    // The public id authorises nothing.
    assertError(await ask(server, `POST /sse/${c.id} HTTP/1.1`, {}, body), 404);
    await c.close();
    await until("the sid is forgotten", async () => (
      await ask(server, `POST /sse/${c.sid} HTTP/1.1`, {}, body)).status === 404);
  });

  test("HEAD /sse opens no stream", async () => {
    const response = await ask(server, "HEAD /sse HTTP/1.1");
    assert.equal(response.status, 200);
    assert.equal(response.headers["content-type"], "text/event-stream");
    assert.equal(response.headers["cache-control"], "no-store");
    // The body of a GET lasts until the connection closes.
    assert.equal(response.headers["content-length"], undefined);
    assert.equal(response.headers.connection, "close");
  });

  test("a browser of another origin may read and publish", async () => {
    const origin = { Origin: "http://elsewhere.example" };
    const response = await ask(server, "GET /stats HTTP/1.1", origin);
    assert.equal(response.headers["access-control-allow-origin"], origin.Origin);
    const preflight = await ask(server, "OPTIONS /publish HTTP/1.1", {
      ...origin,
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": "content-type",
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers["access-control-allow-origin"], origin.Origin);
    assert.match(preflight.headers["access-control-allow-methods"], /POST/);
    assert.match(preflight.headers["access-control-allow-headers"], /content-type/i);
  });
});

describe("http options", () => {
  test("a body above --max-payload is 413", async () => {
    await withServer(["--max-payload", "1000"], async (server) => {
      const publish = "POST /publish?room=a HTTP/1.1";
      assert.equal((await ask(server, publish, {}, "x".repeat(1000))).status, 200);
      for (const size of [1001, 100000, 3000000])
        assertError(await ask(server, publish, {}, "x".repeat(size)), 413);
      assertError(await ask(server, publish, { Expect: "100-continue" }, "x".repeat(1001)), 413);
      await withRaw(server, async (raw) => {
        raw.request(publish, { "Transfer-Encoding": "chunked" });
        raw.send(`400\r\n${"x".repeat(1024)}\r\n0\r\n\r\n`);
        assertError(await raw.readResponse(), 413);
      });
      await withClients([Sse.open(server)], async (c) =>
        assertError(await ask(server, `POST /sse/${c.sid} HTTP/1.1`, {}, "x".repeat(1001)), 413));
      assert.equal((await ask(server, publish, {}, "1")).body, '{"seq":2}');
    });
  });

  test("a body that claims to be huge is refused without reading it", async () => {
    await withServer([], async (server) => {
      await withRaw(server, async (raw) => {
        raw.request("POST /publish?room=a HTTP/1.1", { "Content-Length": "99999999999" });
        assertError(await raw.readResponse(), 413);
      });
    });
  });

  test("a head that is not whole in time is 408", async () => {
    await withServer(["--head-timeout", "300"], async (server) => {
      const heads = ["G", "GET /healthz HTTP/1.1\r\nHost: x\r\n", "GET /sse HTTP/1.1\r\nX: y\r\n",
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nX"];
      await Promise.all(heads.map((head) => withRaw(server, async (raw) => {
        raw.send(head);
        await assertRefusedAndClosed(raw, 408);
      })));
      await withRaw(server, async (raw) => {
        raw.request("GET /healthz HTTP/1.1");
        assert.equal((await raw.readResponse()).status, 200);
        raw.send("GET /healthz HTTP/1.1\r\nHo");
        await assertRefusedAndClosed(raw, 408);
      });
    });
  });

  test("dripping bytes does not make the head's time longer", async () => {
    await withServer(["--head-timeout", "300"], async (server) => {
      await withRaw(server, async (raw) => {
        raw.send("GET /healthz HTTP/1.1\r\n");
        const drip = setInterval(() => raw.send("X: y\r\n"), 50);
        try {
          assertError(await raw.readResponse(), 408);
        } finally {
          clearInterval(drip);
        }
      });
    });
  });

  test("a connection that says nothing is closed", async () => {
    await withServer(["--head-timeout", "300"], async (server) => {
      await withRaw(server, async (raw) =>
        assert.equal((await raw.readAll()).length, 0));
    });
  });

  test("a body that is not whole in time is 408", async () => {
    await withServer(["--body-timeout", "300"], async (server) => {
      await withRaw(server, async (raw) => {
        raw.request("POST /publish?room=a HTTP/1.1", { "Content-Length": "10" });
        raw.send("123");
        await assertRefusedAndClosed(raw, 408);
      });
    });
  });

  test("a connection that rests too long is closed", async () => {
    await withServer(["--idle-timeout", "300"], async (server) => {
      await withRaw(server, async (raw) => {
        raw.request("GET /healthz HTTP/1.1");
        await raw.readResponse();
        assert.equal((await raw.readAll()).length, 0);
      });
    });
  });

  test("--max-connections: more get 503, and there is room again", async () => {
    await withServer(["--max-connections", "3"], async (server) => {
      await withClients([Ws.open(server), Sse.open(server)], async (ws) => {
        const last = await Raw.connect(server);
        last.request("GET /healthz HTTP/1.1");
        await last.readResponse();
        for (let i = 0; i < 5; i++)
          await withRaw(server, async (raw) => {
            raw.request("GET /healthz HTTP/1.1");
            await assertRefusedAndClosed(raw, 503);
          });
        assert.deepEqual(await ws.join("a"), { room: "a" });
        last.close();
        await until("room for one more", async () =>
          (await ask(server, "GET /healthz HTTP/1.1")).status === 200);
      });
      await until("room for three", async () => {
        const answers = await Promise.all([1, 2, 3].map(() =>
          ask(server, "GET /healthz HTTP/1.1")));
        return answers.every((a) => a.status === 200);
      });
    }, { warns: /limit of connections is reached/ });
  });

  test("--namespaces: others do not exist", async () => {
    await withServer(["--namespaces", "/,/a"], async (server) => {
      const exists = await ask(server, "POST /publish?room=r&nsp=/a HTTP/1.1", {}, "1");
      assert.equal(exists.status, 200);
      assertError(await ask(server, "POST /publish?room=r&nsp=/b HTTP/1.1", {}, "1"), 404);
      assertError(await ask(server, "GET /sse?nsp=/b HTTP/1.1"), 404);
      await assert.rejects(Ws.open(server, { nsp: "/b" }), /404/);
      await assert.rejects(Longpoll.open(server, { nsp: "/b" }), /Invalid namespace/);
      await withClients([Longpoll.open(server, { nsp: "/a" })], async (c) =>
        assert.deepEqual(await c.join("r"), { room: "r" }));
    });
  });

  for (const [backend, paths] of [
    ["ws", { "/sse": 404, "/socket.io/?EIO=4&transport=polling": 404, "/ws": 400 }],
    ["sse", { "/ws": 404, "/socket.io/?EIO=4&transport=polling": 404 }],
    ["longpoll", { "/ws": 404, "/sse": 404, "/socket.io/?EIO=4&transport=polling": 200 }],
  ])
    test(`--backend ${backend} serves only that`, async () => {
      await withServer(["--backend", backend], async (server) => {
        for (const [path, status] of Object.entries(paths))
          assert.equal((await ask(server, `GET ${path} HTTP/1.1`)).status, status, path);
        assert.deepEqual(Object.keys((await server.stats()).backends), [backend]);
        await server.publish("a", "1");
      });
    });

  test("--ws-path moves the raw WebSocket", async () => {
    await withServer(["--ws-path", "/push"], async (server) => {
      assert.equal((await ask(server, "GET /push HTTP/1.1")).status, 400);
      assertError(await ask(server, "GET /ws HTTP/1.1"), 404);
    });
  });
});

describe("stats", () => {
  const kinds = [Ws, Longpoll, Sse];

  test("its values add up", async () => {
    await withServer([], async (server) => {
      const empty = await server.stats();
      assert.deepEqual(
        [empty.sessions, empty.rooms, empty.published, empty.delivered, empty.dropped],
        [0, 0, 0, 0, 0]);
      await withClients(kinds.map((K) => K.open(server, { rooms: ["a", "b"] })), async (...all) => {
        for (let i = 0; i < 5; i++)
          await server.publish(i % 2 ? "a" : "b", "1");
        await all[0].publish("a", "e", 1, { self: false });
        await server.publish("nobody", "1");
        for (const c of all)
          await c.take(c === all[0] ? 5 : 6);
        const stats = await server.stats();
        assert.equal(stats.epoch, empty.epoch);
        assert.deepEqual(Object.keys(stats.backends).sort(), ["longpoll", "sse", "ws"]);
        assert.equal(stats.sessions, 3);
        assert.equal(stats.rooms, 3);
        assert.equal(stats.published, 7);
        assert.equal(stats.delivered, 17);
        assert.equal(stats.dropped, 0);
        assert.ok(stats.connections >= 3 && Number.isInteger(stats.uptime));
        for (const name of ["sessions", "delivered", "dropped"])
          assert.equal(stats[name], kinds.reduce((sum, K) =>
            sum + stats.backends[K.protocol][name], 0), name);
        for (const K of kinds) {
          const one = stats.backends[K.protocol];
          assert.equal(one.sessions, 1);
          assert.equal(one.connections, 1);
          assert.equal(one.delivered, K === Ws ? 5 : 6);
          assert.ok(one.bytes_out > 6 * 40, JSON.stringify(one));
        }
      });
      await until("everybody has left", async () => {
        const stats = await server.stats();
        return stats.sessions === 0
          && kinds.every((K) => stats.backends[K.protocol].connections === 0);
      });
    });
  });
});

// User and system time so far, in clock ticks of 10 ms.
function cpuTicks(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

test("out of descriptors: refuses, says so once a second, serves on, does not spin", async () => {
  await withServer([], async (server) => {
    const room = freshRoom();
    const started = Date.now();
    await withClients([Ws, Sse].map((C) => C.open(server, { rooms: [room] })), async (ws, sse) => {
      const crowd = await Promise.all(Array.from({ length: 150 }, () => Raw.connect(server)));
      let refused = 0;
      // Those that were accepted stay; the others were answered or closed.
      await until("the refusals", () => {
        refused = crowd.filter((raw) => raw.ended).length;
        return refused >= 90;
      });
      for (const raw of crowd.filter((one) => one.ended))
        assert.match((await raw.readAll()).toString(), /^($|HTTP\/1\.1 503 )/);
      assert.ok(refused < 150);

      await ws.publish(room, "e", "still here");
      for (const c of [ws, sse])
        assert.equal((await c.next()).data, "still here");

      // More knock while it is watched.
      const before = cpuTicks(server.pid);
      const watched = Date.now();
      while (Date.now() - watched < 1200)
        await withRaw(server, (raw) => raw.readAll());
      const ticks = cpuTicks(server.pid) - before;
      assert.ok(ticks < 60, `${ticks * 10} ms of CPU in 1200 ms`);

      const lines = server.stderr.split("\n").filter(Boolean);
      const seconds = (Date.now() - started) / 1000;
      assert.ok(lines.length >= 1 && lines.length <= seconds + 1,
        `${lines.length} lines in ${seconds} s:\n${server.stderr}`);

      for (const raw of crowd)
        raw.close();
      await until("it accepts again", async () => {
        const response = await fetch(`${server.url}/healthz`).catch(() => null);
        return response?.status === 200;
      });
      await ws.publish(room, "e", "and again");
      assert.equal((await sse.next()).data, "and again");
    });
  }, { descriptors: 64, warns: /refusing connections/ });
});

describe("SIGTERM", () => {
  const slow = "POST /publish?room=a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n1";

  test("a request that has begun is answered, new ones get 503", async () => {
    const server = await Server.start();
    await withRaw(server, async (raw) => {
      await withRaw(server, async (idle) => {
        idle.request("GET /healthz HTTP/1.1");
        assert.equal((await idle.readResponse()).status, 200);
        raw.send(slow);
        await ask(server, "GET /healthz HTTP/1.1"); // the server has seen it
        server.child.kill("SIGTERM");
        await until("the server drains", async () =>
          (await ask(server, "GET /readyz HTTP/1.1")).status === 503);
        assertError(await ask(server, "GET /nothing HTTP/1.1"), 503);
        idle.request("POST /publish?room=a HTTP/1.1", {}, "1");
        await assertRefusedAndClosed(idle, 503);
        raw.send("23");
        const answer = await raw.readResponse();
        assert.deepEqual([answer.status, answer.headers.connection, answer.body],
          [200, "close", '{"seq":1}']);
        assert.equal((await raw.readAll()).length, 0);
      });
    });
    assert.equal((await server.run.closed).code, 0);
  });

  test("a large answer is written out", async () => {
    const server = await Server.start(["--max-payload", "8000000", "--queue-bytes", "20000000"]);
    const room = freshRoom();
    const c = await Longpoll.open(server, { rooms: [room] });
    const data = "x".repeat(6000000);
    await server.publish(room, data);
    server.child.kill("SIGTERM");
    assert.equal((await c.next()).data, data);
    await c.close();
    assert.equal((await server.run.closed).code, 0);
  });

  test("a request that never becomes whole gets 503 at --drain-timeout", async () => {
    const server = await Server.start(["--drain-timeout", "300"]);
    await withRaw(server, async (raw) => {
      raw.send(slow);
      await ask(server, "GET /healthz HTTP/1.1");
      server.child.kill("SIGTERM");
      await assertRefusedAndClosed(raw, 503);
    });
    assert.equal((await server.run.closed).code, 0);
  });
});
