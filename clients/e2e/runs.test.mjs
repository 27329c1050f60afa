// SPDX-License-Identifier: MIT
// pushmark run as scripts and full disks meet it: what cannot be written is
// told before the work starts, and events tell how far it is.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { program } from "./lib/server.mjs";

const ROOT = process.getuid() === 0;
const NOBODY = 65534;

let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "pushmark-runs-"));
  chmodSync(folder, 0o755);
});
after(() => rmSync(folder, { recursive: true }));

const smoke = (out) => ["run", "fanout", "--size", "smoke", "--target", "ws", "--json", "--out", out];

function ended({ status, stdout, stderr, error }) {
  assert.equal(error, undefined);
  const events = stdout.toString().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return { status, stderr: stderr.toString(), events };
}

const run = (out, options = {}) => ended(spawnSync(program("pushmark"), smoke(out), options));

// In a shell, which is given the program and its arguments.
const within = (command, out) =>
  ended(spawnSync("sh", ["-c", command, program("pushmark"), ...smoke(out)]));

function toldBefore({ status, stderr, events }, what) {
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^pushmark run: [^\n]+\n$/, "no step was begun");
  assert.match(stderr, what);
  assert.deepEqual(events.map((e) => e.event), ["failed"]);
  assert.equal(`pushmark run: ${events[0].what}\n`, stderr);
}

describe("before the work starts", () => {
  test("a folder without permission", () => {
    const out = join(folder, "locked");
    mkdirSync(out, { mode: 0o555 });
    const who = ROOT ? { uid: NOBODY, gid: NOBODY } : {};
    toldBefore(run(out, who), /cannot write to .*locked: Permission denied/);
    toldBefore(run(join(out, "inner"), who), /cannot write to .*inner: Permission denied/);
    assert.deepEqual(readdirSync(out), []);
  });

  test("a file where the folder is to be", () => {
    const out = join(folder, "file");
    writeFileSync(out, "mine");
    toldBefore(run(join(out, "x")), /cannot write to .*: Not a directory/);
    toldBefore(run(out), /cannot write .*: Not a directory/);
    assert.equal(readFileSync(out, "utf8"), "mine");
  });

  for (const [name, make, why] of [
    ["run.json", mkdirSync, "Is a directory"],
    ["report.md", mkdirSync, "Is a directory"],
    ["hdr", (path) => writeFileSync(path, "mine"), "Not a directory"]])
    test(`something else where ${name} is to be`, () => {
      const out = mkdtempSync(join(folder, "taken-"));
      make(join(out, name));
      toldBefore(run(out), new RegExp(`cannot write to .*/${name}: ${why}\\n$`));
      assert.deepEqual(readdirSync(out), [name]);
    });

  const mounts = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;
  test("a disk without room", { skip: mounts ? false : "nothing can be mounted here" }, () => {
    const out = join(folder, "small");
    mkdirSync(out);
    const end = ended(spawnSync("unshare", ["-rm", "sh", "-c",
      'mount -t tmpfs -o size=256k none "$1" && shift && "$0" "$@" && exit 9; code=$?; ' +
        'test -z "$(ls "$FOLDER")" || exit 8; exit $code',
      program("pushmark"), out, ...smoke(out)], { env: { ...process.env, FOLDER: out } }));
    toldBefore(end, /may need [\d.]+ MB, and 0\.3 MB are free there/);
  });
});

