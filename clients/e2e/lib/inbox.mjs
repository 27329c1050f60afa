// SPDX-License-Identifier: MIT
// A queue that tests read by awaiting. The limit is there to fail with words
// instead of hanging; it says nothing about speed.

const LIMIT_MS = 15000;

export class Inbox {
  #items = [];
  #readers = [];
  #end = null;

  constructor(name) {
    this.name = name;
  }

  get size() {
    return this.#items.length;
  }

  push(item) {
    const reader = this.#readers.shift();
    if (reader)
      reader.resolve(item);
    else
      this.#items.push(item);
  }

  // What is in the queue may still be read; later readers fail.
  end(reason) {
    this.#end ??= reason;
    for (const reader of this.#readers.splice(0))
      reader.reject(new Error(`${this.name}: ${reason}`));
  }

  next() {
    if (this.#items.length > 0)
      return Promise.resolve(this.#items.shift());
    if (this.#end !== null)
      return Promise.reject(new Error(`${this.name}: ${this.#end}`));
    return within(this.name, new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
    }));
  }

  async take(count) {
    const items = [];
    while (items.length < count)
      items.push(await this.next());
    return items;
  }

  // Forgets what is there.
  clear() {
    this.#items = [];
  }
}

// The promise, or an error that names what was waited for.
export function within(what, promise, ms = LIMIT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() =>
      reject(new Error(`${what}: nothing came in ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Resolves when `emitter` emits `name`, with the event's first argument.
export function once(emitter, name) {
  return within(`event "${name}"`, new Promise((resolve) =>
    emitter.once(name, resolve)));
}

// Looks again and again until `look` returns something true.
export async function until(what, look, ms = LIMIT_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await look();
    if (value)
      return value;
    if (Date.now() > deadline)
      throw new Error(`${what}: not so in ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
