// SPDX-License-Identifier: MIT
// present.mjs BIN [NAME]...   prints --target for each server of bench/targets
// that is asked for its version and answers; says which do not. BIN is the
// folder of our programs.

import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const [bin, ...wanted] = process.argv.slice(2);
const home = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const folder = path.join(home, "bench/targets");

const targets = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => JSON.parse(readFileSync(path.join(folder, file), "utf8")))
  // What polls at intervals has a part only where a scenario names it.
  .filter(({ name, version, dialect }) => version && (wanted.length === 0
    ? dialect !== "poll-plain" : wanted.includes(name)));

// Its version, or why it has none.
function ask({ version }) {
  const [program, ...args] = version.map((text) =>
    text.replaceAll("{home}", home).replaceAll("{bin}", path.resolve(bin)));
  const { status, stdout, stderr, error } =
    spawnSync(program, args, { encoding: "utf8" });
  const [line] = (status === 0 ? stdout : stderr || error?.message || "").split("\n");
  return { ok: status === 0, line };
}

for (const name of wanted) {
  if (!targets.some((target) => target.name === name)) {
    console.error(`peers: no target ${name} that says how to ask its version`);
    process.exitCode = 2;
  }
}
for (const target of targets) {
  const { ok, line } = ask(target);
  console.error(`peers: ${target.name}: ${ok ? line : `left out: ${line}`}`);
  if (ok)
    console.log(`--target ${target.name}`);
}
