// SPDX-License-Identifier: MIT
// `pushmark link`: the relay's delay and faults seen from both ends, and the
// link of packets with real loss. Times are bounded from below only.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { networkInterfaces } from "node:os";
import { describe, test } from "node:test";
import { EventSource } from "eventsource";
import { io } from "socket.io-client";
import WebSocket from "ws";
import { once, until, within } from "./lib/inbox.mjs";
import { noLink } from "./lib/link.mjs";
import { program, run, start, withServer } from "./lib/server.mjs";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A TCP server that remembers its connections, and hands each to `serve`.
class Far {
  sockets = [];

  static async start(serve = (socket) => socket.pipe(socket), host = "127.0.0.1") {
    const far = new Far();
    far.listener = net.createServer({ allowHalfOpen: true }, (socket) => {
      watch(socket);
      far.sockets.push(socket);
      serve(socket);
    });
    await new Promise((resolve) => far.listener.listen(0, host, resolve).unref());
    far.port = far.listener.address().port;
    return far;
  }

  close() {
    this.listener.close();
    for (const socket of this.sockets)
      socket.destroy();
  }
}

// Remembers what the socket is told of its connection's end.
function watch(socket) {
  socket.told = "";
  socket.on("error", (error) => (socket.told = error.code));
  socket.on("end", () => (socket.told ||= "end"));
  socket.on("close", () => (socket.told ||= "closed"));
  return socket;
}

// Runs `body` with a relay to `port`; resolves to its statistics.
async function withRelay(port, options, body) {
  const relay = start(program("pushmark"),
    ["link", "--listen", ":0", "--to", `:${port}`, "--json", ...options]);
  const line = () => /^listening on (http:\/\/127\.0\.0\.1:(\d+))\n/.exec(relay.stdout);
  const sockets = [];
  try {
    const [, url, relayPort] = await until("the relay's first line", line);
    await body({
      url,
      async connect() {
        const socket = watch(net.connect({ port: relayPort, allowHalfOpen: true }));
        sockets.push(socket);
        // A reset may be there before Node.js has looked.
        await within("the connection", new Promise((resolve) =>
          socket.once("connect", resolve).once("close", resolve)));
        return socket;
      },
    });
  } finally {
    relay.child.kill("SIGTERM");
    for (const socket of sockets)
      socket.destroy();
  }
  const end = await within("the relay's end", relay.closed);
  assert.deepEqual([end.code, end.stderr], [0, ""]);
  return JSON.parse(end.stdout.split("\n")[1]);
}

async function withFar(options, body, serve) {
  const far = await Far.start(serve);
  try {
    return await withRelay(far.port, options, (relay) => body(relay, far));
  } finally {
    far.close();
  }
}

async function echo(socket, bytes) {
  const parts = [];
  let length = 0;
  socket.on("data", (part) => {
    parts.push(part);
    length += part.length;
  });
  socket.write(bytes);
  await until("the echo", () => length >= bytes.length || socket.told);
  socket.removeAllListeners("data");
  assert.ok(Buffer.concat(parts).equals(bytes), `${length} of ${bytes.length}: ${socket.told}`);
}