describe("what cannot be", () => {
  const own = (name, text) => {
    const path = join(mkdtempSync(join(folder, "own-")), name);
    writeFileSync(path, text);
    return path;
  };
  const ws = { name: "ws", dialect: "ws", start: ["x"] };
  const json = (object) => JSON.stringify(object, null, 1);

  function refused(args, what) {
    const { status, stdout, stderr } = spawnSync(program("pushmark"), ["run", ...args]);
    assert.equal(status, 2, stderr);
    assert.equal(stdout.toString(), "");
    assert.match(stderr.toString(), /^pushmark run: [^\n]+\n$/);
    assert.ok(stderr.toString().endsWith(`${what}\n`), stderr.toString());
  }

  for (const [args, what] of [
    [["--out", ""], '--out: expected a folder, got ""'],
    [["--targets", ""], '--targets: expected a folder, got ""'],
    [["--until", "=5"], '--until "=5": expected METRIC or METRIC=N%'],
    [["chat", "--set", "rooms=1.5"], "--set rooms=1.5: expected a whole number"],
    [["chat", "--set", "rooms=0x10"], "--set rooms=0x10: expected a whole number"],
    [["chat", "--set", "rooms=800", "--set", "members=80"], "--set rooms=800 and --set " +
      "members=80: chat takes up to 9000 members in all rooms together, not 64000"],
    [["chat", "--size", "smoke", "--set", "rooms=2251"], "--set rooms=2251 and members=4: " +
      "chat takes up to 9000 members in all rooms together, not 9004"]])
    test(args.join(" "), () => refused(args, what));

  test("two targets of one name", () => {
    const mine = own("ws.json", json(ws));
    refused(["fanout", "--target", "ws", "--target", mine], "bench/targets/ws.json, too");
    const bare = own("bare.json", json({ ...ws, name: "bare" }));
    refused(["fanout", "--target", bare], "bench/targets/bare.json, too");
  });

  test("a target's path with a line's end, a program without a name", () => {
    const path = own("ws.json", json({ ...ws, path: "/a\r\nb" }));
    refused(["fanout", "--target", path],
      `${path}:7: "path": expected a text without control characters`);
    const start = own("ws.json", json({ ...ws, start: [""] }));
    refused(["fanout", "--target", start], `${start}:5: expected a program`);
  });

  test("a scenario whose size is a list", () => {
    const text = readFileSync(new URL("../../bench/scenarios/fanout.json", import.meta.url), "utf8");
    const scenario = JSON.parse(text);
    scenario.sizes.quick = [{ rooms: 1 }];
    const path = own("fanout.json", JSON.stringify(scenario));
    refused([path], `${path}:1: "quick": expected an object`);
  });
});

test("a disk that is full in the middle ends the run", () => {
  const out = join(folder, "limited");
  // No file may be longer than a block: what statvfs() says does not tell.
  const { status, stderr, events } = within('ulimit -f 1; exec "$0" "$@"', out);
  assert.equal(status, 1, stderr);
  const last = events.at(-1);
  assert.equal(events[0].event, "start");
  assert.equal(last.event, "failed");
  assert.match(last.what, /^cannot write .*: File too large; what was written before is kept$/);
  assert.ok(stderr.endsWith(`pushmark run: ${last.what}\n`), stderr);
  assert.deepEqual(events.filter((e) => e.event === "end"), []);
  assert.deepEqual(readdirSync(out).filter((name) => name.startsWith("run.json")), []);
});

