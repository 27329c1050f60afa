// SPDX-License-Identifier: MIT
// Event streams byte by byte, and what EventSource makes of them.

import assert from "node:assert/strict";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { EventSource } from "eventsource";
import { freshRoom, withClients } from "./lib/clients.mjs";
import { until, within } from "./lib/inbox.mjs";
import { ask, Raw } from "./lib/raw.mjs";
import { Server, withServer } from "./lib/server.mjs";
import { Sse } from "./lib/sse.mjs";

// A stream over a bare socket.
class Stream {
  static async open(server, query = "", headers = {}, version = "1.1") {
    const s = new Stream();
    s.raw = await Raw.connect(server);
    s.raw.request(`GET /sse${query} HTTP/${version}`, headers);
    s.head = (await s.raw.readTo("\r\n\r\n"));
    if (!/^HTTP\/1\.1 200 /.test(s.head))
      throw new Error(s.head);
    s.retry = await s.raw.readTo("\n\n");
    s.welcomeText = await s.raw.readTo("\n\n");
    s.welcome = JSON.parse(/^data: (.*)$/m.exec(s.welcomeText)[1]).payload;
    return s;
  }

  // The next event as it is, without its empty line.
  async next() {
    return (await this.raw.readTo("\n\n")).slice(0, -2);
  }

  async nextObject() {
    return JSON.parse(/^data: (.*)$/m.exec(await this.next())[1]);
  }

  close() {
    this.raw.close();
  }
}

// Passes connections on to the server, and can cut them all.
class Relay {
  #sockets = new Set();

