"""The output of all selected processes, in one stream."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from queue import Empty, Queue
from threading import Thread
from typing import NamedTuple

from gaffer_client import Event, Server
from gaffer_client.feeds.events import OnLost

from gaffer_cli.output.follower import Follower
from gaffer_cli.output.merge import merge_by_time
from gaffer_cli.output.records import Connected, Note, OutputRecord
from gaffer_cli.output.retry import retry
from gaffer_cli.output.selection import Selection

MAX_QUEUED = 1000
"""Lines queued for printing. More of them are queued in gafferd, which drops the oldest."""

OLD_TIMEOUT = 2.0
"""Seconds to wait at most for the stored lines, which are sorted before they are shown."""

QUIET = 0.2
"""Seconds without another line after which the stored lines are complete."""

MAX_STORED = 100_000
"""Stored lines that are sorted."""

MAX_FOLLOWED = 200
"""Processes followed at a time: each uses one of the 512 connections that gafferd accepts."""


class _Ended(NamedTuple):
    """The end of a follower; `is_replaced` if another process has the pid now."""

    pid: int
    is_replaced: bool


_Queued = OutputRecord | Note | Connected | Event | _Ended | Exception


class MultiFollower:
    """Iterates over the output of the selected processes, and of those started later.

    A lost connection is retried for as long as it takes; only an error ends the iteration.

    Args:
        server: the client of gafferd.
        selection: the processes.
        on_lost: called when a connection is lost, in another thread.
        on_drained: called before the iteration waits because nothing is queued.
        limit: how many stored lines to begin with, the last ones; None for all.
    """

    def __init__(
        self,
        server: Server,
        selection: Selection,
        on_lost: OnLost,
        on_drained: Callable[[], None],
        limit: int | None = None,
    ) -> None:
        self._on_drained = on_drained
        self._limit = limit
        self._server = server
        self._selection = selection
        self._queue: Queue[_Queued] = Queue(MAX_QUEUED)
        self._followed: set[int] = set()
        self._left_out = False
        # Subscribed before the processes are listed, so that no spawn is missed.
        self._events = server.events("spawn", reconnect_timeout=math.inf, on_lost=on_lost)

    def __iter__(self) -> Iterator[OutputRecord | Note]:
        self._start_thread(self._queue_events)
        # Of processes that start from now on, the first lines are new.
        self._follow_all(self._selection.pids_to_read, stored=self._limit != 0)
        found = list(self._receive_stored())
        yield from (each for each in found if isinstance(each, Note))
        lines = [each for each in found if isinstance(each, OutputRecord)]
        yield from merge_by_time(lines, self._limit or None)
        while True:
            if self._left_out:
                yield Note(f"only {MAX_FOLLOWED} processes are followed at a time", once=True)
            if self._queue.empty():
                self._on_drained()
            yield from self._handle(self._queue.get())

    def _receive_stored(self) -> Iterator[OutputRecord | Note]:
        """Receive lines until the stored ones of all processes have come, or OLD_TIMEOUT passed."""
        waiting = set(self._followed)
        deadline = time.monotonic() + OLD_TIMEOUT
        for _ in range(MAX_STORED):
            rest = max(0.0, deadline - time.monotonic())
            try:
                item = self._queue.get(timeout=rest if waiting else min(QUIET, rest))
            except Empty:
                return
            if isinstance(item, Connected | _Ended):
                waiting.discard(item.pid)
            yield from self._handle(item)

    def _handle(self, item: _Queued) -> Iterator[OutputRecord | Note]:
        match item:
            case Exception() as error:
                raise error
            case Event() as event:
                self._handle_event(event)
            case _Ended() as ended:
                self._forget(ended)
            case Connected():
                pass
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

    def _follow_all(self, pids: Callable[[], list[int]], *, stored: bool = True) -> None:
        for pid in retry(pids):
            self._follow(pid, stored=stored)

    def _follow(self, pid: int, *, stored: bool = True) -> None:
        if pid in self._followed:
            return
        if len(self._followed) >= MAX_FOLLOWED:
            self._left_out = True
            return
        self._followed.add(pid)
        self._start_thread(partial(self._run_follower, pid, stored))

    def _run_follower(self, pid: int, stored: bool) -> None:
        follower = Follower(self._server.process(pid), self._queue.put, stored=stored)
        self._queue.put(_Ended(pid, follower.run()))

    def _forget(self, ended: _Ended) -> None:
        self._followed.discard(ended.pid)
        if ended.is_replaced or self._left_out:
            self._left_out = False
            self._follow_all(self._selection.pids)
