// SPDX-License-Identifier: MIT
// Differential: the same exchanges with npm socket.io and with the server, and
// the transcripts are equal: HTTP answers, frames, what the client is told.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Exchange, pause } from "./lib/exchange.mjs";
import { handshake, OP } from "./lib/frames.mjs";
import { once, until } from "./lib/inbox.mjs";
import { Raw } from "./lib/raw.mjs";
import { targets } from "./lib/targets.mjs";

// Where we mean to differ: the exchange's name and why.
const DIFFERENT = {
  "HTTP's own refusals say why, and close": [
    "GET ?EIO=4&transport=polling&sid=%00", "a body over maxPayload"],
  "the reference upgrades, and then writes an HTTP answer into the WebSocket": [
    "an upgrade of ?EIO=3&transport=websocket", "an upgrade of ?transport=websocket"],
  "a preflight lists the methods that are served": [
    "a preflight", "a preflight of a session"],
  "CORS has no say in a WebSocket's handshake": ["a WebSocket of another origin"],
  "arguments arrive as they were sent, and not as JavaScript's JSON writes them": [
    "escapes", "order of keys (polling)", "order of keys (websocket)",
    "an id that is huge (polling)", "an id that is huge (websocket)"],
  "a CONNECT takes effect before the next packet is read": [
    "several packets in a POST", "two namespaces in a POST"],
  "an event without a name is malformed, whether its array is empty or missing": [
    "an event without data (polling)", "an event without data (websocket)"],
  "the session ends with the second POST's head, before its body is read": [
    "two POSTs at once"],
  "a close packet closes, on a WebSocket as in polling": ["a frame that closes"],
  "who upgrades without a probe still polls, and is not to take that for the end": [
    "upgrade without a probe, with a poll that waits"],
  "answers of a whole room are JSON, since other protocols' members have them, too": [
    "client, polling: a room's answers in bytes", "client, websocket: a room's answers in bytes",
    "client, upgrade: a room's answers in bytes"],
};

