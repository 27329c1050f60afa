// SPDX-License-Identifier: MIT
// pushmark-client listen --protocol sse --raw: any server's stream, as the
// WHATWG standard reads it, from the first byte to the reconnection.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { within } from "./lib/inbox.mjs";
import { drip, Origin } from "./lib/origin.mjs";
import { program, run, start } from "./lib/server.mjs";

const corpus = new URL("../../servers/wire/corpus/sse_parse_cases.json",
  import.meta.url);
const { cases } = JSON.parse(await readFile(corpus));

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
const GONE = "HTTP/1.1 204 No Content\r\n\r\n";
const AT_ONCE = 24; // clients next to each other: most wait to reconnect

const listen = (url, ...more) =>
  run("pushmark-client", ["listen", url, "--protocol", "sse", "--raw", ...more]);

// What a run printed: its events, and the waits in ms.
function printed(end) {
  const waits = end.stderr.matchAll(/; trying again in ([\d.]+) s$/gm);
  return {
    events: end.stdout.split("\n").filter(Boolean).map((line) => {
      const event = JSON.parse(line);
      assert.deepEqual(Object.keys(event), ["type", "data", "lastEventId"]);
      return event;
    }),
    waits: [...waits].map((match) => Math.round(Number(match[1]) * 1000)),
  };
}

function assertFailed(end, why) {
  assert.equal(end.code, 1, end.stderr);
  assert.match(end.stderr, /^pushmark-client: [^\n]+\n$/);
  assert.match(end.stderr, why);
}

// The bytes of an event stream, in each of the ways that they may come.
const deliveries = {
  "whole": (socket, bytes) => socket.end(Buffer.concat([
    Buffer.from(`${HEAD}Connection: close\r\n\r\n`), bytes])),
  "byte by byte": async (socket, bytes) => {
    await drip(socket, Buffer.concat([Buffer.from(`${HEAD}\r\n`), bytes]));
    socket.end();
  },
  "chunked, a byte in each": async (socket, bytes) => {
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
    for (const byte of bytes)
      socket.write(Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a]));
    socket.end("0\r\n\r\n");
  },
};

// Serves one case, then 204 to the client that comes back.
async function follow(one, deliver) {
  const requests = [];
  const origin = await Origin.start((request, socket) => {
    requests.push(request);
    if (requests.length === 1)
      deliver(socket, Buffer.from(one.input_hex, "hex"));
    else
      socket.end(GONE);
  });
  try {
    const end = await listen(`${origin.url}/stream?a=b`, "--reconnect");
    return { end, requests };
  } finally {
    origin.close();
  }
}

function assertCase(one, { end, requests }) {
  const { events, waits } = printed(end);
  assert.deepEqual(events, one.events.map(({ type, data, lastEventId }) =>
    ({ type, data, lastEventId })));
  one.events.forEach((event, i) => assert.equal(
    Buffer.from(events[i].data).toString("hex"), event.data_hex));
  assert.equal(end.code, 1, end.stderr);
  assert.match(end.stderr, /HTTP status 204/);
  assert.equal(requests.length, 2);
  for (const request of requests)
    assert.equal(request.line, "GET /stream?a=b HTTP/1.1");
  assert.ok(!("last-event-id" in requests[0].headers));
  assert.equal(requests[1].headers["last-event-id"] ?? "", one.final_last_event_id);
  assert.equal(waits.length, 1);
  if (one.final_retry === "any")
    return;
  // Drawn out by up to half; printed in tenths of a second.
  const retry = one.final_retry ?? 500;
  assert.ok(waits[0] >= retry - 50 && waits[0] <= retry * 1.5 + 50,
    `${waits[0]} ms for ${one.final_retry}`);
}

describe("the standard's cases", { concurrency: true }, () => {
  for (const [how, deliver] of Object.entries(deliveries))
    test(`${cases.length} of them, ${how}`, async () => {
      const left = [...cases];
      const wrong = [];
      assert.ok(cases.length >= 64);
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let one = left.shift(); one; one = left.shift())
          try {
            assertCase(one, await follow(one, deliver));
          } catch (error) {
            wrong.push(`${one.name}: ${error.message}`);
          }
      }));
      assert.deepEqual(wrong, []);
    });
});

