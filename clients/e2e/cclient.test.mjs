// SPDX-License-Identifier: MIT
// pushmark-client over each of Socket.IO's transports, against npm socket.io
// and against our own server.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { freshRoom } from "./lib/clients.mjs";
import { Inbox, until, within } from "./lib/inbox.mjs";
import { Reference } from "./lib/reference.mjs";
import { program, Server, start, withServer } from "./lib/server.mjs";

const TRANSPORTS = ["polling", "websocket", "upgrade"];

// A relay of bytes to a port, whose connections can be cut.
class Link {
  static async start(port) {
    const link = new Link();
    link.sockets = new Set();
    link.server = createServer((near) => {
      const far = connect(port, "127.0.0.1");
      for (const [from, to] of [[near, far], [far, near]]) {
        link.sockets.add(from);
        from.on("error", () => {}).on("close", () => {
          link.sockets.delete(from);
          to.destroy();
        }).pipe(to);
      }
    });
    link.server.listen(0, "127.0.0.1").unref();
    await once(link.server, "listening");
    link.url = `http://127.0.0.1:${link.server.address().port}`;
    return link;
  }

  cut() {
    for (const socket of this.sockets)
      socket.destroy();
  }

  stop() {
    this.cut();
    this.server.close();
  }
}

// What carries a session in the end.
const finally_ = (transport) => (transport === "polling" ? "polling" : "websocket");

// A run of the client, its lines one by one.
function client(...args) {
  const one = start(program("pushmark-client"), args.map(String));
  one.lines = new Inbox(`pushmark-client ${args.join(" ")}`);
  createInterface({ input: one.child.stdout })
    .on("line", (line) => one.lines.push(JSON.parse(line)));
  one.end = () => within("pushmark-client's end", one.closed);
  one.stop = async () => {
    one.child.kill("SIGTERM");
    const end = await one.end();
    assert.deepEqual([end.code, end.stderr], [0, ""]);
  };
  return one;
}

const socketio = (command, url, transport, ...args) =>
  client(command, url, "--protocol", "longpoll", "--transport", transport, ...args);

async function withReference(options, body) {
  const reference = await Reference.start(options);
  try {
    await body(reference);
  } finally {
    await reference.stop();
  }
}

// The server's side of a client that has joined its room.
async function joined(reference, room, nsp = "/") {
  return until("a member", () => reference.sockets.find((s) =>
    s.connected && s.nsp.name === nsp && s.rooms.has(room)));
}

