// SPDX-License-Identifier: MIT
// Asking a whole room: `ackTimeout` of publish, from and to every backend.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { backends, freshRoom, withClients } from "./lib/clients.mjs";
import { once } from "./lib/inbox.mjs";
import { Refused } from "./lib/peer.mjs";
import { Polling } from "./lib/polling.mjs";
import { Server } from "./lib/server.mjs";
import { Ws } from "./lib/ws.mjs";

const LONG = { ackTimeout: 10000 };

describe("acks", () => {
  let server;

  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  const open = (Client, rooms = [], nsp = "/") =>
    Client.open(server, { rooms, nsp });

  for (const Asker of backends) {
    for (const Member of backends) {
      test(`${Asker.label} asks, ${Member.label} answers`, async () => {
        const room = freshRoom();
        await withClients([open(Asker), open(Member, [room])], async (a, m) => {
          m.answers("sum", ([x, y]) => x + y);
          assert.deepEqual(await a.publish(room, "sum", [1, 2], LONG),
            { seq: 1, acks: [3], missing: 0 });
          m.answers("sum", () => ({ z: 1, a: "é" }));
          assert.deepEqual(await a.publish(room, "sum", [], LONG),
            { seq: 2, acks: [{ z: 1, a: "é" }], missing: 0 });
        });
      });
    }

    describe(Asker.label, () => {
      test("collects the answers of all backends in one array", async () => {
        const room = freshRoom();
        await withClients([open(Asker, [room]),
          ...backends.map((Client) => open(Client, [room]))],
        async (a, ...members) => {
          a.answers("who", () => "asker");
          members.forEach((m, i) => m.answers("who", () => i));
          const { seq, acks, missing } = await a.publish(room, "who", null, LONG);
          assert.equal(seq, 1);
          assert.equal(missing, 0);
          assert.deepEqual(acks.map(String).sort(),
            [...backends.map((_, i) => String(i)), "asker"]);
        });
      });

      test('"self":false leaves the asker out of it', async () => {
        const room = freshRoom();
        await withClients([open(Asker, [room]), open(Ws, [room])], async (a, m) => {
          a.answers("who", () => "asker");
          m.answers("who", () => "member");
          assert.deepEqual(
            await a.publish(room, "who", null, { ...LONG, self: false }),
            { seq: 1, acks: ["member"], missing: 0 });
        });
      });

      test("nobody to ask is answered at once", async () => {
        await withClients([open(Asker)], async (a) => {
          assert.deepEqual(await a.publish(freshRoom(), "e", 1, LONG),
            { seq: 1, acks: [], missing: 0 });
        });
      });

      test("who says nothing in time is missing", async () => {
        const room = freshRoom();
        await withClients([open(Asker), open(Ws, [room]), open(Asker, [room])],
          async (a, quick, silent) => {
            quick.answers("e", (data) => data);
            assert.deepEqual(
              await a.publish(room, "e", "x", { ackTimeout: 100 }),
              { seq: 1, acks: ["x"], missing: 1 });
            assert.equal((await silent.next()).data, "x");
            assert.deepEqual(await a.publish(room, "e", "y", { ackTimeout: 0 }),
              { seq: 2, acks: [], missing: 2 });
          });
      });

      test("who leaves is missing at once", async () => {
        const room = freshRoom();
        await withClients([open(Ws), open(Asker, [room]), open(Ws, [room])],
          async (a, leaver, other) => {
            other.answers("e", () => 1);
            const answer = a.publish(room, "e", 0, LONG);
            await leaver.next();
            await leaver.close();
            assert.deepEqual(await answer, { seq: 1, acks: [1], missing: 1 });
          });
      });

      test("an asker that leaves takes its question along", async () => {
        const room = freshRoom();
        await withClients([open(Asker), open(Ws, [room])], async (a, m) => {
          const answer = a.publish(room, "e", 0, LONG);
          answer.catch(() => {});
          const { ack } = await m.next();
          await a.close();
          m.send(JSON.stringify({ type: "ack", id: ack, data: 1 }));
          assert.deepEqual(await m.publish(room, "e2", 2), { seq: 2 });
        });
      });

      test("ackTimeout must be an integer of at most an hour", async () => {
        await withClients([open(Asker)], async (a) => {
          for (const ackTimeout of [-1, 1.5, "1", 3600001, true])
            await assert.rejects(a.publish("r", "e", 1, { ackTimeout }),
              (e) => e instanceof Refused && /ackTimeout/.test(e.message));
        });
      });

      test("a publisher may have 64 questions pending", async () => {
        const room = freshRoom();
        await withClients([open(Asker), open(Ws, [room])], async (a, m) => {
          const pending = [];
          for (let i = 0; i < 64; i++)
            pending.push(a.publish(room, "e", i, LONG));
          const asked = await m.take(64);
          await assert.rejects(a.publish(room, "e", 64, LONG), /pending/);
          for (const { ack, data } of asked)
            m.send(JSON.stringify({ type: "ack", id: ack, data }));
          const answers = await Promise.all(pending);
          assert.deepEqual(answers.map(({ acks }) => acks[0]),
            Array.from({ length: 64 }, (_, i) => i));
        });
      });
    });
  }

  test("only the first answer of a member counts, and of nobody else", async () => {
    const room = freshRoom();
    await withClients([open(Ws), open(Ws, [room]), open(Ws, [room]), open(Ws)],
      async (a, one, two, stranger) => {
        const answer = a.publish(room, "e", 0, LONG);
        const { ack } = await one.next();
        const say = (peer, data) =>
          peer.send(JSON.stringify({ type: "ack", id: ack, data }));
        say(one, 1);
        say(one, 2);
        say(stranger, 3);
        await stranger.join("barrier");
        await one.join("barrier");
        say(two, 4);
        assert.deepEqual(await answer, { seq: 1, acks: [1, 4], missing: 0 });
        say(two, 5); /* late: ignored without an error */
        await two.join("barrier");
        assert.equal(two.errors.size, 0);
      });
  });

  test("an answer to what was never asked is an unknown object", async () => {
    await withClients([open(Ws)], async (c) => {
      assert.match(await c.fault('{"type":"ack","id":9007199254740991}'),
        /unknown "type"/);
      assert.match(await c.fault('{"type":"ack","id":"x","data":1}'),
        /unknown "type"/);
    });
  });

  test("answers pass through byte for byte", async () => {
    const room = freshRoom();
    await withClients([open(Ws), open(Ws, [room])], async (a, m) => {
      a.send(`{"type":"publish","room":"${room}","event":"e","data":1,` +
        '"ackTimeout":10000,"id":"q"}');
      const { ack } = await m.next();
      const text = once(a.socket, "message");
      m.send(`{"type":"ack","id":${ack},"data":{"z":1.0,"a":12345678901234567890}}`);
      assert.equal(String(await text), '{"type":"ack","id":"q","data":{"seq":1,"acks":' +
        '[{"z":1.0,"a":12345678901234567890}],"missing":0}}');
    });
  });

  test("Socket.IO: the first argument is the answer; binary is base64", async () => {
    const room = freshRoom();
    const p = await Polling.connected(server);
    await p.send(`420["join","${room}"]`);
    assert.equal(await p.next(), `430[{"room":"${room}"}]`);
    for (const [answer, expected] of [
      [["43ID[]"], [null]],
      [["43ID[1,2]"], [1]],
      [['461-ID[{"a":{"_placeholder":true,"num":0}}]', "bAQI="],
        [{ a: { base64: "AQI=" } }]],
    ]) {
      await withClients([open(Ws)], async (a) => {
        const asked = a.publish(room, "e", 0, LONG);
        const [, id] = /^42(\d+)\["e",0,/.exec(await p.next());
        await p.send(...answer.map((text) => text.replace("ID", id)));
        const { acks, missing } = await asked;
        assert.deepEqual([acks, missing], [expected, 0]);
      });
    }
    await p.send("41", "1");
  });

  test("a namespace of its own asks its own", async () => {
    const room = freshRoom();
    await withClients(
      [open(Ws, [], "/x"), ...backends.map((C) => open(C, [room], "/x"))],
      async (a, ...members) => {
        members.forEach((m, i) => m.answers("e", () => i));
        const { acks } = await a.publish(room, "e", 0, LONG);
        assert.deepEqual(acks.sort(), backends.map((_, i) => i));
      });
  });
});
