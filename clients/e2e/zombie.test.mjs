// SPDX-License-Identifier: MIT
// Clients that are gone and did not say so: what the server notices, when,
// and that nothing of them is left.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { until } from "./lib/inbox.mjs";
import { Idler } from "./lib/idler.mjs";
import { Link, noLink } from "./lib/link.mjs";
import { descriptors } from "./lib/process.mjs";
import { Raw } from "./lib/raw.mjs";
import { withServer } from "./lib/server.mjs";
import { Stream } from "./lib/stream.mjs";
import { Ws } from "./lib/ws.mjs";

const INTERVAL = 800;
const TIMEOUT = 600;
const HEARTBEAT = ["--ping-interval", String(INTERVAL), "--ping-timeout", String(TIMEOUT)];
// The promise is interval + timeout; a busy machine may need longer to keep it.
const SLACK = 1500;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Resolves when the server has as many sessions; says how long that took.
async function sessionsAre(server, n, since = Date.now()) {
  await until(`${n} sessions`, async () => (await server.stats()).sessions === n);
  return Date.now() - since;
}

async function leavesNothing(server, protocol, before, fds) {
  const stats = await server.stats();
  const { sessions, connections } = stats.backends[protocol];
  assert.deepEqual({ sessions, connections }, { sessions: 0, connections: 0 });
  assert.equal(stats.rooms, before.rooms, "rooms");
  await until("the descriptors", () => descriptors(server.pid) <= fds);
}

async function withIdler(server, protocol, body, enter) {
  const idler = await Idler.open(server, protocol, `/${protocol}`, enter);
  try {
    await sessionsAre(server, 1);
    return await body(idler);
  } finally {
    await idler.close();
  }
}

