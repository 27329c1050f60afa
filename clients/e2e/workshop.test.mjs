// SPDX-License-Identifier: MIT
// --app workshop: the chat as people first write it, with clients that know
// nothing of this server: npm `ws`, a browser's WebSocket, EventSource with
// POST, socket.io-client.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EventSource } from "eventsource";
import { io } from "socket.io-client";
import WebSocket from "ws";
import { Browser } from "./lib/browser.mjs";
import { Inbox, once, within } from "./lib/inbox.mjs";
import { Server, withServer } from "./lib/server.mjs";

const IP = "127.0.0.1";

let namespaces = 0;

// One that no other test uses: everybody in a namespace hears everybody.
const freshNamespace = () => `/chat-${++namespaces}`;

// The three ways of being a plain client: open, say(object or text), next().

class Ws {
  static label = "ws";

  static async open(server, nsp) {
    const c = new Ws();
    c.inbox = new Inbox("ws");
    c.socket = new WebSocket(`${server.url.replace("http:", "ws:")}/ws?nsp=${nsp}`);
    c.socket.on("message", (data, isBinary) => {
      assert.equal(isBinary, false);
      c.inbox.push(JSON.parse(data.toString()));
    });
    c.socket.on("close", (code) => c.inbox.end(`closed with ${code}`));
    await once(c.socket, "open");
    return c;
  }

  say(what) {
    this.socket.send(typeof what === "string" ? what : JSON.stringify(what));
  }

  // What was wrong with what it said.
  async fault() {
    return this.next();
  }

  next() {
    return this.inbox.next();
  }

  async close() {
    if (this.socket.readyState === WebSocket.CLOSED)
      return;
    const closed = once(this.socket, "close");
    this.socket.close();
    await closed;
  }
}

class Sse {
  static label = "EventSource + POST";

  // A stream's listener names the events that it wants.
  static names = ["welcome", "message", "system", "chat", "event"];

  static async open(server, nsp) {
    const c = new Sse();
    c.url = server.url;
    c.inbox = new Inbox("sse");
    c.faults = new Inbox("sse: faults");
    c.source = new EventSource(`${server.url}/sse?nsp=${nsp}`);
    c.sid = within("the welcome", new Promise((resolve) => {
      c.source.addEventListener("welcome", (e) =>
        resolve(JSON.parse(e.data).payload.sid));
    }));
    for (const name of Sse.names)
      c.source.addEventListener(name, (e) => c.inbox.push(JSON.parse(e.data)));
    await c.sid;
    return c;
  }

  async say(what) {
    const response = await fetch(`${this.url}/sse/${await this.sid}`, {
      method: "POST", body: typeof what === "string" ? what : JSON.stringify(what) });
    const body = await response.text();
    if (response.status === 400)
      this.faults.push(JSON.parse(body));
    else
      assert.deepEqual([response.status, body], [204, ""]);
  }

  fault() {
    return this.faults.next();
  }

  next() {
    return this.inbox.next();
  }

  async close() {
    this.source.close();
  }
}

// Both of a browser's, which one shared browser runs.
class InBrowser {
  static async open(server, nsp) {
    const c = new this();
    c.context = await browser.chromium.newContext();
    c.page = await c.context.newPage();
    await c.page.goto(browser.origin);
    await c.page.evaluate(this.script, { url: server.url, nsp });
    return c;
  }

  async say(what) {
    const text = typeof what === "string" ? what : JSON.stringify(what);
    await this.page.evaluate((t) => say(t), text);
  }

  next() {
    return within("the page", this.page.evaluate(() => next()));
  }

  fault() {
    return within("the page", this.page.evaluate(() => fault()));
  }

  async close() {
    await this.context.close();
  }
}

class BrowserWs extends InBrowser {
  static label = "a browser's WebSocket";

