// SPDX-License-Identifier: MIT
// The lab page in Chromium: three panels, one room.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { Browser } from "./lib/browser.mjs";
import { until } from "./lib/inbox.mjs";
import { Server } from "./lib/server.mjs";

const PANELS = ["ws", "io", "sse"];

class Lab {
  // `prepare` gets the page before it loads.
  static async open(browser, url, prepare) {
    const lab = new Lab();
    lab.context = await browser.chromium.newContext();
    lab.page = await lab.context.newPage();
    lab.faults = [];
    lab.requests = [];
    lab.page.on("pageerror", (error) => lab.faults.push(String(error)));
    lab.page.on("console", (message) => {
      if (message.type() === "error")
        lab.faults.push(message.text());
    });
    lab.page.on("request", (request) => lab.requests.push(request.url()));
    await prepare?.(lab.page);
    await lab.page.goto(url);
    return lab;
  }

  panel(name) {
    return this.page.locator(`.panel[data-protocol=${name}]`);
  }

  state(name) {
    return this.panel(name).locator(".state").textContent();
  }

  figure(name, which) {
    return this.panel(name).locator(`[data-figure=${which}]`).textContent();
  }

  texts(name) {
    return this.panel(name).locator(".messages .text").allTextContents();
  }

  async live(...names) {
    for (const name of names)
      await until(`panel ${name} is live`, async () =>
        /^open/.test(await this.state(name)));
  }

  async send(name, text) {
    const input = this.panel(name).locator("input[name=text]");
    await input.fill(text);
    await input.press("Enter");
  }

  async has(name, expected) {
    await until(`panel ${name} shows ${expected.length} messages`, async () =>
      (await this.texts(name)).length >= expected.length);
    assert.deepEqual(await this.texts(name), expected);
  }

  async toggle(name) {
    await this.panel(name).locator(".cut").click();
  }

  async transport(name) {
    await this.panel("io").locator("select").selectOption(name);
    await this.live("io");
  }
}

