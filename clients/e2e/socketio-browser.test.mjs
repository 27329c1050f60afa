// SPDX-License-Identifier: MIT
// The official bundles of socket.io-client and engine.io-client in Chromium,
// from a page of another origin. The first one comes from the server itself.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Browser } from "./lib/browser.mjs";
import { Cable } from "./lib/cable.mjs";
import { freshRoom } from "./lib/clients.mjs";
import { until } from "./lib/inbox.mjs";
import { Server, withServer } from "./lib/server.mjs";

const PING_MS = 45000; // the defaults of --ping-interval and --ping-timeout

const bundle = (name) => fileURLToPath(new URL(`node_modules/${name}`, import.meta.url));
const ways = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
};

describe("chromium and Engine.IO, Socket.IO", () => {
  let browser, server, echo;

  before(async () => {
    browser = await Browser.start();
    server = await Server.start(["--recovery-window", "60000"]);
    echo = await Server.start(["--app", "echo"]);
  });
  after(async () => {
    await browser.close();
    await server.stop();
    await echo.stop();
  });

  const inPage = (body, args) => browser.withPage(async (page) => {
    await page.addScriptTag({ url: `${server.url}/socket.io/socket.io.js` });
    await page.addScriptTag({ path: bundle("engine.io-client/dist/engine.io.min.js") });
    await page.addScriptTag({ content: `(${helpers})()` });
    return typeof args === "function" ? args(page) : page.evaluate(body, args);
  });
  // `body` drives the page itself.
  const withPage = (body) => inPage(null, body);

  test("the bundle is the official one", async () => {
    const response = await fetch(`${server.url}/socket.io/socket.io.js`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type"), /^(text|application)\/javascript/);
    const text = await response.text();
    const names = ["socket.io.js", "socket.io.min.js"];
    assert.ok(names.some((name) => text ===
      readFileSync(bundle(`socket.io-client/dist/${name}`), "utf8")), text.slice(0, 200));
  });

  for (const [way, transports] of Object.entries(ways)) {
    describe(way, () => {
      test("engine.io-client: text and bytes come back, in order", async () => {
        assert.deepEqual(await inPage(async ({ url, way: w, transports: t }) => {
          const socket = eio(url, { transports: t });
          const got = collected(socket, "message");
          await told(socket, "open");
          if (w === "upgrade")
            await told(socket, "upgrade");
          const sent = Array.from({ length: 60 }, (_, i) => (i % 3 === 2
            ? new Uint8Array([i, 255, 0]).buffer : `${i} \u00e9\ud83d\ude00`));
          sent.push("x".repeat(200000));
          sent.forEach((one) => socket.send(one));
          const back = [];
          for (const _ of sent)
            back.push((await got.next())[0]);
          const show = (one) => (typeof one === "string" ? one
            : `bytes ${new Uint8Array(one)}`);
          const wrong = sent.findIndex((one, i) => show(one) !== show(back[i]));
          const { name } = socket.transport;
          const closed = told(socket, "close");
          socket.close();
          return { wrong, name, closed: await closed };
        }, { url: echo.url, way, transports }),
        { wrong: -1, name: transports.at(-1), closed: "forced close" });
        await until("the session's end", async () =>
          (await echo.stats()).backends.longpoll.connections === 0);
      });

      test("socket.io-client: auth, events, acks, bytes, namespaces", async () => {
        const { auth, back, ack, error, name } = await inPage(
          async ({ url, way: w, transports: t }) => {
            const socket = io(`${url}/custom`, { transports: t, forceNew: true,
              auth: { token: "\u00e9" } });
            const auths = collected(socket, "auth");
            const backs = collected(socket, "message-back");
            await told(socket, "connect");
            const { engine } = socket.io;
            if (w === "upgrade" && engine.transport.name !== "websocket")
              await told(engine, "upgrade");
            socket.emit("message", 1, { b: new Uint8Array([1, 2]) });
            const [number, { b }] = await backs.next();
            const none = socket.io.socket("/none");
            const refused = told(none, "connect_error");
            none.connect();
            const answer = {
              auth: (await auths.next())[0],
              back: [number, ...new Uint8Array(b)],
              ack: await within("the ack", socket.emitWithAck("message-with-ack", "x")),
              error: (await refused).message,
              name: engine.transport.name,
            };
            socket.disconnect();
            none.disconnect();
            return answer;
          }, { url: echo.url, way, transports });
        assert.deepEqual(auth, { token: "é" });
        assert.deepEqual(back, [1, 1, 2]);
        assert.equal(ack, "x");
        assert.equal(error, "Invalid namespace");
        assert.equal(name, transports.at(-1));
      });

      test("socket.io-client: a room, in the order of its numbers", async () => {
        const room = freshRoom();
        await withPage(async (page) => {
          await page.evaluate(({ url, transports: t, room: r }) => {
            window.socket = io(url, { transports: t, forceNew: true });
            window.seen = [];
            socket.on("tick", (data, { seq }) => seen.push([data, seq]));
            return within("the join", socket.emitWithAck("join", r));
          }, { url: server.url, transports, room });
          for (let i = 1; i <= 50; i++)
            await server.publish(room, String(i), "&event=tick");
          await until("all of them", () => page.evaluate(() => seen.length >= 50));
          assert.deepEqual(await page.evaluate(() => seen),
            Array.from({ length: 50 }, (_, i) => [i + 1, i + 1]));
        });
      });

      for (const withCredentials of [true, false])
        test(`withCredentials ${withCredentials}: the cookie`, () =>
          withServer(["--cookie", "io"], (own) => withPage(async (page) => {
            const cookies = [];
            const watch = async (request) => {
              if (request.url().startsWith(own.url) && request.method() !== "OPTIONS")
                cookies.push((await request.allHeaders()).cookie ?? "");
            };
            page.on("request", watch);
            try {
              const name = await page.evaluate(async (options) => {
                const socket = io(options.url, { ...options, forceNew: true });
                await told(socket, "connect");
                if (options.transports.length > 1 &&
                    socket.io.engine.transport.name === "polling")
                  await told(socket.io.engine, "upgrade");
                await within("the ack", socket.emitWithAck("join", "r"));
                const used = socket.io.engine.transport.name;
                socket.disconnect();
                return used;
              }, { url: own.url, transports, withCredentials });
              assert.equal(name, transports.at(-1));
              if (transports.includes("polling"))
                await until("requests with and without a cookie", () => cookies.length >= 3);
              assert.equal(cookies.some((c) => /^io=[\w-]{20}$/.test(c)),
                withCredentials && transports.includes("polling"), cookies.join());
            } finally {
              page.off("request", watch);
              await page.context().clearCookies();
            }
          })));

      test("recovery after a cut: id, rooms, what was missed", async () => {
        const cable = await Cable.lay(server);
        const room = freshRoom();
        try {
          await withPage(async (page) => {
            const id = await page.evaluate(async ({ url, way: w, transports: t, room: r }) => {
              window.socket = io(url, { transports: t, forceNew: true,
                reconnectionDelay: 50, reconnectionDelayMax: 100 });
              window.log = [];
              socket.on("connect", () => log.push(`connect ${socket.recovered}`));
              socket.on("disconnect", (reason) => log.push(`disconnect ${reason}`));
              socket.on("tick", (data) => log.push(data));
              await told(socket, "connect");
              if (w === "upgrade" && socket.io.engine.transport.name === "polling")
                await told(socket.io.engine, "upgrade");
              await within("the join", socket.emitWithAck("join", r));
              return socket.id;
            }, { url: cable.url, way, transports, room });
            const log = () => page.evaluate(() => log);
            const logged = (count) => until(`${count} lines`, async () =>
              (await log()).length >= count);
            await server.publish(room, "0", "&event=tick");
            await logged(2);
            cable.pull();
            await logged(3);
            // At once, but for a session that is cut between two polls: its ping finds it.
            await until("the server knows", async () =>
              (await server.stats()).sessions === 0, 2 * PING_MS);
            for (const n of ["1", "2"])
              await server.publish(room, n, "&event=tick");
            cable.plug();
            await logged(6);
            await server.publish(room, "3", "&event=tick");
            await logged(7);
            assert.deepEqual(await log(), ["connect false", 0,
              `disconnect transport ${way === "polling" ? "error" : "close"}`,
              1, 2, "connect true", 3]);
            assert.equal(await page.evaluate(() => socket.id), id);
          });
        } finally {
          cable.close();
        }
      });
    });
  }

  test("a refusal's data, and the token that helps", async () => {
    assert.deepEqual(await inPage(async (url) => {
      const socket = io(`${url}/private`, { forceNew: true });
      const { message, data } = await told(socket, "connect_error");
      socket.auth = { token: 1 };
      socket.connect();
      await told(socket, "connect");
      const gone = told(socket, "disconnect");
      socket.disconnect();
      return { message, data, gone: await gone };
    }, server.url), { message: "unauthorized", data: { code: 401 },
      gone: "io client disconnect" });
  });
});

// What the pages' code may use besides lib/browser.mjs: the clients' events
// are those of component-emitter. It runs in the browser.
function helpers() {
  window.told = (emitter, name) => within(`"${name}"`,
    new Promise((resolve) => emitter.once(name, resolve)));

  window.collected = (emitter, name) => {
    const items = [];
    const readers = [];
    emitter.on(name, (...args) =>
      (readers.length > 0 ? readers.shift()(args) : items.push(args)));
    return {
      next: () => (items.length > 0 ? Promise.resolve(items.shift())
        : within(name, new Promise((resolve) => readers.push(resolve)))),
    };
  };
}
