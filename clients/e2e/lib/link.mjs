// SPDX-License-Identifier: MIT
// A link that can be cut for good, without either end being told: a pair of
// virtual Ethernet devices between this network namespace and another one,
// which lasts as long as a process in it. It needs root and iproute2.

import { spawnSync } from "node:child_process";
import { until } from "./inbox.mjs";
import { start } from "./server.mjs";

function run(command, ...args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")}: ${error ?? stderr}`);
}

// Why there can be no link here, or false.
export function noLink() {
  for (const [command, ...args] of [
    ["unshare", "-n", "true"], ["ip", "-V"], ["nsenter", "-V"],
  ])
    if (spawnSync(command, args).status !== 0)
      return `${command} does not work here`;
  return false;
}

let count = 0;

export class Link {
  static async open() {
    const link = new Link();
    const name = `pm${process.pid}x${++count}`;
    // A network for benchmarks (RFC 2544); one of its /30 for each link.
    const third = process.pid % 256;
    const net = `198.18.${third}.${4 * count}`;
    link.host = net.replace(/\d+$/, (n) => Number(n) + 1);
    const other = net.replace(/\d+$/, (n) => Number(n) + 2);
    link.holder = start("unshare", ["-n", "sh", "-c", "echo ready; exec sleep 600"]);
    try {
      await until("the namespace", () => link.holder.stdout.includes("ready"));
      const pid = String(link.holder.child.pid);
      link.enter = ["nsenter", "-t", pid, "-n"];
      run("ip", "link", "add", name, "type", "veth", "peer", "name", "far", "netns", pid);
      run("ip", "addr", "add", `${link.host}/30`, "dev", name);
      run("ip", "link", "set", name, "up");
      run(...link.enter, "ip", "addr", "add", `${other}/30`, "dev", "far");
      run(...link.enter, "ip", "link", "set", "far", "up");
    } catch (error) {
      await link.close();
      throw error;
    }
    return link;
  }

  cut() {
    run(...this.enter, "ip", "link", "set", "far", "down");
  }

  // The devices go with the namespace.
  async close() {
    this.holder.child.kill("SIGKILL");
    await this.holder.closed;
  }
}
