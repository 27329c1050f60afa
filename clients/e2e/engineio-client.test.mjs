// SPDX-License-Identifier: MIT
// Engine.IO's and Socket.IO's own clients, over each transport and across the
// upgrade, while messages flow both ways.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Socket } from "engine.io-client";
import { io } from "socket.io-client";
import { freshRoom } from "./lib/clients.mjs";
import { Inbox, once, until, within } from "./lib/inbox.mjs";
import { Server } from "./lib/server.mjs";

const ways = [
  ["polling", ["polling"]],
  ["websocket", ["websocket"]],
  ["the upgrade", ["polling", "websocket"]],
];

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("engine.io-client", () => {
  let server;

  before(async () => {
    server = await Server.start(["--app", "echo"]);
  });
  after(() => server.stop());

  async function open(transports, options = {}) {
    const socket = new Socket(server.url, { transports, ...options });
    const inbox = new Inbox("the echo");
    socket.on("message", (data) => inbox.push(data));
    socket.on("close", (reason) => inbox.end(reason));
    await within("the session", new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    }));
    return { socket, inbox };
  }

  // Text and binary in turns, each of its own kind of size.
  const message = (i) => (i % 3 === 2 ? Buffer.from([i & 255, i >> 8, 7])
    : `${i}:${"é😀".repeat(i % 5)}`);

  async function echoed({ socket, inbox }, count, pause = turn) {
    const reading = inbox.take(count);
    for (let i = 0; i < count; i++) {
      socket.send(message(i));
      await pause(i);
    }
    const answers = await reading;
    answers.forEach((answer, i) => assert.deepEqual(answer, message(i)));
  }

  for (const [label, transports] of ways)
    test(`${label}: all comes back, in order`, async () => {
      const client = await open(transports);
      const upgraded = transports.length > 1 ? once(client.socket, "upgrade") : null;
      await echoed(client, 500);
      await upgraded;
      await echoed(client, 50);
      assert.equal(client.socket.transport.name, transports.at(-1));
      assert.equal(client.inbox.size, 0);
      client.socket.close();
    });

  for (const [label, transports] of ways)
    test(`${label}: more at once than a queue holds`, async () => {
      const client = await open(transports);
      await echoed(client, 10000, () => undefined);
      await echoed(client, 10);
      client.socket.close();
    });

  test("100 clients upgrade while they talk", async () => {
    const clients = await Promise.all(Array.from({ length: 100 },
      () => open(["polling", "websocket"])));
    const upgrades = clients.map((c) => once(c.socket, "upgrade"));
    await Promise.all(clients.map((c) => echoed(c, 100)));
    await Promise.all(upgrades);
    await Promise.all(clients.map((c) => echoed(c, 20)));
    for (const c of clients)
      c.socket.close();
    await until("their end", async () =>
      (await server.stats()).backends.longpoll.connections === 0);
  });

  test("the upgrade again and again, with a message in each of its moments", async () => {
    for (let delay = 0; delay < 30; delay++) {
      const client = await open(["polling", "websocket"]);
      await echoed(client, 40, (i) => (i % 10 < delay % 10 ? turn()
        : new Promise((resolve) => setTimeout(resolve, delay % 3))));
      client.socket.close();
    }
  });

  for (const [label, transports] of ways)
    test(`${label}: closed from the client's side`, async () => {
      const client = await open(transports);
      await echoed(client, 5);
      client.socket.close();
      await until("the session's end", async () =>
        (await server.stats()).backends.longpoll.connections === 0);
    });

  for (const [label, transports] of ways.slice(1))
    test(`${label}: subprotocols are asked for, and the first is chosen`, async () => {
      const client = await open(transports, { protocols: ["one", "two"] });
      if (client.socket.transport.name === "polling")
        await once(client.socket, "upgrade");
      assert.equal(client.socket.transport.ws.protocol, "one");
      await echoed(client, 5);
      client.socket.close();
    });

  test("a large message in pieces of any transport", async () => {
    const large = "x".repeat(900000);
    for (const [, transports] of ways) {
      const client = await open(transports);
      client.socket.send(large);
      client.socket.send(large);
      assert.deepEqual(await client.inbox.take(2), [large, large]);
      client.socket.close();
    }
  });
});

describe("socket.io-client", () => {
  let server;

  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  async function open(room, options = {}) {
    const socket = io(server.url, { forceNew: true, reconnection: false, ...options });
    const seen = [];
    socket.on("tick", (data, info) => seen.push([data, info.seq]));
    await once(socket, "connect");
    const joined = await within("the join", socket.emitWithAck("join", room));
    assert.deepEqual(joined, { room });
    return { socket, seen };
  }

  test("the default transports end up on a WebSocket", async () => {
    const { socket } = await open(freshRoom());
    if (socket.io.engine.transport.name !== "websocket")
      await once(socket.io.engine, "upgrade");
    assert.equal(socket.io.engine.transport.name, "websocket");
    socket.disconnect();
  });

  test("100 clients upgrade while a room is busy: nothing lost, doubled, reordered", async () => {
    const room = freshRoom();
    let published = 0;
    let going = true;
    const publishing = (async () => {
      while (going)
        await server.publish(room, String(++published), "&event=tick");
    })();
    const clients = await Promise.all(Array.from({ length: 100 }, () => open(room)));
    await Promise.all(clients.map(({ socket: { io: { engine } } }) =>
      engine.transport.name === "websocket" ? null : once(engine, "upgrade")));
    const target = published + 20;
    await until("some more", () => published > target);
    going = false;
    await publishing;
    await until("the last one", () =>
      clients.every(({ seen }) => seen.at(-1)?.[1] === published));
    for (const { socket, seen } of clients) {
      const first = seen[0][1];
      assert.deepEqual(seen, Array.from({ length: published - first + 1 },
        (_, i) => [first + i, first + i]));
      socket.disconnect();
    }
  });

  test("acks and binary over each transport", async () => {
    for (const [, transports] of ways) {
      const room = freshRoom();
      const { socket, seen } = await open(room, { transports });
      for (let i = 0; i < 20; i++) {
        const bytes = Buffer.from([i, 255 - i]);
        assert.deepEqual(await within("the ack",
          socket.emitWithAck("publish", room, "tick", bytes)), { seq: i + 1 });
      }
      await until("all of them", () => seen.length === 20);
      seen.forEach(([data, seq], i) =>
        assert.deepEqual([[...data], seq], [[i, 255 - i], i + 1]));
      socket.disconnect();
    }
  });

  test("several namespaces move over together", async () => {
    const room = freshRoom();
    const socket = io(server.url, { forceNew: true, reconnection: false });
    const chat = socket.io.socket("/chat");
    const connected = [once(socket, "connect"), once(chat, "connect")];
    chat.connect();
    await Promise.all(connected);
    if (socket.io.engine.transport.name !== "websocket")
      await once(socket.io.engine, "upgrade");
    for (const s of [socket, chat])
      assert.deepEqual(await within("the join", s.emitWithAck("join", room)), { room });
    socket.disconnect();
    chat.disconnect();
  });
});
