// SPDX-License-Identifier: MIT
// The programs' command lines: options, output, exit codes, signals.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { freshRoom, withClients } from "./lib/clients.mjs";
import { Inbox, until, within } from "./lib/inbox.mjs";
import { Longpoll } from "./lib/longpoll.mjs";
import { Polling } from "./lib/polling.mjs";
import { Raw } from "./lib/raw.mjs";
import { program, run, Server, start } from "./lib/server.mjs";
import { Sse } from "./lib/sse.mjs";
import { Ws } from "./lib/ws.mjs";

// One line on standard error and exit 2.
function assertUsage(end, program) {
  assert.equal(end.code, 2, end.stderr);
  assert.equal(end.stdout, "");
  assert.match(end.stderr, new RegExp(`^${program}: [^\\n]+\\n$`));
}

function assertFailed(end) {
  assert.equal(end.code, 1, end.stderr);
  assert.match(end.stderr, /^pushmark-client: [^\n]+\n$/);
}

for (const name of ["pushmark-server", "pushmark-client", "pushmark"])
  test(`${name}: output that cannot be written is a failure`, async () => {
    for (const option of ["--help", "--version"]) {
      const one = start("bash", ["-c", 'exec "$0" "$1" >/dev/full', program(name), option]);
      const end = await within("the end", one.closed);
      assert.equal(end.code, 1, end.stderr);
      assert.match(end.stderr, new RegExp(`^${name}: cannot write: [^\\n]+\\n$`));
    }
  });

describe("pushmark-server", () => {
  test("--help explains every option", async () => {
    const end = await run("pushmark-server", ["--help"]);
    assert.equal(end.code, 0);
    assert.equal(end.stderr, "");
    for (const name of ["backend", "app", "host", "port", "namespaces", "transports",
      "max-connections", "ping-interval", "ping-timeout", "max-payload", "head-timeout",
      "help", "version"])
      assert.match(end.stdout, new RegExp(`^  --${name}\\b`, "m"));
    for (const line of end.stdout.split("\n").filter((l) => l.startsWith(" ")))
      assert.ok(line.length <= 80, line);
  });

  test("--version", async () => {
    const end = await run("pushmark-server", ["--version"]);
    assert.equal(end.code, 0);
    assert.match(end.stdout, /^pushmark-server \d+\.\d+\.\d+\S*\n$/);
  });

  for (const args of [["--nonsense"], ["--port"], ["--port", "x"], ["--port", "65536"],
    ["--port", "-1"], ["--port="], ["--port", "1e3"], ["--port", " 80"],
    ["--port", "99999999999999999999"], ["--backend", "ftp"],
    ["--backend", ""], ["--backend", "ws,"], ["--backend", "ws,,sse"],
    ["--app", "nonsense"], ["--transports", "pigeon"], ["--namespaces", "chat"],
    ["--namespaces", "/a,"], ["--ping-interval", "0"], ["--max-payload", "0"],
    ["--log-level", "loud"], ["operand"], ["-x"], ["--help=yes"]])
    test(`${args.join(" ")}: one line on standard error and exit 2`, async () => {
      assertUsage(await run("pushmark-server", args), "pushmark-server");
    });

  test("a port in use is an error and exit 1", async () => {
    const server = await Server.start();
    const end = await run("pushmark-server", ["--port", String(server.port)]);
    assert.equal(end.code, 1);
    assert.equal(end.stdout, "");
    assert.match(end.stderr, new RegExp(`port ${server.port}`));
    await server.stop();
  });

  test("options as --name=value", async () => {
    const server = await Server.start(["--ping-interval=300", "--backend=sse,ws"]);
    assert.deepEqual(Object.keys((await server.stats()).backends).sort(), ["sse", "ws"]);
    await server.stop();
  });

  for (const signal of ["SIGTERM", "SIGINT"])
    test(`${signal} ends it with exit 0, whoever is connected`, async () => {
      const server = await Server.start();
      const clients = await Promise.all([Ws, Sse, Longpoll].map((C) =>
        C.open(server, { rooms: ["a"] })));
      const polling = await Polling.connected(server); // without a pending poll
      const pending = await (await Polling.connected(server)).pend();
      const silent = await Raw.connect(server);
      const halfHead = await Raw.connect(server);
      halfHead.send("GET /healthz HTTP/1.1\r\n");
      const halfBody = await Raw.connect(server);
      halfBody.request("POST /publish?room=a HTTP/1.1", { "Content-Length": "10" });
      const resting = await Raw.connect(server);
      resting.request("GET /healthz HTTP/1.1");
      await resting.readResponse();
      await clients[0].publish("a", "e", 1);
      for (const c of clients)
        await c.next();
      assert.ok(polling.sid);
      await server.stop(signal);
      for (const raw of [pending, silent, halfHead, halfBody, resting])
        raw.close();
      for (const c of clients)
        await c.close();
    });

  test("a second signal does not wait for the drain", async () => {
    const server = await Server.start(["--drain-timeout", "60000", "--close-timeout", "60000"]);
    const c = await Ws.open(server);
    c.socket.pause(); // never answers the close frame
    server.child.kill("SIGTERM");
    await until("it drains", async () =>
      (await fetch(`${server.url}/readyz`)).status === 503);
    await server.stop("SIGTERM");
    c.socket.terminate();
  });

  test("standard output may be closed", async () => {
    const server = await Server.start();
    server.child.stdout.destroy();
    await server.publish("a", "1");
    await server.stop();
  });
});

