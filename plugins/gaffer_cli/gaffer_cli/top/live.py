"""The tasks of the live view: requests, painting, keys and signals."""

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
from gaffer_cli.top.meter import CpuMeter
from gaffer_cli.top.rows import make_rows
from gaffer_cli.top.screen import render
from gaffer_cli.top.tail import Tail
from gaffer_cli.top.terminal import Terminal
from gaffer_cli.top.view import View

_FRAME_INTERVAL = 0.25
"""Seconds between two frames: painting blocks all other tasks."""

_SIGNALLED = 128
_HUNG_UP = _SIGNALLED + signal.SIGHUP
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def show_live(settings: dict[str, Any], order: str, interval: float, keyboard: int) -> int:
    """Show the jobs of a gafferd until the user quits.

    Args:
        settings: as for AsyncServer.
        order: the order of the jobs.
        interval: seconds between two requests.
        keyboard: the descriptor of the terminal.

    Returns:
        The exit status.

    Raises:
        ClientError: gafferd refuses a request.
    """
    terminal = Terminal(keyboard)
    live = _Live(settings["url"], terminal, View(order), interval, keyboard)
    trio.run(live.run, settings)
    if live.failure is not None:
        raise live.failure
    return live.status


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
        """Show the view until it ends."""
        # Signals are received before the terminal changes, so that none of them kills this program
        # before the terminal is restored.
        with (
            trio.open_signal_receiver(*_STOP_SIGNALS, signal.SIGWINCH) as signals,
            self._terminal.full_screen(),
            self._scope,
        ):
            async with AsyncServer(**settings) as server, trio.open_nursery() as nursery:
                tail = Tail(server, nursery, self._repaint)
                nursery.start_soon(self._poll, server, tail)
                nursery.start_soon(self._receive_signals, signals)
                nursery.start_soon(self._read_keys, tail)
                nursery.start_soon(self._paint, tail)

    def _stop(self, status: int) -> None:
        self.status = status
        self._scope.cancel()

    def _repaint(self) -> None:
        self._changed.set()

    async def _poll(self, server: AsyncServer, tail: Tail) -> None:
        meter = CpuMeter()
        while True:
            try:
                statuses, stats = await server.status(), await _stats(server)
            except TRANSIENT_ERRORS as error:
                self._view.lost = str(error)
                tail.stop_feeds()
            except ClientError as error:
                self.failure = error
                self._scope.cancel()
            else:
                meter.update(stats or (), trio.current_time())
                self._view.update(make_rows(statuses, stats, meter.get_cpu))
                self._follow(tail)
            self._repaint()
            await trio.sleep(self._interval)

    def _follow(self, tail: Tail) -> None:
        selected = self._view.selected
        if self._view.lost is not None:
            return
        if selected is None:
            tail.follow(None, [])
        else:
            tail.follow(selected.name, selected.pids or selected.ended[-1:])

    async def _receive_signals(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if number in _STOP_SIGNALS:
                self._stop(_SIGNALLED + number)
            self._repaint()

    async def _read_keys(self, tail: Tail) -> None:
        keys = Keys()
        while True:
            await trio.lowlevel.wait_readable(self._keyboard)
            try:
                data = os.read(self._keyboard, 1024)
            except OSError:
                data = b""
            if not data:
                # The terminal has hung up.
                self._stop(_HUNG_UP)
                return
            for key in keys.feed(data):
                self._press(key)
            self._follow(tail)
            self._repaint()

    def _press(self, key: str) -> None:
        if key in ("quit", "interrupt"):
            self._stop(INTERRUPTED if key == "interrupt" else 0)
        elif key == "suspend":
            self._terminal.suspend()
        else:
            self._view.press(key)

    async def _paint(self, tail: Tail) -> None:
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            try:
                width, height = self._terminal.get_size()
                self._terminal.paint(render(self._view, tail.lines, self._where, width, height))
            except OSError:
                # The terminal has hung up.
                self._stop(_HUNG_UP)
            await trio.sleep(_FRAME_INTERVAL)


async def _stats(server: AsyncServer) -> list[JobStats] | None:
    """Get the measurements of all jobs; None without gaffer-stats."""
    try:
        return await server.stats()
    except NotFoundError:
        return None
