// SPDX-License-Identifier: MIT
// How scenarios outside the suite are measured: each method on real servers,
// and what it has to say of them in run.json. Times are bounded from below, or
// by what the server promises.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { within } from "./lib/inbox.mjs";
import { noLink } from "./lib/link.mjs";
import { program, start } from "./lib/server.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const BENCH = path.join(HERE, "../../bench");
const MS = 1e6; // nanoseconds
const OURS = ["ws", "longpoll", "sse"];

let folder;

before(() => (folder = mkdtempSync(path.join(tmpdir(), "pushmark-methods-"))));
after(() => rmSync(folder, { recursive: true }));

// Runs a scenario of the tree in its smallest size, with some of its variants
// and targets only. The measurements are found by variant and target.
async function measure(name, { variants, targets, set = {}, own = [] }) {
  const at = mkdtempSync(path.join(folder, `${name}-`));
  const text = readFileSync(path.join(BENCH, "scenarios", `${name}.json`), "utf8");
  const scenario = JSON.parse(text);
  scenario.variants = scenario.variants.filter((v) => variants.includes(v.name));
  assert.equal(scenario.variants.length, variants.length, "the variants are there");
  scenario.published = scenario.published?.filter((p) => variants.includes(p.variant));
  mkdirSync(path.join(at, "scenarios"));
  cpSync(path.join(BENCH, "targets"), path.join(at, "targets"), { recursive: true });
  writeFileSync(path.join(at, "scenarios", `${name}.json`),
    JSON.stringify({ ...scenario, targets }));
  for (const target of own)
    writeFileSync(path.join(at, "targets", `${target.name}.json`), JSON.stringify(target));
  const one = start(program("pushmark"), ["run", name, "--size", "smoke",
    "--scenarios", path.join(at, "scenarios"), "--targets", path.join(at, "targets"),
    "--out", path.join(at, "out"),
    ...Object.entries(set).flatMap(([key, value]) => ["--set", `${key}=${value}`])]);
  const end = await within("pushmark run", one.closed, 300000);
  assert.equal(end.code, 0, end.stderr + end.stdout);
  const result = JSON.parse(readFileSync(path.join(at, "out/run.json"), "utf8"));
  const of = (variant, target) => {
    const m = result.measurements.find((x) => x.variant === variant && x.target === target);
    assert.ok(m, `${variant}, ${target}`);
    assert.equal(m.complete, true, `${variant}, ${target}`);
    const observed = Object.fromEntries((m.observations ?? []).map((o) => [o.name, o.value]));
    return { ...m, observed, what: `${variant}, ${target}: ${JSON.stringify(observed)}` };
  };
  return { result, of };
}

describe("network", () => {
  test("a relay's round trip is in every message's time", async () => {
    const { of } = await measure("network", { variants: ["RTT 20 ms"], targets: OURS });
    for (const target of OURS) {
      const { observed, what, outcome } = of("RTT 20 ms", target);
      assert.equal(observed.delivered, 1, what);
      assert.ok(observed.mean >= 10 * MS, what);
      assert.ok(observed.bytes >= 128, what);
      assert.equal(outcome, undefined);
    }
  });

  // It says nothing until there is a message, and a relay hides the way to it.
  test("a server that does not tell when a poll has come misses nobody", async () => {
    const own = [{
      name: "plain", dialect: "longpoll-plain", path: "/poll",
      start: [process.execPath, path.join(HERE, "lib/plain-server.mjs")],
    }];
    const { of } = await measure("network", {
      variants: ["RTT 300 ms"], targets: ["plain"], own,
      set: { rate: 2, slice_ms: 1500 },
    });
    const { observed, what } = of("RTT 300 ms", "plain");
    assert.equal(observed.delivered, 1, what);
  });

  test("a link of packets, with loss", { skip: noLink() }, async () => {
    const { of } = await measure("network", { variants: ["loss 1 %"], targets: ["ws"] });
    const { observed, what, outcome } = of("loss 1 %", "ws");
    assert.equal(outcome, undefined);
    assert.equal(observed.delivered, 1, what);
    // The publisher is behind it, too.
    assert.ok(observed.mean >= 40 * MS, what);
  });
});

