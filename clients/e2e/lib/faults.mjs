// SPDX-License-Identifier: MIT
// Loaded before a server of bench/peers, it makes it treat one subscriber badly:
//
//     FAULT=drop|double|reorder EVERY=1000 node --import faults.mjs server.mjs
//
// Of what carries a published message to whoever is told of one first, one in
// EVERY is dropped, sent twice, or sent behind the next.

import { createRequire } from "node:module";
import { ServerResponse } from "node:http";
import path from "node:path";

const { FAULT, EVERY } = process.env;
const every = Number(EVERY);

// Replaces prototype[name](what, ...), which writes messages among others.
function distort(prototype, name) {
  const write = prototype[name];
  let victim = null;
  let count = 0;
  let held = null;

  function badly(one, args) {
    const all = held === null ? [args] : [args, held];
    held = null;
    if (++count % every === every / 2) {
      if (FAULT === "double")
        all.push(args);
      else
        held = all.shift();
      if (FAULT === "drop")
        held = null;
    }
    for (const each of all)
      write.apply(one, each);
    return one;
  }

  prototype[name] = function (...args) {
    const [what] = args;
    const text = typeof what === "string" || Buffer.isBuffer(what) ? String(what) : "";
    if (!/^(data: )?\{"type":"message"|^2\["/.test(text))
      return write.apply(this, args);
    victim ??= this;
    return victim === this ? badly(this, args) : write.apply(this, args);
  };
}

const require = createRequire(path.join(path.dirname(process.argv[1]), "x.js"));
if (process.argv[1].endsWith("sse.mjs")) {
  distort(ServerResponse.prototype, "write");
} else if (process.argv[1].endsWith("socketio.mjs")) {
  distort(require("engine.io").Socket.prototype, "write");
} else {
  distort(require("ws").WebSocket.prototype, "send");
}