describe("pushmark link", () => {
  for (const args of [[], ["--listen", ":0"], ["--listen", "0", "--to", ":1"],
    ["--listen", ":0", "--to", ":0"], ["--listen", ":0", "--to", ":1", "x"],
    ["--listen", ":0", "--to", ":1", "--rtt", "5"],
    ["--listen", ":0", "--to", ":1", "--jitter", "5ms"],
    ["--listen", ":0", "--to", ":1", "--rate", "1"],
    ["--listen", ":0", "--to", ":1", "--loss", "1%"],
    ["--listen", ":0", "--to", ":1", "--cut-every", "0"],
    ["--listen", ":0", "--to", ":1", "--window", "1k"],
    ["--listen", ":0", "--to", ":1", "--buffer", "0"],
    ["--listen", ":0", "--to", ":1", "--requests", "-1"],
    ["--netns"], ["--netns", "--half-open", "--", "true"],
    ["--netns", "--requests", "6", "--", "true"],
    ["--netns", "--loss", "101%", "--", "true"]])
    test(`${args.join(" ")}: one line on standard error and exit 2`, async () => {
      const end = await run("pushmark", ["link", ...args]);
      assert.deepEqual([end.code, end.stdout], [2, ""]);
      assert.match(end.stderr, /^pushmark link: [^\n]+\n$/);
    });

  test("a port in use is an error and exit 1", () => withFar([], async (relay, far) => {
    const end = await run("pushmark",
      ["link", "--listen", `:${far.port}`, "--to", ":1"]);
    assert.equal(end.code, 1);
    assert.match(end.stderr, /cannot listen on 127\.0\.0\.1:\d+/);
  }));

  test("each round trip has the delay, the first one a handshake's more", async () => {
    const stats = await withFar(["--rtt", "60ms"], async (relay) => {
      let begin = performance.now();
      const socket = await relay.connect();
      await echo(socket, Buffer.from("a"));
      assert.ok(performance.now() - begin >= 119);
      for (let i = 0; i < 3; i++) {
        begin = performance.now();
        await echo(socket, Buffer.from("b"));
        assert.ok(performance.now() - begin >= 59.5);
      }
    });
    assert.deepEqual([stats.connections, stats.bytes_to_server, stats.bytes_to_client], [1, 4, 4]);
  });

  test("a rate is shared by all connections and loses nothing", async () => {
    await withFar(["--rate", "4mbit", "--rtt", "10ms", "--jitter", "5ms"], async (relay) => {
      const begin = performance.now();
      const sockets = await Promise.all([1, 2, 3, 4].map(() => relay.connect()));
      await Promise.all(sockets.map((s) => echo(s, randomBytes(65536))));
      // 256 KiB at 4 Mbit/s each way; the ways overlap.
      assert.ok(performance.now() - begin >= 524);
    });
  });

  test("a reader that stops pushes back, and gets everything later", async () => {
    const bytes = randomBytes(8 << 20);
    let socket;
    await withFar(["--rtt", "5ms", "--window", "16k"], async (relay, far) => {
      socket = await relay.connect();
      socket.write(bytes);
      await until("the far end", () => far.sockets.length);
      await pause(300);
      assert.ok(socket.writableLength > 0, "all 8 MB went into a window of 16 KiB");
      const hash = createHash("sha256");
      let length = 0;
      far.sockets[0].on("data", (part) => {
        hash.update(part);
        length += part.length;
      });
      await until("all bytes", () => length === bytes.length);
      assert.equal(hash.digest("hex"), createHash("sha256").update(bytes).digest("hex"));
    }, () => {});
  });

  test("200 connections at once", async () => {
    const stats = await withFar(["--rtt", "20ms", "--jitter", "10ms"], async (relay) => {
      const sockets = await Promise.all(Array.from({ length: 200 }, () => relay.connect()));
      await Promise.all(sockets.map((s) => echo(s, randomBytes(2000))));
    });
    assert.equal(stats.connections, 200);
    assert.equal(stats.bytes_to_client, 400000);
  });

  test("without descriptors for more, connections wait for their turn", async () => {
    const far = await Far.start();
    const relay = start("sh", ["-c", 'ulimit -n 60; exec "$0" "$@"', program("pushmark"),
      "link", "--listen", ":0", "--to", `:${far.port}`, "--json", "--rtt", "20ms"]);
    try {
      const [, port] = await until("the relay's first line", () =>
        /^listening on http:\/\/127\.0\.0\.1:(\d+)\n/.exec(relay.stdout));
      await Promise.all(Array.from({ length: 100 }, async () => {
        const socket = watch(net.connect({ port: Number(port) }));
        await echo(socket, randomBytes(100));
        socket.destroy();
      }));
    } finally {
      relay.child.kill("SIGTERM");
      far.close();
    }
    const end = await within("the relay's end", relay.closed);
    assert.equal(end.code, 0);
    assert.match(end.stderr, /cannot accept: Too many open files/);
    const { connections, refused } = JSON.parse(end.stdout.split("\n")[1]);
    assert.deepEqual([connections, refused], [100, 0]);
  });

  test("an end of the stream travels behind its bytes, each way", async () => {
    await withFar(["--rtt", "20ms"], async (relay) => {
      const socket = await relay.connect();
      let text = "";
      socket.setEncoding("utf8").on("data", (part) => (text += part));
      socket.end("question ");
      await until("the end", () => socket.told);
      assert.deepEqual([text, socket.told], ["question answer", "end"]);
    }, (socket) => {
      socket.pipe(socket, { end: false });
      socket.on("end", () => socket.end("answer"));
    });
  });

  test("a reset is passed on", async () => {
    await withFar(["--rtt", "20ms"], async (relay, far) => {
      const socket = await relay.connect();
      await echo(socket, Buffer.from("a"));
      socket.resetAndDestroy();
      await until("the reset", () => far.sockets[0].told);
      assert.equal(far.sockets[0].told, "ECONNRESET");
    });
  });

  test("a server that refuses is a reset", async () => {
    const far = await Far.start();
    far.close();
    const stats = await withRelay(far.port, [], async (relay) => {
      const socket = await relay.connect();
      await until("the reset", () => socket.told);
      assert.equal(socket.told, "ECONNRESET");
    });
    assert.equal(stats.refused, 1);
  });

  for (const option of ["--cut-after", "--cut-every"])
    test(`${option} resets both ends`, async () => {
      const stats = await withFar([option, "300ms"], async (relay, far) => {
        const socket = await relay.connect();
        await until("both resets", () => socket.told && far.sockets[0]?.told);
        assert.deepEqual([socket.told, far.sockets[0].told], ["ECONNRESET", "ECONNRESET"]);
      });
      assert.equal(stats.cut, 1);
      assert.equal(stats.open, 0);
    });

  test("--half-open tells no end that the other left", async () => {
    await withFar(["--half-open"], async (relay, far) => {
      const socket = await relay.connect();
      await echo(socket, Buffer.from("a"));
      socket.destroy();
      far.sockets[0].write("anyone?");
      await pause(300);
      assert.equal(far.sockets[0].told, "");
      far.sockets[0].destroy();
    });
  });

  test("--half-open --cut-after resets the client only", async () => {
    const stats = await withFar(["--half-open", "--cut-after", "200ms"], async (relay, far) => {
      const socket = await relay.connect();
      await until("the reset", () => socket.told);
      await pause(100);
      assert.deepEqual([socket.told, far.sockets[0].told], ["ECONNRESET", ""]);
      far.sockets[0].destroy();
      await pause(50);
    });
    assert.equal(stats.open, 0);
  });

  test("--black-hole passes nothing after its time, and no end", async () => {
    await withFar(["--black-hole", "400ms"], async (relay, far) => {
      const socket = await relay.connect();
      let length = 0;
      await echo(socket, Buffer.from("a"));
      await pause(500);
      socket.on("data", () => length++);
      socket.write("lost");
      far.sockets[0].end();
      await pause(200);
      assert.deepEqual([length, socket.told, far.sockets[0].told], [0, "", ""]);
    });
  });

  test("--idle-timeout closes who is silent, and nobody else", async () => {
    const stats = await withFar(["--idle-timeout", "600ms"], async (relay) => {
      const [silent, busy] = [await relay.connect(), await relay.connect()];
      const beat = setInterval(() => busy.write("x"), 50);
      busy.resume();
      silent.resume();
      await until("the end", () => silent.told);
      await pause(100);
      assert.deepEqual([silent.told, busy.told], ["end", ""]);
      clearInterval(beat);
    });
    assert.equal(stats.idle, 1);
  });

  test("--no-upgrade: ws fails, socket.io-client goes on polling", () =>
    withServer(["--app", "echo"], (server) =>
      withRelay(server.port, ["--no-upgrade"], async ({ url }) => {
        const socket = new WebSocket(`${url.replace("http", "ws")}/ws`);
        const error = await once(socket, "error");
        assert.match(error.message, /Unexpected server response: 4\d\d/);
        const client = io(url, { transports: ["websocket", "polling"],
          tryAllTransports: true, reconnection: false, forceNew: true });
        try {
          await once(client, "connect");
          assert.equal(client.io.engine.transport.name, "polling");
        } finally {
          client.disconnect();
        }
      })));

  test("--buffer holds an event stream and passes a short answer", () =>
    withServer([], (server) =>
      withRelay(server.port, ["--buffer", "64k"], async ({ url }) => {
        const stats = await fetch(`${url}/stats`);
        assert.equal(stats.status, 200);
        await stats.json();
        const aborter = new AbortController();
        const stream = fetch(`${url}/sse?room=a`, { signal: aborter.signal })
          .then(() => "came", () => "aborted");
        assert.equal(await Promise.race([stream, pause(400)]), undefined);
        aborter.abort();
        assert.equal(await stream, "aborted");
      })));

  test("--buffer: what is not HTTP is cut off", async () => {
    const stats = await withFar(["--buffer", "1k"], async (relay) => {
      const socket = await relay.connect();
      socket.write("\x16\x03\x01\r\n");
      await until("the reset", () => socket.told);
    });
    assert.equal(stats.malformed, 1);
  });
});