describe("a run that is ended early", () => {
  // Once one measurement is finished and the next has begun.
  async function endedBy(name, end) {
    const out = join(folder, name);
    const child = spawn(program("pushmark"), smoke(out), { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const exit = once(child, "exit");
    const events = [];
    let stderr = "", told = false;
    child.stderr.on("data", (data) => (stderr += data));
    for await (const line of createInterface(child.stdout)) {
      const event = JSON.parse(line);
      const finished = events.some((e) => e.event === "measurement");
      events.push(event);
      if (told || !finished || event.event !== "progress") continue;
      told = true;
      end(child.pid);
    }
    const [status, signal] = await exit;
    return { status, signal, stderr, events, out };
  }

  const ways = {
    "SIGTERM to the leader": (pid) => process.kill(pid, "SIGTERM"),
    "SIGTERM to its group": (pid) => process.kill(-pid, "SIGTERM"),
    "SIGINT to its group": (pid) => process.kill(-pid, "SIGINT"),
    // As timeout(1) does it.
    "SIGTERM to the leader, then to its group": (pid) => {
      process.kill(pid, "SIGTERM");
      setTimeout(() => process.kill(-pid, "SIGTERM"), 20);
    },
  };
  for (const [what, end] of Object.entries(ways))
    test(`${what} keeps what is finished`, async () => {
      const { status, signal, stderr, events, out } = await endedBy(what.replaceAll(" ", "-"), end);
      assert.deepEqual([status, signal], [130, null], stderr);
      const { event, interrupted, succeeded } = events.at(-1);
      assert.deepEqual([event, interrupted, succeeded], ["end", true, false]);
      const run = JSON.parse(readFileSync(join(out, "run.json"), "utf8"));
      assert.equal(run.interrupted, true);
      assert.ok(run.measurements.some((m) => m.complete));
      assert.deepEqual(run.measurements.map((m) => m.failure).filter(Boolean), []);
      assert.doesNotMatch(stderr, /FAILED/);
      assert.ok(existsSync(join(out, "report.md")));
    });

  // What is finished then is all, and only its report is not written yet.
  test("signals while the results are written lose nothing", async () => {
    for (const ms of [0, 3, 15]) {
      const out = join(folder, `late-${ms}`);
      const child = spawn(program("pushmark"), smoke(out), { detached: true, stdio: ["ignore", "pipe", "ignore"] });
      const exit = once(child, "exit");
      const events = [];
      for await (const line of createInterface(child.stdout)) {
        events.push(JSON.parse(line));
        const finished = events.filter((e) => e.event === "measurement").length;
        if (finished < events[0].measurements || events.at(-1).event !== "measurement") continue;
        setTimeout(() => child.exitCode ?? child.signalCode ?? process.kill(-child.pid, "SIGTERM"), ms);
      }
      const [status, signal] = await exit;
      assert.ok(status === 0 || status === 130, `${status} ${signal}`);
      assert.equal(events.at(-1).event, "end");
      assert.equal(JSON.parse(readFileSync(join(out, "run.json"), "utf8")).succeeded, true);
      assert.ok(existsSync(join(out, "report.md")));
    }
  });
});

test("a run goes on when nobody reads its events any more", () => {
  const out = join(folder, "unread");
  const end = spawnSync("bash", ["-c", '"$0" "$@" | head -1; exit ${PIPESTATUS[0]}', program("pushmark"), ...smoke(out)]);
  const stderr = end.stderr.toString();
  assert.equal(end.status, 0, stderr);
  assert.equal(JSON.parse(end.stdout.toString()).event, "start");
  assert.equal(stderr.match(/nobody takes the events any more \(Broken pipe\); the run goes on\n/g)?.length, 1, stderr);
  assert.equal(JSON.parse(readFileSync(join(out, "run.json"), "utf8")).succeeded, true);
  assert.ok(existsSync(join(out, "report.md")));
});

describe("a run that goes on until it is exact enough", () => {
  const until = (out, ...args) =>
    ended(spawnSync(program("pushmark"), ["run", "--size", "smoke", "--json", "--out", out, ...args]));

  test("not for what nothing chosen has", () => {
    const out = join(folder, "nothing");
    for (const [metric, scenario] of [["cpu", "idle"], ["memory", "fanout"], ["cpu", "zombie"], ["p99", "network"], ["ack", "fanout"]]) {
      const { status, stderr, events } = until(out, scenario, "--until", `${metric}=5%`);
      assert.equal(status, 2);
      assert.equal(stderr, `pushmark run: --until ${metric}: no chosen scenario has this metric\n`);
      assert.deepEqual(events, []);
    }
    assert.equal(existsSync(out), false);
  });

  test("guesses nothing from a few pairs, and tells what it did not reach", () => {
    const out = join(folder, "unmet");
    const { status, stderr, events } = until(out, "rtt", "--pairs", "2", "--target", "ws", "--until", "cpu=0.1%", "--until-max", "4");
    assert.equal(status, 0, stderr);
    assert.match(stderr, / {2}UNTIL .* after 2 pairs; how many more is not known yet\n/);
    assert.doesNotMatch(stderr, /\d{3,}\.\d min/);
    assert.match(stderr, /pushmark run: --until is not reached, as --until-max is over: rtt, .*, ws: cpu /);
    const planned = events[0].planned_s;
    for (const e of events.filter((x) => x.event === "progress"))
      assert.ok(e.left_s <= 4 * planned + 4, JSON.stringify(e));
    const run = JSON.parse(readFileSync(join(out, "run.json"), "utf8"));
    for (const m of run.measurements) {
      assert.equal(m.until[0].met, false);
      assert.ok(m.caveats.some((c) => c.startsWith("The run was to go on until its intervals are narrow, and ended before: cpu ")));
    }
  });
});

describe("a server that shakes hands and says something else than a welcome", () => {
  const say = `
    const s = require("http").createServer().on("upgrade", (q, k) => {
      const key = q.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
      k.on("error", () => {}).write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n" +
        "Sec-WebSocket-Accept: " + require("crypto").createHash("sha1").update(key).digest("base64") + "\\r\\n\\r\\n");
      k.write(Buffer.from("\\x81\\x05hello", "latin1"));
    }).listen(0, process.argv[1], () => console.log("listening on http://" + process.argv[1] + ":" + s.address().port));`;

  for (const scenario of ["rtt", "network"])
    test(`has failed, in ${scenario}`, () => {
      const out = join(folder, `garbage-${scenario}`), target = join(folder, "garbage.json");
      writeFileSync(target, JSON.stringify({ name: "garbage", description: "It says hello", dialect: "ws", path: "/ws",
        start: [process.execPath, "-e", say, "{host}"] }));
      const end = ended(spawnSync(program("pushmark"), ["run", scenario, "--size", "smoke", "--target", target, "--json", "--out", out]));
      assert.equal(end.status, 1, end.stderr);
      assert.match(end.stderr, /FAILED .*, garbage: cannot connect .*: something else than a welcome came: Invalid JSON\n/);
      assert.equal(end.events.at(-1).succeeded, false);
    });
});

describe("a run that ends well", () => {
  let end, result;

  before(() => {
    const out = join(folder, "well");
    end = run(out);
    assert.equal(end.status, 0, end.stderr);
    result = JSON.parse(readFileSync(join(out, "run.json"), "utf8"));
  });

  test("events come in their order", () => {
    const { events } = end;
    const [start, last] = [events[0], events.at(-1)];
    assert.deepEqual([start.event, last.event], ["start", "end"]);
    assert.deepEqual([start.size, start.scenarios, start.targets], ["smoke", ["fanout"], ["bare", "ws"]]);
    assert.ok(start.planned_s > 0);
    assert.deepEqual([last.interrupted, last.succeeded], [false, true]);
    assert.ok(events.slice(1, -1).every((e) => ["progress", "measurement"].includes(e.event)));
    const told = events.filter((e) => e.event === "measurement");
    assert.equal(told.length, start.measurements);
    assert.deepEqual(
      told.map((m) => [m.scenario, m.variant, m.target, m.slices]),
      result.measurements.map((m) => [m.scenario, m.variant, m.target, undefined]));
  });

  test("progress tells the time left", () => {
    const steps = end.events.filter((e) => e.event === "progress");
    for (const m of result.measurements)
      assert.ok(steps.some((e) => e.step === `${m.scenario}, ${m.variant}: ${m.target}`), m.variant);
    for (const [i, e] of steps.entries()) {
      assert.ok(e.left_s >= 0, JSON.stringify(e));
      assert.ok(i === 0 || e.done_s >= steps[i - 1].done_s, JSON.stringify(e));
    }
    // At the first step all is left.
    assert.ok(Math.abs(steps[0].left_s - end.events[0].planned_s) <= 0.1);
    assert.equal(end.stderr.match(/ {2}RUN .* \(about \d+ s left\)\n/g).length,
      result.measurements.length);
  });
});

describe("the network that a run takes place in", () => {
  const may = spawnSync("unshare", ["-n", "true"]).status === 0;
  const wire = (out) => {
    const { provenance, caveats } = JSON.parse(readFileSync(join(out, "run.json"), "utf8"));
    return { own: provenance.own_network, mtu: provenance.loopback_mtu,
      note: caveats.find((c) => c.startsWith("The wire is")) };
  };

  test("is its own where that is allowed, and the host's on demand", () => {
    const out = join(folder, "own"), shared = join(folder, "shared");
    assert.equal(run(out).status, 0);
    const { own, mtu } = wire(out);
    assert.equal(own, may);
    assert.ok(!may || mtu === 1500, `${mtu}`);
    const end = spawnSync(program("pushmark"), [...smoke(shared), "--host-network"]);
    assert.equal(end.status, 0, end.stderr.toString());
    assert.equal(wire(shared).own, false);
    assert.match(wire(shared).note, /^The wire is the host's loopback .*\(as asked for\)/);
  });

  // May leave, but not switch the new one's loopback device on: comes back.
  const half = ["--bounding-set", "-net_admin", "--"];
  const halved = may && spawnSync("setpriv", [...half, "unshare", "-n", "true"]).status === 0;
  test("is the host's without the privilege to furnish one",
    { skip: halved ? false : "privileges cannot be dropped one by one here" }, () => {
      const out = join(folder, "half");
      const end = spawnSync("setpriv", [...half, program("pushmark"), ...smoke(out)]);
      assert.equal(end.status, 0, end.stderr.toString());
      assert.equal(wire(out).own, false);
      assert.match(wire(out).note, /loopback .*: Operation not permitted\)/);
    });
});
