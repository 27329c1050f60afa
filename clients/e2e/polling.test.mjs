// SPDX-License-Identifier: MIT
// Engine.IO polling by hand: large and overlapping bodies, the bare endpoint,
// cookies, origins, draining.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { freshRoom } from "./lib/clients.mjs";
import { Eio } from "./lib/eio.mjs";
import { until } from "./lib/inbox.mjs";
import { Polling } from "./lib/polling.mjs";
import { ask, withRaw } from "./lib/raw.mjs";
import { Server, withServer } from "./lib/server.mjs";

const PATH = "/socket.io/";
const ECHO = "/engine.io/";
const UNKNOWN = '{"code":1,"message":"Session ID unknown"}';

async function assertGone(p) {
  await until("the session's end", async () => (await p.get()).body === UNKNOWN);
}

// Reads polls until there are `count` packets.
async function packets(p, count) {
  const got = [];
  while (got.length < count)
    got.push(...await p.poll());
  assert.equal(got.length, count);
  return got;
}

describe("polling", () => {
  let server;

  before(async () => {
    server = await Server.start(["--app", "echo", "--queue-messages", "200000",
      "--queue-bytes", "100000000"]);
  });
  after(() => server.stop());

  const open = () => Polling.open(server, "", ECHO);

  test("a body of very many packets is handled in order, others meanwhile", async () => {
    const p = await open();
    const count = 100000;
    const sent = Array.from({ length: count }, (_, i) => `4${i}`);
    const posting = p.post(sent.join("\x1e"));
    const reading = packets(p, count);
    const other = await open();
    for (let i = 0; i < 20; i++) {
      await other.send(`4${i}`);
      assert.deepEqual(await other.poll(), [`4${i}`]);
    }
    const response = await posting;
    assert.deepEqual([response.status, response.body], [200, "ok"]);
    assert.deepEqual(await reading, sent);
  });

  test("more answers than the queue has room for wait for the polls", async () => {
    await withServer(["--app", "echo"], async (small) => {
      const p = await Polling.open(small, "", ECHO);
      const sent = Array.from({ length: 5000 }, (_, i) => `4${i}`);
      const posting = p.post(sent.join("\x1e"));
      assert.deepEqual(await packets(p, sent.length), sent);
      assert.equal((await posting).body, "ok");
      await p.send(...sent.slice(0, 1000)); // so many need no poll meanwhile
      assert.deepEqual(await packets(p, 1000), sent.slice(0, 1000));
    });
  });

  test("such bodies of many sessions at once", async () => {
    const sent = Array.from({ length: 20000 }, (_, i) => `4${i}`);
    await Promise.all(Array.from({ length: 8 }, async () => {
      const p = await open();
      const reading = packets(p, sent.length);
      await p.send(...sent);
      assert.deepEqual(await reading, sent);
    }));
  });

  test("a close packet in the middle of a large body", async () => {
    const p = await open();
    const filler = Array.from({ length: 20000 }, () => "3");
    const response = await p.post([...filler, "4a", "1", ...filler].join("\x1e"));
    assert.deepEqual([response.status, response.body], [200, "ok"]);
    assert.equal((await p.get()).body, UNKNOWN);
  });

  test("an empty packet at the end of a large body is an error", async () => {
    const p = await open();
    await p.post(`${"3\x1e".repeat(50000)}`);
    assert.equal((await p.get()).body, UNKNOWN);
  });

  test("a second POST while one is under way ends the session", async () => {
    const p = await open();
    await withRaw(server, async (first) => {
      first.request(`POST ${p.target} HTTP/1.1`, { "Content-Length": 10 }, "4");
      await ask(server, "GET /healthz HTTP/1.1");
      assert.equal((await p.post("4x")).status, 400);
      await assertGone(p);
      first.send("123456789");
      assert.equal((await first.readResponse()).status, 400);
    });
  });

  test("a POST that is given up ends the session, one that is too large does not", async () => {
    const p = await open();
    await withRaw(server, async (raw) => {
      raw.request(`POST ${p.target} HTTP/1.1`, { "Transfer-Encoding": "chunked" });
      for (let i = 0; i < 11; i++)
        raw.send(`186a0\r\n${"x".repeat(100000)}\r\n`);
      raw.send("0\r\n\r\n");
      assert.equal((await raw.readResponse()).status, 413);
    });
    await p.send("4still here");
    assert.deepEqual(await p.poll(), ["4still here"]);
    await withRaw(server, async (raw) => {
      raw.request(`POST ${p.target} HTTP/1.1`, { "Content-Length": 10 }, "4");
      await ask(server, "GET /healthz HTTP/1.1");
    });
    await assertGone(p);
  });

  test("POSTs one after another on one connection, and in one piece", async () => {
    const p = await open();
    await withRaw(server, async (raw) => {
      for (let i = 0; i < 5; i++) {
        raw.request(`POST ${p.target} HTTP/1.1`, {}, `4${i}`);
        assert.equal((await raw.readResponse()).body, "ok");
      }
      for (let i = 5; i < 10; i++)
        raw.request(`POST ${p.target} HTTP/1.1`, {}, `4${i}`);
      for (let i = 5; i < 10; i++)
        assert.equal((await raw.readResponse()).body, "ok");
    });
    assert.deepEqual(await packets(p, 10), Array.from({ length: 10 }, (_, i) => `4${i}`));
  });

  test("text that is not UTF-8 ends the session", async () => {
    const p = await open();
    await p.post(Buffer.from([0x34, 0xff]));
    assert.deepEqual(await p.poll(), ["6", "1"]);
    assert.equal((await p.get()).body, UNKNOWN);
  });

  test("an id counts on its own endpoint only", async () => {
    const p = await open();
    for (const transport of ["polling", "websocket"]) {
      const response = await ask(server,
        `GET ${PATH}?EIO=4&transport=${transport}&sid=${p.sid} HTTP/1.1`);
      assert.deepEqual([response.status, response.body], [400, UNKNOWN]);
    }
    await p.send("4x");
    assert.deepEqual(await p.poll(), ["4x"]);
  });

  test("preflights, and answers that a page may read with credentials", async () => {
    const origin = "http://elsewhere.example";
    for (const path of [PATH, ECHO]) {
      const preflight = await ask(server, `OPTIONS ${path}?EIO=4&transport=polling HTTP/1.1`, {
        Origin: origin, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-mine",
      });
      assert.equal(preflight.status, 204);
      assert.equal(preflight.headers["access-control-allow-headers"], "content-type,x-mine");
      assert.match(preflight.headers["access-control-allow-methods"], /\bPOST\b/);
      // npm's cors takes any OPTIONS for one.
      const bare = await ask(server, `OPTIONS ${path}?EIO=4&transport=polling HTTP/1.1`,
        { Origin: origin });
      assert.equal(bare.status, 204);
      assert.match(bare.headers["access-control-allow-methods"], /\bPOST\b/);
      const answers = [preflight, bare];
      for (const query of ["?EIO=4&transport=polling", "?EIO=4"])
        answers.push(await ask(server, `GET ${path}${query} HTTP/1.1`, { Origin: origin }));
      for (const { headers } of answers) {
        assert.equal(headers["access-control-allow-origin"], origin);
        assert.equal(headers["access-control-allow-credentials"], "true");
        assert.match(headers.vary, /Origin/);
      }
    }
  });
});