  static script = ({ url, nsp }) => new Promise((resolve) => {
    const items = [];
    const readers = [];
    const socket = new WebSocket(`${url.replace("http:", "ws:")}/ws?nsp=${nsp}`);
    socket.onopen = () => resolve();
    socket.onmessage = (e) => {
      const object = JSON.parse(e.data);
      if (readers.length > 0)
        readers.shift()(object);
      else
        items.push(object);
    };
    window.say = (text) => socket.send(text);
    window.next = () => items.length > 0 ? items.shift()
      : new Promise((read) => readers.push(read));
    window.fault = window.next;
  });
}

class BrowserSse extends InBrowser {
  static label = "a browser's EventSource + POST";

  static script = ({ url, nsp }) => new Promise((resolve) => {
    const items = [];
    const readers = [];
    const faults = [];
    const source = new EventSource(`${url}/sse?nsp=${nsp}`);
    let sid;
    const push = (e) => {
      const object = JSON.parse(e.data);
      if (object.type === "welcome") {
        sid = object.payload.sid;
        resolve();
      }
      if (readers.length > 0)
        readers.shift()(object);
      else
        items.push(object);
    };
    for (const name of ["welcome", "message", "system", "chat", "event"])
      source.addEventListener(name, push);
    window.say = async (text) => {
      const response = await fetch(`${url}/sse/${sid}`, { method: "POST", body: text });
      if (response.status === 400)
        faults.push(await response.json());
    };
    window.next = () => items.length > 0 ? items.shift()
      : new Promise((read) => readers.push(read));
    window.fault = () => faults.shift();
  });
}

const kinds = [Ws, Sse, BrowserWs, BrowserSse];

// socket.io-client over polling, every event an item [name, ...args].
class SocketIo {
  static async open(server, nsp, auth) {
    const c = new SocketIo();
    c.inbox = new Inbox("socket.io");
    c.socket = io(server.url + nsp, { transports: ["polling"], forceNew: true,
      reconnection: false, auth });
    c.socket.onAny((...event) => c.inbox.push(event));
    await within("the connection", new Promise((resolve, reject) => {
      c.socket.once("connect", resolve);
      c.socket.once("connect_error", reject);
    }));
    return c;
  }

  emit(...args) {
    this.socket.emit(...args);
  }

  ask(...args) {
    return within(`the answer to ${args[0]}`, new Promise((resolve) =>
      this.socket.emit(...args, resolve)));
  }

  next() {
    return this.inbox.next();
  }

  async close() {
    this.socket.disconnect();
  }
}

let browser;

