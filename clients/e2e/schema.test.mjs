// SPDX-License-Identifier: MIT
// run.json against its published schema, with npm ajv.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import Ajv from "ajv/dist/2020.js";
import { program } from "./lib/server.mjs";

const results = fileURLToPath(new URL("../../results/", import.meta.url));
const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true })
  .compile(read(join(results, "schema.json")));

const folder = mkdtempSync(join(tmpdir(), "pushmark-schema-"));
after(() => rmSync(folder, { recursive: true }));

function errors(run) {
  validate(run);
  return (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

function measure(name, ...args) {
  const out = join(folder, name);
  const end = spawnSync(program("pushmark"), ["run", "--size", "smoke", "--quiet", "--out", out, ...args]);
  assert.ok(end.status === 0 || end.status === 1, `${end.error} ${end.stderr}`);
  return { run: read(join(out, "run.json")), out };
}

const methods = {
  pairs: ["fanout", "rtt"],
  client: ["client"],
  memory: ["idle"],
  network: ["paper-pimentel", "six"],
  connect: ["connect"],
  zombie: ["zombie"],
  large: ["large"],
  echo: ["paper-crossbar"],
};

for (const [method, scenarios] of Object.entries(methods))
  test(`method ${method}`, () => {
    const { run, out } = measure(method, "--target", "ws", "--target", "longpoll", ...scenarios);
    assert.deepEqual(errors(run), []);
    const own = run.measurements.filter((m) => m.method === method);
    assert.ok(own.length >= 1, `${own.length}`);
    assert.ok(own.every((m) => m.complete));
    assert.equal(run.hiccups.why, run.provenance.server_core < 0 ? "there is one core only" : undefined);
    if (!run.hiccups.why && own.some((m) => m.sides?.target))
      // Storms of few connections end between two wake-ups of either meter.
      for (const { hiccups } of own.filter((m) => method !== "connect" || m.hiccups)) {
        assert.ok(hiccups.server?.count > 0 || hiccups.load?.count > 0);
        for (const meter of [hiccups.server, hiccups.load])
          assert.ok(meter?.count > 0 ? meter.max >= 0 : method === "connect");
      }
    for (const m of own)
      for (const file of Object.values(m.distributions ?? {}))
        assert.match(readFileSync(join(out, file), "utf8"), /^ +Value +Percentile/);
  });

test("--no-counts leaves the slices' histograms out, and nothing else", () => {
  const { run, out } = measure("lean", "--no-counts", "--target", "ws", "fanout");
  assert.deepEqual(errors(run), []);
  const m = run.measurements.find((x) => x.target === "ws" && x.variant === "open");
  for (const slice of m.slices) {
    assert.ok(slice.latency.median.count > 0);
    assert.equal(slice.latency.median.counts, undefined);
  }
  assert.ok(existsSync(join(out, m.distributions.median)));
});

test("a run that goes on with an earlier one brings its files along", () => {
  const { run, out } = measure("first", "--target", "ws", "fanout");
  const path = join(out, "run.json");
  const cut = { ...run, interrupted: true, measurements: run.measurements.slice(0, -1) };
  assert.deepEqual(errors(cut), []);
  writeFileSync(path, JSON.stringify(cut));
  const merged = join(folder, "merged");
  const end = spawnSync(program("pushmark"),
    ["run", "--again", path, "--missing", "--force", "--quiet", "--out", merged]);
  assert.ok(end.status === 0 || end.status === 1, `${end.error} ${end.stderr}`);
  const both = read(join(merged, "run.json"));
  assert.deepEqual(errors(both), []);
  assert.equal(both.measurements.length, run.measurements.length);
  for (const m of both.measurements) {
    assert.ok(Object.keys(m.distributions).length >= 4);
    for (const file of Object.values(m.distributions))
      assert.ok(existsSync(join(merged, file)), file);
  }
});

test("what is not of the schema is refused", () => {
  const { run } = measure("broken", "--target", "ws", "fanout", "idle");
  assert.deepEqual(errors(run), []);
  const at = (change) => {
    const copy = structuredClone(run);
    change(copy, copy.measurements.find((m) => m.slices), copy.measurements.find((m) => m.memory));
    return errors(copy);
  };
  const wrong = {
    "another schema": (r) => (r.schema = 2),
    "no provenance": (r) => delete r.provenance,
    "a member of no meaning": (r) => (r.remark = "x"),
    "a verdict of no name": (r, m) => (m.verdict = "good"),
    "a time of another form": (r) => (r.started = "yesterday"),
    "pairs without sides": (r, m) => delete m.sides,
    "a digest that is none": (r, m) => (m.check.digest = "0"),
    "a negative count": (r, m) => (m.slices[0].ledger.lost = -1),
    "a percentile that nobody prints": (r, m) => (m.slices[0].latency.all.percentiles["42"] = 1),
    "a figure without its interval": (r, m, i) => delete i.memory.low,
    "a file outside": (r, m) => (m.distributions.all = "hdr/../../etc/passwd.hgrm"),
    "hiccups of no period": (r) => delete r.hiccups.period_ns,
    "hiccups of no core": (r, m) => (m.hiccups = {}),
    "text for a number": (r, m) => (m.parameters.subscribers = "100"),
  };
  for (const [what, change] of Object.entries(wrong))
    assert.equal(at(change).length > 0, true, what);
});

// The program applies the same file to what it is told to repeat.
test("what --again is given is checked, and nothing is measured", () => {
  const { run, out } = measure("given", "--target", "ws", "fanout");
  const file = join(folder, "given.json"), again = join(folder, "never");
  const wrong = {
    "a key of no meaning": [(r) => (r.measurements[1].remark = 1), /measurements\[1\]\.remark: unknown key/],
    "measurements of no kind": [(r) => (r.measurements = {}), /measurements: expected a list/],
    "no measurements": [(r) => delete r.measurements, /lacks the key "measurements"/],
    "a seed of another type": [(r) => (r.seed = 1.5), /seed: expected a whole number/],
    "fewer than no pairs": [(r) => (r.measurements[0].pairs = -5), /measurements\[0\]\.pairs: -5 is less than 0/],
    "a verdict of no name": [(r) => (r.measurements[0].verdict = "good"), /measurements\[0\]\.verdict: expected one of better/],
    "a ratio below 0": [(r) => (r.measurements[0].ratios.server_cpu.value = -3), /measurements\[0\]\.ratios\.server_cpu\.value: -3 is less/],
    "parameters of another command": [(r) => (r.options.set.subscribers = 7), /options\.set\.subscribers: the command does not set it/],
    "a size of another command": [(r) => (r.options.size = "full"), /options\.size: full, but the command says smoke/],
    "a command within a command": [(r) => r.options.command.push("--again", "x"), /options\.command: no run keeps --again/],
    "an option of no name": [(r) => r.options.command.push("--bogus"), /options\.command: unknown option --bogus/],
    "a scenario of no name": [(r) => r.options.command.push("nowhere"), /options\.command: there is no scenario 'nowhere'/],
  };
  const texts = {
    "half a file": [(text) => text.slice(0, text.length / 2), /this is not JSON/],
    "more than a document": [(text) => `${text}\nmore`, /this is not JSON/],
    "a key that is given twice": [(text) => text.replace('"seed"', '"seed": 4,\n"seed"'), /seed: given twice/],
  };
  const told = (args) => spawnSync(program("pushmark"), args);
  const refused = (what, text, why) => {
    writeFileSync(file, text);
    for (const more of [[], ["--missing"]]) {
      const { status, stderr } = told(["run", "--again", file, "--force", "--out", again, ...more]);
      assert.equal(status, 2, what);
      assert.match(stderr.toString(), new RegExp(`^pushmark run: ${file}:\\d+: ${why.source}`), what);
    }
    assert.equal(existsSync(again), false, what);
  };
  for (const [what, [change, why]] of Object.entries(wrong)) {
    const copy = structuredClone(run);
    change(copy);
    refused(what, JSON.stringify(copy, null, 1), why);
  }
  for (const [what, [change, why]] of Object.entries(texts))
    refused(what, change(JSON.stringify(run, null, 1)), why);

  // A report tells what it can: of a key it does not know, nothing.
  const path = join(out, "run.json");
  writeFileSync(path, JSON.stringify({ ...run, remark: 1 }));
  assert.equal(told(["report", "--quiet", path]).status, 0);
  writeFileSync(path, JSON.stringify({ ...run, measurements: [5] }, null, 1));
  const { status, stderr } = told(["report", "--quiet", path]);
  assert.equal(status, 1);
  assert.match(stderr.toString(), /^pushmark report: .*run\.json:\d+: measurements\[0\]: expected an object\n$/);
});

const reference = join(results, "reference", "run.json");
test("the reference run", { skip: existsSync(reference) ? false : "there is none" }, () => {
  assert.deepEqual(errors(read(reference)), []);
  const end = spawnSync(program("pushmark"), ["run", "--again", reference, "--missing", "--out", join(folder, "no")]);
  assert.doesNotMatch(end.stderr.toString(), /run\.json:\d+:/, "the program agrees");
});
