// SPDX-License-Identifier: MIT
// Resume after cuts, wherever they come: nothing is lost, nothing comes twice,
// and what cannot come is told first.

import assert from "node:assert/strict";
import net from "node:net";
import { describe, test } from "node:test";
import { withClients } from "./lib/clients.mjs";
import { frame, handshake, OP } from "./lib/frames.mjs";
import { within } from "./lib/inbox.mjs";
import { Server, withServer } from "./lib/server.mjs";
import { Ws } from "./lib/ws.mjs";

const ROOMS = ["a", "b", "c"];
const MESSAGES = 3000;
const HISTORY = ["--history-messages", "100000", "--history-bytes", "100000000",
  "--queue-messages", "100000", "--queue-bytes", "400000000"];

const textOf = (headers) =>
  Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");

// The bytes behind the head of the response, or nothing yet.
function bodyOf(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  return end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 4);
}

// Where a client is: what it sends to go on from there, and what it makes of
// bytes that are cut anywhere. `objects` is all there was, in order.
class SseReader {
  static protocol = "sse";
  static rooms = ROOMS.map((room) => `room=${room}`).join("&");

  constructor(epoch, position) {
    this.id = `${epoch}-${position}`;
  }

  // The two ways to say it take turns.
  hello() {
    this.turn = !this.turn;
    return this.turn
      ? `GET /sse?${SseReader.rooms} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: ${this.id}\r\n\r\n`
      : `GET /sse?${SseReader.rooms}&lastEventId=${this.id} HTTP/1.1\r\nHost: x\r\n\r\n`;
  }

  read(bytes) {
    const objects = [];
    const events = bodyOf(bytes).toString().split("\n\n").slice(0, -1);
    let { id } = this;
    for (const event of events) {
      id = /^id: (.*)$/m.exec(event)?.[1] ?? id;
      const data = /^data: (.*)$/m.exec(event);
      if (data)
        objects.push(JSON.parse(data[1]));
    }
    return { objects, accept: () => (this.id = id) };
  }
}

class WsReader {
  static protocol = "ws";

  constructor(epoch, position) {
    Object.assign(this, { epoch, position });
  }

  hello() {
    const { epoch, position } = this;
    const command = { type: "resume", epoch, position, rooms: ROOMS };
    return Buffer.concat([
      Buffer.from(`GET /ws HTTP/1.1\r\nHost: x\r\n${textOf(handshake())}\r\n`),
      frame(OP.TEXT, JSON.stringify(command)),
    ]);
  }

  read(bytes) {
    const objects = [];
    let { position } = this;
    let rest = bodyOf(bytes);
    while (rest.length >= 4) {
      const short = rest[1] < 126;
      const start = short ? 2 : 4;
      const end = start + (short ? rest[1] : rest.readUInt16BE(2));
      if (rest.length < end)
        break;
      const object = JSON.parse(rest.subarray(start, end));
      objects.push(object);
      position = object.type === "message" ? object.position : position;
      rest = rest.subarray(end);
    }
    return { objects, accept: () => (this.position = position) };
  }
}

// Connects and reads until `limit` bytes came or `enough` says so; then the
// link is cut, and what came up to there is what the reader has.
function visit(server, reader, limit, enough) {
  const socket = net.connect(server.port, server.host);
  let bytes = Buffer.alloc(0);
  const done = new Promise((resolve, reject) => {
    socket.on("connect", () => socket.write(reader.hello()));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`closed after ${bytes}`)));
    socket.on("data", (data) => {
      bytes = Buffer.concat([bytes, data]).subarray(0, limit);
      const { objects, accept } = reader.read(bytes);
      if (bytes.length < limit && !enough(objects))
        return;
      accept();
      resolve(objects);
    });
  });
  return within("what the visit was for", done).finally(() => {
    socket.removeAllListeners("close");
    socket.resetAndDestroy();
  });
}

// One number after the other in each room, and positions only go up.
class Ledger {
  seqs = Object.fromEntries(ROOMS.map((room) => [room, 0]));
  position = 0;
  total = 0;