// Answers each request when the test says so: `answer` by its path.
class Held {
  asked = [];
  bodies = new Map();
  #answers = new Map();

  static async start() {
    const held = new Held();
    held.listener = http.createServer((request, response) => {
      held.asked.push(request.url);
      held.#answers.set(request.url, response);
      request.toArray().then((parts) => held.bodies.set(request.url, Buffer.concat(parts)),
        () => {});
    });
    await new Promise((resolve) => held.listener.listen(0, "127.0.0.1", resolve));
    held.port = held.listener.address().port;
    return held;
  }

  begin(url) {
    this.#answers.get(url).write("begun");
  }

  answer(url, body = url) {
    this.#answers.get(url).end(body);
  }

  close() {
    this.listener.close();
    this.listener.closeAllConnections();
  }
}

async function withHeld(options, body) {
  const held = await Held.start();
  try {
    return await withRelay(held.port, options, (relay) => body(relay, held));
  } finally {
    held.close();
  }
}

const get = (path) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;

describe("pushmark link --requests", () => {
  test("of eight event streams six open, and one more for each that closes", () =>
    withServer([], async (server) => {
      const stats = await withRelay(server.port, ["--requests", "6"], async ({ url }) => {
        const tabs = Array.from({ length: 8 }, () => new EventSource(`${url}/sse?room=a`));
        const open = () => tabs.filter((tab) => tab.readyState === EventSource.OPEN);
        try {
          await until("six", () => open().length >= 6);
          await pause(200);
          assert.equal(open().length, 6);
          open()[0].close();
          await until("the seventh", () => open().length >= 6);
          await pause(200);
          assert.equal(open().length, 6);
          open()[0].close();
          await until("the eighth", () => open().length >= 6);
        } finally {
          for (const tab of tabs)
            tab.close();
        }
      });
      assert.equal(stats.waited, 2);
      assert.equal(stats.waiting, 0);
    }));

  test("a WebSocket no longer counts once it is upgraded", () =>
    withServer(["--app", "echo"], (server) =>
      withRelay(server.port, ["--requests", "1"], async ({ url }) => {
        const sockets = Array.from({ length: 8 }, () =>
          new WebSocket(`${url.replace("http", "ws")}/ws`));
        await Promise.all(sockets.map((socket) => once(socket, "open")));
        assert.equal((await fetch(`${url}/stats`)).status, 200);
        for (const socket of sockets)
          socket.terminate();
      })));

  test("requests that wait get their turns first come, first served", async () => {
    const stats = await withHeld(["--requests", "2", "--rtt", "10ms"], async ({ url }, held) => {
      const polls = [];
      for (let i = 0; i < 5; i++) {
        polls.push(fetch(`${url}/${i}`).then((r) => r.text()));
        await pause(30);
      }
      assert.deepEqual(held.asked, ["/0", "/1"]);
      for (const [answered, next] of [["/1", "/2"], ["/2", "/3"], ["/0", "/4"]]) {
        held.answer(answered);
        await until("the next", () => held.asked.includes(next));
        assert.equal(held.asked.at(-1), next);
      }
      held.answer("/3");
      held.answer("/4");
      assert.deepEqual(await Promise.all(polls), ["/0", "/1", "/2", "/3", "/4"]);
    });
    assert.equal(stats.waited, 3);
  });

  test("the next request leaves when the answer is at the client", async () => {
    await withHeld(["--requests", "1", "--rtt", "200ms"], async ({ url }, held) => {
      const first = fetch(`${url}/a`);
      await until("the first", () => held.asked.length);
      const second = fetch(`${url}/b`);
      // What of it comes out earlier is not its end.
      held.begin("/a");
      await pause(60);
      const begin = performance.now();
      held.answer("/a");
      await until("the second", () => held.asked.length === 2);
      // One way for the answer, one for the request.
      assert.ok(performance.now() - begin >= 199);
      held.answer("/b");
      await Promise.all([first, second]);
    });
  });

  test("pipelined requests go on one by one", async () => {
    await withHeld(["--requests", "6"], async (relay, held) => {
      const socket = await relay.connect();
      let text = "";
      socket.setEncoding("utf8").on("data", (part) => (text += part));
      socket.write(get("/a") + get("/b"));
      await until("the first", () => held.asked.length);
      await pause(100);
      assert.deepEqual(held.asked, ["/a"]);
      held.answer("/a", "first");
      await until("the second", () => held.asked.length === 2);
      held.answer("/b", "second");
      await until("both answers", () => /first[^]*second/.test(text));
    });
  });

  for (const [how, leave] of [["resets", (s) => s.resetAndDestroy()], ["ends", (s) => s.end()]])
    test(`who ${how} gives its turn back, and who waits leaves the queue`, async () => {
      const stats = await withHeld(["--requests", "1"], async (relay, held) => {
        const sockets = [];
        for (const path of ["/has", "/waits", "/stays"]) {
          const socket = await relay.connect();
          sockets.push(socket);
          socket.write(get(path));
          await pause(50);
        }
        assert.deepEqual(held.asked, ["/has"]);
        leave(sockets[1]);
        await pause(50);
        leave(sockets[0]);
        await until("the last", () => held.asked.length === 2);
        await pause(50);
        assert.deepEqual(held.asked, ["/has", "/stays"]);
        held.answer("/stays");
        await until("its answer", () => sockets[2].bytesRead > 0);
      });
      assert.equal(stats.waited, 2);
      assert.equal(stats.waiting, 0);
    });

  for (const options of [["--black-hole", "300ms"], ["--half-open", "--cut-after", "300ms"]])
    test(`${options.join(" ")}: who has left keeps no turn`, async () => {
      await withHeld(["--requests", "1", ...options], async (relay, held) => {
        const first = await relay.connect();
        first.write(get("/a"));
        await until("the first", () => held.asked.length);
        await pause(400);
        first.destroy();
        await pause(50);
        (await relay.connect()).write(get("/b"));
        await until("the second", () => held.asked.length === 2);
      });
    });

  test("a body that is longer than what is read ahead waits, and is whole", async () => {
    await withHeld(["--requests", "1"], async ({ url }, held) => {
      const first = fetch(`${url}/a`);
      await until("the first", () => held.asked.length);
      const body = randomBytes(1 << 20);
      const second = fetch(`${url}/b`, { method: "POST", body });
      await pause(100);
      assert.equal(held.asked.length, 1);
      held.answer("/a");
      await until("the body", () => held.bodies.get("/b")?.equals(body));
      held.answer("/b");
      await Promise.all([first, second]);
    });
  });

  test("for a connection that waits there is none at the server yet", async () => {
    const stats = await withFar(["--requests", "1"], async (relay, far) => {
      const [has, waits, silent] = [await relay.connect(), await relay.connect(),
        await relay.connect()];
      has.write(get("/has"));
      await until("the first", () => far.sockets.length === 1);
      waits.write(get("/waits"));
      await pause(50);
      silent.resume().end();
      await until("its end", () => silent.told);
      assert.equal(far.sockets.length, 1);
      has.destroy();
      await until("the second", () => far.sockets.length === 2);
    }, (socket) => socket.resume());
    assert.equal(stats.connections, 3);
  });

  test("who ends has left, also when the server does not answer that", async () => {
    const asked = [];
    await withFar(["--requests", "1"], async (relay) => {
      const [has, waits, stays] = [await relay.connect(), await relay.connect(),
        await relay.connect()];
      for (const [path, socket] of [["/has", has], ["/waits", waits], ["/stays", stays]]) {
        socket.write(get(path));
        await pause(50);
      }
      waits.end();
      await pause(50);
      has.end();
      await until("the last", () => asked.length === 2);
      assert.match(asked[1], /^GET .stays /);
    }, (socket) => socket.on("data", (bytes) => asked.push(bytes.toString())));
  });

  test("an answer that the connection's end ends gives its turn back then", async () => {
    const asked = [];
    await withFar(["--requests", "1"], async (relay) => {
      const [first, second] = [await relay.connect(), await relay.connect()];
      first.write(get("/a"));
      await until("the first", () => asked.length);
      second.write(get("/b"));
      await pause(100);
      assert.equal(asked.length, 1);
      asked[0].end("HTTP/1.1 200 OK\r\n\r\nall");
      first.resume();
      await until("the second", () => asked.length === 2);
      assert.equal(first.told, "end");
    }, (socket) => socket.on("data", () => asked.push(socket)));
  });
});

