// SPDX-License-Identifier: MIT
// The servers that ours are compared with do the same work: what is published
// to a room gets to everyone in it, once, in order, unchanged. And a server of
// one's own, described by one JSON file, can be measured.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Inbox, once, until, within } from "./lib/inbox.mjs";
import { program, run, start } from "./lib/server.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const PEERS = path.join(HERE, "../../bench/peers");
const MESSAGES = 50;

let folder;

// The peers find this suite's packages instead of their own.
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "pushmark-peers-"));
  cpSync(PEERS, folder, {
    recursive: true,
    filter: (file) => path.basename(file) !== "node_modules",
  });
  symlinkSync(path.join(HERE, "node_modules"), path.join(folder, "node_modules"));
});
after(() => rmSync(folder, { recursive: true }));

const peers = [
  { name: "npm ws", file: "ws.mjs", args: ["--protocol", "ws"] },
  { name: "Node's http", file: "sse.mjs", args: ["--protocol", "sse"] },
  ...["polling", "websocket", "upgrade"].map((transport) => ({
    name: `npm socket.io, ${transport}`,
    file: "socketio.mjs",
    args: ["--protocol", "longpoll", "--transport", transport],
  })),
  { name: "libmicrohttpd's own writing", args: ["--protocol", "sse"] },
];

function startPeer({ file }) {
  return file
    ? start(process.execPath, [path.join(folder, file)])
    : start(program("pushmark-sse-mhd"), ["--port", "0"]);
}

async function urlOf(peer) {
  const line = await once(createInterface({ input: peer.child.stdout }), "line");
  const [, url] = /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line);
  return url;
}

