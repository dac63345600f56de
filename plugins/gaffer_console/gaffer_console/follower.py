"""The output of one process on its way to the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import trio
from gaffer_kernel import Output, Process

from gaffer_console.lines import LineAssembler, TerminalLines
from gaffer_console.printer import Printer

STEP = 32 * 1024
"""Bytes of one stream that are handled before other tasks get their turn."""


class Follower:
    """Reads what a process writes to its redirected outputs, from the moment this is made.

    Args:
        process: whose output; its extra streams are not for people and are left alone.
        put: takes blocks of whole lines; must not block.
        printer: for whose sake the process waits when it is full; if not given it never does.
    """

    def __init__(
        self,
        process: Process,
        put: Callable[[bytes], None],
        printer: Printer | None = None,
    ) -> None:
        self._process = process
        self._put = put
        self._printer = printer
        self._reader = process.outputs.reader() if process.config.redirect_output else None
        lines = TerminalLines if process.config.pty else LineAssembler
        self._lines = {label: lines() for label in process.config.redirect_output}
        self._shares: Iterator[bytes] = iter(())
        self._hold(False)

    async def run(self) -> None:
        """Hand over whole lines until the process has ended. On cancel call `finish`."""
        while self._reader is not None and (output := await self._reader.receive()) is not None:
            self._hold(len(output.data) > STEP)
            self._shares = self._blocks(output)
            for block in self._shares:
                self._put(block)
                await self._room()
            self._hold(False)
        self.finish()

    def _hold(self, held: bool) -> None:
        if self._printer is not None:
            self._process.hold_output(held)

    async def _room(self) -> None:
        """Let others run, and wait until more can be put."""
        await trio.lowlevel.checkpoint()
        if self._printer is not None and self._printer.is_full:
            self._hold(True)
            await self._printer.wait_room()

    def finish(self) -> None:
        """Hand over what there is, half lines included, and read no more. May be called again."""
        for block in self._shares:
            self._put(block)
        while self._reader is not None and (output := self._reader.receive_nowait()) is not None:
            for block in self._blocks(output):
                self._put(block)
        for lines in self._lines.values():
            self._put(lines.end())
        self._lines.clear()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._hold(False)

    def _blocks(self, output: Output) -> Iterator[bytes]:
        lines = self._lines.get(output.label)
        if lines is None:
            return
        if output.lost:
            yield lines.end() + b"... %d bytes dropped\n" % output.lost
        for start in range(0, len(output.data), STEP):
            yield lines.feed(output.data[start : start + STEP])
