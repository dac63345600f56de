"""SIGTERM stops gafferd soon and cleanly, whatever its clients do."""

import signal
import time
from contextlib import AsyncExitStack
from functools import partial

import pytest
import trio
from trio_websocket import ConnectionClosed

SOON = 2.0
"""Seconds."""
TRIES = 3

INI = """
[process:cat]
cmd = cat
redirect_output = out
redirect_input = true

[process:flood]
cmd = yes 0123456789
redirect_output = out
"""
KINDS = ("longpoll", "continuous", "eventsource")
FEEDS = ("/streams/1/out", "/watch/restart", "/stats", "/stats/cat", "/pids/1/stats")
ENOUGH = 30_000_000
"""Bytes of output that fill the buffers to a client that does not read."""


async def closes(websocket, code):
    """Read to the end."""
    with pytest.raises(ConnectionClosed):
        await drained(websocket)
    assert websocket.closed.code == code


async def drained(websocket):
    while True:
        await websocket.get_message()


async def open_feeds(connect):
    """Open feeds of every kind; each must end like a complete response."""
    ends = []
    for path in FEEDS:
        for kind in KINDS:
            client = await connect()
            assert (await client.follow(f"{path}?feed={kind}")).status == 200
            ends.append(client.rest)
    return ends


async def open_idle(connect):
    """Open connections without a request; each must be closed."""
    ends = []
    for path in ("/ping", "/nothing", "/stats"):
        client = await connect()
        await client.ask("GET", path)
        ends.append(client.closed)
    return ends


async def open_stalled(connect):
    """Open clients that do not read a flood; they may end in any way."""
    for kind in ("continuous", "eventsource"):
        await (await connect()).follow(f"/streams/2/out?feed={kind}")
    reader = await connect()
    await reader.follow("/streams/2/out?feed=continuous")
    got = 0
    while got < ENOUGH:
        got += len(await reader.more())
    return [reader.rest]


CLIENTS = [open_feeds, open_idle, open_stalled]
"""Functions that open connections and return functions that wait for their proper ends."""


async def end_with_clients(daemon):
    """Return the seconds that gafferd takes after SIGTERM with clients of every kind."""
    async with AsyncExitStack() as stack:

        async def connect():
            return await stack.enter_async_context(daemon.client())

        ends = [end for opened in CLIENTS for end in await opened(connect)]
        # Processes stop before the API closes.
        for path, code in (("/wstreams/1", 1000), ("/channel", 1012), ("/channel", 1012)):
            websocket = await stack.enter_async_context(daemon.websocket(path))
            ends.append(partial(closes, websocket, code))
        await websocket.send_message('{"event": "SUB", "data": {"topic": "STREAM:2"}}')
        async with trio.open_nursery() as nursery:
            for end in ends:
                nursery.start_soon(end)
            before = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            while daemon.process.poll() is None:
                await trio.sleep(0.01)
            return time.monotonic() - before


async def test_connected_clients_do_not_delay_sigterm(gafferd):
    times = []
    # It takes about half of that, but a busy machine can delay it.
    while not times or (times[-1] >= SOON and len(times) < TRIES):
        with gafferd("http", "stats", ini=INI) as daemon:
            await daemon.spawned(1, 2)
            times.append(await end_with_clients(daemon))
            assert daemon.process.returncode == 0
    assert min(times) < SOON
