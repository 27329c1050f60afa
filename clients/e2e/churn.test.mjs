// SPDX-License-Identifier: MIT
// Five hundred clients of Socket.IO and of Engine.IO that come, join, listen,
// leave and come again, over each transport and across the upgrade: nobody
// misses anything that was sent while it was there, and all see one order.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Socket } from "engine.io-client";
import { io } from "socket.io-client";
import { Inbox, until, within } from "./lib/inbox.mjs";
import { Server, withServer } from "./lib/server.mjs";

const CLIENTS = 500;
const ROOMS = 10;
const LONG_MS = 120000; // says nothing about speed, as in lib/inbox.mjs
const ways = [["polling"], ["websocket"], ["polling", "websocket"]];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function backToNothing(server) {
  await until("nothing is left", async () => {
    const { sessions, connections, backends } = await server.stats();
    // The connection of the one who asks.
    return sessions === 0 && backends.longpoll.connections === 0 &&
      backends.longpoll.sessions === 0 && connections <= 1;
  }, LONG_MS);
}

// The room's messages by their number, as anybody has seen them.
class Ledger {
  texts = new Map();
  last = 0;

  see(seq, text) {
    assert.equal(this.texts.get(seq) ?? text, text, `two messages have the number ${seq}`);
    this.texts.set(seq, text);
    this.last = Math.max(this.last, seq);
  }
}

// One membership from its ack to the leave: what is seen must have no hole,
// and begin and end where publishing saw it.
class Member {
  constructor(server, number, ledgers) {
    this.server = server;
    this.transports = ways[number % ways.length];
    this.room = `room-${number % ROOMS}`;
    this.ledger = ledgers[number % ROOMS];
    this.number = number;
  }

  async connect() {
    const socket = io(this.server.url, { transports: this.transports,
      forceNew: true, reconnection: false, timeout: LONG_MS });
    this.socket = socket;
    this.seen = [];
    socket.on("tick", (text, { seq }) => {
      this.seen.push(seq);
      this.ledger.see(seq, text);
    });
    await within(`client ${this.number} connects`, new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    }), LONG_MS);
  }

  emit(...args) {
    return within(`client ${this.number}: ${args[0]}`, new Promise((resolve, reject) => {
      this.socket.once("disconnect", (reason) =>
        reject(new Error(`client ${this.number}: ${reason}`)));
      this.socket.emit(...args, resolve);
    }), LONG_MS);
  }

  // Its own message marks a place in the room's order.
  async mark(text) {
    const { seq } = await this.emit("publish", this.room, "tick", `${this.number} ${text}`);
    return seq;
  }

  async membership(round) {
    assert.deepEqual(await this.emit("join", this.room), { room: this.room });
    const from = this.seen.length;
    const first = await this.mark(`${round} first`);
    await pause(Math.random() * 30);
    const last = await this.mark(`${round} last`);
    await until(`client ${this.number} has its own`, () => this.seen.includes(last, from),
      LONG_MS);
    assert.deepEqual(await this.emit("leave", this.room), { room: this.room });
    const seen = this.seen.slice(from);
    const at = seen.indexOf(first);
    assert.ok(at >= 0, `client ${this.number} has not seen its first message, ${first}`);
    assert.deepEqual(seen, Array.from({ length: seen.length }, (_, i) => seen[0] + i),
      `client ${this.number}: a hole, or a wrong order`);
    assert.ok(seen.at(-1) >= last);
    const left = this.seen.length;
    await this.emit("publish", this.room, "tick", `${this.number} ${round} outside`);
    assert.equal(this.seen.length, left, `client ${this.number} got more behind its leave`);
  }

  // By different ways out.
  async disconnect(round) {
    const { socket } = this;
    const gone = new Promise((resolve) => socket.once("disconnect", resolve));
    if ((this.number + round) % 3 === 0)
      socket.io.engine.close();
    else
      socket.disconnect();
    await gone;
  }

  async live(rounds) {
    for (let round = 0; round < rounds; round++) {
      await this.connect();
      await this.membership(round);
      await this.membership(round + 0.5);
      await this.disconnect(round);
    }
  }
}