// Publishes each value; returns the answers.
async function publish(url, args, room, event, values) {
  const end = await run("pushmark-client",
    ["publish", url, ...args, "--room", room, "--event", event, "--data", "-"],
    values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  assert.equal(end.code, 0, end.stderr);
  return end.stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

// Listens to a room; the probes that tell when it is a member are left out.
async function listen(url, args, room) {
  const one = start(program("pushmark-client"), ["listen", url, ...args, "--room", room]);
  one.messages = new Inbox(`${room}'s listener`);
  let member = false;
  createInterface({ input: one.child.stdout }).on("line", (line) => {
    const object = JSON.parse(line);
    if (object.event === "probe")
      member = true;
    else if (object.type === "message")
      one.messages.push(object);
  });
  await until("the membership", async () => {
    await publish(url, args, room, "probe", [0]);
    return member;
  });
  return one;
}

async function stop(...runs) {
  for (const one of runs) {
    one.child.kill("SIGTERM");
    await within("its end", one.closed);
  }
}

for (const peer of peers)
  test(`${peer.name}: rooms, order, numbers, bytes`, async () => {
    const server = startPeer(peer);
    const running = [server];
    try {
      const url = await urlOf(server);
      for (const room of ["a", "a", "a", "b"])
        running.push(await listen(url, peer.args, room));
      const [, ...listeners] = running;
      const other = listeners.pop();
      const values = Array.from({ length: MESSAGES }, (_, i) => ({ i, text: "é\"\\" }));
      const answers = await publish(url, peer.args, "a", "e", values);
      const first = answers[0].seq;
      assert.deepEqual(answers.map(({ seq }) => seq), values.map((_, i) => first + i));
      for (const { messages } of listeners) {
        for (const [i, data] of values.entries()) {
          const { room, event, seq, data: got } = await messages.next();
          assert.deepEqual({ room, event, seq, data: got },
            { room: "a", event: "e", seq: first + i, data });
        }
        assert.equal(messages.size, 0);
      }
      await publish(url, peer.args, "b", "e", ["alone"]);
      assert.equal((await other.messages.next()).data, "alone");
      assert.equal(other.messages.size, 0);
    } finally {
      await stop(...running.reverse());
    }
  });

test("what is not installed is said", async () => {
  const bare = mkdtempSync(path.join(tmpdir(), "pushmark-peers-"));
  try {
    for (const file of ["peer.mjs", "ws.mjs"])
      cpSync(path.join(PEERS, file), path.join(bare, file));
    const end = await within("its end",
      start(process.execPath, [path.join(bare, "ws.mjs")]).closed);
    assert.equal(end.code, 1);
    assert.equal(end.stderr, "the npm package ws is not installed; `make peers` installs it\n");
    assert.equal(end.stdout, "");
  } finally {
    rmSync(bare, { recursive: true });
  }
});

describe("a server of one's own", () => {
  const SCENARIO = {
    name: "one",
    description: "One variant",
    teaches: "That it works",
    method: "pairs",
    suite: 0,
    parameters: Object.fromEntries(Object.entries({
      subscribers: 20, payload: 100, margin: 0.1, pairs: 1, starts: 1, slice_ms: 50,
      warmup_ms: 20, warmup_max: 1, check_messages: 40,
    }).map(([name, value]) => [name, { value, min: value, max: value, help: name }])),
    variants: [{ name: "closed", kind: "closed", window: 4, help: "in fours" }],
    sizes: { smoke: {}, quick: {}, standard: {} },
  };

  // In a folder of their own, with bare beside them.
  async function measureAll(targets, more = {}) {
    const own = mkdtempSync(path.join(folder, "own-"));
    const at = (file) => path.join(own, file);
    cpSync(path.join(PEERS, "../targets/bare.json"), at("bare.json"));
    for (const target of targets)
      writeFileSync(at(`${target.name}.json`), JSON.stringify(target));
    const scenarios = mkdtempSync(path.join(folder, "scenarios-"));
    const parameters = { ...SCENARIO.parameters, ...more };
    writeFileSync(path.join(scenarios, "one.json"), JSON.stringify({
      ...SCENARIO, parameters, targets: targets.map(({ name }) => name),
    }));
    const one = start(program("pushmark"), ["run", "one", "--size", "smoke",
      "--scenarios", scenarios, "--targets", own, "--out", at("out")]);
    const end = await within("pushmark run", one.closed, 300000);
    assert.notEqual(end.code, 2, end.stderr);
    return { end, result: JSON.parse(readFileSync(at("out/run.json"), "utf8")) };
  }

  async function measure(name, target) {
    const { end, result } = await measureAll([{ name, ...target }]);
    return { end, result, measured: result.measurements.find((m) => m.target === name) };
  }

  const plain = (kind, ...more) => ({
    dialect: `${kind}-plain`,
    path: { ws: "/ws", sse: "/sse", longpoll: "/poll" }[kind],
    start: [process.execPath, path.join(HERE, "lib/plain-server.mjs"), ...more],
  });

  for (const kind of ["ws", "sse", "longpoll"])
    test(`${kind}-plain: what is posted comes out, and the ledger balances`, async () => {
      const { end, result, measured } = await measure(`own-${kind}`, {
        ...plain(kind), version: [process.execPath, "--version"],
      });
      assert.equal(end.code, 0, end.stderr);
      assert.equal(measured.check.valid, true);
      assert.equal(measured.check.deliveries, 40 * 20);
      assert.equal(measured.pairs_invalid, 0);
      assert.ok(measured.sides.target.units > 0);
      assert.equal(result.provenance.targets[`own-${kind}`], process.version);
    });

  for (const [kind, fault, why] of [
    ["ws", "drop", /^\d+ lost of \d+ deliveries, not there in time$/],
    ["sse", "double", /^\d+ duplicated of \d+ deliveries$/],
    ["sse", "corrupt", /^\d+ corrupt, \d+ lost of \d+ deliveries$/],
    ["ws", "reorder", /^\d+ reordered/]])
    test(`${kind}-plain: ${fault} is caught`, async () => {
      const { end, measured } = await measure(`bad-${fault}`, plain(kind, fault));
      assert.equal(end.code, 1, end.stderr);
      assert.equal(measured.check.valid, false);
      assert.match(measured.check.why, why);
    });

  // What the check slice does not meet. Most pairs are well; the verdict is not theirs.
  const number = (value) => ({ value, min: value, max: value, help: "fixed" });
  const rarely = async (name, fault, more) => {
    const { end, result } = await measureAll([{ name, ...fault }],
      { subscribers: number(3), warmup_max: number(1), ...more });
    const measured = result.measurements.find((m) => m.target === name);
    assert.equal(end.code, 1, end.stderr);
    assert.equal(result.succeeded, false);
    assert.equal(measured.check.valid, true, measured.check.why);
    assert.equal(measured.verdict, "invalid");
    assert.equal(measured.invalid.baseline, undefined);
    const { ledger } = measured.invalid.target;
    assert.deepEqual([ledger.lost, ledger.reordered, ledger.corrupt, ledger.stray], [0, 0, 0, 0]);
    assert.ok(ledger.duplicated > 0);
    assert.ok(measured.caveats.some((text) => text.startsWith("Invalid, hence no verdict")));
    assert.match(end.stdout, new RegExp(`^ +${name} .* invalid`, "m"));
    return { end, measured };
  };

  test("one in very many is enough to be invalid", async () => {
    const { end, measured } = await rarely("bad-rare", plain("ws", "double", "8004"),
      { pairs: number(24), slice_ms: number(80) });
    assert.ok(measured.pairs >= 2, `${measured.pairs} pairs are valid`);
    assert.match(measured.invalid_why, /^(in the warm-up, )?\d+ duplicated of [\d,]+ deliveries$/);
    assert.equal(measured.sides.target.ledger.duplicated, 0);
    assert.match(end.stdout, /^ +bad-rare .*\([\d,]+\) .* \([\d.]+ \[.*\]\) .* invalid/m);
  });

  test("a second copy between slices is in the ledger of the next", async () => {
    const { measured } = await rarely("bad-late", plain("ws", "late", "50"),
      { pairs: number(4), slice_ms: number(250) });
    assert.match(measured.invalid_why, /duplicated/);
  });

  test("a second copy behind the last slice is heard", async () => {
    const { measured } = await rarely("bad-last", plain("sse", "late", "204", "800"),
      { pairs: number(1), slice_ms: number(700) });
    // Copies from the warm-up, or of a pair that is run again, are heard before.
    if (measured.slices.length > 2 || measured.pairs_invalid > 0)
      return;
    assert.equal(measured.pairs, 1);
    assert.match(measured.invalid_why, /^behind the last slice, \d+ duplicated$/);
  });

  // One message in a thousand of one subscriber, on every dialect: one that
  // others follow in its burst.
  const FAULTS = { drop: /in time|lost/, double: /duplicated/, reorder: /reordered/ };
  const EVERY = 1004;

  const bent = (dialect, file) => ({
    dialect,
    start: ["env", `EVERY=${EVERY}`, process.execPath,
      "--import", path.join(HERE, "lib/faults.mjs"), path.join(folder, file)],
  });

  const dialects = {
    "ws": () => bent("ws", "ws.mjs"),
    "sse": () => bent("sse", "sse.mjs"),
    "longpoll": () => bent("longpoll", "socketio.mjs"),
    "longpoll+upgrade": () => bent("longpoll+upgrade", "socketio.mjs"),
    "ws-plain": (fault) => plain("ws", fault, String(EVERY)),
    "sse-plain": (fault) => plain("sse", fault, String(EVERY)),
    "longpoll-plain": (fault) => plain("longpoll", fault, String(EVERY)),
  };

  for (const [fault, why] of Object.entries(FAULTS))
    test(`${fault}: one in a thousand is caught on every dialect`, async () => {
      const targets = Object.entries(dialects).map(([name, of]) => {
        const { start: [first, ...rest], ...target } = of(fault);
        const start = first === "env" ? [first, `FAULT=${fault}`, ...rest] : [first, ...rest];
        return { name: `bad-${name}`, ready_ms: 30000, start, ...target };
      });
      const { end, result } = await measureAll(targets, {
        subscribers: number(3), check_messages: number(1200), drain_ms: number(1500),
      });
      assert.equal(end.code, 1, end.stderr);
      for (const { name } of targets) {
        const { check, failure } = result.measurements.find((m) => m.target === name);
        assert.ok(check, `${name}: ${JSON.stringify(failure)}`);
        assert.equal(check.valid, false, name);
        assert.match(check.why, why, name);
        // The fault is one message's; behind a lost one a closed loop stops.
        const missing = (3 - check.deliveries % 3) % 3;
        assert.equal(missing, fault === "drop" ? 1 : 0, `${name}: ${check.deliveries}`);
        assert.ok(check.deliveries > EVERY, `${name}: ${check.deliveries}`);
      }
    });

  test("a server that is not there fails, and the others are measured", async () => {
    const { end, measured, result } = await measure("absent", {
      dialect: "ws", start: [path.join(folder, "nowhere")],
      version: [path.join(folder, "nowhere")],
    });
    assert.equal(end.code, 1);
    assert.equal(measured.complete, false);
    assert.match(measured.failure.log.join("\n"), /cannot start .*nowhere/);
    assert.equal(result.provenance.targets.absent, null);
  });
});

// Nchan is where `make peers` has been.
const nchan = spawnSync("sh", [path.join(PEERS, "nginx.sh"), "nchan", "--version"]);
test("Nchan gives what it is told", { skip: nchan.status !== 0 }, async () => {
  const server = start("sh", [path.join(PEERS, "nginx.sh"), "nchan"]);
  try {
    const url = await urlOf(server);
    const poll = fetch(`${url}/poll?room=a`);
    await until("the subscriber", async () => {
      const told = await fetch(`${url}/publish?room=a`);
      return /subscribers: 1/.test(await told.text());
    });
    const posted = await fetch(`${url}/publish?room=a`, { method: "POST", body: "{\"x\":1}" });
    assert.equal(posted.status, 201);
    assert.equal(await (await within("the answer", poll)).text(), "{\"x\":1}");
  } finally {
    await stop(server);
  }
});

const nginx = spawnSync("sh", [path.join(PEERS, "nginx.sh"), "cache", "--version"]);
test("nginx's cache has what is there", { skip: nginx.status !== 0 }, async () => {
  const server = start("sh", [path.join(PEERS, "nginx.sh"), "cache"]);
  try {
    const url = await urlOf(server);
    const ask = (headers) => fetch(`${url}/poll?room=a`, { headers });
    assert.equal((await ask({})).status, 404);
    for (const body of ["{\"x\":1}", "{\"x\":23}"]) {
      const posted = await fetch(`${url}/publish?room=a`, { method: "POST", body });
      assert.ok(posted.ok);
      await until("the cache is asked again", async () =>
        await (await ask({})).text() === body);
      const tag = (await ask({})).headers.get("etag");
      assert.equal((await ask({ "If-None-Match": tag })).status, 304);
    }
  } finally {
    await stop(server);
  }
});

test("polling that cache, beside a stream", { skip: nginx.status !== 0 }, async () => {
  const out = mkdtempSync(path.join(tmpdir(), "pushmark-poll-"));
  try {
    const end = await within("the run", start(program("pushmark"),
      ["run", "paper-vandevyvere", "--size", "smoke", "--quiet",
        "--target", "sse", "--target", "nginx-poll", "--out", out]).closed, 120000);
    assert.equal(end.code, 0, end.stderr);
    const { measurements, published } = JSON.parse(
      readFileSync(path.join(out, "run.json"), "utf8"));
    const of = (variant, target) => Object.fromEntries(measurements
      .find((m) => m.variant === variant && m.target === target)
      .observations.map(({ name, value }) => [name, value]));
    const stream = of("each second", "sse");
    const poll = of("each second", "nginx-poll");
    assert.equal(stream.delivered, 1);
    assert.equal(poll.delivered, 1);
    // Who asks each second waits for half of one in the mean, if not longer.
    assert.ok(poll.mean > 100e6 && poll.mean > stream.mean, JSON.stringify(poll));
    const [cpu] = published;
    assert.ok(Math.abs(cpu.measured - poll["CPU/s"] / stream["CPU/s"]) < 1e-6);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("a target that has no part in what is chosen", async () => {
  const end = await run("pushmark", ["run", "fanout", "--target", "nginx-poll"]);
  assert.equal(end.code, 2);
  assert.match(end.stderr, /--target nginx-poll: it takes part in no chosen scenario/);
});
