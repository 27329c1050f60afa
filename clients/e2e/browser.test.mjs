// SPDX-License-Identifier: MIT
// Chromium against the server, from pages of another origin: what a browser
// makes of the WebSocket, the event stream and the POST.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Browser } from "./lib/browser.mjs";
import { freshRoom } from "./lib/clients.mjs";
import { until } from "./lib/inbox.mjs";
import { Relay } from "./lib/relay.mjs";
import { Server, withServer } from "./lib/server.mjs";

const ws = (server, query = "") => `${server.url.replace("http:", "ws:")}/ws${query}`;

describe("chromium", () => {
  let browser;

  before(async () => {
    browser = await Browser.start();
  });
  after(() => browser.close());

  // `body` runs in a page; `args` goes along.
  const inPage = (body, args, origin) =>
    browser.withPage((page) => page.evaluate(body, args), origin);

  describe("WebSocket", () => {
    let server, echo;

    before(async () => {
      server = await Server.start(["--deflate"]);
      echo = await Server.start(["--app", "echo", "--deflate", "--max-payload", "20000000"]);
    });
    after(async () => {
      await server.stop();
      await echo.stop();
    });

    test("permessage-deflate is agreed on, and the subprotocol", async () => {
      const seen = await inPage(async (url) => {
        const socket = new WebSocket(url, ["other", "pushmark.v1"]);
        await event(socket, "open");
        const { extensions, protocol } = socket;
        socket.close();
        return { extensions, protocol };
      }, ws(server));
      assert.match(seen.extensions, /^permessage-deflate\b/);
      assert.equal(seen.protocol, "pushmark.v1");
    });

    test("without --deflate there is no extension", async () => {
      await withServer([], async (plain) => {
        assert.equal(await inPage(async (url) => {
          const socket = new WebSocket(url);
          await event(socket, "open");
          return socket.extensions;
        }, ws(plain)), "");
      });
    });

    test("text, binary, empty and large ones are echoed, compressed or not", async () => {
      assert.deepEqual(await inPage(async (url) => {
        const socket = new WebSocket(url);
        const got = collect(socket, "message", "close");
        const noise = new Uint8Array(1 << 20);
        for (let at = 0; at < noise.length; at += 65536)
          crypto.getRandomValues(noise.subarray(at, at + 65536));
        const small = ["", "a", "h\u00e9\u2028\ud83d\ude00", new Uint8Array(0),
          new Uint8Array([0, 255])];
        const large = ["z".repeat(4 << 20), noise, new Uint8Array(2 << 20)];
        const wrong = [];
        const check = async (one) => {
          const { data } = await got.next();
          const same = typeof one === "string" ? one === data
            : data instanceof ArrayBuffer && data.byteLength === one.length
              && new Uint8Array(data).every((byte, i) => byte === one[i]);
          if (!same)
            wrong.push(one.length);
        };
        socket.binaryType = "arraybuffer";
        await event(socket, "open");
        small.forEach((one) => socket.send(one));
        for (const one of small)
          await check(one);
        // One at a time: the server's queue for a client has its bound.
        for (const one of large) {
          socket.send(one);
          await check(one);
        }
        socket.close(1000, "done");
        const { code, wasClean } = await event(socket, "close");
        return { wrong, code, wasClean };
      }, ws(echo)), { wrong: [], code: 1000, wasClean: true });
    });

    test("rooms: a message to two pages and to itself, compressed", async () => {
      const room = freshRoom();
      const text = "compressible ".repeat(100);
      const got = await inPage(async ({ url, text }) => {
        const sockets = [new WebSocket(url), new WebSocket(url)];
        const inboxes = sockets.map((s) => collect(s, "message"));
        for (const inbox of inboxes)
          await inbox.next(); // the welcome
        sockets[0].send(JSON.stringify({ type: "publish", id: 1,
          room: new URL(url).searchParams.get("room"), event: "e", data: text }));
        const first = [await inboxes[0].next(), await inboxes[0].next()];
        const all = [...first, await inboxes[1].next()].map((e) => JSON.parse(e.data));
        return { kinds: first.map((e) => JSON.parse(e.data).type).sort(),
          data: all.filter((o) => o.type === "message").map((o) => o.data === text) };
      }, { url: ws(server, `?room=${room}`), text });
      assert.deepEqual(got, { kinds: ["ack", "message"], data: [true, true] });
    });

    test("the server's close codes arrive", async () => {
      await withServer(["--app", "echo", "--max-payload", "1000"], async (s) => {
        assert.equal(await inPage(async (url) => {
          const socket = new WebSocket(url);
          await event(socket, "open");
          socket.send("x".repeat(1001));
          return (await event(socket, "close")).code;
        }, ws(s)), 1009);
      });
      const s = await Server.start();
      const code = inPage(async (url) => {
        const socket = new WebSocket(url);
        const closed = event(socket, "close");
        await event(socket, "message");
        return (await closed).code;
      }, ws(s));
      await until("the connection", async () =>
        (await s.stats()).backends.ws.connections === 1);
      await s.stop();
      assert.ok([1001, 1012].includes(await code), String(await code));
    });

    test("pings are answered by the browser, so that it stays", async () => {
      await withServer(["--ping-interval", "50", "--ping-timeout", "5000"], async (s) => {
        await browser.withPage(async (page) => {
          await page.evaluate(async (url) => {
            window.socket = new WebSocket(url);
            window.closes = collect(socket, "close");
            await event(socket, "message");
          }, ws(s, "?room=a"));
          await new Promise((resolve) => setTimeout(resolve, 500));
          await s.publish("a", "1");
          assert.deepEqual(await page.evaluate(async () =>
            [socket.readyState, closes.items.length]), [1, 0]);
        });
      });
    });
  });

  describe("EventSource", () => {
    let server;

    before(async () => {
      server = await Server.start(["--retry", "50"]);
    });
    after(() => server.stop());

    test("named events of another origin, with and without credentials", async () => {
      for (const withCredentials of [false, true]) {
        const room = freshRoom();
        await browser.withPage(async (page) => {
          const welcome = await page.evaluate(async ({ url, withCredentials }) => {
            const source = new EventSource(url, { withCredentials });
            window.inbox = collect(source, "price change", "message");
            const e = await event(source, "welcome");
            return { object: JSON.parse(e.data), id: e.lastEventId, origin: e.origin };
          }, { url: `${server.url}/sse?room=${room}`, withCredentials });
          const { epoch, position } = welcome.object.payload;
          assert.equal(welcome.id, `${epoch}-${position}`);
          assert.equal(welcome.origin, server.url);
          await server.publish(room, '{"a":"\u2028"}', "&event=price%20change");
          await server.publish(room, "[1,\n2,\r\n3]");
          const got = await page.evaluate(async () => {
            const two = [await inbox.next(), await inbox.next()];
            return two.map((e) => [e.type, JSON.parse(e.data), e.lastEventId]);
          });
          assert.deepEqual(got.map(([type, object]) => [type, object.event, object.data]), [
            ["price change", "price change", { a: "\u2028" }], ["message", "message", [1, 2, 3]]]);
          for (const [, object, id] of got)
            assert.equal(id, `${epoch}-${object.position}`);
        });
      }
    });

    // The server may not know of a cut before the browser comes back.
    test("a stream that is cut goes on by itself: nothing lost, nothing twice", async () => {
      const [a, b] = [freshRoom(), freshRoom()];
      const relay = await Relay.open(server);
      const CUTS = 5;
      const EACH = 40;
      await browser.withPage(async (page) => {
        await page.evaluate(async (url) => {
          const source = new EventSource(url);
          window.heard = [];
          window.gaps = [];
          window.opened = 0;
          source.onopen = () => opened++;
          source.addEventListener("message", (e) => {
            const { room, seq } = JSON.parse(e.data);
            heard.push([room, seq]);
          });
          source.addEventListener("gap", (e) => gaps.push(e.data));
          await event(source, "welcome");
        }, `${relay.url}/sse?room=${a}&room=${b}`);
        for (let cut = 0; cut <= CUTS; cut++) {
          for (let i = 0; i < EACH; i++) {
            await server.publish(i % 2 ? a : b, JSON.stringify("x".repeat(500)));
            if (cut < CUTS && i === EACH / 2)
              relay.cut();
          }
          await until("the stream again", () => page.evaluate(
            (n) => opened > n, Math.min(cut + 1, CUTS)));
        }
        await until("all of them", () => page.evaluate((n) => heard.length >= n,
          (CUTS + 1) * EACH));
        const { heard, gaps } = await page.evaluate(() => ({ heard, gaps }));
        const seqs = Array.from({ length: (CUTS + 1) * EACH / 2 }, (_, i) => i + 1);
        for (const room of [a, b])
          assert.deepEqual(heard.filter((h) => h[0] === room).map((h) => h[1]), seqs);
        assert.deepEqual(gaps, []);
        assert.equal(relay.connections, CUTS + 1);
      });
      relay.close();
    });

    // Chromium's own time is 3 s; other tests show that it can be shorter.
    test("retry: is honoured, by when the browser comes back", async () => {
      await withServer(["--retry", "3500"], async (s) => {
        const relay = await Relay.open(s);
        const waited = await browser.withPage(async (page) => {
          await page.evaluate(async (url) => {
            window.source = new EventSource(url);
            await event(source, "welcome");
            source.addEventListener("error", () => (window.lost = performance.now()));
          }, `${relay.url}/sse`);
          relay.cut();
          return page.evaluate(async () => {
            await event(source, "welcome");
            return performance.now() - lost;
          });
        });
        relay.close();
        assert.ok(waited >= 3400, `${waited} ms`);
      });
    });

    test("a server that was started again tells of the gap", async () => {
      const first = await Server.start(["--retry", "50"]);
      await browser.withPage(async (page) => {
        await page.evaluate(async (url) => {
          window.source = new EventSource(url);
          window.gaps = collect(source, "gap");
          window.messages = collect(source, "message");
          await event(source, "welcome");
        }, `${first.url}/sse?room=a`);
        await first.publish("a", "1");
        await page.evaluate(() => messages.next().then(() => {}));
        await first.stop();
        await withServer(["--retry", "50", "--port", String(first.port)], async (second) => {
          const gap = JSON.parse(await page.evaluate(async () => (await gaps.next()).data));
          assert.equal(gap.type, "gap");
          assert.equal(gap.room, "a");
          await second.publish("a", "2");
          assert.equal(await page.evaluate(async () =>
            JSON.parse((await messages.next()).data).data), 2);
          await page.evaluate(() => source.close());
        });
      });
    });

    test("a refused stream is given up: 400, 403", async () => {
      for (const query of ["?room=", "?nsp=/private"])
        assert.equal(await inPage(async (url) => {
          const source = new EventSource(url);
          await event(source, "error");
          return source.readyState;
        }, `${server.url}/sse${query}`), 2);
    });

    test("six streams to one host are open, the seventh waits for one to close", async () => {
      const connections = async () => (await server.stats()).backends.sse.connections;
      await until("no stream", async () => await connections() === 0);
      await browser.withPage(async (page) => {
        await page.evaluate(async (url) => {
          window.sources = Array.from({ length: 7 }, () => new EventSource(url));
          window.open = () => sources.filter((s) => s.readyState === 1).length;
          await Promise.all(sources.slice(0, 6).map((s) => event(s, "welcome")));
        }, `${server.url}/sse`);
        // WebSockets are counted by themselves: ten more are open.
        assert.equal(await page.evaluate(async (url) => {
          window.sockets = Array.from({ length: 10 }, () => new WebSocket(url));
          await Promise.all(sockets.map((s) => event(s, "open")));
          return sockets.filter((s) => s.readyState === 1).length;
        }, ws(server)), 10);
        assert.equal(await page.evaluate(() => open()), 6);
        assert.equal(await page.evaluate(() => sources[6].readyState), 0);
        assert.equal(await connections(), 6);
        await page.evaluate(async () => {
          const seventh = event(sources[6], "welcome");
          sources[2].close();
          await seventh;
        });
        assert.equal(await page.evaluate(() => open()), 6);
      });
      await until("the pages' streams are gone", async () => await connections() === 0);
    });

    test("commands by fetch: acks, errors, 204, 404", async () => {
      const room = freshRoom();
      const got = await inPage(async ({ url, room }) => {
        const source = new EventSource(`${url}/sse`, { withCredentials: true });
        const inbox = collect(source, "greeting");
        const { sid } = JSON.parse((await event(source, "welcome")).data).payload;
        const post = async (object, to = sid, headers = {}) => {
          const response = await fetch(`${url}/sse/${to}`, { method: "POST", headers,
            credentials: "include", body: typeof object === "string" ? object
              : JSON.stringify(object) });
          return [response.status, await response.text()];
        };
        const answers = [
          await post({ type: "join", id: 1, room }),
          await post({ type: "publish", id: "two", room, event: "greeting", data: [1.50] }),
          await post({ type: "publish", room, event: "greeting", data: 2 }, sid,
            { "Content-Type": "application/json" }), // asks OPTIONS first
          await post({ type: "publish", id: 4, room, event: "", data: 2 }),
          await post("{"),
          await post({ type: "join", id: 1, room }, "nobody"),
        ];
        const events = [await inbox.next(), await inbox.next()]
          .map((e) => JSON.parse(e.data).data);
        source.close();
        return { answers, events };
      }, { url: server.url, room });
      const [join, publish, quiet, refused, garbage, nobody] = got.answers;
      assert.deepEqual(join, [200, `{"type":"ack","id":1,"data":{"room":"${room}"}}`]);
      assert.deepEqual(publish, [200, '{"type":"ack","id":"two","data":{"seq":1}}']);
      assert.deepEqual(quiet, [204, ""]);
      assert.equal(refused[0], 400);
      assert.deepEqual({ ...JSON.parse(refused[1]), payload: "" },
        { type: "error", id: 4, payload: "" });
      assert.deepEqual(garbage, [400, '{"type":"error","payload":"Invalid JSON"}']);
      assert.equal(nobody[0], 404);
      assert.ok(JSON.parse(nobody[1]).error);
      assert.deepEqual(got.events, [[1.5], 2]);
    });

    test("POST /publish from a page", async () => {
      const room = freshRoom();
      assert.deepEqual(await inPage(async (url) => {
        const response = await fetch(url, { method: "POST", body: "{\"a\":1}",
          headers: { "Content-Type": "application/json" } });
        return [response.status, await response.json()];
      }, `${server.url}/publish?room=${room}`), [200, { seq: 1 }]);
    });
  });

  describe("--origin", () => {
    let server, listed, other;

    before(async () => {
      [listed, other] = [await browser.anotherOrigin(), await browser.anotherOrigin()];
      server = await Server.start(["--origin", `https://x.example,${listed}`]);
    });
    after(() => server.stop());

    // What a page of that origin can do.
    const able = (origin) => inPage(async (url) => {
      const socket = new WebSocket(`${url.replace("http:", "ws:")}/ws`);
      const source = new EventSource(`${url}/sse`);
      const settled = (target, good) => Promise.race([
        event(target, good).then(() => true), event(target, "error").then(() => false)]);
      const [streams, webSocket] = await Promise.all([
        settled(source, "welcome"), settled(socket, "message")]);
      source.close();
      socket.close();
      const fetches = await fetch(`${url}/publish?room=a`, { method: "POST", body: "1" })
        .then((response) => response.status, () => "no answer to be read");
      return { streams, webSocket, fetches };
    }, server.url, origin);

    test("a page of a listed origin may do all", async () => {
      assert.deepEqual(await able(listed),
        { streams: true, webSocket: true, fetches: 200 });
    });

    test("a page of another origin may do nothing", async () => {
      const { published } = await server.stats();
      assert.deepEqual(await able(other),
        { streams: false, webSocket: false, fetches: "no answer to be read" });
      assert.equal((await server.stats()).published, published);
    });

    test("a page without an origin is `null`, and not listed", async () => {
      const seen = await browser.withPage((page) => page.evaluate(async (url) => {
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts";
        frame.srcdoc = `<script>
          const s = new WebSocket("${url.replace("http:", "ws:")}/ws");
          s.onmessage = () => parent.postMessage("welcome", "*");
          s.onerror = () => parent.postMessage("error", "*");
        </script>`;
        const told = event(window, "message");
        document.body.append(frame);
        return (await told).data;
      }, server.url), listed);
      assert.equal(seen, "error");
    });
  });
});
