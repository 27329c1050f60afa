# SPDX-License-Identifier: MIT
"""Debian's python3-websockets with the raw dialect; the URL is the argument.

Prints a line for each check that passed; an exception ends it otherwise.
"""

import asyncio
import json
import sys

import websockets

URL = sys.argv[1]
DEFLATE = sys.argv[2] == "deflate"


def connect(query="", **options):
    compression = "deflate" if DEFLATE else None
    return websockets.connect(URL + query, compression=compression, **options)


async def receive(ws, kind):
    """The next object of that type; others are passed over."""
    while True:
        message = json.loads(await ws.recv())
        if message["type"] == kind:
            return message


async def fan_out():
    sockets = [await connect("?room=a") for _ in range(5)]
    for ws in sockets:
        await receive(ws, "welcome")
    data = {"text": "κόσμε " * 200, "list": list(range(100))}
    for i in range(20):
        publish = {"type": "publish", "id": i, "room": "a", "event": "e",
                   "data": data}
        await sockets[0].send(json.dumps(publish))
    for ws in sockets:
        for i in range(20):
            message = await receive(ws, "message")
            assert message["seq"] == i + 1 and message["data"] == data
    for ws in sockets:
        await ws.close()


async def subprotocol():
    async with connect(subprotocols=["x", "pushmark.v1"]) as ws:
        assert ws.subprotocol == "pushmark.v1", ws.subprotocol
    async with connect(subprotocols=["x"]) as ws:
        assert ws.subprotocol is None, ws.subprotocol


async def heartbeat():
    """The server's pings are answered, and ours by the server."""
    async with connect(ping_interval=0.1, ping_timeout=5) as ws:
        await receive(ws, "welcome")
        await asyncio.sleep(1)
        await ws.send('{"type":"join","id":1,"room":"b"}')
        assert (await receive(ws, "ack"))["id"] == 1


async def faults():
    async with connect() as ws:
        await receive(ws, "welcome")
        await ws.send("no JSON")
        assert (await receive(ws, "error"))["payload"] == "Invalid JSON"
        await ws.send('{"type":"join","id":"x","room":""}')
        assert (await receive(ws, "error"))["id"] == "x"
        await ws.send('{"type":"join","id":2,"room":"b"}')
        assert (await receive(ws, "ack"))["id"] == 2


async def refused():
    try:
        async with connect("?nsp=/private"):
            raise AssertionError("it was let in")
    except websockets.exceptions.InvalidStatusCode as e:
        assert e.status_code == 403, e


async def run():
    for check in (fan_out, subprotocol, heartbeat, faults, refused):
        await asyncio.wait_for(check(), 60)
        print(check.__name__, flush=True)


asyncio.run(run())