// Sends its input to HOST PORT, compares what comes back, and prints the
// namespace's retransmitted segments.
const CLIENT = `
  const [host, port, size] = process.argv.slice(1);
  const bytes = require("crypto").randomBytes(Number(size));
  const socket = require("net").connect(port, host);
  const parts = [];
  let length = 0;
  socket.on("data", (part) => {
    parts.push(part);
    length += part.length;
    if (length < bytes.length)
      return;
    socket.destroy();
    const tcp = require("fs").readFileSync("/proc/self/net/snmp", "utf8")
      .split("\\n").filter((line) => line.startsWith("Tcp:"))
      .map((line) => line.split(" "));
    console.log(JSON.stringify({ equal: Buffer.concat(parts).equals(bytes),
      retransmitted: Number(tcp[1][tcp[0].indexOf("RetransSegs")]) }));
  });
  socket.write(bytes);`;

function ours() {
  return Object.keys(networkInterfaces()).filter((name) => name.startsWith("pmlink"));
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("pushmark link --netns", () => {
  const skip = noLink();

  // Runs a command behind a link; null, and skipped, without privileges.
  async function link(t, options, command) {
    const end = await within("the link's end", start(program("pushmark"),
      ["link", "--netns", "--json", ...options, "--", ...command]).closed, 60000);
    if (end.code === 1 && /needs CAP_NET_ADMIN/.test(end.stderr)) {
      t.skip(end.stderr.split("\n")[0]);
      return null;
    }
    return end;
  }

  test("loss and reordering are repaired by TCP", { skip }, async (t) => {
    const far = await Far.start(undefined, "0.0.0.0");
    try {
      const end = await link(t, ["--rtt", "10ms", "--loss", "3%", "--reorder", "2%"],
        [process.execPath, "-e", CLIENT, "{host}", String(far.port), "1000000"]);
      if (!end)
        return;
      assert.equal(end.code, 0, end.stderr);
      const [client, stats] = end.stdout.trim().split("\n").map((line) => JSON.parse(line));
      assert.equal(client.equal, true);
      assert.ok(client.retransmitted > 0);
      assert.ok(stats.to_host.lost > 0 && stats.to_command.reordered > 0);
      // Segments of the MTU and no larger.
      assert.ok(stats.to_host.bytes / stats.to_host.packets <= 1500);
      assert.ok(stats.to_host.packets > 1000000 / 1448 * 0.9);
    } finally {
      far.close();
    }
  });

  test("the command's status, its environment, and nothing left", { skip }, async (t) => {
    const end = await link(t, [], ["sh", "-c", 'test "$0" = "$PUSHMARK_LINK_HOST" && exit 7', "{host}"]);
    if (!end)
      return;
    assert.equal(end.code, 7, end.stderr);
  });

  test("what the command has started ends with it", { skip }, async (t) => {
    if (!await link(t, [], ["true"]))
      return;
    const running = start(program("pushmark"),
      ["link", "--netns", "--", "sh", "-c", "sleep 600 & echo pid $!; sleep 601; true"]);
    const [, pid] = await until("the command", () => /^pid (\d+)$/m.exec(running.stdout));
    running.child.kill("SIGTERM");
    const end = await within("the end", running.closed);
    assert.equal(end.code, 143);
    await until("the other's end", () => !isRunning(Number(pid)));
  });

  test("SIGTERM reaches the command; SIGKILL takes it and the devices along", { skip }, async (t) => {
    if (!await link(t, [], ["true"]))
      return;
    for (const signal of ["SIGTERM", "SIGKILL"]) {
      const link = start(program("pushmark"),
        ["link", "--netns", "--", "sh", "-c", "echo pid $$; exec sleep 600"]);
      const [, pid] = await until("the command", () => /^pid (\d+)$/m.exec(link.stdout));
      assert.ok(ours().length > 0);
      link.child.kill(signal);
      const end = await within("the end", link.closed);
      assert.deepEqual([end.code, end.signal],
        signal === "SIGTERM" ? [143, null] : [null, "SIGKILL"]);
      await until("the command's end", () => !isRunning(Number(pid)));
    }
  });
});
