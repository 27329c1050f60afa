// SPDX-License-Identifier: MIT
// WebSocket frames by hand (RFC 6455), for what a well-behaved client never
// sends.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Raw } from "./raw.mjs";

export const OP = { CONTINUE: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export function frame(opcode, payload = "", { fin = true, rsv = 0, masked = true, length } = {}) {
  const body = Buffer.from(payload);
  const size = length ?? body.length;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const mask = masked ? 0x80 : 0;
  if (size < 126) {
    head.push(mask | size);
  } else if (size < 65536) {
    head.push(mask | 126, size >> 8, size & 255);
  } else {
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt(size));
    head.push(mask | 127, ...wide);
  }
  if (!masked)
    return Buffer.concat([Buffer.from(head), body]);
  const key = randomBytes(4);
  const hidden = Buffer.from(body);
  for (let i = 0; i < hidden.length; i++)
    hidden[i] ^= key[i & 3];
  return Buffer.concat([Buffer.from(head), key, hidden]);
}

export function closeFrame(code, reason = "") {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return frame(OP.CLOSE, Buffer.concat([payload, Buffer.from(reason)]));
}

export function handshake(changes = {}) {
  const headers = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    "Sec-WebSocket-Version": "13",
    ...changes,
  };
  return Object.fromEntries(Object.entries(headers)
    .filter(([, value]) => value !== undefined));
}

// A connection behind its handshake, whose frames are read one by one.
export class Frames {
  // `ahead` is sent with the handshake; `greeted`: a welcome comes first, as
  // from every app but echo.
  static async open(server, target = "/ws", ahead = "",
    { headers: more, greeted = true } = {}) {
    const f = new Frames();
    const headers = handshake(more);
    f.raw = await Raw.connect(server);
    f.raw.socket.setNoDelay(true);
    f.raw.request(`GET ${target} HTTP/1.1`, headers);
    if (ahead.length > 0)
      f.raw.send(ahead);
    const response = await f.raw.readHead();
    assert.equal(response.status, 101, response.head);
    f.response = response;
    assert.equal(response.headers["sec-websocket-accept"], createHash("sha1")
      .update(headers["Sec-WebSocket-Key"] + GUID).digest("base64"));
    if (!greeted)
      return f;
    f.welcome = JSON.parse((await f.next(OP.TEXT)).payload);
    assert.equal(f.welcome.type, "welcome");
    return f;
  }

  send(...args) {
    this.raw.send(frame(...args));
  }

  async next(expected) {
    const [first, second] = await this.raw.read(2);
    assert.equal(second & 0x80, 0, "a server's frame is not masked");
    let size = second & 0x7f;
    if (size === 126)
      size = (await this.raw.read(2)).readUInt16BE();
    else if (size === 127)
      size = Number((await this.raw.read(8)).readBigUInt64BE());
    const payload = await this.raw.read(size);
    const opcode = first & 0x0f;
    if (expected !== undefined)
      assert.equal(opcode, expected, payload.toString());
    return { fin: (first & 0x80) !== 0, rsv: (first >> 4) & 7, opcode, payload };
  }

  // A message, however many frames it comes in.
  async nextMessage(expected) {
    let frame = await this.next(expected);
    const parts = [frame.payload];
    while (!frame.fin) {
      frame = await this.next(OP.CONTINUE);
      parts.push(frame.payload);
    }
    return Buffer.concat(parts);
  }

  async nextObject() {
    return JSON.parse((await this.next(OP.TEXT)).payload);
  }

  // The close frame's code (null: none), its reason, and then the end.
  async closedWith() {
    const { fin, rsv, payload } = await this.next(OP.CLOSE);
    assert.deepEqual([fin, rsv], [true, 0]);
    assert.equal((await this.raw.readAll()).length, 0, "bytes behind the close frame");
    return payload.length === 0 ? { code: null, reason: "" }
      : { code: payload.readUInt16BE(), reason: payload.toString("utf8", 2) };
  }

  async closed() {
    return (await this.closedWith()).code;
  }

  close() {
    this.raw.close();
  }
}
