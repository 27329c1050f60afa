// SPDX-License-Identifier: MIT
// npm engine.io as an echo server, to compare answers with. It is a process of
// its own: its timers would keep this one from ending for half a minute.

import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { once } from "./inbox.mjs";
import { start } from "./server.mjs";

const PROGRAM = path.join(path.dirname(fileURLToPath(import.meta.url)), "engine-echo.mjs");

export class EngineReference {
  host = "127.0.0.1";

  static async start(options = {}) {
    const r = new EngineReference();
    r.run = start(process.execPath, [PROGRAM, JSON.stringify(options)]);
    r.port = Number(await once(createInterface({ input: r.run.child.stdout }), "line"));
    r.url = `http://${r.host}:${r.port}`;
    return r;
  }

  async stop() {
    this.run.child.kill();
    await this.run.closed;
  }
}
