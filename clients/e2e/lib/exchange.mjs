// SPDX-License-Identifier: MIT
// One exchange with a server, written down: what is said to it by hand over
// HTTP and WebSocket, or through socket.io-client, and all that comes back.
// Each party has a lane of its own, since nothing orders what two of them see.
//
//   const x = new Exchange(target);          a target of lib/targets.mjs
//   const p = await x.polling("ann");        raw Engine.IO polling
//   await p.post("40"); await p.get();
//   const w = await x.frames("bob");         raw frames
//   const c = x.client("cat");               socket.io-client
//   x.transcript()                           text, ids replaced by their order

import { io } from "socket.io-client";
import { Frames, OP } from "./frames.mjs";
import { until, within } from "./inbox.mjs";
import { ask, Raw } from "./raw.mjs";

const PATH = "/socket.io/";
const SEPARATOR = "\x1e";
const QUIET_MS = 60; // for a server to notice what has no answer

// Those that say something; Date, Keep-Alive and the like do not.
const HEADERS = ["content-type", "cache-control", "connection", "set-cookie",
  "upgrade", "sec-websocket-extensions", "sec-websocket-protocol",
  "access-control-allow-origin", "access-control-allow-credentials",
  "access-control-allow-methods", "access-control-allow-headers"];

export const pause = (ms = QUIET_MS) =>
  new Promise((resolve) => setTimeout(resolve, ms));

const readable = (bytes) => (/^[\x20-\x7e\n]*$/.test(bytes.toString("latin1"))
  ? JSON.stringify(bytes.toString()) : `hex ${bytes.toString("hex")}`);

// Bytes within what socket.io-client emits.
const shown = (value) => JSON.stringify(value, (_, v) =>
  (v?.type === "Buffer" ? `hex ${Buffer.from(v.data).toString("hex")}` : v));

function cut(text) {
  return text.length <= 400 ? text
    : `${text.slice(0, 200)}… (${text.length}) …${text.slice(-100)}`;
}

// Whether HTTP/1.1's own default is said makes no difference.
const headerLines = (headers) => HEADERS.filter((name) => headers[name] !== undefined)
  .map((name) => `  ${name}: ${headers[name]}`)
  .filter((line) => line !== "  connection: keep-alive");

class Lane {
  lines = [];

  note(line) {
    this.lines.push(line);
  }
}

class PollingLane extends Lane {
  constructor(target) {
    super();
    this.target = target;
    this.ids = [];
  }

  #response(what, { status, headers, body }) {
    const fields = headerLines(headers);
    const length = headers["content-length"];
    if (length !== undefined && !what.startsWith("HEAD") && Number(length) !== Buffer.byteLength(body))
      fields.push(`  content-length: ${length}`);
    this.note([`${what} -> ${status}`, ...fields,
      `  ${cut(JSON.stringify(body))}`].join("\n"));
    return { status, headers, body };
  }

  async #asked(what, line, headers, body) {
    let response;
    try {
      response = await ask(this.target, `${line} HTTP/1.1`, headers, body);
    } catch (error) {
      if (!/ended after/.test(error.message))
        throw error;
      this.note(`${what} -> cut off`);
      return { status: 0, headers: {}, body: "" };
    }
    return this.#response(what, response);
  }

  // Any request below the path.
  request(method, query = "", headers, body) {
    return this.#asked(`${method} ${query}`, `${method} ${PATH}${query}`, headers, body);
  }

  async open(query = "", headers) {
    const { body } = await this.request("GET",
      `?EIO=4&transport=polling${query}`, headers);
    this.sid = JSON.parse(body.slice(1)).sid;
    this.query = `?EIO=4&transport=polling&sid=${this.sid}`;
  }

  get(headers) {
    return this.#asked("GET", `GET ${PATH}${this.query}`, headers);
  }

  post(body, headers) {
    return this.#asked(`POST ${cut(JSON.stringify(body.toString()))}`,
      `POST ${PATH}${this.query}`, headers, body);
  }

  // A GET that is under way, which the server has when it answers the next
  // one's request.
  async pend() {
    const raw = await Raw.connect(this.target);
    raw.request(`GET ${PATH}${this.query} HTTP/1.1`);
    await ask(this.target, `GET ${PATH} HTTP/1.1`);
    return raw;
  }

  async answered(raw, what = "the pending GET") {
    try {
      this.#response(what, await raw.readResponse());
    } catch (error) {
      if (!/ended after/.test(error.message))
        throw error;
      this.note(`${what} -> cut off`);
    }
    raw.close();
  }

  send(packet) {
    return this.post(packet);
  }

  // GETs until `count` packets have come, or the session is over.
  async receive(count) {
    for (let seen = 0; seen < count;) {
      const { status, body } = await this.get();
      if (status !== 200)
        return;
      seen += body.split(SEPARATOR).length;
    }
  }

  async close() {
    if (this.query)
      await ask(this.target, `POST ${PATH}${this.query} HTTP/1.1`, {}, "1")
        .catch(() => {});
  }
}

const NAMES = Object.fromEntries(Object.entries(OP).map(([name, code]) => [code, name]));

class FramesLane extends Lane {
  constructor(target) {
    super();
    this.target = target;
  }

  async open(query = "", headers) {
    this.socket = await Frames.open(this.target,
      `${PATH}?EIO=4&transport=websocket${query}`, "", { headers, greeted: false });
    const { headers: got, status } = this.socket.response;
    this.note([`upgraded: ${status}`, ...headerLines(got)].join("\n"));
  }

