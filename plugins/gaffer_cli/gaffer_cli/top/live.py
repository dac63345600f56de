"""The tasks of a live view: asking, painting, keys and signals."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import trio
from gaffer_client import AsyncServer, ClientError, JobStats, NotFoundError
from gaffer_client.feeds.events import TRANSIENT_ERRORS

from gaffer_cli.exit_codes import INTERRUPTED
from gaffer_cli.top.keys import Keys
from gaffer_cli.top.meter import Meter
from gaffer_cli.top.rows import rows
from gaffer_cli.top.screen import picture
from gaffer_cli.top.tail import Tail
from gaffer_cli.top.terminal import Terminal
from gaffer_cli.top.view import View

_SHORTEST = 0.25
"""Seconds between two pictures: painting one keeps everything else waiting."""

_GONE = 128 + signal.SIGHUP
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def live(settings: dict[str, Any], order: str, interval: float, keyboard: int) -> int:
    """Show the jobs of a gafferd until somebody quits.

    Args:
        settings: as for AsyncServer.
        order: in which the jobs stand.
        interval: seconds between two questions.
        keyboard: descriptor of the terminal.

    Returns:
        The exit status.

    Raises:
        ClientError: gafferd says no, which will not pass by itself.
    """
    terminal = Terminal(keyboard)
    showing = _Live(settings["url"], terminal, View(order), interval, keyboard)
    trio.run(showing.run, settings)
    if showing.failure is not None:
        raise showing.failure
    return showing.status


class _Live:
    def __init__(
        self, where: str, terminal: Terminal, view: View, interval: float, keyboard: int
    ) -> None:
        self.status = 0
        self.failure: ClientError | None = None
        self._where = where
        self._terminal = terminal
        self._view = view
        self._interval = interval
        self._keyboard = keyboard
        self._changed = trio.Event()
        self._scope = trio.CancelScope()

    async def run(self, settings: dict[str, Any]) -> None:
        """Show it until the end."""
        # Before the terminal is taken: no signal may end us before it is given back.
        with (
            trio.open_signal_receiver(*_ENDS, signal.SIGWINCH) as signals,
            self._terminal.taken(),
            self._scope,
        ):
            async with AsyncServer(**settings) as server, trio.open_nursery() as nursery:
                tail = Tail(server, nursery, self._change)
                nursery.start_soon(self._ask, server, tail)
                nursery.start_soon(self._hear, signals)
                nursery.start_soon(self._read_keys, tail)
                nursery.start_soon(self._paint, tail)

    def _end(self, status: int) -> None:
        self.status = status
        self._scope.cancel()

    def _change(self) -> None:
        self._changed.set()

    async def _ask(self, server: AsyncServer, tail: Tail) -> None:
        meter = Meter()
        while True:
            try:
                statuses, stats = await server.status(), await _stats(server)
            except TRANSIENT_ERRORS as error:
                self._view.lost = str(error)
                tail.forget()
            except ClientError as error:
                self.failure = error
                self._scope.cancel()
            else:
                meter.look(stats or (), trio.current_time())
                self._view.tell(rows(statuses, stats, meter.cpu))
                self._follow(tail)
            self._change()
            await trio.sleep(self._interval)

    def _follow(self, tail: Tail) -> None:
        chosen = self._view.chosen
        if self._view.lost is not None:
            return
        if chosen is None:
            tail.follow(None, [])
        else:
            tail.follow(chosen.name, chosen.pids or chosen.ended[-1:])

    async def _hear(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if number in _ENDS:
                self._end(128 + number)
            self._change()

    async def _read_keys(self, tail: Tail) -> None:
        keys = Keys()
        while True:
            await trio.lowlevel.wait_readable(self._keyboard)
            try:
                data = os.read(self._keyboard, 1024)
            except OSError:
                data = b""
            if not data:
                # The terminal is gone.
                self._end(_GONE)
                return
            for key in keys.feed(data):
                self._press(key)
            self._follow(tail)
            self._change()

    def _press(self, key: str) -> None:
        if key in ("quit", "interrupt"):
            self._end(INTERRUPTED if key == "interrupt" else 0)
        elif key == "suspend":
            self._terminal.suspend()
        else:
            self._view.press(key)

    async def _paint(self, tail: Tail) -> None:
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            try:
                width, height = self._terminal.measured()
                self._terminal.paint(picture(self._view, tail.lines, self._where, width, height))
            except OSError:
                # The terminal is gone.
                self._end(_GONE)
            await trio.sleep(_SHORTEST)


async def _stats(server: AsyncServer) -> list[JobStats] | None:
    """How much every job takes; None without gaffer-stats."""
    try:
        return await server.stats()
    except NotFoundError:
        return None
