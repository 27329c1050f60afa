// SPDX-License-Identifier: MIT
// What the published protocols of Engine.IO 4 and Socket.IO 5 ask of a server,
// case by case, over polling and over WebSocket, with nothing but fetch and a
// WebSocket. The endpoint is the echo app's.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { Inbox, once, until, within } from "./lib/inbox.mjs";
import { Server } from "./lib/server.mjs";

const INTERVAL = 300;
const TIMEOUT = 200;
const SEPARATOR = "\x1e";
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let server;

before(async () => {
  server = await Server.start(["--app", "echo",
    "--ping-interval", String(INTERVAL), "--ping-timeout", String(TIMEOUT)]);
});
after(() => server.stop());

const address = (path, query) => `${server.url}${path}?${new URLSearchParams(query)}`;
const get = (path, query, options) => fetch(address(path, query), options);

// A WebSocket whose messages, and in the end "closed", are read one by one.
function webSocket(path, query) {
  const socket = new WebSocket(address(path, query).replace("http", "ws"));
  const inbox = new Inbox("the WebSocket");
  socket.on("message", (data, binary) => inbox.push(binary ? data : data.toString()));
  socket.on("close", () => inbox.push("closed"));
  socket.on("error", () => {});
  return { socket, inbox, next: () => inbox.next(), send: (...packets) =>
    packets.forEach((packet) => socket.send(packet)), close: () => socket.terminate() };
}

// Both transports as {open packet, send(packet...), next(), close()}; pings are
// answered and kept out of sight, unless `pings` says to show them.
const links = {
  async polling(path, { pings = false } = {}) {
    const query = { EIO: 4, transport: "polling" };
    const handshake = await get(path, query);
    assert.equal(handshake.status, 200);
    const open = JSON.parse((await handshake.text()).slice(1));
    query.sid = open.sid;
    const packets = [];
    const link = {
      open,
      async send(...list) {
        const response = await get(path, query, { method: "POST",
          body: list.map((p) => (typeof p === "string" ? p
            : `b${p.toString("base64")}`)).join(SEPARATOR) });
        assert.equal(response.status, 200);
        assert.equal(await response.text(), "ok");
      },
      async next() {
        for (;;) {
          while (packets.length > 0) {
            const packet = packets.shift();
            if (packet === "2" && !pings)
              await link.send("3");
            else if (packet === "1")
              return "closed";
            else if (packet !== "6")
              return packet[0] === "b" ? Buffer.from(packet.slice(1), "base64") : packet;
          }
          const response = await get(path, query);
          if (response.status !== 200)
            return "closed";
          packets.push(...(await response.text()).split(SEPARATOR));
        }
      },
      close: () => get(path, query, { method: "POST", body: "1" }),
    };
    return link;
  },

  async websocket(path, { pings = false } = {}) {
    const w = webSocket(path, { EIO: 4, transport: "websocket" });
    const first = await w.next();
    assert.equal(first[0], "0");
    return {
      ...w,
      open: JSON.parse(first.slice(1)),
      async next() {
        for (;;) {
          const packet = await w.next();
          if (packet !== "2" || pings)
            return packet;
          w.send("3");
        }
      },
    };
  },
};

const overBoth = (name, body) => {
  for (const [transport, open] of Object.entries(links))
    test(`${name}: ${transport}`, () => body(open, transport));
};