  // Text, or bytes; what begins with b is base64 as in polling.
  async send(packet) {
    this.note(`send ${cut(typeof packet === "string" ? packet : readable(packet))}`);
    if (typeof packet === "string" && packet[0] !== "b")
      this.socket.send(OP.TEXT, packet);
    else
      this.socket.send(OP.BINARY, typeof packet === "string"
        ? Buffer.from(packet.slice(1), "base64") : packet);
  }

  raw(...args) {
    this.closing ||= args[0] === OP.CLOSE;
    this.note(`send ${shown(args)}`);
    this.socket.send(...args);
  }

  // `count` frames, or all of them.
  async receive(count = Infinity) {
    for (let i = 0; i < count && !this.over; i++) {
      let frame;
      try {
        frame = await this.socket.next();
      } catch (error) {
        if (!/ended after/.test(error.message))
          throw error;
        this.over = true;
        this.note("the end, without a close frame");
        return;
      }
      const { fin, rsv, opcode, payload } = frame;
      this.note(`${NAMES[opcode]}${fin ? "" : " more"}${rsv ? ` rsv ${rsv}` : ""} ${
        cut(readable(payload))}`);
      if (opcode === OP.CLOSE) {
        this.over = true;
        if (!this.closing)
          this.socket.send(OP.CLOSE, payload.subarray(0, 2));
        const rest = await this.socket.raw.readAll();
        this.note(`the end${rest.length > 0 ? `, behind ${readable(rest)}` : ""}`);
      }
    }
  }

  async close() {
    this.socket?.close();
  }
}

class ClientLane extends Lane {
  constructor(target, nsp, { manager, ...options }) {
    super();
    const events = options.events ?? true;
    this.socket = manager ? manager.socket.io.socket(nsp, options)
      : io(target.url + nsp, { transports: ["websocket"], forceNew: true,
        reconnection: false, ...options });
    this.socket.on("connect", () =>
      this.note(`connect${this.socket.recovered ? " recovered" : ""}`));
    this.socket.on("connect_error", (error) =>
      this.note(`connect_error ${error.message} ${shown(error.data)} ${
        error.description?.message ?? ""}`));
    this.socket.on("disconnect", (reason) => this.note(`disconnect ${reason}`));
    if (events)
      this.socket.onAny((name, ...args) =>
        this.note(`event ${shown([name, ...args.map((a) =>
          (typeof a === "function" ? "ack" : a))])}`));
  }

  // Waits for the `count`th line that matches.
  async until(pattern, count = 1) {
    await until(`${pattern} x ${count}`, () =>
      this.lines.filter((line) => pattern.test(line)).length >= count);
  }

  // As an acknowledgement tells it.
  async ask(name, ...args) {
    const answer = await within(`the ack of ${name}`, new Promise((resolve) =>
      this.socket.emit(name, ...args, (...values) => resolve(values))));
    this.note(`ack of ${name} ${shown(answer)}`);
    return answer[0];
  }

  emit(...args) {
    this.socket.emit(...args);
  }

  // Below the encoder.
  write(packet) {
    this.note(`write ${packet}`);
    this.socket.io.engine.write(packet);
  }

  async close() {
    this.socket.io.reconnection(false);
    this.socket.disconnect();
    this.socket.io.engine?.close();
  }
}

// Each id and offset by its order of appearance, so that two transcripts are
// equal if the same ones return at the same places.
function withoutIds(text) {
  const names = new Map();
  const found = text.matchAll(
    /\\?"(?:sid|pid|from)\\?":\\?"([\w-]{16,24})\\?"|(?:sid|io)=([\w-]{16,24})|\},\\?"([\w.-]+)\\?"\]/g);
  for (const [, id, sid, offset] of found) {
    const value = id ?? sid ?? offset;
    if (!names.has(value))
      names.set(value, `<${offset ? "offset" : "id"} ${names.size + 1}>`);
  }
  // Longer ones first: an offset may begin as another one does.
  return [...names].sort(([a], [b]) => b.length - a.length).reduce((t, [value, name]) => t.replaceAll(value, name), text);
}

export class Exchange {
  #lanes = new Map();

  constructor(target) {
    this.target = target;
  }

  #lane(name, lane) {
    this.#lanes.set(name, lane);
    return lane;
  }

  // A lane for requests without a session.
  http(name = "http") {
    return this.#lane(name, new PollingLane(this.target));
  }

  async polling(name = "polling", query, headers) {
    const lane = this.http(name);
    await lane.open(query, headers);
    return lane;
  }

  // Behind the open packet, unless there is a query with a sid.
  async frames(name = "websocket", query = "", headers) {
    const lane = this.#lane(name, new FramesLane(this.target));
    await lane.open(query, headers);
    if (!query.includes("sid="))
      await lane.receive(1);
    return lane;
  }

  link(kind, name = kind) {
    return kind === "polling" ? this.polling(name) : this.frames(name);
  }

  client(name, nsp = "/", options = {}) {
    return this.#lane(name, new ClientLane(this.target, nsp, options));
  }

  note(line) {
    if (!this.#lanes.has("notes"))
      this.#lane("notes", new Lane());
    this.#lanes.get("notes").note(line);
  }

  transcript() {
    return withoutIds([...this.#lanes].map(([name, { lines }]) =>
      `== ${name}\n${lines.join("\n")}`).join("\n"));
  }

  async close() {
    for (const lane of this.#lanes.values())
      await lane.close?.();
  }
}
