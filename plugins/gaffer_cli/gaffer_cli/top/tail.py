"""The last lines of output of the selected job."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import trio
from gaffer_client import AsyncServer, ClientError, Line, NotFoundError, ResponseError

from gaffer_cli.printable import printable

_MAX_LINES = 100
_MAX_FOLLOWED = 8
"""Processes of a job that are followed."""


class Tail:
    """Follows the processes of one job at a time.

    Args:
        server: the client of gafferd.
        nursery: runs the feeds.
        on_change: called when there is new output.

    Attributes:
        lines: the last lines, the newest last.
    """

    def __init__(
        self, server: AsyncServer, nursery: trio.Nursery, on_change: Callable[[], object]
    ) -> None:
        self.lines: deque[str] = deque(maxlen=_MAX_LINES)
        self._server = server
        self._nursery = nursery
        self._on_change = on_change
        self._name: str | None = None
        self._known: set[int] = set()
        self._feeds: set[trio.CancelScope] = set()

    def follow(self, name: str | None, pids: Sequence[int]) -> None:
        """Follow these processes of a job, and no others.

        For a process that has exited, the stored output is shown.
        """
        if name != self._name:
            self._name = name
            self.lines.clear()
            self.stop_feeds()
        followed = pids[-_MAX_FOLLOWED:]
        for pid in followed:
            if pid not in self._known:
                scope = trio.CancelScope()
                self._feeds.add(scope)
                self._nursery.start_soon(self._run_feed, pid, scope, len(pids) > 1)
        # A feed ends by itself, after the last output of its process.
        self._known = set(followed)

    def stop_feeds(self) -> None:
        """Stop all feeds; the lines stay."""
        for scope in self._feeds:
            scope.cancel()
        self._feeds.clear()
        self._known.clear()

    async def _run_feed(self, pid: int, scope: trio.CancelScope, named: bool) -> None:
        with scope:
            prefix = f"[{pid}] " if named else ""
            try:
                try:
                    await self._read_lines(pid, scope, prefix, follow=True)
                except NotFoundError:
                    # The process has exited; its output is stored for a while.
                    await self._read_lines(pid, scope, prefix, follow=False)
            except ResponseError as error:
                if not scope.cancel_called:
                    self._add(f"({error})")
            except ClientError:
                # The task that requests the status reports that gafferd cannot be reached.
                pass
        self._feeds.discard(scope)

    async def _read_lines(
        self, pid: int, scope: trio.CancelScope, prefix: str, *, follow: bool
    ) -> None:
        async with self._server.process(pid).lines(tail=True, follow=follow) as lines:
            async for line in lines:
                # A line that arrives after the cancellation belongs to another job.
                if scope.cancel_called:
                    break
                self._add_line(prefix, line)

    def _add_line(self, prefix: str, line: Line) -> None:
        if line.lost:
            self._add(f"{prefix}... {line.lost} bytes lost")
        if line.text or not line.lost:
            self._add(f"{prefix}{printable(line.text)}")

    def _add(self, text: str) -> None:
        # The same refusal for each process is shown once.
        if not (text.startswith("(") and self.lines and self.lines[-1] == text):
            self.lines.append(text)
        self._on_change()