describe("Engine.IO 4", () => {
  const PATH = "/engine.io/";
  const openEngine = (open, options) => open(PATH, options);

  describe("handshake", () => {
    overBoth("opens a session", async (open, transport) => {
      const link = await openEngine(open);
      assert.deepEqual(Object.keys(link.open).sort(),
        ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"]);
      assert.equal(typeof link.open.sid, "string");
      assert.deepEqual(link.open.upgrades, transport === "polling" ? ["websocket"] : []);
      assert.equal(link.open.pingInterval, INTERVAL);
      assert.equal(link.open.pingTimeout, TIMEOUT);
      assert.equal(link.open.maxPayload, 1000000);
      await link.close();
    });

    const wrong = { "no EIO": {}, "an EIO of nonsense": { EIO: "abc" },
      "an EIO of another version": { EIO: 3 } };
    for (const [name, query] of Object.entries(wrong)) {
      test(`${name}: polling`, async () => {
        assert.equal((await get(PATH, { ...query, transport: "polling" })).status, 400);
      });
      test(`${name}: websocket`, async () => {
        const w = webSocket(PATH, { ...query, transport: "websocket" });
        assert.equal(await w.next(), "closed");
      });
    }

    for (const query of [{ EIO: 4 }, { EIO: 4, transport: "abc" }]) {
      test(`the transport of ${JSON.stringify(query)}: polling`, async () => {
        assert.equal((await get(PATH, query)).status, 400);
      });
      test(`the transport of ${JSON.stringify(query)}: websocket`, async () => {
        assert.equal(await webSocket(PATH, query).next(), "closed");
      });
    }

    for (const method of ["POST", "PUT", "DELETE"])
      test(`${method} opens nothing`, async () => {
        const response = await get(PATH, { EIO: 4, transport: "polling" }, { method });
        assert.equal(response.status, 400);
      });
  });

  describe("messages", () => {
    overBoth("text comes back", async (open) => {
      const link = await openEngine(open);
      await link.send("4hello");
      assert.equal(await link.next(), "4hello");
      await link.close();
    });

    overBoth("bytes come back", async (open) => {
      const link = await openEngine(open);
      await link.send(Buffer.from([1, 2, 3, 4]));
      assert.deepEqual(await link.next(), Buffer.from([1, 2, 3, 4]));
      await link.close();
    });

    overBoth("several come back in order", async (open) => {
      const link = await openEngine(open);
      await link.send("4test1", "4test2", Buffer.from([9]), "4test3");
      for (const expected of ["4test1", "4test2", Buffer.from([9]), "4test3"])
        assert.deepEqual(await link.next(), expected);
      await link.close();
    });

    overBoth("what is no packet closes", async (open) => {
      const link = await openEngine(open);
      await link.send("abc");
      assert.equal(await link.next(), "closed");
    });

    test("a body of several packets has its separators", async () => {
      const link = await links.polling(PATH);
      const query = { EIO: 4, transport: "polling", sid: link.open.sid };
      await link.send("4a", "4b");
      assert.equal(await (await get(PATH, query)).text(), `4a${SEPARATOR}4b`);
      await link.close();
    });

    test("two GETs at once close", async () => {
      const link = await links.polling(PATH);
      const query = { EIO: 4, transport: "polling", sid: link.open.sid };
      const answers = await Promise.all([get(PATH, query), get(PATH, query)]);
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400]);
      assert.equal(await answers.find(({ status }) => status === 200).text(), "1");
      assert.equal((await get(PATH, query)).status, 400);
    });
  });

  describe("heartbeat", () => {
    overBoth("the server pings, and a pong keeps the session", async (open) => {
      const link = await openEngine(open, { pings: true });
      for (let i = 0; i < 3; i++) {
        assert.equal(await link.next(), "2");
        await link.send("3");
      }
      await link.send("4still here");
      assert.equal(await link.next(), "4still here");
      await link.close();
    });

    overBoth("without a pong the session ends", async (open) => {
      const link = await openEngine(open, { pings: true });
      assert.equal(await link.next(), "2");
      assert.equal(await link.next(), "closed");
    });

    test("a polling session that nobody polls ends, too", async () => {
      const link = await links.polling(PATH);
      const query = { EIO: 4, transport: "polling", sid: link.open.sid };
      await until("the session's end", async () =>
        (await get(PATH, query, { method: "POST", body: "4x" })).status === 400);
    });
  });

  describe("close", () => {
    test("polling: a close packet frees the GET and ends the session", async () => {
      const link = await links.polling(PATH);
      const query = { EIO: 4, transport: "polling", sid: link.open.sid };
      const [polled, posted] = await Promise.all([get(PATH, query),
        pause(50).then(() => get(PATH, query, { method: "POST", body: "1" }))]);
      assert.deepEqual([polled.status, await polled.text()], [200, "6"]);
      assert.equal(posted.status, 200);
      assert.equal((await get(PATH, query)).status, 400);
    });

    test("websocket: a close packet closes it", async () => {
      const link = await links.websocket(PATH);
      link.send("1");
      assert.equal(await link.next(), "closed");
    });

    test("websocket: its own close ends the session", async () => {
      const link = await links.websocket(PATH);
      link.socket.close();
      assert.equal(await link.next(), "closed");
      assert.equal((await get(PATH,
        { EIO: 4, transport: "polling", sid: link.open.sid })).status, 400);
    });
  });

  describe("upgrade", () => {
    const upgrading = async (...packets) => {
      const link = await links.polling(PATH);
      const query = { EIO: 4, transport: "polling", sid: link.open.sid };
      const w = webSocket(PATH, { ...query, transport: "websocket" });
      await once(w.socket, "open");
      for (const packet of packets) {
        w.send(packet);
        if (packet === "2probe")
          assert.equal(await w.next(), "3probe");
      }
      return { link, query, w };
    };

    test("a probe, an upgrade, and messages go over the WebSocket", async () => {
      const { w } = await upgrading("2probe", "5", "4hello");
      assert.equal(await w.next(), "4hello");
      w.close();
    });

    test("a pending GET is freed by a noop", async () => {
      const { query, w } = await upgrading();
      const pending = get(PATH, query);
      await pause(50);
      w.send("2probe");
      assert.equal(await w.next(), "3probe");
      const response = await pending;
      assert.deepEqual([response.status, await response.text()], [200, "6"]);
      w.send("5", "4x");
      assert.equal(await w.next(), "4x");
      w.close();
    });

    test("nothing is left for polling", async () => {
      const { query, w } = await upgrading("2probe", "5", "4x");
      assert.equal(await w.next(), "4x");
      assert.equal((await get(PATH, query)).status, 400);
      assert.equal((await get(PATH, query, { method: "POST", body: "4y" })).status, 400);
      w.close();
    });

    for (const from of Object.keys(links))
      test(`a session that is on a WebSocket ignores another one: ${from}`, async () => {
        const { query, w } = from === "polling" ? await upgrading("2probe", "5")
          : await links.websocket(PATH).then((l) => ({ w: l, query: { EIO: 4, sid: l.open.sid } }));
        w.send("4x");
        assert.equal(await w.next(), "4x");
        const second = webSocket(PATH, { ...query, transport: "websocket" });
        assert.equal(await second.next(), "closed");
        w.send("4y");
        assert.equal(await w.next(), "4y");
        w.close();
      });
  });
});