describe("zombies", () => {
  for (const protocol of ["ws", "sse", "longpoll"])
    test(`${protocol}: who answers stays`, async () => {
      await withServer(HEARTBEAT, (server) => withIdler(server, protocol, async () => {
        await sleep(4 * (INTERVAL + TIMEOUT));
        assert.equal((await server.stats()).sessions, 1);
      }));
    });

  for (const protocol of ["ws", "longpoll"])
    test(`${protocol}: a stopped client is ended within interval + timeout`, async () => {
      await withServer(HEARTBEAT, async (server) => {
        const before = await server.stats();
        const fds = descriptors(server.pid);
        await withIdler(server, protocol, async (idler) => {
          idler.stop();
          const took = await sessionsAre(server, 0);
          assert.ok(took <= INTERVAL + TIMEOUT + SLACK, `${took} ms`);
          await leavesNothing(server, protocol, before, fds);
        });
      });
    });

  // They would wait for another request for as long as any idle one may.
  test("longpoll: a dead session's connections go with it, and no others", async () => {
    await withServer(HEARTBEAT, async (server) => {
      const [polls, posts, shared, strange] =
        await Promise.all([1, 2, 3, 4].map(() => Raw.connect(server)));
      const open = "/socket.io/?EIO=4&transport=polling";
      const ask = async (raw, line, body) => {
        raw.request(`${line} HTTP/1.1`, {}, body);
        const { status, body: text } = await raw.readResponse();
        assert.equal(status, 200, String(text));
        return String(text);
      };
      const { sid } = JSON.parse((await ask(polls, `GET ${open}`)).slice(1));
      await ask(posts, `POST ${open}&sid=${sid}`, "40");
      assert.match(await ask(polls, `GET ${open}&sid=${sid}`), /^40/);
      await ask(shared, `POST ${open}&sid=${sid}`, "3");
      await ask(strange, "GET /healthz");
      assert.equal(await ask(polls, `GET ${open}&sid=${sid}`), "2");
      // Behind a proxy a connection is now this client's, now that one's.
      await ask(shared, `GET ${open}`);
      for (const raw of [polls, posts])
        assert.equal((await raw.readAll()).length, 0);
      for (const raw of [shared, strange])
        await ask(raw, "GET /healthz");
    });
  });

  test("ws: a stopped client in a busy room is ended as soon", async () => {
    const args = [...HEARTBEAT, "--slow", "drop-oldest", "--queue-bytes", "200000"];
    await withServer(args, async (server) => {
      const publisher = await Ws.open(server);
      const idler = await Idler.open(server, "ws", "/ws?room=a");
      await sessionsAre(server, 2);
      const since = Date.now();
      idler.stop();
      const data = "x".repeat(50000);
      do
        await publisher.publish("a", "e", data);
      while ((await server.stats()).sessions === 2 && Date.now() - since < 15000);
      const took = await sessionsAre(server, 1, since);
      assert.ok(took <= INTERVAL + TIMEOUT + SLACK, `${took} ms`);
      await idler.close();
      await publisher.close();
    });
  });

  // Of an idle stream the kernel of a stopped reader acknowledges all.
  test("sse: a stopped reader is ended once its queue stands still", async () => {
    const args = [...HEARTBEAT, "--slow", "drop-oldest", "--queue-bytes", "200000"];
    await withServer(args, async (server) => {
      const publisher = await Ws.open(server);
      const idler = await Idler.open(server, "sse", "/sse?room=a");
      await sessionsAre(server, 2);
      idler.stop();
      await sleep(2 * (INTERVAL + TIMEOUT));
      assert.equal((await server.stats()).sessions, 2, "an idle stream");
      const data = "x".repeat(50000);
      const sends = async () => {
        await publisher.publish("a", "e", data);
        return (await server.stats()).backends.sse.dropped > 0;
      };
      await until("a full queue", sends);
      const since = Date.now();
      do
        await sends();
      while ((await server.stats()).sessions === 2 && Date.now() - since < 15000);
      const took = await sessionsAre(server, 1, since);
      assert.ok(took <= INTERVAL + TIMEOUT + SLACK, `${took} ms`);
      idler.goOn();
      await until("the reader's end", () => /closed/.test(idler.run.stdout));
      await idler.close();
      await publisher.close();
    });
  });

  test("sse: who reads slowly stays, however long the queue is full", async () => {
    const args = [...HEARTBEAT, "--slow", "drop-oldest", "--queue-bytes", "200000"];
    await withServer(args, async (server) => {
      const publisher = await Ws.open(server);
      const s = await Stream.open(server, "?room=a");
      const { socket } = s.raw;
      let got = 0;
      socket.removeAllListeners("data");
      socket.on("data", (bytes) => {
        got += bytes.length;
        if (got % (1 << 20) < bytes.length)
          socket.pause();
      });
      const data = "x".repeat(100000);
      const end = Date.now() + 5 * (INTERVAL + TIMEOUT);
      while (Date.now() < end) {
        for (let i = 0; i < 60; i++)
          await publisher.publish("a", "e", data);
        await sleep(100);
        socket.resume();
      }
      const { sse } = (await server.stats()).backends;
      assert.ok(sse.dropped > 0, "it was never slow");
      assert.equal(sse.sessions, 1);
      s.close();
      await publisher.close();
    });
  });

  for (const protocol of ["ws", "sse", "longpoll"])
    test(`${protocol}: a cut link is noticed within interval + timeout`, { skip: noLink() },
      async () => {
        const link = await Link.open();
        try {
          await withServer([...HEARTBEAT, "--host", link.host], async (server) => {
            const before = await server.stats();
            const fds = descriptors(server.pid);
            await withIdler(server, protocol, async () => {
              await sleep(INTERVAL * Math.random());
              const since = Date.now();
              link.cut();
              const took = await sessionsAre(server, 0, since);
              assert.ok(took <= INTERVAL + TIMEOUT + SLACK, `${took} ms`);
              await leavesNothing(server, protocol, before, fds);
            }, link.enter);
          });
        } finally {
          await link.close();
        }
      });
});
