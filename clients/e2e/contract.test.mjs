// SPDX-License-Identifier: MIT
// The contract: what an application may rely on, the same on every backend.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { backends, clients, freshRoom, terminals, withClients } from "./lib/clients.mjs";
import { Longpoll } from "./lib/longpoll.mjs";
import { Refused } from "./lib/peer.mjs";
import { Server } from "./lib/server.mjs";
import { Sse } from "./lib/sse.mjs";
import { Ws } from "./lib/ws.mjs";

// Texts that a parser and a printer would not give back.
const verbatim = [
  "12345678901234567890", "1.0", "-0", "1e2", "1E+2", "0.1000",
  '{"z":1,"a":2,"10":3,"9":4}', '{"a":1,"a":2}', "[1.0,[2.50,{}],[]]",
  '"\\u0041\\/\\u00e9"', '"\\ud83d\\ude00"', '"😀 é \u2028"', '"\\u0000"',
  '"a\\nb\\r\\tc"', '{"nested":{"text":"],}\\",{["}}', "true", "null", '""',
  '{ "a" : [ 1 , 2 ] }',
];

const badNames = {
  "is empty": "",
  "has 256 bytes": "x".repeat(256),
  "has 256 bytes in 128 characters": "é".repeat(128),
  "holds a line feed": "a\nb",
  "holds NUL": "a\0b",
  "holds DEL": "a\x7fb",
  "holds a C1 control character": "a\x85b",
};

const reserved = ["connect", "connect_error", "disconnect", "disconnecting",
  "newListener", "removeListener"];

const pairs = backends.flatMap((P) => backends.map((S) => [P, S]));

