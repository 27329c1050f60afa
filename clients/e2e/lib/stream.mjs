// SPDX-License-Identifier: MIT
// Event streams byte by byte.

import { Raw } from "./raw.mjs";

// A stream over a bare socket.
export class Stream {
  static async open(server, query = "", headers = {}, version = "1.1") {
    const s = new Stream();
    s.raw = await Raw.connect(server);
    s.raw.request(`GET /sse${query} HTTP/${version}`, headers);
    s.head = (await s.raw.readTo("\r\n\r\n"));
    if (!/^HTTP\/1\.1 200 /.test(s.head))
      throw new Error(s.head);
    s.retry = await s.raw.readTo("\n\n");
    s.welcomeText = await s.raw.readTo("\n\n");
    s.welcome = JSON.parse(/^data: (.*)$/m.exec(s.welcomeText)[1]).payload;
    return s;
  }

  // The next event as it is, without its empty line.
  async next() {
    return (await this.raw.readTo("\n\n")).slice(0, -2);
  }

  async nextObject() {
    return JSON.parse(/^data: (.*)$/m.exec(await this.next())[1]);
  }

  close() {
    this.raw.close();
  }
}
