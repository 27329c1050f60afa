// SPDX-License-Identifier: MIT
// Socket.IO 5: the same said to the reference server and to ours, packet by
// packet, with equal transcripts; then what its own client makes of it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { io } from "socket.io-client";
import WebSocket from "ws";
import { backends, freshRoom, withClients } from "./lib/clients.mjs";
import { Inbox, once, until, within } from "./lib/inbox.mjs";
import { Polling } from "./lib/polling.mjs";
import { withServer } from "./lib/server.mjs";
import { targets } from "./lib/targets.mjs";

const SEPARATOR = "\x1e";

// Ids differ from one run to the next.
function withoutIds(packet) {
  return packet.replace(/"(sid|pid|from)":"[^"]+"/g, '"$1":"*"');
}

// Engine.IO packets as text, binary ones as in polling.
class RawSocket {
  static async open(target) {
    const s = new RawSocket();
    s.packets = new Inbox("packets");
    s.socket = new WebSocket(`${target.url.replace("http", "ws")}` +
      "/socket.io/?EIO=4&transport=websocket");
    s.socket.on("message", (data, binary) => s.packets.push(
      binary ? `b${data.toString("base64")}` : data.toString()));
    s.socket.on("close", () => s.packets.push("closed"));
    assert.match(await s.packets.next(), /^0/);
    return s;
  }

  async send(packets) {
    for (const packet of packets)
      this.socket.send(packet[0] === "b"
        ? Buffer.from(packet.slice(1), "base64") : packet);
  }

  next() {
    return this.packets.next();
  }

  close() {
    this.socket.close();
  }
}

class RawPolling {
  static async open(target) {
    const s = new RawPolling();
    s.polling = await Polling.open(target);
    s.packets = [];
    return s;
  }

  async send(packets) {
    await this.polling.post(packets.join(SEPARATOR));
  }

  async next() {
    while (this.packets.length === 0) {
      const { status, body } = await this.polling.get();
      // As of a WebSocket, which just closes. The noop says that to a GET
      // that comes later.
      this.packets = status !== 200 ? ["closed"] : body.split(SEPARATOR)
        .filter((p) => p !== "6").map((p) => (p === "1" ? "closed" : p));
    }
    return this.packets.shift();
  }

  close() {
    return this.polling.post("1");
  }
}

const transports = { websocket: RawSocket, polling: RawPolling };
const P0 = '{"_placeholder":true,"num":0}';
const P1 = '{"_placeholder":true,"num":1}';
const ten = Array.from({ length: 10 },
  (_, i) => `{"_placeholder":true,"num":${i}}`);

