"""The output of one process, assembled to lines for the console."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import trio
from gaffer_kernel import Output, Process
from gaffer_kernel.plugin import OutputReader

from gaffer_console.lines import LineAssembler
from gaffer_console.printer import Printer

STEP = 32 * 1024
"""Bytes of one stream that are handled before other tasks run."""
PARTIAL_TIMEOUT = 0.5
"""Seconds after which an unfinished line is shown: a prompt, or the state of a progress bar."""


class Follower:
    """Reads the redirected outputs of a process, from the creation of the follower.

    Args:
        process: the process; its extra streams are not for people and are not read.
        put: takes blocks of lines; must not block.
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
        self._lines = {label: LineAssembler() for label in process.config.redirect_output}
        self._flush_times: dict[str, float] = {}
        self._pending: Iterator[bytes] = iter(())
        self._hold(False)

    async def run(self) -> None:
        """Put lines until the process has exited. After a cancellation call `finish`."""
        while self._reader is not None and (output := await self._receive(self._reader)):
            self._hold(len(output.data) > STEP)
            self._pending = self._blocks(output)
            for block in self._pending:
                self._put(block)
                await self._wait_room()
            self._hold(False)
        self.finish()

    async def _receive(self, reader: OutputReader) -> Output | None:
        """Wait for output; show unfinished lines in the meantime. None at the end."""
        while (output := reader.receive_nowait()) is None:
            with trio.move_on_at(min(self._flush_times.values(), default=math.inf)):
                return await reader.receive()
            self._flush_due()
        return output

    def _flush_due(self) -> None:
        now = trio.current_time()
        for label, at in list(self._flush_times.items()):
            if at <= now:
                del self._flush_times[label]
                self._put(self._lines[label].flush())

    def _schedule_flush(self, label: str, completed: bytes) -> None:
        """Set the time at which the unfinished line of a stream is shown, from its beginning."""
        if not self._lines[label].holds:
            self._flush_times.pop(label, None)
        elif completed or label not in self._flush_times:
            self._flush_times[label] = trio.current_time() + PARTIAL_TIMEOUT

    def _hold(self, held: bool) -> None:
        if self._printer is not None:
            self._process.hold_output(held)

    async def _wait_room(self) -> None:
        """Let other tasks run, and wait until the printer has room."""
        await trio.lowlevel.checkpoint()
        if self._printer is not None and self._printer.is_full:
            self._hold(True)
            await self._printer.wait_room()
            # The rest of an unfinished line could not arrive while the process was held.
            later = trio.current_time() + PARTIAL_TIMEOUT
            self._flush_times = dict.fromkeys(self._flush_times, later)

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
            block = lines.feed(output.data[start : start + STEP])
            self._schedule_flush(output.label, block)
            yield block
