"""The output of one process, assembled to lines for the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import trio
from gaffer_kernel import Output, Process

from gaffer_console.lines import LineAssembler, TerminalLines
from gaffer_console.printer import Printer

STEP = 32 * 1024
"""Bytes of one stream that are handled before other tasks run."""


class Follower:
    """Reads the redirected outputs of a process, from the creation of the follower.

    Args:
        process: the process; its extra streams are not for people and are not read.
        put: takes blocks of whole lines; must not block.
        printer: if given, the process is held while the printer is full.
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
        self._pending: Iterator[bytes] = iter(())
        self._hold(False)

    async def run(self) -> None:
        """Put whole lines until the process has exited. After a cancellation call `finish`."""
        while self._reader is not None and (output := await self._reader.receive()) is not None:
            self._hold(len(output.data) > STEP)
            self._pending = self._blocks(output)
            for block in self._pending:
                self._put(block)
                await self._wait_room()
            self._hold(False)
        self.finish()

    def _hold(self, held: bool) -> None:
        if self._printer is not None:
            self._process.hold_output(held)

    async def _wait_room(self) -> None:
        """Let other tasks run, and wait until the printer has room."""
        await trio.lowlevel.checkpoint()
        if self._printer is not None and self._printer.is_full:
            self._hold(True)
            await self._printer.wait_room()

    def finish(self) -> None:
        """Put the rest, including partial lines, and stop reading. May be called again."""
        for block in self._pending:
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