// What is sent, and how many packets come of it; a closed connection is one.
const exchanges = {
  echo: {
    "connects with {}": [["40"], 2],
    "connects with an auth payload": [['40{"token":"1é","n":1.5}'], 2],
    "connects to a namespace": [["40/custom,"], 2],
    "connects to a namespace, with auth": [['40/custom,{"a":[1]}'], 2],
    "connects to two namespaces": [["40", '40/custom,{"a":1}'], 4],
    "an unknown namespace": [["40/random"], 1],
    "an unknown namespace, then another": [["40/random", "40"], 3],
    "events": [["40", '42["message",1,"2",{"3":[false]},null]'], 3],
    "an event of no argument": [["40", '42["message"]'], 3],
    "unicode": [["40", '42["message","é😀 \\"\\\\\\n"]'], 3],
    "an event of a namespace":
      [["40/custom,", '42/custom,["message","x"]'], 3],
    "an acknowledgement":
      [["40", '42456["message-with-ack",1,"2",{"3":[false]}]'], 3],
    "an acknowledgement without arguments":
      [["40", '420["message-with-ack"]'], 3],
    "an acknowledgement in a namespace":
      [["40/custom,", '42/custom,7["message-with-ack",[]]'], 3],
    "acknowledgements in order":
      [["40", '421["message-with-ack",1]', '42["message",2]',
        '422["message-with-ack",3]'], 5],
    "a binary event": [["40", `451-["message",${P0}]`, "bAQID"], 4],
    "a binary event of two": [["40",
      `452-["message",{"b":${P0},"a":[${P1}]},1]`, "bAQID", "bBAU="], 5],
    "an empty attachment": [["40", `451-["message",${P0}]`, "b"], 4],
    "ten attachments": [["40", `4510-["message",${ten}]`,
      ...ten.map(() => "bAQ==")], 13],
    "a binary acknowledgement":
      [["40", `452-789["message-with-ack",${P0},${P1}]`, "bAQID", "bBAU="], 5],
    "a binary event of a namespace":
      [["40/custom,", `451-/custom,["message",${P0}]`, "bAQID"], 4],
    "what looks like a placeholder, but for an attachment":
      [["40", `42["message",${P0}]`], 3],
    "disconnects and connects again": [["40", "41", "40"], 4],
    "leaves one of two namespaces":
      [["40", "40/custom,", "41/custom,", '42["message",1]'], 5],
    "leaves, and then speaks": [["40", "41", '42["message",1]'], 3],
    "an acknowledgement that nobody waits for":
      [["40", "437[1]", '42["message",1]'], 3],
    "events that the app has not": [["40", '42["other",1]', '42[5,1]',
      '421["other"]', '42["message",1]'], 3],
    "connects twice": [["40", "40"], 3],
    "an event before it is connected": [['42["message",1]'], 1],
    "an acknowledgement before it is connected": [["431[1]"], 1],
    "a disconnect before it is connected": [["41"], 1],
    "an event of another namespace": [["40", '42/custom,["message"]'], 3],
    "a connect_error": [["40", '44{"message":"x"}'], 3],
    "no type": [["40", "4abc"], 3],
    "an unknown type": [["40", "47"], 3],
    "an empty packet": [["40", "4"], 3],
    "an object for an event": [["40", "42{}"], 3],
    "letters for an id": [["40", '42abc["message-with-ack",1]'], 3],
    "an event without a name": [["40", "42[]"], 3],
    "an event whose name is an object": [["40", "42[{}]"], 3],
    "an event that is not JSON": [["40", '42["message'], 3],
    "a payload of disconnect": [["40", '41{"a":1}'], 3],
    "a string for auth": [['40"x"'], 1],
    "an array for auth": [["40[]"], 1],
    "an object for an acknowledgement": [["40", "431{}"], 3],
    "no count of attachments": [["40", `45["message",${P0}]`], 3],
    "a count of none": [["40", '450-["message"]'], 3],
    "eleven attachments": [["40", `4511-["message",${P0}]`], 3],
    "a wrong count": [["40", `45x-["message",${P0}]`], 3],
    "a placeholder of no attachment":
      [["40", '451-["message",{"_placeholder":true,"num":1}]', "bAQ=="], 3],
    "a placeholder without a number":
      [["40", '451-["message",{"_placeholder":true}]', "bAQ=="], 3],
    "a text where an attachment is due":
      [["40", `451-["message",${P0}]`, '42["message",1]'], 3],
    "an attachment of nothing": [["40", "bAQ=="], 3],
    ...Object.fromEntries(["connect", "connect_error", "disconnect",
      "disconnecting", "newListener", "removeListener"].map((name) =>
      [`the reserved name ${name}`, [["40", `42["${name}",1]`], 3]])),
  },
  relay: {
    "a refusal with data": [["40/private,", '40/private,{"t":1}'], 2],
    "joins, publishes, leaves":
      [["40", '420["join","r"]', '421["publish","r","e",{"z":1,"a":[]}]',
        '422["leave","r"]', '423["publish","r","e",2]'], 6],
    "publishes without an acknowledgement":
      [["40", '42["join","r"]', '42["publish","r","e","x"]'], 2],
    "publishes to the others": [["40", '42["join","r"]',
      '421["publish","r","e",1,{"self":false}]', '42["publish","r","e",2]'], 3],
    "publishes bytes":
      [["40", '42["join","r"]', `451-["publish","r","e",${P0}]`, "bAQID"], 3],
    "publishes bytes among others": [["40", '42["join","r"]',
      `452-["publish","r","e",{"x":[${P0},2],"y":${P1}}]`, "bAQID", "bBA=="], 4],
    "asks the server to disconnect it":
      [["40", "40/other,", '42["bye"]', '42/other,1["join","r"]'], 4],
    "rooms of a namespace are its own": [["40", "40/other,", '42["join","r"]',
      '42/other,["publish","r","e",1]', '42["publish","r","e",2]'], 3],
  },
};

for (const [app, cases] of Object.entries(exchanges)) {
  describe(`transcripts: ${app}`, () => {
    for (const [transport, Raw] of Object.entries(transports)) {
      test(transport, async (t) => {
        const ours = await targets.pushmark({ app });
        const reference = await targets.reference({ app });
        const run = async (target, packets, count) => {
          const session = await Raw.open(target);
          const transcript = [];
          const next = async () => {
            const packet = await session.next();
            transcript.push(withoutIds(packet));
            return packet;
          };
          for (const packet of packets) {
            await session.send([packet]);
            // The reference takes a moment to let a client in, or out.
            if (/^41/.test(packet))
              await new Promise((resolve) => setTimeout(resolve, 50));
            while (/^40/.test(packet) && !/^4[04]|^closed/.test(await next()))
              continue;
          }
          while (transcript.length < count)
            await next();
          await session.close();
          return transcript;
        };
        try {
          for (const [name, [packets, count]] of Object.entries(cases))
            await t.test(name, async () => {
              const expected = await run(reference, packets, count);
              assert.deepEqual(await run(ours, packets, count), expected);
            });
        } finally {
          await ours.stop();
          await reference.stop();
        }
      });
    }
  });
}