  add(objects) {
    for (const { type, room, seq, position } of objects) {
      if (type === "welcome" || type === "ack")
        continue;
      assert.equal(type, "message");
      assert.equal(seq, this.seqs[room] + 1, `room ${room}`);
      assert.ok(position > this.position);
      this.seqs[room] = seq;
      this.position = position;
      this.total++;
    }
  }
}

const messagesIn = (objects) => objects.filter((o) => o.type === "message").length;

async function publishAll(publisher) {
  for (let i = 0; i < MESSAGES; i += 10)
    await Promise.all(Array.from({ length: 10 }, (_, k) => publisher.publish(
      ROOMS[(i + k) % 7 % ROOMS.length], "e", "x".repeat((i + k) % 13 === 0 ? 3000 : 20))));
}

describe("resume", () => {
  for (const Reader of [SseReader, WsReader]) {
    test(`${Reader.protocol}: cut at any byte, while others publish, it loses nothing`,
      async () => {
        await withServer(HISTORY, (server) => withClients([Ws.open(server)],
          async (publisher) => {
            const reader = new Reader(publisher.epoch, 0);
            const ledger = new Ledger();
            let visits = 0;
            const published = publishAll(publisher);
            while (ledger.total < MESSAGES) {
              const limit = 1000 + Math.floor(Math.random() * 12000);
              ledger.add(await visit(server, reader, limit,
                (objects) => ledger.total + messagesIn(objects) === MESSAGES));
              visits++;
            }
            await published;
            assert.ok(visits > 20, `only ${visits} cuts`);
            assert.equal(ledger.total, MESSAGES);
          }));
      });

    test(`${Reader.protocol}: in another life of the server the gap comes first`, async () => {
      let reader;
      await withServer([], (server) => withClients([Ws.open(server)], async (c) => {
        await c.publish("a", "e", 1);
        await c.publish("a", "e", 2);
        reader = new Reader(c.epoch, 1);
      }));
      await withServer([], (server) => withClients([Ws.open(server)], async (c) => {
        await c.publish("a", "e", 1);
        const objects = (await visit(server, reader, Infinity,
          (all) => all.filter((o) => o.type === "gap").length === ROOMS.length))
          .filter((o) => o.type !== "welcome" && o.type !== "ack");
        assert.deepEqual(objects, ROOMS.map((room) =>
          ({ type: "gap", room, from: Number(room === "a"), to: Number(room === "a") })));
      }));
    });

    test(`${Reader.protocol}: what the history no longer has is a gap before the rest`,
      async () => {
        await withServer(["--history-messages", "5"], (server) => withClients(
          [Ws.open(server)], async (c) => {
            for (let i = 1; i <= 20; i++)
              await c.publish("a", "e", i);
            await c.publish("b", "e", 1);
            const objects = (await visit(server, new Reader(c.epoch, 3), Infinity,
              (all) => messagesIn(all) === 6))
              .filter((o) => o.type !== "welcome" && o.type !== "ack");
            assert.deepEqual(objects[0], { type: "gap", room: "a", from: 4, to: 15 });
            assert.deepEqual(objects.slice(1).map((o) => `${o.room} ${o.seq}`),
              ["a 16", "a 17", "a 18", "a 19", "a 20", "b 1"]);
          }));
      });
  }

  test("sse: an id of an earlier life is followed by one of this life", async () => {
    const server = await Server.start();
    const reader = new SseReader("earlier", 7);
    await server.publish("a", "1");
    await visit(server, reader, Infinity, (all) => all.some((o) => o.type === "gap"));
    await server.publish("a", "2");
    const late = visit(server, reader, Infinity, (all) => messagesIn(all) === 1);
    // Nothing but a gap had come, so it is told once more, and then live.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await server.publish("a", "3");
    assert.equal((await late).at(-1).seq, 3);
    const { epoch } = await server.stats();
    assert.equal(reader.id, `${epoch}-3`);
    await server.stop();
  });
});
