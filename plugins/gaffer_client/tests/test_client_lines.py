"""Tests of feeds of output lines."""

import time

import pytest
import trio

from gaffer_client import AsyncServer, ConnectionLostError, Line, NotFoundError
from gaffer_client.errors import NotGafferError

from .conftest import do, opened

OUT = {"redirect_output": ["out", "err"], "redirect_input": True}
SCRIPT = "sh -c 'read go; echo one; echo; echo two; sleep 0.2; echo three >&2; read go'"


async def start_script(server, cmd=SCRIPT):
    job = await do(server.add_process, "talk", cmd, numprocesses=0, **OUT)
    return await do(job.commit, wait=10)


async def test_lines_of_all_outputs_until_exit(server):
    process = await start_script(server)
    async with opened(process.lines) as lines:
        await do(process.write, b"go\n")
        got = [await lines.next() for _ in range(4)]
        assert got == [
            Line("out", "one"),
            Line("out", ""),
            Line("out", "two"),
            Line("err", "three"),
        ]
        await do(process.write, b"go\n")
        with pytest.raises((StopIteration, StopAsyncIteration, RuntimeError)):
            await lines.next()


async def test_lines_of_one_output(server):
    process = await start_script(server)
    async with opened(process.lines, "err") as lines:
        await do(process.write, b"go\n")
        assert await lines.next() == Line("err", "three")


async def test_unknown_output_or_process_raises(server):
    process = await start_script(server)
    with pytest.raises(NotFoundError):
        async with opened(process.lines, "log"):
            pass
    with pytest.raises(NotFoundError):
        async with opened(server.process(99).lines):
            pass


async def test_lost_connection_raises(connect, proxy):
    server = connect(proxy.url)
    process = await start_script(server)
    async with opened(process.lines) as lines:
        proxy.cut()
        with pytest.raises(ConnectionLostError):
            await lines.next()


async def test_lost_bytes_are_reported(connect, answering):
    messages = b'event: gap\ndata: {"label": "out", "lost": 12}\n\nevent: out\ndata: x\n\n'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n"
    server = connect(await answering(head % len(messages) + messages))
    async with opened(server.process(1).lines) as lines:
        assert [await lines.next(), await lines.next()] == [
            Line("out", "", lost=12),
            Line("out", "x"),
        ]


async def test_lines_have_the_time_at_which_gafferd_read_them(server):
    before = time.time()
    process = await start_script(server)
    async with opened(process.lines, times=True) as lines:
        await do(process.write, b"go\n")
        times = [(await lines.next()).time for _ in range(4)]
    assert before <= times[0] <= times[2] <= times[3] - 0.1
    async with opened(process.lines, tail=True, follow=False, times=True) as lines:
        assert [(await lines.next()).time for _ in range(4)] == times
    async with opened(process.lines, tail=True) as lines:
        assert (await lines.next()).time is None


async def test_invalid_time_is_reported(connect, answering):
    message = b"event: time\ndata: soon\n\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n"
    server = connect(await answering(head % len(message) + message))
    async with opened(server.process(1).lines) as lines:
        with pytest.raises(NotGafferError, match="time: 'soon'"):
            await lines.next()


async def test_iteration_after_cancelled_wait_raises(url):
    async with AsyncServer(url) as server:
        process = await start_script(server)
        async with process.lines() as lines:
            with trio.move_on_after(0.05):
                await anext(lines)
            with pytest.raises(ConnectionLostError, match="cancelled"):
                await anext(lines)
        with pytest.raises(RuntimeError):
            await anext(lines)


async def test_tail_sends_kept_lines_first_or_alone(server):
    process = await start_script(server)
    async with opened(process.lines) as lines:
        await do(process.write, b"go\n")
        while (await lines.next()).text != "three":
            pass
    async with opened(process.lines, "out", tail=True) as lines:
        assert [(await lines.next()).text for _ in range(3)] == ["one", "", "two"]
    async with opened(process.lines, "err", follow=False) as lines:
        assert await lines.next() == Line("err", "three")
        with pytest.raises((StopIteration, StopAsyncIteration, RuntimeError)):
            await lines.next()
