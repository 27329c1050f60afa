// SPDX-License-Identifier: MIT
// The WebSocket and EventSource of `undici`, which are those of browsers.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EventSource, WebSocket } from "undici";
import { freshRoom } from "./lib/clients.mjs";
import { Inbox, until, within } from "./lib/inbox.mjs";
import { Server, withServer } from "./lib/server.mjs";

// Listens with an inbox for the messages and one for the closes.
function open(server, target = "/ws", protocols) {
  const socket = new WebSocket(server.url.replace("http", "ws") + target, protocols);
  const messages = new Inbox("undici: messages");
  const closes = new Inbox("undici: closes");
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => messages.push(data);
  socket.onclose = (event) => closes.push(event);
  const opened = new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = (event) => reject(event.error ?? new Error("refused"));
  });
  return within("undici's opening", opened).then(() => ({ socket, messages, closes }));
}

describe("undici's WebSocket", () => {
  for (const args of [[], ["--deflate"]])
    describe(`echo ${args.join(" ")}`, () => {
      let server;

      before(async () => {
        server = await Server.start(["--app", "echo", "--max-payload", "4194304", ...args]);
      });
      after(() => server.stop());

      test("text and binary of many sizes", async () => {
        const { socket, messages, closes } = await open(server);
        assert.equal(socket.extensions.includes("permessage-deflate"), args.length > 0);
        for (const size of [0, 1, 125, 126, 127, 65535, 65536, 1000000, 4194304]) {
          const text = "a£€😀".repeat(Math.floor(size / 10)) + "x".repeat(size % 10);
          socket.send(text);
          assert.equal(await messages.next(), text);
          const bytes = Buffer.alloc(size, text || "y");
          socket.send(bytes);
          assert.ok(Buffer.from(await messages.next()).equals(bytes));
        }
        socket.close(1000, "bye");
        const { code, reason, wasClean } = await closes.next();
        assert.deepEqual([code, wasClean], [1000, true]);
        assert.ok(["", "bye"].includes(reason));
      });

      test("many messages at once come back in order", async () => {
        const { socket, messages } = await open(server);
        for (let i = 0; i < 1000; i++)
          socket.send(`message ${i}`);
        for (let i = 0; i < 1000; i++)
          assert.equal(await messages.next(), `message ${i}`);
        socket.close();
      });

      for (const code of [undefined, 1000, 3000, 4999])
        test(`close(${code})`, async () => {
          const { socket, closes } = await open(server);
          if (code === undefined)
            socket.close();
          else
            socket.close(code, "é");
          const event = await closes.next();
          assert.equal(event.wasClean, true);
          assert.ok([code, 1005, 1000].includes(event.code), String(event.code));
        });

      test("a message that is too big", async () => {
        const { socket, closes } = await open(server);
        socket.send(Buffer.alloc(4194305));
        assert.equal((await closes.next()).code, 1009);
      });
    });

  test("a subprotocol is chosen", async () => {
    await withServer([], async (server) => {
      const { socket, messages } = await open(server, "/ws", ["other", "pushmark.v1"]);
      assert.equal(socket.protocol, "pushmark.v1");
      assert.equal(JSON.parse(await messages.next()).type, "welcome");
      socket.close();
      // The standard lets a client fail whose offer nobody took.
      await assert.rejects(open(server, "/ws", ["other"]));
    });
  });

  for (const args of [[], ["--deflate"]])
    test(`publishing and receiving ${args.join(" ")}`, async () => {
      await withServer(args, async (server) => {
        const room = freshRoom();
        const { socket, messages } = await open(server, `/ws?room=${room}`);
        assert.equal(JSON.parse(await messages.next()).type, "welcome");
        const data = { text: "κόσμε ".repeat(500) };
        socket.send(JSON.stringify({ type: "publish", id: 1, room, event: "e", data }));
        const got = [JSON.parse(await messages.next()), JSON.parse(await messages.next())];
        assert.deepEqual(got.find((o) => o.type === "ack"),
          { type: "ack", id: 1, data: { seq: 1 } });
        assert.deepEqual(got.find((o) => o.type === "message").data, data);
        await server.publish(room, JSON.stringify(data));
        assert.deepEqual(JSON.parse(await messages.next()).data, data);
        socket.close();
      });
    });

  test("the server's pings are answered", async () => {
    await withServer(["--ping-interval", "100", "--ping-timeout", "1000"], async (server) => {
      const { socket, messages } = await open(server);
      await messages.next();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      assert.equal(socket.readyState, WebSocket.OPEN);
      socket.close();
    });
  });

  test("SIGTERM closes with 1001", async () => {
    const server = await Server.start();
    const { closes } = await open(server);
    const [event] = await Promise.all([closes.next(), server.stop()]);
    assert.deepEqual([event.code, event.wasClean], [1001, true]);
  });
});

describe("undici's EventSource", () => {
  const address = (server, query = "") => `${server.url}/sse${query}`;

  function listen(url, events) {
    const source = new EventSource(url);
    const inbox = new Inbox("undici: events");
    for (const name of events)
      source.addEventListener(name, ({ type, data, lastEventId }) =>
        inbox.push({ type, data, lastEventId }));
    return { source, inbox };
  }

  test("events with their names, data and ids", async () => {
    await withServer([], async (server) => {
      const { source, inbox } = listen(address(server, "?room=a"), ["welcome", "e", "message"]);
      assert.equal((await inbox.next()).type, "welcome");
      for (const [event, data] of [["e", '"line\\nline"'], ["message", "[1, 2]"]]) {
        await server.publish("a", data, `&event=${event}`);
        const got = await inbox.next();
        assert.equal(got.type, event);
        assert.deepEqual(JSON.parse(got.data).data, JSON.parse(data));
        assert.match(got.lastEventId, /^\S+-\d+$/);
      }
      source.close();
      await until("the session's end", async () => (await server.stats()).sessions === 0);
    });
  });

  test("a wrong path fails it for good", async () => {
    await withServer([], async (server) => {
      const source = new EventSource(`${server.url}/nowhere`);
      await within("the failure", new Promise((resolve) => (source.onerror = resolve)));
      assert.equal(source.readyState, EventSource.CLOSED);
    });
  });
});