test("proxy: who does not get through is told, and who falls back", async () => {
  const { of, result } = await measure("proxy", {
    variants: ["no upgrade", "buffering"],
    targets: ["ws", "longpoll+upgrade", "longpoll", "sse"],
  });
  const refused = of("no upgrade", "ws");
  assert.match(refused.outcome, /^not connected: .*400/);
  assert.equal(refused.observed.delivered, 0);
  assert.equal(refused.failure, undefined);
  assert.match(of("buffering", "sse").outcome, /^not connected: /);
  for (const [variant, target] of [["no upgrade", "longpoll+upgrade"], ["no upgrade", "sse"],
    ["buffering", "ws"], ["buffering", "longpoll"]]) {
    const { observed, outcome, what } = of(variant, target);
    assert.equal(outcome, undefined, what);
    assert.equal(observed.delivered, 1, what);
  }
  assert.equal(result.succeeded, true);
});

test("six: who publishes in one of six tabs", async () => {
  const { of } = await measure("six", {
    variants: ["said in a tab"], targets: OURS, set: { connect_ms: 3000 },
  });
  for (const target of OURS) {
    const { observed, what } = of("said in a tab", target);
    assert.equal(observed.open, 5, what);
    assert.equal(observed.delivered, target === "ws" ? 1 : 0, what);
  }
});

test("six: a seventh event stream never opens, polls take turns", async () => {
  const { of, result } = await measure("six", {
    variants: ["no limit", "six requests"],
    targets: [...OURS, "longpoll+upgrade"],
    set: { connect_ms: 3000 },
  });
  for (const target of [...OURS, "longpoll+upgrade"])
    for (const variant of ["no limit", "six requests"]) {
      const { observed, outcome, what } = of(variant, target);
      const shut = target === "sse" && variant === "six requests";
      assert.equal(outcome, undefined, what);
      assert.equal(observed.open, shut ? 6 : 8, what);
      assert.equal(observed.delivered, shut ? 0.75 : 1, what);
      assert.ok(observed.mean >= 5 * MS, what);
    }
  // Who polls again needs a round trip, and somebody waits for that.
  const late = of("six requests", "longpoll");
  assert.ok(late.observed.max >= 15 * MS, late.what);
  assert.equal(result.succeeded, true);
});

test("reconnect: all come back, and told gaps are not losses", async () => {
  const { of } = await measure("reconnect", {
    variants: ["restart", "cut", "cut, no resume"],
    targets: OURS,
    set: { slice_ms: 1500, drain_ms: 4500 },
  });
  for (const target of OURS) {
    for (const variant of ["restart", "cut", "cut, no resume"]) {
      const { observed, outcome, what } = of(variant, target);
      assert.equal(outcome, undefined, what);
      assert.equal(observed.lost, 5, what);
      assert.equal(observed.back, 5, what);
      assert.ok(observed["back p50"] > 0, what);
    }
    const cut = of("cut", target);
    assert.equal(cut.observed.missed, 0, cut.what);
    assert.equal(cut.observed["told gaps"], 0, cut.what);
    assert.equal(cut.observed.unsent, 0, cut.what);
    // Nobody asked, so nobody was told.
    const silent = of("cut, no resume", target);
    assert.ok(silent.observed.missed > 0, silent.what);
    assert.ok(silent.observed.delivered < 1, silent.what);
    assert.equal(silent.observed["told gaps"], 0, silent.what);
    // The new server knows nothing of before, and says so to each.
    const restart = of("restart", target);
    assert.equal(restart.observed["told gaps"], 5, restart.what);
  }
});