describe("streams of other servers", () => {
  let origin, answer;

  before(async () => {
    origin = await Origin.start((request, socket) => answer(request, socket));
  });
  after(() => origin.close());

  // One run against answers in turn, the last of which is given for ever.
  async function against(answers, ...more) {
    const requests = [];
    answer = (request, socket) => {
      const text = answers[Math.min(requests.length, answers.length - 1)];
      requests.push(request);
      socket.end(text);
    };
    return { end: await listen(`${origin.url}/a/b?c`, ...more), requests };
  }

  const stream = (type, body = "data: 1\n\n") =>
    `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n\r\n${body}`;
  const one = [{ type: "message", data: "1", lastEventId: "" }];

  test("the request is that of a browser, without compression", async () => {
    const { requests: [request] } = await against([stream("text/event-stream")]);
    assert.equal(request.headers.accept, "text/event-stream");
    assert.equal(request.headers["cache-control"], "no-store");
    assert.equal(request.headers.host, `127.0.0.1:${origin.port}`);
    assert.ok(!("accept-encoding" in request.headers));
    assert.ok(!("last-event-id" in request.headers));
  });

  for (const type of ["text/event-stream", "Text/Event-Stream", "text/event-stream;charset=utf-8",
    "text/event-stream ; charset=ISO-8859-1; x=\"y\"", "text/event-stream;", "\ttext/event-stream\t"])
    test(`the type ${JSON.stringify(type)} is an event stream`, async () => {
      const { end } = await against([stream(type, "data: 1\n\ndata: \xe9\n\n")]);
      assert.deepEqual(printed(end).events[0], one[0]);
      assert.equal(printed(end).events[1].data, "\xe9", "always UTF-8");
    });

  for (const type of ["text/html", "text/event-streams", "text/event-stream2; charset=utf-8",
    "text/event", "application/json", "x; text/event-stream", ""])
    test(`the type ${JSON.stringify(type)} is an error, and final`, async () => {
      const { end, requests } = await against([stream(type)], "--reconnect");
      assertFailed(end, /event stream/);
      assert.equal(end.stdout, "");
      assert.equal(requests.length, 1);
    });

  test("no type at all is an error", async () => {
    const { end } = await against(["HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n"]);
    assertFailed(end, /event stream/);
    assert.equal(end.stdout, "");
  });

  test("a stream that is compressed, unasked, is an error", async () => {
    const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
      + "Content-Encoding: gzip\r\n\r\n";
    const { end } = await against([Buffer.concat([
      Buffer.from(head), gzipSync("data: 1\n\n")])]);
    assertFailed(end, /encodes/);
    assert.equal(end.stdout, "");
  });

  for (const status of [204, 205, 400, 401, 403, 404, 410])
    test(`${status} ends it, though it would come back`, async () => {
      const { end, requests } = await against(
        [`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`], "--reconnect");
      assertFailed(end, new RegExp(`HTTP status ${status}`));
      assert.equal(requests.length, 1);
    });

  test("503 and a server that is away are tried again, with the id", async () => {
    const busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    const first = stream("text/event-stream", "retry: 0\nid: 7 é\ndata: 1\n\ndata: cut");
    const { end, requests } = await against([first, busy, "", GONE], "--reconnect");
    assert.equal(requests.length, 4);
    for (const request of requests.slice(1))
      assert.equal(request.headers["last-event-id"], "7 é");
    assert.deepEqual(printed(end).events,
      [{ type: "message", data: "1", lastEventId: "7 é" }]);
    assert.match(end.stderr, /HTTP status 204/);
  });

  test("an empty id is sent no more", async () => {
    const { requests } = await against([
      stream("text/event-stream", "retry: 0\nid: 7\n\n"),
      stream("text/event-stream", "id\n\n"), GONE], "--reconnect");
    assert.equal(requests[1].headers["last-event-id"], "7");
    assert.ok(!("last-event-id" in requests[2].headers));
  });

  test("the id before the cut counts, whatever comes without one", async () => {
    const { end, requests } = await against([
      stream("text/event-stream", "retry: 0\nid: 7\ndata: 1\n\nid: 8\ndata: 2\n"),
      stream("text/event-stream", "data: 3\n\n"), GONE], "--reconnect");
    assert.deepEqual(requests.map((r) => r.headers["last-event-id"]),
      [undefined, "7", "7"]);
    assert.deepEqual(printed(end).events.map((e) => [e.data, e.lastEventId]),
      [["1", "7"], ["3", "7"]]);
  });

  test("without --reconnect the end of the stream is the end, told", async () => {
    const { end, requests } = await against([stream("text/event-stream")]);
    assert.deepEqual(printed(end).events, one);
    assertFailed(end, /ended the stream/);
    assert.equal(requests.length, 1);
  });

  test("--count ends it after so many events, with success", async () => {
    const { end } = await against([stream("text/event-stream",
      "event: a\ndata: 1\n\n: 2\n\ndata\n\ndata: 3\n\n")], "--count", "2");
    assert.equal(end.code, 0, end.stderr);
    assert.deepEqual(printed(end).events.map((e) => e.data), ["1", ""]);
  });

  test("HTTP/1.0, and HTTP/1.1 with a length", async () => {
    const body = "data: 1\n\n";
    for (const head of [
      "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
      "HTTP/1.0 200\r\ncontent-type:text/event-stream\r\nConnection: keep-alive\r\n\r\n",
      `${HEAD}Content-Length: ${body.length}\r\n\r\n`,
      `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${HEAD}\r\n`,
    ])
      assert.deepEqual(printed((await against([head + body])).end).events, one, head);
  });

  test("what is not HTTP is an error", async () => {
    for (const text of ["data: 1\n\n", "HTTP/2 200 OK\r\n\r\n", `HTTP/1.1 200 OK\n\n`,
      `${HEAD}Transfer-Encoding: gzip\r\n\r\n`])
      assertFailed((await against([text])).end, /not HTTP|ended/);
  });

  test("control characters and quotes are escaped, U+2028 is not data's end", async () => {
    const data = "\"\\ \u0001\u001b[0m\u007f\u2028\u0085\u0000\ud83d\ude00";
    const { end } = await against([stream("text/event-stream", `event: "\ndata: ${data}\n\n`)]);
    assert.equal(end.stdout.split("\n").length, 2);
    assert.deepEqual(printed(end).events, [{ type: "\"", data, lastEventId: "" }]);
    assert.doesNotMatch(end.stdout, /[\u0000-\u0009\u000b-\u001f]/);
  });

  test("an event of a megabyte, and 20,000 small ones", async () => {
    const data = "x".repeat(1 << 20);
    const small = Array.from({ length: 20000 }, (_, i) => `id: ${i}\ndata: ${i}\n\n`);
    const { end } = await against([stream("text/event-stream",
      `data: ${data}\n\n${small.join("")}`)]);
    const { events } = printed(end);
    assert.equal(events[0].data, data);
    assert.deepEqual(events.slice(1).map((e) => e.data), small.map((_, i) => String(i)));
    assert.equal(events.at(-1).lastEventId, "19999");
  });

  test("each event is printed when it comes", async () => {
    let socket;
    answer = (request, s) => {
      socket = s;
      socket.write(`${HEAD}\r\ndata: 1\n\n`);
    };
    const r = start(program("pushmark-client"),
      ["listen", origin.url, "--protocol", "sse", "--raw"]);
    const line = () => within("a line", new Promise((resolve) =>
      r.child.stdout.once("data", resolve)));
    assert.equal(JSON.parse(await line()).data, "1");
    const second = line();
    socket.write("data: 2\n\n");
    assert.equal(JSON.parse(await second).data, "2");
    r.child.kill("SIGTERM");
    assert.equal((await within("the end", r.closed)).code, 0);
  });
});

