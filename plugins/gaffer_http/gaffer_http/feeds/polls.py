"""The positions of long polls, so that no output is lost between two of them."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from gaffer_kernel import Process
from gaffer_kernel.plugin import OutputLog


class Polls:
    """The position up to which each output was sent to its long polls."""

    def __init__(self) -> None:
        self._polled: WeakKeyDictionary[OutputLog, int] = WeakKeyDictionary()

    def position(self, log: OutputLog) -> int:
        """Return where the next poll begins: after the last one, or else one second ago."""
        return self._polled.get(log, log.recent)

    def mark_polled(self, log: OutputLog) -> None:
        """Record that a poll has received everything up to now."""
        self._polled[log] = log.end

    def mark_written(self, process: Process) -> None:
        """Record that input will be written to a process, so that a later poll finds the answer."""
        for log in process.outputs.logs.values():
            self._polled.setdefault(log, log.end)
