"""The poller: it goes on when the system has no watch or no memory left for a moment."""

import errno
import os
import select

import pytest
import trio

from gaffer_kernel.linux.poller import Poller


class ScarceEpoll:
    """An epoll whose first registrations fail, as with too few max_user_watches."""

    failures = 2

    def __init__(self):
        self._epoll = EPOLL()

    def register(self, fd, mask):
        if ScarceEpoll.failures:
            ScarceEpoll.failures -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._epoll.register(fd, mask)

    def __getattr__(self, name):
        return getattr(self._epoll, name)


EPOLL = select.epoll


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


async def test_a_descriptor_without_a_free_watch_is_watched_later(pipe, monkeypatch, caplog):
    monkeypatch.setattr(select, "epoll", ScarceEpoll)
    poller = Poller()
    reader, writer = pipe
    was_read = trio.Event()

    def read():
        was_read.set()
        return len(os.read(reader, 10))

    poller.add(reader, read)
    os.write(writer, b"x")
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(poller.run)
            await was_read.wait()
            nursery.cancel_scope.cancel()
    poller.remove(reader)
    poller.close()
    assert caplog.text.count("No space left on device") == 1


async def test_a_descriptor_can_be_removed_while_it_waits_for_a_watch(pipe, monkeypatch):
    monkeypatch.setattr(select, "epoll", ScarceEpoll)
    ScarceEpoll.failures = 1
    poller = Poller()
    poller.add(pipe[0], lambda: 0)
    poller.remove(pipe[0])
    poller.close()


async def test_a_handler_without_memory_is_called_again(pipe):
    poller = Poller()
    reader, writer = pipe
    was_read = trio.Event()
    errors = [OSError(errno.ENOMEM, "no memory"), MemoryError()]

    def read():
        if errors:
            raise errors.pop()
        was_read.set()
        return len(os.read(reader, 10))

    poller.add(reader, read)
    os.write(writer, b"x")
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(poller.run)
            await was_read.wait()
            nursery.cancel_scope.cancel()
    poller.close()
