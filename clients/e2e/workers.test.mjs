// SPDX-License-Identifier: MIT
// Several load workers measure what one does: every message has all its
// receivers, whichever worker they are in, and the digests are the same.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { until, within } from "./lib/inbox.mjs";
import { program, start } from "./lib/server.mjs";

const SUBSCRIBERS = 30;
const MINUTES = 60000;

let folder;

before(() => (folder = mkdtempSync(path.join(tmpdir(), "pushmark-workers-"))));
after(() => rmSync(folder, { recursive: true }));

function begin(name, scenario, settings, wrap = (argv) => argv) {
  const out = path.join(folder, name);
  const set = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const [command, ...args] = wrap([program("pushmark"), "run", scenario,
    "--size", "smoke", "--target", "ws", "--out", out, ...set]);
  const one = start(command, args);

  one.result = async () => {
    const end = await within("pushmark run", one.closed, 5 * MINUTES);
    assert.notEqual(end.code, 2, end.stderr);
    return { end, run: JSON.parse(readFileSync(path.join(out, "run.json"), "utf8")) };
  };
  return one;
}

function assertWhole(m, deliveries) {
  const name = `${m.target}, ${m.variant}`;

  assert.equal(m.check.valid, true, name);
  assert.equal(m.pairs_invalid, 0, name);
  assert.ok(m.slices.length >= 2, name);
  for (const s of m.slices) {
    assert.ok(s.messages > 0, name);
    assert.equal(s.deliveries, deliveries(s.messages), name);
    assert.equal(s.ledger.delivered, s.deliveries, name);
    assert.equal(s.ledger.digest, s.ledger.expected, name);
    assert.equal(s.latency.all.count, s.deliveries, name);
    for (const which of ["first", "median", "last"])
      assert.equal(s.latency[which].count, s.messages, name);
    assert.ok(s.latency.first.mean <= s.latency.median.mean, name);
    assert.ok(s.latency.median.mean <= s.latency.last.mean, name);
    assert.equal(s.latency.last.max, s.latency.all.max, name);
  }
}

// Both kinds of latency are there, and differ by how late messages left.
function assertBothLatencies(m) {
  for (const s of [...m.slices, m.sides.target, m.sides.baseline]) {
    assert.equal(s.latency_uncorrected.last.count, s.latency.last.count);
    const late = s.latency.last.mean - s.latency_uncorrected.last.mean;
    assert.ok(Math.abs(late - s.lag.mean) < 1000, `${late} ns and ${s.lag.mean} ns`);
  }
  assert.ok(m.caveats.some((text) => text.startsWith("Uncorrected, ")), m.caveats);
}

const quick = { subscribers: SUBSCRIBERS, pairs: 1, check_messages: 20 };

test("fanout over one, two and three workers", async () => {
  const digests = new Set();

  for (const workers of [1, 2, 3]) {
    const { end, run } = await begin(`fanout-${workers}`, "fanout", { ...quick, workers }).result();
    assert.equal(end.code, 0, end.stdout + end.stderr);
    for (const m of run.measurements) {
      assert.equal(m.parameters.workers, workers);
      assertWhole(m, (messages) => messages * SUBSCRIBERS);
      if (m.kind === "open")
        assertBothLatencies(m);
      assert.equal(m.caveats.some((text) => text.includes(`split over ${workers} load workers`)),
        workers > 1, m.caveats);
      if (m.variant !== "open")
        digests.add(m.check.digest);
    }
    assert.ok(run.provenance.worker_cores.length <= run.provenance.cores);
  }
  assert.equal(digests.size, 1, [...digests].join(" "));
});

test("rooms over two workers", async () => {
  const { end, run } = await begin("chat", "chat",
    { workers: 2, rooms: 7, members: 5, rate: 200, pairs: 1 }).result();
  assert.equal(end.code, 0, end.stdout + end.stderr);
  for (const m of run.measurements)
    assertWhole(m, (messages) => messages * 5);
});

describe("failures", () => {
  function workersOf(pid) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    // They are forked without another program, and servers are not. So are hiccup meters, which say so.
    return children.filter(Boolean).filter((child) => {
      try {
        return readFileSync(`/proc/${child}/cmdline`, "utf8").includes("--set") &&
          readFileSync(`/proc/${child}/comm`, "utf8") !== "pushmark-hiccup\n";
      } catch {
        return false;
      }
    });
  }

  test("a worker that dies is named", async () => {
    const one = begin("dies", "fanout", { ...quick, workers: 2, slice_ms: 10000 });
    await until("two workers", () => workersOf(one.child.pid).length === 2);
    process.kill(Number(workersOf(one.child.pid)[1]), "SIGKILL");
    await until("its failure", () => one.stdout.includes("FAILED") || one.stderr.includes("FAILED"));
    one.child.kill("SIGINT");
    const { end, run } = await one.result();
    assert.equal(end.code, 130, end.stdout + end.stderr);
    assert.equal(run.measurements[0].failure.what,
      "load worker 2 of 2 was killed by signal 9 (Killed)");
  });

  test("too low a limit of descriptors is said, with how to raise it", async (t) => {
    const may = spawnSync("bash", ["-c", "ulimit -n 500 && ulimit -Hn 600"]);
    if (may.status === 0)
      return t.skip("who runs this may raise it");
    const one = begin("limit", "fanout", { ...quick, subscribers: 1000 },
      (argv) => ["bash", "-c", 'ulimit -n 500; exec "$0" "$@"', ...argv]);
    const { end, run } = await one.result();
    assert.equal(end.code, 1, end.stdout + end.stderr);
    assert.match(run.measurements[0].failure.what,
      /needs 11\d\d descriptors for 1000 subscribers.* may have 500: .*ulimit -Hn 11\d\d/);
  });
});