test("zombie: a heartbeat finds who vanished, in its time", { skip: noLink() }, async () => {
  const { of } = await measure("zombie", {
    variants: ["heartbeat 1 s"], targets: OURS, set: { drain_ms: 20000 },
  });
  for (const target of OURS) {
    const { observed, outcome, what } = of("heartbeat 1 s", target);
    assert.equal(outcome, undefined, what);
    // Interval and time-out; a busy machine may need longer to keep it.
    assert.ok(observed["all found after"] <= (1500 + 1500) * MS, what);
    assert.ok(observed["half found after"] <= observed["all found after"], what);
  }
});

describe("large", () => {
  // Started by another program, it is none of ours: its limits stay.
  const limited = {
    name: "limited",
    dialect: "ws",
    start: ["/usr/bin/env", "{bin}/pushmark-server", "--backend", "ws", "--app", "relay",
      "--host", "{host}", "--port", "0"],
    ready_ms: 30000,
  };

  test("whole and in pieces, it goes through beside the others", async () => {
    const targets = [...OURS, "longpoll+upgrade"];
    const { of } = await measure("large", { variants: ["alone", "whole", "pieces"], targets });
    for (const target of targets) {
      const alone = of("alone", target);
      assert.equal(alone.outcome, undefined, alone.what);
      assert.equal(alone.observed.delivered, 1, alone.what);
      assert.equal(alone.observed.transfer, undefined, alone.what);
      const [whole, pieces] = ["whole", "pieces"].map((variant) => of(variant, target));
      for (const { observed, outcome, what } of [whole, pieces]) {
        assert.equal(outcome, undefined, what);
        assert.equal(observed.delivered, 1, what);
        assert.ok(observed.transfer > 0.1 * MS, what);
        const rate = observed["transfer rate"] * observed.transfer / 8000;
        // Pieces are of one size.
        assert.ok(rate > 1999999 && rate < 2000000 + 65536, what);
        assert.ok(observed.max >= observed.mean, what);
      }
      // A whole is all there at once, where the kernel tells.
      assert.ok((whole.observed.memory ?? Infinity) > 2e6, whole.what);
    }
  });

  test("in chunk objects, where there are some", async () => {
    const { of } = await measure("large",
      { variants: ["chunks"], targets: ["ws", "longpoll", "limited"], own: [limited],
        set: { bulk: 20000000 } });
    const { observed, outcome, what } = of("chunks", "ws");
    assert.equal(outcome, undefined, what);
    assert.equal(observed.delivered, 1, what);
    assert.ok(observed.transfer > 0.1 * MS, what);
    assert.equal(of("chunks", "longpoll").outcome, "its dialect has no chunk objects");
    assert.match(of("chunks", "limited").outcome, /: publishing was refused$/);
  });

  test("a server's own limit is told, and no failure", async () => {
    const { of, result } = await measure("large",
      { variants: ["whole", "pieces"], targets: ["limited"], own: [limited] });
    const { outcome, observed, failure, what } = of("whole", "limited");
    assert.match(outcome, /^the large payload does not get through: .*1009/, what);
    assert.equal(failure, undefined);
    assert.equal(observed.delivered, 1, what);
    assert.equal(observed.transfer ?? null, null, what);
    assert.equal(of("pieces", "limited").outcome, undefined);
    assert.equal(result.succeeded, true);
  });
});

// Its last receiver waits 10 ms for each one there is.
test("capacity: what a server of known slowness can, searched twice", async () => {
  const slow = {
    name: "slow",
    dialect: "ws-plain",
    path: "/ws",
    start: [process.execPath, path.join(HERE, "lib/plain-server.mjs"), "slow", "10"],
    ready_ms: 30000,
  };
  const { of } = await measure("capacity", {
    variants: ["10/s"], targets: ["slow"], own: [slow],
    set: { subscribers: 5, bound_ms: 300, starts: 2, rate: 2, slice_ms: 600 },
  });
  const { observations, what } = of("10/s", "slow");
  const clients = observations.find((o) => o.name === "clients");
  const tooMany = observations.find((o) => o.name === "too many");
  assert.equal(clients.count, 2, what);
  assert.ok(clients.value >= 5 && clients.value <= 30, what);
  assert.ok(tooMany.value > clients.value, what);
  assert.ok(tooMany.value - clients.value <= 0.1 * tooMany.value + 1, what);
});

