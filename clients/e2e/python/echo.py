# SPDX-License-Identifier: MIT
"""Debian's python3-websockets against --app echo; the URL is the argument.

Prints a line for each check that passed; an exception ends it otherwise.
"""

import asyncio
import os
import sys

import websockets

URL = sys.argv[1]
DEFLATE = sys.argv[2] == "deflate"
LIMIT = 1 << 20  # the server's --max-payload


def connect(**options):
    compression = "deflate" if DEFLATE else None
    return websockets.connect(
        URL, compression=compression, max_size=None, ping_interval=None, **options
    )


async def sizes():
    async with connect() as ws:
        assert bool(ws.extensions) == DEFLATE, ws.extensions
        for n in (0, 1, 125, 126, 127, 65535, 65536, LIMIT):
            for message in ("x" * n, os.urandom(n), bytes(n)):
                await ws.send(message)
                assert await ws.recv() == message, n
        text = "κόσμε 😀 " * 1000
        await ws.send(text)
        assert await ws.recv() == text


async def fragments():
    async with connect() as ws:
        parts = ["fragment %d, κόσμε; " % i for i in range(100)]
        await ws.send(parts)
        assert await ws.recv() == "".join(parts)

        async def slowly():
            for part in (b"a", b"", b"bc" * 1000, b"d"):
                await (await ws.ping())
                yield part

        await ws.send(slowly())
        assert await ws.recv() == b"a" + b"bc" * 1000 + b"d"


async def many():
    async with connect() as ws:

        async def feed():
            for i in range(3000):
                await ws.send("message %d" % i)

        feeding = asyncio.ensure_future(feed())
        for i in range(3000):
            assert await ws.recv() == "message %d" % i
        await feeding


async def sends_all_before_it_reads():
    async with connect(max_queue=4) as ws:
        for i in range(500):
            await ws.send(b"%06d" % i * 100)
        for i in range(500):
            assert await ws.recv() == b"%06d" % i * 100


async def pings():
    async with connect() as ws:
        for payload in (b"", b"p", bytes(range(125))):
            await asyncio.wait_for(await ws.ping(payload), 15)
        # Several under way are answered by name.
        waiting = [await ws.ping("ping %d" % i) for i in range(20)]
        await asyncio.wait_for(asyncio.gather(*waiting), 15)
        await ws.pong(b"unasked")
        await ws.send("after")
        assert await ws.recv() == "after"


async def closes():
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011,
                 1012, 1013, 1014, 3000, 4999):
        async with connect() as ws:
            await ws.close(code, "because é")
            assert ws.close_code == code, (code, ws.close_code)


async def too_big():
    async with connect() as ws:
        await ws.send(bytes(LIMIT + 1))
        try:
            await ws.recv()
        except websockets.ConnectionClosed:
            pass
        assert ws.close_code == 1009, ws.close_code


async def run():
    for check in (sizes, fragments, many, sends_all_before_it_reads, pings,
                  closes, too_big):
        await asyncio.wait_for(check(), 60)
        print(check.__name__, flush=True)


asyncio.run(run())