const choices = [["polling"], ["websocket"], ["polling", "websocket"]];

for (const [name, start] of Object.entries(targets)) {
  for (const choice of choices) {
    describe(`socket.io-client: ${name}, ${choice}`, () => {
      // `body` gets the target and a function that opens a client.
      const withTarget = async (options, body) => {
        const target = await start(options);
        const sockets = [];
        const open = (nsp = "/", more = {}) => {
          const socket = io(target.url + nsp, { transports: choice,
            forceNew: true, reconnection: false, ...more });
          sockets.push(socket);
          return socket;
        };
        try {
          await body(target, open);
        } finally {
          for (const socket of sockets) {
            socket.disconnect();
            socket.io.engine?.close();
          }
          await target.stop();
        }
      };

      test("why it was disconnected", () => withTarget({}, async (target, open) => {
        const socket = open();
        await until("connected", () => socket.connected);
        const first = once(socket, "disconnect");
        socket.disconnect();
        assert.equal(await first, "io client disconnect");

        socket.connect();
        await until("connected", () => socket.connected);
        const other = socket.io.socket("/other");
        await until("/other", () => other.connected);
        const told = once(socket, "disconnect");
        socket.emit("bye");
        assert.equal(await told, "io server disconnect");
        assert.deepEqual(await other.emitWithAck("join", "r"), { room: "r" });
        const left = once(other, "disconnect");
        other.emit("bye");
        assert.equal(await left, "io server disconnect");

        const cut = open();
        await once(cut, "connect");
        if (choice.length > 1)
          await until("the upgrade", () =>
            cut.io.engine.transport.name === "websocket");
        const second = once(cut, "disconnect");
        cut.io.engine.write("2nonsense");
        assert.equal(await second, "transport close");
      }));

      test("a refusal has a message and data", () =>
        withTarget({}, async (target, open) => {
          const socket = open("/private");
          const error = await once(socket, "connect_error");
          assert.equal(error.message, "unauthorized");
          assert.deepEqual(error.data, { code: 401 });
          socket.auth = { token: "x" };
          const connected = once(socket, "connect");
          socket.connect();
          await connected;
        }));

      test("several namespaces over one connection", () =>
        withTarget({}, async (target, open) => {
          const main = open();
          const other = main.io.socket("/other");
          await once(main, "connect");
          await until("/other", () => other.connected);
          assert.notEqual(main.id, other.id);
          const seen = [];
          main.on("e", (data) => seen.push(["/", data]));
          other.on("e", (data) => seen.push(["/other", data]));
          await main.emitWithAck("join", "r");
          await other.emitWithAck("join", "r");
          await main.emitWithAck("publish", "r", "e", 1, {});
          await other.emitWithAck("publish", "r", "e", 2, {});
          await until("both events", () => seen.length === 2);
          assert.deepEqual(seen, [["/", 1], ["/other", 2]]);
          other.disconnect();
          await main.emitWithAck("publish", "r", "e", 3, {});
          await until("the third", () => seen.length === 3);
        }));

      test("no CONNECT in time closes the connection", () => withTarget(
        { args: ["--connect-timeout", "100"], options: { connectTimeout: 100 } },
        async (target) => {
          const Raw = transports[choice[0]];
          const session = await Raw.open(target);
          assert.equal(await session.next(), "closed");
        }));

      test("bytes to and fro", () => withTarget({ app: "echo" }, async (target, open) => {
        const socket = open();
        await once(socket, "connect");
        const bytes = Buffer.from([0, 1, 0xff]);
        const back = new Promise((resolve) =>
          socket.once("message-back", (...args) => resolve(args)));
        socket.emit("message", bytes, { deep: [bytes, "x"] });
        assert.deepEqual(await within("the echo", back),
          [bytes, { deep: [bytes, "x"] }]);
        assert.deepEqual(await within("the ack", new Promise((resolve) =>
          socket.emit("message-with-ack", bytes, 1, (...args) => resolve(args)))),
        [bytes, 1]);
      }));

      test("a whole room's answers", () => withTarget({}, async (target, open) => {
        const members = [open(), open(), open()];
        for (const [i, member] of members.entries()) {
          await until("connected", () => member.connected);
          await member.emitWithAck("join", "r");
          member.on("who", (data, info, ack) => ack({ i, data }));
        }
        const { seq, acks } = await members[0].emitWithAck("publish", "r",
          "who", "x", { ackTimeout: 10000 });
        assert.equal(seq, 1);
        assert.deepEqual(acks.sort((a, b) => a.i - b.i),
          [0, 1, 2].map((i) => ({ i, data: "x" })));
        members[2].off("who");
        const some = await members[0].emitWithAck("publish", "r", "who", "y",
          { ackTimeout: 200, self: false });
        assert.deepEqual(some.acks, [{ i: 1, data: "y" }]);
      }));

      test("the seed's rooms, orders and broadcasts", () =>
        withTarget({ app: "workshop" }, async (target, open) => {
          const [ann, bob] = ["ann", "bob"].map((userId) =>
            open("/", { auth: { userId } }));
          const log = [];
          for (const [who, socket] of Object.entries({ ann, bob })) {
            await until("connected", () => socket.connected);
            socket.onAny((event, data) => log.push([who, event, data]));
          }
          const logged = async (...expected) => {
            await until("the events", () => log.length >= expected.length);
            const key = (x) => JSON.stringify(x);
            assert.deepEqual(log.splice(0).map(key).sort(),
              expected.map(key).sort());
          };
          ann.emit("joinRoom", "lobby");
          await logged(["ann", "notification", { text: "You joined room: lobby" }]);
          bob.emit("joinRoom", "lobby");
          await logged(["ann", "userJoined", { userId: "bob", room: "lobby" }],
            ["bob", "notification", { text: "You joined room: lobby" }]);
          bob.emit("sendMessage", { room: "lobby", text: "olá" });
          const message = { text: "olá", from: "bob", room: "lobby" };
          await logged(["ann", "message", message], ["bob", "message", message]);
          ann.emit("broadcast", { room: "lobby", message: "all" });
          await logged(["ann", "message", "all"], ["bob", "message", "all"]);
          const order = await new Promise((resolve) => ann.emit("createOrder",
            { items: ["pizza"], total: 45.9 }, resolve));
          assert.match(order.orderId, /^order_\d+$/);
          assert.equal(order.status, "created");
          await logged(["bob", "newOrder",
            { id: order.orderId, items: ["pizza"], total: 45.9 }]);
          bob.emit("sendMessage", { room: "lobby", text: Buffer.from([1, 2]) });
          await until("two messages", () => log.length === 2);
          assert.deepEqual(log.splice(0).map(([, , { text }]) => [...text]),
            [[1, 2], [1, 2]]);
          ann.emit("leaveRoom", "lobby");
          await logged(["bob", "userLeft", { userId: "ann", room: "lobby" }]);
        }));
    });
  }

  test(`volatile, not polling: ${name}`, async () => {
    const target = await start();
    try {
      const quiet = await Polling.connected(target);
      const other = await Polling.connected(target);
      await quiet.send('420["join","r"]');
      assert.equal(await quiet.next(), '430[{"room":"r"}]');
      await other.send('420["publish","r","v",1,{"volatile":true}]');
      assert.equal(await other.next(), '430[{"seq":1}]');
      await other.send('421["publish","r","e",2,{}]');
      assert.equal(await other.next(), '431[{"seq":2}]');
      assert.match(await quiet.next(), /^42\["e",2,/);
      const poll = await quiet.pend();
      await other.send('422["publish","r","v",3,{"volatile":true}]');
      assert.match((await poll.readResponse()).body, /^42\["v",3,/);
      poll.close();
    } finally {
      await target.stop();
    }
  });
}

describe("one room, three backends", () => {
  test("one order for all, with and without the sender", () =>
    withServer([], async (server) => {
      const room = freshRoom();
      await withClients(backends.map((C) => C.open(server, { rooms: [room] })),
        async (...peers) => {
          const COUNT = 30;
          await Promise.all(peers.map(async (peer, p) => {
            for (let i = 0; i < COUNT; i++)
              await peer.publish(room, "e", [p, i], { self: i % 2 === 0 });
          }));
          const seen = await Promise.all(peers.map((peer) =>
            peer.take(peers.length * COUNT - COUNT / 2)));
          const order = new Map();
          for (const [p, messages] of seen.entries()) {
            let last = 0;
            for (const { seq, data } of messages) {
              assert.ok(seq > last, `peer ${p}: ${seq} after ${last}`);
              last = seq;
              assert.deepEqual(order.get(seq) ?? data, data);
              order.set(seq, data);
              assert.ok(data[0] !== p || data[1] % 2 === 0);
            }
          }
          assert.equal(order.size, peers.length * COUNT);
        });
    }));

  for (const Publisher of backends)
    for (const Subscriber of backends)
      test(`${Publisher.label} to ${Subscriber.label}, without and with the sender`,
        () => withServer([], async (server) => {
          const room = freshRoom();
          await withClients([Publisher.open(server, { rooms: [room] }),
            Subscriber.open(server, { rooms: [room] })], async (p, s) => {
            await p.publish(room, "e", "others", { self: false });
            await p.publish(room, "e", "all");
            assert.deepEqual((await s.take(2)).map(({ data }) => data),
              ["others", "all"]);
            assert.equal((await p.next()).data, "all");
          });
        }));
});
