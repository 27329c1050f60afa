// SPDX-License-Identifier: MIT
// Softirq given to the receivers: with a program in the place of perf that
// knows what it samples, and without perf.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { program } from "./lib/server.mjs";

const folder = mkdtempSync(join(tmpdir(), "pushmark-softirq-"));
after(() => rmSync(folder, { recursive: true }));

function measure(name, path, ...args) {
  const out = join(folder, name);
  const end = spawnSync(
    program("pushmark"),
    ["run", "fanout", "--size", "smoke", "--target", "ws", "--out", out, ...args],
    { encoding: "utf8", env: { ...process.env, PATH: path } },
  );
  assert.equal(end.status, 0, `${end.error} ${end.stderr}`);
  const { measurements } = JSON.parse(readFileSync(join(out, "run.json"), "utf8"));
  const ws = measurements.find((m) => m.target === "ws" && m.variant === "window 1");
  return { ws, out, shown: end.stdout, measurements };
}

// Few samples, so that the clock of a process surely holds more than they do.
const alike = `#!/bin/bash
own() { printf '%5d \\n\\tffffffff81dfb7ac loopback_xmit\\n\\n' $1; }
receiving() {
  printf '%5d \\n\\tffffffff81eba59e net_rx_action\\n' $1
  printf '\\tffffffff81369934 __local_bh_enable_ip\\n\\n'
}
times() { for ((i = 0; i < $1; i++)); do $2 $3; done; }
if [ $1 = script ]; then cat "$4"; exit; fi
while [ "$1" != --control ]; do shift; done
fd=\${2#*,} file=$4 server=\${6%%,*} worker=\${6##*,}
write() {
  { times 24 own $server; times 16 receiving $server
    times 28 own $worker; times 12 receiving $worker; } >"$file"
  trap - INT; kill -INT $$
}
trap write INT
read -r enable <&$fd; echo ack >&$fd
while :; do sleep 0.01; done
`;

test("what the samples say moves from sender to receiver", () => {
  const bin = mkdtempSync(join(folder, "bin-"));
  writeFileSync(join(bin, "perf"), alike, { mode: 0o755 });
  const { ws, out, shown, measurements } = measure("with", `${bin}:${process.env.PATH}`);
  const { baseline, target } = ws.softirq.sides;
  assert.equal(ws.softirq.unsampled, "");
  for (const side of [baseline, target]) {
    assert.deepEqual(
      [side.server_samples, side.server_receiving, side.worker_samples, side.worker_receiving],
      [40, 16, 40, 12],
    );
    assert.equal(side.charged, true);
    assert.ok(Math.abs(side.factor.value - 0.9) < 1e-9, `${side.factor.value}`);
    assert.ok(side.factor.low < 0.9 && side.factor.high > 0.9);
  }
  const { server_cpu_ns: cpu } = ws.sides.target;
  assert.ok(Math.abs(target.server_cpu_ns.value / cpu - 0.9) < 1e-9);
  assert.ok(Math.abs(ws.softirq.ratio.value / ws.ratios.server_cpu.value - 1) < 1e-9);
  assert.ok(measurements.filter((m) => m.variant !== "window 1").every((m) => !m.softirq));
  for (const text of [shown, readFileSync(join(out, "report.md"), "utf8")])
    assert.match(text, /CPU µs.*process CPU, loopback.*softirq re-attributed/);
  assert.ok(readdirSync(out).every((name) => !name.startsWith("perf")), `${readdirSync(out)}`);
});

test("without perf it says so, and measures the rest", () => {
  const { ws, shown } = measure("without", folder);
  assert.deepEqual(ws.softirq, { unsampled: "perf is not installed (apt install linux-perf)" });
  assert.ok(ws.pairs > 0);
  assert.doesNotMatch(shown, /process CPU, loopback +softirq/);
  assert.match(
    ws.caveats.join("\n"),
    /Softirq could not be re-attributed: perf is not installed \(apt install linux-perf\)\./,
  );
});

test("stacks_ms=0 asks for nothing", () => {
  const { ws } = measure("off", folder, "--set", "stacks_ms=0");
  assert.equal(ws.softirq, undefined);
  assert.doesNotMatch(ws.caveats.join("\n"), /Softirq/);
});