describe("Socket.IO 5", () => {
  const PATH = "/socket.io/";

  const over = (name, body) => overBoth(name, async (open) => {
    const link = await open(PATH);
    await body(link);
    await link.close();
  });
  // The answer to a CONNECT: a sid, then what the app says of the auth payload.
  async function connects(link, nsp, auth) {
    const prefix = nsp === "/" ? "" : `${nsp},`;
    const given = auth === undefined ? "" : JSON.stringify(auth);
    await link.send(`40${prefix}${given}`);
    const answer = await link.next();
    assert.ok(answer.startsWith(`40${prefix}{`), answer);
    const payload = JSON.parse(answer.slice(2 + prefix.length));
    assert.deepEqual(Object.keys(payload), ["sid"]);
    assert.notEqual(payload.sid, link.open.sid);
    assert.equal(await link.next(), `42${prefix}["auth",${given || "{}"}]`);
  }

  describe("connect", () => {
    for (const nsp of ["/", "/custom"])
      for (const auth of [undefined, { token: "123" }])
        over(`to ${nsp} with ${JSON.stringify(auth) ?? "nothing"}`,
          (link) => connects(link, nsp, auth));

    over("to the main namespace by its name", async (link) => {
      await link.send("40/,");
      assert.match(await link.next(), /^40\{"sid":/);
    });

    over("to both", async (link) => {
      await connects(link, "/");
      await connects(link, "/custom", { a: 1 });
    });

    over("to one that is not there", async (link) => {
      await link.send("40/random");
      assert.equal(await link.next(), '44/random,{"message":"Invalid namespace"}');
      await connects(link, "/");
    });

    for (const packet of ["4abc", "40abc", '42["message"]'])
      over(`${packet} instead closes`, async (link) => {
        await link.send(packet);
        assert.equal(await link.next(), "closed");
      });
  });

  describe("disconnect", () => {
    over("from the main namespace, and nothing else ends", async (link) => {
      await connects(link, "/");
      await connects(link, "/custom");
      await link.send("41");
      await link.send('42/custom,["message","x"]');
      assert.equal(await link.next(), '42/custom,["message-back","x"]');
    });

    over("from a custom namespace", async (link) => {
      await connects(link, "/");
      await connects(link, "/custom");
      await link.send("41/custom,");
      await link.send('42["message","message to main namespace"]');
      assert.equal(await link.next(), '42["message-back","message to main namespace"]');
    });

    over("and connect again", async (link) => {
      await connects(link, "/");
      await link.send("41");
      await connects(link, "/", { again: true });
    });
  });

  const PLACE = [0, 1].map((num) => `{"_placeholder":true,"num":${num}}`);
  const BYTES = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];

  for (const nsp of ["/", "/custom"]) {
    const prefix = nsp === "/" ? "" : `${nsp},`;

    describe(`messages in ${nsp}`, () => {
      const connected = (name, body) => over(name, async (link) => {
        await connects(link, nsp);
        await body(link);
      });

      connected("text", async (link) => {
        await link.send(`42${prefix}["message",1,"2",{"3":[true]}]`);
        assert.equal(await link.next(), `42${prefix}["message-back",1,"2",{"3":[true]}]`);
      });

      connected("binary", async (link) => {
        await link.send(`452-${prefix}["message",${PLACE}]`, ...BYTES);
        assert.equal(await link.next(), `452-${prefix}["message-back",${PLACE}]`);
        for (const bytes of BYTES)
          assert.deepEqual(await link.next(), bytes);
      });

      connected("an acknowledgement", async (link) => {
        await link.send(`42${prefix}456["message-with-ack",1,"2",{"3":[false]}]`);
        assert.equal(await link.next(), `43${prefix}456[1,"2",{"3":[false]}]`);
      });

      connected("a binary acknowledgement", async (link) => {
        await link.send(`452-${prefix}789["message-with-ack",${PLACE}]`, ...BYTES);
        assert.equal(await link.next(), `462-${prefix}789[${PLACE}]`);
        for (const bytes of BYTES)
          assert.deepEqual(await link.next(), bytes);
      });

      for (const packet of [`42${prefix}{}`, `42${prefix}abc["message-with-ack"]`,
        `42${prefix}["message"`, `4x${prefix}[]`])
        connected(`${packet} closes`, async (link) => {
          await link.send(packet);
          assert.equal(await link.next(), "closed");
        });
    });
  }

  test("the heartbeat keeps a quiet client, by either transport", async () => {
    const quiet = await Promise.all(Object.values(links).map((open) => open(PATH)));
    for (const link of quiet)
      await connects(link, "/");
    const waits = quiet.map((link) => link.next());
    await pause(3 * (INTERVAL + TIMEOUT));
    for (const [i, link] of quiet.entries()) {
      await link.send('42["message","x"]');
      assert.equal(await within("the echo", waits[i]), '42["message-back","x"]');
      await link.close();
    }
  });
});