describe("redirects", () => {
  let elsewhere, origin, requests, answer;

  before(async () => {
    elsewhere = await Origin.start((request, socket) => answer(request, socket, elsewhere));
    origin = await Origin.start((request, socket) => answer(request, socket, origin));
  });
  after(() => {
    origin.close();
    elsewhere.close();
  });

  // `places` maps targets to a Location, or to true for the stream.
  async function through(places, status = 307, ...more) {
    requests = [];
    answer = (request, socket, server) => {
      const place = places[request.target];
      requests.push([server === origin ? "here" : "there", request.target, request.headers]);
      if (place === true)
        socket.end(`${HEAD}\r\nid: 5\nretry: 0\ndata: 1\n\n`);
      else if (place === undefined)
        socket.end(GONE);
      else
        socket.end(`HTTP/1.1 ${status} Moved\r\n${place === null ? "" : `Location: ${place}\r\n`}`
          + "Content-Type: text/event-stream\r\n\r\ndata: not this\n\n");
    };
    const end = await listen(`${origin.url}/a/b?c`, ...more);
    const seen = requests.map(([where, target]) => `${where} ${target}`);
    return { end, seen, data: printed(end).events.map((e) => e.data) };
  }

  for (const status of [301, 302, 303, 307, 308])
    test(`${status} is followed to another origin`, async () => {
      const { seen, data } = await through(
        { "/a/b?c": `${elsewhere.url}/s?room=x#y`, "/s?room=x": true }, status);
      assert.deepEqual(seen, ["here /a/b?c", "there /s?room=x"]);
      assert.deepEqual(data, ["1"]);
      assert.equal(requests[1][2].host, `127.0.0.1:${elsewhere.port}`);
    });

  for (const [location, target] of [["/x?y", "/x?y"], ["x", "/a/x"], ["?z", "/a/b?z"],
    ["./x/../y/.", "/a/y/"], ["../../x", "/x"], ["..", "/"], ["x:y/../z?../q", null],
    ["//HOST/x", "/x"]])
    test(`a location as ${location}`, async () => {
      const places = { "/a/b?c": location.replace("HOST", `127.0.0.1:${origin.port}`) };
      if (target === null) {
        assertFailed((await through(places)).end, /redirects/);
        return;
      }
      places[target] = true;
      const { seen, data } = await through(places);
      assert.deepEqual(seen, ["here /a/b?c", `here ${target}`]);
      assert.deepEqual(data, ["1"]);
    });

  test("after the stream was lost, the first place is asked again, with the id", async () => {
    const places = { "/a/b?c": `${elsewhere.url}/s`, "/s": true };
    const stopping = through(places, 307, "--reconnect");
    const told = answer;
    answer = (request, socket, server) => {
      if (requests.length === 3)
        places["/s"] = undefined;
      told(request, socket, server);
    };
    const { seen, end } = await stopping;
    assert.deepEqual(seen, ["here /a/b?c", "there /s", "here /a/b?c", "there /s"]);
    assert.deepEqual(requests.map(([, , headers]) => headers["last-event-id"]),
      [undefined, undefined, "5", "5"]);
    assert.match(end.stderr, /HTTP status 204/);
  });

  test("twenty are followed and no more", async () => {
    const places = Object.fromEntries(Array.from({ length: 25 }, (_, i) =>
      [i === 0 ? "/a/b?c" : `/${i}`, `/${i + 1}`]));
    const { end, seen } = await through({ ...places, "/20": true });
    assert.equal(seen.length, 21);
    assert.equal(end.stdout.split("\n").length, 2);
    const far = await through(places, 302, "--reconnect");
    assertFailed(far.end, /redirects again and again/);
    assert.equal(far.seen.length, 21);
  });

  for (const location of ["https://127.0.0.1/", "ws://127.0.0.1/", "javascript:1",
    "http://user@127.0.0.1/", "http://127.0.0.1:99999/", "http:///x", "/\u00e9", "/a b"])
    test(`a location as ${location} is an error, and final`, async () => {
      assertFailed((await through({ "/a/b?c": location }, 302, "--reconnect")).end,
        /redirects to what is no/);
    });

  test("a place that refuses connections is tried again from the first", async () => {
    const closed = await Origin.start(() => {});
    closed.close();
    const places = { "/a/b?c": `${closed.url}/s` };
    const r = through(places);
    assertFailed((await r).end, /cannot connect/);
  });

  for (const [what, status, location] of [["without a location", 302, null],
    ["with an empty one", 302, ""], ["of 300", 300, "/x"], ["of 304", 304, "/x"]])
    test(`a redirect ${what} is an error`, async () => {
      assertFailed((await through({ "/a/b?c": location, "/x": true }, status)).end,
        new RegExp(`HTTP status ${status}`));
    });
});
