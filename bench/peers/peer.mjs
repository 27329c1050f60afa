// SPDX-License-Identifier: MIT
// What the servers of this folder share: their options, the packages they
// need, and the relay's objects in the raw dialect (docs/PROTOCOLS.md).

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const INSTALL = "`make peers` installs it";

const { values: options } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" },
    version: { type: "boolean", default: false },
  },
});

export const host = options.host;
export const port = Number(options.port);

function versionOf(name) {
  const url = new URL(`node_modules/${name}/package.json`, import.meta.url);
  return `${name} ${JSON.parse(readFileSync(url, "utf8")).version}`;
}

// Loads a package, or says how to get it.
export async function need(name) {
  try {
    return await import(name);
  } catch (e) {
    if (e.code !== "ERR_MODULE_NOT_FOUND")
      throw e;
    console.error(`the npm package ${name} is not installed; ${INSTALL}`);
    return process.exit(1);
  }
}

// With --version this is all that the program does.
export function tellVersion(...packages) {
  if (!options.version)
    return;
  const runtime = process.versions.bun
    ? `bun ${process.versions.bun}`
    : `node ${process.versions.node}`;
  console.log([...packages.map(versionOf), runtime].join(", "));
  process.exit(0);
}

// Says that the server is ready; what starts it waits for this line.
export function listening(at) {
  console.log(`listening on http://${host}:${at}`);
}

for (const signal of ["SIGTERM", "SIGINT"])
  process.on(signal, () => process.exit(0));

// Objects of the raw dialect.

export const welcome = (sid) =>
  JSON.stringify({ type: "welcome", payload: { total: 1, sid, id: sid } });

export const ack = (id, data) => JSON.stringify({ type: "ack", id, data });

export const refusal = (id, payload) => JSON.stringify({ type: "error", id, payload });

// One object, serialised once for all who get it.
export const message = ({ room, event = "message", data }, from, seq) =>
  JSON.stringify({ type: "message", room, event, data, from, seq });

// The rooms: who is in them, and how many messages they had.
export class Rooms {
  #rooms = new Map();

  #room(name) {
    let room = this.#rooms.get(name);
    if (!room) {
      room = { members: new Set(), seq: 0 };
      this.#rooms.set(name, room);
    }
    return room;
  }

  members(name) {
    return this.#room(name).members;
  }

  next(name) {
    const room = this.#room(name);
    room.seq += 1;
    return room.seq;
  }

  join(names, member) {
    for (const name of names)
      this.members(name).add(member);
  }

  leave(names, member) {
    for (const name of names)
      this.members(name).delete(member);
  }
}

export function parse(text) {
  try {
    const command = JSON.parse(text);
    return typeof command?.room === "string" ? command : null;
  } catch {
    return null;
  }
}
