// SPDX-License-Identifier: MIT
// Differential: the same exchanges with npm engine.io and with the server, and
// the transcripts are equal: statuses, headers that matter, bodies, frames.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Eio } from "./lib/eio.mjs";
import { EngineReference } from "./lib/engine-reference.mjs";
import { handshake } from "./lib/frames.mjs";
import { Polling } from "./lib/polling.mjs";
import { ask, Raw } from "./lib/raw.mjs";
import { Server } from "./lib/server.mjs";

const PATH = "/engine.io/";

const shown = ({ status, headers, body }) => ({
  status,
  type: headers["content-type"]?.toLowerCase(),
  cache: headers["cache-control"],
  cookie: headers["set-cookie"],
  body,
});

// Ids differ, and nothing else may.
const withoutSid = (value, sid) =>
  JSON.parse(JSON.stringify(value).replaceAll(sid, "<sid>"));

const polling = (server) => Polling.open(server, "", PATH);
const socket = (server, query = "") => Eio.open(server, { query, path: PATH });

async function opened(server) {
  const eio = await socket(server);
  await eio.next();
  return eio;
}

async function upgraded(server) {
  const p = await polling(server);
  return { p, eio: await Eio.upgraded(p) };
}

// A GET that is there when the server answers what comes later.
async function pending(p) {
  const raw = await Raw.connect(p.server);
  raw.request(`GET ${p.target} HTTP/1.1`);
  await ask(p.server, `GET ${PATH} HTTP/1.1`);
  return raw;
}

async function answerOf(raw) {
  const response = shown(await raw.readResponse());
  raw.close();
  return response;
}

// A refused POST is answered by some and cut off by others.
const posted = (p, body, headers) => p.post(body, headers).then(
  ({ status, body: text }) => (status === 200 ? text : "refused"), () => "refused");

const echoes = (label, ...bodies) => [label, async (server) => {
  const p = await polling(server);
  const log = [];
  for (const body of bodies) {
    log.push(shown(await p.post(body)));
    log.push(shown(await p.get()));
  }
  return log;
}];

const closes = (packet, headers) => [`polling: ${JSON.stringify(packet)} ${
  JSON.stringify(headers ?? "")}`, async (server) => {
  const p = await polling(server);
  return [await posted(p, packet, headers), shown(await p.get()), shown(await p.post("4x"))];
}];

const closesWith = (packet) => [`websocket: ${JSON.stringify(packet)}`, async (server) => {
  const eio = await opened(server);
  eio.send(packet);
  return eio.end();
}];

const refused = (line, headers) => [`${line} ${headers ? "upgrading" : ""}`,
  async (server) => shown(await ask(server, `${line} HTTP/1.1`, headers?.()))];

