// SPDX-License-Identifier: MIT
// The load worker's histogram beside npm hdr-histogram-js on the same values.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import hdr from "hdr-histogram-js";
import { program } from "./lib/server.mjs";

const PERCENTILES = [0, 1, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 99.999, 100];
const MS = 1e6;

// Numerical Recipes' generator: the same values in every run.
function* random(seed) {
  for (let x = BigInt(seed); ; ) {
    x = (x * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    yield Number(x >> 11n) / 2 ** 53;
  }
}

function values(count, of, seed) {
  const from = random(seed);
  return Array.from({ length: count }, (_, i) => Math.floor(of(from.next().value, i)));
}

const sets = {
  "nothing": [],
  "one value": [123456789],
  "the same value": values(1000, () => 5_000_000, 1),
  "a microsecond or two, with halves": values(5000, (r) => 500 * Math.floor(r * 5), 2),
  "even": values(20_000, (r) => r * 1e8, 3),
  "exponential": values(50_000, (r) => -Math.log(1 - r) * 3e6, 4),
  "a long tail": values(30_000, (r) => 1e5 / (1 - r) ** 0.8, 5).map((v) => Math.min(v, 1.3e11)),
  "stalls": values(10_000, (r, i) => (i % 1000 < 100 ? (100 - (i % 1000)) * MS : 2e5 * r), 6),
  "the ends of steps": Array.from({ length: 36 }, (_, i) => [2 ** i - 1, 2 ** i, 2 ** i + 1]).flat(),
};

function theirs(list) {
  const h = hdr.build({
    bitBucketSize: 64,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2 ** 37 - 1,
    numberOfSignificantValueDigits: 3,
  });
  for (const v of list) h.recordValue(v);
  return h;
}

// Lines with their values in nanoseconds. The library prints three decimals of
// whatever unit; ours are six, of milliseconds. All else must be the same.
function distribution(lines, scale) {
  const ns = (text) => String(Math.round(Number(text) * scale));
  return lines.map((line) => {
    const values = line.startsWith("#") ? /\d+\.\d+/g : /\d+\.\d+/;
    return line.replace(values, ns).replace(/ +/g, " ").trim();
  });
}

for (const [name, list] of Object.entries(sets))
  test(`percentiles and their distribution: ${name}`, () => {
    const args = ["histogram", ...PERCENTILES.map(String)];
    const end = spawnSync(program("pushmark-prove"), args, { input: list.join("\n") });
    assert.equal(end.status, 0, String(end.stderr));
    const lines = String(end.stdout).split("\n");
    const h = theirs(list);
    assert.deepEqual(
      lines.slice(0, PERCENTILES.length),
      PERCENTILES.map((p) => `${p} ${list.length === 0 ? 0 : h.getValueAtPercentile(p)}`),
    );
    assert.deepEqual(
      distribution(lines.slice(PERCENTILES.length), MS),
      distribution(h.outputPercentileDistribution(5, 1).split("\n"), 1),
    );
  });
