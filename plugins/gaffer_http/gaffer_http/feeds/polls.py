"""Where long polls go on: nothing is lost between two of them, or between a question and a poll."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from gaffer_kernel import Process
from gaffer_kernel.plugin import OutputLog


class Polls:
    """The position up to which each output has been told to whoever polls it."""

    def __init__(self) -> None:
        self._told: WeakKeyDictionary[OutputLog, int] = WeakKeyDictionary()

    def position(self, log: OutputLog) -> int:
        """Where the next poll begins: after the last one, else one second ago."""
        return self._told.get(log, log.recent)

    def told(self, log: OutputLog) -> None:
        """A poll has got everything up to now."""
        self._told[log] = log.end

    def asked(self, process: Process) -> None:
        """A process is about to be asked something: a poll that comes later finds the answer."""
        for log in process.outputs.logs.values():
            self._told.setdefault(log, log.end)