describe("the workshop", () => {
  let server;

  before(async () => {
    browser = await Browser.start();
    server = await Server.start(["--app", "workshop"]);
  });
  after(async () => {
    await server.stop();
    await browser.close();
  });

  // Opens one after the other, and hands them over with the welcomes read.
  async function withGuests(openers, body) {
    const nsp = freshNamespace();
    const guests = [];
    try {
      for (const open of openers)
        guests.push(await open(nsp));
      for (const [i, guest] of guests.entries())
        if (!(guest instanceof SocketIo))
          assert.equal((await guest.next()).payload.total, i + 1);
      return await body(...guests, nsp);
    } finally {
      for (const guest of guests)
        await guest.close();
    }
  }

  const plain = (Kind) => (nsp) => Kind.open(server, nsp);
  const socketIo = (auth) => (nsp) => SocketIo.open(server, nsp, auth);

  // Proves that nothing else came before: what is said after it is next.
  async function quiet(speaker, ...others) {
    await speaker.say({ type: "event", payload: "that was all" });
    for (const other of others)
      assert.equal((await other.next()).payload, "that was all");
  }

  describe("snippet 1: a broadcast", () => {
    test("ws: an object's text may come as bytes, which are checked as text is", async () => {
      await withGuests([Ws, Ws].map(plain), async (speaker, a) => {
        speaker.socket.send(Buffer.from('{"type":"chat","payload":"\u00e1"}'));
        assert.deepEqual(await a.next(), { type: "chat", payload: "\u00e1", from: IP });
        for (const bytes of ["{bad", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])]) {
          speaker.socket.send(Buffer.from(bytes));
          assert.deepEqual(await speaker.fault(), { type: "error", payload: "Invalid JSON" });
        }
        await quiet(speaker, a);
      });
    });

    for (const Speaker of kinds)
      test(`${Speaker.label}: welcome, an object to all others, an error, a farewell`, async () => {
        await withGuests([Speaker, Ws, Sse].map(plain), async (speaker, a, b) => {
          await speaker.say({ type: "chat", payload: { text: "Ol\u00e1", n: [1.5, null] } });
          for (const other of [a, b])
            assert.deepEqual(await other.next(),
              { type: "chat", payload: { text: "Ol\u00e1", n: [1.5, null] }, from: IP });
          await speaker.say("{ this is no JSON");
          assert.deepEqual(await speaker.fault(), { type: "error", payload: "Invalid JSON" });
          await quiet(speaker, a, b);
          // What others say comes to it, and its own words did not.
          await a.say({ type: "chat", payload: 1 });
          assert.deepEqual(await speaker.next(), { type: "chat", payload: 1, from: IP });
          assert.deepEqual(await b.next(), { type: "chat", payload: 1, from: IP });
          await speaker.close();
          for (const other of [a, b])
            assert.deepEqual(await other.next(), { type: "system", payload: `${IP} left` });
        });
      });

    test("welcome counts those who are there, and those who left no more", async () => {
      await withGuests([Ws, Sse, Ws].map(plain), async (a, b, c, nsp) => {
        await a.close();
        assert.equal((await b.next()).type, "system");
        const again = await Ws.open(server, nsp);
        const { type, payload } = await again.next();
        assert.deepEqual([type, payload.total], ["welcome", 3]);
        await again.close();
      });
    });

    test("a sender cannot pretend to be another", async () => {
      await withGuests([Ws, Ws].map(plain), async (a, b) => {
        a.say('{"from":"192.0.2.1","type":"chat","payload":"x","from":"192.0.2.2"}');
        assert.deepEqual(await b.next(), { type: "chat", payload: "x", from: IP });
      });
    });

    test("members beside type and payload pass, and their order and digits", async () => {
      await withGuests([Ws, Ws].map(plain), async (a, b) => {
        const texts = new Inbox("texts");
        b.socket.on("message", (data) => texts.push(data.toString()));
        a.say('{"z":1.0,"type":"chat","a":{"b":12345678901234567890},"payload":"\\u0041"}');
        assert.equal(await texts.next(), '{"z":1.0,"type":"chat",'
          + `"a":{"b":12345678901234567890},"payload":"\\u0041","from":"${IP}"}`);
      });
    });

    // A browser hears them by name; what cannot be a name is a `message`.
    for (const type of ["welcome", "message", "ack", "error", "gap", "connect", "", "a\nb",
      "x".repeat(300)])
      test(`an object of type ${JSON.stringify(type.slice(0, 10))} is one like another`, async () => {
        await withGuests([Ws, Ws, Sse].map(plain), async (a, b, c) => {
          a.say({ type, payload: 1 });
          assert.deepEqual(await b.next(), { type, payload: 1, from: IP });
          await quiet(b, a);
          assert.ok(c);
        });
      });

    test("the rest of the raw dialect is there, too: rooms beside the broadcast", async () => {
      await withGuests([Ws, Sse, Ws].map(plain), async (a, b, c) => {
        a.say({ type: "join", id: 1, room: "r" });
        assert.deepEqual(await a.next(), { type: "ack", id: 1, data: { room: "r" } });
        await b.say({ type: "publish", room: "r", event: "event", data: [1] });
        const { position, ...message } = await a.next();
        assert.ok(position > 0);
        assert.deepEqual(message, { type: "message", room: "r", event: "event", data: [1],
          from: message.from, seq: 1 });
        await quiet(a, b, c);
      });
    });

    test("what is JSON and no object is refused, and the connection stays", async () => {
      await withGuests([Ws, Ws].map(plain), async (a, b) => {
        for (const text of ["5", "null", "[1]", '"x"', ""]) {
          a.say(text);
          const { type, payload } = await a.next();
          assert.deepEqual([type, typeof payload], ["error", "string"]);
        }
        await quiet(a, b);
      });
    });

    test("on a path of the caller's choice, as where the snippet has no path", async () => {
      await withServer(["--app", "workshop", "--ws-path", "/"], async (s) => {
        const socket = new WebSocket(s.url.replace("http:", "ws:"));
        const welcome = JSON.parse((await once(socket, "message")).toString());
        assert.equal(welcome.type, "welcome");
        assert.equal(welcome.payload.total, 1);
        socket.close();
        await once(socket, "close");
      });
    });
  });

  describe("snippet 2: a heartbeat that ends zombies", () => {
    const beats = ["--app", "workshop", "--ping-interval", "200", "--ping-timeout", "1500"];

    test("who answers stays; who does not is ended without a closing handshake", async () => {
      await withServer(beats, async (s) => {
        const alive = await Ws.open(s, "/");
        let pings = 0;
        alive.socket.on("ping", () => pings++);
        const zombie = new WebSocket(`${s.url.replace("http:", "ws:")}/ws`, { autoPong: false });
        const closed = once(zombie, "close");
        assert.equal((await alive.next()).type, "welcome");
        assert.equal(await closed, 1006);
        assert.deepEqual(await alive.next(), { type: "system", payload: `${IP} left` });
        await within("pings", new Promise((resolve) => alive.socket.on("ping", () =>
          pings >= 4 && resolve())));
        assert.equal(alive.socket.readyState, WebSocket.OPEN);
        const { backends } = await s.stats();
        assert.deepEqual([backends.ws.sessions, backends.ws.connections], [1, 1]);
        await alive.close();
      });
    });

    test("a browser answers by itself", async () => {
      await withServer(beats, async (s) => {
        const [a, b] = [await BrowserWs.open(s, "/"), await Ws.open(s, "/")];
        assert.equal((await a.next()).type, "welcome");
        assert.equal((await b.next()).type, "welcome");
        let pings = 0;
        await within("pings", new Promise((resolve) => b.socket.on("ping", () =>
          ++pings >= 4 && resolve())));
        await a.say({ type: "chat", payload: "here" });
        assert.equal((await b.next()).payload, "here");
        await b.close();
        await a.close();
      });
    });
  });

  describe("snippets 3 and 4: rooms and acknowledgements, socket.io-client over polling", () => {
    test("joinRoom, sendMessage, leaveRoom", async () => {
      await withGuests([socketIo({ userId: "ana" }), socketIo()], async (ana, bob) => {
        bob.emit("joinRoom", "r");
        assert.deepEqual(await bob.next(), ["notification", { text: "You joined room: r" }]);
        ana.emit("joinRoom", "r");
        assert.deepEqual(await ana.next(), ["notification", { text: "You joined room: r" }]);
        assert.deepEqual(await bob.next(), ["userJoined", { userId: "ana", room: "r" }]);
        bob.emit("sendMessage", { room: "r", text: "oi" });
        const said = ["message", { text: "oi", from: bob.socket.id, room: "r" }];
        assert.deepEqual(await bob.next(), said, "the sender is in the room");
        assert.deepEqual(await ana.next(), said);
        ana.emit("leaveRoom", "r");
        assert.deepEqual(await bob.next(), ["userLeft", { userId: "ana", room: "r" }]);
        bob.emit("sendMessage", { room: "r", text: "tchau" });
        assert.equal((await bob.next())[1].text, "tchau");
        // Sending needs no membership; nothing of the room came to ana since.
        ana.emit("sendMessage", { room: "r", text: "ainda" });
        assert.deepEqual(await bob.next(),
          ["message", { text: "ainda", from: "ana", room: "r" }]);
        assert.equal(ana.inbox.size, 0);
      });
    });

    test("auth.userId is whatever it is, unless it is null", async () => {
      const ids = [7, "", false, { name: ["\u00e1"] }];
      await withGuests([...ids, null].map((userId) => socketIo({ userId })), async (...guests) => {
        guests.pop(); // the namespace
        const reader = guests[0];
        reader.emit("joinRoom", "r");
        await reader.next();
        for (const [i, guest] of guests.entries()) {
          guest.emit("sendMessage", { room: "r", text: "oi" });
          assert.deepEqual((await reader.next())[1].from, ids[i] ?? guest.socket.id);
        }
      });
    });

    test("createOrder is acknowledged, and told to all others", async () => {
      await withGuests([socketIo(), socketIo(), socketIo()], async (a, b, c) => {
        const order = { items: ["pizza"], total: 45.9 };
        const answer = await a.ask("createOrder", order);
        assert.match(answer.orderId, /^order_\d{13}$/);
        assert.deepEqual(answer, { orderId: answer.orderId, status: "created" });
        for (const other of [b, c])
          assert.deepEqual(await other.next(), ["newOrder", { id: answer.orderId, ...order }]);
        assert.equal(a.inbox.size, 0);
      });
    });

    test("broadcast: {room, message} is `message` to the room (snippet 5)", async () => {
      await withGuests([socketIo(), socketIo()], async (a, b) => {
        b.emit("joinRoom", "r");
        await b.next();
        a.emit("broadcast", { room: "r", message: "for the room" });
        assert.deepEqual(await b.next(), ["message", "for the room"]);
      });
    });
  });

  describe("they cross", () => {
    test("an object arrives at Socket.IO as the event of its type", async () => {
      await withGuests([plain(Ws), plain(Sse), socketIo()], async (ws, sse, sio) => {
        ws.say({ type: "chat", payload: { a: 1 } });
        assert.deepEqual(await sio.next(), ["chat", { type: "chat", payload: { a: 1 }, from: IP }]);
        await sse.next();
        await sse.say({ type: "event", payload: 2, more: [3] });
        assert.deepEqual(await sio.next(),
          ["event", { type: "event", payload: 2, more: [3], from: IP }]);
        await ws.next();
        ws.say({ type: "connect", payload: 4 }); // a name that Socket.IO keeps for itself
        assert.deepEqual(await sio.next(),
          ["message", { type: "connect", payload: 4, from: IP }]);
      });
    });

    test("Socket.IO's events arrive as `message` objects, by room and to everyone", async () => {
      await withGuests([plain(Ws), plain(Sse), socketIo({ userId: "ana" })],
        async (ws, sse, sio) => {
          ws.say({ type: "join", id: 1, room: "r" });
          assert.equal((await ws.next()).type, "ack");
          await sse.say({ type: "join", room: "r" });
          sio.emit("joinRoom", "r");
          const about = ({ room, event, data, from }) => ({ room, event, data, from });
          const from = sio.socket.id;
          assert.deepEqual(about(await ws.next()),
            { room: "r", event: "userJoined", data: { userId: "ana", room: "r" }, from });
          sio.emit("sendMessage", { room: "r", text: "oi" });
          for (const guest of [ws, sse])
            assert.deepEqual(about(await guest.next()), { room: "r", event: "message",
              data: { text: "oi", from: "ana", room: "r" }, from });
          const { orderId } = await sio.ask("createOrder", { items: [], total: 0 });
          assert.deepEqual(about(await ws.next()), { room: "", event: "newOrder",
            data: { id: orderId, items: [], total: 0 }, from });
        });
    });

    test("a raw client's publish reaches the room of Socket.IO, and its farewell", async () => {
      await withGuests([plain(Ws), socketIo()], async (ws, sio) => {
        sio.emit("joinRoom", "r");
        assert.equal((await sio.next())[0], "notification");
        ws.say({ type: "publish", id: 1, room: "r", event: "news", data: [1] });
        assert.equal((await ws.next()).type, "ack");
        const [name, data] = await sio.next();
        assert.deepEqual([name, data], ["news", [1]]);
        await ws.close();
        assert.deepEqual(await sio.next(),
          ["system", { type: "system", payload: `${IP} left` }]);
      });
    });
  });
});
