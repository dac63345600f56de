"""Malformed responses: a message with status 2xx is not sent again, and nothing blocks."""

from contextlib import asynccontextmanager

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_webhooks import sender

from .conftest import publish

CLOSE = None
"""In place of bytes: close the connection. Otherwise it stays open and idle."""


class RawReceiver:
    """A server that sends the same bytes in response to each message on a connection.

    Attributes:
        url: its URL.
        messages, connections: how many messages came, over how many connections.
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
                    # A message ends with the brace of the event.
                    if got.endswith(b"}"):
                        self.messages += 1
                        got = b""
                        for part in self.answer:
                            if part is CLOSE:
                                return
                            await stream.send_all(part)
            except trio.BrokenResourceError:
                pass  # The client closed the connection.


@asynccontextmanager
async def receiving(posting, *answer, tries=1000):
    receiver = RawReceiver(*answer)
    async with receiver.up(), posting(f"tries = {tries}\ntick = {receiver.url}") as kernel:
        yield receiver, kernel


def hook(kernel):
    [found] = kernel.services["webhooks"].list()
    return found


async def check_delivered_once(receiver, kernel, count):
    """Post a number of messages, and check that each is sent once."""
    publish(kernel, count)
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
async def test_broken_body_after_2xx_counts_as_delivered(posting, fast, answer):
    async with receiving(posting, *answer) as (receiver, kernel):
        await check_delivered_once(receiver, kernel, 3)


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nforever",
    ],
)
async def test_unfinished_body_is_read_until_timeout_only(posting, fast, monkeypatch, begun):
    monkeypatch.setattr(sender, "READ_TIMEOUT", 0.05)
    async with receiving(posting, begun) as (receiver, kernel):
        await check_delivered_once(receiver, kernel, 3)
        assert receiver.connections == 3


async def test_connection_is_reused_after_chunked_response(posting, fast):
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    async with receiving(posting, answer) as (receiver, kernel):
        await check_delivered_once(receiver, kernel, 5)
        assert receiver.connections == 1


async def test_endless_body_is_not_read_to_its_end(posting, fast):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    async with receiving(posting, head, *[chunk] * 2000) as (receiver, kernel):
        await check_delivered_once(receiver, kernel, 3)


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
async def test_invalid_response_is_failed_try_with_short_reason(
    posting, fast, monkeypatch, caplog, answer
):
    monkeypatch.setattr(sender, "TOTAL_TIMEOUT", 0.3)
    async with receiving(posting, *answer, tries=2) as (_, kernel):
        publish(kernel, 1)
        await until(lambda: hook(kernel).dead)
        [message] = kernel.services["webhooks"].dead(hook(kernel).id)
        assert message.tries == 2
        assert message.reason.isprintable()
        assert len(message.reason) < 250
    assert "Traceback" not in caplog.text
