"""The last lines that the chosen job has written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import trio
from gaffer_client import AsyncServer, ClientError, Line, Refused

from gaffer_cli.printable import printable

_KEPT = 100
"""Lines."""
_MOST = 8
"""Processes of a job that are listened to."""


class Tail:
    """Listens to the processes of one job at a time.

    Args:
        server: is asked.
        nursery: its feeds run there.
        changed: called when there is something new.

    Attributes:
        lines: the last ones, the newest last.
    """

    def __init__(
        self, server: AsyncServer, nursery: trio.Nursery, changed: Callable[[], object]
    ) -> None:
        self.lines: deque[str] = deque(maxlen=_KEPT)
        self._server = server
        self._nursery = nursery
        self._changed = changed
        self._name: str | None = None
        self._feeds: dict[int, trio.CancelScope] = {}

    def follow(self, name: str | None, pids: Sequence[int]) -> None:
        """Listen to these processes of a job, and to nothing else any more."""
        if name != self._name:
            self._name = name
            self.lines.clear()
            self.forget()
        wanted = pids[-_MOST:]
        for pid in self._feeds.keys() - set(wanted):
            del self._feeds[pid]
        for pid in wanted:
            if pid not in self._feeds:
                self._feeds[pid] = trio.CancelScope()
                self._nursery.start_soon(self._listen, pid, self._feeds[pid], len(pids) > 1)

    def forget(self) -> None:
        """End all feeds; the lines stay."""
        for scope in self._feeds.values():
            scope.cancel()
        self._feeds.clear()

    async def _listen(self, pid: int, scope: trio.CancelScope, named: bool) -> None:
        with scope:
            try:
                async with self._server.process(pid).lines(tail=True) as lines:
                    async for line in lines:
                        self._take(f"[{pid}] " if named else "", line)
            except Refused as error:
                # A feed that has been given up may still be answered.
                if self._feeds.get(pid) is scope:
                    self._add(f"({error})")
            except ClientError:
                # Whoever asks how the jobs are says that gafferd is gone.
                return

    def _take(self, prefix: str, line: Line) -> None:
        if line.lost:
            self._add(f"{prefix}... {line.lost} bytes lost")
        if line.text or not line.lost:
            self._add(f"{prefix}{printable(line.text)}")

    def _add(self, text: str) -> None:
        # The same refusal of each process is one.
        if not (text.startswith("(") and self.lines and self.lines[-1] == text):
            self.lines.append(text)
        self._changed()
