// SPDX-License-Identifier: MIT
// Starts pushmark-server on a free port and stops it by its own pid. A server
// that crashed, leaked or warned unasked fails the test that stops it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { within } from "./inbox.mjs";

const SANITIZER = /Sanitizer|runtime error:/;

export function program(name) {
  const folder = process.env.PUSHMARK_BUILD;
  if (!folder)
    throw new Error("PUSHMARK_BUILD must name the folder of the programs");
  return path.join(folder, name);
}

const running = new Set();
process.on("exit", () => {
  for (const child of running)
    child.kill("SIGKILL");
});

// A child whose output is collected, and whose end can be awaited.
export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: "pipe", ...options });
  const run = { child, stdout: "", stderr: "" };

  running.add(child);
  child.stdin.on("error", () => {}); // it may end before it read all
  child.stdout.setEncoding("utf8").on("data", (s) => (run.stdout += s));
  child.stderr.setEncoding("utf8").on("data", (s) => (run.stderr += s));
  run.closed = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      running.delete(child);
      resolve({ code, signal, stdout: run.stdout, stderr: run.stderr });
    });
  });
  return run;
}

// Runs a program to its end.
export function run(name, args, input = "") {
  const r = start(program(name), args);
  r.child.stdin.end(input);
  return within(`${name} ${args.join(" ")}`, r.closed);
}

export class Server {
  // `descriptors` is the soft and hard limit; `warns` is what its log may say.
  static async start(args = [], { descriptors, warns } = {}) {
    const s = new Server();
    const argv = ["--port", "0", ...args];
    s.run = descriptors
      ? start("bash", ["-c", `ulimit -n ${descriptors}; exec "$0" "$@"`,
        program("pushmark-server"), ...argv])
      : start(program("pushmark-server"), argv);
    s.warns = warns;
    s.child = s.run.child;
    s.pid = s.child.pid;
    const line = await within("the server's first line", s.#firstLine());
    const match = /^listening on (http:\/\/([\d.]+):(\d+))$/.exec(line);
    assert.ok(match, `unexpected first line: ${line}`);
    [, s.url, s.host] = match;
    s.port = Number(match[3]);
    return s;
  }

  #firstLine() {
    const lines = createInterface({ input: this.child.stdout });
    return new Promise((resolve, reject) => {
      lines.once("line", resolve);
      this.run.closed.then((end) => reject(new Error(
        `the server ended with ${end.code ?? end.signal}: ${end.stderr}`)),
      reject);
    });
  }

  get stderr() {
    return this.run.stderr;
  }

  get running() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async stop(signal = "SIGTERM") {
    assert.ok(this.running, `the server died: ${
      this.child.exitCode ?? this.child.signalCode}\n${this.stderr}`);
    this.child.kill(signal);
    const end = await within("the server's end", this.run.closed);
    assert.doesNotMatch(end.stderr, SANITIZER, end.stderr);
    assert.deepEqual({ code: end.code, signal: end.signal },
      { code: 0, signal: null }, end.stderr);
    for (const line of end.stderr.split("\n").filter(Boolean))
      assert.ok(this.warns?.test(line), `the server's log says: ${line}`);
  }

  // Its resident memory in KiB; 0 with a sanitizer, which keeps what is freed.
  memory() {
    if (/lib[a-z]+san\b/.test(readFileSync(`/proc/${this.pid}/maps`, "utf8")))
      return 0;
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)[1]);
  }

  async stats() {
    const response = await fetch(`${this.url}/stats`);
    assert.equal(response.status, 200);
    return response.json();
  }

  async publish(room, body, query = "") {
    const response = await fetch(
      `${this.url}/publish?room=${encodeURIComponent(room)}${query}`,
      { method: "POST", body });
    const answer = await response.json();
    assert.equal(response.status, 200, JSON.stringify(answer));
    return answer;
  }
}

// Runs `body` with a server of its own.
export async function withServer(args, body, options) {
  const server = await Server.start(args, options);
  let failure;
  try {
    await body(server);
  } catch (error) {
    failure = error;
  }
  try {
    await server.stop();
  } catch (error) {
    if (!failure)
      throw error;
    failure.message += `\n${error.message}`;
  }
  if (failure)
    throw failure;
}
