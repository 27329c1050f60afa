// SPDX-License-Identifier: MIT
// Event streams byte by byte, and what EventSource makes of them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EventSource } from "eventsource";
import { freshRoom, withClients } from "./lib/clients.mjs";
import { Frames, OP } from "./lib/frames.mjs";
import { until, within } from "./lib/inbox.mjs";
import { Refused } from "./lib/peer.mjs";
import { ask } from "./lib/raw.mjs";
import { Relay } from "./lib/relay.mjs";
import { Server, withServer } from "./lib/server.mjs";
import { Sse } from "./lib/sse.mjs";
import { Stream } from "./lib/stream.mjs";

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

  const DATE = /^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/m;

  for (const version of ["1.1", "1.0"])
    test(`HTTP/${version}: the head and the first events, byte for byte`, async () => {
      const s = await Stream.open(server, "", {}, version);
      assert.match(s.head, DATE);
      assert.equal(s.head.replace(DATE, ""), `${head}\r\n`);
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
      assert.ok(s.head.replace(DATE, "").startsWith(head));
      assert.match(s.head, new RegExp(`^Access-Control-Allow-Origin: ${origin}\r$`, "m"));
      assert.match(s.head, /^Access-Control-Allow-Credentials: true\r$/m);
      assert.match(s.head, /^Vary: Origin\r$/m);
    });
  });

  for (const [what, headers, version] of [
    ["HTTP/1.0 that would keep the connection", { Connection: "keep-alive" }, "1.0"],
    ["HTTP/1.0 without a Host", { Host: [] }, "1.0"],
    ["HTTP/1.1 that wants it closed", { Connection: "close" }, "1.1"],
    ["a client that takes gzip", { "Accept-Encoding": "gzip, br", TE: "chunked" }, "1.1"],
    ["one that asks for something else", { Accept: "text/html;q=0.5" }, "1.1"],
  ])
    test(`${what} gets the same bytes`, async () => {
      const s = await Stream.open(server, "", headers, version);
      assert.equal(s.head.replace(DATE, ""), `${head}\r\n`);
      assert.equal(s.retry, "retry: 2000\n\n");
      s.close();
    });

  test("HEAD has a head and no body, and makes no session", async () => {
    for (const version of ["1.1", "1.0"]) {
      const response = await ask(server, `HEAD /sse?nsp=/head HTTP/${version}`);
      assert.equal(response.status, 200);
      assert.equal(response.headers["content-type"], "text/event-stream");
      assert.ok(!("transfer-encoding" in response.headers));
    }
    await withStream("?nsp=/head", {}, async (s) => assert.equal(s.welcome.total, 1));
  });

  test("HEAD is refused what GET is refused", async () => {
    for (const query of ["nsp=x", "room=", `room=${"x".repeat(256)}`])
      for (const method of ["GET", "HEAD"])
        assert.equal((await ask(server, `${method} /sse?${query} HTTP/1.1`)).status, 400);
  });

  // The event that publishing `data` comes to, with what differs put away.
  const published = (data, query = "") => {
    const room = freshRoom();
    return withStream(`?room=${room}`, {}, async (s) => {
      await server.publish(room, data, query);
      const text = await s.next();
      const position = /^id: .*-(\d+)$/m.exec(text)[1];
      return text.replace(`"${room}"`, '"R"').replace(`${epoch}-${position}`, "E-P")
        .replace(`"position":${position}}`, '"position":P}');
    });
  };

  const event = (name, data) => `id: E-P\nevent: ${name}\n`
    + `data: {"type":"message","room":"R","event":${JSON.stringify(name)},"data":${data},`
    + '"seq":1,"position":P}';

  for (const [what, end] of [["LF", "\n"], ["CR", "\r"], ["CR LF", "\r\n"]])
    test(`each ${what} in data begins another data: line, byte for byte`, async () => {
      const json = ["[1,", "", " 2", "]"];
      assert.equal(await published(json.join(end)), event("message", json.join("\ndata: ")));
    });

  for (const text of ["\u2028", "\u2029", "\u0085", "\u007f", "\ufeff", "\\u000a", "\\r\\n",
    "\\u0000", "id: 1", ": data:", "\ud83d\ude00"])
    test(`${JSON.stringify(text)} in a string is no line's end, nor changed`, async () => {
      assert.equal(await published(`"${text}"`), event("message", `"${text}"`));
    });

  test("a body that is no JSON is a string: its line ends are escaped", async () => {
    assert.equal(await published("a\nid: 5\r\n\r\ndata: b"),
      event("message", JSON.stringify("a\nid: 5\r\n\r\ndata: b")));
  });

  for (const name of [" leading", "a:b", ":a", "data: x", "\u2028", "\ud83d\ude00", "\u00e9"])
    test(`an event named ${JSON.stringify(name)} is heard under this name`, async () => {
      const query = `&event=${encodeURIComponent(name)}`;
      assert.equal(await published("1", query), event(name, "1"));
      const room = freshRoom();
      const source = new EventSource(`${server.url}/sse?room=${room}`);
      const heard = (what) => within(what, new Promise((resolve) =>
        source.addEventListener(what, resolve, { once: true })));
      const named = heard(name);
      await heard("welcome");
      await server.publish(room, "1", query);
      assert.equal(JSON.parse((await named).data).event, name);
      source.close();
    });

  for (const name of ["a\nb", "\r", "a\u0000", "\u001f", "\t", "", "x".repeat(256), "connect"])
    test(`an event named ${JSON.stringify(name.slice(0, 9))} is refused`, async () => {
      await withClients([Sse.open(server)], async (c) => {
        await assert.rejects(c.publish("r", name, 1), Refused);
      });
      const response = await ask(server,
        `POST /publish?room=r&event=${encodeURIComponent(name)} HTTP/1.1`, {}, "1");
      assert.equal(response.status, 400);
    });

  // Texts whose answer is the same over a WebSocket, whatever it is.
  const commands = [
    { type: "join", id: 1, room: "answers" },
    { type: "join", id: 18014398509481984, room: "answers" },
    { type: "leave", id: "an id", room: "answers" },
    { type: "leave", id: 1, room: "never joined" },
    { type: "publish", id: 1, room: "answers", event: "", data: 1 },
    { type: "publish", id: 1, room: "answers", event: "connect", data: 1 },
    { type: "publish", id: 1, event: "e", data: 1 },
    { type: "join", id: 1 }, { type: "join", id: 1, room: "a\n" }, { type: "join", room: 5 },
    { type: "nonsense", id: 1 }, { type: 1 }, {}, { id: 1 },
    { type: "resume", id: 1, epoch: "x", position: -1, rooms: [] },
    { type: "resume", id: 1, epoch: "x", position: 0, rooms: ["", 1] },
    { type: "chunk", id: 1, chunk: 0, total: 2, data: 5 },
    { type: "chunk", id: 2, chunk: 3, total: 2, data: "" },
    { type: "chunk", id: 3, chunk: 0, total: 1,
      data: '{"type":"join","id":4,"room":"in a chunk"}' },
    "", "[", "5", "null", "[]", "{}{}", '{"type":"join","id":1,"room":"r",}',
    '{"type":"join","id":01}', '\ufeff{"type":"join","id":1,"room":"r"}',
  ].map((one) => typeof one === "string" ? one : JSON.stringify(one));

  test("POST answers what a WebSocket answers", async () => {
    const frames = await Frames.open(server);
    await withStream("", {}, async (s) => {
      for (const text of commands) {
        const { status, headers, body } = await ask(server,
          `POST /sse/${s.welcome.sid} HTTP/1.1`, {}, text);
        frames.send(OP.TEXT, text);
        assert.equal(body, (await frames.next(OP.TEXT)).payload.toString(), text);
        assert.equal(status, JSON.parse(body).type === "ack" ? 200 : 400, text);
        assert.equal(headers["content-type"], "application/json");
      }
    });
    frames.close();
  });

  test("204 has no body and no type, and 404 is for a sid that is nobody's", async () => {
    const join = { type: "join", room: "r" };
    const sid = await withStream("", {}, async (s) => {
      const own = s.welcome.sid;
      const quiet = await post(own, join);
      assert.equal(quiet.status, 204);
      assert.ok(!("content-type" in quiet.headers));
      assert.ok(!("content-length" in quiet.headers));
      for (const other of [s.welcome.id, `${own}x`, own.slice(1), `${own}/`, "", `${own}%20`]) {
        const response = await post(other, join);
        assert.equal(response.status, 404, other);
        assert.ok(JSON.parse(response.body).error);
      }
      for (const method of ["GET", "PUT", "DELETE", "HEAD"]) {
        const response = await ask(server, `${method} /sse/${own} HTTP/1.1`);
        assert.equal(response.status, 405);
        assert.match(response.headers.allow, /\bPOST\b/);
      }
      return own;
    });
    await until("the sid's end, with its stream", async () =>
      (await post(sid, join)).status === 404);
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

  for (const id of ["a%0Ab", "a%0D", "x%FFy", "x".repeat(65)])
    test(`an id that we cannot have given, ${id.slice(0, 8)}, is told as a gap`, async () => {
      const room = freshRoom();
      await server.publish(room, "1");
      await withStream(`?room=${room}&lastEventId=${id}`, {}, async (s) => {
        assert.equal((await s.nextObject()).type, "gap");
        await server.publish(room, "2");
        assert.equal((await s.nextObject()).seq, 2);
      });
    });

  test("an empty id is none: no replay, no gap", async () => {
    const room = freshRoom();
    await server.publish(room, "1");
    for (const [query, headers] of [["", { "Last-Event-ID": "" }], ["&lastEventId=", {}]])
      await withStream(`?room=${room}${query}`, headers, async (s) => {
        await server.publish(room, "2");
        assert.equal((await s.nextObject()).data, 2);
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
        assert.equal(await s.next(), ":");
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

  test("the gaps of more rooms than the queue has places for are all told", async () => {
    await withServer(["--queue-messages", "16"], async (server) => {
      const rooms = Array.from({ length: 100 }, (_, i) => `r${i}`);
      const query = rooms.map((room) => `room=${room}`).join("&");
      const s = await Stream.open(server, `?${query}`, { "Last-Event-ID": "another-1" });
      for (const room of rooms)
        assert.match(await s.next(), new RegExp(`"type":"gap","room":"${room}"`));
      await server.publish("r99", "1");
      assert.match(await s.next(), /"data":1,/);
      s.close();
    });
  });

  test("too many rooms are told to one that comes back, too", async () => {
    await withServer(["--max-rooms", "2"], async (server) => {
      const s = await Stream.open(server, "?room=a&room=b&room=c",
        { "Last-Event-ID": "another-1" });
      assert.equal(await s.next(),
        'data: {"type":"error","payload":"the limit of rooms is reached"}');
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