test("connect: units are connections, next to the baseline's", async () => {
  const { of } = await measure("connect", { variants: ["storm"], targets: OURS });
  for (const target of OURS) {
    const { pairs, sides, ratios, what } = of("storm", target);
    assert.equal(pairs, 2, what);
    for (const side of [sides.baseline, sides.target]) {
      assert.equal(side.units, 2 * 50, what);
      assert.ok(side.bytes_in > 0 && side.bytes_out > 0, what);
    }
    assert.equal(ratios.server_cpu.count, 2, what);
  }
});

test("a published figure stands beside ours", async () => {
  const { result, of } = await measure("paper-rfc6202",
    { variants: ["far apart"], targets: ["longpoll"] });
  const [figure, ...more] = result.published;
  assert.deepEqual(more, []);
  const { observed } = of("far apart", "longpoll");
  assert.equal(figure.published, 1);
  // A transit takes 50 ms.
  assert.ok(figure.measured >= 1, JSON.stringify(figure));
  assert.ok(Math.abs(figure.measured - observed.mean / (50 * MS)) < 1e-6);
  assert.ok(Math.abs(figure.ratio - figure.measured / figure.published) < 1e-9);
  assert.match(figure.source, /RFC 6202/);
});

test("slow: what waits for who does not read, under a policy and with a bound", async () => {
  const { of } = await measure("slow", {
    variants: ["drop-oldest", "small buffer", "slow reader"], targets: OURS });
  for (const target of OURS) {
    const { observed, what, ...m } = of("drop-oldest", target);
    assert.equal(m.primary, "latency_tail");
    assert.equal(m.baseline, target);
    assert.equal(m.check.valid, true, what);
    // One that polls has at most one answer under way.
    assert.ok(observed["kernel holds"] >= (target === "longpoll" ? 8192 : 400000), what);
    assert.ok(observed["server RSS"] > 0, what);
    assert.equal(observed["TCP open"], 1, what);
    const bounded = of("small buffer", target);
    assert.ok(bounded.observed["kernel holds"] < 400000, bounded.what);
    assert.equal(of("slow reader", target).check.valid, true);
  }
});

test("churn: visitors are met, and are in no ledger", async () => {
  const { of } = await measure("churn", { variants: ["visitors"], targets: ["longpoll", "sse"] });
  for (const target of ["longpoll", "sse"]) {
    const { observed, what, ...m } = of("visitors", target);
    assert.equal(m.check.valid, true);
    assert.equal(m.sides.target.ledger.lost, 0);
    assert.ok(observed.visits > 10 && observed.visits <= 130, what);
    assert.equal(m.primary, "server_cpu");
  }
});

test("idle: a heartbeat each second costs CPU", async () => {
  const { of } = await measure("idle", { variants: ["heartbeat"], targets: OURS });
  for (const target of OURS) {
    const { observed, what } = of("heartbeat", target);
    assert.ok(observed["CPU/s"] > 100 && observed["CPU/s"] < 1e6, what);
  }
});

test("connect: a ramp takes as long as its rate says", async () => {
  const { of } = await measure("connect", {
    variants: ["ramp"], targets: ["sse"], set: { ramp: 200 } });
  // 50 connections: the last starts after 245 ms.
  assert.ok(of("ramp", "sse").sides.target.rate <= 50 / 0.245, "slower than 204 a second");
});

test("paper-crossbar: framing as published", async () => {
  const { result } = await measure("paper-crossbar", {
    variants: ["eight texts"], targets: ["ws"] });
  assert.deepEqual(result.published.map((p) => [p.published, p.measured]),
    [[6, 6], [2, 2], [48, 48], [16, 16]]);
});
