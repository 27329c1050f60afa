// SPDX-License-Identifier: MIT
// Chromium, without a window, and pages of an origin that is not the server's.
//
//   const browser = await Browser.start();
//   await browser.withPage((page) => page.evaluate((url) => ..., server.url));

import { accessSync, constants } from "node:fs";
import http from "node:http";
import path from "node:path";
import { chromium } from "playwright-core";
import { within } from "./inbox.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const START_MS = 60000;

function find() {
  for (const folder of process.env.PATH.split(path.delimiter))
    for (const name of NAMES)
      try {
        const file = path.join(folder, name);
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // the next one
      }
  throw new Error(`no browser: none of ${NAMES.join(", ")} is installed`);
}

// An empty page at every path.
async function serveOrigin() {
  const origin = http.createServer((request, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end("<!doctype html><title>page</title>");
  });
  await new Promise((resolve) => origin.listen(0, "127.0.0.1", resolve).unref());
  return origin;
}

export class Browser {
  #servers = [];
  #idle = [];

  static async start() {
    const b = new Browser();
    b.chromium = await within("the browser", chromium.launch({
      executablePath: find(),
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
      timeout: START_MS,
    }), START_MS);
    b.origin = await b.anotherOrigin();
    return b;
  }

  async anotherOrigin() {
    const server = await serveOrigin();
    this.#servers.push(server);
    return `http://127.0.0.1:${server.address().port}`;
  }

  // Lends `body` a page of the origin, whose uncaught errors fail it. Pages are
  // kept, as they are slow to make; what they had open ends with the loan.
  async withPage(body, origin = this.origin) {
    const page = this.#idle.pop() ?? await this.#newPage();
    page.faults = [];
    await page.goto(`${origin}/`);
    await page.addScriptTag({ content: `(${helpers})()` });
    try {
      const value = await body(page);
      if (page.faults.length > 0)
        throw new Error(`uncaught in the page: ${page.faults.join("; ")}`);
      return value;
    } finally {
      await page.goto("about:blank");
      this.#idle.push(page);
    }
  }

  async #newPage() {
    const page = await this.chromium.newPage();
    page.on("pageerror", (error) => page.faults.push(String(error)));
    return page;
  }

  async close() {
    await this.chromium.close();
    for (const server of this.#servers)
      server.close();
  }
}

// What the pages' code may use; it runs in the browser.
function helpers() {
  const LIMIT_MS = 30000; // says nothing about speed, as lib/inbox.mjs has it

  window.within = (what, promise) => Promise.race([promise,
    new Promise((_, reject) => setTimeout(() =>
      reject(new Error(`${what}: nothing came`)), LIMIT_MS))]);

  window.event = (target, name) => within(`event "${name}"`,
    new Promise((resolve) => target.addEventListener(name, resolve, { once: true })));

  // All that an EventTarget tells under these names, to be awaited one by one.
  window.collect = (target, ...names) => {
    const items = [];
    const readers = [];
    for (const name of names)
      target.addEventListener(name, (e) =>
        readers.length > 0 ? readers.shift()(e) : items.push(e));
    return {
      items,
      next: () => items.length > 0 ? Promise.resolve(items.shift())
        : within(names.join(), new Promise((resolve) => readers.push(resolve))),
    };
  };
}
