// SPDX-License-Identifier: MIT
// What every client of the contract suite can do, whatever it speaks:
//
//   const c = await Ws.open(server, { nsp, rooms });
//   await c.join("a");                         the ack's data, or throws Refused
//   await c.publish("a", "event", data, opts);
//   const m = await c.next();                  {room, event, data, dataText, from, seq}
//   c.answers("event", (data) => answer);      from now on, when asked
//   await c.close();

import { Inbox, within } from "./inbox.mjs";
import { memberText } from "./text.mjs";

// The server's answer was an error.
export class Refused extends Error {
  constructor(answer) {
    super(answer.text);
    this.answer = answer;
  }
}

export class Peer {
  constructor(name) {
    this.messages = new Inbox(`${name}: messages`);
    this.gaps = new Inbox(`${name}: gaps`);
    this.errors = new Inbox(`${name}: errors`);
  }

  next() {
    return this.messages.next();
  }

  // The next `count` messages.
  take(count) {
    return this.messages.take(count);
  }

  ended(why) {
    for (const inbox of [this.messages, this.gaps, this.errors])
      inbox.end(why);
  }
}

export function messageOf(object, text) {
  return { ...object, dataText: memberText(text, "data"), text };
}

// The raw dialect, whatever carries it: `send(text)` is the transport's.
export class RawPeer extends Peer {
  #ids = 0;
  #waiting = new Map();
  #answers = new Map();

  constructor(name) {
    super(name);
    this.welcome = within(`${name}: the welcome`, new Promise((resolve, reject) => {
      this.welcomed = resolve;
      this.failed = reject;
    }));
    this.welcome.catch(() => {}); // told again to whoever awaits it
  }

  join(room) {
    return this.command({ type: "join", room });
  }

  leave(room) {
    return this.command({ type: "leave", room });
  }

  publish(room, event, data, options = {}) {
    return this.command({ type: "publish", room, event, data, ...options });
  }

  ended(why) {
    super.ended(why);
    for (const { reject } of this.#waiting.values())
      reject(new Error(why));
    this.#waiting.clear();
  }

  answers(event, answer) {
    this.#answers.set(event, answer);
  }

  // Publishes JSON text as it is.
  publishText(room, event, dataText) {
    const head = JSON.stringify({ type: "publish", id: ++this.#ids, room, event });
    return this.request(this.#ids, `${head.slice(0, -1)},"data":${dataText}}`);
  }

  command(object) {
    const id = ++this.#ids;
    return this.request(id, JSON.stringify({ id, ...object }),
      object.ackTimeout !== undefined);
  }

  // Sends text that carries `id` and resolves with the ack's data. Whose
  // answer waits for others' is not to keep them from coming.
  request(id, text, waits = false) {
    const answer = new Promise((resolve, reject) =>
      this.#waiting.set(id, { resolve, reject }));
    if (waits)
      this.sendNow(text);
    else
      this.send(text);
    return within(`the answer to ${text.slice(0, 200)}`, answer);
  }

  // What the server has to say about malformed text.
  async fault(text) {
    this.send(text);
    return (await this.errors.next()).payload;
  }

  receive(text) {
    const object = JSON.parse(text);
    switch (object.type) {
      case "welcome":
        Object.assign(this, object.payload);
        this.welcomed(object.payload);
        break;
      case "message":
        this.messages.push(messageOf(object, text));
        this.#asked(object);
        break;
      case "gap":
        this.gaps.push(object);
        break;
      case "ack":
      case "error":
        this.#answered(object);
        break;
      default:
        throw new Error(`unexpected object: ${text}`);
    }
  }

  #asked({ event, data, ack }) {
    const answer = this.#answers.get(event);
    if (ack !== undefined && answer)
      this.sendNow(JSON.stringify({ type: "ack", id: ack, data: answer(data) }));
  }

  // Sends without waiting for what was sent before to be answered.
  sendNow(text) {
    this.send(text);
  }

  #answered(object) {
    const waiting = this.#waiting.get(object.id);
    if (!waiting) {
      this.errors.push(object);
      return;
    }
    this.#waiting.delete(object.id);
    if (object.type === "ack")
      waiting.resolve(object.data);
    else
      waiting.reject(new Refused({ text: object.payload, object }));
  }
}

export function query(nsp, rooms) {
  const params = new URLSearchParams();
  if (nsp !== "/")
    params.append("nsp", nsp);
  for (const room of rooms)
    params.append("room", room);
  return params.toString();
}
