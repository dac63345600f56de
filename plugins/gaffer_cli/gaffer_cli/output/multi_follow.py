"""The output of all selected processes, in one stream."""

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
from gaffer_cli.output.records import Note, OutputRecord
from gaffer_cli.output.retry import retry
from gaffer_cli.output.selection import Selection

MAX_QUEUED = 1000
"""Lines queued for printing. More of them are queued in gafferd, which drops the oldest."""

MAX_FOLLOWED = 200
"""Processes followed at a time: each uses one of the 512 connections that gafferd accepts."""


class _Ended(NamedTuple):
    """The end of a follower; `is_replaced` if another process has the pid now."""

    pid: int
    is_replaced: bool


class MultiFollower:
    """Iterates over the output of the selected processes, and of those started later.

    A lost connection is retried for as long as it takes; only an error ends the iteration.

    Args:
        server: the client of gafferd.
        selection: the processes.
        on_lost: called when a connection is lost, in another thread.
    """

    def __init__(self, server: Server, selection: Selection, on_lost: OnLost) -> None:
        self._server = server
        self._selection = selection
        self._queue: Queue[OutputRecord | Note | Event | _Ended | Exception] = Queue(MAX_QUEUED)
        self._followed: set[int] = set()
        self._left_out = False
        # Subscribed before the processes are listed, so that no spawn is missed.
        self._events = server.events("spawn", reconnect_timeout=math.inf, on_lost=on_lost)

    @property
    def is_drained(self) -> bool:
        """Whether nothing is queued."""
        return self._queue.empty()

    def __iter__(self) -> Iterator[OutputRecord | Note]:
        self._start_thread(self._queue_events)
        self._follow_all(self._selection.pids_to_read)
        while True:
            if self._left_out:
                yield Note(f"only {MAX_FOLLOWED} processes are followed at a time", once=True)
            match self._queue.get():
                case Exception() as error:
                    raise error
                case Event() as event:
                    self._handle_event(event)
                case _Ended() as ended:
                    self._forget(ended)
                case record:
                    yield record

    def _start_thread(self, work: Callable[[], None]) -> None:
        # A daemon thread, so that the exit of the program does not wait for it.
        Thread(target=self._run, args=[work], daemon=True).start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001
            # Raised by the iteration.
            self._queue.put(error)

    def _queue_events(self) -> None:
        for event in self._events:
            self._queue.put(event)

    def _handle_event(self, event: Event) -> None:
        if event.is_gap:
            self._follow_all(self._selection.pids)
        elif event.pid is not None and self._selection.includes(event.session, event.job):
            self._follow(event.pid)

    def _follow_all(self, pids: Callable[[], list[int]]) -> None:
        for pid in retry(pids):
            self._follow(pid)

    def _follow(self, pid: int) -> None:
        if pid in self._followed:
            return
        if len(self._followed) >= MAX_FOLLOWED:
            self._left_out = True
            return
        self._followed.add(pid)
        self._start_thread(partial(self._run_follower, pid))

    def _run_follower(self, pid: int) -> None:
        follower = Follower(self._server.process(pid), self._queue.put)
        self._queue.put(_Ended(pid, follower.run()))

    def _forget(self, ended: _Ended) -> None:
        self._followed.discard(ended.pid)
        if ended.is_replaced or self._left_out:
            self._left_out = False
            self._follow_all(self._selection.pids)