describe("churn", () => {
  test(`${CLIENTS} clients of socket.io come and go`, () =>
    withServer(["--max-connections", "4000"], async (server) => {
      const ledgers = Array.from({ length: ROOMS }, () => new Ledger());
      const members = Array.from({ length: CLIENTS },
        (_, i) => new Member(server, i, ledgers));
      await Promise.all(members.map((member) => member.live(2)));
      await backToNothing(server);
      const { published } = await server.stats();
      assert.equal(published, CLIENTS * 2 * 2 * 3);
      // Some messages went out while nobody was there to see them.
      for (const { texts } of ledgers)
        assert.ok(texts.size >= CLIENTS / ROOMS * 2 * 2 * 2);
    }));

  test(`${CLIENTS} clients of socket.io stay in one room while half of them come and go`, () =>
    withServer(["--max-connections", "4000"], async (server) => {
      const ledger = new Ledger();
      const open = async (i) => {
        const member = new Member(server, i, [ledger]);
        member.ledger = ledger;
        member.room = "all";
        await member.connect();
        await member.emit("join", "all");
        return member;
      };
      const staying = await Promise.all(Array.from({ length: CLIENTS / 2 }, (_, i) => open(i)));
      let going = true;
      let published = 0;
      const publishing = (async () => {
        while (going) {
          assert.equal((await server.publish("all", String(++published), "&event=tick")).seq,
            published);
          await pause(20);
        }
      })();
      await Promise.all(Array.from({ length: CLIENTS / 2 }, async (_, i) => {
        const member = await open(CLIENTS / 2 + i);
        const from = ledger.last;
        await until("some messages", () => ledger.last >= from + 3, LONG_MS);
        await member.disconnect(0);
        assert.deepEqual(member.seen,
          member.seen.map((_, k) => member.seen[0] + k), "a hole, or a wrong order");
      }));
      going = false;
      await publishing;
      await until("the last one", () => staying.every(({ seen }) => seen.at(-1) === published),
        LONG_MS);
      for (const { seen, number } of staying)
        assert.deepEqual(seen, Array.from({ length: published }, (_, i) => i + 1),
          `client ${number}`);
      await Promise.all(staying.map((member) => member.disconnect(1)));
      await backToNothing(server);
    }));

  test(`${CLIENTS} clients of engine.io come, talk and go`, async () => {
    const server = await Server.start(["--app", "echo", "--max-connections", "4000"]);
    const live = async (number) => {
      for (let round = 0; round < 2; round++) {
        const inbox = new Inbox(`client ${number}`);
        const socket = new Socket(server.url, { transports: ways[number % ways.length] });
        socket.on("message", (data) => inbox.push(data));
        socket.on("close", (reason) => inbox.end(reason));
        await within(`client ${number} opens`, new Promise((resolve, reject) => {
          socket.once("open", resolve);
          socket.once("error", reject);
        }), LONG_MS);
        for (let i = 0; i < 20; i++) {
          socket.send(i % 4 === 3 ? Buffer.from([number & 255, round, i]) : `${number} ${i}`);
          await (i % 5 === 0 ? pause(5) : turn());
        }
        for (let i = 0; i < 20; i++)
          assert.deepEqual(await within(`client ${number}: echo ${i}`, inbox.next(), LONG_MS),
            i % 4 === 3 ? Buffer.from([number & 255, round, i]) : `${number} ${i}`);
        const closed = new Promise((resolve) => socket.once("close", resolve));
        socket.close();
        await closed;
        assert.equal(inbox.size, 0, `client ${number} got more than it sent`);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, i) => live(i)));
    await backToNothing(server);
    await server.stop();
  });
});
