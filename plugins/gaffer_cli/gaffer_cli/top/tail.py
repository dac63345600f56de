"""The last lines that the chosen job has written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import trio
from gaffer_client import AsyncServer, ClientError, Line, NotFoundError, ResponseError

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
        self._known: set[int] = set()
        self._feeds: set[trio.CancelScope] = set()

    def follow(self, name: str | None, pids: Sequence[int]) -> None:
        """Listen to these processes of a job, and to nothing else any more.

        Of one that has ended it shows what is kept.
        """
        if name != self._name:
            self._name = name
            self.lines.clear()
            self.forget()
        wanted = pids[-_MOST:]
        for pid in wanted:
            if pid not in self._known:
                scope = trio.CancelScope()
                self._feeds.add(scope)
                self._nursery.start_soon(self._listen, pid, scope, len(pids) > 1)
        # A feed ends by itself, with the last words of its process.
        self._known = set(wanted)

    def forget(self) -> None:
        """End all feeds; the lines stay."""
        for scope in self._feeds:
            scope.cancel()
        self._feeds.clear()
        self._known.clear()

    async def _listen(self, pid: int, scope: trio.CancelScope, named: bool) -> None:
        # What was under way when the scope was cancelled still comes, and is another job's.
        with scope:
            prefix = f"[{pid}] " if named else ""
            try:
                try:
                    await self._hear(pid, scope, prefix, follow=True)
                except NotFoundError:
                    # It has ended: its last words are kept for a while.
                    await self._hear(pid, scope, prefix, follow=False)
            except ResponseError as error:
                if not scope.cancel_called:
                    self._add(f"({error})")
            except ClientError:
                # Whoever asks how the jobs are says that gafferd is gone.
                pass
        self._feeds.discard(scope)

    async def _hear(self, pid: int, scope: trio.CancelScope, prefix: str, *, follow: bool) -> None:
        async with self._server.process(pid).lines(tail=True, follow=follow) as lines:
            async for line in lines:
                if scope.cancel_called:
                    break
                self._take(prefix, line)

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