for (const transport of TRANSPORTS) {
  describe(`npm socket.io, ${transport}`, () => {
    let reference;

    before(async () => {
      reference = await Reference.start();
    });
    after(() => reference.stop());

    const listen = (...args) => socketio("listen", reference.url, transport, ...args);
    const publish = (...args) => socketio("publish", reference.url, transport, ...args);

    test("messages arrive in order, and the transport is the one wanted", async () => {
      const room = freshRoom();
      const one = listen("--room", room, "--count", 301);
      assert.equal((await one.lines.next()).type, "welcome");
      const socket = await joined(reference, room);
      for (let i = 0; i < 300; i++) {
        reference.publish(socket.nsp, room, "e", { i });
        if (i % 10 === 0)
          await new Promise((resolve) => setImmediate(resolve));
      }
      const got = await one.lines.take(300);
      assert.deepEqual(got.map((m) => m.data.i), got.map((_, i) => i));
      assert.deepEqual(got[0], {
        type: "message", room, event: "e", data: { i: 0 }, seq: 1,
      });
      await until("the transport", () =>
        socket.conn.transport.name === finally_(transport));
      reference.publish(socket.nsp, room, "e", "\u00e9\u{1f600}\u2028");
      assert.equal((await one.lines.next()).data, "\u00e9\u{1f600}\u2028");
      const end = await one.end();
      assert.deepEqual([end.code, end.stderr], [0, ""]);
    });

    test("publish prints each answer, in order", async () => {
      const room = freshRoom();
      const got = [];
      const count = 500;
      reference.onsocket = (socket) => socket.on("publish", (r, event, data) => {
        if (r === room)
          got.push(data);
      });
      const one = publish("--room", room, "--data", "-");
      // Some before the upgrade, some within, some after.
      for (let i = 0; i < count; i++) {
        one.child.stdin.write(`{"i":${i}}\n`);
        if (i % 25 === 0)
          await new Promise((resolve) => setTimeout(resolve, 2));
      }
      one.child.stdin.end();
      const end = await one.end();
      assert.deepEqual([end.code, end.stderr], [0, ""]);
      assert.deepEqual((await one.lines.take(count)).map((l) => l.seq),
        Array.from({ length: count }, (_, i) => i + 1));
      assert.deepEqual(got.map((d) => d.i), got.map((_, i) => i));
      assert.equal(got.length, count);
    });

    test("a refusal in an answer is a failure", async () => {
      const end = await publish("--room", "a", "--event", "refused").end();
      assert.equal(end.code, 1);
      assert.match(end.stderr, /refused value 1: "no"/);
    });

    test("an answer that does not come is a failure in time", async () => {
      const end = await publish("--room", "a", "--event", "mute", "--timeout", 300).end();
      assert.equal(end.code, 1);
      assert.match(end.stderr, /does not answer/);
    });

    test("a namespace, its refusal, and the auth payload", async () => {
      const refused = await listen("--nsp", "/private").end();
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /\{"message":"unauthorized","data":\{"code":401\}\}/);
      const room = freshRoom();
      const one = listen("--nsp", "/private", "--room", room, "--auth", ' {"token": "t", "n": 1.0}');
      const socket = await joined(reference, room, "/private");
      assert.deepEqual(socket.handshake.auth, { token: "t", n: 1 });
      await one.stop();
    });

    test("events that ask are answered", async () => {
      const room = freshRoom();
      const one = listen("--room", room);
      await one.lines.next();
      const socket = await joined(reference, room);
      const answer = new Promise((resolve, reject) => {
        socket.timeout(10000).emit("ask", 1, (error, ...args) =>
          (error ? reject(error) : resolve(args)));
      });
      assert.deepEqual(await one.lines.next(), ["ask", 1]);
      assert.deepEqual(await answer, []);
      assert.deepEqual(await socket.nsp.timeout(10000).to(room).emitWithAck("all"), [undefined]);
      await one.stop();
    });

    test("bytes are told as base64", async () => {
      const room = freshRoom();
      const one = listen("--room", room);
      await one.lines.next();
      const socket = await joined(reference, room);
      const bytes = [Buffer.from([0, 255, 30]), Buffer.alloc(0), Buffer.alloc(70000, 7)];
      reference.publish(socket.nsp, room, "e", { a: [bytes[0], bytes[1]], b: bytes[2] });
      socket.emit("plain", bytes[0]);
      reference.publish(socket.nsp, room, "e", 2);
      const base64 = bytes.map((b) => ({ base64: b.toString("base64") }));
      assert.deepEqual((await one.lines.next()).data, { a: [base64[0], base64[1]], b: base64[2] });
      assert.deepEqual(await one.lines.next(), ["plain", base64[0]]);
      assert.equal((await one.lines.next()).data, 2);
      await one.stop();
    });

    test("large messages, both ways", async () => {
      const room = freshRoom();
      const one = listen("--room", room, "--count", 1);
      await one.lines.next();
      const text = "x".repeat(600000);
      await joined(reference, room);
      const publisher = publish("--room", room, "--data", "-");
      publisher.child.stdin.end(`${JSON.stringify(text)}\n`);
      assert.deepEqual(await publisher.lines.next(), { seq: 1 });
      assert.equal((await publisher.end()).code, 0);
      assert.equal((await one.lines.next()).data, text);
    });

    for (const [what, cut, reason] of [
      ["a DISCONNECT", (s) => s.disconnect(), "io server disconnect"],
      ["the session's close", (s) => s.conn.close(), "transport close"],
    ])
      test(`${what} is told as ${reason}`, async () => {
        const room = freshRoom();
        const one = listen("--room", room);
        await one.lines.next();
        const socket = await joined(reference, room);
        await until("the transport", () =>
          socket.conn.transport.name === finally_(transport));
        cut(socket);
        const end = await one.end();
        assert.equal(end.code, 1);
        assert.match(end.stderr, new RegExp(`\\(${reason}\\)\\n$`));
      });

    test("leaving is told", async () => {
      const room = freshRoom();
      const one = listen("--room", room);
      await one.lines.next();
      const socket = await joined(reference, room);
      await until("the transport", () =>
        socket.conn.transport.name === finally_(transport));
      // Polling tells it by the end of its standing request.
      await until("a standing GET", () => socket.conn.transport.writable);
      const left = new Promise((resolve) => socket.once("disconnect", resolve));
      await one.stop();
      const reason = await within("the disconnect", left);
      assert.equal(reason,
        transport === "polling" ? "transport error" : "client namespace disconnect");
    });
  });

  test(`${transport}: the last event that is waited for is acknowledged, too`, () =>
    withServer([], async (server) => {
      const one = socketio("listen", server.url, transport, "--room", "a", "--count", 1);
      await one.lines.next();
      await until("the member and its transport", async () => {
        const { room_list: [room], transports } = await server.stats();
        return room?.members === 1 && transports[finally_(transport)] === 1;
      });
      const asker = socketio("publish", server.url, transport, "--room", "a",
        "--data", "1", "--ack-timeout", 10000);
      assert.deepEqual(await asker.lines.next(), { seq: 1, acks: [null], missing: 0 });
      assert.equal((await one.end()).code, 0);
      assert.equal((await asker.end()).code, 0);
    }));

  test(`npm socket.io, ${transport}: heartbeats, and their end`, () =>
    withReference({ pingInterval: 100, pingTimeout: 300 }, async (reference) => {
      const one = socketio("listen", reference.url, transport, "--room", "a");
      await one.lines.next();
      const socket = await joined(reference, "a");
      let pongs = 0;
      socket.conn.on("heartbeat", () => pongs++);
      await until("pongs", () => pongs > 5);
      assert.ok(socket.connected);
      socket.conn.sendPacket = () => {}; // says nothing any more
      const end = await one.end();
      assert.equal(end.code, 1);
      assert.match(end.stderr, /\(ping timeout\)\n$/);
    }));

  test(`npm socket.io, ${transport}: bodies keep within maxPayload`, () =>
    withReference({ maxHttpBufferSize: 1000 }, async (reference) => {
      const one = socketio("publish", reference.url, transport, "--room", "a", "-");
      const count = 200;
      one.child.stdin.end(Array.from({ length: count }, (_, i) =>
        `"${String(i).padStart(100, "-")}"\n`).join(""));
      const end = await one.end();
      assert.deepEqual([end.code, end.stderr], [0, ""]);
      assert.deepEqual((await one.lines.take(count)).map((l) => l.seq),
        Array.from({ length: count }, (_, i) => i + 1));
      if (transport === "polling")
        assert.ok(reference.bodies.length > 20);
      for (const bytes of reference.bodies)
        assert.ok(bytes <= 1000, `${bytes} bytes`);
    }));

  test(`npm socket.io, ${transport}: a cut session is recovered`, () =>
    withReference({ connectionStateRecovery: {} }, async (reference) => {
      const { url } = reference;
      const one = socketio("listen", url, transport, "--room", "a", "--reconnect");
      assert.equal((await one.lines.next()).recovered, undefined);
      let socket = await joined(reference, "a");
      const { id } = socket;
      let seq = 0;
      for (let round = 0; round < 2; round++) {
        reference.publish(socket.nsp, "a", "e", "before");
        assert.equal((await one.lines.next()).seq, ++seq);
        await until("the transport", () =>
          socket.conn.transport.name === finally_(transport));
        const { nsp } = socket;
        socket.conn.close();
        await until("the end", () => !socket.connected);
        for (let i = 0; i < 3; i++)
          reference.publish(nsp, "a", "e", "away");
        socket = await joined(reference, "a");
        reference.publish(nsp, "a", "e", "after");
        // socket.io sends what was missed before its CONNECT.
        const lines = await one.lines.take(5);
        const messages = lines.filter((l) => l.type === "message");
        assert.deepEqual(lines.filter((l) => l.type === "welcome").map((l) => l.recovered), [true]);
        assert.deepEqual(messages.map((m) => [m.seq, m.data]), [
          [++seq, "away"], [++seq, "away"], [++seq, "away"], [++seq, "after"]]);
        assert.equal(socket.id, id);
        assert.equal(socket.recovered, true);
      }
      one.child.kill("SIGTERM");
      assert.equal((await one.end()).code, 0);
    }));

  test(`npm socket.io, ${transport}: what cannot be recovered is told`, async () => {
    const first = await Reference.start({ connectionStateRecovery: {} });
    const { port } = first.http.address();
    const one = socketio("listen", first.url, transport, "--room", "a", "--reconnect");
    await one.lines.next();
    const socket = await joined(first, "a");
    first.publish(socket.nsp, "a", "e", 1);
    await one.lines.next();
    await first.stop();
    await withReference({ connectionStateRecovery: {}, port }, async (second) => {
      await joined(second, "a");
      assert.equal((await one.lines.next()).recovered, false);
      second.publish(second.io.of("/"), "a", "e", 2);
      assert.equal((await one.lines.next()).data, 2);
      one.child.kill("SIGTERM");
      assert.equal((await one.end()).code, 0);
    });
  });

  describe(`pushmark-server, ${transport}`, () => {
    let server;

    before(async () => {
      server = await Server.start();
    });
    after(() => server.stop());

    test("what one publishes the other reads, in order", async () => {
      const room = freshRoom();
      const count = 500;
      const one = socketio("listen", server.url, transport, "--room", room, "--count", count);
      await one.lines.next();
      await until("the member", async () => (await server.stats()).rooms >= 1);
      const publisher = socketio("publish", server.url, transport, "--room", room, "-");
      for (let i = 0; i < count; i++) {
        publisher.child.stdin.write(`{"i":${i}}\n`);
        if (i % 25 === 0)
          await new Promise((resolve) => setTimeout(resolve, 2));
      }
      publisher.child.stdin.end();
      const told = await publisher.end();
      assert.deepEqual([told.code, told.stderr], [0, ""]);
      const end = await one.end();
      assert.deepEqual([end.code, end.stderr], [0, ""]);
      assert.deepEqual((await one.lines.take(count)).map((m) => m.data.i),
        Array.from({ length: count }, (_, i) => i));
    });

    test("--ack-timeout collects the members' answers", async () => {
      const room = freshRoom();
      const one = socketio("listen", server.url, transport, "--room", room, "--count", 2);
      await one.lines.next();
      const ask = () => socketio("publish", server.url, transport, "--room", room,
        "--ack-timeout", 10000);
      // The welcome comes before the membership.
      await until("the member's answer", async () => {
        const asked = ask();
        assert.equal((await asked.end()).code, 0);
        const answer = await asked.lines.next();
        assert.equal(answer.missing, 0);
        return answer.acks.length === 1;
      });
      assert.equal((await ask().end()).code, 0);
      assert.equal((await one.end()).code, 0);
    });

    test("an auth payload opens /private", async () => {
      const refused = await socketio("listen", server.url, transport, "--nsp", "/private").end();
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /unauthorized/);
      const one = socketio("listen", server.url, transport, "--nsp", "/private", "--auth", "{\"k\":1}");
      assert.equal((await one.lines.next()).type, "welcome");
      await one.stop();
    });

    test("a cut session is recovered", async () => {
      const own = await Server.start(["--recovery-window", "10000"]);
      const link = await Link.start(own.port);
      const one = socketio("listen", link.url, transport, "--room", "a", "--reconnect");
      await one.lines.next();
      await until("the member", async () => (await own.stats()).rooms === 1);
      await own.publish("a", "0");
      assert.equal((await one.lines.next()).data, 0);
      link.cut();
      for (let i = 1; i < 4; i++)
        await own.publish("a", String(i));
      const lines = await one.lines.take(4);
      assert.deepEqual(lines.filter((l) => l.type === "welcome").map((l) => l.recovered), [true]);
      await own.publish("a", "4");
      lines.push(await one.lines.next());
      assert.deepEqual(lines.filter((l) => l.type === "message").map((l) => [l.seq, l.data]),
        [[2, 1], [3, 2], [4, 3], [5, 4]]);
      one.child.kill("SIGTERM");
      assert.equal((await one.end()).code, 0);
      link.stop();
      await own.stop();
    });

    test("--reconnect comes back, and joins again", async () => {
      const own = await Server.start();
      const args = ["--room", "a", "--reconnect"];
      const one = socketio("listen", own.url, transport, ...args);
      await one.lines.next();
      await until("the member", async () => (await own.stats()).rooms === 1);
      await own.stop();
      const next = await Server.start(["--port", own.port]);
      assert.equal((await one.lines.next()).recovered, false);
      await until("the member", async () => (await next.stats()).rooms === 1);
      await next.publish("a", "1");
      assert.equal((await one.lines.next()).data, 1);
      one.child.kill("SIGTERM");
      assert.equal((await one.end()).code, 0);
      await next.stop();
    });
  });
}

describe("usage", () => {
  const url = "http://127.0.0.1:1/";
  for (const args of [
    ["listen", url, "--protocol", "longpoll", "--transport", "pigeon"],
    ["listen", url, "--protocol", "ws", "--transport", "websocket"],
    ["listen", url, "--transport", "polling"],
    ["listen", url, "--protocol", "ws", "--auth", "{}"],
    ["listen", url, "--protocol", "longpoll", "--auth", "[]"],
    ["listen", url, "--protocol", "longpoll", "--auth", "{"],
    ["listen", url, "--protocol", "longpoll", "--nsp", "x"],
    ["listen", url, "--protocol", "longpoll", "--nsp", "/a,b"],
    ["publish", url, "--protocol", "ws", "--room", "a", "--ack-timeout", "5"],
    ["publish", url, "--protocol", "longpoll", "--room", "a", "--timeout", "0"],
  ])
    test(`wrong: ${args.slice(2).join(" ")}`, async () => {
      const end = await client(...args).end();
      assert.equal(end.code, 2, end.stderr);
      assert.equal(end.stdout, "");
      assert.match(end.stderr, /^pushmark-client: [^\n]+\n$/);
    });
});
