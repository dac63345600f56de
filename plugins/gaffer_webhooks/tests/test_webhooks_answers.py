"""Receivers that answer strangely: what has been taken is not sent again, and nobody waits."""

from contextlib import asynccontextmanager

import pytest
import trio
from tests.waiting import until

from gaffer_webhooks import sender

from .conftest import happen

CLOSE = None
"""In place of bytes: the end of the connection; else it stays, and silent."""


class Strange:
    """Answers each message on a connection with the same bytes.

    Attributes:
        url, messages, connections: where it is; how many came, over how many connections.
    """

    def __init__(self, *answer):
        self.answer = answer
        self.messages = self.connections = 0

    @asynccontextmanager
    async def up(self):
        async with trio.open_nursery() as nursery:
            [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/"
            await nursery.start(trio.serve_listeners, self._serve, [listener])
            yield self
            nursery.cancel_scope.cancel()

    async def _serve(self, stream):
        self.connections += 1
        got = b""
        async with stream:
            try:
                while more := await stream.receive_some():
                    got += more
                    # The last thing in an event is its time.
                    if got.endswith(b"}"):
                        self.messages += 1
                        got = b""
                        for part in self.answer:
                            if part is CLOSE:
                                return
                            await stream.send_all(part)
            except trio.BrokenResourceError:
                pass  # The other side has had enough.


@asynccontextmanager
async def strange(posting, *answer, tries=1000):
    receiver = Strange(*answer)
    async with receiver.up(), posting(f"tries = {tries}\ntick = {receiver.url}") as kernel:
        yield receiver, kernel


def hook(kernel):
    [found] = kernel.services["webhooks"].list()
    return found


async def all_taken(receiver, kernel, count):
    """Post so many messages, and see that each is sent once."""
    happen(kernel, count)
    await until(lambda: receiver.messages >= count and hook(kernel).waiting == 0)
    assert (hook(kernel).dead, hook(kernel).failing) == (0, None)
    assert receiver.messages == count


@pytest.mark.parametrize(
    "answer",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", CLOSE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", CLOSE),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", CLOSE),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",),
        (b"HTTP/1.1 202 \xff\xfe\r\nContent-Length: 0\r\n\r\n",),
    ],
)
async def test_a_message_is_taken_whatever_is_wrong_with_the_rest_of_the_answer(
    posting, fast, answer
):
    async with strange(posting, *answer) as (receiver, kernel):
        await all_taken(receiver, kernel, 3)


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nfor ever",
    ],
)
async def test_nobody_waits_long_for_the_rest_of_an_answer(posting, fast, monkeypatch, begun):
    monkeypatch.setattr(sender, "READ_TIMEOUT", 0.05)
    async with strange(posting, begun) as (receiver, kernel):
        await all_taken(receiver, kernel, 3)
        assert receiver.connections == 3


async def test_a_connection_is_used_again_after_an_answer_in_chunks(posting, fast):
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    async with strange(posting, answer) as (receiver, kernel):
        await all_taken(receiver, kernel, 5)
        assert receiver.connections == 1


async def test_an_answer_without_an_end_is_not_read_on(posting, fast):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    async with strange(posting, head, *[chunk] * 2000) as (receiver, kernel):
        await all_taken(receiver, kernel, 3)


@pytest.mark.parametrize(
    "answer",
    [
        (CLOSE,),
        (b"HTTP/1.1 ",),
        (b"nonsense\r\n\r\n",),
        (b"SSH-2.0-OpenSSH_9.6\r\n",),
        (b"HTTP/1.1 999999 OK\r\n\r\n", CLOSE),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 40_000,),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
        (b"\xff\x00" * 1000, CLOSE),
    ],
)
async def test_what_is_no_answer_is_a_failed_try_told_in_a_line(
    posting, fast, monkeypatch, caplog, answer
):
    monkeypatch.setattr(sender, "TOTAL_TIMEOUT", 0.3)
    async with strange(posting, *answer, tries=2) as (_, kernel):
        happen(kernel, 1)
        await until(lambda: hook(kernel).dead)
        [letter] = kernel.services["webhooks"].dead(hook(kernel).id)
        assert letter.tries == 2
        assert letter.reason.isprintable()
        assert len(letter.reason) < 250
    assert "Traceback" not in caplog.text