// Where we say something of our own and all else is equal: what it is, how it
// is taken out, and the exchanges' names.
const withoutReason = (text) => text.replace(/^(CLOSE hex \w{4})\w+$/gm, "$1");
const EQUAL_BUT = [
  ["close frames say why in words", withoutReason,
    ["the server's reason: a frame over maxPayload (websocket)",
      "the server's reason: a bad frame (websocket)", "frames of maxPayload, and over it", "bytes over maxPayload in a frame",
      "fragments over maxPayload", "a frame without a mask", "a frame of an unknown kind",
      "a continuation of nothing", "a reserved bit", "text that is not UTF-8",
      "a long ping", "a close with 1005"]],
  ["acknowledgements that a room is asked for are numbered from 1, and not from 0",
    (text) => text.replace(/42\d+(?=\[\\?"e)/g, "42<number>"),
    ["ask, and nobody answers (polling)", "ask, and nobody answers (websocket)"]],
];
const why = (name) =>
  Object.entries(DIFFERENT).find(([, names]) => names.includes(name))?.[0];

const cors = { cors: { origin: true, credentials: true } };

// How both are started: `args` is ours, `options` is the reference's.
const setups = {
  relay: {},
  echo: { app: "echo" },
  cors: { options: cors },
  cookie: { args: ["--cookie", "io"], options: { cookie: true } },
  small: {
    app: "echo", args: ["--max-payload", "5000"],
    options: { maxHttpBufferSize: 5000 },
  },
  fast: {
    app: "echo", args: ["--ping-interval", "300", "--ping-timeout", "200"],
    options: { pingInterval: 300, pingTimeout: 200 },
  },
  hasty: {
    args: ["--connect-timeout", "100", "--upgrade-timeout", "150"],
    options: { connectTimeout: 100, upgradeTimeout: 150 },
  },
  recovery: { recovery: 60000 },
  reasons: {
    app: "echo", reasons: true,
    args: ["--ping-interval", "300", "--ping-timeout", "200", "--max-payload", "5000"],
    options: { pingInterval: 300, pingTimeout: 200, maxHttpBufferSize: 5000 },
  },
  pollingOnly: { args: ["--transports", "polling"], options: { transports: ["polling"] } },
  websocketOnly: { args: ["--transports", "websocket"], options: { transports: ["websocket"] } },
};

const exchanges = []; // [setup, name, body]
const exchange = (setup, name, body) => exchanges.push([setup, name, body]);
const both = (setup, name, body) => ["polling", "websocket"].forEach((kind) =>
  exchange(setup, `${name} (${kind})`, (x) => body(x, kind)));

const connected = async (x) => {
  const p = await x.polling();
  await p.post("40");
  await p.get();
  return p;
};

const P0 = '{"_placeholder":true,"num":0}';
const P1 = '{"_placeholder":true,"num":1}';
const many = (n) => Array.from({ length: n },
  (_, i) => `{"_placeholder":true,"num":${i}}`);

// Engine.IO requests without a session, or with one that is not there.

for (const query of ["", "?EIO=4", "?EIO=4&transport=", "?EIO=4&transport=abc",
  "?EIO=4&transport=POLLING", "?transport=polling", "?EIO=3&transport=polling",
  "?EIO=5&transport=polling", "?EIO=44&transport=polling", "?EIO=&transport=polling",
  "?EIO=4&transport=polling&sid=nonsense", "?EIO=4&transport=polling&sid=%00",
  "?transport=polling&sid=nonsense", "?EIO=3&transport=abc&sid=nonsense",
  "?EIO=4&transport=websocket", "?EIO=4&transport=websocket&sid=nonsense"])
  exchange("relay", `GET ${query}`, (x) => x.http().request("GET", query));

for (const query of ["", "?EIO=4&transport=abc", "?EIO=3&transport=websocket",
  "?transport=websocket", "?EIO=4&transport=websocket&sid=nonsense",
  "?EIO=4&transport=polling&sid=nonsense"])
  exchange("relay", `an upgrade of ${query}`, (x) =>
    x.http().request("GET", query, handshake({ "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==" })));

for (const method of ["POST", "PUT", "DELETE", "PATCH", "HEAD"])
  for (const query of ["?EIO=4&transport=polling", "?EIO=4&transport=polling&sid=nonsense",
    "?EIO=4&transport=websocket", "?EIO=4"])
    exchange("relay", `${method} ${query}`, (x) => x.http().request(method, query));

// CORS

exchange("cors", "a preflight", (x) => x.http().request("OPTIONS",
  "?EIO=4&transport=polling", { Origin: "http://a.example",
    "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-a" }));
exchange("cors", "a preflight of a session", async (x) => {
  const p = await x.polling("polling", "", { Origin: "http://a.example" });
  await p.request("OPTIONS", p.query, { Origin: "http://a.example",
    "Access-Control-Request-Method": "POST" });
  await p.post("40", { Origin: "http://a.example" });
  await p.get({ Origin: "http://a.example" });
});
exchange("cors", "requests of another origin", async (x) => {
  const headers = { Origin: "https://b.example" };
  const p = await x.polling("polling", "", headers);
  await p.post("40", headers);
  await p.get(headers);
  await p.post("4x", headers);
  await p.request("GET", "?EIO=4&transport=abc", headers);
  await p.request("GET", "?EIO=4&transport=polling&sid=none", headers);
});
exchange("cors", "a WebSocket of another origin", async (x) => {
  const w = await x.frames("websocket", "", { Origin: "https://b.example" });
  await w.send("40");
  await w.receive(1);
});

// The cookie, transports that are not offered

exchange("cookie", "the cookie", async (x) => {
  const p = await x.polling();
  await p.post("40");
  await p.get();
});
exchange("cookie", "the cookie of a WebSocket", async (x) => {
  const w = await x.frames();
  await w.send("40");
  await w.receive(1);
});
exchange("pollingOnly", "no WebSocket", async (x) => {
  const p = await x.polling();
  for (const query of ["", `&sid=${p.sid}`])
    await p.request("GET", `?EIO=4&transport=websocket${query}`, handshake());
  await p.post("40");
  await p.get();
});
exchange("websocketOnly", "no polling", async (x) => {
  const w = await x.frames();
  await w.send("40");
  await w.receive(1);
  await x.http().request("GET", "?EIO=4&transport=polling");
});

// Subprotocols mean nothing here, and clients that offer some want an answer.

for (const offer of ["one", "two, one"])
  exchange("echo", `the subprotocols ${offer}`, async (x) => {
    const headers = { "Sec-WebSocket-Protocol": offer };
    const w = await x.frames("websocket", "", headers);
    await w.send("40");
    await w.receive(2);
    const p = await connected(x);
    const upgrade = await x.frames("upgrade", `&sid=${p.sid}`, headers);
    await upgrade.send("2probe");
    await upgrade.receive(1);
  });

// Sessions that poll

exchange("echo", "a session", async (x) => {
  const p = await x.polling();
  await p.post("40");
  await p.get();
  await p.post('42["message",1,"é😀"]');
  await p.get();
  await p.post("1");
  await p.get();
});
exchange("echo", "escapes", async (x) => {
  const p = await connected(x);
  await p.post('42["message","\\u00e9\\u2028\\/"]');
  await p.get();
});
exchange("echo", "several packets in a POST", async (x) => {
  const p = await x.polling();
  await p.post('40\x1e42["message",1]');
  await p.receive(1);
});
exchange("echo", "several packets in a POST of a client that is connected", async (x) => {
  const p = await connected(x);
  await p.post(['42["message",1]', '423["message-with-ack",2]',
    `451-["message",${P0}]`, "bAQID"].join("\x1e"));
  await p.receive(1);
});
exchange("echo", "two namespaces in a POST", async (x) => {
  const p = await x.polling();
  await p.post('40\x1e40/custom,{"a":1}\x1e40/none,');
  await p.receive(1);
});
exchange("echo", "a poll that waits", async (x) => {
  const p = await x.polling();
  await p.post("40");
  await p.get();
  const raw = await p.pend();
  await p.post('42["message","late"]');
  await p.answered(raw);
});
exchange("echo", "two GETs at once", async (x) => {
  const p = await x.polling();
  await p.post("40");
  await p.get();
  const raw = await p.pend();
  await p.get();
  await p.answered(raw);
  await p.get();
  await p.post("4x");
});
exchange("echo", "two POSTs at once", async (x) => {
  const p = await x.polling();
  const raw = await Raw.connect(x.target);
  raw.request(`POST /socket.io/${p.query} HTTP/1.1`, { "Content-Length": 10 }, "40");
  await p.request("GET", "");
  await p.post("40");
  await p.get();
  raw.close();
});
exchange("echo", "a poll that is given up", async (x) => {
  const p = await x.polling();
  (await p.pend()).close();
  await pause();
  await p.get();
});
exchange("echo", "a POST that is given up", async (x) => {
  const p = await x.polling();
  const raw = await Raw.connect(x.target);
  raw.request(`POST /socket.io/${p.query} HTTP/1.1`, { "Content-Length": 10 }, "40");
  await p.request("GET", "");
  raw.close();
  await pause();
  await p.get();
});
for (const method of ["PUT", "DELETE", "PATCH", "HEAD"])
  exchange("echo", `${method} to a session`, async (x) => {
    const p = await x.polling();
    await p.request(method, p.query);
    await p.post("40");
    await p.get();
  });
for (const type of ["application/octet-stream", "application/octet-stream;x=y",
  "application/json", "application/x-www-form-urlencoded", "nonsense"])
  exchange("echo", `POST of ${type}`, async (x) => {
    const p = await x.polling();
    await p.post("40", { "Content-Type": type });
    await p.get();
  });
for (const [name, body] of [["nothing", ""], ["no type", "x"], ["type 7", "7"],
  ["a ping", "2"], ["a probe", "2probe"], ["a separator at the end", "40\x1e"],
  ["a separator at the start", "\x1e40"], ["separators", "\x1e\x1e"],
  ["packets behind a close", '40\x1e1\x1e42["message",1]'], ["a close with data", "1x"],
  ["an error behind a message", "40\x1ex"], ["no base64", "b!!"], ["binary out of turn", "bAQID"],
  ["not UTF-8", Buffer.from([0x34, 0x30, 0xff])]]) {
  exchange("echo", `POST of ${name}`, async (x) => {
    const p = await x.polling();
    await p.post(body);
    await p.get();
    await p.post("4x");
    await p.get();
  });
  exchange("echo", `POST of ${name}, with a poll that waits`, async (x) => {
    const p = await x.polling();
    const raw = await p.pend();
    await p.post(body);
    await p.answered(raw);
    await p.get();
  });
}
exchange("echo", "POST of open, pong, upgrade and noop", async (x) => {
  const p = await x.polling();
  await p.post("0\x1e3\x1e5\x1e6\x1e40");
  await p.get();
});
exchange("echo", "an EIO that is not the session's", async (x) => {
  const p = await x.polling();
  for (const eio of ["EIO=3&", ""])
    await p.request("GET", p.query.replace("EIO=4&", eio));
  await p.post("40");
  await p.get();
});

// maxPayload

exchange("small", "a body of maxPayload", async (x) => {
  const p = await x.polling();
  await p.post("40");
  await p.get();
  await p.post(`42["message","${"x".repeat(5000 - 16)}"]`);
  await p.receive(1);
});
exchange("small", "a body over maxPayload", async (x) => {
  const p = await x.polling();
  await p.post("40");
  await p.get();
  await p.post("4".padEnd(5001, "x"));
  await p.post('42["message",1]');
  await p.get();
});
exchange("small", "frames of maxPayload, and over it", async (x) => {
  const w = await x.frames();
  await w.send("40");
  await w.receive(2);
  await w.send(`42["message","${"x".repeat(5000 - 16)}"]`);
  await w.receive(1);
  await w.send("4".padEnd(5001, "x"));
  await w.receive();
});
exchange("small", "bytes over maxPayload in a frame", async (x) => {
  const w = await x.frames();
  await w.send("40");
  await w.receive(2);
  await w.send(`451-["message",${P0}]`);
  await w.send(Buffer.alloc(5001));
  await w.receive();
});
exchange("small", "fragments over maxPayload", async (x) => {
  const w = await x.frames();
  w.raw(OP.TEXT, "4".padEnd(3000, "x"), { fin: false });
  w.raw(OP.CONTINUE, "x".repeat(3000));
  await w.receive();
});

// Socket.IO packets: what is sent, and how many packets come of it.

const packets = {
  "connect": [["40", 2]],
  "connect with auth": [['40{"token":"1é","n":1.5}', 2]],
  "connect with a query in the namespace": [["40/custom?a=b,", 1], ["40", 2]],
  "connect to a namespace": [["40/custom,", 2]],
  "connect to a namespace, without a comma": [["40/custom", 2]],
  "connect to an unknown namespace": [["40/random,", 1], ["40", 2]],
  "connect to an unknown one with unicode": [["40/é\"x,", 1], ["40", 2]],
  "connect twice": [["40", 2], ["40", 1]],
  "connect to a namespace twice": [["40/custom,", 2], ["40/custom,", 1]],
  "a string for auth": [['40"x"', 1]],
  "an array for auth": [["40[]", 1]],
  "null for auth": [["40null", 1]],
  "a number for auth": [["401", 1]],
  "broken auth": [['40{"a"', 1]],
  "auth and an id": [['405{"a":1}', 2]],
  "events": [["40", 2], ['42["message",1,"2",{"3":[false]},null]', 1], ['42["message"]', 1]],
  "events of a namespace": [["40/custom,", 2], ['42/custom,["message","x"]', 1]],
  "acknowledgements": [["40", 2], ['42456["message-with-ack",1,"2"]', 1],
    ['420["message-with-ack"]', 1]],
  "acknowledgements in a namespace": [["40/custom,", 2],
    ['42/custom,7["message-with-ack",[]]', 1]],
  "a binary event": [["40", 2], [`451-["message",${P0}]`, 0], ["bAQID", 2]],
  "a binary event of two": [["40", 2],
    [`452-["message",{"b":${P0},"a":[${P1}]},1]`, 0], ["bAQID", 0], ["bBAU=", 3]],
  "a binary acknowledgement": [["40", 2], [`452-7["message-with-ack",${P0},${P1}]`, 0],
    ["bAQID", 0], ["bBAU=", 3]],
  "a binary event of a namespace": [["40/custom,", 2],
    [`451-/custom,["message",${P0}]`, 0], ["bAQID", 2]],
  "ten attachments": [["40", 2], [`4510-["message",${many(10)}]`, 0],
    ...Array.from({ length: 9 }, () => ["bAQ==", 0]), ["bAQ==", 11]],
  "eleven attachments": [["40", 2], [`4511-["message",${many(11)}]`, 1]],
  "fewer attachments than said": [["40", 2], [`452-["message",${P0},${P1}]`, 0],
    ["bAQID", 0], ['42["message",1]', 1]],
  "more attachments than said": [["40", 2], [`451-["message",${P0}]`, 0],
    ["bAQID", 2], ["bBAU=", 1]],
  "no count of attachments": [["40", 2], [`45["message",${P0}]`, 1]],
  "a count of none": [["40", 2], ['450-["message"]', 1]],
  "a count in letters": [["40", 2], [`45x-["message",${P0}]`, 1]],
  "a count without its dash": [["40", 2], [`451["message",${P0}]`, 1]],
  "a placeholder without a number": [["40", 2],
    ['451-["message",{"_placeholder":true}]', 0], ["bAQ==", 1]],
  "a placeholder of no attachment": [["40", 2],
    ['451-["message",{"_placeholder":true,"num":1}]', 0], ["bAQ==", 1]],
  "a placeholder in an event that is not binary": [["40", 2], [`42["message",${P0}]`, 1]],
  "an attachment of nothing": [["40", 2], ["bAQ==", 1]],
  "an empty attachment": [["40", 2], [`451-["message",${P0}]`, 0], ["b", 2]],
  "disconnect and connect": [["40", 2], ["41", 0], ["40", 2]],
  "disconnect, then an event": [["40", 2], ["41", 0], ['42["message",1]', 1]],
  "disconnect of a namespace": [["40", 2], ["40/custom,", 2], ["41/custom,", 0],
    ['42["message",1]', 1], ['42/custom,["message",1]', 1]],
  "disconnect with a payload": [["40", 2], ['41{"a":1}', 1]],
  "disconnect before connect": [["41", 1]],
  "an event before connect": [['42["message",1]', 1]],
  "an acknowledgement before connect": [["431[1]", 1]],
  "an event of another namespace": [["40", 2], ['42/custom,["message"]', 1]],
  "an event of an unknown namespace": [["40", 2], ['42/none,["message"]', 1]],
  "an acknowledgement that nobody awaits": [["40", 2], ["437[1]", 0], ['42["message",1]', 1]],
  "an acknowledgement without an id": [["40", 2], ["43[1]", 0], ['42["message",1]', 1]],
  "an object for an acknowledgement": [["40", 2], ["431{}", 1]],
  "events that the app has not": [["40", 2], ['42["other",1]', 0], ["42[5,1]", 0],
    ['42["message",1]', 1]],
  "a connect_error": [["40", 2], ['44{"message":"x"}', 1]],
  "no type": [["40", 2], ["4abc", 1]],
  "type 7": [["40", 2], ["47", 1]],
  "an empty packet": [["40", 2], ["4", 1]],
  "an event without data": [["40", 2], ["42", 0], ['42["message",1]', 1]],
  "an event of an object": [["40", 2], ["42{}", 1]],
  "an event of a string": [["40", 2], ['42"message"', 1]],
  "an event without a name": [["40", 2], ["42[]", 1]],
  "an event named by an object": [["40", 2], ["42[{}]", 1]],
  "an event named by null": [["40", 2], ["42[null]", 1]],
  "an event that ends early": [["40", 2], ['42["message', 1]],
  "an event with a tail": [["40", 2], ['42["message"]x', 1]],
  "letters before the data": [["40", 2], ['42abc["message-with-ack",1]', 1]],
  "an id with a zero": [["40", 2], ['4207["message-with-ack",1]', 1]],
  "an id that is huge": [["40", 2], ['4299999999999999999999["message-with-ack",1]', 1]],
  ...Object.fromEntries(["connect", "connect_error", "disconnect", "disconnecting",
    "newListener", "removeListener"].map((name) =>
    [`the reserved name ${name}`, [["40", 2], [`42["${name}",1]`, 1]]])),
};

for (const [name, steps] of Object.entries(packets))
  both("echo", name, async (x, kind) => {
    const link = await x.link(kind);
    for (const [packet, count] of steps) {
      await link.send(packet);
      if (packet.startsWith("41"))
        await pause(); // the reference takes a moment to let go
      await link.receive(count);
    }
  });

const relayed = {
  "a refusal with data": [["40/private,", 1], ['40/private,{"t":1}', 1]],
  "join, publish, leave": [["40", 1], ['420["join","r"]', 1],
    ['421["publish","r","e",{"z":1,"a":[]}]', 2], ['422["leave","r"]', 1],
    ['423["publish","r","e",2]', 1]],
  "publish without an acknowledgement": [["40", 1], ['420["join","q"]', 1],
    ['42["publish","q","e","x"]', 1]],
  "publish to the others": [["40", 1], ['420["join","s"]', 1],
    ['421["publish","s","e",1,{"self":false}]', 1], ['422["publish","s","e",2]', 2]],
  "publish volatile": [["40", 1], ['420["join","t"]', 1],
    ['421["publish","t","e",1,{"volatile":true,"self":false}]', 1],
    ['42["publish","t","e",2]', 1]],
  "publish bytes": [["40", 1], ['420["join","u"]', 1],
    [`451-["publish","u","e",${P0}]`, 0], ["bAQID", 2]],
  "publish bytes among others": [["40", 1], ['420["join","v"]', 1],
    [`452-["publish","v","e",{"x":[${P0},2],"y":${P1}}]`, 0], ["bAQID", 0], ["bBA==", 3]],
  "numbers": [["40", 1], ['420["join","x"]', 1],
    ['42["publish","x","e",{"b":[1,-0.5],"a":"x"}]', 1]],
  "order of keys": [["40", 1], ['420["join","w"]', 1],
    ['42["publish","w","e",{"b":1.0,"a":"x","2":0.5}]', 1]],
  "ask a room of nobody": [["40", 1],
    ['421["publish","nobody","e",1,{"ackTimeout":50}]', 1]],
  "ask, and nobody answers": [["40", 1], ['420["join","y"]', 1],
    ['421["publish","y","e",1,{"ackTimeout":50}]', 2]],
};

for (const [name, steps] of Object.entries(relayed))
  both("relay", name, async (x, kind) => {
    const link = await x.link(kind);
    for (const [packet, count] of steps) {
      await link.send(packet.replace(/"(join|leave|publish)","(\w+)"/,
        (_, event, room) => `"${event}","${room}-${kind}"`));
      await link.receive(count);
    }
  });

// WebSocket

for (const packet of ["", "x", "7", "2", "2probe", "b!!", Buffer.alloc(0), Buffer.from("4x")])
  exchange("echo", `a frame of ${JSON.stringify(packet)}`, async (x) => {
    const w = await x.frames();
    await w.send("40");
    await w.receive(2);
    w.raw(typeof packet === "string" ? OP.TEXT : OP.BINARY, packet);
    await w.receive();
  });
exchange("echo", "a frame that closes", async (x) => {
  const w = await x.frames();
  await w.send("1");
  await w.send("40");
  await w.receive(1);
});
exchange("echo", "open, pong, upgrade and noop in frames", async (x) => {
  const w = await x.frames();
  for (const packet of ["0", "3", "5", "6", "40"])
    await w.send(packet);
  await w.receive(2);
});
exchange("echo", "base64 in a text frame", async (x) => {
  const w = await x.frames();
  await w.send("40");
  await w.receive(2);
  await w.send(`451-["message",${P0}]`);
  w.raw(OP.TEXT, "bAQID");
  await w.receive(2);
});
exchange("echo", "fragments, and a ping of WebSocket's own", async (x) => {
  const w = await x.frames();
  w.raw(OP.TEXT, "4", { fin: false });
  w.raw(OP.PING, "hello");
  await w.receive(1);
  w.raw(OP.CONTINUE, "0");
  await w.receive(2);
});
for (const [name, frame] of [["a frame without a mask", [OP.TEXT, "40", { masked: false }]],
  ["a frame of an unknown kind", [3, "40"]], ["a continuation of nothing", [OP.CONTINUE, "40"]],
  ["a reserved bit", [OP.TEXT, "40", { rsv: 4 }]], ["text that is not UTF-8", [OP.TEXT, Buffer.from([0x34, 0xff])]],
  ["a long ping", [OP.PING, "x".repeat(126)]], ["a close with a code", [OP.CLOSE, Buffer.from([3, 232])]],
  ["a close without one", [OP.CLOSE, ""]], ["a close with 1005", [OP.CLOSE, Buffer.from([3, 237])]]])
  exchange("echo", name, async (x) => {
    const w = await x.frames();
    w.raw(...frame);
    await w.receive();
  });
exchange("echo", "a WebSocket and polls of one session", async (x) => {
  const w = await x.frames();
  const sid = /"sid\\?":\\?"([\w-]{20})/.exec(w.lines.at(-1))[1];
  const http = x.http();
  await http.request("GET", `?EIO=4&transport=polling&sid=${sid}`);
  await http.request("POST", `?EIO=4&transport=polling&sid=${sid}`, {}, "40");
  const second = await x.frames("second", `&sid=${sid}`);
  await second.receive();
  await w.send("40");
  await w.receive(2);
});

// The upgrade

const knock = (x, p, name = "upgrade") => x.frames(name, `&sid=${p.sid}`);

exchange("echo", "the upgrade", async (x) => {
  const p = await connected(x);
  const raw = await p.pend();
  const w = await knock(x, p);
  await w.send("2probe");
  await w.receive(1);
  await p.answered(raw);
  await w.send("5");
  await w.send('42["message",1]');
  await w.receive(1);
  await p.get();
  await p.post("4x");
  w.raw(OP.CLOSE, "");
  await w.receive();
  await p.get();
});
exchange("echo", "messages before, while and after it", async (x) => {
  const p = await connected(x);
  await p.post('42["message","a"]');
  const w = await knock(x, p);
  await w.send("2probe");
  await w.receive(1);
  await p.post('42["message","b"]');
  await p.get();
  await p.post(`42["message","c"]\x1e451-["message",${P0}]\x1ebAQID`);
  await w.send("5");
  await w.send('42["message","d"]');
  await w.receive(4);
});
exchange("echo", "upgrade without a probe", async (x) => {
  const p = await connected(x);
  const w = await knock(x, p);
  await w.send("5");
  await w.send('42["message",1]');
  await w.receive(1);
});
exchange("echo", "upgrade without a probe, with a poll that waits", async (x) => {
  const p = await connected(x);
  const w = await knock(x, p);
  const raw = await p.pend();
  await w.send("5");
  await p.answered(raw);
  await w.send('42["message",1]');
  await w.receive(1);
});
exchange("echo", "polls while it probes", async (x) => {
  const p = await connected(x);
  const w = await knock(x, p);
  await w.send("2probe");
  await w.receive(1);
  for (let i = 0; i < 3; i++)
    await p.get();
  await w.send("5");
  await w.send('42["message",1]');
  await w.receive(1);
});
exchange("echo", "upgrade before connect", async (x) => {
  const p = await x.polling();
  const w = await knock(x, p);
  await w.send("2probe");
  await w.receive(1);
  await w.send("5");
  await w.send("40");
  await w.receive(2);
});
for (const packet of ['42["message",1]', "1", "", "3probe", "2", "2probes", "6"])
  exchange("echo", `while it probes: ${JSON.stringify(packet)}`, async (x) => {
    const p = await connected(x);
    const w = await knock(x, p);
    await w.send("2probe");
    await w.receive(1);
    await w.send(packet);
    await w.receive();
    await p.post('42["message",1]');
    await p.receive(1);
  });
exchange("echo", "a second WebSocket while it probes", async (x) => {
  const p = await connected(x);
  const w = await knock(x, p);
  await w.send("2probe");
  await w.receive(1);
  const second = await knock(x, p, "second");
  await second.receive();
  await w.send("5");
  await w.send('42["message",1]');
  await w.receive(1);
  const third = await knock(x, p, "third");
  await third.receive();
});
exchange("echo", "the session's end while it probes", async (x) => {
  const p = await connected(x);
  const w = await knock(x, p);
  await w.send("2probe");
  await w.receive(1);
  await p.post("1");
  await w.receive();
  await p.get();
});
exchange("echo", "an error of the session's while it probes", async (x) => {
  const p = await connected(x);
  const w = await knock(x, p);
  await w.send("2probe");
  await w.receive(1);
  await p.post("42{}");
  await p.get();
  await p.get();
});
exchange("hasty", "a probe that takes too long", async (x) => {
  const p = await x.polling();
  await p.post("40");
  await p.get();
  const w = await knock(x, p);
  await w.receive();
});

// Time

both("hasty", "no connect in time", async (x, kind) => {
  const link = await x.link(kind);
  await link.receive(1);
});
exchange("fast", "pings and pongs over polling", async (x) => {
  const p = await connected(x);
  for (let i = 0; i < 3; i++) {
    await p.get();
    await p.post("3");
  }
});
exchange("fast", "pings and pongs in frames", async (x) => {
  const w = await x.frames();
  await w.send("40");
  await w.receive(2);
  for (let i = 0; i < 3; i++) {
    await w.receive(1);
    await w.send("3");
  }
});
exchange("fast", "no pong over polling", async (x) => {
  const p = await connected(x);
  await p.get();
  await p.get();
  await p.get();
});
exchange("fast", "no pong over polling, and no poll", async (x) => {
  const p = await connected(x);
  await p.get();
  await pause(400);
  await p.get();
  await p.post("3");
});
exchange("fast", "no pong in frames", async (x) => {
  const w = await x.frames();
  await w.send("40");
  await w.receive(2);
  await w.receive();
});
exchange("fast", "a ping during the upgrade", async (x) => {
  const p = await connected(x);
  await p.get();
  const w = await knock(x, p);
  await w.send("2probe");
  await w.receive(1);
  await w.send("5");
  await w.send("3");
  await w.receive(1);
});

// What socket.io-client makes of it

const ways = { polling: ["polling"], websocket: ["websocket"],
  upgrade: ["polling", "websocket"] };
const client = (setup, name, body) => Object.entries(ways).forEach(([way, transports]) =>
  exchange(setup, `client, ${way}: ${name}`, async (x) => {
    const open = (who, nsp, options) => {
      const c = x.client(who, nsp, { transports, ...options });
      c.ready = async () => {
        await c.until(/^connect/);
        if (way === "upgrade" && c.socket.io.engine.transport.name === "polling")
          await once(c.socket.io.engine, "upgrade");
      };
      return c;
    };
    await body(x, open, way);
  }));

client("echo", "auth, events, acks, binary", async (x, open) => {
  const c = open("ann", "/custom", { auth: { token: "é", n: [1] } });
  await c.ready();
  c.emit("message", 1, "2", { 3: [true] });
  c.emit("message", Buffer.from([1, 2]), { deep: [Buffer.from([3])] });
  await c.until(/message-back/, 2);
  await c.ask("message-with-ack", 1, { a: null });
  await c.ask("message-with-ack", Buffer.from([5]), "x");
  c.socket.disconnect();
  await c.until(/^disconnect/);
  c.socket.connect();
  await c.until(/^connect/, 2);
  await c.until(/auth/, 2);
});
client("echo", "an ack that never comes", async (x, open) => {
  const c = open("ann");
  await c.ready();
  const error = await c.socket.timeout(100).emitWithAck("no such event").catch((e) => e);
  c.note(`error ${error.message}`);
  await c.ask("message-with-ack", 1);
});
client("echo", "an unknown namespace beside another", async (x, open) => {
  const c = open("ann");
  await c.ready();
  const none = x.client("none", "/none", { manager: c });
  await none.until(/^connect_error/);
  await c.ask("message-with-ack", 1);
});
client("relay", "a refusal, then a token", async (x, open) => {
  const c = open("ann", "/private");
  await c.until(/^connect_error/);
  c.socket.auth = { token: 1 };
  c.socket.connect();
  await c.until(/^connect$/);
  await c.ask("join", "r");
});
client("relay", "rooms, the sender left out, volatile", async (x, open, way) => {
  const [ann, bob] = [open("ann"), open("bob")];
  const room = `room-${way}`;
  for (const c of [ann, bob]) {
    await c.ready();
    await c.ask("join", room);
  }
  await ann.ask("publish", room, "e", { n: 1 });
  await ann.ask("publish", room, "others", 2, { self: false });
  await bob.ask("publish", room, "bytes", Buffer.from([1]), {});
  await ann.until(/bytes/);
  await bob.until(/bytes/);
  await bob.ask("leave", room);
  await ann.ask("publish", room, "last", 3);
  await ann.until(/last/);
});
client("relay", "a room's answers, and those that are missing", async (x, open, way) => {
  const [ann, bob] = [open("ann"), open("bob")];
  const room = `asked-${way}`;
  for (const c of [ann, bob]) {
    await c.ready();
    await c.ask("join", room);
  }
  bob.socket.on("who", (data, info, ack) => ack({ data, by: "bob" }));
  ann.socket.on("who", (data, info, ack) => ack?.(1));
  await ann.ask("publish", room, "who", "x", { self: false, ackTimeout: 15000 });
  bob.socket.off("who");
  await ann.ask("publish", room, "who", "y", { self: false, ackTimeout: 100 });
});
client("relay", "a room's answers in bytes", async (x, open, way) => {
  const c = open("ann");
  await c.ready();
  await c.ask("join", `bytes-${way}`);
  c.socket.on("who", (data, info, ack) => ack(Buffer.from([9])));
  await c.ask("publish", `bytes-${way}`, "who", "x", { ackTimeout: 15000 });
});
client("relay", "namespaces of one connection", async (x, open, way) => {
  const ann = open("ann");
  await ann.ready();
  const other = x.client("other", "/other", { manager: ann });
  await other.until(/^connect$/);
  const room = `shared-${way}`;
  for (const c of [ann, other]) {
    await c.ask("join", room);
    await c.ask("publish", room, "e", 1);
    await c.until(/^event/);
  }
  other.socket.disconnect();
  await other.until(/^disconnect/);
  await ann.ask("publish", room, "e", 2);
  await ann.until(/^event/, 2);
});
for (const [name, packet] of [["a packet of no type", "x"], ["an event of an object", "2{}"],
  ["a reserved name", '2["connect"]'], ["a second connect", "0"],
  ["an event of another namespace", '2/other,["join"]'], ["a connect_error", "4{}"]])
  client("relay", `disconnected by ${name}`, async (x, open) => {
    const c = open("ann");
    await c.ready();
    c.write(packet);
    await c.until(/^disconnect/);
  });
client("relay", "why it went: the client's own doing", async (x, open) => {
  const c = open("ann");
  await c.ready();
  c.socket.disconnect();
  const closed = open("bob");
  await closed.ready();
  closed.socket.io.engine.close();
  await closed.until(/^disconnect/);
});
client("small", "why it went: too large a message", async (x, open) => {
  const c = open("ann");
  await c.ready();
  c.emit("message", "x".repeat(6000));
  await c.until(/^disconnect/);
});
client("fast", "heartbeats keep it", async (x, open) => {
  const c = open("ann");
  await c.ready();
  await pause(1300);
  await c.ask("message-with-ack", 1);
});

// Why the server says that it has ended

const reason = (name, end, kinds = ["polling", "websocket"]) => kinds.forEach((kind) =>
  exchange("reasons", `the server's reason: ${name} (${kind})`, async (x) => {
    const before = x.target.reasons().length;
    const link = await x.link(kind);
    await link.send("40");
    await link.receive(2);
    await end(link, x);
    await until("the end", () => x.target.reasons().length > before);
    await pause();
    for (const line of x.target.reasons().slice(before))
      x.note(line);
  }));

// A WebSocket whose end is awaited, and met.
const ended = (send) => async (w) => {
  await send(w);
  await w.receive();
  await w.close();
};
// What is wrong for Socket.IO, while a GET waits.
const wrong = (packet) => async (link) => {
  if (!link.post)
    return link.send(packet);
  const raw = await link.pend();
  await link.post(packet);
  return link.answered(raw);
};

reason("the client leaves the namespace", (link) => link.send("41"));
reason("the client closes", (p) => p.post("1"), ["polling"]);
reason("the client closes", ended((w) => w.raw(OP.CLOSE, Buffer.from([3, 232]))), ["websocket"]);
reason("two namespaces end together", async (link) => {
  await link.send("40/custom,");
  await link.receive(2);
  await (link.post ? link.post("1") : ended((w) => w.raw(OP.CLOSE, ""))(link));
});
reason("a poll is given up", async (p) => (await p.pend()).close(), ["polling"]);
reason("the connection breaks", (w) => w.socket.raw.socket.resetAndDestroy(), ["websocket"]);
reason("the connection ends", (w) => w.socket.close(), ["websocket"]);
reason("no pong", () => {});
reason("two GETs", async (p) => {
  const raw = await p.pend();
  await p.get();
  raw.close();
}, ["polling"]);
reason("POST of octets", (p) => p.post("4x", { "Content-Type": "application/octet-stream" }),
  ["polling"]);
reason("a frame over maxPayload", ended((w) => w.send("4".padEnd(5001, "x"))), ["websocket"]);
reason("a bad frame", ended((w) => w.raw(3, "x")), ["websocket"]);
for (const packet of ["x", "2"])
  reason(`the packet ${packet}`, (link) => link.send(packet));
for (const packet of ["4abc", "42{}", "40", "44{}", '42/custom,["message"]', '42["connect"]'])
  reason(`the packet ${packet}`, wrong(packet));
reason("an attachment of nothing", wrong("bAQID"));

// Recovery

const offsetOf = (text) => /"([^"\\]+)\\?"\]/.exec(text.replaceAll('\\"', '"'))?.[1];

both("recovery", "pid and offsets, and what was missed", async (x, kind) => {
  const room = `kept-${kind}`;
  const a = await x.link(kind, "first");
  await a.send("40");
  await a.receive(1);
  const pid = /pid\\?":\\?"([\w-]+)/.exec(a.lines.at(-1))[1];
  await a.send(`420["join","${room}"]`);
  await a.receive(1);
  await x.target.publish(room, "e", 1);
  await a.receive(1);
  const offset = offsetOf(a.lines.at(-1));
  await a.close();
  if (kind === "polling")
    await pause();
  await until("nobody is there", async () => (x.target.server
    ? (await x.target.server.stats()).sessions === 0
    : x.target.io.of("/").sockets.size === 0));
  await x.target.publish(room, "e", 2);
  await x.target.publish(room, "e", 3);
  const b = await x.link(kind, "second");
  b.lines.length = 0;
  const auth = JSON.stringify({ pid, offset });
  if (kind === "polling")
    await b.post(`40${auth}`);
  else
    b.socket.send(OP.TEXT, `40${auth}`);
  b.lines.length = 0;
  await b.receive(3);
  await x.target.publish(room, "e", 4);
  await b.receive(1);
});
for (const [name, auth] of [["an unknown pid", { pid: "nobody", offset: "1" }],
  ["a pid alone", { pid: "nobody" }], ["numbers for both", { pid: 1, offset: 2 }]])
  both("recovery", `recovery with ${name}`, async (x, kind) => {
    const link = await x.link(kind);
    await link.send(`40${JSON.stringify(auth)}`);
    await link.receive(1);
  });
both("recovery", "what has no offset", async (x, kind) => {
  const link = await x.link(kind);
  await link.send("40");
  await link.receive(1);
  await link.send(`420["join","r-${kind}"]`);
  await link.receive(1);
  await link.send(`42["publish","r-${kind}","v",1,{"volatile":true}]`);
  await link.send(`42["publish","r-${kind}","e",1,{}]`);
  await link.receive(kind === "polling" ? 1 : 2);
});
client("recovery", "a cut", async (x, open, way) => {
  const c = open("ann", "/", { reconnectionDelay: 20, reconnectionDelayMax: 20,
    randomizationFactor: 0 });
  const room = `cut-${way}`;
  await c.ready();
  const { id } = c.socket;
  await c.ask("join", room);
  await x.target.publish(room, "e", 0);
  await c.until(/^event/);
  c.socket.io.engine.close();
  await c.until(/^disconnect/);
  await x.target.publish(room, "e", 1);
  c.socket.connect();
  await c.until(/^connect/, 2);
  await c.until(/^event/, 2);
  c.note(`id ${c.socket.id === id ? "kept" : "new"}`);
  await x.target.publish(room, "e", 2);
  await c.until(/^event/, 3);
});

// Running them

const running = new Map();

function pair(setup) {
  if (!running.has(setup))
    running.set(setup, Promise.all([targets.reference(setups[setup]),
      targets.pushmark(setups[setup])]));
  return running.get(setup);
}

async function transcriptOf(target, body) {
  const x = new Exchange(target);
  try {
    await body(x);
    return x.transcript();
  } catch (error) {
    error.message += `\nso far:\n${x.transcript()}`;
    throw error;
  } finally {
    await x.close();
  }
}

describe("socket.io and the server answer alike", () => {
  after(async () => {
    for (const targetPair of running.values())
      for (const target of await targetPair)
        await target.stop();
  });

  for (const [setup, name, body] of exchanges)
    test(`${setup}: ${name}`, async () => {
      const [theirs, ours] = await pair(setup);
      const expected = await transcriptOf(theirs, body);
      const actual = await transcriptOf(ours, body);
      const [, cut = (text) => text] = EQUAL_BUT.find(([, , names]) => names.includes(name)) ?? [];
      if (why(name))
        assert.notEqual(actual, expected, `no longer: ${why(name)}`);
      else if (cut(actual) !== cut(expected))
        assert.fail(`--- socket.io:\n${expected}\n--- the server:\n${actual}\n---`);
    });
});
