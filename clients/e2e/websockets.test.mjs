// SPDX-License-Identifier: MIT
// Debian's python3-websockets, whose checks are in python/.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { within } from "./lib/inbox.mjs";
import { start, withServer } from "./lib/server.mjs";

const PYTHON = "/usr/bin/python3";
const LIMIT_MS = 120000;

const installed = spawnSync(PYTHON, ["-c", "import websockets"]).status === 0;

async function check(script, server, deflate) {
  const file = fileURLToPath(new URL(`python/${script}`, import.meta.url));
  const one = start(PYTHON, [file, `${server.url.replace("http", "ws")}/ws`,
    deflate ? "deflate" : "plain"]);
  const end = await within(script, one.closed, LIMIT_MS);
  assert.deepEqual([end.code, end.stderr], [0, ""], `after ${end.stdout}`);
  return end.stdout.trim().split("\n");
}

describe("python3-websockets", { skip: installed ? false : "it is not installed" }, () => {
  for (const deflate of [false, true]) {
    const options = deflate ? ["--deflate"] : [];
    const how = deflate ? ", compressed" : "";

    test(`echo${how}`, async () => {
      await withServer(["--app", "echo", "--max-payload", "1048576", ...options],
        async (server) => assert.deepEqual(await check("echo.py", server, deflate),
          ["sizes", "fragments", "many", "sends_all_before_it_reads", "pings", "closes",
            "too_big"]));
    });

    test(`relay${how}`, async () => {
      await withServer(["--ping-interval", "200", "--ping-timeout", "5000", ...options],
        async (server) => assert.deepEqual(await check("relay.py", server, deflate),
          ["fan_out", "subprotocol", "heartbeat", "faults", "refused"]));
    });
  }
});