  static async open(server) {
    const relay = new Relay();
    relay.listener = net.createServer((inner) => {
      const outer = net.connect(server.port, server.host);
      for (const [from, to] of [[inner, outer], [outer, inner]]) {
        relay.#sockets.add(from);
        from.on("error", () => {});
        from.on("close", () => {
          relay.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    await new Promise((resolve) => relay.listener.listen(0, "127.0.0.1", resolve));
    relay.url = `http://127.0.0.1:${relay.listener.address().port}`;
    return relay;
  }

  cut() {
    for (const socket of this.#sockets)
      socket.resetAndDestroy();
  }

  close() {
    this.cut();
    this.listener.close();
  }
}

describe("sse", () => {
  let server, epoch;

  before(async () => {
    server = await Server.start();
    ({ epoch } = await server.stats());
  });
  after(() => server.stop());

  async function withStream(query, headers, body) {
    const s = await Stream.open(server, query, headers);
    try {
      return await body(s);
    } finally {
      s.close();
    }
  }

  const post = (sid, object) =>
    ask(server, `POST /sse/${sid} HTTP/1.1`, {}, JSON.stringify(object));

  const head = "HTTP/1.1 200 OK\r\n"
    + "Content-Type: text/event-stream\r\n"
    + "Cache-Control: no-store\r\n"
    + "X-Accel-Buffering: no\r\n"
    + "Connection: close\r\n";

  for (const version of ["1.1", "1.0"])
    test(`HTTP/${version}: the head and the first events, byte for byte`, async () => {
      const s = await Stream.open(server, "", {}, version);
      assert.equal(s.head, `${head}\r\n`);
      assert.equal(s.retry, "retry: 2000\n\n");
      const { total, sid, id, position } = s.welcome;
      assert.equal(s.welcomeText, `id: ${epoch}-${position}\nevent: welcome\n`
        + `data: {"type":"welcome","payload":{"total":${total},"sid":"${sid}","id":"${id}",`
        + `"epoch":"${epoch}","position":${position}}}\n\n`);
      s.close();
    });

  test("a message is an event with id, event and data", async () => {
    const room = freshRoom();
    await withStream(`?room=${room}`, {}, async (s) => {
      await server.publish(room, '{"b":1.0, "a":"\\n"}', "&event=price%20change");
      const text = await s.next();
      const position = Number(/^id: .*-(\d+)$/m.exec(text)[1]);
      assert.ok(position > s.welcome.position);
      assert.equal(text, `id: ${epoch}-${position}\nevent: price change\n`
        + `data: {"type":"message","room":"${room}","event":"price change",`
        + `"data":{"b":1.0, "a":"\\n"},"seq":1,"position":${position}}`);
    });
  });

  for (const [what, data] of [["LF", "[1,\n2]"], ["CR LF", "[1,\r\n2]"], ["CR", "[1,\r2]"]])
    test(`data with ${what} in it arrives as JSON of the same value`, async () => {
      const room = freshRoom();
      await withClients([Sse.open(server, { rooms: [room] })], async (c) => {
        await server.publish(room, data);
        await server.publish(room, "3");
        assert.deepEqual((await c.next()).data, [1, 2]);
        assert.equal((await c.next()).data, 3);
      });
    });

  test("a browser of another origin may read the stream", async () => {
    const origin = "http://elsewhere.example";
    await withStream("", { Origin: origin }, async (s) => {
      assert.ok(s.head.startsWith(head));
      assert.match(s.head, new RegExp(`^Access-Control-Allow-Origin: ${origin}\r$`, "m"));
      assert.match(s.head, /^Vary: Origin\r$/m);
    });
  });

  for (const [what, query, status] of [
    ["an empty room", "?room=", 400], ["a long room", `?room=${"x".repeat(256)}`, 400],
    ["a namespace without its slash", "?nsp=chat", 400], ["/private", "?nsp=/private", 403],
  ])
    test(`${what} is ${status}`, async () => {
      const response = await ask(server, `GET /sse${query} HTTP/1.1`);
      assert.equal(response.status, status);
      assert.ok(JSON.parse(response.body).error);
    });

  // A room with messages 1 to 5; resolves with their ids.
  async function history(room) {
    const ids = [];
    await withStream(`?room=${room}`, {}, async (s) => {
      for (let i = 1; i <= 5; i++)
        await server.publish(room, String(i));
      for (let i = 1; i <= 5; i++)
        ids.push(/^id: (.*)$/m.exec(await s.next())[1]);
    });
    return ids;
  }

  const byHeader = (id) => ["", { "Last-Event-ID": id }];
  const byQuery = (id) => [`&lastEventId=${id}`, {}];
  for (const [how, by] of Object.entries({ "Last-Event-ID": byHeader, lastEventId: byQuery }))
    test(`${how}: the welcome has that id, then the replay, then live`, async () => {
      const room = freshRoom();
      const ids = await history(room);
      const [more, headers] = by(ids[1]);
      await withStream(`?room=${room}${more}`, headers, async (s) => {
        assert.match(s.welcomeText, new RegExp(`^id: ${ids[1]}$`, "m"));
        await server.publish(room, "6");
        for (let i = 3; i <= 6; i++) {
          const text = await s.next();
          if (i <= 5)
            assert.ok(text.startsWith(`id: ${ids[i - 1]}\n`), text);
          assert.equal(JSON.parse(/^data: (.*)$/m.exec(text)[1]).data, i);
        }
      });
    });

  for (const id of ["a%0Ab", "a%0D", "x%FFy", "x".repeat(65), ""])
    test(`an id that we cannot have given, ${id.slice(0, 8)}, is told as a gap`, async () => {
      const room = freshRoom();
      await server.publish(room, "1");
      await withStream(`?room=${room}&lastEventId=${id}`, {}, async (s) => {
        assert.equal((await s.nextObject()).type, "gap");
        await server.publish(room, "2");
        assert.equal((await s.nextObject()).seq, 2);
      });
    });

  test("Last-Event-ID wins over lastEventId", async () => {
    const room = freshRoom();
    const ids = await history(room);
    await withStream(`?room=${room}&lastEventId=${ids[0]}`, { "Last-Event-ID": ids[3] },
      async (s) => assert.equal((await s.nextObject()).seq, 5));
  });

  test("the replay of two rooms is merged by position", async () => {
    const [a, b] = [freshRoom(), freshRoom()];
    await withStream("", {}, async (s) => {
      const since = `${epoch}-${s.welcome.position}`;
      for (let i = 0; i < 6; i++)
        await server.publish(i % 2 ? a : b, String(i));
      await withStream(`?room=${a}&room=${b}`, { "Last-Event-ID": since }, async (again) => {
        for (let i = 0; i < 6; i++)
          assert.equal((await again.nextObject()).data, i);
      });
    });
  });

  test("nothing is replayed without an id", async () => {
    const room = freshRoom();
    await history(room);
    await withStream(`?room=${room}`, {}, async (s) => {
      await server.publish(room, "6");
      assert.equal((await s.nextObject()).seq, 6);
    });
  });

  for (const id of ["nonsense", "unknown-5", "-", "-1", "x-99999999999999999999999999",
    "unknown-5x"])
    test(`the unknown id ${id} is told as a gap`, async () => {
      const room = freshRoom();
      await history(room);
      await withStream(`?room=${room}`, { "Last-Event-ID": id }, async (s) => {
        const text = await s.next();
        assert.match(text, /^event: gap$/m);
        const gap = JSON.parse(/^data: (.*)$/m.exec(text)[1]);
        assert.deepEqual(gap, { type: "gap", room, from: gap.from, to: 5 });
        await server.publish(room, "6");
        assert.equal((await s.nextObject()).seq, 6);
      });
    });

  test("rooms joined by POST deliver to the stream, and leave", async () => {
    const room = freshRoom();
    await withStream("", {}, async (s) => {
      const { sid } = s.welcome;
      assert.equal((await post(sid, { type: "join", id: 1, room })).status, 200);
      await server.publish(room, "1");
      assert.equal((await s.nextObject()).data, 1);
      assert.equal((await post(sid, { type: "leave", room })).status, 204);
      await server.publish(room, "2");
      assert.equal((await post(sid, { type: "join", room })).status, 204);
      await server.publish(room, "3");
      assert.equal((await s.nextObject()).data, 3);
    });
  });

  test("what a client sends on the stream is read and forgotten", async () => {
    const room = freshRoom();
    await withStream(`?room=${room}`, {}, async (s) => {
      s.raw.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000));
      await server.publish(room, "1");
      assert.equal((await s.nextObject()).data, 1);
    });
  });

  test("the session ends when the client leaves", async () => {
    const nsp = "/leaves";
    const s = await Stream.open(server, `?nsp=${nsp}`);
    s.close();
    await until("the session's end", async () => {
      const c = await Sse.open(server, { nsp });
      await c.close();
      return c.total === 1;
    });
  });

  test("EventSource keeps the last event's id", async () => {
    const room = freshRoom();
    await withClients([Sse.open(server, { rooms: [room] })], async (c) => {
      await server.publish(room, "1");
      const message = await c.next();
      assert.equal(c.lastEventId, `${epoch}-${message.position}`);
    });
  });
});

describe("sse options", () => {
  test("--retry is told first, and again on the way out", async () => {
    const server = await Server.start(["--retry", "50"]);
    const s = await Stream.open(server);
    assert.equal(s.retry, "retry: 50\n\n");
    const stopped = server.stop();
    assert.equal((await s.raw.readAll()).toString(), "retry: 50\n\n");
    await stopped;
    s.close();
  });

  test("the heartbeat is a comment", async () => {
    await withServer(["--ping-interval", "100"], async (server) => {
      const s = await Stream.open(server);
      for (let i = 0; i < 3; i++)
        assert.match(await s.next(), /^:[^\n]*$/);
      s.close();
    });
  });

  test("EventSource reconnects and misses nothing", async () => {
    await withServer(["--retry", "20"], async (server) => {
      const relay = await Relay.open(server);
      const heard = [];
      const source = new EventSource(`${relay.url}/sse?room=a`);
      source.addEventListener("message", (event) => heard.push(JSON.parse(event.data).seq));
      const gap = new Promise((_, reject) =>
        source.addEventListener("gap", () => reject(new Error("a gap"))));
      gap.catch(() => {});
      await within("the stream", new Promise((resolve) =>
        source.addEventListener("welcome", resolve, { once: true })));
      await server.publish("a", "1");
      await until("the first", () => heard.length === 1);
      const again = new Promise((resolve) =>
        source.addEventListener("welcome", resolve, { once: true }));
      relay.cut();
      await server.publish("a", "2");
      await server.publish("a", "3");
      await within("the reconnection", again);
      await server.publish("a", "4");
      await Promise.race([gap, until("all four", () => heard.length >= 4)]);
      assert.deepEqual(heard, [1, 2, 3, 4]);
      source.close();
      relay.close();
    });
  });

  test("what the history no longer holds is told as a gap", async () => {
    await withServer(["--history-messages", "3"], async (server) => {
      const first = await Stream.open(server, "?room=a");
      await server.publish("a", "1");
      const id = /^id: (.*)$/m.exec(await first.next())[1];
      first.close();
      for (let i = 2; i <= 10; i++)
        await server.publish("a", String(i));
      const s = await Stream.open(server, "?room=a", { "Last-Event-ID": id });
      assert.deepEqual(await s.nextObject(), { type: "gap", room: "a", from: 2, to: 7 });
      for (let i = 8; i <= 10; i++)
        assert.equal((await s.nextObject()).seq, i);
      s.close();
    });
  });

  test("--max-rooms-per-session bounds the rooms of the URL", async () => {
    await withServer(["--max-rooms-per-session", "2"], async (server) => {
      assert.equal((await ask(server, "GET /sse?room=a&room=b&room=c HTTP/1.1")).status, 400);
      await withClients([Sse.open(server, { rooms: ["a", "b"] })], async (c) => {
        await assert.rejects(c.join("c"));
        assert.deepEqual(await c.join("a"), { room: "a" });
        await c.leave("a");
        assert.deepEqual(await c.join("c"), { room: "c" });
      });
    });
  });
});
