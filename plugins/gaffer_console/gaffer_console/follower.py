"""The output of one process on its way to the console."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio
from gaffer_kernel.process import Process
from gaffer_kernel.streams import OutputLog

from gaffer_console.lines import LineAssembler

STEP = 32 * 1024
"""Bytes of one stream that are handled before other tasks get their turn."""


@dataclass(slots=True)
class _Stream:
    log: OutputLog
    position: int
    lines: LineAssembler = field(default_factory=LineAssembler)


class Follower:
    """Reads what a process writes to its redirected outputs, from the moment this is made.

    Args:
        process: whose output; its extra streams are not for people and are left alone.
        put: takes blocks of whole lines; must not block.
    """

    def __init__(self, process: Process, put: Callable[[bytes], None]) -> None:
        self._process = process
        self._put = put
        labels = dict.fromkeys(process.config.redirect_output)
        logs = [process.outputs.logs[label] for label in labels]
        self._streams = [_Stream(log, log.end) for log in logs]
        for log in logs:
            # Counted as a reader at once: what is written before the task below runs is kept too.
            log.readers += 1

    async def run(self) -> None:
        """Hand over whole lines until the process has ended. On cancel call `finish`."""
        async with self._process.subscribe(".") as news:
            while self._streams:
                while self._step():
                    await trio.lowlevel.checkpoint()
                if await news.receive() is None:
                    break
        self.finish()

    def finish(self) -> None:
        """Hand over what there is, half lines included, and read no more. May be called again."""
        while self._step():
            pass
        for stream in self._streams:
            stream.log.readers -= 1
            self._put(stream.lines.end())
        self._streams.clear()

    def _step(self) -> bool:
        """Handle a share of what was written; tell whether there was any."""
        shares = [self._advance(stream) for stream in self._streams]
        return any(shares)

    def _advance(self, stream: _Stream) -> bool:
        data, lost = stream.log.since(stream.position)
        if lost:
            self._put(stream.lines.end() + b"... %d bytes dropped\n" % lost)
        share = data[:STEP]
        stream.position += lost + len(share)
        self._put(stream.lines.feed(share))
        return bool(share)
