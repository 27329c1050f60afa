// SPDX-License-Identifier: MIT
// What the kernel knows of a process.

import { readdirSync, readFileSync } from "node:fs";

export function descriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function status(pid, field) {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text)[1]) * 1024;
}

// Bytes of memory of its own.
export function memory(pid) {
  return status(pid, "RssAnon");
}

// A sanitizer keeps what was freed, and maps terabytes of shadow.
export function sanitized(pid) {
  return status(pid, "VmSize") > 2 ** 40;
}
