// SPDX-License-Identifier: MIT
// HTTP by hand over a socket: exact bytes out, exact bytes in.

import net from "node:net";
import { within } from "./inbox.mjs";

export class Raw {
  #pieces = []; // joined when they are looked at, since they may be many
  #size = 0;
  #wake = () => {};
  ended = false; // the peer will send no more
  reset = false;

  static async connect(server) {
    const raw = new Raw();
    raw.socket = net.connect({
      host: server.host, port: server.port, allowHalfOpen: true,
    });
    raw.socket.on("data", (data) => {
      raw.#pieces.push(data);
      raw.#size += data.length;
      raw.#wake();
    });
    raw.socket.on("end", () => {
      raw.ended = true;
      raw.#wake();
    });
    raw.socket.on("error", () => {
      raw.ended = raw.reset = true;
      raw.#wake();
    });
    await within("the connection", new Promise((resolve, reject) => {
      raw.socket.once("connect", resolve);
      raw.socket.once("error", reject);
    }));
    return raw;
  }

  get #bytes() {
    if (this.#pieces.length !== 1)
      this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0];
  }

  set #bytes(bytes) {
    this.#pieces = [bytes];
    this.#size = bytes.length;
  }

  send(bytes) {
    this.socket.write(bytes);
  }

  // Each piece in a write of its own, which the kernel has taken up.
  async sendPieces(pieces) {
    for (const piece of pieces)
      await new Promise((resolve) => this.socket.write(piece, resolve));
  }

  // Head of a request, with what is needed in any.
  request(line, headers = {}, body) {
    const all = { Host: "test", ...headers };
    if (body !== undefined)
      all["Content-Length"] ??= Buffer.byteLength(body);
    const lines = Object.entries(all).flatMap(([name, value]) =>
      [value].flat().map((v) => `${name}: ${v}\r\n`));
    this.send(Buffer.concat([
      Buffer.from(`${line}\r\n${lines.join("")}\r\n`), Buffer.from(body ?? ""),
    ]));
  }

  // Waits for `least` bytes, of which `take(bytes)` answers something, or the
  // peer's end.
  async #until(what, take, least = 0) {
    return within(what, (async () => {
      for (;;) {
        const value = this.#size < least ? undefined : take(this.#bytes);
        if (value !== undefined)
          return value;
        if (this.ended)
          throw new Error(`${what}: the peer ended after ${
            JSON.stringify(this.#bytes.toString("latin1").slice(0, 500))}`);
        await new Promise((resolve) => (this.#wake = resolve));
      }
    })());
  }

  read(n) {
    return this.#until(`${n} bytes`, (bytes) => {
      this.#bytes = bytes.subarray(n);
      return bytes.subarray(0, n);
    }, n);
  }

  // Up to and with `mark`, as text.
  readTo(mark) {
    return this.#until(JSON.stringify(mark), (bytes) => {
      const at = bytes.indexOf(mark);
      if (at < 0)
        return undefined;
      const end = at + Buffer.byteLength(mark);
      this.#bytes = bytes.subarray(end);
      return bytes.subarray(0, end).toString();
    });
  }

  // All bytes up to the end.
  async readAll() {
    while (!this.ended)
      await within("the peer's end",
        new Promise((resolve) => (this.#wake = resolve)));
    const bytes = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return bytes;
  }

  async readHead() {
    const head = await this.readTo("\r\n\r\n");
    const [line, ...rest] = head.slice(0, -4).split("\r\n");
    const match = /^HTTP\/1\.([01]) (\d{3}) ?(.*)$/.exec(line);
    if (!match)
      throw new Error(`not a status line: ${line}`);
    const headers = {};
    for (const field of rest) {
      const colon = field.indexOf(":");
      headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim();
    }
    return { status: Number(match[2]), reason: match[3], headers, head };
  }

  async #readChunks() {
    const parts = [];
    for (;;) {
      const size = parseInt(await this.readTo("\r\n"), 16);
      parts.push(await this.read(size));
      await this.readTo("\r\n");
      if (size === 0)
        return Buffer.concat(parts).toString();
    }
  }

  // A response that says its length; `bodyless` for HEAD.
  async readResponse(bodyless = false) {
    const response = await this.readHead();
    const length = Number(response.headers["content-length"] ?? 0);
    if (response.headers["transfer-encoding"] === "chunked" && !bodyless)
      response.body = await this.#readChunks();
    else
      response.body = bodyless ? "" : (await this.read(length)).toString();
    return response;
  }

  close() {
    this.socket.destroy();
  }
}

// One request on a connection of its own.
export async function ask(server, line, headers, body) {
  const raw = await Raw.connect(server);
  try {
    raw.request(line, headers, body);
    return await raw.readResponse(line.startsWith("HEAD "));
  } finally {
    raw.close();
  }
}

export async function withRaw(server, body) {
  const raw = await Raw.connect(server);
  try {
    return await body(raw);
  } finally {
    raw.close();
  }
}