describe("polling options", () => {
  test("the bare endpoint is the echo app's alone", async () => {
    await withServer([], async (server) => {
      assert.equal((await ask(server, `GET ${ECHO}?EIO=4&transport=polling HTTP/1.1`)).status, 404);
    });
  });

  test("--origin: pages of other origins get no session over either transport", async () => {
    await withServer(["--origin", "https://a.example"], async (server) => {
      const good = { headers: { Origin: "https://a.example" } };
      const bad = { Origin: "https://b.example" };
      const line = `GET ${PATH}?EIO=4&transport=polling HTTP/1.1`;
      assert.equal((await ask(server, line, good.headers)).status, 200);
      const refused = await ask(server, line, bad);
      assert.deepEqual([refused.status, refused.body], [403, '{"code":4,"message":"Forbidden"}']);
      await (await Eio.session(server, good)).close();
      await assert.rejects(Eio.session(server, { headers: bad }), /403/);
    });
  });

  test("--cookie tells the id in the handshake's answer, and only there", async () => {
    await withServer(["--cookie", "io"], async (server) => {
      const p = await Polling.open(server);
      assert.equal(p.handshake.headers["set-cookie"],
        `io=${p.sid}; Path=/; HttpOnly; SameSite=Lax`);
      const post = await p.post("40");
      assert.equal(post.headers["set-cookie"], undefined);
      assert.equal((await p.get()).headers["set-cookie"], undefined);
    });
    await withServer([], async (server) => {
      assert.equal((await Polling.open(server)).handshake.headers["set-cookie"], undefined);
    });
    await assert.rejects(Server.start(["--cookie", "a b"]), /--cookie: expected a name/);
  });

  test("SIGTERM: the next poll brings what is queued, and the close packet", async () => {
    const server = await Server.start();
    const room = freshRoom();
    const p = await Polling.connected(server);
    const idle = await Polling.connected(server);
    await p.send(`420["join","${room}"]`);
    await p.poll();
    for (let i = 1; i <= 3; i++)
      await server.publish(room, String(i));
    const stopped = server.stop();
    await until("the drain", async () =>
      (await ask(server, "GET /readyz HTTP/1.1")).status === 503);
    assert.equal((await idle.get()).body, UNKNOWN); // it had nothing to wait for
    const late = await ask(server, `GET ${PATH}?EIO=4&transport=polling HTTP/1.1`);
    assert.deepEqual([late.status, late.body], [403, '{"code":4,"message":"Forbidden"}']);
    assert.deepEqual(await p.poll(), [
      ...[1, 2, 3].map((i) => `42["message",${i},{"room":"${room}","seq":${i}}]`), "1"]);
    await stopped;
  });

  test("heartbeats of many sessions meet their deadlines", async () => {
    await withServer(["--ping-interval", "300", "--ping-timeout", "200"], async (server) => {
      const silent = await Promise.all(Array.from({ length: 50 }, () => Eio.session(server)));
      const talking = await Promise.all(Array.from({ length: 50 }, () => Polling.open(server)));
      await Promise.all(silent.map(async (eio) => {
        assert.equal(await eio.next(), "2");
        assert.equal(await eio.end(), 1005);
      }));
      await Promise.all(talking.map((p) => assertGone(p)));
      assert.equal((await server.stats()).backends.longpoll.connections, 0);
    });
  });
});
