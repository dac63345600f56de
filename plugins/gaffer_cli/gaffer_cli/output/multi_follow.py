"""What all chosen processes write, in one stream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from queue import Queue
from threading import Thread
from typing import NamedTuple

from gaffer_client import Event, Server
from gaffer_client.feeds.events import OnLost

from gaffer_cli.output.follower import Follower
from gaffer_cli.output.records import Note, Told
from gaffer_cli.output.retry import patiently
from gaffer_cli.output.selection import Chosen

MOST = 1000
"""Lines that wait to be printed. More of them wait at gafferd, which drops the oldest."""

MAX_FOLLOWED = 200
"""Processes at a time: each takes one of the 512 connections that gafferd has for everybody."""


class _Ended(NamedTuple):
    """A process is not followed any more; perhaps because its pid is another one's now."""

    pid: int
    is_replaced: bool


class Following:
    """What the chosen processes write, and those that are started later: loop over it.

    A lost connection is made again, for as long as it takes; the loop ends only with an error.

    Args:
        server: has them.
        chosen: which.
        on_lost: called when a connection is lost, in another thread.
    """

    def __init__(self, server: Server, chosen: Chosen, on_lost: OnLost) -> None:
        self._server = server
        self._chosen = chosen
        self._queue: Queue[Told | Note | Event | _Ended | Exception] = Queue(MOST)
        self._followed: set[int] = set()
        self._left_out = False
        # Before anybody looks at what is there, so that no process comes unnoticed.
        self._events = server.events("spawn", reconnect_timeout=math.inf, on_lost=on_lost)

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to tell just now."""
        return self._queue.empty()

    def __iter__(self) -> Iterator[Told | Note]:
        self._begin(self._hear)
        self._look(self._chosen.pids_to_read)
        while True:
            if self._left_out:
                yield Note(f"only {MAX_FOLLOWED} processes are followed at a time", once=True)
            match self._queue.get():
                case Exception() as error:
                    raise error
                case Event() as event:
                    self._take(event)
                case _Ended() as ended:
                    self._forget(ended)
                case told:
                    yield told

    def _begin(self, work: Callable[[], None]) -> None:
        # Daemons: whoever is done with the loop waits for none of them.
        Thread(target=self._run, args=[work], daemon=True).start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001
            # Raised by the loop.
            self._queue.put(error)

    def _hear(self) -> None:
        for event in self._events:
            self._queue.put(event)

    def _take(self, event: Event) -> None:
        if event.is_gap:
            self._look(self._chosen.pids)
        elif event.pid is not None and self._chosen.admits(event.session, event.job):
            self._follow(event.pid)

    def _look(self, pids: Callable[[], list[int]]) -> None:
        for pid in patiently(pids):
            self._follow(pid)

    def _follow(self, pid: int) -> None:
        if pid in self._followed:
            return
        if len(self._followed) >= MAX_FOLLOWED:
            self._left_out = True
            return
        self._followed.add(pid)
        self._begin(partial(self._tell, pid))

    def _tell(self, pid: int) -> None:
        follower = Follower(self._server.process(pid), self._queue.put)
        self._queue.put(_Ended(pid, follower.run()))

    def _forget(self, ended: _Ended) -> None:
        self._followed.discard(ended.pid)
        if ended.is_replaced or self._left_out:
            self._left_out = False
            self._look(self._chosen.pids)