const exchanges = [
  ["the handshake", async (server) => {
    const p = await polling(server);
    return withoutSid(shown(p.handshake), p.sid);
  }],
  ["the handshake of a WebSocket", async (server) => {
    const eio = await socket(server);
    const packet = await eio.next();
    await eio.close();
    return withoutSid(packet, JSON.parse(packet.slice(1)).sid);
  }],
  ...["", "?EIO=4", "?EIO=4&transport=", "?EIO=4&transport=abc", "?transport=polling",
    "?EIO=3&transport=polling", "?EIO=5&transport=polling", "?EIO=&transport=polling",
    "?EIO=4&transport=polling&sid=nonsense", "?transport=polling&sid=nonsense",
    "?transport=abc&sid=nonsense", "?EIO=4&transport=websocket",
    "?EIO=4&transport=websocket&sid=nonsense"].map((q) => refused(`GET ${PATH}${q}`)),
  ...["POST", "PUT", "DELETE", "PATCH"].flatMap((method) => [
    refused(`${method} ${PATH}?EIO=4&transport=polling`),
    refused(`${method} ${PATH}?EIO=4&transport=websocket`),
    refused(`${method} ${PATH}?EIO=4&transport=polling&sid=nonsense`)]),
  ...["?EIO=4", "?EIO=4&transport=abc", "?EIO=4&transport=websocket&sid=nonsense"]
    .map((q) => refused(`GET ${PATH}${q}`, handshake)),
  echoes("text", "4hello", "4", "4é😀\u0000\u2028"),
  echoes("several packets", "4a\x1e4b\x1e4c", "4a\x1e3\x1e6\x1e4b"),
  echoes("binary", "bAQIDBA==", "4a\x1ebAQID\x1e4b\x1ebAQI="),
  ["a poll that waits", async (server) => {
    const p = await polling(server);
    const get = await pending(p);
    return [shown(await p.post("4late")), await answerOf(get)];
  }],
  ["two GETs", async (server) => {
    const p = await polling(server);
    const get = await pending(p);
    return [shown(await p.get()), await answerOf(get), shown(await p.get())];
  }],
  ["PUT and DELETE to a session", async (server) => {
    const p = await polling(server);
    const log = [];
    for (const method of ["PUT", "DELETE"])
      log.push(shown(await ask(server, `${method} ${p.target} HTTP/1.1`)));
    return [...log, await posted(p, "4x")];
  }],
  ["POST 1 with a poll that waits", async (server) => {
    const p = await polling(server);
    const get = await pending(p);
    return [shown(await p.post("1")), await answerOf(get), shown(await p.get())];
  }],
  ["an error with a poll that waits", async (server) => {
    const p = await polling(server);
    const get = await pending(p);
    return [await posted(p, "x"), await answerOf(get), shown(await p.get())];
  }],
  ["packets behind POST 1", async (server) => {
    const p = await polling(server);
    return [shown(await p.post("4a\x1e1\x1e4b")), shown(await p.get())];
  }],
  ["a POST over maxPayload", async (server) => {
    const p = await polling(server);
    const { status } = await p.post("4".padEnd(20001, "x"));
    return [status, shown(await p.post("4x")), shown(await p.get())];
  }],
  ["a poll that is aborted", async (server) => {
    const p = await polling(server);
    (await pending(p)).close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return shown(await p.get());
  }],
  ["a POST while one is under way", async (server) => {
    const p = await polling(server);
    const first = await Raw.connect(server);
    first.request(`POST ${p.target} HTTP/1.1`, { "Content-Length": 10 }, "4");
    await ask(server, `GET ${PATH} HTTP/1.1`);
    const second = await posted(p, "4x");
    const after = shown(await p.get());
    first.close();
    return [second, after];
  }],
  ["a POST that is given up", async (server) => {
    const p = await polling(server);
    const first = await Raw.connect(server);
    first.request(`POST ${p.target} HTTP/1.1`, { "Content-Length": 10 }, "4");
    await ask(server, `GET ${PATH} HTTP/1.1`);
    first.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return shown(await p.get());
  }],
  ...["x", "7", "", "2", "2probe", "4a\x1e", "\x1e4a"].map((packet) => closes(packet)),
  closes("4a", { "Content-Type": "application/octet-stream" }),
  ["an EIO that is not the session's", async (server) => {
    const p = await polling(server);
    return [shown(await ask(server, `GET ${p.target.replace("EIO=4&", "")} HTTP/1.1`)),
      await posted(p, "4x")];
  }],
  ["websocket: text and binary", async (server) => {
    const eio = await opened(server);
    const log = [];
    for (const packet of ["4", "4é😀", Buffer.from([1, 2, 3]), "bAQID", Buffer.alloc(0)]) {
      eio.send(packet);
      log.push(await eio.next());
    }
    await eio.close();
    return log;
  }],
  ["websocket: packets without an answer", async (server) => {
    const eio = await opened(server);
    eio.send("0", "3", "5", "6", "4x");
    const answer = await eio.next();
    await eio.close();
    return answer;
  }],
  ...["x", "7", "", "2", "2probe"].map(closesWith),
  ["websocket: a message over maxPayload", async (server) => {
    const eio = await opened(server);
    eio.send("4".padEnd(20001, "x"));
    return eio.end();
  }],
  ["the upgrade", async (server) => {
    const p = await polling(server);
    const get = await pending(p);
    const eio = await Eio.probing(p);
    const log = [await answerOf(get)];
    eio.send("5", "4x");
    log.push(await eio.next(), shown(await p.get()), shown(await p.post("4x")));
    eio.send("4y");
    log.push(await eio.next());
    await eio.close();
    return log;
  }],
  ["messages before, while and after it", async (server) => {
    const p = await polling(server);
    const log = [await posted(p, "4a\x1ebAQID")];
    const eio = await Eio.probing(p);
    log.push(await posted(p, "4b"), shown(await p.get()), await posted(p, "4c\x1ebBAUG"));
    eio.send("5", "4d");
    log.push(await eio.messages.take(3));
    await eio.close();
    return log;
  }],
  ["the upgrade without a probe", async (server) => {
    const p = await polling(server);
    const eio = await socket(server, `&sid=${p.sid}`);
    eio.send("5", "4x");
    const answer = await eio.next();
    await eio.close();
    return answer;
  }],
  ...["4x", "1", "", "3probe"].map((packet) =>
    [`while probing: ${JSON.stringify(packet)}`, async (server) => {
      const p = await polling(server);
      const eio = await Eio.probing(p);
      eio.send(packet);
      return [await eio.end(), await posted(p, "4x"), shown(await p.get())];
    }]),
  ["a second WebSocket while probing, and after", async (server) => {
    const { p, eio } = await upgraded(server);
    eio.send("4x");
    const log = [await eio.next()];
    const late = await socket(server, `&sid=${p.sid}`);
    log.push(await late.end());
    eio.send("4y");
    log.push(await eio.next());
    await eio.close();
    return log;
  }],
  ["a session that ends while its upgrade is probed", async (server) => {
    const p = await polling(server);
    const eio = await Eio.probing(p);
    return [await posted(p, "1"), await eio.end()];
  }],
];

describe("engine.io and the server answer alike", () => {
  let ours;
  let theirs;

  before(async () => {
    ours = await Server.start(["--app", "echo", "--max-payload", "20000", "--cookie", "io"]);
    theirs = await EngineReference.start({ maxHttpBufferSize: 20000, cookie: true });
  });
  after(async () => {
    await theirs.stop();
    await ours.stop();
  });

  for (const [label, exchange] of exchanges)
    test(label, async () => {
      assert.deepEqual(await exchange(ours), await exchange(theirs));
    });
});