describe("pushmark-client", () => {
  let server;

  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  const client = (args, input) => run("pushmark-client", args, input);

  for (const args of [[], ["nonsense"], ["listen"], ["publish"], ["listen", "nonsense"],
    ["listen", "ftp://127.0.0.1/"], ["listen", "https://127.0.0.1/"], ["listen", "http://"],
    ["listen", "http://127.0.0.1:1/", "--nonsense"],
    ["listen", "http://127.0.0.1:1/", "--count", "x"],
    ["listen", "http://127.0.0.1:1/", "--protocol", "ftp"],
    ["listen", "http://127.0.0.1:1/", "--room", ""],
    ["listen", "http://127.0.0.1:1/", "more"], ["publish", "http://127.0.0.1:1/"],
    ["publish", "http://127.0.0.1:1/", "--room", "a", "--room", "b"],
    ["publish", "http://127.0.0.1:1/", "--room", "a", "--event", ""]])
    test(`wrong usage: ${args.join(" ") || "nothing"}`, async () => {
      assertUsage(await client(args), "pushmark-client");
    });

  test("--help and --version", async () => {
    for (const args of [["--help"], ["listen", "--help"], ["publish", "--help"]]) {
      const end = await client(args);
      assert.equal(end.code, 0);
      assert.match(end.stdout, /--protocol/);
    }
    assert.match((await client(["--version"])).stdout, /^pushmark-client \d+\.\d+\.\d+/);
  });

  // Its lines, one by one.
  function listen(...args) {
    const one = start(program("pushmark-client"), ["listen", ...args]);
    one.lines = new Inbox("pushmark-client's lines");
    createInterface({ input: one.child.stdout }).on("line", (l) => one.lines.push(l));
    one.end = () => within("pushmark-client's end", one.closed);
    return one;
  }

  for (const protocol of ["ws", "longpoll", "sse"])
    describe(protocol, () => {
      test("listen prints each object as one line and ends after --count", async () => {
        const room = freshRoom();
        const one = listen(server.url, "--protocol", protocol, "--room", room, "--count", "2");
        assert.equal(JSON.parse(await one.lines.next()).type, "welcome");
        await until("the end", async () => {
          await server.publish(room, '{"x": 1.0}', "&event=e");
          return one.child.exitCode !== null;
        });
        const end = await one.end();
        assert.equal(end.code, 0);
        assert.equal(end.stderr, "");
        const messages = end.stdout.split("\n").slice(1, -1).map((s) => JSON.parse(s));
        assert.equal(messages.length, 2);
        for (const message of messages) {
          assert.deepEqual([message.type, message.room, message.event], ["message", room, "e"]);
          assert.deepEqual(message.data, { x: 1 });
        }
        assert.equal(messages[1].seq, messages[0].seq + 1);
        assert.ok(end.stdout.includes('"data":{"x": 1.0}'), end.stdout);
      });

      test("publish prints the ack", async () => {
        const room = freshRoom();
        await withClients([Ws.open(server, { rooms: [room] })], async (c) => {
          const end = await client(["publish", server.url, "--protocol", protocol,
            "--room", room, "--event", "e", "--data", "[1.0]"]);
          assert.deepEqual([end.code, end.stdout, end.stderr], [0, '{"seq":1}\n', ""]);
          const message = await c.next();
          assert.deepEqual([message.event, message.dataText], ["e", "[1.0]"]);
        });
      });

      test("publish without --data publishes null as message", async () => {
        const room = freshRoom();
        await withClients([Ws.open(server, { rooms: [room] })], async (c) => {
          assert.equal((await client(["publish", server.url, "--protocol", protocol,
            "--room", room])).code, 0);
          const message = await c.next();
          assert.deepEqual([message.event, message.data], ["message", null]);
        });
      });

      for (const form of [["--data", "-"], ["-"]])
        test(`publish ${form.join(" ")} publishes each line`, async () => {
          const room = freshRoom();
          const count = 300;
          await withClients([Ws.open(server, { rooms: [room] })], async (c) => {
            const lines = Array.from({ length: count }, (_, i) => `{"i": ${i}}`);
            const end = await client(["publish", server.url, "--protocol", protocol,
              "--room", room, ...form], `${lines.join("\n")}`);
            assert.equal(end.code, 0, end.stderr);
            assert.deepEqual(end.stdout.trim().split("\n"),
              lines.map((_, i) => `{"seq":${i + 1}}`));
            assert.deepEqual((await c.take(count)).map((m) => m.dataText), lines);
          });
        });

      test("publish stops at a line that is no JSON and fails", async () => {
        const room = freshRoom();
        const end = await client(["publish", server.url, "--protocol", protocol,
          "--room", room, "--data", "-"], "1\n\n2\nnonsense\n3\n");
        assertFailed(end);
        assert.match(end.stderr, /line 4/);
        assert.equal(end.stdout, '{"seq":1}\n{"seq":2}\n');
      });

      test("data that is no JSON is a failure", async () => {
        assertFailed(await client(["publish", server.url, "--protocol", protocol,
          "--room", "a", "--data", "{"]));
      });

      test("what the server refuses is a failure", async () => {
        const end = await client(["publish", server.url, "--protocol", protocol,
          "--room", "a", "--event", "disconnect"]);
        assertFailed(end);
        assert.match(end.stderr, /reserved/);
        assertFailed(await client(["listen", server.url, "--protocol", protocol,
          "--nsp", "/private"]));
      });

      test("no server is a failure", async () => {
        // Nobody listens on a port that was just given back.
        const gone = await Server.start();
        await gone.stop();
        assertFailed(await client(["listen", gone.url, "--protocol", protocol]));
        assertFailed(await client(["publish", gone.url, "--protocol", protocol, "--room", "a"]));
      });

      test("listen fails when the server goes", async () => {
        const own = await Server.start();
        const one = listen(own.url, "--protocol", protocol, "--room", "a");
        await one.lines.next();
        await own.stop();
        assertFailed(await one.end());
      });

      for (const signal of ["SIGTERM", "SIGINT"])
        test(`listen ends with exit 0 on ${signal}`, async () => {
          const one = listen(server.url, "--protocol", protocol, "--room", "a");
          await one.lines.next();
          one.child.kill(signal);
          const end = await one.end();
          assert.deepEqual([end.code, end.stderr], [0, ""]);
        });

      test("--nsp chooses the namespace", async () => {
        const room = freshRoom();
        await withClients([Ws.open(server, { nsp: "/chat", rooms: [room] })], async (c) => {
          assert.equal((await client(["publish", server.url, "--protocol", protocol,
            "--nsp", "/chat", "--room", room])).stdout, '{"seq":1}\n');
          assert.equal((await c.next()).room, room);
        });
      });
    });

  for (const [url, backend] of [
    [(s) => s.url.replace("http", "ws"), "ws"], [(s) => s.url, "sse"],
    [(s) => `${s.url}/socket.io/`, "longpoll"],
  ])
    test(`the URL chooses ${backend}`, async () => {
      const own = await Server.start();
      const one = listen(url(own), "--room", "a");
      await one.lines.next();
      assert.equal((await own.stats()).backends[backend].sessions, 1);
      one.child.kill("SIGTERM");
      await one.end();
      await own.stop();
    });
});