describe("the lab page", () => {
  let browser, server, lab;

  before(async () => {
    browser = await Browser.start();
    server = await Server.start(["--recovery-window", "60000"]);
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });
  let rooms = 0;
  beforeEach(async () => {
    lab = await Lab.open(browser, `${server.url}/?room=lab${rooms++}`);
    await lab.live(...PANELS);
  });
  afterEach(async () => {
    assert.deepEqual(lab.faults, []);
    await lab.context.close();
  });

  test("is typed in one panel and read in all, in one order", async () => {
    const sent = [];
    for (const name of [...PANELS, ...PANELS]) {
      sent.push(`${sent.length} from ${name}`);
      await lab.send(name, sent.at(-1));
      for (const reader of PANELS)
        await lab.has(reader, sent);
    }
  });

  test("shows raw bytes, latency and bytes a message", async () => {
    await lab.send("sse", "Grüße");
    for (const name of PANELS)
      await lab.has(name, ["Grüße"]);
    for (const name of PANELS) {
      const raw = await lab.panel(name).locator(".wire").textContent();
      assert.match(raw, /"text":"Grüße"/, name);
      await until(`${name} has figures`, async () =>
        await lab.figure(name, "received") === "1");
      assert.match(await lab.figure(name, "last"), /^\d+(\.\d)? ms$/);
      assert.match(await lab.figure(name, "median"), /^\d+(\.\d)? ms$/);
      assert.ok(Number(await lab.figure(name, "bytes")) > 100, name);
    }
    const sse = await lab.panel("sse").locator(".wire").textContent();
    assert.match(sse, /event: message\ndata: \{.*"text":"Grüße".*\}\n\n/);
    assert.match(sse, /POST \/sse\/\S+, head \d{3,} B/);
    const io = await lab.panel("io").locator(".wire").textContent();
    assert.match(io, /42\["message",\{"text":"Grüße"/);
  });

  for (const transport of ["polling", "websocket", "upgrade"])
    test(`Socket.IO goes over ${transport}`, async () => {
      await lab.transport(transport);
      const name = transport === "upgrade" ? "websocket" : transport;
      await until(`the state says ${name}`, async () =>
        await lab.state("io") === `open, ${name}`);
      await lab.send("io", transport);
      for (const reader of PANELS)
        await lab.has(reader, [transport]);
    });

  test("an upgrade that ends late says nothing of the next connection", async () => {
    const sockets = [];
    // Holds what the server says to each WebSocket until it is let through.
    const hold = (page) => page.routeWebSocket(/socket\.io/, (socket) => {
      const held = { waiting: [], closed: false, pass() {
        held.waiting.splice(0).forEach((message) => socket.send(message));
        held.passes = true;
      } };
      const peer = socket.connectToServer();
      sockets.push(held);
      peer.onMessage((message) => (held.passes ? socket.send(message)
        : held.waiting.push(message)));
      socket.onClose(() => {
        held.closed = true;
        peer.close();
      });
    });
    const other = await Lab.open(browser, `${server.url}/?room=held`, hold);
    await other.live("io");
    await until("the probe is answered", () => sockets[0]?.waiting.length > 0);
    await other.panel("io").locator("select").selectOption("websocket");
    await until("the next WebSocket is open", () => sockets[1]?.waiting.length > 0);
    sockets[0].pass();
    await until("the first is over", () => sockets[0].closed);
    assert.equal(await other.state("io"), "connecting");
    sockets[1].pass();
    await until("the panel is live", async () =>
      await other.state("io") === "open, websocket");
    assert.deepEqual(other.faults, []);
    await other.context.close();
  });

  for (const name of PANELS)
    test(`${name} is cut, misses messages, and gets them when it resumes`, async () => {
      const other = name === "ws" ? "sse" : "ws";
      await lab.send(name, "before");
      for (const reader of PANELS)
        await lab.has(reader, ["before"]);
      await lab.toggle(name);
      assert.equal(await lab.state(name), "cut");
      const missed = ["missed 1", "missed 2", "missed 3"];
      for (const text of missed)
        await lab.send(other, text);
      await lab.has(other, ["before", ...missed]);
      assert.deepEqual(await lab.texts(name), ["before"]);
      await lab.toggle(name);
      await lab.live(name);
      await until(`${name} has all`, async () =>
        await lab.figure(name, "replayed") === "3");
      assert.deepEqual((await lab.texts(name)).filter((text) =>
        !text.startsWith("recovered")), ["before", ...missed]);
      await lab.send(other, "after");
      await until(`${name} is live again`, async () =>
        (await lab.texts(name)).at(-1) === "after");
    });

  test("streams at a rate and counts afresh", async () => {
    await lab.page.selectOption("#rate", "20");
    for (const name of PANELS)
      await until(`${name} gets the stream`, async () =>
        Number(await lab.figure(name, "received")) >= 5);
    await lab.page.selectOption("#rate", "0");
    await lab.page.click("#clear");
    for (const name of PANELS)
      await until(`${name} counts from 0`, async () =>
        Number(await lab.figure(name, "received")) < 5);
  });

  test("moves to another room", async () => {
    await lab.page.fill("#room", `elsewhere${rooms}`);
    await lab.page.press("#room", "Enter");
    await lab.page.locator("#room").blur();
    await lab.live(...PANELS);
    await until("all are there", async () => {
      const { rooms: count } = await server.stats();
      return count >= 1;
    });
    for (const name of PANELS) {
      await until(`${name} is heard by all`, async () => {
        await lab.send(name, `hello ${name}`);
        const all = await Promise.all(PANELS.map((p) => lab.texts(p)));
        return all.every((texts) => texts.includes(`hello ${name}`));
      });
    }
  });

  test("loads nothing from elsewhere", () => {
    const own = [server.url, server.url.replace("http:", "ws:"), "data:"];
    for (const url of lab.requests)
      assert.ok(own.some((prefix) => url.startsWith(prefix)), url);
    assert.ok(lab.requests.length > 5);
  });

  test("its files have types and are not cached blindly", async () => {
    const expected = {
      "/": "text/html; charset=utf-8",
      "/lab/lab.css": "text/css; charset=utf-8",
      "/lab/main.js": "text/javascript; charset=utf-8",
      "/socket.io/socket.io.js": "text/javascript; charset=utf-8",
    };
    for (const [path, type] of Object.entries(expected)) {
      const answer = await fetch(server.url + path);
      assert.equal(answer.status, 200, path);
      assert.equal(answer.headers.get("content-type"), type);
      assert.equal(answer.headers.get("cache-control"), "no-cache");
      assert.ok((await answer.text()).length > 500);
      assert.equal((await fetch(server.url + path, { method: "POST" })).status, 405);
    }
  });
});