describe("contract", () => {
  let server;

  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  const open = (Client, rooms = [], nsp = "/") =>
    Client.open(server, { rooms, nsp });

  // Nothing more is there when the next message is this one.
  async function assertQuiet(room, ...peers) {
    const mark = await server.publish(room, '"mark"', "&event=mark");
    for (const peer of peers) {
      const message = await peer.next();
      assert.equal(message.event, "mark", message.text);
      assert.equal(message.seq, mark.seq);
    }
  }

  for (const Client of backends) {
    describe(Client.label, () => {
      test("join is acknowledged with the room", async () => {
        const room = freshRoom();
        await withClients([open(Client)], async (c) => {
          assert.deepEqual(await c.join(room), { room });
          await server.publish(room, "1");
          assert.equal((await c.next()).room, room);
        });
      });

      test("joining twice is one membership", async () => {
        const room = freshRoom();
        await withClients([open(Client, [room])], async (c) => {
          assert.deepEqual(await c.join(room), { room });
          await server.publish(room, "1");
          assert.equal((await c.next()).data, 1);
          await assertQuiet(room, c);
          assert.deepEqual(await c.leave(room), { room });
          const other = freshRoom();
          await c.join(other);
          await server.publish(room, "2");
          await assertQuiet(other, c);
        });
      });

      test("after leave nothing more comes", async () => {
        const room = freshRoom();
        const other = freshRoom();
        await withClients([open(Client, [room, other])], async (c) => {
          await server.publish(room, "1");
          assert.deepEqual(await c.leave(room), { room });
          await server.publish(room, "2");
          assert.equal((await c.next()).data, 1);
          await assertQuiet(other, c);
        });
      });

      test("leaving a room that it is not in is acknowledged, too", async () => {
        const room = freshRoom();
        await withClients([open(Client)], async (c) => {
          assert.deepEqual(await c.leave(room), { room });
        });
      });

      test("publish reaches the sender and is acknowledged with seq", async () => {
        const room = freshRoom();
        await withClients([open(Client, [room])], async (c) => {
          assert.deepEqual(await c.publish(room, "e", { x: 1 }), { seq: 1 });
          assert.deepEqual(await c.publish(room, "e", { x: 2 }), { seq: 2 });
          const [first, second] = await c.take(2);
          assert.deepEqual([first.data, first.seq, first.from], [{ x: 1 }, 1, c.id]);
          assert.deepEqual([second.data, second.seq, second.from], [{ x: 2 }, 2, c.id]);
        });
      });

      test('"self":false leaves the sender out, and only the sender', async () => {
        const room = freshRoom();
        await withClients([open(Client, [room]), open(Ws, [room])], async (c, other) => {
          assert.deepEqual(
            await c.publish(room, "e", "not for me", { self: false }), { seq: 1 });
          assert.deepEqual(await c.publish(room, "e", "for me", { self: true }), { seq: 2 });
          assert.equal((await c.next()).seq, 2);
          assert.deepEqual((await other.take(2)).map((m) => m.seq), [1, 2]);
          await assertQuiet(room, c, other);
        });
      });

      test("publishing needs no membership", async () => {
        const room = freshRoom();
        await withClients([open(Client), open(Ws, [room])], async (c, other) => {
          assert.deepEqual(await c.publish(room, "e", 1), { seq: 1 });
          assert.equal((await other.next()).from, c.id);
          const mine = freshRoom();
          await c.join(mine);
          await assertQuiet(mine, c);
        });
      });

      test("a volatile message reaches whoever is writable", async () => {
        const room = freshRoom();
        await withClients([open(Client), open(Ws, [room])], async (c, other) => {
          assert.deepEqual(await c.publish(room, "e", 1, { volatile: true }), { seq: 1 });
          assert.equal((await other.next()).seq, 1);
        });
      });

      test("two rooms count apart", async () => {
        const [a, b] = [freshRoom(), freshRoom()];
        await withClients([open(Client, [a, b])], async (c) => {
          assert.deepEqual(await c.publish(a, "e", "a1"), { seq: 1 });
          assert.deepEqual(await c.publish(b, "e", "b1"), { seq: 1 });
          assert.deepEqual(await c.publish(b, "e", "b2"), { seq: 2 });
          assert.deepEqual((await c.take(3)).map((m) => [m.room, m.data, m.seq]),
            [[a, "a1", 1], [b, "b1", 1], [b, "b2", 2]]);
        });
      });

      test("the event's name passes through", async () => {
        const room = freshRoom();
        const names = ["message", "x", "price change", "é😀", "a\"b\\c", "__proto__",
          "ack", "welcome2", "x".repeat(255)];
        await withClients([open(Client, [room])], async (c) => {
          for (const name of names)
            await c.publish(room, name, null);
          assert.deepEqual((await c.take(names.length)).map((m) => m.event), names);
        });
      });

      test("names of 255 bytes and of any characters are rooms", async () => {
        for (const base of ["é 😀", 'q"\\/', "a#b&c=d?e+f%20", "__proto__"]) {
          const room = `${base}-${freshRoom()}`;
          await withClients([open(Client, [room])], async (c) => {
            await c.publish(room, "e", 1);
            assert.equal((await c.next()).room, room);
          });
        }
        const longest = freshRoom().padEnd(255, "x");
        await withClients([open(Client)], async (c) =>
          assert.deepEqual(await c.join(longest), { room: longest }));
      });

      for (const [what, name] of Object.entries(badNames)) {
        test(`a room or event whose name ${what} is refused`, async () => {
          const room = freshRoom();
          await withClients([open(Client, [room])], async (c) => {
            await assert.rejects(c.join(name), Refused);
            await assert.rejects(c.leave(name), Refused);
            await assert.rejects(c.publish(name, "e", 1), Refused);
            await assert.rejects(c.publish(room, name, 1), Refused);
            await assertQuiet(room, c);
          });
        });
      }

      test("event names reserved by Socket.IO are refused", async () => {
        const room = freshRoom();
        await withClients([open(Client, [room])], async (c) => {
          for (const event of reserved)
            await assert.rejects(c.publish(room, event, 1),
              (error) => error instanceof Refused && error.message.includes(event));
          await assertQuiet(room, c);
        });
      });

      test("a room that is no string, or missing, is refused", async () => {
        await withClients([open(Client)], async (c) => {
          for (const room of [undefined, 1, null, {}, ["a"]]) {
            await assert.rejects(c.join(room), Refused);
            await assert.rejects(c.publish(room, "e", 1), Refused);
          }
          const good = freshRoom();
          assert.deepEqual(await c.join(good), { room: good });
        });
      });

      test("namespaces have rooms of their own", async () => {
        const room = freshRoom();
        await withClients([open(Client, [room]), open(Client, [room], "/chat")],
          async (main, chat) => {
            assert.deepEqual(await main.publish(room, "e", "main"), { seq: 1 });
            assert.deepEqual(await chat.publish(room, "e", "chat"), { seq: 1 });
            assert.equal((await main.next()).data, "main");
            assert.equal((await chat.next()).data, "chat");
            await assertQuiet(room, main);
            await server.publish(room, "3", "&nsp=/chat");
            assert.equal((await chat.next()).data, 3);
          });
      });

      test("the namespace /private refuses whoever has no auth payload", async () => {
        await assert.rejects(Client.open(server, { nsp: "/private" }));
      });

      test("messages of POST /publish have no sender", async () => {
        const room = freshRoom();
        await withClients([open(Client, [room])], async (c) => {
          await server.publish(room, "[1]", "&event=e");
          const message = await c.next();
          assert.deepEqual([message.data, message.event, message.seq], [[1], "e", 1]);
          assert.equal("from" in message, false);
        });
      });

      test("what a client sends at once is handled in order", async () => {
        const room = freshRoom();
        await withClients([open(Client, [room])], async (c) => {
          const sent = [];
          for (let i = 0; i < 50; i++)
            sent.push(c.publish(room, "e", i));
          assert.deepEqual((await Promise.all(sent)).map((a) => a.seq),
            sent.map((_, i) => i + 1));
          assert.deepEqual((await c.take(50)).map((m) => m.data), sent.map((_, i) => i));
        });
      });

      test("a big message arrives whole", async () => {
        const room = freshRoom();
        const data = { text: "0123456789é".repeat(60000) };
        await withClients([open(Client, [room]), open(Ws, [room]), open(Sse, [room]),
          open(Longpoll, [room])], async (c, ...others) => {
          await c.publish(room, "big", data);
          for (const peer of [c, ...others])
            assert.deepEqual((await peer.next()).data, data);
        });
      });
    });
  }

  for (const Client of [Ws, Sse]) {
    test(`${Client.label}: malformed objects get the dialect's error and the connection stays`,
      async () => {
        const room = freshRoom();
        await withClients([open(Client, [room])], async (c) => {
          const notJson = ["", " ", "{", "hello", '{"type":"join",}', "{'type':'join'}",
            '{"type":"publish","room":"a","event":"e","data":01}', '{"type":"join"} x',
            '{"type":"publish","room":"a","event":"e","data":"\t"}', "\ufeff{}",
            '{"type":"publish","room":"a","event":"e","data":1.}', "[".repeat(100000)];
          for (const text of notJson)
            assert.equal(await c.fault(text), "Invalid JSON", text.slice(0, 80));
          const notKnown = ["[]", "1", "null", '"join"', "{}", '{"type":1}',
            '{"type":"nonsense"}', '{"type":"join"}', '{"type":"join","room":1}',
            '{"type":"publish","room":"a","event":5,"data":1}',
            '{"type":"publish","event":"e"}',
            '[{"type":"join","room":"a"}]'];
          for (const text of notKnown) {
            const payload = await c.fault(text);
            assert.equal(typeof payload, "string", text);
            assert.notEqual(payload, "Invalid JSON", text);
            assert.ok(payload.length > 5, text);
          }
          await assertQuiet(room, c);
        });
      });

    test(`${Client.label}: an error carries the id that the object had`, async () => {
      await withClients([open(Client)], async (c) => {
        await assert.rejects(c.request(77, '{"id":77,"type":"join"}'), Refused);
        await assert.rejects(c.request("s", '{"id":"s","type":"nonsense"}'), Refused);
        await assert.rejects(c.command({ type: "nonsense" }), Refused);
      });
    });

    test(`${Client.label}: without an id only errors are told`, async () => {
      const room = freshRoom();
      await withClients([open(Client)], async (c) => {
        c.send(JSON.stringify({ type: "join", room }));
        c.send(JSON.stringify({ type: "publish", room, event: "e", data: 5 }));
        assert.equal((await c.next()).data, 5);
        assert.equal(c.errors.size, 0);
      });
    });

    test(`${Client.label}: welcome tells sessions, ids, epoch and position`, async () => {
      await withClients([open(Client, [], "/alone")], async (c) => {
        assert.deepEqual(Object.keys(await c.welcome).sort(),
          ["epoch", "id", "position", "sid", "total"]);
        assert.equal(c.total, 1);
        assert.match(c.sid, /^[\w-]{22,}$/);
        assert.notEqual(c.sid, c.id);
        assert.equal(c.epoch, (await server.stats()).epoch);
        await withClients([open(Longpoll, [], "/alone"), open(Ws, [], "/alone")],
          async () => withClients([open(Client, [], "/alone")],
            (last) => assert.equal(last.total, 4)));
      });
    });

    test(`${Client.label}: position counts the node's messages over all rooms`, async () => {
      const [a, b] = [freshRoom(), freshRoom()];
      await withClients([open(Client, [a, b])], async (c) => {
        for (const room of [a, b, a])
          await c.publish(room, "e", 0);
        const positions = (await c.take(3)).map((m) => m.position);
        assert.ok(positions[0] > c.position);
        assert.deepEqual(positions, [0, 1, 2].map((n) => positions[0] + n));
      });
    });

    test(`${Client.label}: resume replays what came after the position, then live`, async () => {
      const [a, b] = [freshRoom(), freshRoom()];
      await withClients([open(Client, [a, b])], async (c) => {
        for (let i = 0; i < 6; i++)
          await c.publish(i % 2 ? a : b, "e", i);
        const heard = await c.take(6);
        await withClients([open(Client)], async (late) => {
          assert.deepEqual(await late.command({
            type: "resume", epoch: c.epoch, position: heard[2].position, rooms: [a, b],
          }), { resumed: true });
          await c.publish(a, "e", 6);
          assert.deepEqual((await late.take(4)).map((m) => m.data), [3, 4, 5, 6]);
          assert.equal(late.gaps.size, 0);
        });
      });
    });

    test(`${Client.label}: resume in an unknown epoch tells the gap`, async () => {
      const room = freshRoom();
      await withClients([open(Client)], async (c) => {
        await c.publish(room, "e", 1);
        await c.publish(room, "e", 2);
        assert.deepEqual(await c.command({
          type: "resume", epoch: "nonsense", position: 0, rooms: [room],
        }), { resumed: true });
        const gap = await c.gaps.next();
        assert.equal(gap.room, room);
        assert.equal(gap.to, 2);
        await c.publish(room, "e", 3);
        assert.equal((await c.next()).seq, 3);
      });
    });
  }

  test("longpoll: malformed events are acknowledged with an error", async () => {
    const room = freshRoom();
    await withClients([open(Longpoll, [room])], async (c) => {
      for (const args of [["join"], ["leave"], ["publish"], ["publish", room],
        ["publish", room, 5], ["join", { room }], ["nonsense", 1], ["JOIN", room]])
        await assert.rejects(c.emit(...args), Refused, JSON.stringify(args));
      await assertQuiet(room, c);
    });
  });

  test("longpoll: /private accepts an auth payload and says why it refuses", async () => {
    await assert.rejects(Longpoll.open(server, { nsp: "/private" }), (error) => {
      assert.equal(error.message, "unauthorized");
      assert.deepEqual(error.data, { code: 401 });
      return true;
    });
    const c = await Longpoll.open(server, { nsp: "/private", auth: { token: "x" } });
    await c.close();
  });

  test("longpoll: an event is (data, {room, from, seq}) and no more", async () => {
    const room = freshRoom();
    await withClients([open(Longpoll, [room])], async (c) => {
      await c.publish(room, "e", [1]);
      const m = await c.next();
      assert.deepEqual(m.more, []);
      assert.equal(m.text, `["e",[1],{"room":"${room}","from":"${c.id}","seq":1}]`);
    });
  });

  for (const Publisher of clients)
    test(`${Publisher.label}: data passes byte for byte to every client`, async () => {
      const room = freshRoom();
      await withClients(clients.map((S) => open(S, [room])), async (...subscribers) =>
        withClients([open(Publisher)], async (publisher) => {
          // The terminal client runs once for each, so it gets a few.
          const texts = Publisher.fixedRooms ? verbatim.slice(0, 8) : verbatim;
          for (const text of texts)
            await publisher.publishText(room, "e", text);
          for (const subscriber of subscribers) {
            const heard = await takeOf(subscriber, texts.length);
            assert.deepEqual(heard.map((m) => m.dataText), texts,
              subscriber.constructor.label);
          }
        }));
    });

  // Without what readied the terminal clients.
  async function takeOf(peer, count) {
    const heard = [];
    while (heard.length < count) {
      const message = await peer.next();
      if (message.event !== "e2e-probe")
        heard.push(message);
    }
    return heard;
  }

  for (const Publisher of clients)
    describe(`from ${Publisher.label}`, () => {
      const room = freshRoom();
      let publisher, sent;
      const subscribers = new Map();

      before(async () => {
        for (const S of clients)
          subscribers.set(S, await open(S, [room]));
        publisher = await open(Publisher);
        sent = await publisher.publish(room, "cross", { from: Publisher.label });
      });
      after(async () => {
        for (const c of [publisher, ...subscribers.values()])
          await c?.close();
      });

      for (const Subscriber of clients)
        test(`to ${Subscriber.label}`, async () => {
          const [message] = await takeOf(subscribers.get(Subscriber), 1);
          assert.equal(message.room, room);
          assert.equal(message.event, "cross");
          assert.deepEqual(message.data, { from: Publisher.label });
          assert.equal(message.seq, sent.seq);
          if (!Publisher.fixedRooms)
            assert.equal(message.from, publisher.id);
        });
    });

  for (const [Publisher, Subscriber] of pairs)
    test(`${Publisher.label} to ${Subscriber.label}: leaving stops, joining starts`, async () => {
      const room = freshRoom();
      await withClients([open(Publisher), open(Subscriber, [room])], async (p, s) => {
        await p.publish(room, "e", 1);
        assert.equal((await s.next()).seq, 1);
        await s.leave(room);
        await p.publish(room, "e", 2);
        await s.join(room);
        await p.publish(room, "e", 3);
        assert.equal((await s.next()).seq, 3);
      });
    });

  test("mixed publishers: one order for all, without holes", async () => {
    const room = freshRoom();
    const each = 25;
    const count = each * (2 * backends.length + 2);
    await withClients(terminals.map((S) => open(S, [room])), async (...listening) =>
      withClients([...backends, ...backends].map((C) => open(C, [room])), async (...both) => {
        const values = (who) => Array.from({ length: each }, (_, i) => ({ who, i }));
        const first = (await server.publish(room, "0", "&event=e2e-probe")).seq + 1;
        const publishing = both.map((c, who) =>
          Promise.all(values(who).map((v) => c.publish(room, "mixed", v))));
        const fromTerminal = await open(terminals[0]);
        publishing.push(fromTerminal.publishAll(room, "mixed", values("terminal")));
        publishing.push(Promise.all(values("http").map((v) =>
          server.publish(room, JSON.stringify(v), "&event=mixed"))));
        const acks = (await Promise.all(publishing)).flat();

        const numbers = Array.from({ length: count }, (_, i) => first + i);
        assert.deepEqual(acks.map((a) => a.seq).sort((x, y) => x - y), numbers);
        const orders = [];
        for (const c of [...listening, ...both]) {
          const heard = await takeOf(c, count);
          assert.deepEqual(heard.map((m) => m.seq), numbers, c.constructor.label);
          orders.push(heard.map((m) => JSON.stringify(m.data)));
        }
        for (const order of orders)
          assert.deepEqual(order, orders[0]);
        assert.equal(new Set(orders[0]).size, count);
        // One publisher's messages keep their order; HTTP has many connections.
        for (let who = 0; who < both.length; who++) {
          const mine = orders[0].map((s) => JSON.parse(s)).filter((v) => v.who === who);
          assert.deepEqual(mine.map((v) => v.i), values(who).map((v) => v.i));
        }
        await assertQuiet(room, ...both);
      }));
  });

  for (const Publisher of [Ws, Longpoll])
    test(`${Publisher.label}: binary reaches each client as its protocol has it`, async () => {
      const room = freshRoom();
      const bytes = Buffer.from([0, 1, 2, 0xff, 0xfe, 0x1e, 10, 0x7b]);
      await withClients([open(Publisher, [room]), open(Ws, [room]), open(Sse, [room]),
        open(Longpoll, [room])], async (p, ws, sse, longpoll) => {
        await p.publishBytes(room, "message", bytes);
        assert.deepEqual((await ws.next()).bytes, bytes);
        const json = await sse.next();
        assert.deepEqual(json.data, { base64: bytes.toString("base64") });
        assert.deepEqual([json.seq, json.from, json.event], [1, p.id, "message"]);
        const socket = await longpoll.next();
        assert.deepEqual(socket.bytes, bytes);
        assert.deepEqual([socket.room, socket.from, socket.seq], [room, p.id, 1]);
        await p.next();
        await assertQuiet(room, p, ws, sse, longpoll);
      });
    });

  test("a binary ws message needs exactly one joined room", async () => {
    const [a, b] = [freshRoom(), freshRoom()];
    await withClients([open(Ws)], async (c) => {
      c.publishBytes("", "", Buffer.from([1]));
      assert.match((await c.errors.next()).payload, /room/);
      await c.join(a);
      await c.join(b);
      c.publishBytes("", "", Buffer.from([1]));
      assert.match((await c.errors.next()).payload, /room/);
      await c.leave(b);
      c.publishBytes("", "", Buffer.from([2]));
      assert.deepEqual((await c.next()).bytes, Buffer.from([2]));
    });
  });

  test("an empty binary message passes", async () => {
    const room = freshRoom();
    await withClients([open(Ws, [room]), open(Sse, [room]), open(Longpoll, [room])],
      async (ws, sse, longpoll) => {
        ws.publishBytes(room, "message", Buffer.alloc(0));
        assert.equal((await ws.next()).bytes.length, 0);
        assert.deepEqual((await sse.next()).data, { base64: "" });
        assert.equal((await longpoll.next()).bytes.length, 0);
      });
  });
});
